"""What the service does between requests: it sweeps, seals, sends events, erases accounts, and asks for quotas."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from haoma.errors import HaomaError
from haoma.service.observe.seals import SealLog
from haoma.store.audit.seals import keep_sealed, seal_the_rest
from haoma.store.delivery import Delivery
from haoma.store.erasures import keep_erased
from haoma.store.opening import sealer_of
from haoma.store.sweep import keep_swept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from structlog.typing import FilteringBoundLogger

    from haoma.service.observe.log import Lines
    from haoma.service.observe.signals import Signals
    from haoma.service.quotas import Quotas
    from haoma.settings.model import Settings
    from haoma.store.store import AsyncStore
    from haoma.store.sweep import Swept


class Background:
    """The tasks of one process.

    Args:
        settings: The settings.
        stores: The store of each tenant.
        signals: Told of what happens.
        log: The log.
        lines: Where the seals of the audit log are written.
        quotas: Asks what is left of what platforms sell.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Mapping[str, AsyncStore],
        signals: Signals,
        log: FilteringBoundLogger,
        lines: Lines,
        quotas: Quotas,
    ) -> None:
        self._quotas = quotas
        self._stores = stores
        self._signals = signals
        self._log = log
        self._erases = settings.accounts is not None
        self._sealed = [
            (store.engine, store.audit, SealLog(lines, log, store.engine.tenant))
            for store in stores.values()
            if store.audit is not None
        ]
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
            for tenant, store in stores.items()
            if settings.webhooks is not None
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the tasks until the end of the context, except for the sealing of what is written until then."""
        loop, stores = asyncio.get_running_loop(), self._stores
        sending = [(each, loop.create_task(each.run(self._tell_unsent))) for each in self._deliveries]
        tasks = [
            *(loop.create_task(keep_swept(store.engine, self._tell_swept, store.audit)) for store in stores.values()),
            *(loop.create_task(keep_sealed(*each)) for each in self._sealed),
            loop.create_task(self._quotas.keep()),
        ]
        if self._erases:
            for tenant, store in stores.items():
                tasks.append(loop.create_task(keep_erased(store, partial(self._signals.erasures, tenant))))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*(each.stop(task) for each, task in sending))

    async def seal_the_rest(self) -> None:
        """Seal what was written last, after the stores are closed."""
        for each in self._sealed:
            await seal_the_rest(*each)

    def _tell_swept(self, swept: Swept | HaomaError) -> None:
        if isinstance(swept, HaomaError):
            self._log.warning("The store could not be swept.", code=swept.code, reason=swept.because.get("reason", ""))

    def _tell_unsent(self, error: HaomaError) -> None:
        self._log.warning("Events cannot be sent now.", code=error.code, **error.because)
