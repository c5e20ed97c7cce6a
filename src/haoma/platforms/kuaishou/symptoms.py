"""What Kuaishou's replies and codes look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from haoma.platforms.base.symptoms import Captured, Looked, Symptoms, code_of, look_at_reply

_SUCCESS: Final = "1"


def reply(captured: Captured) -> Looked | None:
    """Diagnose an answer of Kuaishou's API; return None if the capture is not one."""
    return look_at_reply(captured, "kuaishou", _codes, success=_SUCCESS)


def _codes(found: Mapping[str, Any]) -> list[str] | None:
    if not {"error", "error_msg", "session_key", "open_id", "access_token"} & found.keys() and len(found) > 1:
        return None
    return code_of(found.get("result")) or None


SYMPTOMS: Final = Symptoms(
    kinds=("kuaishou-reply",),
    reply=reply,
    turn=40,
    code_fields={"result": 0},
    success=(_SUCCESS,),
    interfaces={r"oauth2/mp/code2session": "login"},
    api="ks",
    markup=".ksml",
    markup_binds=True,
)
