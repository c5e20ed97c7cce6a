"""What DingTalk's replies, codes and ids look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue
from haoma.phone import from_parts
from haoma.platforms.base.symptoms import (
    ERRCODE,
    Captured,
    Looked,
    ReplyFields,
    Symptoms,
    look_at_reply,
    meanings,
    number_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haoma.platforms.base.diagnosis import Diagnosis
_FIELDS: Final = ReplyFields(
    ids=("requestid", "requestId"),
    given=("openId", "unionId", "accessToken", "refreshToken", "expireIn"),
)


def reply(captured: Captured) -> Looked | None:
    """Diagnose an answer of DingTalk's API; return None if the capture is not one."""
    named = captured.named
    ours = bool(captured.app) and named is not None and named.platform == "dingtalk"
    return look_at_reply(captured, "dingtalk", lambda found: _codes(found, ours=ours), given=_given, fields=_FIELDS)


def _codes(found: Mapping[str, Any], *, ours: bool) -> list[str] | None:
    code = found.get("code")
    if isinstance(code, str | int) and "message" in found and {"requestid", "requestId"} & found.keys():
        return [str(code)[:120]]
    if "errcode" in found and (ours or catalogue.find_refusal("dingtalk", str(found["errcode"]))):  # of the older APIs
        return [str(found["errcode"])[:12]]
    if {"accessToken", "expireIn"} <= found.keys():
        return []
    person = {"openId", "unionId", "nick", "mobile", "stateCode"} & found.keys()
    return [] if len(person) >= 2 and {"openId", "unionId"} & person else None


def _given(captured: Captured) -> Iterator[Diagnosis] | list[Diagnosis] | None:
    found = captured.object
    if found.get("mobile") not in (None, ""):
        number = from_parts(str(found.get("stateCode", "")).removeprefix("+"), str(found["mobile"]))
        return [number_in(number, "mobile")]
    return None if "accessToken" in found else meanings(captured, "dingtalk", "mobile-missing", place="phone")


SYMPTOMS: Final = Symptoms(
    kinds=("dingtalk-reply",),
    reply=reply,
    reply_fields=_FIELDS,
    turn=30,
    code_fields={ERRCODE: 1},
    code_words=r"\b(?:Forbidden\.AccessDenied\.\w+|invalidParameter\.\w+\.\w+|invalidClientIdOrSecret)\b",
    app_id=re.compile(r"ding[0-9a-z]{12,20}"),
    interfaces={r"oapi\.dingtalk\.com/gettoken|userAccessToken": "token", r"contact/users/me\b": "phone"},
    api="dd",
)
