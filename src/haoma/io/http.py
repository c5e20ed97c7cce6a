"""Answers `Send`: one request to a configured host, over verified TLS, within limits of time and size.

Built on httpcore2, one floor below the usual clients, because of what is *not* there: no redirects, no cookies, no
proxy or ``.netrc`` from the environment, no decompression, no log line with the URL. WeChat takes ``secret`` and
``access_token`` in the query, so that each of these would give a secret away.

Whether a request may have been received decides whether a one-time code may be used again, so the two cases never mix:

* `ConnectFailed`: not one byte of the request was sent (name lookup, connect, TLS handshake, no free connection).
* `TimedOut`, `ConnectionLost`, `ReplyTooLarge`, `NonsenseReply`: the platform may have received it and acted upon it.

Nothing is ever sent twice: httpcore2's ``retries`` are for connecting alone and 0 here.

**Each request has a connection of its own**, which is closed after the reply. Nothing in a platform's reply names the
code that it answers, so the connection is all that ties the two together. A connection that is used again can hold
what belongs to somebody else: a surplus reply, one that came after its time limit, or, in a process that was forked,
the reply to another process. Each of these would be one user's number for another user's code, with every check
proven. See docs/decisions/0016.
"""

from __future__ import annotations

import logging
import ssl
import time
from asyncio import sleep
from asyncio import timeout as time_limit
from collections.abc import Iterable
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit
from weakref import WeakSet

import httpcore2

from haoma.errors import (
    ConnectFailed,
    ConnectionLost,
    HaomaError,
    HostNotAllowed,
    InternalFault,
    NonsenseReply,
    ReplyTooLarge,
    TimedOut,
)
from haoma.io.clock import monotonic
from haoma.io.process import PerProcess, interruption
from haoma.io.tls import TLSStream, Trust, addresses, read_trust
from haoma.secret import scrub
from haoma.steps import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.steps import Send

# These write headers at DEBUG and whole URLs at INFO. Loggers inherit level and handlers but not `disabled`, so that
# the parents are cut off by level and propagation, and the children that exist are turned off one by one.
for _name in ("httpcore2", "httpcore2.connection", "httpcore2.http11", "httpcore", "httpx", "httpx2", "h11"):
    _logger = logging.getLogger(_name)
    _logger.addHandler(logging.NullHandler())
    _logger.setLevel(logging.CRITICAL + 1)
    _logger.propagate = False
    _logger.disabled = True

_PORTS: Final = {"https": 443, "http": 80}
_CONNECTIONS: Final = 100
_LOOK_AGAIN: Final = 0.01

