"""The old way: open ``encryptedData`` under the user's session_key.

AES-128-CBC with an IV that the client chooses, and no MAC. Custody of session_keys, the few tries and the one refusal
are those of ``haoma.session_keys``, which all platforms share. The age of the data cannot be judged, because the unit
of the watermark's timestamp is not clear; the ledger remembers a ciphertext for as long as a session_key is kept.

The list, continued from ``flow.py``; all of it is step 3:

* ``iv`` is base64 of 16 bytes and ``encryptedData`` of whole blocks, after the usual damage of transport is repaired.
* A kept session_key opens it: PKCS#7, UTF-8, strict JSON object.
* Fields, watermark and number, as in the new way (``payload.py``).

Page: https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/tutorial/basic-ability/sensitive-data-process
(read 2026-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.crypto.opening import aes_cbc, open_json
from haoma.errors import CannotOpen
from haoma.platforms.douyin.payload import read_payload
from haoma.session_keys import STEP, key_bytes, open_under, read_sealed

if TYPE_CHECKING:
    from haoma.contract import Sealed
    from haoma.phone import PhoneNumber
    from haoma.platforms.douyin.app import DouyinApp
    from haoma.secret import Secret
    from haoma.session_keys import SealedMessage
    from haoma.steps import Flow

SESSION_KEY_BYTES: Final = 16


def open_sealed(app: DouyinApp, message: SealedMessage, keys: tuple[Secret, ...]) -> Flow[PhoneNumber]:
    """Return the number in a sealed message.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong with the message.
    """
    sealed = read_sealed(message)
    return (yield from open_under(app, keys, lambda key: _open(app, key, sealed)))


def open_under_key(app: DouyinApp, sealed: Sealed, session_key: Secret) -> PhoneNumber:
    """Return the number in sealed data under a session_key that is at hand.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    key = key_bytes(session_key, SESSION_KEY_BYTES)
    try:
        return _open(app, key, sealed)
    except CannotOpen as error:
        error.step = STEP
        raise


def _open(app: DouyinApp, key: bytes, sealed: Sealed) -> PhoneNumber:
    return read_payload(app, open_json(aes_cbc(key, sealed.iv), sealed.ciphertext))
