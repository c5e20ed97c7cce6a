"""haoma in a Litestar application.

::

    client = haoma.AsyncClient.from_file("haoma.toml")
    app = Litestar(plugins=[HaomaPlugin(client, on_verified=find_user, respond=sign_token)])

    @post("/shipping-number", dependencies={"phone": Provide(verified_phone("shop"))})
    async def shipping(phone: NamedDependency[VerifiedPhone]) -> dict[str, str]: ...

Who joins an account by a number: see `haoma.integrations.users`.
"""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgspec
from litestar import Litestar, Request, Response, Router, post
from litestar.concurrency import sync_to_thread
from litestar.exceptions import ClientException, InternalServerException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.plugins import InitPlugin

from haoma.authorization import refuse_in_address
from haoma.errors import HaomaError, TooSlow
from haoma.integrations.common import (
    Answering,
    From,
    aread,
    caller_of,
    checked,
    examples,
    find_app,
    join,
    linked,
    log_in,
)
from haoma.outcome import PROBLEM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from litestar.config.app import AppConfig

    from haoma.client import AsyncClient
    from haoma.integrations.common import Asking
    from haoma.link import Link
    from haoma.outcome import Asked, Reply
    from haoma.verified import VerifiedPhone

UserT = TypeVar("UserT")
OnVerified: TypeAlias = "Callable[[VerifiedPhone, Link | None], UserT | Awaitable[UserT]]"
"""Called with a verified number, and how it was linked to an account (None if accounts are not kept). Returns your
user, found, created or linked. It may be called twice for one tap, at once and in two processes."""
Respond: TypeAlias = "Callable[[UserT, Request[Any, Any, Any]], object | Awaitable[object]]"
"""Turns your user into what the mini program gets: a `Response`, or anything that can be JSON."""
CallerOf: TypeAlias = "Callable[[Request[Any, Any, Any]], object]"
"""Returns the id of the user or session that a request belongs to, or None. For ``repeat_seconds``, only the same one
gets the same answer again."""

STATE: Final = "haoma"
"""The member of ``app.state`` with the client."""


class Problem(msgspec.Struct, kw_only=True):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    next: str
    retry: bool
    request_id: str | None = None
    dispute: str | None = None


class HaomaPlugin(InitPlugin):
    """Adds routes for mini programs, a handler for haoma's errors, and the end of the client.

    The routes are the same as those of ``haoma serve``, without keys: ``/apps/{app}/phone-number`` turns an
    authorization into a number, ``/apps/{app}/login`` turns a login code into a session, and
    ``/disputes/{dispute}/join`` decides a conflict by sessions of both sides.

    Args:
        client: The client.
        on_verified: Returns your user for a number. Without it the answer is the masked number with its checks.
        respond: Turns your user into the answer. Without it the user itself is the answer.
        prefix: What the paths begin with.
        envelope: ``code-msg-data`` to wrap every answer in ``{"code", "msg", "data"}``, with status 200.
        trusted: True if not a mini program but a back end of yours asks: answers have full numbers and precise codes.
            The routes have no keys, so nobody else may reach them.
        caller: Returns the user or session of a request, if there is one before the login.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        on_verified: OnVerified[Any] | None = None,
        respond: Respond[Any] | None = None,
        prefix: str = "/v1",
        envelope: str | None = None,
        trusted: bool = False,
        caller: CallerOf | None = None,
    ) -> None:
        self._client = checked(client)
        self._caller = caller or nobody
        self._on_verified = on_verified
        self._respond = respond
        self._prefix = prefix
        self._answering = Answering.of(envelope, trusted=trusted)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add it to an application."""
        app_config.route_handlers.append(self._router())
        app_config.exception_handlers = {HaomaError: self._refuser(), **(app_config.exception_handlers or {})}
        app_config.state[STATE] = self._client
        app_config.lifespan.append(self._open)
        return app_config

    @asynccontextmanager
    async def _open(self, _app: Litestar) -> AsyncIterator[None]:
        async with self._client:
            yield

    def _router(self) -> Router:
        answers: dict[str, Callable[[Request[Any, Any, Any]], Awaitable[Response[Any]]]] = {
            "/apps/{app:str}/phone-number": self._phone_number,
            "/apps/{app:str}/login": self._log_in,
            "/disputes/{dispute:str}/join": self._join,
        }
        refusals = None if self._answering.habit else problems(trusted=self._answering.trusted)

        def handler(path: str, answer: Callable[[Request[Any, Any, Any]], Awaitable[Response[Any]]]) -> Any:
            @post(path, status_code=200, tags=["haoma"], responses=refusals)
            async def handle(request: Request[Any, Any, Any]) -> Response[Any]:
                return await answer(request)

            return handle

        return Router(
            self._prefix,
            route_handlers=[handler(path, answer) for path, answer in answers.items()],
            exception_handlers={HaomaError: self._refuser()},
        )

    async def _phone_number(self, request: Request[Any, Any, Any]) -> Response[Any]:
        app = request.path_params["app"]
        find_app(self._client.apps, app)
        body, who = await _sent(request), self._sent_by(request)
        phone = await self._client.get_phone_number(app, body, caller=who.caller, address=who.address)
        if self._on_verified is None:
            return _response(self._answering.phone(phone, self._asked(request)))
        found = await _call(self._on_verified, phone, linked(phone))
        if self._respond is not None:
            found = await _call(self._respond, found, request)
        return found if isinstance(found, Response) else _response(self._answering.found(found, self._asked(request)))

    async def _log_in(self, request: Request[Any, Any, Any]) -> Response[Any]:
        app, address, trusted = request.path_params["app"], self._sent_by(request).address, self._answering.trusted
        return await self._run(request, log_in(self._client, app, await _sent(request), address, trusted=trusted))

    def _sent_by(self, request: Request[Any, Any, Any]) -> From:
        return sent_by(self._client, request, self._caller, trusted=self._answering.trusted)

    async def _join(self, request: Request[Any, Any, Any]) -> Response[Any]:
        return await self._run(request, join(self._client.apps, request.path_params["dispute"], await _sent(request)))

    async def _run(self, request: Request[Any, Any, Any], asking: Asking) -> Response[Any]:
        found = await self._client.run(asking.flow, tenant=asking.tenant)
        return _response(self._answering.found(found, self._asked(request)))

    def _refuser(self) -> Callable[[Request[Any, Any, Any], HaomaError], Response[Any]]:
        # Litestar copies its handlers deeply. It cannot copy a client, which a bound method would lead to.
        return lambda request, error: _response(self._answering.refuse(error, self._asked(request)))

    def _asked(self, request: Request[Any, Any, Any]) -> Asked:
        headers = request.headers
        named = [",".join(headers.getall(name, ())) for name in ("accept-language", "x-request-id")]
        return self._answering.asked(*named)


