"""The outermost ASGI layer: it guarantees a response and a log line for every request.

`Gate` is a raw ASGI wrapper around the routes. All responses go through it, including those to unknown paths, to
requests that take too long, and to requests that fail because of a bug.
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import HaomaError, InternalFault, TooSlow, UnknownRoute
from haoma.io.clock import monotonic
from haoma.language import negotiate
from haoma.outcome import Reply, request_ids
from haoma.service.exchange import KEY, Exchange
from haoma.service.gate.cors import Cors
from haoma.service.gate.deadlines import Deadlines
from haoma.service.gate.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from haoma.service.observe.journal import Journal
    from haoma.service.observe.traces import Traces

_HUNG_UP: Final = 499  # the status that proxies log when the caller closed the connection
_LONGEST_PATH: Final = 256
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


def _begin(scope: Scope, seconds: float) -> Exchange:
    language = accept = b""
    authorization: tuple[bytes, ...] = ()
    named: tuple[bytes, ...] = ()
    origins: tuple[bytes, ...] = ()
    announced = -1
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = (*authorization, value)
        elif name == b"content-length":
            announced = max(announced, int(value[:20]) if value.isdigit() else -1)
        elif name == b"x-request-id":
            named = (*named, value)
        elif name == b"accept-language":  # a list, which may be split over several headers
            language += value + b","
        elif name == b"accept":
            accept += value + b","
        elif name == b"origin":
            origins = (*origins, value)
    origin = origins[0] if len(origins) == 1 else b""  # a page has only one
    started = monotonic()
    return Exchange(
        request_ids(named),
        scope["method"],
        negotiate(language),
        accept,
        authorization,
        origin,
        announced,
        started,
        started + seconds,
    )


def _canonical(scope: Scope) -> bool:
    """Return True if the path has the only spelling that may reach a route.

    A proxy that filters paths compares their spelling, so ``//v1/``, ``%2F`` or a trailing slash must not reach the
    same route. No route is longer than `_LONGEST_PATH`; longer paths are refused, because a router may cache them.
    """
    path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    return (
        len(path) <= _LONGEST_PATH
        and b"%" not in path
        and b"//" not in path
        and b"\n" not in path
        and not path.endswith(b"/")
    )


async def send_reply(send: Send, exchange: Exchange, reply: Reply) -> None:
    """Send a response, with the headers common to all responses."""
    status, body, headers = reply
    exchange.answered = True
    exchange.status = exchange.status or status
    request_id = b"x-request-id", exchange.request_id.encode("ascii")
    if body:  # without a length the server would use chunked encoding
        headers = (*headers, (b"content-length", b"%d" % len(body)), request_id, _NOSNIFF)
    else:
        headers = (*headers, request_id, _NOSNIFF)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class Gate:
    """The ASGI wrapper around the routes.

    Args:
        inner: The routes.
        journal: Records every exchange when it is over.
        seconds: Time limit for a request.
        origins: Origins whose pages may read the responses.
        traces: Where the spans of requests go; None for nowhere.
    """

    def __init__(
        self,
        inner: ASGIApp,
        journal: Journal,
        seconds: float,
        origins: Collection[str] = (),
        traces: Traces | None = None,
    ) -> None:
        self._inner = inner
        self._traces = traces
        # The endpoint of each path that was answered with 200, by root and path: matching a path takes about as long as
        # the rest of the gate. Other paths are not remembered, because a client can make up any number of them.
        self._known: dict[tuple[str, str], tuple[ASGIApp, dict[str, Any]]] = {}
        self.deadlines = Deadlines()
        self._journal = journal
        self._seconds = seconds
        self._cors = Cors(origins) if origins else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens in the routes. Lifespan events go to the routes unchanged."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        exchange = scope[KEY] = self._begun(scope)
        if self._cors is not None:
            send = _letting_pages_in(send, exchange, self._cors)
        self.deadlines.watch(exchange)
        error: HaomaError | None = None
        try:
            try:
                if not _canonical(scope):
                    error = UnknownRoute()
                elif known := self._known.get(place := (exchange.root, scope["path"])):
                    endpoint, scope["path_params"] = known
                    await endpoint(scope, receive, send)
                else:
                    await self._inner(scope, receive, send)
                    if exchange.status == 200:
                        self._known[place] = scope["endpoint"], scope["path_params"]
            except CancelledError:
                if not exchange.late or exchange.task is None:
                    exchange.status = _HUNG_UP
                    raise
                exchange.task.uncancel()
                error = TooSlow(diagnosis=f"the {'body' if exchange.reading else 'answer'} did not come in time")
            except Exception as fault:  # noqa: BLE001 - last line of defence: nothing may leak, everything is logged
                exchange.fault = fault
                error = InternalFault()
            finally:
                self.deadlines.forget(exchange)
            if error is not None and not exchange.answered:
                await send_reply(send, exchange, refuse(exchange, error))
        finally:
            self._journal.note(exchange)

    def _begun(self, scope: Scope) -> Exchange:
        exchange = _begin(scope, self._seconds)
        exchange.root = scope.get("root_path", "")
        if self._traces is not None:
            exchange.span = self._traces.begin(scope)
        return exchange


def _letting_pages_in(send: Send, exchange: Exchange, cors: Cors) -> Send:
    """Return a ``send`` that adds the CORS headers to the response."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = cors.add(exchange, message["headers"])
        await send(message)

    return answer
