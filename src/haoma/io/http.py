"""The transport that answers `Send`: one request to a configured host, over verified TLS, with time and size limits.

It uses httpcore2 directly, without a high-level client, because of what httpcore2 does *not* do: no redirects, no
cookies, no proxy or ``.netrc`` from the environment, no decompression, no log line with the URL. WeChat takes
``secret`` and ``access_token`` in the query, so any of these could leak a secret.

Whether a request may have been received decides whether its one-time code can be used again, so two cases are kept
apart:

* `ConnectFailed`: not one byte of the request was sent (name lookup, connect, TLS handshake, no free connection).
* `TimedOut`, `ConnectionLost`, `ReplyTooLarge`, `NonsenseReply`: the platform may have received the request and acted
  on it.

Nothing is ever sent twice: httpcore2's ``retries`` apply only to connecting, and are 0 here.

**Each request has its own connection**, which is closed after the reply. A platform's reply does not name the code that
it answers, so only the connection ties the reply to the request. A reused connection can deliver another user's reply:
a surplus one, one that arrived after its time limit, or, in a forked process, the reply to another process. Each of
these would give one user's number for another user's code, with every check proven. See docs/decisions/0016.
"""

from __future__ import annotations

import errno
import logging
import ssl
from asyncio import timeout as time_limit
from asyncio import wrap_future
from collections.abc import Iterable
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

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
from haoma.io.circuit import Circuit, Circuits, OnCircuit
from haoma.io.clock import monotonic
from haoma.io.process import PerProcess, causes, interruption
from haoma.io.tls import TLSStream, Trust, addresses, read_trust
from haoma.secret import scrub
from haoma.steps import Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from haoma.steps import Send


def silence() -> None:
    """Silence the loggers that write headers at DEBUG and whole URLs at INFO.

    Loggers inherit level and handlers but not ``disabled``, so the parents are silenced by level and propagation, and
    the existing children are disabled one by one. ``logging.config`` takes ``disabled`` away from every logger that it
    is not told of; whoever configures logging later, such as Django, calls this again.
    """
    for name in ("httpcore2", "httpcore2.connection", "httpcore2.http11", "httpcore", "httpx", "httpx2", "h11"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
        logger.disabled = True


silence()

_PORTS: Final = {"https": 443, "http": 80}
_LOOK_AGAIN: Final = 0.5

# All network failures. The resolver raises UnicodeError for an impossible host name.
_FAILURES: Final = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    OSError,
    UnicodeError,
)

