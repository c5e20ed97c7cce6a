"""One route: its methods, its name in the log and the metrics, and its refusals."""

from __future__ import annotations

from asyncio import sleep
from typing import TYPE_CHECKING, Final

from starlette.websockets import WebSocketClose

from haoma.errors import HaomaError, UnknownRoute, WrongMethod
from haoma.service.exchange import Exchange
from haoma.service.gate.gate import send_reply
from haoma.service.gate.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from haoma.outcome import Reply

READ: Final = ("GET", "HEAD")


class Endpoint:
    """The ASGI endpoint of one path, for a Starlette route.

    Args:
        name: Name of the path in the log and the metrics: the template, never what was sent.
        answer: Answers a request with one of ``methods``.
        methods: The allowed methods. The response to OPTIONS lists them.
    """

    def __init__(
        self, name: str, answer: Callable[[Exchange, Scope, Receive], Awaitable[Reply]], *methods: str
    ) -> None:
        self._name = name
        self._answer = answer
        self._methods = frozenset(methods)
        self._allow = ", ".join(sorted({*methods, "OPTIONS"})).encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to this path."""
        exchange = Exchange.of(scope)
        exchange.route = self._name
        if exchange.method in self._methods:
            try:
                reply = await self._answer(exchange, scope, receive)
            except HaomaError as error:
                reply = refuse(exchange, error)
            await sleep(0)  # process ready requests together, then send: waking a client per response costs more
        elif exchange.method == "OPTIONS":
            reply = 204, b"", ((b"allow", self._allow),)
        else:
            reply = refuse(exchange, WrongMethod(), self._allow)
        await send_reply(send, exchange, reply)


async def no_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request to an unknown path."""
    if scope["type"] != "http":
        await WebSocketClose()(scope, receive, send)
        return
    exchange = Exchange.of(scope)
    await send_reply(send, exchange, refuse(exchange, UnknownRoute()))
