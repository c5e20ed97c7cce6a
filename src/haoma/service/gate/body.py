"""Reads a request body as it is, whatever its content type, within limits of size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.authorization import MAX_BYTES
from haoma.errors import TooLarge, TooSlow
from haoma.io.clock import monotonic

if TYPE_CHECKING:
    from starlette.types import Receive

    from haoma.service.exchange import Exchange


async def read_body(exchange: Exchange, receive: Receive, seconds: float) -> bytes:
    """Return the body, for which there are ``seconds``.

    People send JSON as ``text/plain``, forms, and nothing at all as ``application/json``: what it is shall be seen
    from the bytes.

    Raises:
        TooLarge: ``envelope.too-large``: announced or sent more than 32 KiB.
        TooSlow: ``caller.too-slow``: the caller hung up.
    """
    if exchange.announced > MAX_BYTES:
        raise TooLarge(because={"max_bytes": MAX_BYTES})
    answer_due, exchange.due = exchange.due, monotonic() + seconds
    exchange.reading = True
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise TooSlow(diagnosis="the caller hung up")
        body += message.get("body", b"")  # of the few pieces that 32 KiB come in
        if len(body) > MAX_BYTES:
            raise TooLarge(because={"max_bytes": MAX_BYTES})
        if not message.get("more_body", False):
            break
    exchange.due = answer_due
    exchange.reading = False
    return body