_NOTHING_LEFT: Final = frozenset({
    errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds for a request, and a size limit in bytes for its reply.

    Attributes:
        connect: For the TCP connect and for the TLS handshake, each.
        read: Between two pieces of the reply.
        total: For the whole request. A server that sends one byte per second never reaches ``read``. While all
            ``connections`` are in use, a request waits for up to ``total - connect``.
        body: Maximum size of the reply. The longest real ones are a few KiB.
        connections: How many requests of one app to one host may be in progress in a process.
        failures: After so many failed requests of one app to one host in a row, or four that took a second or longer,
            further ones are refused at once for a while (`haoma.io.circuit`).
    """

    connect: float = 3.0
    read: float = 5.0
    total: float = 8.0
    body: int = 64 * 1024
    connections: int = 100
    failures: int = 20


class _Exchange:
    """One request and its reply: the part that sync and async share."""

    def __init__(self, send: Send, limits: Limits, *, insecure: bool) -> None:
        request = send.request
        # The checked origin is the one that is connected to. A second parser could read the URL differently.
        origin = _origin(request.url)
        if origin is None:
            raise HostNotAllowed
        scheme, self.host, port = origin
        self.origin = f"{scheme}://{self.host}:{port}"
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
            ("accept-encoding", "identity"),  # a compressed reply can be far larger than its counted bytes
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
        """Return the parts of the request. httpcore2 reports its progress to ``trace``."""
        extensions = {"timeout": self.timeout, "trace": trace}
        return {"url": self.url, "headers": self.headers, "content": self.content, "extensions": extensions}

    def wait_for(self, circuit: Circuit) -> bool:
        """Return False once one of the app's connections is taken, True while none is free.

        Raises:
            PoolTimeout: No connection became free in time.
            CircuitOpen: ``outside.circuit-open``.
        """
        if circuit.admit(self):
            return False
        if monotonic() > self._patient_until:
            raise httpcore2.PoolTimeout
        return True

    @property
    def patience(self) -> float:
        """Seconds after which a request that waits for a connection looks again."""
        return max(0.0, min(_LOOK_AGAIN, self._patient_until - monotonic()))

    def trace(self, name: str, _info: object) -> None:
        self._stage = name

    async def atrace(self, name: str, info: dict[str, Any]) -> None:
        self._stage = name
        if name == "connection.connect_tcp.complete":
            self._socket = info["return_value"]

    async def hang_up(self) -> None:
        """Close the socket that httpcore2 leaves open when a task is cancelled or times out in the TLS handshake."""
        if self._unsent and self._socket:
            await self._socket.aclose()

    @property
    def _unsent(self) -> bool:
        # Stages are "connection.connect_tcp.started" and the like, then "http11.send_request_headers.started". An
        # unknown stage counts as sent, which is the safe assumption.
        return not self._stage or self._stage.startswith("connection.")

    def failed(self, error: Exception) -> HaomaError:
        """Return our error for an exception from `_FAILURES`."""
        because = {"host": self.host}
        if isinstance(error, httpcore2.LocalProtocolError):  # h11 found our own request malformed
            return InternalFault(because=because)
        if self._unsent:
            return ConnectFailed(because=because, diagnosis=scrub(str(error)) or type(error).__name__)
        # h11 quotes what it read, which may echo our request, so its message is dropped from here on.
        if isinstance(error, (httpcore2.TimeoutException, TimeoutError)):
            return TimedOut(because=because)
        return ConnectionLost(because=because)

    def begin(self, response: httpcore2.Response) -> None:
        """Check and store the status and headers of the reply."""
        self._status = response.status
        headers = self._headers
        for name, value in response.headers:
            key, text = name.decode("ascii").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        if headers.get("content-encoding", "").lower() not in ("", "identity"):
            raise NonsenseReply(because={"host": self.host})
        if int(headers.get("content-length", "0")) > self._limits.body:  # h11 accepts only 1 to 20 digits
            raise ReplyTooLarge(because={"host": self.host})

    def take(self, piece: bytes) -> None:
        """Append a piece of the body."""
        self._body += piece
        if len(self._body) > self._limits.body:
            raise ReplyTooLarge(because={"host": self.host})

    @property
    def reply(self) -> Reply:
        """The complete reply."""
        return Reply(self._status, self._headers, bytes(self._body))


def _ran_out(error: Exception) -> bool:
    """Return whether this machine has no file, port or memory left. That says nothing about the platform."""
    return any(isinstance(each, OSError) and each.errno in _NOTHING_LEFT for each in causes(error))


def _wait(turn: Future[None], seconds: float) -> None:
    try:
        turn.result(seconds)
    except TimeoutError as error:
        if interruption(error) is not None:
            raise
    finally:
        turn.cancel()


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port, or None if ``url`` is not an acceptable URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or not url.isascii():
        return None
    return parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port


class _Process:
    """The state that the requests of one process share."""

    def __init__(self, ca_file: str | None, circuits: Circuits) -> None:
        self._ca_file = ca_file
        self._trust: Trust | None = None
        self.circuits = circuits

    def trust(self, exchange: _Exchange) -> Trust | None:
        """Return the trusted authorities; None for plain http."""
        if exchange.url.scheme != b"https":
            return None
        if self._trust is None:
            self._trust = read_trust(self._ca_file)
        return self._trust


def _import_now(*modules: str) -> None:
    """Import modules that would otherwise be imported by the first request.

    A thread that imports holds a lock. A child forked at that moment would wait for it forever.
    """
    for name in modules:
        with suppress(ImportError):  # other versions may lack the module
            import_module(name)


class _Transport:
    """The settings of both transports.

    Args:
        limits: Time and size limits.
        ca_file: PEM file with the only authorities to trust; the system's authorities if None.
        allow_insecure_upstreams: Permit plain http, for a fake platform in a test. Never in production.
        on_circuit: Called when a circuit opens or closes; see `OnCircuit`.
    """

    def __init__(
        self,
        limits: Limits = Limits(),
        *,
        ca_file: str | None = None,
        allow_insecure_upstreams: bool = False,
        on_circuit: OnCircuit | None = None,
    ) -> None:
        _import_now("encodings.idna", "phonenumbers")
        self._limits = limits
        self._insecure = allow_insecure_upstreams

        def begin(_before: _Process | None) -> _Process:
            return _Process(ca_file, Circuits(limits.connections, limits.failures, on_circuit))

        self._process = PerProcess[_Process](begin)

    def _exchange(self, step: Send) -> _Exchange:
        return _Exchange(step, self._limits, insecure=self._insecure)


class Http(_Transport):
    """The sync transport. One object serves any number of threads, and every process after a fork."""

    def send(self, step: Send) -> Reply:
        """Send the request and return the reply."""
        exchange, process = self._exchange(step), self._process.get()
        circuit = process.circuits.enter(step.app, exchange.origin, exchange.host)
        try:
            trust = process.trust(exchange)
            while exchange.wait_for(circuit):
                _wait(circuit.wait(), exchange.patience)
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
            if not _ran_out(error):
                circuit.failed(exchange, failure)
        else:
            reply = exchange.reply
            circuit.answered(exchange, reply)
            return reply
        finally:
            circuit.leave(exchange)
        raise failure  # outside `except`, so that the cause, which may quote data, is not kept as __context__


class AsyncHttp(_Transport):
    """The async transport. One object serves any number of event loops, also at the same time."""

    def __init__(self, limits: Limits = Limits(), **options: Any) -> None:
        super().__init__(limits, **options)
        _import_now("anyio.streams.tls", "anyio._backends._asyncio", "concurrent.futures.thread")

    async def send(self, step: Send) -> Reply:
        """Send the request and return the reply."""
        exchange, process = self._exchange(step), self._process.get()
        circuit = process.circuits.enter(step.app, exchange.origin, exchange.host)
        try:
            trust = process.trust(exchange)
            async with time_limit(self._limits.total):
                while exchange.wait_for(circuit):
                    with suppress(TimeoutError):
                        async with time_limit(exchange.patience):
                            await wrap_future(circuit.wait())
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
            if not _ran_out(error):
                circuit.failed(exchange, failure)
        else:
            reply = exchange.reply
            circuit.answered(exchange, reply)
            return reply
        finally:
            circuit.leave(exchange)
            await exchange.hang_up()
        raise failure  # outside `except`, so that the cause, which may quote data, is not kept as __context__


# --- the total time limit of the sync transport -------------------------------------------------------------------
#
# A socket timeout restarts with every byte that arrives, so each one is cut to the time left until the request's
# deadline (asyncio has `timeout` for this). The system's name lookup cannot be limited here; it has its own limits
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
            self.close()  # nobody else has a reference to it
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
        # `socket.create_connection` gives each address of a host the whole timeout, so four dead ones would take four
        # times as long. Here each gets a share of the time left.
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
