"""Reads a request body as it is: whatever its content type, within limits of size and time."""

from __future__ import annotations

from asyncio import timeout
from typing import TYPE_CHECKING

from haoma.authorization import MAX_BYTES
from haoma.errors import TooLarge, TooSlow

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Receive


async def read_body(scope: HTTPScope, receive: Receive, seconds: float) -> bytes:
    """Return the body.

    People send JSON as ``text/plain``, forms, and nothing at all as ``application/json``: what it is shall be seen
    from the bytes.

    Raises:
        TooLarge: ``envelope.too-large``: announced or sent more than 32 KiB.
        TooSlow: ``caller.too-slow``: not here in time, or the caller hung up.
    """
    # A list of header pairs; Litestar's Headers object would cost more than everything else here.
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > MAX_BYTES:
            raise TooLarge(because={"max_bytes": MAX_BYTES})
    body = bytearray()
    limit = timeout(seconds)
    try:
        async with limit:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise TooSlow(diagnosis="the caller hung up")
                body += message["body"]
                if len(body) > MAX_BYTES:
                    raise TooLarge(because={"max_bytes": MAX_BYTES})
                if not message["more_body"]:
                    return bytes(body)
    except TimeoutError:
        raise TooSlow(diagnosis="the body did not arrive in time") from None
