"""The session_key flow: opens ``encryptedData`` under the user's session_key.

**Threats.** AES-128-CBC has no MAC. Users who can tell why an opening failed can write any phone number under their own
session_key (padding oracle). Users who cannot still choose the IV, and through it the first 16 bytes. WeChat also seals
texts of the user's choice under the same key (the nickname of user info, the name and street of an address). These keep
their meaning when the blocks around them are cut off. So:

* There is one refusal, a few tries per key, and only the last two keys: ``haoma.platforms.base.session_keys``, which
  all platforms share.
* A message has the four documented members and the two of its watermark, and no others. A spliced message contains
  members of another message.
* Every field must be present, the three forms of the number must agree, the watermark must name this app and be recent,
  and each ciphertext is accepted once.
* Optionally, WeChat is asked first whether it made the ciphertext (``checkencryptedmsg``).

The checks, all of them step 3 of ``flow.py``:

* ``iv`` is base64 of 16 bytes and ``encryptedData`` of whole blocks, after the usual transport damage is repaired.
* Optionally: WeChat made it, for this app, within three days.
* A stored session_key opens it: PKCS#7, UTF-8, strict JSON object.
* Fields, watermark and number are valid, as in the code flow (``payload.py``), and there is no other member.
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
_NOT_WECHATS: Final = "1"  # errcode: not encrypted for this app, or more than three days ago


def open_sealed(app: WeChatApp, message: SealedMessage, keys: tuple[SessionKey, ...], now: float) -> Flow[PhoneNumber]:
    """Return the number in a sealed message.

    Raises:
        CannotOpen: ``trust.cannot-open``, for anything wrong with the message.
        OutsideError, PlatformRefusal: WeChat could not be asked (``check_encrypted_message``).
    """
    sealed = read_sealed(message)
    if app.check_encrypted_message:
        yield from _ask_wechat(app, repair_base64(message.claimed_ciphertext), sealed.ciphertext)
    number, _ = yield from open_under(app, keys, lambda key: _open(app, key, sealed, now))
    return number


def open_under_key(app: WeChatApp, sealed: Sealed, session_key: Secret, now: float) -> PhoneNumber:
    """Return the number in sealed data, opened under a given session_key.

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
        # Compared to both limits, not by difference: a JSON integer may be too large for a float.
        ("watermark-age", now - max_age <= payload.timestamp <= now + max_age),
    )


def _cannot_open(diagnosis: str) -> CannotOpen:
    return CannotOpen(step=STEP, diagnosis=diagnosis)


def _ask_wechat(app: WeChatApp, text: str, ciphertext: bytes) -> Flow[None]:
    """Ask whether WeChat made this ciphertext. The hash does not cover the IV, so the other checks are still needed.

    Raises:
        CannotOpen: ``trust.cannot-open``: WeChat did not make it.
        OutsideError, PlatformRefusal: WeChat could not be asked. Asking uses nothing up.
    """
    # The page does not say what is hashed; see the README.
    hashed = text.encode("ascii") if app.encrypted_hash == "base64-text" else ciphertext
    access = Access(app)
    answer = yield from not_sent(access.post(_CHECK, {"encrypted_msg_hash": hashlib.sha256(hashed).hexdigest()}))
    if answer.errcode == _NOT_WECHATS:
        raise _cannot_open("platform-check: 1")
    if answer.refused:
        raise answer.refusal("check", STEP, access.token).evolve(spent=Spent.NO)
    genuine = answer.found.get("vaild", answer.found.get("valid"))  # WeChat spells it "vaild"
    if not isinstance(genuine, bool):
        raise answer.nonsense("vaild", STEP, Spent.NO)
    if not genuine:
        raise _cannot_open("platform-check")
