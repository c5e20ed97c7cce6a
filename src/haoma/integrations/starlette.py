"""haoma in a Starlette application.

::

    client = haoma.AsyncClient.from_file("haoma.toml")
    app = Starlette(
        routes=[Mount("/v1", routes=routes(client, on_verified=find_user, respond=sign_token))],
        lifespan=lifespan(client),
        exception_handlers=exception_handlers(),
    )

Who joins an account by a number: see `haoma.integrations.users`.
"""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from haoma.authorization import refuse_in_address
from haoma.errors import HaomaError, TooSlow
from haoma.integrations.common import Answering, From, aread, caller_of, checked, find_app, join, linked, log_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from starlette.applications import Starlette
    from starlette.datastructures import Headers
    from starlette.requests import Request

    from haoma.client import AsyncClient, Sent
    from haoma.integrations.common import Asking
    from haoma.link import Link
    from haoma.outcome import Asked, Reply
    from haoma.verified import VerifiedPhone

UserT = TypeVar("UserT")
OnVerified: TypeAlias = "Callable[[VerifiedPhone, Link | None], UserT | Awaitable[UserT]]"
"""Called with a verified number, and how it was linked to an account (None if accounts are not kept). Returns your
user, found, created or linked. It may be called twice for one tap, at once and in two processes."""
Respond: TypeAlias = "Callable[[UserT, Request], object | Awaitable[object]]"
"""Turns your user into what the mini program gets: a `Response`, or anything that can be JSON."""

CallerOf: TypeAlias = "Callable[[Request], object]"
"""Returns the id of the user or session that a request belongs to, or None. For ``repeat_seconds``, only the same one
gets the same answer again."""


def routes(
    client: AsyncClient,
    *,
    on_verified: OnVerified[Any] | None = None,
    respond: Respond[Any] | None = None,
    envelope: str | None = None,
    trusted: bool = False,
    caller: CallerOf | None = None,
) -> list[Route]:
    """Return the routes for mini programs: the same as those of ``haoma serve``, without keys.

    ``/apps/{app}/phone-number`` turns an authorization into a number, ``/apps/{app}/login`` turns a login code into a
    session, and ``/disputes/{dispute}/join`` decides a conflict by sessions of both sides.

    Args:
        client: The client.
        on_verified: Returns your user for a number. Without it the answer is the masked number with its checks.
        respond: Turns your user into the answer. Without it the user itself is the answer.
        envelope: ``code-msg-data`` to wrap every answer in ``{"code", "msg", "data"}``, with status 200.
        trusted: True if not a mini program but a back end of yours asks: answers have full numbers and precise codes.
            The routes have no keys, so nobody else may reach them.
        caller: Returns the user or session of a request, if there is one before the login.
    """
    door = Door(checked(client), Answering.of(envelope, trusted=trusted), on_verified, respond, caller or nobody)
    return [
        Route("/apps/{app}/phone-number", door.phone_number, methods=["POST"], name="haoma-phone-number"),
        Route("/apps/{app}/login", door.login, methods=["POST"], name="haoma-login"),
        Route("/disputes/{dispute}/join", door.join, methods=["POST"], name="haoma-join"),
    ]


@asynccontextmanager
async def _open(client: AsyncClient, app: Starlette) -> AsyncIterator[None]:
    app.state.haoma = client
    async with client:
        yield


def lifespan(client: AsyncClient) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Return the ``lifespan`` of an application: its ``app.state.haoma`` is the client, which is closed at the end.

    To add your own, enter it in yours: ``async with lifespan(client)(app): …``.
    """
    checked(client)
    return lambda app: _open(client, app)


def exception_handlers(
    *, envelope: str | None = None, trusted: bool = False
) -> Mapping[type[HaomaError], Callable[[Request, Exception], Awaitable[Response]]]:
    """Return the handlers of an application for haoma's errors alone.

    Args:
        envelope: See `routes`.
        trusted: See `routes`.
    """
    answering = Answering.of(envelope, trusted=trusted)

    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HaomaError):
            raise error
        return refuse(answering, request.headers, error)

    return {HaomaError: answer}


async def verified_phone(
    request: Request,
    app: str,
    client: AsyncClient | None = None,
    *,
    caller: CallerOf | None = None,
    trusted: bool = False,
) -> VerifiedPhone:
    """Return the verified number of an authorization in the body of a request.

    Args:
        request: The request.
        app: Name of a configured app.
        client: The client; that of `lifespan` if not given.
        caller: Returns the user or session of the request. Without it, that is the user of Starlette's
            ``AuthenticationMiddleware``.
        trusted: True if a back end of yours asks: its address is not that of a user.

    Raises:
        HaomaError: Every failure raises a subclass of this, whatever was sent.
    """
    chosen = client or _client_of(request)
    sent: Sent
    try:
        sent = await _body(request)
    except RuntimeError:  # the application has read it as a form
        sent = await request.form()
    who = sent_by(chosen, request, caller or user_of, trusted=trusted)
    return await chosen.get_phone_number(app, sent, caller=who.caller, address=who.address)


def nobody(_request: Request) -> None:
    """Return who asks before there is a user."""


def user_of(request: Request) -> object:
    """Return the user of Starlette's ``AuthenticationMiddleware``, or None."""
    user = request.scope.get("user")
    if not getattr(user, "is_authenticated", False):
        return None
    try:
        return user.identity  # type: ignore[union-attr]
    except (AttributeError, NotImplementedError):  # Starlette's own users have a name alone
        return getattr(user, "display_name", None)


