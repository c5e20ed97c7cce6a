"""The rest of the paid quota, to be known before users meet errno 1400001.

Each number is charged to a purchased package, after a thousand free ones; what is left is ``all`` less
``effectiveUse``. ``effectiveAll`` is deprecated and is not read. When the packages are used up, the button fails on the
device and no code is issued. WeChat's other APIs do not report this, so only this call and WeChat's own event
(`take_notice`) can tell in time.

An app that pays nothing has no packages: of a government, of a public hospital or a school, of an overseas subject
while that is free. Nothing bought and nothing used is no quota that could run low.

The event continues the steps of ``callback.py``:

5. ``appid`` is our mini program. A third-party platform gets the events of all its mini programs at one address. An
   event without it is accepted at a mini program's own address, where the message is sealed for that app.
6. ``CreateTime`` is recent enough.
7. ``spu_id`` is one of the phone components, and both counts are counts. An event about anything else is answered.

The page documents the call but not the product ids. These ids are what developers report; WeChat's event has the
first one, and the second appears only in libraries. A wrong id causes a refusal or zeros, never a
wrong phone number.

Pages: https://developers.weixin.qq.com/miniprogram/dev/server/API/charge/api_getusagedetail,
https://developers.weixin.qq.com/miniprogram/dev/server/event_push/charge/charge_mp_service_quota_notify.html,
https://developers.weixin.qq.com/doc/oplatform/service_market/charge/callback/charge_open_service_quota_notify.html
(read 2026-12).
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from haoma.errors import CannotOpen, Spent
from haoma.platforms.base.contract import Heard, Quota
from haoma.platforms.wechat.packages import bought
from haoma.platforms.wechat.push import EVENT_AWAY, is_near
from haoma.platforms.wechat.token import Access, without_harm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow

_PATH: Final = "/wxa/charge/usage/get"
_EVENT: Final = "charge_service_quota_notify"
_QUICK: Final = "10000077"
_REALTIME: Final = "10000086"
_COMPONENTS: Final = {"getPhoneNumber": _QUICK, "getRealtimePhoneNumber": _REALTIME}
_COUNT: Final = re.compile(r"[0-9]{1,18}")


def usage(app: WeChatApp, *, realtime: bool = False) -> Flow[Quota]:
    """Ask how much is left of the phone component's quota.

    Args:
        app: The app. A third-party platform asks with the merchant's token, as it asks for numbers.
        realtime: Ask about ``getRealtimePhoneNumber``, which is sold separately from ``getPhoneNumber``.

    Raises:
        WrongTokenKind: ``platform.wrong-token-kind``: the app's calls go through Cloud Run, which this API does not
            support.
        PlatformRefusal, OutsideError: WeChat could not be asked.
    """
    access = Access(app)
    query = (("spuId", _REALTIME if realtime else _QUICK), ("offset", "0"), ("limit", "20"))
    answer = yield from access.get(_PATH, query)
    if answer.refused:
        raise answer.refusal("usage", 0, access.token)
    return quota_in(answer, app)


def quotas(app: WeChatApp) -> Mapping[str, Callable[[], Flow[Quota]]]:
    """Return what is sold for an app, and how to ask what is left of it; see `Platform.quotas`.

    The names are those of the button's ``open-type``; those that begin with ``provider-`` are what a service provider
    has bought to assign it. Nobody's token is invalidated by asking.
    """
    asked: dict[str, Callable[[], Flow[Quota]]] = {}
    if not app.in_cloud:
        harmless = without_harm(app)
        asked |= {name: partial(usage, harmless, realtime=spu == _REALTIME) for name, spu in _COMPONENTS.items()}
    if app.provider is not None:
        asked |= {
            f"provider-{name}": partial(_bought, app, realtime=spu == _REALTIME) for name, spu in _COMPONENTS.items()
        }
    return asked


def _bought(app: WeChatApp, *, realtime: bool) -> Flow[Quota]:
    return quota_in((yield from bought(app, realtime=realtime)), app)


def quota_in(answer: Answer, app: WeChatApp) -> Quota:
    """Return the figures in an answer.

    Raises:
        NonsenseReply: ``outside.nonsense-reply``: they are not there.
    """
    return _quota(_count(answer, "all"), _count(answer, "effectiveUse"), app)


def _quota(total: int, used: int, app: WeChatApp) -> Quota:
    return Quota(total, used, low=bool(total or used) and total - used <= app.quota_warning)


def _count(answer: Answer, name: str) -> int:
    """Return a count. WeChat sends 64-bit numbers as text, because JavaScript has none."""
    found = answer.found.get(name)
    if type(found) is int and found >= 0:
        return found
    if not isinstance(found, str) or not _COUNT.fullmatch(found):
        raise answer.nonsense(name, 0, Spent.NO)
    return int(found)


# --- WeChat's own warning


def is_notice(found: Mapping[str, str]) -> bool:
    """Return whether a push warns of a quota."""
    return found.get("MsgType", "").lower() == "event" and found.get("Event", "") == _EVENT


def take_notice(app: WeChatApp, found: Mapping[str, str], now: float, said: str) -> Heard:
    """Take WeChat's warning that a fifth, a tenth, a twentieth or nothing of a quota is left.

    Raises:
        CannotOpen: ``trust.cannot-open``: it is for another app, or too old.
    """
    # (5)
    owner = found.get("appid", "")
    if owner != app.app_id and (owner or app.component is not None):
        raise CannotOpen(step=1, diagnosis="appid")
    # (6)
    if not is_near(found.get("CreateTime", ""), now, EVENT_AWAY):
        raise CannotOpen(step=1, diagnosis="CreateTime")
    # (7)
    names = {spu: name for name, spu in _COMPONENTS.items()}
    name = names.get(found.get("spu_id", ""))
    counts = [found.get(each, "") for each in ("total_quota", "total_used_quota")]
    if name is None or not all(map(_COUNT.fullmatch, counts)):
        return Heard(said, "other")
    total, used = map(int, counts)
    return Heard(said, "quota", quotas={name: _quota(total, used, app)})
