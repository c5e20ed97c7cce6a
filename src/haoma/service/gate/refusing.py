"""The response to a refused request, which is also recorded in its exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.outcome import Asked, refused

if TYPE_CHECKING:
    from haoma.errors import HaomaError
    from haoma.outcome import Reply
    from haoma.service.exchange import Exchange


def refuse(exchange: Exchange, error: HaomaError, allow: bytes = b"") -> Reply:
    """Record the error in ``exchange`` and return the response for it."""
    exchange.error = error
    exchange.status = error.status
    anonymous = exchange.caller is not None and not exchange.caller.trusted
    asked = Asked(exchange.lang, exchange.request_id, anonymous, exchange.habit, exchange.root)
    return refused(error, asked, allow)
