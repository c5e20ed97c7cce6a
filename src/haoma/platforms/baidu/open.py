"""Opens ``encryptedData`` under the user's session_key.

AES-192-CBC without a MAC. The JSON sits in a frame that ends with the AppKey. Nothing else ties the message to the app:
there is no watermark and no time. `haoma.platforms.base.session_keys` handles custody, tries and the one refusal.

**Threats.** A client chooses more than the IV. The first 16 bytes of a frame mean nothing, so the first block of
ciphertext may be anything. That block is the IV of the second, which holds the length and the first twelve bytes of
JSON: ``{"mobile":"1``. ``swan.getUserInfo`` is sealed under the same key and in the same frame, with a nickname of the
user's choice. Take a nickname that ends in ten digits at the edge of a block, put such a second block in front, and
keep what Baidu wrote behind it: the result is a complete frame with anybody's ``mobile``, made without the key and
without a failed try. The rest of the user info gives it away, so a phone message must have exactly one member.

The checks, all of them step 3 of ``flow.py``:

* ``iv`` is base64 of 16 bytes and the ciphertext of whole blocks, after the usual transport damage is repaired.
* A stored session_key opens it: PKCS#7 in blocks of 32 bytes, then the frame. The frame's length is within bounds, and
  this app's AppKey follows, compared in constant time.
* UTF-8, strict JSON object.
* ``mobile`` is its only member.
* ``mobile`` is a mainland mobile number: eleven digits that start with 13 to 19. Baidu gives no country code and does
  not say how it writes a number abroad, so any other form is refused rather than guessed.

Sources: https://smartprogram.baidu.com/docs/develop/api/open/log_userdata/ (swan-team/swan-docs, 2020-04),
https://github.com/baidu-smart-app/auth-demo-backend (its known answer is one of our test vectors).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import aes_cbc, read_framed_json
from haoma.phone import MAINLAND, PhoneNumber
from haoma.platforms.base.session_keys import judge, key_bytes, number_of, open_under, read_sealed, reading, unlisted

if TYPE_CHECKING:
    from haoma.platforms.baidu.app import BaiduApp
    from haoma.platforms.base.contract import Sealed
    from haoma.platforms.base.session_keys import Reading, SealedMessage, SessionKey
    from haoma.secret import Secret
    from haoma.steps import Flow

SESSION_KEY_BYTES: Final = 24
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_MEMBERS: Final = frozenset({"mobile"})
_DECOY: Final = b'{"mobile":"00000000000"}'


def open_sealed(app: BaiduApp, message: SealedMessage, keys: tuple[SessionKey, ...]) -> Flow[tuple[PhoneNumber, bool]]:
    """Return the number in a sealed message, and whether everything opened under its key is remembered.

    Raises:
        CannotOpen: ``trust.cannot-open``, for anything wrong with the message.
    """
    sealed = read_sealed(message)
    return (yield from open_under(app, keys, lambda key: _open(app, key, sealed)))


def open_under_key(app: BaiduApp, sealed: Sealed, session_key: Secret) -> PhoneNumber:
    """Return the number in sealed data, opened under a given session_key.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    return number_of(_open(app, key_bytes(session_key, SESSION_KEY_BYTES), sealed))


def _open(app: BaiduApp, key: bytes, sealed: Sealed) -> Reading:
    opened = read_framed_json(aes_cbc(key, sealed.iv), sealed.ciphertext, app.app_id.encode())
    return judge(opened, lambda found: _read(app, found), _DECOY)


def _read(app: BaiduApp, found: dict[str, Any]) -> Reading:
    mobile = found.get("mobile")
    mobile = mobile if isinstance(mobile, str) else ""
    others = unlisted(app, found, _MEMBERS)
    return reading(
        PhoneNumber(MAINLAND, mobile),
        others,
        ("fields", mobile != ""),
        ("members", not others),
        ("number", _MOBILE.fullmatch(mobile) is not None),
    )
