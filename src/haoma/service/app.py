"""The ASGI application: its routes, and what each of them answers."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar import Litestar, Request, Response, post, route
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException, MethodNotAllowedException

from haoma import authorization
from haoma.authorize import authorize, log_in, take_push
from haoma.errors import (
    BadField,
    CannotOpen,
    Draining,
    HaomaError,
    InternalFault,
    MissingField,
    ServerKeyNeeded,
    UnknownRoute,
    WrongMethod,
)
from haoma.io.aio import World, run
from haoma.io.clock import now
from haoma.io.http import AsyncHttp
from haoma.io.memory import Memory
from haoma.platforms.base.refusal import refuses_a_code
from haoma.platforms.registry import PLATFORMS
from haoma.service.callers import Callers
from haoma.service.exchange import BELOW, JSON, Exchange
from haoma.service.gate.body import read_body
from haoma.service.gate.gate import Gate
from haoma.service.gate.refused import Alarm, Budgets, client
from haoma.service.gate.refusing import HABIT, refuse
from haoma.service.observe.journal import Journal
from haoma.service.observe.log import Lines, Sparing, make_logger
from haoma.service.observe.metrics import CONTENT_TYPE, Metrics
from haoma.service.pages import openapi, pages
from haoma.service.tokens import Tokens
from haoma.settings.service import start_warnings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from litestar.handlers import HTTPRouteHandler
    from litestar.types import HTTPScope, Receive

    from haoma.platforms.base.contract import App
    from haoma.service.callers import Caller
    from haoma.service.gate.refused import Account
    from haoma.settings.model import Settings
    from haoma.steps import Flow

T = TypeVar("T")
Incoming: TypeAlias = Request[Any, Any, Any]
Ask: TypeAlias = "Callable[[App, Caller, bytes, str], Awaitable[object]]"
_MOST_FIELDS: Final = 20
_DRAINING: Final = "draining"
_FOR_A_WHILE: Final = {"cache-control": "public, max-age=300"}
_PAGE: Final = {
    **_FOR_A_WHILE,
    "vary": "accept, accept-language",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_ALLOW: Final = "OPTIONS, POST"
_ANSWER: Final = ((b"content-type", JSON.encode()), (b"cache-control", b"no-store"))
_encode: Final = msgspec.json.Encoder().encode


class Service:
    """What the routes share: the apps, the keys, and the world outside."""

    def __init__(self, settings: Settings, tokens: Tokens | None, world: World) -> None:
        self.settings = settings
        self.callers = Callers(settings.service)
        self.tokens = tokens
        self.world = world
        self.metrics = Metrics()
        lines = Lines(sys.stderr.buffer)
        level = settings.service.log_level
        self.log = make_logger(lines, level=level)
        self.sparing = Sparing()
        self.journal = Journal(self.log, lines, self.metrics, level)
        limits = settings.service.refused_limit, settings.service.refused_seconds
        self.budgets = Budgets(*limits)
        self.alarm = Alarm(*limits)
        self.routes: dict[str, Ask] = {
            "phone-number": self.phone_number,
            "login": self.login,
            "phone-number/reveal": self.reveal,
        }

    async def phone_number(self, app: App, caller: Caller, body: bytes, address: str) -> object:
        """Turn an authorization into a phone number."""
        phone = await self._run(authorize(app, body, now=now(), caller=caller.id), app, caller, address)
        if caller.trusted:
            return phone.answer()
        masked = phone.to_masked_dict()
        return {**masked, "token": self._tokens.issue(app.name, phone.to_dict(), masked, now())}

    async def login(self, app: App, caller: Caller, body: bytes, address: str) -> dict[str, object]:
        """Exchange a login code for a session handle."""
        handle, login = await self._run(log_in(app, body, now=now()), app, caller, address)
        answer: dict[str, object] = {"session": handle, "expires_in": int(app.policy.session_seconds)}
        if caller.trusted:
            answer["subject"] = msgspec.to_builtins(login.subject)
        return answer

    async def reveal(self, app: App, caller: Caller, body: bytes, _address: str) -> dict[str, object]:
        """Give a server what a session token keeps."""
        if not caller.trusted:
            raise ServerKeyNeeded
        token = authorization.read(body).claimed.get("token")
        if token is None:
            raise MissingField(because={"field": "token"})
        if not isinstance(token, str):
            raise BadField(because={"field": "token", "type": type(token).__name__, "needed": "string"})
        return self._tokens.reveal(app.name, token)

    async def push(self, request: Incoming) -> Response[bytes]:
        """Take what WeChat posts. There is no key of ours in it: its own signature proves that it is WeChat's."""
        exchange = Exchange.of(request.scope)
        try:
            body = await read_body(exchange, request.receive, self.settings.service.body_seconds)
            query = _read_query(request.scope)
            exchange.app = app = self._pushed_to(request.path_params["app"], query, body)
            said = await run(take_push(app, query, body, now=now()), self.world)
            return Response(said.encode(), media_type="text/plain")
        except (CannotOpen, UnknownRoute) as error:
            # Whoever cannot sign does not learn which apps there are, nor which of them take pushes.
            answer = _refused(exchange, CannotOpen())
            exchange.error = error
            return answer
        except HaomaError as error:
            return _refused(exchange, error)

    def _pushed_to(self, name: str, query: dict[str, str], body: bytes) -> App:
        """Return the app that a push is for.

        Raises:
            CannotOpen: ``trust.cannot-open``: there is no such app. It takes as long as a push to another one that is
                refused, or the time would tell which apps there are.
        """
        app = self.settings.apps.get(name)
        if app is not None and PLATFORMS[app.platform].take_push is not None:
            return app
        other = next((each for each in self.settings.apps.values() if PLATFORMS[each.platform].take_push), None)
        if other is not None:
            flow = take_push(other, query, body, now=now())
            with suppress(HaomaError, StopIteration):
                next(flow)  # up to the first step, which is not taken: it may be a good one, at a wrong address
            flow.close()
        raise CannotOpen(diagnosis="no such app")

    async def answer(self, scope: HTTPScope, exchange: Exchange, receive: Receive) -> tuple[int, bytes]:
        """Answer a request below ``/v1/apps/``: return status and body, and leave the headers with the exchange."""
        name, _, what = scope["path"].removeprefix(BELOW).partition("/")
        ask = self.routes.get(what)
        if ask is None:
            return refuse(exchange, UnknownRoute())
        exchange.route = f"{BELOW}{{app}}/{what}"
        if scope["method"] == "OPTIONS":
            exchange.headers = ((b"allow", _ALLOW.encode()),)
            return 204, b""
        if scope["method"] != "POST":
            return refuse(exchange, WrongMethod(), _ALLOW)
        exchange.app = known = self.settings.apps.get(name)
        try:
            exchange.caller = caller = self.callers.recognise(exchange.authorization)
            # The habit of the app only now: who may not call does not learn from the form of the answer that it exists.
            exchange.habit = known is not None and known.reply == HABIT
            app = self.settings.app(name)
            body = await read_body(exchange, receive, self.settings.service.body_seconds)
            address = client(scope, self.settings.service.trusted_proxies, trusted=caller.trusted)
            found = await ask(app, caller, body, address)
        except HaomaError as error:
            return refuse(exchange, error)
        exchange.headers = _ANSWER
        return 200, _encode({"code": 0, "msg": "ok", "data": found} if exchange.habit else found)

    async def _run(self, flow: Flow[T], app: App, caller: Caller, address: str) -> T:
        """Run a flow within the budget of refused codes that the client's address has."""
        account = await self.budgets.take(address) if address else None
        return await run(self._counting(flow, app, caller, account), self.world)

    def _counting(self, flow: Flow[T], app: App, caller: Caller, account: Account | None) -> Flow[T]:
        """Count a refused code where it is refused.

        The flow runs to its end even if the request is too slow for its answer, and its caller can see to that: with a
        body whose last byte comes late.
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
            if account is not None and (used_up := self.budgets.give_back(account, refused=refused)):
                self._warn("The platforms refused too many codes of an address; it has to wait.", address=used_up)

    def _note_refused(self, app: App, caller: Caller) -> None:
        self.metrics.count_refused(app.name, app.platform, caller.id)
        if self.alarm.rings(app.name, caller.id):  # once in a window: no line of an address may keep it away
            self.log.warning(
                "Very many codes of a key were refused.", app=app.name, platform=app.platform, caller=caller.id
            )

    def _warn(self, event: str, **fields: object) -> None:
        left_out = self.sparing.left_out(f"{event} {sorted(fields.items())}")
        if left_out is not None:
            self.log.warning(event, **fields, left_out=left_out)

    @property
    def _tokens(self) -> Tokens:
        if self.tokens is None:  # no publishable key is configured, so that no token can be one of ours
            self.tokens = Tokens(Ed25519PrivateKey.generate())
        return self.tokens

    @property
    def jwks(self) -> bytes:
        """The public keys that session tokens can be checked with."""
        return self.tokens.jwks if self.tokens else b'{"keys":[]}'


class _Lean(Litestar):
    """Litestar behind a `Gate`, without its plugins for pydantic and attrs: no route uses them, and they take 0.2 s.

    Attributes:
        gate: Where every request goes first.
    """

    gate: Gate

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or take part in start and stop."""
        # A coroutine function, or uvicorn would take the application for one of ASGI 2.
        await self.gate(scope, receive, send)

    async def inner(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request without the gate."""
        await super().__call__(scope, receive, send)

    @staticmethod
    def _get_default_plugins(plugins: list[Any]) -> list[Any]:
        return plugins


def create_app(settings: Settings) -> Litestar:
    """Return the service as an ASGI application, for a server of your choice.

    Warnings of the configuration are logged here; ``haoma serve`` prints them once and not in every worker.
    """
    logger = make_logger(level=settings.service.log_level)
    for warning in start_warnings(settings):
        logger.warning("configuration", problem=str(warning))
    return build(settings)


def build(settings: Settings) -> _Lean:
    """Return the application without a word about its configuration."""
    service_settings = settings.service
    tokens = None
    if service_settings.signing_key or service_settings.publishable_keys:
        tokens = Tokens(service_settings.signing_key or Ed25519PrivateKey.generate())
    http = AsyncHttp(ca_file=settings.ca_file, allow_insecure_upstreams=settings.allow_insecure_upstreams)
    world = World(http, Memory())
    service = Service(settings, tokens, world)
    origins = service_settings.cors_origins
    app = _Lean(
        _routes(service),
        openapi_config=None,  # see `haoma.service.pages.openapi`
        exception_handlers={HTTPException: _not_routed, Exception: _failed},
        cors_config=CORSConfig(
            allow_origins=list(origins),
            allow_methods=["POST", "GET"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", "Accept-Language"],
            expose_headers=["X-Request-Id", "Retry-After", "Content-Language"],
        )
        if origins
        else None,
        lifespan=[_closing(world, service.journal)],
        logging_config=None,
        debug=False,
    )
    app.gate = Gate(app.inner, service.journal, service_settings.request_seconds, None if origins else service.answer)
    return app


def drain(app: Litestar) -> None:
    """Make ``/readyz`` say that no new requests should come."""
    app.state[_DRAINING] = True


def end(app: _Lean) -> None:
    """Refuse what is still under way, as too slow."""
    app.gate.deadlines.end()


def _closing(world: World, journal: Journal) -> Any:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            journal.write()
            await world.finish()

    return lifespan


def _routes(service: Service) -> list[Any]:  # noqa: C901 - a list of functions
    # Litestar takes the signature of a route from the function, so that each is a function here and not a method.
    @post([f"{BELOW}{{app:str}}/{what}" for what in service.routes], status_code=200)
    async def apps(request: Incoming) -> Response[bytes]:
        status, body = await service.answer(request.scope, Exchange.of(request.scope), request.receive)
        return Response(body, status_code=status)

    @post("/v1/callbacks/wechat/{app:str}", status_code=200)
    async def push(request: Incoming) -> Response[bytes]:
        return await service.push(request)

    @_page("/.well-known/jwks.json")
    async def jwks() -> Response[bytes]:
        return Response(service.jwks, media_type=JSON, headers=_FOR_A_WHILE)

    @_page("/healthz")
    async def healthz() -> Response[bytes]:
        return Response(b'{"status":"ok"}', media_type=JSON)

    @_page("/readyz")
    async def readyz(request: Incoming) -> Response[bytes]:
        if request.app.state.get(_DRAINING):
            return _refused(Exchange.of(request.scope), Draining())
        return Response(b'{"status":"ready"}', media_type=JSON)

    @_page("/metrics")
    async def metrics() -> Response[bytes]:
        service.journal.write()
        return Response(service.metrics.render(), media_type=CONTENT_TYPE)

    @_page("/openapi.json")
    async def openapi_json(request: Incoming) -> Response[bytes]:
        exchange = Exchange.of(request.scope)
        headers = {**_FOR_A_WHILE, "vary": "accept-language", "content-language": exchange.lang}
        return Response(_encode(openapi.document(exchange.lang)), media_type=JSON, headers=headers)

    @_page("/docs")
    async def docs(request: Incoming) -> Response[bytes]:
        exchange = Exchange.of(request.scope)
        return _shown(exchange, pages.docs(exchange.lang), html=True)

    @_page("/errors/{code:path}")  # a platform's code may have a sub code behind a slash
    async def error_page(request: Incoming) -> Response[bytes]:
        exchange, code = Exchange.of(request.scope), request.scope["path"].removeprefix("/errors/")
        exchange.route = "/errors/{code}"
        html = b"text/html" in exchange.accept
        page = pages.error(code, exchange.lang, html=html)
        return _shown(exchange, page, html=html) if page else _refused(exchange, UnknownRoute())

    return [apps, push, jwks, healthz, readyz, metrics, openapi_json, docs, error_page]


def _page(path: str) -> HTTPRouteHandler:
    return route(path, http_method=["GET", "HEAD"], status_code=200)


def _read_query(scope: HTTPScope) -> dict[str, str]:
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


def _shown(exchange: Exchange, page: str, *, html: bool) -> Response[bytes]:
    kind = "text/html" if html else "text/plain"
    headers = {**_PAGE, "content-language": exchange.lang}
    return Response(page.encode(), media_type=kind, headers=headers)  # Litestar adds the charset


def _refused(exchange: Exchange, error: HaomaError, allow: str = "") -> Response[bytes]:
    status, body = refuse(exchange, error, allow)
    return Response(body, status_code=status)


def _not_routed(request: Incoming, error: HTTPException) -> Response[bytes]:
    """Answer what the router refused: no such path, no such method, a damaged request."""
    exchange = Exchange.of(request.scope)
    if isinstance(error, MethodNotAllowedException):
        allow = (error.headers or {}).get("allow", "")
        return _refused(exchange, WrongMethod(), allow)
    if error.status_code < 500:
        return _refused(exchange, UnknownRoute())
    return _failed(request, error)


def _failed(request: Incoming, error: Exception) -> Response[bytes]:
    exchange = Exchange.of(request.scope)
    exchange.fault = error
    return _refused(exchange, InternalFault())
