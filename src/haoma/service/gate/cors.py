"""CORS: which pages of other origins a browser lets read our answers.

The Fetch standard asks for nothing but headers. They are added to whatever is answered, so that a setting changes no
status and no body: a preflight is answered like any other OPTIONS, and one of a stranger's page lacks the headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from haoma.service.exchange import Exchange, Headers

_EXPOSED: Final = (b"access-control-expose-headers", b"X-Request-Id, Retry-After, Content-Language")
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, X-Request-Id, Accept-Language"),
    (b"access-control-max-age", b"600"),
)


class Cors:
    """The origins that are let in.

    Args:
        origins: As configured.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    def add(self, exchange: Exchange, headers: Headers) -> Headers:
        """Return the headers of an answer with those that let a page in, if its origin may be."""
        if exchange.origin or any(name == b"cache-control" and b"public" in value for name, value in headers):
            # A cache that keeps the answer to one page must not give it to another.
            varies = [value for name, value in headers if name == b"vary"]
            others = (pair for pair in headers if pair[0] != b"vary")
            headers = (*others, (b"vary", b", ".join([*varies, b"origin"])))
        if exchange.origin not in self._origins:
            return headers
        more = _PREFLIGHT if exchange.method == "OPTIONS" else ()
        return (*headers, (b"access-control-allow-origin", exchange.origin), _EXPOSED, *more)