def verified_phone(
    app: str, client: AsyncClient | None = None, *, caller: CallerOf | None = None
) -> Callable[[Request[Any, Any, Any]], Awaitable[VerifiedPhone]]:
    """Return a dependency for ``Provide``: the verified number of the authorization in the body.

    Args:
        app: Name of a configured app.
        client: The client; that of the `HaomaPlugin` if not given.
        caller: Returns the user or session of the request. Without it, that is the ``id`` of the user of Litestar's
            authentication.
    """

    async def dependency(request: Request[Any, Any, Any]) -> Any:
        chosen = client or checked(request.app.state.get(STATE))
        body, who = await _body(request), sent_by(chosen, request, caller or user_of, trusted=False)
        return await chosen.get_phone_number(app, body, caller=who.caller, address=who.address)

    return dependency


def nobody(_request: Request[Any, Any, Any]) -> None:
    """Return who asks before there is a user."""


def user_of(request: Request[Any, Any, Any]) -> object:
    """Return the ``id`` of the user of Litestar's authentication, or None."""
    return getattr(request.scope.get("user"), "id", None)


def sent_by(client: AsyncClient, request: Request[Any, Any, Any], caller: CallerOf, *, trusted: bool) -> From:
    """Return who sent a request."""
    peer = "" if request.client is None else request.client.host
    forwarded = ",".join(request.headers.getall("x-forwarded-for", ()))
    return From(client.clients.address(peer, forwarded, trusted=trusted), caller_of("litestar", caller(request)))


def problems(*, trusted: bool = False) -> dict[int, ResponseSpec]:
    """Return ``responses=`` for a handler: every status of haoma's errors, with an example for each code."""
    return {
        status: ResponseSpec(
            Problem,
            generate_examples=False,
            description="Refused",
            media_type=PROBLEM,
            examples=[Example(summary=code, value=body) for code, body in bodies.items()],
        )
        for status, bodies in examples(trusted=trusted).items()
    }


async def _sent(request: Request[Any, Any, Any]) -> bytes:
    """Return the body of a request to a route of ours, which takes nothing from its address.

    Raises:
        BadField: ``envelope.bad-field``.
    """
    body = await _body(request)
    if body:
        refuse_in_address(request.scope["query_string"].decode("latin-1"))
    return body


async def _body(request: Request[Any, Any, Any]) -> bytes:
    """Return what was posted, whatever its content type.

    Raises:
        TooLarge: ``envelope.too-large``.
        TooSlow: ``caller.too-slow``: the caller closed the connection.
    """
    try:
        return await aread(request.stream(), request.headers.get("content-length"))
    except (ClientException, InternalServerException):
        raise TooSlow(diagnosis="the caller hung up") from None


async def _call(function: Callable[..., Any], *arguments: object) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    found = await sync_to_thread(function, *arguments)
    return await found if inspect.isawaitable(found) else found


def _response(reply: Reply) -> Response[Any]:
    status, body, headers = reply
    named = {name.decode("ascii"): value.decode("ascii") for name, value in headers}
    return Response(body, status_code=status, media_type=named.pop("content-type"), headers=named)