def sent_by(client: AsyncClient, request: Request, caller: CallerOf, *, trusted: bool) -> From:
    """Return who sent a request."""
    peer = "" if request.client is None else request.client.host
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    return From(client.clients.address(peer, forwarded, trusted=trusted), caller_of("starlette", caller(request)))


def _client_of(request: Request) -> AsyncClient:
    try:
        found = request.app.state.haoma
    except AttributeError:
        found = None
    return checked(found)


async def _body(request: Request) -> bytes:
    """Return what was posted, whatever its content type.

    Raises:
        TooLarge: ``envelope.too-large``.
        TooSlow: ``caller.too-slow``: the caller closed the connection.
    """
    try:
        return await aread(request.stream(), request.headers.get("content-length"))
    except ClientDisconnect:
        raise TooSlow(diagnosis="the caller hung up") from None


async def _sent(request: Request) -> bytes:
    """Return the body of a request to a route of ours, which takes nothing from its address.

    Raises:
        BadField: ``envelope.bad-field``.
    """
    body = await _body(request)
    if body:
        refuse_in_address(request.scope["query_string"].decode("latin-1"))
    return body


@dataclass(frozen=True, slots=True)
class Door:
    """The routes of one client."""

    client: AsyncClient
    answering: Answering
    on_verified: OnVerified[Any] | None
    respond: Respond[Any] | None
    caller: CallerOf

    async def phone_number(self, request: Request) -> Response:
        """Answer with a number, or with what the application makes of it."""
        asked = asked_by(self.answering, request.headers)
        try:
            app = find_app(self.client.apps, request.path_params["app"])
            body, who = await _sent(request), self.sent_by(request)
            phone = await self.client.get_phone_number(app, body, caller=who.caller, address=who.address)
            if self.on_verified is None:
                return response(self.answering.phone(phone, asked))
            found = await call(self.on_verified, phone, linked(phone))
            if self.respond is not None:
                found = await call(self.respond, found, request)
        except HaomaError as error:
            return response(self.answering.refuse(error, asked))
        return found if isinstance(found, Response) else response(self.answering.found(found, asked))

    def sent_by(self, request: Request) -> From:
        """Return who sent a request."""
        return sent_by(self.client, request, self.caller, trusted=self.answering.trusted)

    async def login(self, request: Request) -> Response:
        """Answer with a session handle."""
        app, address, trusted = request.path_params["app"], self.sent_by(request).address, self.answering.trusted
        return await self._run(request, lambda body: log_in(self.client, app, body, address, trusted=trusted))

    async def join(self, request: Request) -> Response:
        """Decide a conflict."""
        return await self._run(request, lambda body: join(self.client.apps, request.path_params["dispute"], body))

    async def _run(self, request: Request, ask: Callable[[bytes], Asking]) -> Response:
        asked = asked_by(self.answering, request.headers)
        try:
            asking = ask(await _sent(request))
            found = await self.client.run(asking.flow, tenant=asking.tenant)
        except HaomaError as error:
            return response(self.answering.refuse(error, asked))
        return response(self.answering.found(found, asked))


async def call(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function of the application: a coroutine here, another one in a thread."""
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        return await function(*arguments)
    found = await run_in_threadpool(function, *arguments)
    return await found if inspect.isawaitable(found) else found


def asked_by(answering: Answering, headers: Headers) -> Asked:
    """Return how to answer a request with these headers."""
    return answering.asked(",".join(headers.getlist("accept-language")), ",".join(headers.getlist("x-request-id")))


def refuse(answering: Answering, headers: Headers, error: HaomaError) -> Response:
    """Return the answer to a refused request."""
    return response(answering.refuse(error, asked_by(answering, headers)))


def response(reply: Reply) -> Response:
    """Return a reply as a response."""
    status, body, headers = reply
    made = Response(body, status)
    made.raw_headers += headers
    return made
