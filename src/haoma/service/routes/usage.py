"""The route that tells what is left of the quotas that a platform sells for an app. It needs a server key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.routing import Route

from haoma.errors import ServerKeyNeeded, UnknownApp
from haoma.outcome import JSON
from haoma.service.gate.endpoint import READ, Endpoint
from haoma.service.gate.refused import client

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from haoma.outcome import Reply
    from haoma.quotas import Told
    from haoma.service.callers import Callers
    from haoma.service.exchange import Exchange
    from haoma.service.gate.limits import Limits
    from haoma.service.quotas import Quotas
    from haoma.settings.model import Settings

_PATH: Final = "/v1/apps/{app}/usage"
_ANSWER: Final = ((b"content-type", JSON.encode()), (b"cache-control", b"no-store"))


class Usage:
    """This route."""

    def __init__(self, settings: Settings, callers: Callers, quotas: Quotas, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits
        self._callers = callers
        self._quotas = quotas

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(_PATH, Endpoint(_PATH, self._answer, *READ))]

    async def _answer(self, exchange: Exchange, scope: Scope, _receive: Receive) -> Reply:
        exchange.caller = caller = self._callers.recognise(exchange.authorization)
        if not caller.trusted:
            raise ServerKeyNeeded
        app = self._settings.apps.get(scope["path_params"]["app"])
        if app is None or app.tenant != caller.tenant:
            raise UnknownApp
        exchange.app = app
        if self._limits.of_requests:
            address = client(scope, self._settings.service.trusted_proxies, trusted=True)
            await self._limits.take(app, caller, address)
        told = await self._quotas.ask(app)
        return 200, msgspec.json.encode({"quotas": [shown(each) for each in told]}), _ANSWER


def shown(told: Told) -> dict[str, Any]:
    """Return what is told of one quota: the figures, or the code of the error and the platform's."""
    if told.quota is not None:
        quota = told.quota
        figures = {"total": quota.total, "used": quota.used, "left": quota.left, "low": quota.low}
        return {"name": told.name, **figures}
    error = told.error
    assert error is not None  # noqa: S101 - there is one or the other
    return {"name": told.name, "code": error.code, "platform_code": error.platform_code or None}
