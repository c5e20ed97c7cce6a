"""The ASGI application: its routes, and what each of them answers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar import Litestar, Request, Response, post, route
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException, MethodNotAllowedException

from haoma.authorize import authorize, log_in, take_push
from haoma.crypto.strict import decode_utf8, parse_json_object
from haoma.errors import (
    BadField,
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
from haoma.service import openapi, pages
from haoma.service.body import read_body
from haoma.service.callers import Callers
from haoma.service.exchange import HABIT, JSON, Exchange, Gate, refuse
from haoma.service.log import make_logger
from haoma.service.metrics import CONTENT_TYPE, Metrics
from haoma.service.server import start_warnings
from haoma.service.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar.handlers import HTTPRouteHandler

    from haoma.settings import Settings

Incoming: TypeAlias = Request[Any, Any, Any]
_MOST_FIELDS: Final = 20
_DRAINING: Final = "draining"
_FOR_A_WHILE: Final = {"cache-control": "public, max-age=300"}
_PAGE: Final = {
    **_FOR_A_WHILE,
    "vary": "accept, accept-language",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_encode: Final = msgspec.json.Encoder().encode


class Service:
    """What the routes share: the apps, the keys, and the world outside."""

    def __init__(self, settings: Settings, tokens: Tokens | None, world: World) -> None:
        self.settings = settings
        self.callers = Callers(settings.service)
        self.tokens = tokens
        self.world = world
        self.metrics = Metrics()

    async def phone_number(self, request: Incoming, app: str) -> Response[bytes]:
        """Turn an authorization into a phone number."""
        exchange = Exchange.of(request.scope)
        try:
            body = await self._admit(request, exchange, app)
            caller = exchange.known_caller
            found = exchange.known_app
            phone = await run(authorize(found, body, now=now(), caller=caller.id), self.world)
            whole = phone.to_dict()
            if caller.trusted:
                return _answer(exchange, whole)
            masked = phone.to_masked_dict()
            return _answer(exchange, {**masked, "token": self._tokens.issue(found.name, whole, masked, now())})
        except HaomaError as error:
            return _refused(exchange, error)

    async def login(self, request: Incoming, app: str) -> Response[bytes]:
        """Exchange a login code for a session handle."""
        exchange = Exchange.of(request.scope)
        try:
            body = await self._admit(request, exchange, app)
            found = exchange.known_app
            handle, login = await run(log_in(found, body, now=now()), self.world)
            answer = {"session": handle, "expires_in": int(found.policy.session_seconds)}
            if exchange.known_caller.trusted:
                answer["subject"] = msgspec.to_builtins(login.subject)
            return _answer(exchange, answer)
        except HaomaError as error:
            return _refused(exchange, error)

    async def reveal(self, request: Incoming, app: str) -> Response[bytes]:
        """Give a server what a session token keeps."""
        exchange = Exchange.of(request.scope)
        try:
            body = await self._admit(request, exchange, app, server_only=True)
            token = parse_json_object(decode_utf8(body)).get("token")
            if token is None:
                raise MissingField(because={"field": "token"})
            if not isinstance(token, str):
                raise BadField(because={"field": "token", "type": type(token).__name__, "needed": "string"})
            return _answer(exchange, self._tokens.reveal(app, token))
        except HaomaError as error:
            return _refused(exchange, error)

    async def push(self, request: Incoming, app: str) -> Response[bytes]:
        """Take what WeChat posts. There is no key of ours in it: its own signature proves that it is WeChat's."""
        exchange = Exchange.of(request.scope)
        try:
            found = self.settings.apps.get(app)
            if found is None:
                raise UnknownRoute
            exchange.app = found
            body = await read_body(request.scope, request.receive, self.settings.service.body_seconds)
            query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), max_num_fields=_MOST_FIELDS))
            said = await run(take_push(found, query, body, now=now()), self.world)
            return Response(said.encode(), media_type="text/plain")
        except HaomaError as error:
            return _refused(exchange, error)
        except ValueError:  # too many fields
            return _refused(exchange, UnknownRoute())

    async def _admit(self, request: Incoming, exchange: Exchange, app: str, *, server_only: bool = False) -> bytes:
        """Find out for which app and from whom the request is; return its body."""
        # The app first, because it decides in which form even a refusal is written; who may not call does not learn
        # from the answer whether there is one.
        exchange.app = self.settings.apps.get(app)
        caller = self.callers.recognise(exchange.authorization)
        exchange.caller = caller
        exchange.app = self.settings.app(app)
        if server_only and not caller.trusted:
            raise ServerKeyNeeded
        return await read_body(request.scope, request.receive, self.settings.service.body_seconds)

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
    """Litestar without its plugins for pydantic and attrs: no route uses them, and they take 0.2 s to import."""

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


