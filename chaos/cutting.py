"""A TCP proxy in front of a database that knows a COMMIT when it sees one.

Both drivers send it as one message of its own and wait for the answer: ``Q`` of PostgreSQL's protocol
(postgresql.org/docs/current/protocol-message-formats.html), COM_QUERY of MySQL's
(dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any, Self

_COMMIT = {"postgresql": b"Q\x00\x00\x00\x0bCOMMIT\x00", "mariadb": b"\x07\x00\x00\x00\x03COMMIT"}

_LATE = 0.4


class Cutter:
    """The proxy, for the length of an ``async with`` block.

    Attributes:
        port: Where it listens.
        target: The port of the database.
        mode: How a connection is cut, at the next ``armed`` commits: ``after`` the database has answered, and before
            the client has; ``at`` the commit, while the database is busy with it; ``late``: the commit reaches the
            database only when the client has long been cut off; ``before`` the database has seen it: it never does.
        armed: How many commits are still to be cut.
        cuts: How many were.
        commits: How many commits passed or were cut.
        holes: True to let no byte through any more, and to close nothing: a network that is gone.
        closed: True to accept no connection.
    """

    def __init__(self, target: int, kind: str) -> None:
        self.target = target
        self.mode = "after"
        self.armed = self.cuts = self.commits = 0
        self.closed = False
        self._open = asyncio.Event()
        self._open.set()
        self._commit = _COMMIT[kind]
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def holes(self) -> bool:
        """See above."""
        return not self._open.is_set()

    @holes.setter
    def holes(self, found: bool) -> None:
        (self._open.clear if found else self._open.set)()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_all(self) -> None:
        """Cut every connection now."""
        for writer in list(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self.closed:
                return
            with contextlib.suppress(OSError, asyncio.CancelledError):  # cancelled at the end
                there = await asyncio.open_connection("127.0.0.1", self.target)
                self._writers |= {writer, there[1]}
                await self._pass(reader, writer, *there)
        finally:
            self._tasks.discard(task)
            _reset(writer)
            self._writers.discard(writer)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        swallow = asyncio.Event()

        async def down() -> None:
            with contextlib.suppress(OSError):
                while data := await there.read(65536):
                    await self._open.wait()
                    if swallow.is_set():
                        break
                    writer.write(data)
                    await writer.drain()
            _reset(writer)

        answers = asyncio.ensure_future(down())
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    await self._open.wait()
                    if data.endswith(self._commit):
                        self.commits += 1
                        if self.armed:
                            self.armed -= 1
                            self.cuts += 1
                            if self.mode == "before":
                                break
                            swallow.set()
                            if self.mode != "after":
                                _reset(writer)
                            if self.mode == "late":
                                await asyncio.sleep(_LATE)
                    back.write(data)
                    await back.drain()
                    if swallow.is_set():
                        await answers  # the database has committed, and nobody will hear it
                        break
        finally:
            answers.cancel()
            _reset(back)
            self._writers.discard(back)


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        found = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
