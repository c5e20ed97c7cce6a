"""One request and its answer: what is known about it until the one line that is logged."""

from __future__ import annotations

from asyncio import Task
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import msgspec

from haoma.errors import HaomaError
from haoma.platforms.base.contract import App
from haoma.service.callers import Caller

if TYPE_CHECKING:
    from starlette.types import Scope

KEY: Final = "haoma.exchange"
JSON: Final = "application/json"
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
Reply: TypeAlias = tuple[int, bytes, Headers]
"""Status, body and headers of an answer."""


class Exchange(msgspec.Struct, eq=False):
    """What is known about the request that is being answered."""

    request_id: str
    method: str
    lang: str
    accept: bytes
    authorization: tuple[bytes, ...]  # every header of that name
    origin: bytes  # the page that a browser asks for
    announced: int  # bytes of the body, -1 if the caller does not say
    started: float
    due: float
    route: str | None = None
    app: App | None = None
    habit: bool = False  # answer in {"code", "msg", "data"}
    caller: Caller | None = None
    status: int = 0
    task: Task[Any] | None = None
    reading: bool = False
    late: bool = False
    error: HaomaError | None = None
    fault: BaseException | None = None
    answered: bool = False
    ended: float = 0.0

    @classmethod
    def of(cls, scope: Scope) -> Exchange:
        """Return the exchange of a request that came through the gate."""
        return cast("Exchange", scope[KEY])
