"""Find the message in what the front end sent.

``e.detail`` of the button's event has ``code`` (base library 2.21.2 and later) and, beside it, ``encryptedData`` and
``iv``; after a failure ``errMsg`` and sometimes ``errno``. With both, the code wins: WeChat itself answers for it.

Page: https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/getPhoneNumber.html (read 2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma import catalogue
from haoma.authorization import MAX_CODE
from haoma.errors import BadField, ButtonFailed, EncryptedDataOff, UnknownShape, UserDeclined
from haoma.platforms.base import session_keys
from haoma.platforms.base.refusal import refusal
from haoma.platforms.base.session_keys import SealedMessage, find_sealed
from haoma.secret import Secret

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.errors import HaomaError
    from haoma.platforms.base.contract import Sealed
    from haoma.platforms.wechat.app import WeChatApp

_ENVELOPE: Final = frozenset({"response", "sign", "subCode", "sub_code", "subMsg", "sub_msg"})
"""What Alipay's mini programs send: the envelope that gets sent to other platforms' apps."""
_DECLINED: Final = ("deny", "cancel")
_SAID: Final = (("not declared in the privacy agreement", "112"), ("privacy permission is not authorized", "104"))
"""Words that the page on privacy pairs with an errno, for clients and front ends that leave the number out."""


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """The code flow: a code that only WeChat can turn into a number."""

    code: Secret


Message: TypeAlias = CodeMessage | SealedMessage


def read(app: WeChatApp, authorization: Authorization) -> Message:
    """Return the message.

    Raises:
        UserDeclined: ``envelope.user-declined``: the event of a user who declined.
        PlatformRefusal: ``platform.*``: the event of a button that is not permitted, by its ``errno``.
        ButtonFailed: ``envelope.button-failed``: the event of another failure on the device.
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope, or a ``cloudID``.
        EncryptedDataOff: ``envelope.encrypted-data-off``: only ``encryptedData``, and the app does not accept encrypted
            data.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    authorization.refuse(_ENVELOPE, looks_like="alipay", needed="code")
    code = authorization.text("code", MAX_CODE, platform="wechat")
    if code is not None:
        return CodeMessage(Secret(code))
    return _sealed(authorization, accept_encrypted_data=app.accept_encrypted_data)


def read_sealed(authorization: Authorization) -> Sealed:
    """Return the sealed data alone, whatever the app accepts: for who has the session_key at hand.

    A ``code`` that came beside it is left alone.

    Raises:
        BadField: ``envelope.bad-field``: there is a code instead.
        EnvelopeError, PlatformRefusal: As `read`.
        CannotOpen: ``trust.cannot-open``: it is no sealed data.
    """
    authorization.refuse(_ENVELOPE, looks_like="alipay", needed="encryptedData and iv")
    if "encryptedData" not in authorization.claimed and authorization.text("code", MAX_CODE, platform="wechat"):
        raise BadField(because={"field": "code", "needed": "encryptedData and iv"})
    return session_keys.read_sealed(_sealed(authorization, accept_encrypted_data=True))


def _sealed(authorization: Authorization, *, accept_encrypted_data: bool) -> SealedMessage:
    claimed = authorization.claimed
    if failed := _failure(claimed):
        raise failed
    if "encryptedData" in claimed:
        if not accept_encrypted_data:
            raise EncryptedDataOff
        return find_sealed(claimed)
    if "cloudID" in claimed:
        raise UnknownShape(because={"found": "cloudID", "needed": "code"})
    raise authorization.missing("code")


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return what a failure event says. Anybody can write one; as it only refuses, believing it is harmless."""
    words = claimed.get("errMsg")
    words = words if isinstance(words, str) else ""
    lowered = words.lower()
    if any(word in lowered for word in _DECLINED):
        return UserDeclined()
    errno = claimed.get("errno")
    errno = str(errno) if isinstance(errno, int | str) and not isinstance(errno, bool) else ""
    if errno in ("", "0"):
        errno = next((number for said, number in _SAID if said in lowered), "")
    if catalogue.find_refusal("wechat", f"{errno}@button"):
        return refusal("wechat", errno, place="button", message=words, because={"unverified": True})
    if errno or "fail" in lowered:
        return ButtonFailed(because={"errno": errno[:20]} if errno else None)
    return None
