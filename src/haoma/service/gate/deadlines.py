"""Ends what takes too long: one timer for all requests in flight.

``asyncio.timeout`` makes a timer for each; two of them per request cost as much as the signature of an envelope.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, current_task, get_running_loop
from typing import TYPE_CHECKING, Final

from haoma.io.clock import monotonic

if TYPE_CHECKING:
    from haoma.service.exchange import Exchange

_TICK: Final = 0.05


class Deadlines:
    """Cancels the task of each exchange that is past its ``due``, and marks it ``late``."""

    def __init__(self) -> None:
        self._open: set[Exchange] = set()
        self._loop: AbstractEventLoop | None = None

    def watch(self, exchange: Exchange) -> None:
        """Begin to watch; called in the task that answers the exchange."""
        exchange.task = current_task()
        self._open.add(exchange)
        loop = get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(_TICK, self._look, loop)

    def forget(self, exchange: Exchange) -> None:
        """Stop watching: from here on the task is not cancelled any more."""
        self._open.discard(exchange)
        exchange.task = None

    def end(self) -> None:
        """End all exchanges that are open now."""
        for exchange in self._open:
            exchange.due = 0.0

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
