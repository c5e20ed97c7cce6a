"""Counts requests. Labels name what is configured or written in our code, never what a caller sent."""

from __future__ import annotations

import os
from collections import Counter as Tally
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from haoma.service.server import SHARED

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
_Labels: TypeAlias = tuple[str, str, str, str, int]
_MOST_WAITING: Final = 64
_BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The numbers of one service.

    Requests are counted some at a time: to count one takes as long as to decrypt an envelope, to count sixty at once
    takes a fraction of that for each. Whoever looks finds all of them counted.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        shared = SHARED in os.environ
        own = None if shared else self._registry
        if shared:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        else:
            ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "haoma_requests", "Requests.", ("app", "platform", "code", "route", "status"), registry=own
        )
        self._seconds = Histogram(
            "haoma_request_seconds", "Time to answer a request.", ("route",), buckets=_BUCKETS, registry=own
        )
        self._most_waiting = 1 if shared else _MOST_WAITING  # another process looks at the numbers of this one
        self._waiting: list[tuple[_Labels, float]] = []

    def count(self, app: str, platform: str, code: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route`` is the template of the path, ``code`` that of the refusal."""
        self._waiting.append(((app, platform, code, route, status), seconds))
        if len(self._waiting) >= self._most_waiting:
            self._count_waiting()

    def _count_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for (app, platform, code, route, status), requests in Tally(labels for labels, _ in waiting).items():
            self._requests.labels(app, platform, code, route, f"{status // 100}xx").inc(requests)
        timers = {labels[3]: self._seconds.labels(labels[3]) for labels, _ in waiting}
        for labels, seconds in waiting:
            timers[labels[3]].observe(seconds)

    def render(self) -> bytes:
        """Return all numbers in the text format of Prometheus."""
        self._count_waiting()
        return generate_latest(self._registry)
