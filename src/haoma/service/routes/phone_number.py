"""The routes under ``/v1/apps/{app}/`` that need a key: phone number, login, and revealing a session token."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from starlette.routing import Route

from haoma import authorization, sms
from haoma.authorize import authorize
from haoma.errors import HaomaError, ServerKeyNeeded, UnknownApp, UnknownRoute
from haoma.io.aio import World, run
from haoma.io.clock import now
from haoma.outcome import HABIT, Asked, answered, login
from haoma.platforms.base.refusal import refuses_a_code
from haoma.service.gate.body import read_body
from haoma.service.gate.endpoint import Endpoint
from haoma.service.gate.refused import Alarm, Budgets, client
from haoma.service.observe.log import Sparing
from haoma.service.routes.id_tokens import audience_for, issued, nonce_in
from haoma.service.routes.sessions import token_in
from haoma.tokens import check
from haoma.verified import result_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope
    from structlog.typing import FilteringBoundLogger

    from haoma.id_tokens import Audience
    from haoma.io.clients import Account
    from haoma.outcome import Reply
    from haoma.platforms.base.contract import App
    from haoma.service.callers import Caller, Callers
    from haoma.service.exchange import Exchange
    from haoma.service.gate.limits import Limits
    from haoma.service.gate.refused import Refused
    from haoma.service.observe.metrics import Metrics
    from haoma.service.tokens import Tokens
    from haoma.settings.model import Settings
    from haoma.steps import Flow
    from haoma.verified import VerifiedPhone

T = TypeVar("T")
Ask: TypeAlias = "Callable[[App, Caller, bytes, str], Awaitable[object]]"


class PhoneNumber:
    """These routes and their shared state: apps, keys, budgets and I/O."""

    def __init__(
        self,
        settings: Settings,
        callers: Callers,
        tokens: Tokens,
        worlds: Mapping[str, World],
        limits: Limits,
        counted: Refused,
        metrics: Metrics,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._callers = callers
        self._tokens = tokens
        self._worlds = worlds
        self._limits = limits
        self._metrics = metrics
        self._log = log
        self._sparing = Sparing()
        refused = settings.service.refused_limit, settings.service.refused_seconds, counted
        self._budgets = Budgets(*refused)
        self._alarm = Alarm(*refused)

    def routes(self) -> list[Route]:
        """Return the routes."""
        asks = {
            "phone-number": self.phone_number,
            "login": self.login,
            "phone-number/reveal": self.reveal,
            "sms/send": self.send_sms,
            "sms/check": self.check_sms,
        }
        return [self._route(f"/v1/apps/{{app}}/{name}", ask) for name, ask in asks.items()]

    def _route(self, path: str, ask: Ask) -> Route:
        return Route(path, Endpoint(path, partial(self._answer, ask), "POST"))

    async def phone_number(self, app: App, caller: Caller, body: bytes, address: str) -> object:
        """Turn an authorization into a phone number."""
        flow = authorize(app, body, now=now(), caller=caller.id, admit=self._limits.admit(app))
        audience, nonce = self._audience(app, caller, body)
        return self._told(app, caller, await self._run(flow, app, caller, address), audience, nonce)

    async def send_sms(self, app: App, caller: Caller, body: bytes, address: str) -> dict[str, Any]:
        """Send a code by text message."""
        settings = self._sms()
        flow = sms.send(app, settings, body, now=now(), address=address, admit=self._limits.admit(app))
        return await self._run(flow, app, caller, address)

    async def check_sms(self, app: App, caller: Caller, body: bytes, address: str) -> object:
        """Turn a code that the user has entered into a phone number."""
        settings = self._sms()
        audience, nonce = self._audience(app, caller, body)
        flow = sms.check(app, settings, body, now=now(), caller=caller.id)
        return self._told(app, caller, await self._run(flow, app, caller, address), audience, nonce)

    def _sms(self) -> sms.SmsSettings:
        if self._settings.sms is None:
            raise UnknownRoute
        return self._settings.sms

    def _told(self, app: App, caller: Caller, phone: VerifiedPhone, audience: Audience | None, nonce: str) -> object:
        """Return the answer with a number: all of it for a server key, else the masked number and a token."""
        if audience is None and caller.trusted:
            return result_body(phone)
        whole = phone.to_dict()
        told = {} if audience is None else self._id_token(audience, whole, nonce)
        if caller.trusted:
            return {**whole, **told}
        masked = phone.to_masked_dict()
        agreed = {} if audience is None else {"audience": audience.name}
        return {**masked, "token": self._tokens.issue(app.name, {**whole, **agreed}, masked, now()), **told}

    def _audience(self, app: App, caller: Caller, body: bytes) -> tuple[Audience | None, str]:
        """Return the audience that the user has agreed to, if it is one of the issuer's, and the nonce.

        It is looked up before anything is spent.
        """
        if self._settings.issuer is None:
            return None, ""
        consent = authorization.read(body).consent or {}
        name = consent.get("audience")
        if not isinstance(name, str) or not name:
            return None, ""
        return audience_for(self._settings.issuer, app, caller, name), nonce_in(consent)

    def _id_token(self, audience: Audience, phone: dict[str, object], nonce: str) -> dict[str, object]:
        """Return the ID token, unless nobody has logged in."""
        issuer = self._settings.issuer
        if issuer is None or phone.get("subject") is None:
            return {}
        return {"id_token": issued(self._tokens, issuer, audience, phone, nonce)["id_token"]}

    async def login(self, app: App, caller: Caller, body: bytes, address: str) -> dict[str, object]:
        """Exchange a login code for a session handle."""
        flow = login(app, body, now=now(), trusted=caller.trusted, admit=self._limits.admit(app))
        return await self._run(flow, app, caller, address)

    async def reveal(self, app: App, caller: Caller, body: bytes, _address: str) -> dict[str, object]:
        """Return the full result in a session token, for a server key."""
        if not caller.trusted:
            raise ServerKeyNeeded
        token = token_in(body)
        await run(check(token, self._tokens.keys, app=app.name), self._worlds[app.tenant])
        return self._tokens.reveal(app.name, token)

    async def _answer(self, ask: Ask, exchange: Exchange, scope: Scope, receive: Receive) -> Reply:
        """Answer a request to any of these routes."""
        name = scope["path_params"]["app"]
        exchange.app = known = self._settings.apps.get(name)
        exchange.caller = caller = self._callers.recognise(exchange.authorization)
        if known is not None and known.tenant != caller.tenant:  # to this caller there is no such app
            exchange.app = known = None
        # Set only after the key was checked, so that the form of a refusal does not reveal whether the app exists.
        exchange.habit = known is not None and known.reply == HABIT
        if known is None:
            near = difflib.get_close_matches(name, self._names(caller.tenant), n=1)
            raise UnknownApp(because={"nearest": near[0]} if near else {})
        service = self._settings.service
        address = client(scope, service.trusted_proxies, trusted=caller.trusted)
        if self._limits.of_requests:
            await self._limits.take(known, caller, address)
        body = await read_body(exchange, receive, service.body_seconds)
        if body and scope["query_string"]:
            authorization.refuse_in_address(scope["query_string"].decode("latin-1"))
        found = await ask(known, caller, body, address)
        return answered(found, Asked(habit=exchange.habit))

    def _names(self, tenant: str) -> list[str]:
        return [name for name, app in self._settings.apps.items() if app.tenant == tenant]

    def _run(self, flow: Flow[T], app: App, caller: Caller, address: str) -> Awaitable[T]:
        """Run a flow, within the client address's budget of refused codes if it has one."""
        if address:
            return self._run_within(self._budgets.take(address), flow, app, caller)
        return run(self._counting(flow, app, caller, None), self._worlds[app.tenant])

    async def _run_within(self, taken: Awaitable[Account], flow: Flow[T], app: App, caller: Caller) -> T:
        return await run(self._counting(flow, app, caller, await taken), self._worlds[app.tenant])

    def _counting(self, flow: Flow[T], app: App, caller: Caller, account: Account | None) -> Flow[T]:
        """Count a refused code inside the flow.

        A flow runs to its end even if the request times out, and a client can cause a timeout by sending the last byte
        of its body late. Counting in the request would then miss the refusal.
        """
        refused = False
        try:
            return (yield from flow)
        except HaomaError as error:
            refused = refuses_a_code(error)
            if refused:
                self._note_refused(app, caller)
            raise
        finally:
            if account is not None and (used_up := self._budgets.give_back(account, refused=refused)):
                self._warn("The platforms refused too many codes of an address; it has to wait.", address=used_up)

    def _note_refused(self, app: App, caller: Caller) -> None:
        self._metrics.count_refused(app.name, app.platform, caller.id)
        if self._alarm.rings(app.name, caller.id):  # once per window, and not subject to the rate limit of `_warn`
            self._log.warning(
                "Very many codes of a key were refused.", app=app.name, platform=app.platform, caller=caller.id
            )

    def _warn(self, event: str, **fields: object) -> None:
        left_out = self._sparing.left_out(f"{event} {sorted(fields.items())}")
        if left_out is not None:
            self._log.warning(event, **fields, left_out=left_out)
