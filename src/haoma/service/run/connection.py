"""A connection, and what a stranger may do with it before the application sees a request.

uvicorn parses with llhttp, which is strict about everything that frames a request. But it waits for ever and takes what
comes, and that is enough to stop a server:

- a head that comes byte by byte, the rest of a body that was refused, an answer that is never read (Slowloris and its
  kin): each holds a connection, and files are few (`haoma.service.run.crowd` has all of them in view);
- a head without an end, trailers, chunk extensions and requests sent ahead of their answers: each fills the memory.

And it loses the body of a request that offers another protocol, as Java's HTTP client does where there is no TLS
(``Upgrade: h2c``, https://github.com/Kludex/uvicorn/issues/2722). Such an offer may be declined (RFC 9110, 7.8).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from haoma.service.run.crowd import Crowd

if TYPE_CHECKING:
    import asyncio


class Connection(HttpToolsProtocol):
    """HTTP/1.1 with limits.

    Attributes:
        seconds: How long may be missing what the caller owes: a whole head, the rest of a request that was refused,
            the reading of an answer. While the application works or reads a body it keeps its own time.
        head_bytes: Most bytes of a request line and its header fields.
        head_fields: Most header fields.
        body_bytes: Most bytes after a head, before the connection ends: far above what the application reads, so that
            somebody who sends too much is told so.
        ahead: Most requests that wait for the answer to the one before.
        crowd: All connections of the process.
    """

    seconds: ClassVar[float] = 30.0
    head_bytes: ClassVar[int] = 64 * 1024
    head_fields: ClassVar[int] = 100
    body_bytes: ClassVar[int] = 1024 * 1024
    ahead: ClassVar[int] = 16
    crowd: ClassVar[Crowd] = Crowd()
    cycle: RequestResponseCycle | None  # type: ignore[assignment] # None before the first request

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._part: Literal["", "head", "body"] = ""
        self._bytes = 0  # of this part, but for the piece in which the request before it ended
        self._status = HTTPStatus.BAD_REQUEST
        self._deaf = False
        self._due: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._holds = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._wait(self.seconds)
        self.crowd.enter(self, self.client[0] if self.client else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self.crowd.leave(self)
        self._unset_keepalive_if_required()
        self._unset()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._bytes += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
            return
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        if self._part == "head" and self._bytes > self.head_bytes:
            self._status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.send_400_response("")
        elif self._part == "body" and self._bytes > self.body_bytes:
            self.transport.abort()
        elif self._due is None and (self.cycle is None or self.cycle.response_complete):
            self._wait(self.seconds if self._part else self.timeout_keep_alive)
        if self._part:
            self._hold()

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._part = "head"
        if len(self.pipeline) >= self.ahead:
            raise ValueError
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field. Trailers are for nobody here."""
        if self._part == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        if self.parser.should_upgrade():
            return  # the parser stops here: see `_decline`
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.head_bytes or len(self.headers) > self.head_fields:
            self._status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError
        self._part = "body"
        self._bytes = 0
        self._unset()
        self.crowd.touch(self)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the caller owes nothing more."""
        if self._part == "head":
            return  # an offer to upgrade
        self._part = ""
        self._bytes = 0
        self._unset()
        if self._holds:
            self._release()
        super().on_message_complete()

    # What is not answered by the application

    def _decline(self, rest: bytes) -> None:
        """Go on as if no other protocol had been offered: the same head once more, without the offer."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.send_400_response("")
            return
        head = b"%b %b HTTP/%b\r\n" % (method, self.url, self.parser.get_http_version().encode("ascii"))
        head += b"".join(b"%b: %b\r\n" % field for field in self.headers if field[0] not in (b"connection", b"upgrade"))
        if not self.parser.should_keep_alive():
            head += b"connection: close\r\n"
        self.parser = HttpRequestParser(self)
        self._part, self._bytes = "", 0
        self.data_received(head + b"\r\n" + rest)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - there is nothing to tell those who do not speak HTTP
        """Refuse what cannot be read, in its turn: answers that are under way come first."""
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if cycle is not None and answering and (self._part == "head" or self.pipeline or cycle.response_started):
            cycle.keep_alive = False
            self._deaf = True
            return
        if answering or self._part == "head":
            self.logger.warning("A request that cannot be read was refused.")
            lines = [b"HTTP/1.1 %d %b" % (self._status, self._status.phrase.encode("ascii"))]
            lines += [b"%b: %b" % field for field in self.server_state.default_headers]
            lines += [b"content-length: 0", b"connection: close", b"", b""]
            self.transport.write(b"\r\n".join(lines))
        self.transport.close()

    # Time

    def timeout_keep_alive_handler(self) -> None:
        """End a connection of which nothing is to be expected. To close it would wait for what is not read."""
        self.transport.abort()

    def pause_writing(self) -> None:
        """Wait for a caller that does not read."""
        super().pause_writing()
        self._stuck = self.loop.call_later(self.seconds, self.timeout_keep_alive_handler)
        self._hold()

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        if self._holds and not self._part:
            self._release()

    # Room

    def owes(self) -> bool:
        """Tell whether it is the caller's turn: a head, the rest of a request, or the reading of an answer."""
        if self._stuck is not None:
            return True
        cycle = self.cycle  # the last one; those before it are answered first
        return not self.pipeline and (cycle is None or cycle.response_complete or cycle.more_body)

    def leave(self) -> None:
        """End at once: others need the room."""
        self.transport.abort()

    def _hold(self) -> None:
        self._holds = True
        self.crowd.hold(self, self._bytes + self.transport.get_write_buffer_size())

    def _release(self) -> None:
        self._holds = False
        self.crowd.release(self)

    def _wait(self, seconds: float) -> None:
        self._due = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
