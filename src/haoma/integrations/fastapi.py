"""haoma in a FastAPI application.

::

    client = haoma.AsyncClient.from_file("haoma.toml")
    app = FastAPI(lifespan=lifespan(client))
    add_exception_handlers(app)
    app.include_router(router(client, on_verified=find_user, respond=sign_token))

    @app.post("/shipping-number")
    async def shipping(phone: Annotated[VerifiedPhone, Depends(verified_phone("shop"))]) -> dict[str, str]: ...

Who joins an account by a number: see `haoma.integrations.users`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from haoma.errors import HaomaError
from haoma.integrations import starlette
from haoma.integrations.common import Answering, checked, examples, find_app, linked
from haoma.integrations.starlette import Door, exception_handlers, lifespan, nobody
from haoma.outcome import PROBLEM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from enum import Enum

    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from haoma.client import AsyncClient
    from haoma.integrations.starlette import CallerOf
    from haoma.verified import VerifiedPhone

__all__ = [
    "LoginOut", "Problem", "VerifiedPhoneOut", "add_exception_handlers", "lifespan", "problems", "router",
    "verified_phone",
]  # fmt: skip

Injected: TypeAlias = "Callable[..., Any]"


class CheckOut(BaseModel):
    """One check of a number."""

    name: str
    proven: bool
    how: str


class VerifiedPhoneOut(BaseModel):
    """A verified number. The full number is there for a back end alone."""

    model_config = ConfigDict(extra="allow")

    masked: str
    platform: str
    app: str
    subject: dict[str, str] | None
    checks: list[CheckOut]
    repeated: bool
    assurance: str
    phone_number: str | None = None
    account: str | None = None
    link: str | None = None
    dispute: str | None = None


class LoginOut(BaseModel):
    """A session of a user who has logged in. Send it as ``session`` with the authorization."""

    session: str
    expires_in: int
    subject: dict[str, str] | None = None


class JoinOut(BaseModel):
    """The account that the login belongs to now."""

    account: str | None


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    next: str
    retry: bool
    request_id: str | None = None
    dispute: str | None = None


class Envelope(BaseModel):
    """Every answer with ``envelope="code-msg-data"``; ``code`` is 0, or the status of a `Problem` in ``data``."""

    code: int
    msg: str
    data: Any = None


class PhoneRequest(BaseModel):
    """What the mini program posts. Whatever the platform's button gives is understood as it is."""

    model_config = ConfigDict(extra="allow")

    login_code: str | None = None
    session: str | None = None
    authorization: dict[str, Any] | None = None
    consent: dict[str, str] | None = None


class LoginRequest(BaseModel):
    """What the mini program posts to log in."""

    login_code: str


class JoinRequest(BaseModel):
    """What decides a conflict: the name of the app and a session of each side."""

    proofs: list[dict[str, str]]


_VARIABLE: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_CODE: Final = {"login_code": "the code of login()", "authorization": {"code": "the code of the button"}}


def router(
    client: AsyncClient,
    *,
    on_verified: Injected | None = None,
    respond: Injected | None = None,
    prefix: str = "/v1",
    envelope: str | None = None,
    trusted: bool = False,
    caller: CallerOf | None = None,
    tags: Sequence[str | Enum] = ("haoma",),
) -> APIRouter:
    """Return the routes for mini programs: the same as those of ``haoma serve``, without keys.

    ``…/apps/{app}/phone-number`` turns an authorization into a number, ``…/apps/{app}/login`` turns a login code into a
    session, and ``…/disputes/{dispute}/join`` decides a conflict by sessions of both sides. The routes answer haoma's
    errors themselves.

    Args:
        client: The client.
        on_verified: Called with the number, and how it was linked to an account (None if accounts are not kept).
            Returns your user, found, created or linked. Further parameters are those of a dependency, such as
            ``db: Annotated[Session, Depends(get_db)]``. It may be called twice for one tap, at once and in two
            processes. Without it the answer is the masked number with its checks.
        respond: Called with your user, and likewise with further dependencies. Returns what the mini program gets: a
            token, or a response with a session. Without it the user itself is the answer.
        prefix: What the paths begin with.
        envelope: ``code-msg-data`` to wrap every answer in ``{"code", "msg", "data"}``, with status 200.
        trusted: True if not a mini program but a back end of yours asks: answers have full numbers and precise codes.
            The routes have no keys, so nobody else may reach them.
        caller: Returns the user or session of a request, if there is one before the login: ``(request) -> id``. For
            ``repeat_seconds``, only the same one gets the same answer again.
        tags: Tags in the OpenAPI document.
    """
    answering = Answering.of(envelope, trusted=trusted)
    door = Door(checked(client), answering, None, None, caller or nobody)
    refusals = {} if answering.habit else problems(trusted=trusted)
    made = APIRouter(prefix=prefix, tags=list(tags), route_class=_answering(answering))

    def add(path: str, endpoint: Injected, name: str, *, body: type[BaseModel], out: Any, example: object) -> None:
        made.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            name=name,
            response_model=Envelope if answering.habit else out,
            responses=refusals,
            openapi_extra=_request_body(body, example),
        )

    async def login(request: Request, app: str) -> Response:  # noqa: ARG001 - it is in the OpenAPI document
        """Exchange a login code for a session."""
        return await door.login(request)

    async def join(request: Request, dispute: str) -> Response:  # noqa: ARG001
        """Add a login to the account that has its number, by sessions of both sides."""
        return await door.join(request)

    if on_verified is None:

        async def phone_number(request: Request, app: str) -> Response:  # noqa: ARG001
            """Turn an authorization into a verified phone number."""
            return await door.phone_number(request)

        out: Any = VerifiedPhoneOut
    else:
        phone_number = _with_user(door, on_verified, respond)
        out = _annotated(respond or on_verified)
    add("/apps/{app}/phone-number", phone_number, "haoma-phone-number", body=PhoneRequest, out=out, example=_CODE)
    code = {"login_code": "the code of login()"}
    add("/apps/{app}/login", login, "haoma-login", body=LoginRequest, out=LoginOut, example=code)
    proofs = {"proofs": [{"app": "shop", "session": "…"}, {"app": "other", "session": "…"}]}
    add("/disputes/{dispute}/join", join, "haoma-join", body=JoinRequest, out=JoinOut, example=proofs)
    return made


