"""The public routes: the public keys, the documentation, and a page for each error code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from starlette.routing import Route

from haoma.errors import UnknownRoute
from haoma.jws import algorithm, jwk
from haoma.outcome import JSON
from haoma.service.gate.endpoint import READ, Endpoint
from haoma.service.pages import openapi, pages

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from haoma.id_tokens import Issuer
    from haoma.outcome import Reply
    from haoma.service.exchange import Exchange

_JSON: Final = (b"content-type", JSON.encode())
_FOR_A_WHILE: Final = (b"cache-control", b"public, max-age=300")
_PAGE: Final = (
    _FOR_A_WHILE,
    (b"vary", b"accept, accept-language"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


def routes(jwks: list[dict[str, str]], issuer: Issuer | None) -> list[Route]:
    """Return the routes.

    Args:
        jwks: The public keys that verify session tokens.
        issuer: Who issues ID tokens; its keys are published as well, and what it can do.
    """
    published = jwks if issuer is None else [*jwks, *(jwk(key.public_key()) for key in issuer.keys)]
    once = {key["kid"]: key for key in published}
    jwks_body = msgspec.json.encode({"keys": list(once.values())})
    provider = msgspec.json.encode(provider_of(issuer)) if issuer is not None else b""

    async def discovery(_exchange: Exchange, _scope: Scope, _receive: Receive) -> Reply:
        if issuer is None:
            raise UnknownRoute
        return 200, provider, (_JSON, _FOR_A_WHILE)

    async def keys(_exchange: Exchange, _scope: Scope, _receive: Receive) -> Reply:
        return 200, jwks_body, (_JSON, _FOR_A_WHILE)

    return [
        Route("/.well-known/jwks.json", Endpoint("/.well-known/jwks.json", keys, *READ)),
        Route("/.well-known/openid-configuration", Endpoint("/.well-known/openid-configuration", discovery, *READ)),
        Route("/openapi.json", Endpoint("/openapi.json", _openapi, *READ)),
        Route("/docs", Endpoint("/docs", _docs, *READ)),
        # A platform's code may contain a slash before its sub code.
        Route("/errors/{code:path}", Endpoint("/errors/{code}", _error, *READ)),
    ]


def provider_of(issuer: Issuer) -> dict[str, object]:
    """Return what OpenID Connect Discovery 1.0 calls provider metadata.

    There is no ``authorization_endpoint``: a browser cannot log in here, only a mini program.
    """
    kinds = {"pairwise" if each.pairwise else "public" for each in issuer.audiences.values()}
    return {
        "issuer": issuer.url,
        "jwks_uri": f"{issuer.url}/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": sorted(kinds),
        "id_token_signing_alg_values_supported": sorted({algorithm(key) for key in issuer.keys}, reverse=True),
        "claims_supported": [
            *("iss", "sub", "aud", "iat", "exp", "auth_time", "jti", "amr", "nonce"),
            *("phone_number", "phone_number_verified", "phone_number_masked"),
        ],
        "scopes_supported": ["openid", "phone"],
    }


async def _openapi(exchange: Exchange, _scope: Scope, _receive: Receive) -> Reply:
    headers = (_JSON, _FOR_A_WHILE, (b"vary", b"accept-language"), _language(exchange))
    document = openapi.document(exchange.lang)
    if exchange.root:
        document = {**document, "servers": [{"url": exchange.root}]}
    return 200, msgspec.json.encode(document), headers


async def _docs(exchange: Exchange, _scope: Scope, _receive: Receive) -> Reply:
    return _shown(exchange, pages.docs(exchange.lang), html=True)


async def _error(exchange: Exchange, scope: Scope, _receive: Receive) -> Reply:
    html = b"text/html" in exchange.accept
    page = pages.error(scope["path_params"]["code"], exchange.lang, html=html)
    if page is None:
        raise UnknownRoute
    return _shown(exchange, page, html=html)


def _shown(exchange: Exchange, page: str, *, html: bool) -> Reply:
    kind = b"text/html; charset=utf-8" if html else b"text/plain; charset=utf-8"
    return 200, page.encode(), ((b"content-type", kind), *_PAGE, _language(exchange))


def _language(exchange: Exchange) -> tuple[bytes, bytes]:
    return b"content-language", exchange.lang.encode("ascii")
