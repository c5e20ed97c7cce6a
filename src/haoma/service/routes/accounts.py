"""The routes under ``/v1/accounts`` and ``/v1/disputes``. They need a server key, and answer for its tenant alone.

Numbers and ids of platforms stand in bodies, never in addresses: addresses end up in logs.
"""

from __future__ import annotations

from asyncio import sleep
from functools import partial
from random import random
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

import msgspec
from starlette.routing import Route

from haoma import accounts
from haoma.bodies import (
    EraseBody,
    ExportBody,
    LookUpBody,
    MergeBody,
    ReadBody,
    ReasonBody,
    ResolveBody,
    UnlinkBody,
    UserBody,
    WithdrawBody,
    read,
)
from haoma.crypto.strict import parse_json_object
from haoma.errors import (
    BadField,
    NoAccounts,
    ServerKeyNeeded,
    UnknownApp,
)
from haoma.io.aio import run
from haoma.io.clock import now
from haoma.outcome import JSON
from haoma.service.gate.body import read_body
from haoma.service.gate.endpoint import Endpoint
from haoma.verified import result_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope

    from haoma.bodies import LoginBody, ProofBody
    from haoma.io.aio import World
    from haoma.link import Login
    from haoma.outcome import Reply
    from haoma.platforms.base.contract import App
    from haoma.service.callers import Callers
    from haoma.service.exchange import Exchange
    from haoma.service.gate.limits import Limits
    from haoma.settings.model import Settings
    from haoma.steps import Flow

T = TypeVar("T")
Verb: TypeAlias = "Callable[[Request, bytes], Flow[object]]"
_LOOK_UP_SECONDS: Final = 0.001
"""Longest random wait of a look-up. A known number is one more row to read, about 13 µs. Whoever only sees how long an
encrypted answer takes cannot tell those from the wait, and cannot repeat the question."""
_ANSWER: Final = ((b"content-type", JSON.encode()), (b"cache-control", b"no-store"))
_encode: Final = msgspec.json.Encoder().encode


class Request(NamedTuple):
    """A request to one of these routes.

    Attributes:
        by: Id of the caller's key.
        tenant: The caller's tenant.
        id: The account or dispute of the address; empty if there is none.
    """

    by: str
    tenant: str
    id: str


