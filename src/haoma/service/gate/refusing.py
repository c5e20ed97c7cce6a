"""The response to a refused request: a problem object (RFC 9457), or ``{"code", "msg", "data"}`` if configured."""

from __future__ import annotations

from typing import Final

import msgspec

from haoma.errors import HaomaError, KeyMissing, KeyRejected
from haoma.problem import problem
from haoma.service.exchange import JSON, Exchange, Reply

PROBLEM: Final = "application/problem+json"
HABIT: Final = "code-msg-data"
_RETRY_AFTER: Final = {429: b"60", 503: b"5"}


def refuse(exchange: Exchange, error: HaomaError, allow: bytes = b"") -> Reply:
    """Record the error in ``exchange`` and return the response for it."""
    exchange.error = error
    exchange.status = error.status
    anonymous = exchange.caller is not None and not exchange.caller.trusted
    body = problem(error, exchange.lang, request_id=exchange.request_id, anonymous=anonymous)
    headers = [(b"content-language", exchange.lang.encode("ascii")), (b"cache-control", b"no-store")]
    if error.retry and error.retry_after:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    elif error.retry and error.status in _RETRY_AFTER:
        headers.append((b"retry-after", _RETRY_AFTER[error.status]))
    if allow:
        headers.append((b"allow", allow))
    if exchange.habit:
        in_data = {"code": error.status, "msg": body["title"], "data": body}
        return 200, msgspec.json.encode(in_data), (*headers, (b"content-type", JSON.encode()))
    if isinstance(error, (KeyMissing, KeyRejected)):
        headers.append((b"www-authenticate", b'Bearer realm="haoma"'))
    return error.status, msgspec.json.encode(body), (*headers, (b"content-type", PROBLEM.encode()))
