"""Where a platform pushes what it has to say to an app. No key of ours is in it: its own signature has to prove it."""

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
from haoma.service.gate.body import read_body
from haoma.service.gate.endpoint import Endpoint
from haoma.service.gate.refusing import refuse

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from haoma.platforms.base.contract import App
    from haoma.service.exchange import Exchange, Reply
    from haoma.settings.model import Settings

_PATH: Final = "/v1/apps/{app}/callback"
_MOST_FIELDS: Final = 20
_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"),)


class Callbacks:
    """Takes pushes."""

    def __init__(self, settings: Settings, world: World) -> None:
        self._settings = settings
        self._world = world

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(_PATH, Endpoint(_PATH, self._answer, "POST"))]

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive) -> Reply:
        try:
            body = await read_body(exchange, receive, self._settings.service.body_seconds)
            query = _read_query(scope)
            exchange.app = app = self._pushed_to(scope["path_params"]["app"], query, body)
            said = await run(take_push(app, query, body, now=now()), self._world)
        except CannotOpen as error:
            # Whoever cannot sign does not learn which apps there are, nor which of them take pushes.
            reply = refuse(exchange, CannotOpen())
            exchange.error = error
            return reply
        return 200, said.encode(), _TEXT

    def _pushed_to(self, name: str, query: dict[str, str], body: bytes) -> App:
        """Return the app that a push is for.

        Raises:
            CannotOpen: ``trust.cannot-open``: there is no such app. It takes as long as a push to another one that is
                refused, or the time would tell which apps there are.
        """
        app = self._settings.apps.get(name)
        if app is not None and PLATFORMS[app.platform].take_push is not None:
            return app
        other = next((each for each in self._settings.apps.values() if PLATFORMS[each.platform].take_push), None)
        if other is not None:
            flow = take_push(other, query, body, now=now())
            with suppress(HaomaError, StopIteration):
                next(flow)  # up to the first step, which is not taken: it may be a good one, at a wrong address
            flow.close()
        raise CannotOpen(diagnosis="no such app")


def _read_query(scope: Scope) -> dict[str, str]:
    """Return the query of a push.

    Raises:
        CannotOpen: ``trust.cannot-open``: it has too many fields, or one of them twice.
    """
    try:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise CannotOpen(diagnosis="too many fields in the query") from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise CannotOpen(diagnosis="a field of the query is there twice")
    return query
