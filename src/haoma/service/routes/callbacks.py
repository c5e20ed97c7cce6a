"""The route for a platform's callbacks. They carry no key of ours and are authenticated by the platform's signature.

A platform posts there. It may also send a GET, once, when the address is entered in its console.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.routing import Route

from haoma.authorize import take_push
from haoma.errors import CannotOpen, HaomaError
from haoma.io.aio import World, run
from haoma.io.clock import now
from haoma.platforms.registry import PLATFORMS
from haoma.quotas import Told
from haoma.service.gate.body import read_body
from haoma.service.gate.endpoint import Endpoint
from haoma.service.gate.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope

    from haoma.outcome import Reply
    from haoma.platforms.base.contract import App, Heard
    from haoma.service.exchange import Exchange
    from haoma.service.observe.signals import Signals
    from haoma.settings.model import Settings

_PATH: Final = "/v1/apps/{app}/callback"
_MOST_FIELDS: Final = 20
_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"),)


class Callbacks:
    """The callback route of all apps."""

    def __init__(self, settings: Settings, worlds: Mapping[str, World], signals: Signals) -> None:
        self._settings = settings
        self._signals = signals
        self._worlds = worlds
        takers = [app for app in settings.apps.values() if PLATFORMS[app.platform].take_push is not None]
        # A platform may put the app id into the address at which it pushes what concerns a merchant's mini program.
        self._takers = {**{app.app_id: app for app in reversed(takers)}, **{app.name: app for app in takers}}
        self._stand_ins = {app.platform: app for app in reversed(takers)}

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(_PATH, Endpoint(_PATH, self._answer, "GET", "POST"))]

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive) -> Reply:
        try:
            body = await read_body(exchange, receive, self._settings.service.body_seconds)
            query = _read_query(scope)
            exchange.app = app = self._takers.get(scope["path_params"]["app"])
            exchange.pushed = heard = await self._hear(app, query, body)
        except CannotOpen as error:
            # Without a valid signature, the caller must not learn which apps exist or which of them accept callbacks.
            reply = refuse(exchange, CannotOpen())
            exchange.error = error
            return reply
        if app is not None and heard.quotas:
            self._signals.quotas(app, [Told(name, quota) for name, quota in heard.quotas.items()])
        return 200, heard.said.encode(), _TEXT

    async def _hear(self, app: App | None, query: dict[str, str], body: bytes) -> Heard:
        if app is None:
            self._refuse_elsewhere(None, query, body)
            raise CannotOpen(diagnosis="no such app")
        try:
            return await run(take_push(app, query, body, now=now()), self._worlds[app.tenant])
        except CannotOpen:
            self._refuse_elsewhere(app, query, body)
            raise

    def _refuse_elsewhere(self, app: App | None, query: dict[str, str], body: bytes) -> None:
        """Do the work of a refusal by each other platform, so that the time does not reveal which apps exist.

        No step is executed, so a valid callback at a wrong address has no effect.
        """
        for platform, other in self._stand_ins.items():
            if app is None or app.platform != platform:
                flow = take_push(other, query, body, now=now())
                with suppress(HaomaError, StopIteration):
                    next(flow)
                flow.close()


def _read_query(scope: Scope) -> dict[str, str]:
    """Return the query of a callback.

    Raises:
        CannotOpen: ``trust.cannot-open``: too many fields, or a duplicate field.
    """
    try:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise CannotOpen(diagnosis="too many fields in the query") from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise CannotOpen(diagnosis="a field of the query is there twice")
    return query