class Accounts:
    """These routes."""

    def __init__(self, settings: Settings, callers: Callers, worlds: Mapping[str, World], limits: Limits) -> None:
        self._settings = settings
        self._callers = callers
        self._worlds = worlds
        self._limits = limits

    def routes(self) -> list[Route]:
        """Return the routes."""
        found = [self._route("/v1/accounts/look-up", self.look_up)]
        found += [self._route(f"/v1/accounts/{{id}}/{name}", verb) for name, verb in self._of_account().items()]
        found.append(self._route("/v1/disputes/{id}/read", self.read_dispute))
        found.append(self._route("/v1/disputes/{id}/resolve", self.resolve))
        return found

    def _of_account(self) -> dict[str, Verb]:
        return {
            "read": self.read,
            "user": self.set_user,
            "number": self.change_number,
            "unlink": self.unlink,
            "merge": self.merge,
            "export": self.export,
            "erase": self.erase,
            "withdraw-consent": self.withdraw,
            "revoke-sessions": self.revoke,
        }

    def _route(self, path: str, verb: Verb) -> Route:
        return Route(path, Endpoint(path, partial(self._answer, verb), "POST"))

    async def _answer(self, verb: Verb, exchange: Exchange, scope: Scope, receive: Receive) -> Reply:
        exchange.caller = caller = self._callers.recognise(exchange.authorization)
        if not caller.trusted:
            raise ServerKeyNeeded
        world = self._worlds.get(caller.tenant)
        if self._settings.accounts is None or world is None:
            raise NoAccounts
        body = await read_body(exchange, receive, self._settings.service.body_seconds)
        if verb == self.look_up:
            await self._limits.take_look_up(caller)
            await sleep(random() * _LOOK_UP_SECONDS)  # noqa: S311 - noise, not a secret
        flow = verb(Request(caller.id, caller.tenant, scope["path_params"].get("id", "")), body)
        return 200, _encode(await run(flow, world)), _ANSWER

    # --- the verbs ---

    def look_up(self, request: Request, body: bytes) -> Flow[object]:
        """Find the account of a number or of a login."""
        said = read(body, LookUpBody)
        login = None if said.login is None else self._login(request, said.login)
        return accounts.look_up(by=request.by, phone_number=said.phone_number, login=login, reason=said.reason)

    def read(self, request: Request, body: bytes) -> Flow[object]:
        """Read an account, masked or with the full number."""
        said = read(body, ReadBody)
        return accounts.read(request.id, by=request.by, reveal=said.reveal, reason=said.reason)

    def export(self, request: Request, body: bytes) -> Flow[object]:
        """Return everything there is about a person."""
        return accounts.export(request.id, by=request.by, reason=read(body, ExportBody).reason)

    def set_user(self, request: Request, body: bytes) -> Flow[object]:
        """Note the application's own id of the user."""
        said = read(body, UserBody)
        yield from accounts.set_user(request.id, said.user, by=request.by, reason=said.reason)
        return {}

    def change_number(self, request: Request, body: bytes) -> Flow[object]:
        """Give an account the number that its user has just shared."""
        sent = parse_json_object(body)
        name = sent.pop("app", None)
        if not isinstance(name, str):
            raise BadField(because={"field": "app", "type": type(name).__name__, "needed": "string"})
        app = self._app(request, name)
        return result_body((yield from accounts.change_number(request.id, app, sent, now=now(), by=request.by)))

    def unlink(self, request: Request, body: bytes) -> Flow[object]:
        """Take a login from its account."""
        said = read(body, UnlinkBody)
        login = self._login(request, said.login)
        return accounts.unlink(request.id, login, by=request.by, preview=said.preview, reason=said.reason)

    def merge(self, request: Request, body: bytes) -> Flow[object]:
        """Give everything that another account has to this one."""
        said = read(body, MergeBody)
        return accounts.merge(
            request.id,
            said.other,
            by=request.by,
            proofs=self._proofs(request, said.proofs),
            keep_other=said.keep_other,
            preview=said.preview,
            reason=said.reason,
        )

    def erase(self, request: Request, body: bytes) -> Flow[object]:
        """Erase an account, now or before it is due."""
        said = read(body, EraseBody)
        return accounts.erase(request.id, by=request.by, later=said.later, preview=said.preview, reason=said.reason)

    def withdraw(self, request: Request, body: bytes) -> Flow[object]:
        """Withdraw consents."""
        said = read(body, WithdrawBody)
        flow = accounts.withdraw_consent(request.id, by=request.by, scene=said.scene, reason=said.reason)
        return {"withdrawn": (yield from flow)}

    def revoke(self, request: Request, body: bytes) -> Flow[object]:
        """End all sessions of an account."""
        yield from accounts.revoke_sessions(request.id, by=request.by, reason=read(body, ReasonBody).reason)
        return {}

    def read_dispute(self, request: Request, body: bytes) -> Flow[object]:
        """Read a dispute."""
        return accounts.read_dispute(request.id, by=request.by, reason=read(body, ReasonBody).reason)

    def resolve(self, request: Request, body: bytes) -> Flow[object]:
        """Decide a dispute, or undo a move."""
        said = read(body, ResolveBody)
        proofs = self._proofs(request, said.proofs)
        return accounts.resolve(
            request.id, said.action, by=request.by, proofs=proofs, preview=said.preview, reason=said.reason
        )

    # --- what they have in common ---

    def _proofs(self, request: Request, said: tuple[ProofBody, ...]) -> tuple[tuple[App, str], ...]:
        return tuple((self._app(request, each.app), each.session) for each in said)

    def _app(self, request: Request, name: str) -> App:
        app = self._settings.apps.get(name)
        if app is None or app.tenant != request.tenant:
            raise UnknownApp
        return app

    def _login(self, request: Request, said: LoginBody) -> Login:
        return accounts.login_of(self._app(request, said.app), said.kind, said.value)
