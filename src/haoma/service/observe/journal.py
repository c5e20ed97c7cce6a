"""Writes one log line and one metric sample per request.

Doing so for a single request takes as long as decrypting its envelope; in batches it takes a fraction of that. So
finished exchanges are collected for a short time and written together.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from haoma.io.clock import monotonic, now
from haoma.problem import particulars
from haoma.service.observe.log import LEVELS, finish, stack

if TYPE_CHECKING:
    from haoma.service.exchange import Exchange
    from haoma.service.observe.log import Lines
    from haoma.service.observe.metrics import Labels, Metrics
    from haoma.service.observe.traces import Traces

_DELAY: Final = 0.05
_MOST_WAITING: Final = 64
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SILENT: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class Journal:
    """The writer of request logs and metrics.

    Args:
        lines: Receives the log lines.
        metrics: Counts the requests.
        level: The lowest level that is logged.
        traces: Where the spans of requests end; None if there are none.
    """

    def __init__(self, lines: Lines, metrics: Metrics, level: str, traces: Traces | None = None) -> None:
        self._traces = traces
        self._told = frozenset(LEVELS[LEVELS.index(level) :])
        self._lines = lines
        self._metrics = metrics
        self._waiting: list[Exchange] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def note(self, exchange: Exchange) -> None:
        """Record a finished exchange. It is written within `_DELAY`, or at once if a bug of ours made it fail."""
        exchange.ended = monotonic()
        if self._traces is not None:
            self._traces.end(exchange)
        self._waiting.append(exchange)
        if exchange.fault is not None or len(self._waiting) >= _MOST_WAITING:
            self.write()
            return
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # no write is scheduled, or only in a loop that was closed
            self._loop = loop
            loop.call_later(_DELAY, self._write_later)

    def write(self) -> None:
        """Write all recorded exchanges at once. Each write releases the GIL, which costs more than making a line."""
        waiting, self._waiting = self._waiting, []
        began = now() - monotonic()
        lines: list[bytes] = []
        counts: dict[Labels, int] = {}
        try:
            for exchange in waiting:
                self._note(exchange, began + exchange.ended, lines, counts)
        finally:
            self._metrics.count(counts)
            if lines:
                self._lines.info(b"".join(lines))

    def _write_later(self) -> None:
        self._loop = None
        self.write()

    def _note(self, exchange: Exchange, moment: float, lines: list[bytes], counts: dict[Labels, int]) -> None:
        seconds = exchange.ended - exchange.started
        app, error, route = exchange.app, exchange.error, exchange.route or ""
        name, platform = (app.name, app.platform) if app else ("", "")
        code = error.code if error else ""
        labels = (name, platform, code, route, exchange.status)
        counts[labels] = counts.get(labels, 0) + 1
        self._metrics.time(route, seconds)
        if (error is not None and error.unlisted) or (exchange.pushed is not None and exchange.pushed.unlisted):
            self._metrics.count_unlisted(name, platform)
        if route in _SILENT and exchange.status < 400:
            return
        method = exchange.method if exchange.method in _METHODS else ""
        caller = exchange.caller.id if exchange.caller else ""
        level = "error" if exchange.fault is not None else "warning" if exchange.status >= 500 else "info"
        line: dict[str, Any] = {
            "request_id": exchange.request_id,
            "method": method,
            "route": route,
            "app": name,
            "platform": platform,
            "status": exchange.status,
            "code": code,
            "caller": caller,
            "ms": round(seconds * 1000, 2),
            "timestamp": moment,
            "event": "request",
        }
        if exchange.pushed is not None:
            line |= {"pushed": exchange.pushed.about, "acted": exchange.pushed.acted}
            if exchange.pushed.unlisted:
                line["unlisted"] = ",".join(exchange.pushed.unlisted)
        if error is not None:
            line |= particulars(error)
        if exchange.fault is not None:
            line["exception"], line["traceback"] = stack(exchange.fault)
        if level in self._told:
            lines.append(finish(None, level, line))
