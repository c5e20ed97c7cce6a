"""The routes under ``/v1/sessions``: whether a session token is still good, and ending one. They need a server key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.routing import Route

from haoma import authorization
from haoma.errors import BadField, MissingField, ServerKeyNeeded, TokenUnusable
from haoma.io.aio import run
from haoma.outcome import JSON
from haoma.service.gate.body import read_body
from haoma.service.gate.endpoint import Endpoint
from haoma.tokens import check, revoke

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope

    from haoma.io.aio import World
    from haoma.outcome import Reply
    from haoma.service.callers import Caller, Callers
    from haoma.service.exchange import Exchange
    from haoma.service.tokens import Tokens
    from haoma.settings.model import Settings
    from haoma.tokens import SessionToken

_ANSWER: Final = ((b"content-type", JSON.encode()), (b"cache-control", b"no-store"))
_SHOWN: Final = ("platform", "masked", "link")


class Sessions:
    """These routes."""

    def __init__(self, settings: Settings, callers: Callers, tokens: Tokens, worlds: Mapping[str, World]) -> None:
        self._settings = settings
        self._callers = callers
        self._tokens = tokens
        self._worlds = worlds

    def routes(self) -> list[Route]:
        """Return the routes."""
        asks = {"check": self.check, "revoke": self.revoke}
        return [
            Route(f"/v1/sessions/{name}", Endpoint(f"/v1/sessions/{name}", partial(self._answer, ask), "POST"))
            for name, ask in asks.items()
        ]

    async def check(self, caller: Caller, token: str) -> dict[str, Any]:
        """Tell whether a token is good, and what it says. Of one that is not, nothing else is told."""
        try:
            self._known(caller, token)
            session = await run(check(token, self._tokens.keys), self._worlds[caller.tenant])
        except TokenUnusable:
            return {"active": False}
        return {"active": True, **_shown(session)}

    async def revoke(self, caller: Caller, token: str) -> dict[str, Any]:
        """End a token. One that is no good is ended already."""
        try:
            self._known(caller, token)
            await run(revoke(token, self._tokens.keys), self._worlds[caller.tenant])
        except TokenUnusable:
            return {"revoked": False}
        return {"revoked": True}

    async def _answer(
        self,
        ask: Callable[[Caller, str], Awaitable[dict[str, Any]]],
        exchange: Exchange,
        _scope: Scope,
        receive: Receive,
    ) -> Reply:
        exchange.caller = caller = self._callers.recognise(exchange.authorization)
        if not caller.trusted:
            raise ServerKeyNeeded
        body = await read_body(exchange, receive, self._settings.service.body_seconds)
        return 200, msgspec.json.encode(await ask(caller, token_in(body))), _ANSWER

    def _known(self, caller: Caller, token: str) -> None:
        """Refuse a token for an app that the caller does not have.

        Raises:
            TokenUnusable: ``caller.token-unusable``.
        """
        app = self._settings.apps.get(self._tokens.read(token).app)
        if app is None or app.tenant != caller.tenant:
            raise TokenUnusable(diagnosis="another tenant")


def token_in(body: bytes) -> str:
    """Return the member ``token`` of a body.

    Raises:
        HaomaError: ``envelope.*``.
    """
    token = authorization.read(body).claimed.get("token")
    if token is None:
        raise MissingField(because={"field": "token"})
    if not isinstance(token, str):
        raise BadField(because={"field": "token", "type": type(token).__name__, "needed": "string"})
    return token


def _shown(session: SessionToken) -> dict[str, Any]:
    return {
        "id": session.id,
        "app": session.app,
        "subject": session.subject,
        "account": session.account,
        "issued_at": session.issued_at,
        "expires_at": session.expires_at,
        **{name: session.claims.get(name) for name in _SHOWN},
    }
