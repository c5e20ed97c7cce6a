"""The rest of the paid quota, to be known before users meet errno 1400001.

Each number is charged to a purchased package, after a thousand free ones. When the packages are used up, the button
fails on the device and no code is issued. WeChat's other APIs do not report this, so only this call can tell in time.

The page documents the call but not the product ids. These ids are what developers report; the second appears in only
one library. A wrong id causes a refusal or zeros, never a wrong phone number.

Page: https://developers.weixin.qq.com/miniprogram/dev/server/API/charge/api_getusagedetail (read 2026-11).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.platforms.wechat.token import Access

if TYPE_CHECKING:
    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow

_PATH: Final = "/wxa/charge/usage/get"
_QUICK: Final = "10000077"
_REALTIME: Final = "10000086"
_COUNT: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Usage:
    """WeChat's figures for the packages of one component.

    Attributes:
        total: Size of the packages in force.
        used: How much of that is used.
        low: True if no more is left than the app's ``quota_warning``. If nothing was bought and nothing used, as at a
            hospital that is exempt from payment, there is no quota that could run low.
    """

    total: int
    used: int
    low: bool

    @property
    def left(self) -> int:
        """The rest of the quota. WeChat updates it with a delay."""
        return max(self.total - self.used, 0)


def usage(app: WeChatApp, *, realtime: bool = False) -> Flow[Usage]:
    """Ask how much is left of the phone component's quota.

    Args:
        app: The app.
        realtime: Ask about ``getRealtimePhoneNumber``, which is sold separately from ``getPhoneNumber``.

    Raises:
        PlatformRefusal, OutsideError: WeChat could not be asked.
    """
    access = Access(app)
    query = (("spuId", _REALTIME if realtime else _QUICK), ("offset", "0"), ("limit", "20"))
    answer = yield from access.get(_PATH, query)
    if answer.refused:
        raise answer.refusal("usage", 0, access.token)
    total, used = _count(answer, "all"), _count(answer, "effectiveUse")
    return Usage(total, used, low=bool(total or used) and total - used <= app.quota_warning)


def _count(answer: Answer, name: str) -> int:
    """Return a count. WeChat sends 64-bit numbers as text, because JavaScript has none."""
    found = answer.found.get(name)
    if type(found) is int and found >= 0:
        return found
    if not isinstance(found, str) or not _COUNT.fullmatch(found):
        raise answer.nonsense(name, 0, Spent.NO)
    return int(found)
