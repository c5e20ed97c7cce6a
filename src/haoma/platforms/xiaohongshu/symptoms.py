"""What Xiaohongshu's replies and codes look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from haoma import catalogue
from haoma.platforms.base.symptoms import Captured, Looked, ReplyFields, Symptoms, code_of, look_at_reply

_FIELDS: Final = ReplyFields(given=("expire_in",))
_TROUBLE: Final = "2"
_TROUBLE_WORDS: Final = "系统异常"  # without them, a 2 is anybody's


def reply(captured: Captured) -> Looked | None:
    """Diagnose an answer of Xiaohongshu's API; return None if the capture is not one."""
    return look_at_reply(captured, "xiaohongshu", _codes, fields=_FIELDS)


def _codes(found: Mapping[str, Any]) -> list[str] | None:
    code = code_of(found.get("code"))
    if not code or not isinstance(found.get("success"), bool):
        return None
    # Many back ends answer in this form, so its contents decide: a code of the table, or what a success gives.
    data = found.get("data")
    data = data if isinstance(data, dict) else {}
    given = {"access_token", "expire_in"} <= data.keys() or (
        "session_key" in data and {"openid", "open_id"} & data.keys()
    )
    if code[0] == _TROUBLE:
        return code if _TROUBLE_WORDS in str(found.get("msg")) else None
    return code if given or catalogue.find_refusal("xiaohongshu", code[0]) else None


SYMPTOMS: Final = Symptoms(
    kinds=("xiaohongshu-reply",),
    reply=reply,
    reply_fields=_FIELDS,
    turn=20,
    fields_beside="code",
    interfaces={r"/api/rmp/token": "token", r"/api/rmp/session": "login"},
    # Not as a field: every back end has a ``code``, and one of theirs is 2.
    code_words=r"(?:(?<=[:=])|(?<=[:=] ))410(?:002|004|101|103)\b",
    dead_token=("410101",),
    app_id=re.compile(r"[0-9a-f]{24}"),
    api="xhs",
    markup=".xhsml",
    markup_binds=True,
)
