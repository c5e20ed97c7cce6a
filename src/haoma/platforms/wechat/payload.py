"""The object that holds the number: ``phone_info`` in the new way, the plain text of ``encryptedData`` in the old way.

::

    {"phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": "86",
     "watermark": {"timestamp": 1637744274, "appid": "wx4f4bc4dec97d474b"}}

``countryCode`` is a string in real replies and a number in the sample of WeChat's page. ``phoneNumber`` is "with area
code" for numbers abroad, in a form that is not documented; so the number is built from the two other fields, and
``phoneNumber`` has to agree with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import NonsenseReply, NumberMismatch, WrongApp
from haoma.phone import from_parts

if TYPE_CHECKING:
    from haoma.errors import Spent
    from haoma.phone import PhoneNumber
    from haoma.platforms.wechat.app import WeChatApp

_END_OF_TIME: Final = 2**40  # an integer of JSON can be too large for a float
_SEPARATORS: Final = str.maketrans({" ": None, "-": None})


@dataclass(frozen=True, slots=True)
class Payload:
    """What a payload says. ``timestamp``: when the user agreed, in Unix seconds; None if it is no such integer."""

    number: PhoneNumber
    timestamp: int | None


def read_payload(app: WeChatApp, found: object, *, step: int, spent: Spent) -> Payload:
    """Return what the payload says, once it has been found to be this app's and free of contradictions.

    Raises:
        NonsenseReply: ``outside.nonsense-reply``: a field is missing or is not what it has to be (step).
        WrongApp: ``trust.wrong-app``: the watermark names another app (step + 1).
        NumberMismatch: ``trust.number-mismatch`` (step + 2).
    """
    fields: dict[str, Any] = found if isinstance(found, dict) else {}
    watermark = fields.get("watermark")
    if not isinstance(watermark, dict) or not isinstance(watermark.get("appid"), str):
        raise _missing("watermark", step, spent)
    if watermark["appid"] != app.app_id:
        raise WrongApp(step=step + 1, spent=spent)
    country_code = fields.get("countryCode")
    if isinstance(country_code, int):
        country_code = str(country_code)  # that of a bool is a word, and no number
    country_code = _text(country_code, "countryCode", step, spent)
    pure = _text(fields.get("purePhoneNumber"), "purePhoneNumber", step, spent)
    whole = _text(fields.get("phoneNumber"), "phoneNumber", step, spent)
    number = from_parts(country_code, pure)
    if number is None:
        raise _missing("purePhoneNumber", step, spent)
    if whole != pure and whole.translate(_SEPARATORS) not in (pure, country_code + pure, f"+{country_code}{pure}"):
        raise NumberMismatch(step=step + 2, because={"field": "phoneNumber"}, spent=spent)
    timestamp = watermark.get("timestamp")
    return Payload(number, timestamp if type(timestamp) is int and 0 < timestamp < _END_OF_TIME else None)


def _text(value: object, name: str, step: int, spent: Spent) -> str:
    if not isinstance(value, str) or not value:
        raise _missing(name, step, spent)
    return value


def _missing(name: str, step: int, spent: Spent) -> NonsenseReply:
    return NonsenseReply(step=step, because={"field": name}, spent=spent)
