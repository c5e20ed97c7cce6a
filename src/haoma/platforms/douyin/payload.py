"""The object that holds the number, the same under RSA in the new way and under AES in the old.

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

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.douyin.app import DouyinApp

_SEPARATORS: Final = str.maketrans({" ": None, "-": None})


def read_payload(app: DouyinApp, found: dict[str, Any]) -> PhoneNumber:
    """Return the number, once the payload has been found to be this app's and free of contradictions.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    inner = found.get("phone_info")  # one client of others was written for a wrapper; no page shows it
    fields: dict[str, Any] = inner if isinstance(inner, dict) else found
    watermark = fields.get("watermark")
    if not isinstance(watermark, dict) or not isinstance(watermark.get("appid"), str):
        raise CannotOpen(diagnosis="fields")
    if watermark["appid"] != app.app_id:
        raise CannotOpen(diagnosis="watermark-app")
    country_code = fields.get("countryCode")
    if isinstance(country_code, int):
        country_code = str(country_code)  # that of a bool is a word, and no number
    pure, whole = fields.get("purePhoneNumber"), fields.get("phoneNumber")
    if not (isinstance(country_code, str) and isinstance(pure, str) and isinstance(whole, str)):
        raise CannotOpen(diagnosis="fields")
    number = from_parts(country_code, pure)
    if number is None:
        raise CannotOpen(diagnosis="fields")
    if whole != pure:
        spellings = (pure, *(f"{front}{country_code}{pure}" for front in ("", "+", "00")))
        if whole.translate(_SEPARATORS) not in spellings:
            raise CannotOpen(diagnosis="number")
    return number
