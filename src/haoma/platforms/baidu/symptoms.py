"""What Baidu's replies and codes look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from haoma import catalogue
from haoma.crypto.strict import decode_base64
from haoma.errors import BadBase64
from haoma.platforms.base.symptoms import Captured, Looked, Symptoms, code_of, look_at_reply

_KEY_BYTES: Final = 24


def reply(captured: Captured) -> Looked | None:
    """Diagnose an answer of Baidu's API; return None if the capture is not one."""
    return look_at_reply(captured, "baidu", _codes)


def _codes(found: Mapping[str, Any]) -> list[str] | None:
    if {"errno", "error_code"} & found.keys():
        return [*code_of(found.get("error_code")), *code_of(found.get("errno"))] or None
    error = found.get("error")
    if isinstance(error, str) and ("error_description" in found or error in catalogue.refusals("baidu")):
        return [error]
    if {"access_token", "refresh_token", "scope"} <= found.keys():
        return []
    return [] if "openid" in found and _is_session_key(found.get("session_key")) else None


def _is_session_key(value: object) -> bool:
    try:
        return isinstance(value, str) and len(decode_base64(value, "session_key")) == _KEY_BYTES
    except BadBase64:
        return False


SYMPTOMS: Final = Symptoms(
    kinds=("baidu-reply",),
    reply=reply,
    turn=60,
    code_fields={"error_code": 1, "errno": 0},
    code_words=r"\b(?:invalid_client|invalid_grant|invalid_request|unauthorized_client|unsupported_grant_type)\b",
    words_beside=True,
    interfaces={
        r"openapi\.baidu\.com/oauth/2\.0/token": "token",
        r"oauth/jscode2sessionkey|smartapp/getsessionkey": "login",
    },
    knows_app_id=True,
    api="swan",
    markup=".swan",
    markup_binds=True,
)