# Everything that the network can do to us. UnicodeError: the resolver's word for a name that cannot be one.
_FAILURES: Final = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    OSError,
    UnicodeError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a request may take, in seconds, and how large a reply may be, in bytes.

    Attributes:
        connect: For TCP and for the TLS handshake, each.
        read: Between two pieces of the reply.
        total: For everything together. A server that sends one byte a second never reaches ``read``. While all 100
            connections of a process are in use a request waits for ``total - connect``.
        body: A platform's longest reply is a few KiB.
    """

    connect: float = 3.0
    read: float = 5.0
    total: float = 8.0
    body: int = 64 * 1024


class _Exchange:
    """One request and its reply, as far as sync and async are the same."""

    def __init__(self, send: Send, limits: Limits, *, insecure: bool) -> None:
        request = send.request
        # The origin that is checked and the origin that is connected to are the same object: no second parser that
        # could read the URL differently.
        origin = _origin(request.url)
        if origin is None:
            raise HostNotAllowed
        scheme, self.host, port = origin
        parts = urlsplit(request.url)
        if scheme == "http" and not insecure and origin != _origin(send.sidecar):
            raise HostNotAllowed(because={"scheme": "http"})
        if parts.query or parts.fragment or origin not in map(_origin, send.upstreams):
            raise HostNotAllowed(because={"host": self.host})
        query = urlencode(request.query, quote_via=quote, errors="replace")
        target = (parts.path or "/") + (f"?{query}" if query else "")
        self.method = request.method
        self.url = httpcore2.URL(scheme=scheme, host=self.host, port=port, target=target)
        self.headers = [
            ("host", parts.netloc),
            ("user-agent", "haoma"),
            ("connection", "close"),
            ("accept-encoding", "identity"),  # a compressed reply can be far larger than the bytes that are counted
            *request.headers,
        ]
        self.content = request.body or (None if request.method == "GET" else b"")
        self.timeout = {"connect": limits.connect, "write": limits.read, "read": limits.read}
        self.deadline = monotonic() + limits.total
        self._patient_until = self.deadline - limits.connect
        self._limits = limits
        self._stage = ""
        self._socket: httpcore2.AsyncNetworkStream | None = None
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def request(self, trace: Callable[[str, Any], object]) -> dict[str, Any]:
        """Return the parts of the request, which tells ``trace`` how far it got."""
        extensions = {"timeout": self.timeout, "trace": trace}
        return {"url": self.url, "headers": self.headers, "content": self.content, "extensions": extensions}

    def wait_for(self, open_now: WeakSet[_Exchange]) -> bool:
        """Take one of the connections that a process may have open; False while there is none.

        Raises:
            PoolTimeout: There was none in time.
        """
        if len(open_now) < _CONNECTIONS:
            open_now.add(self)
            return False
        if monotonic() > self._patient_until:
            raise httpcore2.PoolTimeout
        return True

    def trace(self, name: str, _info: object) -> None:
        self._stage = name

    async def atrace(self, name: str, info: dict[str, Any]) -> None:
        self._stage = name
        if name == "connection.connect_tcp.complete":
            self._socket = info["return_value"]

    async def hang_up(self) -> None:
        """Close what httpcore2 leaves open when a task is cancelled (or out of time) during the TLS handshake."""
        if self._unsent and self._socket:
            await self._socket.aclose()

    @property
    def _unsent(self) -> bool:
        # Stages are "connection.connect_tcp.started" and the like, then "http11.send_request_headers.started". One
        # that is not known counts as sent: the safe side.
        return not self._stage or self._stage.startswith("connection.")

    def failed(self, error: Exception) -> HaomaError:
        """Return our error for one of `_FAILURES`."""
        because = {"host": self.host}
        if isinstance(error, httpcore2.LocalProtocolError):  # h11 found our own request malformed
            return InternalFault(because=because)
        if self._unsent:
            return ConnectFailed(because=because, diagnosis=scrub(str(error)) or type(error).__name__)
        # h11 quotes what it read, and that may echo what we sent: no words from here on.
        if isinstance(error, (httpcore2.TimeoutException, TimeoutError)):
            return TimedOut(because=because)
        return ConnectionLost(because=because)

    def begin(self, response: httpcore2.Response) -> None:
        """Take status and headers."""
        self._status = response.status
        headers = self._headers
        for name, value in response.headers:
            key, text = name.decode("ascii").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        if headers.get("content-encoding", "").lower() not in ("", "identity"):
            raise NonsenseReply(because={"host": self.host})
        if int(headers.get("content-length", "0")) > self._limits.body:  # h11 lets only 1 to 20 digits through
            raise ReplyTooLarge(because={"host": self.host})

    def take(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self._body += piece
        if len(self._body) > self._limits.body:
            raise ReplyTooLarge(because={"host": self.host})

    @property
    def reply(self) -> Reply:
        """The whole reply."""
        return Reply(self._status, self._headers, bytes(self._body))


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port, or None if ``url`` is none that may be called at all."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or not url.isascii():
        return None
    return parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port


class _Process:
    """What the requests of one process share.

    Attributes:
        open_now: Requests that have a connection. Weak references, so that one that was interrupted at whatever line
            holds no place.
    """

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = ca_file
        self._trust: Trust | None = None
        self.open_now: WeakSet[_Exchange] = WeakSet()

    def trust(self, exchange: _Exchange) -> Trust | None:
        """Return whom to trust; None for plain http."""
        if exchange.url.scheme != b"https":
            return None
        if self._trust is None:
            self._trust = read_trust(self._ca_file)
        return self._trust


def _import_now(*modules: str) -> None:
    """Import what would be imported with the first request.

    A thread that imports holds a lock, and a child that is forked at that moment would wait for it for ever.
    """
    for name in modules:
        with suppress(ImportError):  # a name that another version does not have
            import_module(name)


class _Transport:
    """What both transports are told.

    Args:
        limits: Time and size.
        ca_file: PEM file of the only authorities to trust; those of the system when None.
        allow_insecure_upstreams: Permit plain http, to a fake platform in a test. Never in production.
    """

    def __init__(
        self, limits: Limits = Limits(), *, ca_file: str | None = None, allow_insecure_upstreams: bool = False
    ) -> None:
        _import_now("encodings.idna", "phonenumbers")
        self._limits = limits
        self._insecure = allow_insecure_upstreams
        self._process = PerProcess[_Process](lambda _before: _Process(ca_file))

    def _exchange(self, step: Send) -> _Exchange:
        return _Exchange(step, self._limits, insecure=self._insecure)


class Http(_Transport):
    """Sends requests for the sync driver. One object serves any number of threads, and each process after a fork."""

    def send(self, step: Send) -> Reply:
        """Answer ``step``."""
        exchange, process = self._exchange(step), self._process.get()
        try:
            trust = process.trust(exchange)
            while exchange.wait_for(process.open_now):
                time.sleep(_LOOK_AGAIN)
            backend = _PunctualBackend(exchange.deadline)
            with (
                closing(httpcore2.HTTPConnection(exchange.url.origin, trust, network_backend=backend)) as connection,
                connection.stream(exchange.method, **exchange.request(exchange.trace)) as response,
            ):
                exchange.begin(response)
                for piece in response.iter_stream():
                    exchange.take(piece)
        except _FAILURES as error:
            if (cause := interruption(error)) is not None:
                raise cause from None
            failure = exchange.failed(error)
        else:
            return exchange.reply
        finally:
            process.open_now.discard(exchange)
        raise failure  # out here, so that the cause with its quotes does not travel along as __context__


class AsyncHttp(_Transport):
    """Sends requests for the async driver. One object serves any number of event loops, one after the other or not."""

    def __init__(
        self, limits: Limits = Limits(), *, ca_file: str | None = None, allow_insecure_upstreams: bool = False
    ) -> None:
        super().__init__(limits, ca_file=ca_file, allow_insecure_upstreams=allow_insecure_upstreams)
        _import_now("anyio.streams.tls", "anyio._backends._asyncio", "concurrent.futures.thread")

    async def send(self, step: Send) -> Reply:
        """Answer ``step``."""
        exchange, process = self._exchange(step), self._process.get()
        try:
            trust = process.trust(exchange)
            async with time_limit(self._limits.total):
                while exchange.wait_for(process.open_now):  # noqa: ASYNC110 - an event would belong to one loop
                    await sleep(_LOOK_AGAIN)
                async with (
                    aclosing(httpcore2.AsyncHTTPConnection(exchange.url.origin, trust)) as connection,
                    connection.stream(exchange.method, **exchange.request(exchange.atrace)) as response,
                    aclosing(response.aiter_stream()) as pieces,
                ):
                    exchange.begin(response)
                    async for piece in pieces:
                        exchange.take(piece)
        except _FAILURES as error:
            failure = exchange.failed(error)
        else:
            return exchange.reply
        finally:
            process.open_now.discard(exchange)
            await exchange.hang_up()
        raise failure  # out here, so that the cause with its quotes does not travel along as __context__


# --- the total time limit of the sync world -----------------------------------------------------------------------
#
# A socket timeout starts anew with every byte that arrives. So each one is cut down to what is left until the deadline
# of the request (asyncio has `timeout` for this). Out of reach is the system's name lookup, which has its own limits
# ("timeout" and "attempts" in resolv.conf).


def _left(deadline: float, limit: float | None, error: type[httpcore2.TimeoutException]) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise error
    return left if limit is None else min(limit, left)


class _PunctualStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout, httpcore2.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        limit = _left(self._deadline, timeout, httpcore2.ConnectTimeout)
        until = _PunctualStream(self._stream, monotonic() + limit)  # for the handshake as a whole
        try:
            tls = TLSStream(until, ssl_context, server_hostname or "", None)
        except BaseException:
            self.close()  # nobody else knows it
            raise
        until._deadline = self._deadline
        return tls

    def close(self) -> None:
        self._stream.close()


class _PunctualBackend(httpcore2.SyncBackend):
    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        # `socket.create_connection` gives every address of a host the whole timeout: four dead ones would take four
        # times as long. Here each gets its share of what is left.
        found = addresses(host, port)
        deadline = monotonic() + _left(self._deadline, timeout, httpcore2.ConnectTimeout)
        failure: Exception = httpcore2.ConnectTimeout()
        for tried, (*_, address) in enumerate(found):
            share = (deadline - monotonic()) / (len(found) - tried)
            if share <= 0:
                break
            try:
                stream = super().connect_tcp(str(address[0]), port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _PunctualStream(stream, self._deadline)
        raise failure
