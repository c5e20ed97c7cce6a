"""A protocol in front of uvicorn's that limits what a client can do before the application sees a request.

uvicorn parses with llhttp, which is strict about request framing. But it has no time limit and no size limit for some
parts, and that is enough to stop a server:

- A head sent byte by byte, the rest of a refused body, or a response that is never read (Slowloris and similar
  attacks) each hold a connection, and file descriptors are limited. `haoma.service.run.crowd` limits their number.
- An endless head, trailers, chunk extensions, and pipelined requests each fill the memory.

uvicorn also loses the body of a request that offers another protocol, as Java's HTTP client does without TLS
(``Upgrade: h2c``, https://github.com/Kludex/uvicorn/issues/2722). Such an offer may be ignored (RFC 9110, 7.8).

`Connection` sits in front of the server's own protocol, which is unchanged. It reads the data with the same parser and
forwards only complete heads. Each head is written anew, unless the data is exactly one complete request. The server
never sees malformed data, so it has nothing to refuse.
"""

from __future__ import annotations

import asyncio
import logging
import re
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

import msgspec
import uvicorn
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

from haoma.service.run.crowd import Crowd

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY: Final = "haoma.connection"
_PLAIN: Final = re.compile(rb"/[A-Za-z0-9._/-]*")
_OFFER: Final = (b"connection", b"upgrade")
_HEAD: Final = tuple(b"HTTP/1.1 %d" % digit for digit in range(2, 6))  # not 100 Continue, which the client waits for
_log: Final = logging.getLogger(__name__)


class _Telling:
    """A wrapper of the application that informs the connection when a request is done."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = scope["state"].pop(_KEY)
        try:
            await self._app(scope, receive, _closing(send) if connection.last else send)
        finally:
            connection.answered()


class _Joining:
    """The transport that the server's protocol writes to: the head of a response leaves together with its body.

    uvicorn writes one after the other. Each write is a system call, and wakes up the client.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing = transport.is_closing
        self.resume_reading = transport.resume_reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, but keep a head until its body comes or `flush` is called."""
        if self._head:
            data = self._head + data
            self._head = b""
        elif data.startswith(_HEAD):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Write a head that was kept: the response has no body."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close after what was written."""
        self.flush()
        self._transport.close()


def _closing(send: Send) -> Send:
    """Return ``send`` of a response after which the connection is closed, so that its client opens another one."""

    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return close


@lru_cache(maxsize=4)
def _behind(config: uvicorn.Config) -> uvicorn.Config:
    """Return the configuration of the server's own protocol: the service's, with the application wrapped."""
    inner = uvicorn.Config(
        _Telling(config.loaded_app),
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=config.access_log,
        proxy_headers=False,
        server_header=False,
        root_path=config.root_path,
        timeout_keep_alive=config.timeout_keep_alive,
    )
    inner.load()
    return inner


class _Head(msgspec.Struct):
    method: bytes
    url: bytes
    version: str
    fields: list[tuple[bytes, bytes]]

    def written(self) -> bytes:
        """Return the head as bytes."""
        lines = [b"%b %b HTTP/%b" % (self.method, self.url, self.version.encode("ascii"))]
        lines += [b"%b: %b" % field for field in self.fields]
        return b"\r\n".join([*lines, b"", b""])


