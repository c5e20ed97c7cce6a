"""Request timeouts with one timer for all requests in flight.

``asyncio.timeout`` needs a timer per use. Two of them per request cost as much as verifying an envelope's signature.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, current_task, get_running_loop, sleep
from typing import TYPE_CHECKING, Final

from haoma.io.clock import monotonic

if TYPE_CHECKING:
    from haoma.service.exchange import Exchange

_TICK: Final = 0.05


class Deadlines:
    """The watched exchanges. One that is past its ``due`` is marked ``late``, and its task is cancelled."""

    def __init__(self) -> None:
        self._open: set[Exchange] = set()
        self._loop: AbstractEventLoop | None = None

    def watch(self, exchange: Exchange) -> None:
        """Start watching an exchange. Call this in the task that answers it."""
        loop = get_running_loop()
        exchange.task = current_task(loop)
        self._open.add(exchange)
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(_TICK, self._look, loop)

    def forget(self, exchange: Exchange) -> None:
        """Stop watching an exchange. Its task is not cancelled after this."""
        self._open.discard(exchange)
        exchange.task = None

    def end(self) -> None:
        """Make all open exchanges due now."""
        for exchange in self._open:
            exchange.due = 0.0

    async def empty(self) -> None:
        """Wait until no exchange is open."""
        while self._open:  # noqa: ASYNC110 - an event would cost something in every request
            await sleep(_TICK)

    def _look(self, loop: AbstractEventLoop) -> None:
        now = monotonic()
        for exchange in self._open:
            if exchange.due < now and not exchange.late and exchange.task is not None:
                exchange.late = True
                exchange.task.cancel()
        if self._open:
            loop.call_later(_TICK, self._look, loop)
        elif self._loop is loop:
            self._loop = None
