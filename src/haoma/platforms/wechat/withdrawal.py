"""Reads WeChat's events about users who withdraw an authorization or close their account.

The steps, continued from ``callback.py``:

5. ``AppID`` is our mini program. A third-party platform gets the events of all its mini programs at one address.
6. ``CreateTime`` is recent enough.
7. ``user_authorization_cancellation`` closes an account. ``user_authorization_revoke`` concerns us if ``RevokeInfo`` is
   the phone number. Other documented kinds (address, avatar, location, …) are nothing that haoma keeps, and neither is
   what ``user_info_modified`` is about. A kind that is not documented does nothing and is reported. Nor does a
   withdrawal from a plug-in concern us.

Page: https://developers.weixin.qq.com/miniprogram/dev/framework/security.html (read 2026-12). The README lists
what is uncertain.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from haoma.errors import CannotOpen
from haoma.platforms.base.contract import Heard
from haoma.platforms.base.withdrawals import ACCOUNT, AUTHORIZATION, withdraw
from haoma.platforms.wechat.push import EVENT_AWAY, is_near
from haoma.verified import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow

_MODIFIED: Final = "user_info_modified"
_REVOKED: Final = "user_authorization_revoke"
_CLOSED: Final = "user_authorization_cancellation"
_EVENTS: Final = frozenset({_MODIFIED, _REVOKED, _CLOSED})
_PHONE: Final = "8"
_NOT_KEPT: Final = frozenset({"1", "2", "3", "4", "5", "6", "7", "12", "13", "14", "15", "16", "18", "19", "20"})
"""What else a user may withdraw, as the page lists it: number plate, address, …, avatar."""
_SEVERAL: Final = re.compile(r"[,;|]")
_ID: Final = re.compile(r"[0-9A-Za-z_-]{6,64}")


def is_withdrawal(found: Mapping[str, str]) -> bool:
    """Return whether a push is one of these events."""
    return found.get("MsgType", "").lower() == "event" and found.get("Event", "") in _EVENTS


def take_withdrawal(app: WeChatApp, found: Mapping[str, str], now: float, said: str) -> Flow[Heard]:
    """Handle one of these events.

    Raises:
        CannotOpen: ``trust.cannot-open``: it is for another app, too old, or lacks a required field.
    """
    event, created = found["Event"], found.get("CreateTime", "")
    # (5)
    if found.get("AppID") != app.app_id:
        raise CannotOpen(step=1, diagnosis="AppID")
    # (6)
    if not is_near(created, now, EVENT_AWAY):
        raise CannotOpen(step=1, diagnosis="CreateTime")
    # (7)
    who = Subject(openid=_id(found, "OpenID"), unionid=_id(found, "UnionID"))
    if not who.openid:
        raise CannotOpen(step=1, diagnosis="OpenID")
    if event == _MODIFIED:
        return Heard(said, "profile-changed")
    if found.get("PluginID", "") not in ("", app.app_id):
        return Heard(said, "plugin-withdrawn")
    revoked = found.get("RevokeInfo", "")
    if event == _REVOKED:
        kinds = set(_SEVERAL.split(revoked))
        if _PHONE not in kinds:
            unlisted = () if kinds <= _NOT_KEPT else ("RevokeInfo",)
            return Heard(said, "other-authorization-withdrawn", unlisted=unlisted)
    # Events have no id. The page on pushes says to compare FromUserName and CreateTime.
    parts = (event, found.get("FromUserName", ""), created, who.openid, revoked)
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    what = ACCOUNT if event == _CLOSED else AUTHORIZATION
    return (yield from withdraw(app, who, what=what, at=float(created), key=key, said=said))


def _id(found: Mapping[str, str], name: str) -> str:
    """Return a user's id, or nothing if there is none.

    Raises:
        CannotOpen: ``trust.cannot-open``: it does not look like one.
    """
    value = found.get(name, "")
    if value and not _ID.fullmatch(value):
        raise CannotOpen(step=1, diagnosis=name)
    return value
