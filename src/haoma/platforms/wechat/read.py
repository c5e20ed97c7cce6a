"""Finds the message in what the front end sent.

``e.detail`` of the button's event has ``code`` (base library 2.21.2 and later) with ``encryptedData`` and ``iv``; after
a failure ``errMsg`` and sometimes ``errno``. If it has both, the code is used, because WeChat itself vouches for it.

Page: https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/getPhoneNumber.html (read 2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma import catalogue, field_names
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

_DECLINED: Final = ("deny", "cancel")
_SAID: Final = (("not declared in the privacy agreement", "112"), ("privacy permission is not authorized", "104"))
"""Messages that WeChat's privacy page pairs with an errno, for clients and front ends that omit the number."""


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A message of the code flow: a code that only WeChat can turn into a number."""

    code: Secret


Message: TypeAlias = CodeMessage | SealedMessage


def read(app: WeChatApp, authorization: Authorization) -> Message:
    """Return the message.

    Raises:
        UserDeclined: ``envelope.user-declined``: the user declined.
        PlatformRefusal: ``platform.*``: the button is not permitted, by its ``errno``.
        ButtonFailed: ``envelope.button-failed``: the button failed on the device for another reason.
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope, or a ``cloudID``.
        EncryptedDataOff: ``envelope.encrypted-data-off``: only ``encryptedData``, and the app does not accept encrypted
            data.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    authorization.refuse(field_names.ENVELOPE, looks_like="alipay", needed="code")
    code = authorization.text("code", MAX_CODE, platform="wechat")
    if code is not None:
        return CodeMessage(Secret(code))
    return _sealed(authorization, accept_encrypted_data=app.accept_encrypted_data, needed="code")


def read_sealed(authorization: Authorization) -> Sealed:
    """Return only the sealed data, whatever the app accepts. For callers with a session_key.

    A ``code`` sent with it is ignored.

    Raises:
        BadField: ``envelope.bad-field``: there is only a code.
        EnvelopeError, PlatformRefusal: As `read`.
        CannotOpen: ``trust.cannot-open``: it is not sealed data.
    """
    authorization.refuse(field_names.ENVELOPE, looks_like="alipay", needed="encryptedData and iv")
    if "encryptedData" not in authorization.claimed and authorization.text("code", MAX_CODE, platform="wechat"):
        raise BadField(because={"field": "code", "needed": "encryptedData and iv"})
    return session_keys.read_sealed(_sealed(authorization, accept_encrypted_data=True, needed="encryptedData"))


def _sealed(authorization: Authorization, *, accept_encrypted_data: bool, needed: str) -> SealedMessage:
    claimed = authorization.claimed
    if failed := _failure(claimed):
        raise failed
    if "encryptedData" in claimed:
        if not accept_encrypted_data:
            raise EncryptedDataOff
        return find_sealed(claimed)
    if "cloudID" in claimed:
        raise UnknownShape(because={"found": "cloudID", "needed": "code"})
    raise authorization.missing(needed)


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return the error of a failure event. Anybody can send one, but it can only refuse, so trusting it is safe."""
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
