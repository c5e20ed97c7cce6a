"""What every request goes through, and the answer that it gets whatever happens inside.

`Gate` is a raw ASGI wrapper around the whole application, so that nothing is answered outside of it: what the router
refuses, what takes too long and what fails by a mistake of ours included.
"""

from __future__ import annotations

import re
import secrets
from asyncio import CancelledError, sleep
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from litestar.enums import ScopeType

from haoma.errors import HaomaError, InternalFault, TooSlow, UnknownRoute
from haoma.io.clock import monotonic
from haoma.service.exchange import BELOW, KEY, Exchange
from haoma.service.gate.deadlines import Deadlines
from haoma.service.gate.language import negotiate
from haoma.service.gate.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

    from haoma.service.observe.journal import Journal

Shortcut: TypeAlias = "Callable[[HTTPScope, Exchange, Receive], Awaitable[tuple[int, bytes]]]"
_HUNG_UP: Final = 499  # what proxies log for a caller that did not wait
_LETTERS: Final = str.maketrans("0123456789", "ghijkmnpqr")  # so that no id of ours looks like a phone number
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH: Final = 256
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


def _new_id() -> str:
    return secrets.token_hex(16).translate(_LETTERS)


def _begin(scope: HTTPScope, seconds: float) -> Exchange:
    language = accept = b""
    authorization: tuple[bytes, ...] = ()
    request_ids: tuple[bytes, ...] = ()
    announced = -1
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = (*authorization, value)
        elif name == b"content-length":
            announced = max(announced, int(value[:20]) if value.isdigit() else -1)
        elif name == b"x-request-id":
            request_ids = (*request_ids, value)
        elif name == b"accept-language":  # a list, in one header or in several
            language += value + b","
        elif name == b"accept":
            accept += value + b","
    # Of two ids neither is known: a proxy may have logged the other one.
    sane = len(request_ids) == 1 and _REQUEST_ID.fullmatch(request_ids[0]) is not None
    known = request_ids[0].decode("ascii") if sane else _new_id()
    started = monotonic()
    return Exchange(
        known, scope["method"], negotiate(language), accept, authorization, announced, started, started + seconds
    )


def _canonical(scope: HTTPScope) -> bool:
    """Tell whether the path is spelled in the only way in which it reaches a route.

    A proxy that lets some paths through and not others compares the spelling: ``//v1/``, ``%2F`` or a slash at the end
    must not be another way to the same place. None is as long as `_LONGEST_PATH`, and a router may remember what it was
    asked for.
    """
    path = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    return len(path) <= _LONGEST_PATH and b"%" not in path and b"//" not in path and not path.endswith(b"/")


async def _reply(send: Send, exchange: Exchange, status: int, body: bytes) -> None:
    exchange.answered = True
    exchange.status = exchange.status or status
    headers = _headers(exchange)
    if body:  # a server that is not told the length would send it in chunks
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _headers(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    return [*exchange.headers, (b"x-request-id", exchange.request_id.encode("ascii")), _NOSNIFF]


class Gate:
    """What every request goes through.

    Args:
        inner: The application.
        journal: Where every exchange is noted when it is over.
        seconds: How long a request may take.
        shortcut: Answers what lies below ``/v1/apps/``, past the router and everything else that the application has
            around its routes, which takes as long as to verify a signature; None when it is needed (CORS).
    """

    def __init__(self, inner: ASGIApp, journal: Journal, seconds: float, shortcut: Shortcut | None = None) -> None:
        self._inner = inner
        self._shortcut = shortcut
        self.deadlines = Deadlines()
        self._journal = journal
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens inside."""
        if scope["type"] != ScopeType.HTTP:
            await self._inner(scope, receive, send)
            return
        exchange = _begin(scope, self._seconds)
        cast("dict[str, Exchange]", scope)[KEY] = exchange
        self.deadlines.watch(exchange)
        error: HaomaError | None = None
        try:
            try:
                if not _canonical(scope):
                    await _reply(send, exchange, *refuse(exchange, UnknownRoute()))
                elif self._shortcut is not None and scope["path"].startswith(BELOW):
                    status, body = await self._shortcut(scope, exchange, receive)
                    await sleep(0)  # all that is ready is worked out, then sent: to wake a reader after each is dear
                    await _reply(send, exchange, status, body)
                else:
                    await self._inner(scope, receive, _completing(send, exchange))
            except CancelledError:
                if not exchange.late or exchange.task is None:
                    exchange.status = _HUNG_UP
                    raise
                exchange.task.uncancel()
                error = TooSlow(diagnosis=f"the {'body' if exchange.reading else 'answer'} did not come in time")
            except Exception as fault:  # noqa: BLE001 - the last line of defence: nothing may leak, everything is logged
                exchange.fault = fault
                error = InternalFault()
            finally:
                self.deadlines.forget(exchange)
            if error is not None and not exchange.answered:
                await _reply(send, exchange, *refuse(exchange, error))
        finally:
            if exchange.route is None:
                # The template of a matched route, from our code; a raw path may hold anything.
                exchange.route = scope.get("path_template") or ""
            self._journal.note(exchange)


def _completing(send: Send, exchange: Exchange) -> Send:
    """Return a ``send`` that adds our headers to those of the application."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            exchange.answered = True
            exchange.status = exchange.status or message["status"]
            ours = _headers(exchange)
            replaced = {name for name, _ in ours}
            message["headers"] = [*(pair for pair in message["headers"] if pair[0] not in replaced), *ours]
        await send(message)

    return answer
