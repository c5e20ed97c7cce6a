"""The ASGI application: the gate and the routes behind it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.routing import Router

from haoma.errors import HaomaError
from haoma.io.aio import World
from haoma.io.http import AsyncHttp
from haoma.io.memory import Memory
from haoma.service.callers import Callers
from haoma.service.gate.endpoint import no_route
from haoma.service.gate.gate import Gate
from haoma.service.gate.limits import Limits
from haoma.service.observe.journal import Journal
from haoma.service.observe.log import Lines, make_logger
from haoma.service.observe.metrics import Metrics
from haoma.service.observe.seals import SealLog
from haoma.service.observe.signals import Signals
from haoma.service.routes import documents
from haoma.service.routes.accounts import Accounts
from haoma.service.routes.callbacks import Callbacks
from haoma.service.routes.phone_number import PhoneNumber
from haoma.service.routes.probes import Probes
from haoma.service.routes.sessions import Sessions
from haoma.service.tokens import Tokens
from haoma.settings.service import start_warnings
from haoma.store.audit.seals import keep_sealed, seal_the_rest
from haoma.store.delivery import Delivery
from haoma.store.erasures import keep_erased
from haoma.store.keys.unwrapping import account_keys
from haoma.store.opening import open_store, sealer_of
from haoma.store.sweep import keep_swept
from haoma.words import entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from haoma.settings.model import Settings
    from haoma.steps import Notice
    from haoma.store.store import AsyncStore
    from haoma.store.sweep import Swept

_NO_KEYS = b'{"keys":[]}'


class Application(Gate):
    """The service as an ASGI application: a gate with the routes behind it.

    Attributes:
        on_start: Functions to call in the event loop when the server starts.
        routes: All routes.
    """

    def __init__(self, settings: Settings) -> None:
        service = settings.service
        tokens = Tokens(service.signing_keys or [Ed25519PrivateKey.generate()])
        # A key that was made here signs only if somebody gets tokens.
        published = bool(service.signing_keys or service.publishable_keys)
        metrics, lines = Metrics(), Lines(sys.stderr.buffer)
        log = make_logger(lines, level=service.log_level)
        self._log, self._lines = log, lines
        signals = self._signals = Signals(settings, metrics, log)
        self._keeps_accounts = settings.accounts is not None
        http = AsyncHttp(
            ca_file=settings.ca_file,
            allow_insecure_upstreams=settings.allow_insecure_upstreams,
            on_circuit=signals.circuit,
        )
        self._limits = Limits(settings, metrics, signals.valkey)
        self._stores = _open_stores(settings)

        def notice(notice: Notice) -> None:
            log.warning(notice.code, **dict(notice.because))

        memory = Memory()
        self._worlds = {tenant: World(http, self._stores.get(tenant, memory), notice) for tenant in settings.tenants}
        callers = Callers(service)
        self._deliveries = [
            Delivery(
                store.engine,
                sealer_of(settings.store, tenant),
                settings.webhooks,
                ca_file=settings.ca_file,
                allow_insecure_upstreams=settings.allow_insecure_upstreams,
                tell=signals.event,
                on_circuit=signals.receiver,
            )
            for tenant, store in self._stores.items()
            if settings.webhooks is not None
        ]
        journal = Journal(lines, metrics, service.log_level)
        self._probes = Probes(journal, metrics)
        self.on_start: list[Callable[[], None]] = []
        self.routes = (
            *PhoneNumber(settings, callers, tokens, self._worlds, self._limits, metrics, log).routes(),
            *Callbacks(settings, self._worlds).routes(),
            *Accounts(settings, callers, self._worlds, self._limits).routes(),
            *Sessions(settings, callers, tokens, self._worlds).routes(),
            *self._probes.routes(),
            *documents.routes(tokens.jwks if published else _NO_KEYS),
        )
        router = Router(self.routes, redirect_slashes=False, default=no_route, lifespan=self._lifespan)
        # Its ``app``: to call the router itself would only add a coroutine to each request.
        super().__init__(router.app, journal, service.request_seconds, service.cors_origins)

    def drain(self) -> None:
        """Make ``/readyz`` report that the service is shutting down."""
        self._probes.draining = True

    def end(self) -> None:
        """Refuse requests that are still in progress as too slow."""
        self.deadlines.end()

    def _tell_swept(self, swept: Swept | HaomaError) -> None:
        if isinstance(swept, HaomaError):
            self._log.warning("The store could not be swept.", code=swept.code, reason=swept.because.get("reason", ""))

    def _seal_log(self, store: AsyncStore) -> SealLog:
        return SealLog(self._lines, self._log, store.engine.tenant)

    def _tell_unsent(self, error: HaomaError) -> None:
        self._log.warning("Events cannot be sent now.", code=error.code, **error.because)

    @asynccontextmanager
    async def _lifespan(self, _app: Any) -> AsyncIterator[None]:
        for started in self.on_start:
            started()
        loop = asyncio.get_running_loop()
        stores = self._stores.values()
        sealed = [(store.engine, store.audit, self._seal_log(store)) for store in stores if store.audit is not None]
        sending = [(each, loop.create_task(each.run(self._tell_unsent))) for each in self._deliveries]
        tasks = [
            *(loop.create_task(keep_swept(store.engine, self._tell_swept, store.audit)) for store in stores),
            *(loop.create_task(keep_sealed(*each)) for each in sealed),
        ]
        if self._keeps_accounts:
            for tenant, store in self._stores.items():
                tasks.append(loop.create_task(keep_erased(store, partial(self._signals.erasures, tenant))))
        self._limits.begin()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*(each.stop(task) for each, task in sending))
            self._journal.write()
            for world in self._worlds.values():
                await world.finish()
            await self._limits.end()
            for store in stores:
                await store.aclose()
            for each in sealed:
                await seal_the_rest(*each)


def _open_stores(settings: Settings) -> dict[str, AsyncStore]:
    """Return the store of each tenant; none if memory alone was asked for."""
    accounts = None if settings.accounts is None else account_keys(settings.accounts)
    tells = settings.webhooks is not None
    found = {tenant: open_store(settings.store, accounts, tenant, tells=tells) for tenant in settings.tenants}
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