def build(settings: Settings) -> Litestar:
    """Return the application without a word about its configuration."""
    service_settings = settings.service
    tokens = None
    if service_settings.signing_key or service_settings.publishable_keys:
        tokens = Tokens(service_settings.signing_key or Ed25519PrivateKey.generate())
    http = AsyncHttp(ca_file=settings.ca_file, allow_insecure_upstreams=settings.allow_insecure_upstreams)
    service = Service(settings, tokens, World(http, Memory()))
    origins = service_settings.cors_origins
    app = _Lean(
        _routes(service),
        openapi_config=None,  # see `haoma.service.openapi`
        exception_handlers={HTTPException: _not_routed, Exception: _failed},
        cors_config=CORSConfig(
            allow_origins=list(origins),
            allow_methods=["POST", "GET"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", "Accept-Language"],
            expose_headers=["X-Request-Id", "Retry-After", "Content-Language"],
        )
        if origins
        else None,
        lifespan=[_closing(http)],
        logging_config=None,
        debug=False,
    )
    logger = make_logger(level=service_settings.log_level)
    app.asgi_handler = Gate(app.asgi_handler, logger, service.metrics, service_settings.request_seconds)
    return app


def drain(app: Litestar) -> None:
    """Make ``/readyz`` say that no new requests should come."""
    app.state[_DRAINING] = True


def _closing(http: AsyncHttp) -> Any:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await http.aclose()

    return lifespan


def _routes(service: Service) -> list[Any]:  # noqa: C901 - a list of functions
    # Litestar takes the signature of a route from the function, so that each is a function here and not a method.
    @post("/v1/apps/{app:str}/phone-number", status_code=200)
    async def phone_number(request: Incoming, app: str) -> Response[bytes]:
        return await service.phone_number(request, app)

    @post("/v1/apps/{app:str}/login", status_code=200)
    async def login(request: Incoming, app: str) -> Response[bytes]:
        return await service.login(request, app)

    @post("/v1/apps/{app:str}/phone-number/reveal", status_code=200)
    async def reveal(request: Incoming, app: str) -> Response[bytes]:
        return await service.reveal(request, app)

    @post("/v1/callbacks/wechat/{app:str}", status_code=200)
    async def push(request: Incoming, app: str) -> Response[bytes]:
        return await service.push(request, app)

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

    @_page("/errors/{code:str}")
    async def error_page(request: Incoming, code: str) -> Response[bytes]:
        exchange = Exchange.of(request.scope)
        html = b"text/html" in exchange.accept
        page = pages.error(code, exchange.lang, html=html)
        return _shown(exchange, page, html=html) if page else _refused(exchange, UnknownRoute())

    return [phone_number, login, reveal, push, jwks, healthz, readyz, metrics, openapi_json, docs, error_page]


def _page(path: str) -> HTTPRouteHandler:
    return route(path, http_method=["GET", "HEAD"], status_code=200)


def _answer(exchange: Exchange, found: dict[str, object]) -> Response[bytes]:
    exchange.headers = ((b"cache-control", b"no-store"),)
    if exchange.known_app.reply == HABIT:
        found = {"code": 0, "msg": "ok", "data": found}
    return Response(_encode(found), media_type=JSON)


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
