"""The ASGI application: the gate and the routes behind it."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.routing import Router

from haoma.io.aio import World
from haoma.io.http import AsyncHttp
from haoma.io.memory import Memory
from haoma.service.background import Background
from haoma.service.callers import Callers
from haoma.service.gate.endpoint import no_route
from haoma.service.gate.gate import Gate
from haoma.service.gate.limits import Limits
from haoma.service.gate.refused import Refused
from haoma.service.observe.calls import Calls
from haoma.service.observe.journal import Journal
from haoma.service.observe.log import Lines, make_logger
from haoma.service.observe.metrics import Metrics
from haoma.service.observe.signals import Signals
from haoma.service.observe.traces import Traces, traces
from haoma.service.quotas import Quotas
from haoma.service.routes import documents
from haoma.service.routes.accounts import Accounts
from haoma.service.routes.callbacks import Callbacks
from haoma.service.routes.id_tokens import IdTokens
from haoma.service.routes.phone_number import PhoneNumber
from haoma.service.routes.probes import Probes
from haoma.service.routes.sessions import Sessions
from haoma.service.routes.usage import Usage
from haoma.service.tokens import Tokens
from haoma.settings.service import start_warnings
from haoma.store.gcra import Local
from haoma.store.keys.unwrapping import account_keys
from haoma.store.opening import open_store
from haoma.words import entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from haoma.settings.model import Settings
    from haoma.steps import Count, Notice
    from haoma.store.store import AsyncStore


@dataclass(frozen=True, slots=True)
class Kept:
    """What an application hands on to the one that takes its place when the configuration is read again.

    Attributes:
        metrics: The counters.
        lines: The log.
        memory: What is kept where there is no store.
        counters: How many requests were served.
        refused: The refused codes of each address, and of each key.
        signing_key: Signs session tokens if none is configured.
        traces: Where spans go; None for nowhere.
    """

    metrics: Metrics = field(default_factory=Metrics)
    lines: Lines = field(default_factory=lambda: Lines(sys.stderr.buffer))
    memory: Memory = field(default_factory=Memory)
    counters: Local = field(default_factory=Local)
    refused: Refused = field(default_factory=Refused)
    signing_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)
    traces: Traces | None = field(default_factory=traces)


class Application(Gate):
    """The service as an ASGI application: a gate with the routes behind it.

    Args:
        settings: The settings.
        kept: From the application whose place it takes.

    Attributes:
        routes: All routes.
        kept: What it hands on.
    """

    def __init__(self, settings: Settings, kept: Kept | None = None) -> None:
        service = settings.service
        self.kept = kept = kept or Kept()
        seen = kept.traces
        tokens = Tokens(service.signing_keys or [kept.signing_key])
        # A key that was made here signs only if somebody gets tokens.
        published = bool(service.signing_keys or service.publishable_keys)
        metrics = kept.metrics
        log = make_logger(kept.lines, level=service.log_level)
        signals = Signals(settings, metrics, log)
        http = AsyncHttp(
            ca_file=settings.ca_file,
            allow_insecure_upstreams=settings.allow_insecure_upstreams,
            on_circuit=signals.circuit,
        )
        calls = Calls(http, settings, metrics, seen)
        self._limits = Limits(settings, metrics, signals.valkey, kept.counters)
        self._stores = _open_stores(settings, metrics)

        def notice(notice: Notice) -> None:
            log.warning(notice.code, **dict(notice.because))

        names = {app.app_id: app.name for app in reversed([*settings.apps.values()])}

        def count(count: Count) -> None:
            facts = dict(count.labels)
            metrics.count_token(names.get(facts["app_id"], ""), facts["issuer"], facts["outcome"])

        self._worlds = {
            tenant: World(calls, self._stores.get(tenant, kept.memory), notice, count) for tenant in settings.tenants
        }
        quotas = Quotas(settings, self._worlds, signals)
        self._background = Background(settings, self._stores, signals, log, kept.lines, quotas)
        callers = Callers(service)
        journal = Journal(kept.lines, metrics, service.log_level, seen)
        self._probes = Probes(journal, metrics)
        self.routes = (
            *PhoneNumber(settings, callers, tokens, self._worlds, self._limits, kept.refused, metrics, log).routes(),
            *Callbacks(settings, self._worlds, signals).routes(),
            *Accounts(settings, callers, self._worlds, self._limits).routes(),
            *Sessions(settings, callers, tokens, self._worlds).routes(),
            *Usage(settings, callers, quotas, self._limits).routes(),
            *self._probes.routes(),
            *IdTokens(settings, callers, tokens, self._worlds).routes(),
            *documents.routes(tokens.published if published else [], settings.issuer),
        )
        router = Router(self.routes, redirect_slashes=False, default=no_route, lifespan=self._lifespan)
        # Its ``app``: to call the router itself would only add a coroutine to each request.
        super().__init__(router.app, journal, service.request_seconds, service.cors_origins, seen)

    def drain(self) -> None:
        """Make ``/readyz`` report that the service is shutting down."""
        self._probes.draining = True

    def end(self) -> None:
        """Refuse requests that are still in progress as too slow."""
        self.deadlines.end()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run what goes on between requests. After the context nothing of the application is open."""
        self._limits.begin()
        try:
            async with self._background.running():
                yield
        finally:
            self._journal.write()
            for world in self._worlds.values():
                await world.finish()
            await self._limits.end()
            for store in self._stores.values():
                await store.aclose()
            await self._background.seal_the_rest()

    @asynccontextmanager
    async def _lifespan(self, _app: Any) -> AsyncIterator[None]:
        async with self.running():
            yield


def _open_stores(settings: Settings, metrics: Metrics) -> dict[str, AsyncStore]:
    """Return the store of each tenant; none if memory alone was asked for."""
    accounts = None if settings.accounts is None else account_keys(settings.accounts)
    tells = settings.webhooks is not None
    found = {
        tenant: open_store(settings.store, accounts, tenant, tells=tells, watch=metrics) for tenant in settings.tenants
    }
    return {tenant: store.asynchronous(in_loop=True) for tenant, store in found.items() if store is not None}


def create_app(settings: Settings) -> Application:
    """Return the service as an ASGI application, for a server of your choice.

    Configuration warnings are logged here. ``haoma serve`` instead prints them once, not in every worker.
    """
    logger = make_logger(level=settings.service.log_level)
    for warning in start_warnings(settings):
        logger.warning("configuration", problem=str(warning))
    entries("problem")  # read here, so that the first refusal needs no file when the process has no descriptor left
    return Application(settings)
