"""The object that holds the number: ``phone_info``, or the plain text of ``encryptedData``.

::

    {"phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": "86",
     "watermark": {"timestamp": 1637744274, "appid": "wx4f4bc4dec97d474b"}}

``countryCode`` is a string in real replies and a number in the sample of WeChat's page. ``phoneNumber`` is "with area
code" for numbers abroad, in a form that is not documented; so the number is built from the two other fields, and
``phoneNumber`` has to agree with them.
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
    """What a payload says. All of it was looked at, whatever is wrong with the first.

    Attributes:
        number: The number; None if the fields hold none.
        missing: The first field that is missing or is not what it has to be.
        watermark: The watermark; empty if there is none.
        ours: True if the watermark names this app.
        agrees: True if the three fields of the number agree.
        timestamp: When the user agreed, in Unix seconds; 0 if it is no integer.
    """

    number: PhoneNumber | None
    missing: str
    watermark: dict[str, Any]
    ours: bool
    agrees: bool
    timestamp: int


def look(app: WeChatApp, found: object) -> Payload:
    """Return what the payload says."""
    fields: dict[str, Any] = found if isinstance(found, dict) else {}
    watermark = fields.get("watermark")
    watermark = watermark if isinstance(watermark, dict) else {}
    app_id, timestamp = watermark.get("appid"), watermark.get("timestamp")
    country_code = fields.get("countryCode")
    if isinstance(country_code, int):
        country_code = str(country_code)  # that of a bool is a word, and no number
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
    """Return the number of WeChat's own reply, once it has been found to be this app's and free of contradictions.

    A member that is not known is passed over: the reply came over our own connection, and nobody else wrote it.

    Raises:
        NonsenseReply: ``outside.nonsense-reply``: a field is missing or is not what it has to be (step).
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
