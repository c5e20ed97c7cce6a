"""What Huawei's replies and codes look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue
from haoma.phone import from_parts
from haoma.platforms.base.symptoms import Captured, Looked, ReplyFields, Symptoms, code_of, look_at_reply, number_in

if TYPE_CHECKING:
    from haoma.platforms.base.diagnosis import Diagnosis

_ACCOUNT_KIT: Final = "10015"  # the prefix of Account Kit's codes
_FIELDS: Final = ReplyFields(
    words=("resultDesc",),
    given=("openId", "unionId"),
)


def reply(captured: Captured) -> Looked | None:
    """Diagnose an answer of Huawei's API; return None if the capture is not one."""
    return look_at_reply(captured, "huawei", _codes, given=_number, fields=_FIELDS)


def _codes(found: Mapping[str, Any]) -> list[str] | None:
    if "resultCode" in found:
        return code_of(found["resultCode"]) or None
    return [] if {"phoneCountryCode", "purePhoneNumber"} <= found.keys() else None


def _number(captured: Captured) -> list[Diagnosis]:
    found = captured.object
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
    code_fields={"resultCode": 0},
)
