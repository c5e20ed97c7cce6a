"""A configuration that is read again while requests are answered.

SIGHUP asks for it. The new application is built beside the old one. It takes over only if nothing is wrong with the
configuration, in all workers or in none. The old one answers the requests that it has begun, and ends.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from starlette.routing import Router

from haoma.errors import ConfigFaults
from haoma.service.run.connection import Connection
from haoma.service.run.protocol import DROP, FAULTY, PREPARE, PREPARED, SWAP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.types import Receive, Scope, Send

    from haoma.service.app import Application
    from haoma.settings.model import Settings

_log: Final = logging.getLogger(__name__)


class Build(Protocol):
    """Makes the application of a configuration that is read again, in a thread."""

    def __call__(self, current: Application, digest: str) -> tuple[Settings, Application]:
        """Return the settings, and the application that takes the place of ``current``.

        Args:
            current: The application that is in use.
            digest: Of the files that the supervisor has read; empty without one.

        Raises:
            ConfigFaults: The configuration has faults.
        """


class Replaceable:
    """An ASGI application that can be replaced while it answers requests.

    Args:
        first: The first application.
        build: Makes the next one.

    Attributes:
        current: The application that answers new requests.
        on_start: Called in the event loop when the server starts.
    """

    def __init__(self, first: Application, build: Build) -> None:
        self.current = first
        self.on_start: Callable[[], None] | None = None
        self._build = build
        self._following: tuple[Settings, Application] | None = None
        self._running: AbstractAsyncContextManager[None]
        self._leaving: set[asyncio.Task[None]] = set()
        self._lifespan = Router(lifespan=self._life)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self.current(scope, receive, send)

    async def prepare(self, digest: str = "") -> Settings:
        """Build the next application. Return its settings.

        Args:
            digest: See `Build`.

        Raises:
            ConfigFaults: The configuration has faults.
        """
        self.drop()
        self._following = await asyncio.to_thread(self._build, self.current, digest)
        return self._following[0]

    def drop(self) -> None:
        """Forget the next application."""
        self._following = None

    async def swap(self) -> None:
        """Let the next application answer from now on. Nothing happens if there is none."""
        if self._following is None:
            return
        (settings, following), self._following = self._following, None
        running = following.running()
        await running.__aenter__()
        leaving = asyncio.create_task(_leave(self.current, self._running))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        self.current, self._running = following, running
        Connection.crowd.trust(settings.service.trusted_proxies)

    @asynccontextmanager
    async def _life(self, _app: Any) -> AsyncIterator[None]:
        self._running = self.current.running()
        await self._running.__aenter__()
        if self.on_start is not None:
            self.on_start()
        try:
            yield
        finally:
            await asyncio.gather(*self._leaving, return_exceptions=True)
            await self._running.__aexit__(None, None, None)


async def _leave(application: Application, running: AbstractAsyncContextManager[None]) -> None:
    await application.deadlines.empty()
    await running.__aexit__(None, None, None)


async def reload(replaceable: Replaceable) -> Settings | ConfigFaults:
    """Read the configuration again in a service of one process. Return the settings in use now, or its faults."""
    try:
        settings = await replaceable.prepare()
    except ConfigFaults as faults:
        return faults
    except Exception:  # noqa: BLE001 - whatever is wrong with it, the old application goes on
        _log.exception("The application cannot be built.")
        return ConfigFaults([])
    await replaceable.swap()
    return settings


async def obey(replaceable: Replaceable, asked: str) -> str:
    """Do what the supervisor asks of a worker. Return what to tell it; nothing if empty."""
    word, _, digest = asked.partition(" ")
    if word == PREPARE:
        try:
            await replaceable.prepare(digest)
        except ConfigFaults:  # the supervisor has read the same file and tells the faults
            return FAULTY
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the old application goes on
            _log.exception("The application cannot be built.")
            return FAULTY
        return PREPARED
    if word == SWAP:
        await replaceable.swap()
    elif word == DROP:
        replaceable.drop()
    return ""
