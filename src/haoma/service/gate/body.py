"""Reads a request body, whatever its content type, within limits of size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.authorization import MAX_BYTES
from haoma.errors import TooLarge, TooSlow
from haoma.io.clock import monotonic

if TYPE_CHECKING:
    from starlette.types import Receive

    from haoma.service.exchange import Exchange


async def read_body(exchange: Exchange, receive: Receive, seconds: float) -> bytes:
    """Return the body. It must arrive within ``seconds``.

    The content type is ignored: clients send JSON as ``text/plain``, and forms or nothing as ``application/json``. The
    format is recognised from the bytes.

    Raises:
        TooLarge: ``envelope.too-large``: more than 32 KiB announced or sent.
        TooSlow: ``caller.too-slow``: the caller closed the connection.
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
        body += message.get("body", b"")  # appending is cheap: 32 KiB arrive in few pieces
        if len(body) > MAX_BYTES:
            raise TooLarge(because={"max_bytes": MAX_BYTES})
        if not message.get("more_body", False):
            break
    exchange.due = answer_due
    exchange.reading = False
    return body
