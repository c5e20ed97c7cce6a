"""What Huawei's replies and codes look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue
from haoma.phone import MAINLAND, from_parts
from haoma.platforms.base.symptoms import (
    Captured,
    Looked,
    ReplyFields,
    Symptoms,
    code_of,
    look_at_reply,
    meanings,
    number_in,
)
from haoma.platforms.huawei.app import SCOPE_PHONE, HuaweiApp
from haoma.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haoma.platforms.base.diagnosis import Diagnosis

_ACCOUNT_KIT: Final = "10015"  # the prefix of Account Kit's codes
_FIELDS: Final = ReplyFields(
    words=("resultDesc",),
    given=("openId", "unionId", "openID", "unionID", "id_token"),
)
_SAID: Final = {"session timeout": "6", "invalid session": "102", "access forbidden": "403"}
"""What the body says with the NSP_STATUS, which is often not pasted along."""
_MOBILE: Final = re.compile(r"(?:\+86|0086)?(1[3-9][0-9]{9})")


def reply(captured: Captured) -> Looked | None:
    """Diagnose an answer of Huawei's API; return None if the capture is not one."""
    return look_at_reply(captured, "huawei", _codes, given=_number, fields=_FIELDS)


def _codes(found: Mapping[str, Any]) -> list[str] | None:
    if "sub_error" in found:
        return code_of(found["sub_error"]) or None
    if "resultCode" in found:
        return code_of(found["resultCode"]) or None
    if found.keys() == {"error"}:
        native = _SAID.get(str(found["error"]))
        return None if native is None else [native]
    if {"token_type", "access_token", "id_token"} <= found.keys() or _is_user(found):
        return []
    return [] if {"phoneCountryCode", "purePhoneNumber"} <= found.keys() else None


def _is_user(found: Mapping[str, Any]) -> bool:
    """Return whether it is an answer of ``GOpen.User.getInfo``."""
    return "openID" in found and bool({"mobileNumber", "displayNameFlag"} & found.keys())


def _number(captured: Captured) -> Iterator[Diagnosis] | list[Diagnosis] | None:
    found = captured.object
    if _is_user(found):
        mobile = found.get("mobileNumber")
        if mobile in (None, ""):
            return meanings(captured, "huawei", "mobile-missing", place="user")
        parts = _MOBILE.fullmatch(str(mobile))
        return [number_in(from_parts(MAINLAND, parts[1]) if parts else None, "mobileNumber")]
    if "access_token" in found:
        return None
    abroad = str(found.get("phoneCountryCode", "")).lstrip("+").lstrip("0")
    number = from_parts(abroad, str(found.get("purePhoneNumber", "")))
    stale: dict[str, Any] = {"phoneNumberValid": 0} if found.get("phoneNumberValid") == 0 else {}
    return [number_in(number, "purePhoneNumber", **stale)]


def is_of_the_button(code: str) -> bool:
    """Return whether a code is an error of the button. Many back ends use the same two field names."""
    return code.startswith(_ACCOUNT_KIT) or catalogue.find_refusal("huawei", code, place="button") is not None


SYMPTOMS: Final = Symptoms(
    kinds=("huawei-reply",),
    reply=reply,
    reply_fields=_FIELDS,
    turn=20,
    is_of_the_button=is_of_the_button,
    code_fields={"resultCode|sub_error|NSP_STATUS|nsp_status": 0},
    code_header="nsp_status",
    # In this flow the reader understands the buttons of both.
    nobody=HuaweiApp(name="", platform="huawei", app_id="", client_secret=Secret("none"), flow=SCOPE_PHONE),
    of_the_code_alone=("20152",),
    interfaces={
        r"oauth-login\.cloud\.huawei\.com": "code",
        r"\baccount\.cloud\.huawei\.com": "user",
        r"quickLogin/getPhoneNumber": "phone",
    },
    missing={"code": "20152@code", "client_secret": "20085@code"},
)
