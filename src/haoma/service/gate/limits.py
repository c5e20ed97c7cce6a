"""Limits on the requests that are served: for each service key, app, client address and login.

Without Valkey each process counts by itself, so with N workers up to N times as many requests are served. With Valkey
(``cache_url`` in ``[store]``) all processes count together. If it does not answer, each process goes on with its own
counts, which it keeps all the time.

A limit for a key or an app can be used up by anybody who has a publishable key, and then holds for all its users. The
limit for addresses is looked at together with them: an address over its limit uses up nothing of theirs. With IPv6 the
networks around an address have limits too, with room for more (`haoma.io.client_addresses.around`).
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

from haoma.errors import TooManyRequests
from haoma.io.client_addresses import around
from haoma.io.clock import monotonic_us
from haoma.steps import Call, ask
from haoma.store.cache import Counters
from haoma.store.gcra import Local
from haoma.store.opening import check_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haoma.platforms.base.contract import App, Login
    from haoma.service.callers import Caller
    from haoma.service.observe.metrics import Metrics
    from haoma.settings.model import Settings
    from haoma.steps import Flow
    from haoma.store.gcra import Meter

_MICROSECONDS: Final = 1_000_000


class Limits:
    """The limits of the service.

    Args:
        settings: The settings.
        metrics: Counts the requests that are refused.
        valkey: Called with True when Valkey answers, and with False when it no longer does.
        counters: The counters of this process, which go on when the configuration is read again.

    Attributes:
        of_requests: Whether there is a limit other than that for a login.

    Raises:
        ConfigFaults: ``config.cache-driver``, ``config.bad-url``: there can be no connection to Valkey.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, valkey: Callable[[bool], None], counters: Local | None = None
    ) -> None:
        service = self._service = settings.service
        self.of_requests = bool(service.key_limit or service.app_limit or service.address_limit)
        self._metrics = metrics
        self._local = Local() if counters is None else counters
        self._shared: Counters | None = None
        check_cache(settings.store)
        if settings.store.cache_url and service.limited:
            self._shared = Counters(settings.store.cache_url, settings.store.table_prefix, _digester(settings), valkey)

    def begin(self) -> None:
        """Connect to Valkey. Call this in the event loop."""
        if self._shared is not None:
            self._shared.begin()

    async def end(self) -> None:
        """Close the connection to Valkey."""
        if self._shared is not None:
            await self._shared.end()

    async def take(self, app: App, caller: Caller, address: str) -> None:
        """Count a request.

        Args:
            app: The app.
            caller: The caller.
            address: The client's address as `haoma.service.gate.refused.client` returns it; empty if it does not count.

        Raises:
            TooManyRequests: ``caller.too-many-requests``.
        """
        service = self._service
        meters = []
        if service.key_limit:
            meters.append(service.key_limit.meter("key", caller.id))
        if service.app_limit:
            meters.append(service.app_limit.meter("app", app.scope))
        if service.address_limit and address:
            meters.append(service.address_limit.meter("address", address))
            meters += [service.address_limit.meter("address", network, times) for network, times in around(address)]
        await self._take(app.name, app.platform, meters)

    async def take_look_up(self, caller: Caller) -> None:
        """Count a look-up of an account. Whoever has a key could otherwise try every number there is.

        Raises:
            TooManyRequests: ``caller.too-many-requests``.
        """
        rate = self._service.look_up_limit
        if rate is not None:
            await self._take("", "", [rate.meter("look-up", caller.id)])

    def admit(self, app: App) -> Callable[[Login], Flow[None]] | None:
        """Return the function that a flow calls with the user who is logged in; None if there is no such limit."""
        rate = self._service.login_limit
        if rate is None:
            return None

        def admit(login: Login) -> Flow[None]:
            name = f"{app.scope} {login.subject.openid} {login.subject.user_id}"
            yield from ask(Call(self._take, (app.name, app.platform, [rate.meter("login", name)])))

        return admit

    async def _take(self, app: str, platform: str, meters: Sequence[Meter]) -> None:
        if not meters:
            return
        # What this process alone has served is less than what all have. So who is over the limit here need not ask.
        refusal = self._local.take(meters, monotonic_us())
        if refusal is None and self._shared is not None:
            counted, refusal = await self._shared.take(meters)
            if not counted:
                self._metrics.count_uncounted()
            if refusal is not None:
                self._local.give_back(meters)
        if refusal is not None:
            self._metrics.count_limited(app, platform, refusal.kind)
            seconds = max(1, math.ceil(refusal.microseconds / _MICROSECONDS))
            raise TooManyRequests(because={"limit": refusal.kind}, retry_after=seconds)


def _digester(settings: Settings) -> Callable[[str, str], bytes]:
    """Return the function that names the counters in Valkey. All workers have the same, and nobody else has."""
    secrets = [key.secret for key in settings.store.keys[:1]]  # after a rotation the counters begin anew
    secrets = secrets or sorted(key.digest for key in settings.service.keys)
    key = hashlib.blake2b(b"".join(secrets), person=b"haoma limits").digest()

    def digest(kind: str, name: str) -> bytes:
        return hashlib.blake2b(ascii((kind, name)).encode(), key=key, digest_size=16).digest()

    return digest
