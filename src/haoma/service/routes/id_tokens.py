"""The routes of the issuer: an ID token for an audience, in exchange for a session token, and whether one is good."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.routing import Route

from haoma import authorization
from haoma.errors import BadField, MissingField, ServerKeyNeeded, TokenUnusable, UnknownApp, UnknownRoute
from haoma.id_tokens import NONCE_LENGTH, accept, claims_of
from haoma.io.aio import run
from haoma.io.clock import now
from haoma.jws import jwk
from haoma.outcome import JSON
from haoma.service.gate.body import read_body
from haoma.service.gate.endpoint import Endpoint
from haoma.tokens import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope

    from haoma.id_tokens import Audience, Issuer
    from haoma.io.aio import World
    from haoma.outcome import Reply
    from haoma.platforms.base.contract import App
    from haoma.service.callers import Caller, Callers
    from haoma.service.exchange import Exchange
    from haoma.service.tokens import Tokens
    from haoma.settings.model import Settings

_ANSWER: Final = ((b"content-type", JSON.encode()), (b"cache-control", b"no-store"))


class IdTokens:
    """These routes."""

    def __init__(self, settings: Settings, callers: Callers, tokens: Tokens, worlds: Mapping[str, World]) -> None:
        self._settings = settings
        self._callers = callers
        self._tokens = tokens
        self._worlds = worlds

    def routes(self) -> list[Route]:
        """Return the routes."""
        paths = {"/v1/apps/{app}/id-token": self.exchange, "/v1/id-tokens/check": self.check}
        return [Route(path, Endpoint(path, partial(self._answer, ask), "POST")) for path, ask in paths.items()]

    async def exchange(self, issuer: Issuer, caller: Caller, sent: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
        """Return an ID token for the user of a session token.

        The user has to have agreed to this audience in the request that the session token comes from.
        """
        app = self._settings.apps.get(scope["path_params"]["app"])
        if app is None or app.tenant != caller.tenant:
            raise UnknownApp
        audience = audience_for(issuer, app, caller, _text(sent, "audience"))
        token = _text(sent, "token")
        session = await run(check(token, self._tokens.keys, app=app.name), self._worlds[app.tenant])
        phone = self._tokens.reveal(app.name, token)
        if phone.get("audience") != audience.name:
            raise BadField(because={"field": "audience", "reason": "the user has not agreed to it"})
        at = session.issued_at.timestamp()
        return issued(self._tokens, issuer, audience, phone, nonce_in(sent), at)

    async def check(self, issuer: Issuer, caller: Caller, sent: Mapping[str, Any], _scope: Scope) -> dict[str, Any]:
        """Tell whether an ID token is good, and what it says. The second time it is not."""
        if not caller.trusted:
            raise ServerKeyNeeded
        audience = issuer.audiences.get(_text(sent, "audience"))
        if audience is None or audience.tenant != caller.tenant:
            raise BadField(because={"field": "audience", "reason": "no such audience"})
        keys = {jwk(key)["kid"]: key for key in (each.public_key() for each in issuer.keys)}
        nonce = nonce_in(sent) or None
        flow = accept(_text(sent, "token"), keys, issuer=issuer.url, audience=audience.aud, nonce=nonce)
        try:
            found = await run(flow, self._worlds[caller.tenant])
        except TokenUnusable:
            return {"active": False}
        return {"active": True, "claims": found.claims}

    async def _answer(self, ask: Any, exchange: Exchange, scope: Scope, receive: Receive) -> Reply:
        issuer = self._settings.issuer
        exchange.caller = caller = self._callers.recognise(exchange.authorization)
        if issuer is None:
            raise UnknownRoute
        body = await read_body(exchange, receive, self._settings.service.body_seconds)
        sent = authorization.read(body).claimed
        return 200, msgspec.json.encode(await ask(issuer, caller, sent, scope)), _ANSWER


def audience_for(issuer: Issuer, app: App, caller: Caller, name: str) -> Audience:
    """Return an audience that may have the users of an app.

    Raises:
        BadField: ``envelope.bad-field``: there is none of this name.
        ServerKeyNeeded: ``caller.server-key-needed``: it learns full numbers, which a mini program's key does not get.
    """
    found = issuer.audiences.get(name)
    if found is None or found.tenant != app.tenant or (found.apps and app.name not in found.apps):
        raise BadField(because={"field": "audience", "reason": "no such audience"})
    if found.phone == "full" and not caller.trusted:
        raise ServerKeyNeeded
    return found


def issued(
    tokens: Tokens, issuer: Issuer, audience: Audience, phone: Mapping[str, Any], nonce: str, at: float | None = None
) -> dict[str, Any]:
    """Return an ID token as it is answered.

    Raises:
        MissingField: ``envelope.missing-field``: there was no login, and a number alone identifies nobody.
    """
    claims = claims_of(phone, issuer, audience, now=now(), nonce=nonce, at=at)
    if claims is None:
        raise MissingField(because={"field": "login_code"})
    return {"id_token": tokens.sign_id(issuer, audience, claims), "expires_in": claims["exp"] - claims["iat"]}


def nonce_in(sent: Mapping[str, Any]) -> str:
    """Return the member ``nonce`` of a body; empty without one.

    Raises:
        BadField: ``envelope.bad-field``.
    """
    return _text(sent, "nonce") if "nonce" in sent else ""


def _text(sent: Mapping[str, Any], name: str) -> str:
    value = sent.get(name)
    if value is None:
        raise MissingField(because={"field": name})
    if not isinstance(value, str):
        raise BadField(because={"field": name, "type": type(value).__name__, "needed": "string"})
    if name == "nonce" and (len(value) > NONCE_LENGTH or not value.isprintable()):
        raise BadField(because={"field": name, "reason": "too long, or has control characters"})
    return value
