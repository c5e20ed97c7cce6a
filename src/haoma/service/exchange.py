"""The record of one request and its response, from arrival until its log line is written."""

from __future__ import annotations

from asyncio import Task
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from haoma.errors import HaomaError
from haoma.platforms.base.contract import App, Heard
from haoma.service.callers import Caller

if TYPE_CHECKING:
    from starlette.types import Scope

KEY: Final = "haoma.exchange"


class Exchange(msgspec.Struct, eq=False):
    """The request being answered, and what is known about its response."""

    request_id: str
    method: str
    lang: str
    accept: bytes
    authorization: tuple[bytes, ...]  # all headers of that name
    origin: bytes  # the Origin header that a browser sends
    announced: int  # Content-Length in bytes, -1 if missing
    started: float
    due: float
    route: str | None = None
    app: App | None = None
    habit: bool = False  # wrap the response in {"code", "msg", "data"}
    caller: Caller | None = None
    status: int = 0
    task: Task[Any] | None = None
    reading: bool = False
    late: bool = False
    pushed: Heard | None = None
    error: HaomaError | None = None
    fault: BaseException | None = None
    answered: bool = False
    ended: float = 0.0
    span: Any = None  # what traces have begun
    root: str = ""  # the prefix under which a proxy or another application serves this one

    @classmethod
    def of(cls, scope: Scope) -> Exchange:
        """Return the exchange that the gate stored in ``scope``."""
        return cast("Exchange", scope[KEY])
