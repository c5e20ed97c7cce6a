"""The session_key flow: open ``encryptedData`` under the user's session_key.

AES-128-CBC without a MAC. Whoever can tell why an opening failed can write any phone number under his own session_key
(padding oracle). Whoever cannot still chooses the IV, and through it the first 16 bytes; and what WeChat seals under
the same key has texts of the user's choice in it (the nickname of user info, the name and street of an address), which
stay what they are when the blocks around them are cut off. What is done about it:

* One refusal, a few tries per key, and the last two keys: ``haoma.platforms.base.session_keys``, which all platforms
  share.
* A message has the four documented members and the two of its watermark, and no other: whatever is joined from another
  message brings some of that one's.
* Each field has to be there, the three forms of the number have to agree, the watermark has to name this app and to be
  young, and the ledger takes each ciphertext once.
* By option WeChat is asked first whether it made the ciphertext (``checkencryptedmsg``).

The list, continued from ``flow.py``; all of it is step 3:

* ``iv`` is base64 of 16 bytes and ``encryptedData`` of whole blocks, after the usual damage of transport is repaired.
* By option: WeChat made it, for this app, within three days.
* A kept session_key opens it: PKCS#7, UTF-8, strict JSON object.
* Fields, watermark and number, as in the code flow (``payload.py``), and no member beside them.
* ``watermark.timestamp`` is at most ``max_age`` seconds from now.

Pages: https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html,
https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/deprecatedGetPhoneNumber.html,
https://developers.weixin.qq.com/miniprogram/dev/server/API/user-info/basic-info/api_checkencrypteddata (read 2026-11).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import aes_cbc, read_json
from haoma.crypto.strict import repair_base64
from haoma.errors import CannotOpen, Spent
from haoma.platforms.base.code_exchange import not_sent
from haoma.platforms.base.session_keys import (
    STEP,
    judge,
    key_bytes,
    number_of,
    open_under,
    read_sealed,
    reading,
    unlisted,
)
from haoma.platforms.wechat.payload import MEMBERS, WATERMARK, look
from haoma.platforms.wechat.token import Access

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.base.contract import Sealed
    from haoma.platforms.base.session_keys import Reading, SealedMessage, SessionKey
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow

SESSION_KEY_BYTES: Final = 16
_DECOY: Final = (
    b'{"phoneNumber":"00000000000","purePhoneNumber":"00000000000","countryCode":"86",'
    b'"watermark":{"timestamp":1,"appid":""}}'
)
_CHECK: Final = "/wxa/business/checkencryptedmsg"
_NOT_WECHATS: Final = "1"  # errcode: not encrypted for this app, or longer ago than three days


def open_sealed(app: WeChatApp, message: SealedMessage, keys: tuple[SessionKey, ...], now: float) -> Flow[PhoneNumber]:
    """Return the number in a sealed message.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong with the message.
        OutsideError, PlatformRefusal: WeChat could not be asked (``check_encrypted_message``).
    """
    sealed = read_sealed(message)
    if app.check_encrypted_message:
        yield from _ask_wechat(app, repair_base64(message.claimed_ciphertext), sealed.ciphertext)
    number, _ = yield from open_under(app, keys, lambda key: _open(app, key, sealed, now))
    return number


def open_under_key(app: WeChatApp, sealed: Sealed, session_key: Secret, now: float) -> PhoneNumber:
    """Return the number in sealed data under a session_key that is at hand.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    return number_of(_open(app, key_bytes(session_key, SESSION_KEY_BYTES), sealed, now))


def _open(app: WeChatApp, key: bytes, sealed: Sealed, now: float) -> Reading:
    opened = read_json(aes_cbc(key, sealed.iv), sealed.ciphertext)
    return judge(opened, lambda found: _read(app, found, now), _DECOY)


def _read(app: WeChatApp, found: dict[str, Any], now: float) -> Reading:
    payload = look(app, found)
    others = unlisted(app, found, MEMBERS) + unlisted(app, payload.watermark, WATERMARK, "watermark.")
    max_age = app.policy.max_age
    return reading(
        payload.number,
        others,
        ("watermark-app", payload.ours or payload.missing == "watermark"),
        ("fields", payload.missing == "" and payload.timestamp != 0),
        ("members", not others),
        ("number", payload.agrees),
        # Not the distance of the two: an integer of JSON may be too large for a float.
        ("watermark-age", now - max_age <= payload.timestamp <= now + max_age),
    )


def _cannot_open(diagnosis: str) -> CannotOpen:
    return CannotOpen(step=STEP, diagnosis=diagnosis)


def _ask_wechat(app: WeChatApp, text: str, ciphertext: bytes) -> Flow[None]:
    """Ask whether WeChat made this ciphertext. The hash does not cover the IV, so the other checks follow all the same.

    Raises:
        CannotOpen: ``trust.cannot-open``: it did not.
        OutsideError, PlatformRefusal: it could not be asked. Asking uses nothing up.
    """
    # The page does not say what is hashed; see the README.
    hashed = text.encode("ascii") if app.encrypted_hash == "base64-text" else ciphertext
    access = Access(app)
    answer = yield from not_sent(access.post(_CHECK, {"encrypted_msg_hash": hashlib.sha256(hashed).hexdigest()}))
    if answer.errcode == _NOT_WECHATS:
        raise _cannot_open("platform-check: 1")
    if answer.refused:
        raise answer.refusal("check", STEP, access.token).evolve(spent=Spent.NO)
    genuine = answer.found.get("vaild", answer.found.get("valid"))  # WeChat really spells it "vaild"
    if not isinstance(genuine, bool):
        raise answer.nonsense("vaild", STEP, Spent.NO)
    if not genuine:
        raise _cannot_open("platform-check")
