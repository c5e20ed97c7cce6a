"""Open ``encryptedData`` under the user's session_key.

AES-192-CBC with an IV that the client chooses, and no MAC. Around the JSON is a frame with the AppKey behind it, which
is all that binds the message to the app; there is no watermark, and no time. Custody, tries and the one refusal are
those of ``haoma.session_keys``.

The list, continued from ``flow.py``; all of it is step 3:

* ``iv`` is base64 of 16 bytes and the ciphertext of whole blocks, after the usual damage of transport is repaired.
* A kept session_key opens it: PKCS#7 in blocks of 32 bytes, then the frame. Its length lies within it, and what follows
  is this app's AppKey, compared in constant time.
* UTF-8, strict JSON object.
* ``mobile`` is a mainland mobile number: eleven digits, 13 to 19 in front. Baidu gives no country code and does not say
  how a number abroad is written, so any other form is refused, not guessed.

Sources: https://smartprogram.baidu.com/docs/develop/api/open/log_userdata/ (swan-team/swan-docs, 2020-04),
https://github.com/baidu-smart-app/auth-demo-backend (its known answer is a vector of ours).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import aes_cbc, open_framed_json
from haoma.errors import CannotOpen
from haoma.phone import MAINLAND, PhoneNumber
from haoma.session_keys import STEP, key_bytes, open_under, read_sealed

if TYPE_CHECKING:
    from haoma.contract import Sealed
    from haoma.platforms.baidu.app import BaiduApp
    from haoma.secret import Secret
    from haoma.session_keys import SealedMessage
    from haoma.steps import Flow

SESSION_KEY_BYTES: Final = 24
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")


def open_sealed(app: BaiduApp, message: SealedMessage, keys: tuple[Secret, ...]) -> Flow[PhoneNumber]:
    """Return the number in a sealed message.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong with the message.
    """
    sealed = read_sealed(message)
    return (yield from open_under(app, keys, lambda key: _open(app, key, sealed)))


def open_under_key(app: BaiduApp, sealed: Sealed, session_key: Secret) -> PhoneNumber:
    """Return the number in sealed data under a session_key that is at hand.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    return _open(app, key_bytes(session_key, SESSION_KEY_BYTES), sealed)


def _open(app: BaiduApp, key: bytes, sealed: Sealed) -> PhoneNumber:
    return _number(open_framed_json(aes_cbc(key, sealed.iv), sealed.ciphertext, app.app_id.encode()))


def _number(found: dict[str, Any]) -> PhoneNumber:
    mobile = found.get("mobile")
    if not isinstance(mobile, str) or not mobile:
        raise CannotOpen(step=STEP, diagnosis="fields")
    if not _MOBILE.fullmatch(mobile):
        raise CannotOpen(step=STEP, diagnosis="number")
    return PhoneNumber(MAINLAND, mobile)
