"""A small HTTP/1.1 server that can misbehave: late replies, no replies, and real connection resets.

Common servers run ASGI applications, and ASGI can express none of these. h11 handles the protocol, asyncio the sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from haoma.platforms.base.mirroring import Answer, Call, Fate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_MAX_HEAD: Final = 32 * 1024
_MAX_BODY: Final = 256 * 1024
_PIECE: Final = 64 * 1024
_IDLE: Final = 75.0  # seconds until an idle connection, or a client that stops sending, is closed
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, zero seconds. Closing then sends RST, not FIN.

_ACCEPTED: Final = 16  # per turn of the event loop; asyncio logs as many lines if it runs out of files
_MOST: Final = 500
_OWN: Final = 64  # files kept in reserve: for Python itself, pushes, and connections that are being closed

Respond: TypeAlias = "Callable[[Call], Answer | Awaitable[Answer]]"


class Server:
    """Answers every request with ``respond(call)``.

    Args:
        respond: Called in the event loop, so it must be fast or awaitable.
    """

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._server: asyncio.Server | None = None
        self._conversations: dict[asyncio.Task[None], _Conversation] = {}  # oldest first

    async def start(self, host: str, port: int) -> str:
        """Listen, and return the address of the server. Port 0 takes any free port."""
        self._server = await asyncio.start_server(self._accept, host, port, backlog=_ACCEPTED)
        # asyncio listens with the number that it accepts in a turn. On a busy machine more clients than that connect in
        # between, and the kernel would drop what they have sent.
        with socket.socket(fileno=os.dup(self._server.sockets[0].fileno())) as listening:
            listening.listen(_MOST)
        bound_host, bound_port = self._server.sockets[0].getsockname()[:2]
        return f"http://[{bound_host}]:{bound_port}" if ":" in bound_host else f"http://{bound_host}:{bound_port}"

    async def stop(self) -> None:
        """Close the listening socket and every connection."""
        if self._server is None:
            return
        self._server.close()
        await asyncio.sleep(0.01)  # connections accepted a moment ago are still on their way to `_accept`
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = _Conversation(reader, writer, self._respond)
        if len(self._conversations) >= _most() and not self._make_room():
            writer.transport.abort()
            return

        async def hold() -> None:
            # The client knows best why a conversation ended. A server that simulates faults does not report them.
            with contextlib.suppress(OSError, TimeoutError, h11.ProtocolError):
                await conversation.hold()

        def end(task: asyncio.Task[None]) -> None:
            self._conversations.pop(task, None)
            writer.close()

        task = asyncio.create_task(hold())
        self._conversations[task] = conversation
        task.add_done_callback(end)

    def _make_room(self) -> bool:
        """End the oldest conversation that waits for its client."""
        found = next((task for task, each in self._conversations.items() if each.waits), None)
        if found is None:
            return False
        del self._conversations[found]
        found.cancel()
        return True


def _most() -> int:
    """Return the maximum number of connections. Each may hold a body and a file."""
    if sys.platform == "win32":
        return _MOST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft - _OWN))


class _Conversation:
    """One connection.

    Attributes:
        waits: True while the next piece of a request is awaited.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond) -> None:
        self.waits = True
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._reader = reader
        self._writer = writer
        self._respond = respond

    async def hold(self) -> None:
        """Answer requests one after another."""
        while True:
            try:
                call = await self._read()
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint, "malformed request")
                return
            if call is None:
                return
            answer = await self._answer(call)
            if answer.delay:
                await asyncio.sleep(answer.delay)
            if answer.fate is Fate.RESET:
                self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self._writer.transport.abort()
                return
            if answer.fate is Fate.HANG:
                while await self._reader.read(_PIECE):
                    pass
                return
            await self._reply(answer, with_body=call.method != "HEAD")
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _answer(self, call: Call) -> Answer:
        try:
            answer = self._respond(call)
            return answer if isinstance(answer, Answer) else await answer
        except Exception as error:  # noqa: BLE001 - a mirror handles what it knows; anybody may send anything else
            headers = {"content-type": "application/json"}
            return Answer(500, headers, json.dumps({"error": f"the mirror failed: {type(error).__name__}"}).encode())

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            if self._http.they_are_waiting_for_100_continue:  # curl waits, if a body exceeds one kilobyte
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self.waits = True
            async with asyncio.timeout(_IDLE):
                self._http.receive_data(await self._reader.read(_PIECE))
            self.waits = False

    async def _read(self) -> Call | None:
        """Return the next request; None if there is none, or if it was refused."""
        event = await self._next_event()
        if not isinstance(event, h11.Request):
            return None
        body = bytearray()
        while isinstance(piece := await self._next_event(), h11.Data):
            body += piece.data
            if len(body) > _MAX_BODY:
                await self._refuse(413, f"more than {_MAX_BODY} bytes")
                return None
        if not isinstance(piece, h11.EndOfMessage):
            return None
        try:
            target = urlsplit(event.target.decode("latin-1"))
        except ValueError:  # brackets around something that is no address
            await self._refuse(400, "malformed request")
            return None
        return Call(
            method=event.method.decode("ascii"),
            path=unquote(target.path),
            query=dict(parse_qsl(target.query, keep_blank_values=True)),
            headers={name.decode("ascii"): value.decode("latin-1") for name, value in event.headers},
            body=bytes(body),
        )

    async def _refuse(self, status: int, why: str) -> None:
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = {"content-type": "application/json", "connection": "close"}
            await self._reply(Answer(status, headers, json.dumps({"error": why}).encode("ascii")))

    async def _reply(self, answer: Answer, *, with_body: bool = True) -> None:
        headers = [*answer.headers.items(), ("content-length", str(len(answer.body)))]
        body = [h11.Data(data=answer.body)] if with_body else []
        await self._send(h11.Response(status_code=answer.status, headers=headers), *body, h11.EndOfMessage())

    async def _send(self, *events: h11.Event) -> None:
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self._writer.drain()
