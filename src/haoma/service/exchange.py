"""One request and its answer: what is known about it until the one line that is logged."""

from __future__ import annotations

from asyncio import Task
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from haoma.errors import HaomaError
from haoma.platforms.base.contract import App
from haoma.service.callers import Caller

if TYPE_CHECKING:
    from litestar.types import HTTPScope

BELOW: Final = "/v1/apps/"
KEY: Final = "haoma.exchange"
JSON: Final = "application/json"


class Exchange(msgspec.Struct, eq=False):
    """What is known about the request that is being answered."""

    request_id: str
    method: str
    lang: str
    accept: bytes
    authorization: tuple[bytes, ...]  # every header of that name
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
    headers: tuple[tuple[bytes, bytes], ...] = ()
    ended: float = 0.0

    @classmethod
    def of(cls, scope: HTTPScope) -> Exchange:
        """Return the exchange of a request that came through the gate."""
        return cast("dict[str, Exchange]", scope)[KEY]
