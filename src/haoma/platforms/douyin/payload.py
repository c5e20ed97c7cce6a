"""The object that holds the number, the same under RSA in the code flow and under AES in the old.

::

    {"phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86",
     "watermark": {"appid": "tt0000000000000000", "timestamp": 1700000000}}

``phoneNumber`` has the country code in front for numbers abroad, in a form that is not documented; so the number is
built from the two other fields, and ``phoneNumber`` has to agree with them. In which unit ``timestamp`` is given is not
clear (Douyin's page prints 15000000000000000), so it is not judged.

Whatever is wrong with it is `CannotOpen`: this object has just been decrypted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from haoma.errors import CannotOpen
from haoma.phone import from_parts
from haoma.platforms.base.session_keys import Reading, reading

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.douyin.app import DouyinApp

MEMBERS: Final = frozenset({"phoneNumber", "purePhoneNumber", "countryCode", "watermark"})
WATERMARK: Final = frozenset({"appid", "timestamp"})
_SEPARATORS: Final = str.maketrans({" ": None, "-": None})


def look(app: DouyinApp, fields: dict[str, Any], others: tuple[str, ...] = (), *, complete: bool = True) -> Reading:
    """Return the number, if the payload is this app's and free of contradictions. All of it is looked at.

    Args:
        app: The app.
        fields: The object that holds the number.
        others: Members that must not be there.
        complete: False if one is missing that has to be there.
    """
    watermark = watermark_of(fields)
    app_id = watermark.get("appid")
    country_code = str(fields.get("countryCode", ""))  # a whole number as well; nothing else has digits alone
    pure, whole = _text(fields.get("purePhoneNumber")), _text(fields.get("phoneNumber"))
    number = from_parts(country_code, pure)
    spellings = (pure, *(f"{front}{country_code}{pure}" for front in ("", "+", "00")))
    return reading(
        number,
        others,
        ("fields", isinstance(app_id, str)),
        ("watermark-app", app_id == app.app_id),
        ("fields", number is not None and whole != ""),
        ("fields", complete),
        ("members", not others),
        ("number", whole.translate(_SEPARATORS) in spellings),
    )


def watermark_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the watermark of an object; empty if there is none."""
    watermark = fields.get("watermark")
    return watermark if isinstance(watermark, dict) else {}


def read_payload(app: DouyinApp, found: dict[str, Any]) -> PhoneNumber:
    """Return the number of Douyin's own reply, once it has been found to be this app's and free of contradictions.

    A member that is not known is passed over: the reply came over our own connection, and nobody else wrote it.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    inner = found.get("phone_info")  # one client of others was written for a wrapper; no page shows it
    result = look(app, inner if isinstance(inner, dict) else found)
    if result.number is None:
        raise CannotOpen(diagnosis=result.fault)
    return result.number


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
