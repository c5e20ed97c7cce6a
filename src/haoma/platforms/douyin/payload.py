"""The object that holds the number: under RSA in the code flow, under AES in the session_key flow.

::

    {"phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86",
     "watermark": {"appid": "tt0000000000000000", "timestamp": 1700000000}}

For numbers abroad, ``phoneNumber`` starts with the country code, in an undocumented form. So the number is built from
the other two fields, and ``phoneNumber`` must agree with them. The unit of ``timestamp`` is unclear (Douyin's page
prints 15000000000000000), so it is not checked.

Any fault in it is `CannotOpen`, because the object has just been decrypted.
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
    """Return the number, if the payload is this app's and consistent. All of it is examined.

    Args:
        app: The app.
        fields: The object that holds the number.
        others: Members that must not be there.
        complete: False if a required member is missing.
    """
    watermark = watermark_of(fields)
    app_id = watermark.get("appid")
    country_code = str(fields.get("countryCode", ""))  # it may be an integer; no other type gives only digits
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
    """Return the number in Douyin's own reply, after checking that it is this app's and consistent.

    Unknown members are ignored, because the reply came over our own connection and nobody else wrote it.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    inner = found.get("phone_info")  # one third-party client expects this wrapper; no page shows it
    result = look(app, inner if isinstance(inner, dict) else found)
    if result.number is None:
        raise CannotOpen(diagnosis=result.fault)
    return result.number


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