def verified_phone(
    app: str, client: AsyncClient | None = None, *, caller: CallerOf | None = None
) -> Callable[[Request], Awaitable[VerifiedPhone]]:
    """Return a dependency: the verified number of the authorization in the body.

    Its errors are answered by `add_exception_handlers`.

    Args:
        app: Name of a configured app.
        client: The client; that of `lifespan` if not given.
        caller: Returns the user or session of the request: ``(request) -> id``. Without it, that is the user of
            Starlette's ``AuthenticationMiddleware``.
    """

    async def dependency(request: Request) -> VerifiedPhone:
        return await starlette.verified_phone(request, app, client, caller=caller)

    return dependency


def add_exception_handlers(app: FastAPI, *, envelope: str | None = None, trusted: bool = False) -> None:
    """Let an application answer haoma's errors, and no others.

    Args:
        app: The application.
        envelope: See `router`.
        trusted: See `router`.
    """
    for kind, handler in exception_handlers(envelope=envelope, trusted=trusted).items():
        app.add_exception_handler(kind, handler)


def problems(*, trusted: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return ``responses=`` for a route: every status that haoma's errors have, with an example for each code."""
    found: dict[int | str, dict[str, Any]] = {}
    schema = Problem.model_json_schema()
    for status, bodies in examples(trusted=trusted).items():
        shown = {code: {"summary": body["title"], "value": body} for code, body in bodies.items()}
        found[status] = {"description": "Refused", "content": {PROBLEM: {"schema": schema, "examples": shown}}}
    return found


class _Refused(Exception):
    """A refusal on its way through the application's dependencies, which roll back."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def _answering(answering: Answering) -> type[APIRoute]:
    """Return a class of routes that answer haoma's errors in their own way, whatever handlers the application has."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await handle(request)
                except HaomaError as error:
                    raise _Refused(starlette.refuse(answering, request.headers, error)) from None

            return answer

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await super().handle(scope, receive, send)
            except _Refused as refused:
                await refused.response(scope, receive, send)

    return Route


def _with_user(door: Door, on_verified: Injected, respond: Injected | None) -> Callable[..., Any]:
    """Return the endpoint that calls the application, whose functions are dependencies."""

    async def get_phone(request: Request, app: str) -> Any:
        find_app(door.client.apps, app)
        trusted = door.answering.trusted
        return await starlette.verified_phone(request, app, door.client, caller=door.caller, trusted=trusted)

    verified = Depends(get_phone)

    def get_link(phone: Any = verified) -> Any:
        return linked(phone)

    user = Depends(_fed(on_verified, verified, Depends(get_link)))
    answer = user if respond is None else Depends(_fed(respond, user))

    async def phone_number(found: Any = answer) -> Any:
        """Turn an authorization into a verified phone number, and log in its user."""
        if isinstance(found, Response) or not door.answering.habit:
            return found
        return {"code": 0, "msg": "ok", "data": found}

    return phone_number


def _fed(function: Injected, *given: Any) -> Injected:
    """Return a function as a dependency whose first parameters are other dependencies."""
    signature = inspect.signature(function)
    parameters = [each for each in signature.parameters.values() if each.kind not in _VARIABLE]
    if len(parameters) < len(given):
        raise TypeError(f"{function!r} has {len(parameters)} parameters, and is given {len(given)}")
    fed = [each.replace(annotation=Any, default=by) for each, by in zip(parameters, given, strict=False)]
    names = [each.name for each in fed]
    own = [each.replace(annotation=_evaluated(each.annotation, function)) for each in parameters[len(fed) :]]
    takes = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*fed, *own)]

    def call(**arguments: Any) -> Any:
        return function(*[arguments.pop(name) for name in names], **arguments)

    async def acall(**arguments: Any) -> Any:
        return await function(*[arguments.pop(name) for name in names], **arguments)

    # FastAPI runs the first one in a thread.
    dependency: Any = acall if inspect.iscoroutinefunction(function) else call
    dependency.__signature__ = signature.replace(parameters=takes, return_annotation=Any)
    return cast("Injected", dependency)


def _annotated(function: Injected) -> Any:
    """Return the type that a function returns, if a response can be described by it."""
    try:
        found = _evaluated(inspect.signature(function).return_annotation, function)
    except NameError:  # imported for a type checker alone
        return None
    if found is inspect.Signature.empty or (isinstance(found, type) and issubclass(found, Response)):
        return None
    return found


def _evaluated(annotation: Any, function: Injected) -> Any:
    """Return an annotation, which is a text where annotations are postponed."""
    if not isinstance(annotation, str):
        return annotation
    return eval(annotation, getattr(inspect.unwrap(function), "__globals__", {}))  # noqa: S307 - the application's code


def _request_body(model: type[BaseModel], example: Any) -> dict[str, Any]:
    media = {"schema": model.model_json_schema(ref_template="#/$defs/{model}"), "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": media}}}
