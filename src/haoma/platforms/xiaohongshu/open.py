"""Opens ``encryptedData`` under the user's session_key.

AES-CBC without a MAC. The official page says AES-128 and a key of 24 bytes, which contradict each other; 24 is most
probably the length of the base64 text. So keys of 16 and of 24 bytes are accepted, and no others. The official sample
removes a padding of 1 to 32 bytes. `haoma.platforms.base.session_keys` handles custody, tries and the one refusal.

**Threats.** A client chooses the IV, and through it the first 16 bytes of anything sealed under the same key. In the
likely order of members those are ``{"phoneNumber":"``, so the digits are out of reach; whoever cuts off more breaks the
JSON or leaves members of another message. So both numbers must agree, the watermark must name this app, and there are
no other members, in the watermark either. Its time must be a plain value: an object there could swallow members.

The checks, all of them step 3 of ``flow.py``:

* ``iv`` is base64 of 16 bytes and ``encryptedData`` of whole blocks, after the usual transport damage is repaired.
* A stored session_key opens it: PKCS#7 with 1 to 32 bytes, UTF-8, strict JSON object.
* ``purePhoneNumber``, ``phoneNumber``, ``countryCode`` and ``watermark`` are present, and nothing else is.
* ``watermark.appId`` is this app's id, byte for byte. Documents of 2023 say ``appid``; if both are there, both must be.
  ``watermark.timestamp`` is not judged, because its unit is not documented.
* The number is a mainland mobile number, and ``phoneNumber`` is the same one, bare or with the country code. Nobody
  tells how a number abroad is written, so any other is refused rather than guessed.

Page: https://miniapp.xiaohongshu.com/doc/DC591932 (dated 2024-11-28). It does not name the members.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import aes_cbc, read_json
from haoma.phone import MAINLAND, PhoneNumber
from haoma.platforms.base.session_keys import judge, key_bytes, number_of, open_under, read_sealed, reading, unlisted

if TYPE_CHECKING:
    from haoma.platforms.base.contract import Sealed
    from haoma.platforms.base.session_keys import Reading, SealedMessage, SessionKey
    from haoma.platforms.xiaohongshu.app import XiaohongshuApp
    from haoma.secret import Secret
    from haoma.steps import Flow

SESSION_KEY_BYTES: Final = (16, 24)
_PADDING: Final = 32
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_MEMBERS: Final = frozenset({"phoneNumber", "purePhoneNumber", "countryCode", "watermark"})
_APP_ID: Final = ("appId", "appid")
_WATERMARK: Final = frozenset({*_APP_ID, "timestamp"})
_DECOY: Final = (
    b'{"phoneNumber":"00000000000","purePhoneNumber":"00000000000","countryCode":"86",'
    b'"watermark":{"appId":"","timestamp":1}}'
)


def open_sealed(
    app: XiaohongshuApp, message: SealedMessage, keys: tuple[SessionKey, ...]
) -> Flow[tuple[PhoneNumber, bool]]:
    """Return the number in a sealed message, and whether everything opened under its key is remembered.

    Raises:
        CannotOpen: ``trust.cannot-open``, for anything wrong with the message.
    """
    sealed = read_sealed(message)
    return (yield from open_under(app, keys, lambda key: _open(app, key, sealed)))


def open_under_key(app: XiaohongshuApp, sealed: Sealed, session_key: Secret) -> PhoneNumber:
    """Return the number in sealed data, opened under a given session_key.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    return number_of(_open(app, key_bytes(session_key, *SESSION_KEY_BYTES), sealed))


def _open(app: XiaohongshuApp, key: bytes, sealed: Sealed) -> Reading:
    opened = read_json(aes_cbc(key, sealed.iv), sealed.ciphertext, _PADDING)
    return judge(opened, lambda found: _read(app, found), _DECOY)


def _read(app: XiaohongshuApp, found: dict[str, Any]) -> Reading:
    watermark = found.get("watermark")
    watermark = watermark if isinstance(watermark, dict) else {}
    ids = [watermark[name] for name in _APP_ID if name in watermark]
    named = ids != [] and all(isinstance(each, str) for each in ids)
    dated = type(watermark.get("timestamp")) in (int, str)
    country_code = found.get("countryCode")
    if isinstance(country_code, int):
        country_code = str(country_code)  # bool is an int: str(True) is 'True', which is no country code
    country_code, pure, whole = (
        _text(country_code),
        _text(found.get("purePhoneNumber")),
        _text(found.get("phoneNumber")),
    )
    others = unlisted(app, found, _MEMBERS) + unlisted(app, watermark, _WATERMARK, "watermark.")
    there = named and dated and country_code != "" and pure != "" and whole != ""
    mobile = country_code == MAINLAND and _MOBILE.fullmatch(pure) is not None
    return reading(
        PhoneNumber(MAINLAND, pure),
        others,
        ("watermark-app", all(each == app.app_id for each in ids) or not named),
        ("fields", there),
        ("members", not others),
        ("number", mobile and whole in (pure, country_code + pure, f"+{country_code}{pure}")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
