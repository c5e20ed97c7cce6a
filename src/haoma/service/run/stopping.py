"""The beginning and the end of a server: who has connected before it stops to listen is answered.

uvicorn closes the port, and then every connection without a request. Two kinds of clients would be cut off: those whose
connection the system has made and nobody has accepted yet, and those whose request is on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, cast

import uvicorn

from haoma.service.run.connection import Connection

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from haoma.service.run.reloading import Replaceable
    from haoma.service.run.telling import Told

_GRACE: Final = 0.5
"""Seconds that a request may be on its way."""


class Server(uvicorn.Server):
    """The server of one process.

    Args:
        config: Its configuration.
        told: Told when it listens and when it ends.
    """

    def __init__(self, config: uvicorn.Config, told: Told | None = None) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept requests."""
        await super().startup(sockets)
        if self.started and self._told is not None:
            self._told.listens(cast("Replaceable", self.config.loaded_app))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept whoever waits, close the port, and wait for what is on its way; then do as uvicorn does."""
        if self._told is not None:
            self._told.ends()
        loop, listening = asyncio.get_running_loop(), sockets or []
        accepted = [each for port in listening for each in _waiting(port)]
        for server in self.servers:
            server.close()
        for each in accepted:
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, each)
        until = loop.time() + _GRACE
        while Connection.crowd.expects() and loop.time() < until and not self.force_exit:  # noqa: ASYNC110 - not for long
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        config = self.config
        kind = config.http_protocol_class
        return kind(config=config, server_state=self.server_state, app_state=self.lifespan.state)  # type: ignore[call-arg]


def _waiting(port: socket.socket) -> Iterator[socket.socket]:
    with contextlib.suppress(OSError):  # there are no more; or there is no file left for one
        while True:
            accepted, _ = port.accept()
            accepted.setblocking(False)
            yield accepted
