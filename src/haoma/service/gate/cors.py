"""CORS: the origins whose pages may read our responses in a browser.

The Fetch standard only needs headers. They are added to every response, so the setting changes no status and no body: a
preflight is answered like any other OPTIONS request, and for an unknown origin the headers are missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from haoma.outcome import Headers
    from haoma.service.exchange import Exchange

_EXPOSED: Final = (b"access-control-expose-headers", b"X-Request-Id, Retry-After, Content-Language")
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, X-Request-Id, Accept-Language"),
    (b"access-control-max-age", b"600"),
)


class Cors:
    """The allowed origins.

    Args:
        origins: The configured origins.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    def add(self, exchange: Exchange, headers: Headers) -> Headers:
        """Return the headers of a response, with the CORS headers added if the origin is allowed."""
        if exchange.origin or any(name == b"cache-control" and b"public" in value for name, value in headers):
            # A cache must not give the response for one origin to another.
            varies = [value for name, value in headers if name == b"vary"]
            others = (pair for pair in headers if pair[0] != b"vary")
            headers = (*others, (b"vary", b", ".join([*varies, b"origin"])))
        if exchange.origin not in self._origins:
            return headers
        more = _PREFLIGHT if exchange.method == "OPTIONS" else ()
        return (*headers, (b"access-control-allow-origin", exchange.origin), _EXPOSED, *more)
