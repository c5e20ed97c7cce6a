"""The object that holds the number: ``phone_info``, or the plain text of ``encryptedData``.

::

    {"phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": "86",
     "watermark": {"timestamp": 1637744274, "appid": "wx4f4bc4dec97d474b"}}

``countryCode`` is a string in real replies and a number in the sample of WeChat's page. ``phoneNumber`` is "with area
code" for numbers abroad, in an undocumented form. So the number is built from the other two fields, and ``phoneNumber``
must agree with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from haoma.errors import NonsenseReply, NumberMismatch, WrongApp
from haoma.phone import from_parts

if TYPE_CHECKING:
    from haoma.errors import Spent
    from haoma.phone import PhoneNumber
    from haoma.platforms.wechat.app import WeChatApp

MEMBERS: Final = frozenset({"phoneNumber", "purePhoneNumber", "countryCode", "watermark"})
WATERMARK: Final = frozenset({"timestamp", "appid"})
_SEPARATORS: Final = str.maketrans({" ": None, "-": None})


class Payload(NamedTuple):
    """The contents of a payload. All of it is examined, even if the first field is wrong.

    Attributes:
        number: The number; None if the fields hold none.
        missing: The first field that is missing or invalid.
        watermark: The watermark; empty if there is none.
        ours: True if the watermark names this app.
        agrees: True if the three fields of the number agree.
        timestamp: When the user agreed, in Unix seconds; 0 if it is not an integer.
    """

    number: PhoneNumber | None
    missing: str
    watermark: dict[str, Any]
    ours: bool
    agrees: bool
    timestamp: int


def look(app: WeChatApp, found: object) -> Payload:
    """Return the contents of the payload."""
    fields: dict[str, Any] = found if isinstance(found, dict) else {}
    watermark = fields.get("watermark")
    watermark = watermark if isinstance(watermark, dict) else {}
    app_id, timestamp = watermark.get("appid"), watermark.get("timestamp")
    country_code = fields.get("countryCode")
    if isinstance(country_code, int):
        country_code = str(country_code)  # bool is an int: str(True) is 'True', which is no country code
    country_code = _text(country_code)
    pure, whole = _text(fields.get("purePhoneNumber")), _text(fields.get("phoneNumber"))
    number = from_parts(country_code, pure)
    there = {
        "watermark": isinstance(app_id, str),
        "countryCode": country_code,
        "purePhoneNumber": pure,
        "phoneNumber": whole,
    }
    missing = next((name for name, value in there.items() if not value), "" if number else "purePhoneNumber")
    spellings = (pure, country_code + pure, f"+{country_code}{pure}")
    agrees = whole.translate(_SEPARATORS) in spellings
    at = timestamp if type(timestamp) is int else 0
    return Payload(number, missing, watermark, app_id == app.app_id, agrees, at)


def read_payload(app: WeChatApp, found: object, *, step: int, spent: Spent) -> PhoneNumber:
    """Return the number in WeChat's own reply, after checking that it is this app's and consistent.

    Unknown members are ignored, because the reply came over our own connection and nobody else wrote it.

    Raises:
        NonsenseReply: ``outside.nonsense-reply``: a field is missing or invalid (step).
        WrongApp: ``trust.wrong-app``: the watermark names another app (step + 1).
        NumberMismatch: ``trust.number-mismatch`` (step + 2).
    """
    payload = look(app, found)
    if payload.missing != "watermark" and not payload.ours:
        raise WrongApp(step=step + 1, spent=spent)
    if payload.missing or payload.number is None:
        raise NonsenseReply(step=step, because={"field": payload.missing}, spent=spent)
    if not payload.agrees:
        raise NumberMismatch(step=step + 2, because={"field": "phoneNumber"}, spent=spent)
    return payload.number


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
