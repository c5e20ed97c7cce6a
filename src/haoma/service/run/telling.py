"""How the server of a process takes part in the service: as its only process, or as one of several workers."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from haoma.service.run.notify import on_hangup, watchdog_seconds
from haoma.service.run.protocol import ALIVE, READY
from haoma.service.run.reloading import obey, reload

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection as PipeEnd

    from haoma.service.run.life import Life
    from haoma.service.run.reloading import Replaceable


class Told(Protocol):
    """Told by the server of a process how it is."""

    def listens(self, app: Replaceable) -> None:
        """The server accepts requests."""

    def ends(self) -> None:
        """The server begins to stop."""


class Alone:
    """The only process: it reads the configuration again on SIGHUP, and tells the operator itself."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._reloading: asyncio.Task[None] | None = None
        self._again = False

    def listens(self, app: Replaceable) -> None:
        """Accept SIGHUP from now on."""
        loop = asyncio.get_running_loop()

        def again() -> None:
            self._again = True  # a reload that runs may have read the files before they were changed
            if self._reloading is None or self._reloading.done():
                self._reloading = loop.create_task(self._reload(app))

        on_hangup(lambda: loop.call_soon_threadsafe(again))
        _repeat(self._life.alive)
        self._life.listening()

    def ends(self) -> None:
        """Tell the service manager."""
        self._life.stopping()

    async def _reload(self, app: Replaceable) -> None:
        while self._again:
            self._again = False
            self._life.reads()
            settings = await reload(app)
            if isinstance(settings, Exception):
                self._life.stays(settings)
            else:
                self._life.has_read(settings)


class Member:
    """One of several workers: it does what the supervisor asks."""

    def __init__(self, supervisor: PipeEnd) -> None:
        self._supervisor = supervisor
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._obeying: asyncio.Task[None] | None = None

    def listens(self, app: Replaceable) -> None:
        """Listen to the supervisor from now on."""
        loop = asyncio.get_running_loop()
        if os.name == "posix":
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal sends it to the workers as well
            loop.add_reader(self._supervisor.fileno(), self._hear, loop)
        self._obeying = loop.create_task(self._obey(app))
        _repeat(lambda: self._say(ALIVE))
        self._say(READY)

    def ends(self) -> None:
        """Nothing: the supervisor asked for it."""

    def _hear(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._asked.put_nowait(self._supervisor.recv_bytes().decode("ascii"))
        except (EOFError, OSError):  # the supervisor was killed: nobody would ever stop or replace this worker
            loop.remove_reader(self._supervisor.fileno())
            signal.raise_signal(signal.SIGTERM)

    async def _obey(self, app: Replaceable) -> None:
        while True:
            if answer := await obey(app, await self._asked.get()):
                self._say(answer)

    def _say(self, word: str) -> None:
        with suppress(OSError):
            self._supervisor.send_bytes(word.encode("ascii"))


def _repeat(act: Callable[[], None]) -> None:
    """Call ``act`` twice in the time that the service manager allows. A stuck event loop is silent."""
    seconds = watchdog_seconds() / 2
    if seconds <= 0:
        return
    loop = asyncio.get_running_loop()

    def again() -> None:
        act()
        loop.call_later(seconds, again)

    again()
