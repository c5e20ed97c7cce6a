"""Metrics about requests. Label values come from the configuration or from our code, never from a caller."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from haoma.service.observe.shared import SHARED

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
Labels: TypeAlias = tuple[str, str, str, str, int]
"""App, platform, error code of a refusal, route and status of a request."""
_BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one service."""

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
        self._refused = Counter(
            "haoma_refused_codes", "Codes that a platform refused.", ("app", "platform", "caller"), registry=own
        )
        self._unlisted = Counter(
            "haoma_unlisted_members",
            "Messages under a session_key with members that the platform does not document.",
            ("app", "platform"),
            registry=own,
        )
        self._limited = Counter(
            "haoma_limited_requests",
            "Requests refused by a limit: of the key, the app, the address or the login.",
            ("app", "platform", "limit"),
            registry=own,
        )
        self._circuits = Counter(
            "haoma_circuit_opened",
            "How often the requests of an app to its platform were stopped because they kept failing.",
            ("app", "platform"),
            registry=own,
        )
        self._uncounted = Counter(
            "haoma_uncounted_requests",
            "Requests that Valkey did not count in time. Each process counted them by itself.",
            registry=own,
        )
        self._events = Counter(
            "haoma_events", "Tries to send an event: delivered, failed or parked.", ("kind", "outcome"), registry=own
        )
        self._erasures = Gauge(
            "haoma_erasures",
            "Requests to erase that are not done: pending, or overdue, which must be none.",
            ("tenant", "state"),
            registry=own,
            multiprocess_mode="mostrecent",
        )
        self._tokens = Counter(
            "haoma_tokens",
            "Access tokens: fetched, failed to be fetched, or rejected by the platform before their time.",
            ("app", "issuer", "outcome"),
            registry=own,
        )
        self._store_seconds = Histogram(
            "haoma_store_seconds",
            "Time of a batch of the store, from when its first step was asked until all were answered or refused.",
            ("outcome",),
            buckets=_BUCKETS,
            registry=own,
        )
        self._store_steps = Counter("haoma_store_steps", "Steps of the store.", ("outcome",), registry=own)
        self._store_lost = Counter(
            "haoma_store_connections_lost", "How often the database could not be reached.", registry=own
        )
        self._quota_left = Gauge(
            "haoma_quota_left",
            "What is left of a quota that the platform sells, by its own figures.",
            ("app", "platform", "quota"),
            registry=own,
            multiprocess_mode="mostrecent",
        )
        self._quota_low = Gauge(
            "haoma_quota_low",
            "1 if no more is left than the app's setting allows, else 0.",
            ("app", "platform", "quota"),
            registry=own,
            multiprocess_mode="mostrecent",
        )
        self._calls = Histogram(
            "haoma_platform_seconds",
            "Time of a call to a platform, by what came back: the class of the status, or the code of the failure.",
            ("app", "platform", "host", "outcome"),
            buckets=_BUCKETS,
            registry=own,
        )
        build = Gauge(
            "haoma_build_info", "What runs.", ("version", "python"), registry=own, multiprocess_mode="mostrecent"
        )
        build.labels(version("haoma"), platform.python_version()).set(1)
        self._counters: dict[Labels, Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def count(self, counts: Mapping[Labels, int]) -> None:
        """Count requests that were alike together, because each count takes a lock."""
        for labels, number in counts.items():
            counter = self._counters.get(labels)
            if counter is None:
                *names, status = labels
                counter = self._counters[labels] = self._requests.labels(*names, f"{status // 100}xx")
            counter.inc(number)

    def time(self, route: str, seconds: float) -> None:
        """Record how long one request took. ``route`` is the template of its path."""
        timer = self._timers.get(route)
        if timer is None:
            timer = self._timers[route] = self._seconds.labels(route)
        timer.observe(seconds)

    def count_call(self, app: str, platform: str, host: str, outcome: str, seconds: float) -> None:
        """Count a call to a platform. ``host`` is from the configuration."""
        self._calls.labels(app, platform, host, outcome).observe(seconds)

    def count_refused(self, app: str, platform: str, caller: str) -> None:
        """Count a code that a platform refused. ``caller`` is the short id of a configured key."""
        self._refused.labels(app, platform, caller).inc()

    def count_unlisted(self, app: str, platform: str) -> None:
        """Count one refused message that had undocumented members."""
        self._unlisted.labels(app, platform).inc()

    def count_limited(self, app: str, platform: str, limit: str) -> None:
        """Count a request that was refused by a limit. ``limit``: ``key``, ``app``, ``address`` or ``login``."""
        self._limited.labels(app, platform, limit).inc()

    def count_circuit(self, app: str, platform: str) -> None:
        """Count a circuit that opened."""
        self._circuits.labels(app, platform).inc()

    def count_uncounted(self) -> None:
        """Count a request that Valkey did not count in time."""
        self._uncounted.inc()

    def count_event(self, kind: str, outcome: str) -> None:
        """Count a try to send an event."""
        self._events.labels(kind, outcome).inc()

    def set_erasures(self, tenant: str, pending: int, overdue: int) -> None:
        """Note how many requests to erase are not done."""
        self._erasures.labels(tenant, "pending").set(pending)
        self._erasures.labels(tenant, "overdue").set(overdue)

    def count_token(self, app: str, issuer: str, outcome: str) -> None:
        """Count an access token. ``issuer`` and ``outcome`` are words of our code."""
        self._tokens.labels(app, issuer, outcome).inc()

    def batch(self, steps: int, seconds: float, outcome: str) -> None:
        """Note a batch of the store; see `haoma.store.writer.Watch`."""
        self._store_seconds.labels(outcome).observe(seconds)
        self._store_steps.labels(outcome).inc(steps)

    def lost(self) -> None:
        """Note a connection of the store that was lost; see `haoma.store.writer.Watch`."""
        self._store_lost.inc()

    def set_quota(self, app: str, platform: str, quota: str, left: int, *, low: bool) -> None:
        """Note what is left of a quota. ``quota`` is a name of our code."""
        self._quota_left.labels(app, platform, quota).set(left)
        self._quota_low.labels(app, platform, quota).set(int(low))

    def render(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)
