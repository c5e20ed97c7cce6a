"""The session_key flow: opens ``encryptedData`` under the user's session_key.

AES-128-CBC without a MAC. `haoma.platforms.base.session_keys`, which all platforms share, handles custody of
session_keys, the few tries and the one refusal. A client chooses the IV, and through it the first 16 bytes of anything
sealed under the same key, including user info with a nickname of the user's choice. So a message has the four
documented members and the two of its watermark, and no others; a wrapper is not accepted here. The age of the data is
unknown, because the unit of the watermark's timestamp is unclear. So a ciphertext is remembered for as long as a
session_key is kept.

The checks, all of them step 3 of ``flow.py``:

* ``iv`` is base64 of 16 bytes and ``encryptedData`` of whole blocks, after the usual transport damage is repaired.
* A stored session_key opens it: PKCS#7, UTF-8, strict JSON object.
* Fields, watermark and number are valid, as in the code flow (``payload.py``), and there is no other member.

Page: https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/tutorial/basic-ability/sensitive-data-process
(read 2026-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import aes_cbc, read_json
from haoma.platforms.base.session_keys import judge, key_bytes, number_of, open_under, read_sealed, unlisted
from haoma.platforms.douyin.payload import MEMBERS, WATERMARK, look, watermark_of

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.base.contract import Sealed
    from haoma.platforms.base.session_keys import Reading, SealedMessage, SessionKey
    from haoma.platforms.douyin.app import DouyinApp
    from haoma.secret import Secret
    from haoma.steps import Flow

SESSION_KEY_BYTES: Final = 16
_DECOY: Final = (
    b'{"phoneNumber":"00000000000","purePhoneNumber":"00000000000","countryCode":"86",'
    b'"watermark":{"appid":"","timestamp":1}}'
)


def open_sealed(app: DouyinApp, message: SealedMessage, keys: tuple[SessionKey, ...]) -> Flow[tuple[PhoneNumber, bool]]:
    """Return the number in a sealed message, and whether everything opened under its key is remembered.

    Raises:
        CannotOpen: ``trust.cannot-open``, for anything wrong with the message.
    """
    sealed = read_sealed(message)
    return (yield from open_under(app, keys, lambda key: _open(app, key, sealed)))


def open_under_key(app: DouyinApp, sealed: Sealed, session_key: Secret) -> PhoneNumber:
    """Return the number in sealed data, opened under a given session_key.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    return number_of(_open(app, key_bytes(session_key, SESSION_KEY_BYTES), sealed))


def _open(app: DouyinApp, key: bytes, sealed: Sealed) -> Reading:
    opened = read_json(aes_cbc(key, sealed.iv), sealed.ciphertext)
    return judge(opened, lambda found: _read(app, found), _DECOY)


def _read(app: DouyinApp, found: dict[str, Any]) -> Reading:
    watermark = watermark_of(found)
    others = unlisted(app, found, MEMBERS) + unlisted(app, watermark, WATERMARK, "watermark.")
    return look(app, found, others, complete=watermark.keys() >= WATERMARK)
