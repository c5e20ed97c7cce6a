"""How much of the paid quota is left, before users meet errno 1400001.

Each number is paid for: from packages that were bought, after a thousand free ones. When they are used up, the button
fails on the device and no code is issued; WeChat's API says nothing of it, so this is the way to know in time.

The page documents the call, but not the ids of the products: these are what developers report, and the second is seen
in one library only. An id that is wrong gives a refusal or zeros, never a wrong phone number.

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
    """What WeChat says about the packages of one component.

    Attributes:
        total: What the packages that are in force hold.
        used: What of that is used.
        low: True if no more is left than the app's ``quota_warning``. Where nothing was bought and nothing used, as at
            a hospital that pays for nothing, there is no quota that could run low.
    """

    total: int
    used: int
    low: bool

    @property
    def left(self) -> int:
        """What is left; WeChat settles accounts with a delay."""
        return max(self.total - self.used, 0)


def usage(app: WeChatApp, *, realtime: bool = False) -> Flow[Usage]:
    """Ask how much of the quota of the phone component is left.

    Args:
        app: The app.
        realtime: Ask about ``getRealtimePhoneNumber``, which is bought apart from ``getPhoneNumber``.

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
    """Return a count: 64-bit numbers come as text, because JavaScript has none."""
    found = answer.found.get(name)
    if type(found) is int and found >= 0:
        return found
    if not isinstance(found, str) or not _COUNT.fullmatch(found):
        raise answer.nonsense(name, 0, Spent.NO)
    return int(found)