class Connection(asyncio.Protocol):
    """HTTP/1.1 with limits, in front of the server's protocol.

    Attributes:
        seconds: Seconds to wait for the client: for a complete request head, for the rest of a refused body, or for it
            to read the response. While the application works or reads a body, its own time limits apply.
        head_bytes: Maximum size of the request line and the header fields.
        head_fields: Maximum number of header fields.
        body_bytes: Maximum number of bytes after a head; then the connection is aborted. This is far more than the
            application reads, so that a client that sends too much still gets a response.
        ahead: Maximum number of pipelined requests.
        crowd: All connections of the process.
        last: True once the process is about to stop: each response is the last one of its connection. A client whose
            request crossed the end of an idle connection could not know whether it was received.
    """

    seconds: ClassVar[float] = 30.0
    head_bytes: ClassVar[int] = 64 * 1024
    head_fields: ClassVar[int] = 100
    body_bytes: ClassVar[int] = 1024 * 1024
    ahead: ClassVar[int] = 16
    crowd: ClassVar[Crowd] = Crowd()
    last: ClassVar[bool] = False

    def __init__(self, config: uvicorn.Config, server_state: Any, app_state: dict[str, Any], **more: Any) -> None:
        behind = _behind(config)
        protocol: Any = behind.http_protocol_class
        self._state = {**app_state, _KEY: self}  # each request gets a copy
        self._inner = protocol(config=behind, server_state=server_state, app_state=self._state, **more)
        self._idle_seconds = config.timeout_keep_alive
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._joining: _Joining
        self._parser = HttpRequestParser(self)
        self._lost = False
        self._part: Literal["", "head", "body"] = ""
        self._bytes = 0  # size of this part, without the piece of data in which the previous request ended
        self._url = b""
        self._usual: bytes | None = None  # the last URL that was checked
        self._fields: list[tuple[bytes, bytes]] = []
        self._chunked = False
        self._most = 0  # upper bound for the size of a head that ends in this piece of data
        self._out: list[_Head | bytes] = []  # what this piece of data adds, for the server
        self._last_head = -1  # index of the last head in `_out`
        self._complete = 0  # requests that end in this piece of data
        self._as_it_came = True
        self._under_way = 0  # requests whose head was forwarded and whose response is not finished
        self._status = HTTPStatus.BAD_REQUEST
        self._deaf = False
        self._waits_for: Literal["", "idle", "head", "body", "end"] = ""
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._holds = False

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for the first head."""
        self._transport = cast("asyncio.Transport", transport)
        self._joining = _Joining(self._transport)
        self._inner.connection_made(self._joining)
        self._wait("head")
        peer = transport.get_extra_info("peername")
        self.crowd.enter(self, peer[0] if isinstance(peer, tuple) else None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason does not matter
        """Clean up."""
        self._deaf = True
        self._inner.connection_lost(None)
        self.crowd.leave(self)
        for timer in (self._timer, self._stuck):
            if timer is not None:
                timer.cancel()
        self._timer = self._stuck = None
        del self._parser  # breaks a reference cycle
        self._lost = True
        self._state.clear()

    def data_received(self, data: bytes) -> None:
        """Forward complete parts, and refuse data that cannot be parsed."""
        if self._deaf:
            return
        self._bytes = self._most = self._bytes + len(data)
        self._as_it_came = not self._part
        self._last_head, self._complete = -1, 0
        readable = self._read(data)
        if self._out:
            self._hand_on(data)
        if not readable:
            self._refuse()
        elif not self._part:
            self._look()
        elif self._part == "head" and self._bytes > self.head_bytes:
            self._status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse()
        elif self._part == "body" and self._bytes > self.body_bytes:
            self._transport.abort()
        else:
            self._look()
            self._hold()

    def _read(self, data: bytes) -> bool:
        """Parse the data. Return False if it is malformed."""
        try:
            while data:
                try:
                    self._parser.feed_data(data)
                except HttpParserUpgrade as offer:
                    self._as_it_came = False
                    data = self._without_offer() + data[offer.args[0] :]
                else:
                    break
        except HttpParserError:
            self._as_it_came = False
            if self._last_head >= 0 and self._part == "body":  # drop its head too, which was not forwarded yet
                del self._out[self._last_head :]
                self._under_way -= 1
                self._part = "head"
            return False
        return True

    def _hand_on(self, data: bytes) -> None:
        """Forward the parsed data to the server: unchanged if it is exactly one request, otherwise written anew."""
        out, self._out = self._out, []
        if not self._as_it_came or self._part or self._complete != 1 or self._chunked:
            data = b"".join(each.written() if isinstance(each, _Head) else each for each in out)
        self._inner.data_received(data)

    def eof_received(self) -> None:
        """Forward the end of the data."""
        self._inner.eof_received()

    def pause_writing(self) -> None:
        """Start waiting for a client that does not read its response."""
        self._inner.pause_writing()
        self._stuck = self._loop.call_later(self.seconds, self._transport.abort)
        self._hold()

    def resume_writing(self) -> None:
        """Stop waiting: the client reads again."""
        self._inner.resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        if self._holds and not self._part:
            self._release()

    # Called by the parser

    def on_message_begin(self) -> None:
        """Start a new head."""
        self._part = "head"
        if self._under_way > self.ahead:
            raise ValueError
        self._url, self._fields, self._chunked = b"", [], False

    def on_url(self, url: bytes) -> None:
        """Store a piece of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header field. Trailers are dropped."""
        if self._part == "head":
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Check a complete head and queue it for the server."""
        parser = self._parser
        if parser.should_upgrade():
            return  # the parser stops here, see `_without_offer`
        if len(self._fields) > self.head_fields or (self._most > self.head_bytes and self._size() > self.head_bytes):
            self._status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError
        names = [name.lower() for name, _ in self._fields]
        if names.count(b"host") > 1:  # RFC 9112, 3.2: a proxy may have used the other one
            raise ValueError
        self._chunked = b"transfer-encoding" in names
        if self._url != self._usual:
            self._check_url()
        self._part = "body"
        self._bytes = 0
        self._last_head = len(self._out)
        self._out.append(_Head(parser.get_method(), self._url, parser.get_http_version(), self._fields))
        self._under_way += 1
        self.crowd.touch(self)

    def on_body(self, body: bytes) -> None:
        """Queue a piece of a body."""
        self._out.append(b"%x\r\n%b\r\n" % (len(body), body) if self._chunked else body)

    def on_message_complete(self) -> None:
        """Record that the request is complete."""
        if self._part == "head":
            return  # an offer to upgrade
        if self._chunked:
            self._out.append(b"0\r\n\r\n")
        self._part = ""
        self._bytes = 0
        self._complete += 1
        if self._holds:
            self._release()

    # Requests that the application does not answer

    def _without_offer(self) -> bytes:
        """Restart the parser and return the same head without the offer of another protocol.

        Raises:
            HttpParserError: The request asks for a tunnel.
        """
        parser = self._parser
        head = _Head(parser.get_method(), self._url, parser.get_http_version(), self._fields)
        if head.method == b"CONNECT":
            raise HttpParserError
        fields = [field for field in self._fields if field[0].lower() not in _OFFER]
        if not parser.should_keep_alive():
            fields.append((b"connection", b"close"))
        self._parser = HttpRequestParser(self)
        self._part, self._bytes = "", 0
        return _Head(head.method, head.url, head.version, fields).written()

    def _check_url(self) -> None:
        """Refuse a URL that the server, which parses it again, would fail at. Most requests repeat the one before."""
        if _PLAIN.fullmatch(self._url) is None:
            path: bytes | None = parse_url(self._url).path
            if path is None or not path.isascii():
                raise ValueError
        self._usual = self._url

    def _size(self) -> int:
        return len(self._url) + sum(len(name) + len(value) for name, value in self._fields)

    def _refuse(self) -> None:
        """Refuse malformed data, after the responses that are still in progress."""
        self._deaf = True
        if self._under_way and (self._part != "body" or self._under_way > 1 or self._stuck is not None):
            self._waits_for = ""
            self._inner.shutdown()  # closes after the last response
            return
        if self._under_way or self._part == "head":
            _log.warning("A request that cannot be read was refused.")
            lines = [b"HTTP/1.1 %d %b" % (self._status, self._status.phrase.encode("ascii"))]
            date = formatdate(usegmt=True).encode("ascii")
            lines += [b"date: " + date, b"content-length: 0", b"connection: close", b"", b""]
            self._transport.write(b"\r\n".join(lines))
        self._wait("end")
        self._transport.close()

    # Time

    def answered(self) -> None:
        """Record that the application is done with a request."""
        self._joining.flush()
        self._under_way -= 1
        if not self._deaf:
            self._look()
        elif not self._under_way and not self._lost:
            self._wait("end")

    def _look(self) -> None:
        """Start waiting if it is now the client's turn; stop if it is the application's."""
        if self._under_way:
            self._waits_for = ""
        elif self._waits_for != (part := self._part or "idle"):
            self._wait(part)

    def _wait(self, part: Literal["idle", "head", "body", "end"]) -> None:
        """Start the time limit for a whole part. Single bytes do not extend it."""
        self._waits_for = part
        self._due = self._loop.time() + (self._idle_seconds if part == "idle" else self.seconds)
        # One timer, rescheduled when it fires, instead of one per request. It is replaced only if it must fire sooner.
        if self._timer is None or self._timer.when() > self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._due, self._end_if_due)

    def _end_if_due(self) -> None:
        """Abort the connection if its time is over. A normal close would wait for unread data."""
        self._timer = None
        if not self._waits_for:
            return
        if self._loop.time() >= self._due:
            self._transport.abort()
        else:
            self._timer = self._loop.call_at(self._due, self._end_if_due)

    # Room

    def owes(self) -> bool:
        """Return True if it waits for the client: for a head, the rest of a request, or to read a response."""
        return self._stuck is not None or not self._under_way or (self._under_way == 1 and self._part == "body")

    def expects(self) -> bool:
        """Return True if a request may be on its way: its client has sent nothing yet, or not all of it."""
        return self._waits_for in {"head", "body"}

    def leave(self) -> None:
        """Abort the connection to make room for others."""
        self._transport.abort()

    def _hold(self) -> None:
        self._holds = True
        self.crowd.hold(self, self._bytes + self._transport.get_write_buffer_size())

    def _release(self) -> None:
        self._holds = False
        self.crowd.release(self)
