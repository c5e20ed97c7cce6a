"""Finds the message in what the front end sent.

``e.detail`` of the button's event has ``encryptedData`` and ``iv`` (base library 1.14.0 and later) and also ``code``
(3.51.0 and later); after a failure ``errMsg`` and sometimes ``errno``. If it has both, the code comes first, and the
sealed data is kept for an app that accepts encrypted data (``flow.py``).

Pages:
https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/tutorial/open-capabilities/general-capabilities/new-phone-method,
https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/tutorial/open-capabilities/acquire-phone-number-acquire
(read 2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma import field_names
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
    from haoma.platforms.douyin.app import DouyinApp

# The user's "auth deny" is part of the platform's "platform auth deny", so the longer one is tried first.
_FAILURES: Final = (
    "platform auth deny", "no permission", "no phone number", "not login", "invalid session", "internal error",
)  # fmt: skip
_DECLINED: Final = ("auth deny", "user deny", "cancel")


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A message of the code flow: a code that only Douyin can turn into a number.

    Attributes:
        code: The code.
        sealed: The sealed data that came with it, if the app accepts encrypted data.
        fingerprint: Digest of the whole body, with which ``sealed`` is reserved.
    """

    code: Secret
    sealed: SealedMessage | None = None
    fingerprint: bytes = field(default=b"", repr=False)


Message: TypeAlias = CodeMessage | SealedMessage


def read(app: DouyinApp, authorization: Authorization) -> Message:
    """Return the message.

    Raises:
        UserDeclined: ``envelope.user-declined``: the user declined.
        PlatformRefusal: ``platform.*``: the button failed for a reason that Douyin documents.
        ButtonFailed: ``envelope.button-failed``: the button failed on the device for another reason.
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope, or a ``cloudId``.
        EncryptedDataOff: ``envelope.encrypted-data-off``: only ``encryptedData``, and the app does not accept encrypted
            data.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    claimed = authorization.claimed
    authorization.refuse(field_names.ENVELOPE, looks_like="alipay", needed="code")
    code = authorization.text("code", MAX_CODE, platform="douyin")
    if code is not None and app.private_keys:
        if app.accept_encrypted_data and claimed.get("encryptedData") and claimed.get("iv"):
            return CodeMessage(Secret(code), find_sealed(claimed), authorization.fingerprint(""))
        return CodeMessage(Secret(code))
    return _sealed(
        authorization,
        accept_encrypted_data=app.accept_encrypted_data,
        needed="code" if app.private_keys else "encryptedData",
    )


def read_sealed(authorization: Authorization) -> Sealed:
    """Return only the sealed data, whatever the app accepts. For callers with a session_key.

    A ``code`` sent with it is ignored.

    Raises:
        BadField: ``envelope.bad-field``: there is only a code.
        EnvelopeError, PlatformRefusal: As `read`.
        CannotOpen: ``trust.cannot-open``: it is not sealed data.
    """
    authorization.refuse(field_names.ENVELOPE, looks_like="alipay", needed="encryptedData and iv")
    if "encryptedData" not in authorization.claimed and authorization.text("code", MAX_CODE, platform="douyin"):
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
    if "cloudId" in claimed or "cloudID" in claimed:
        raise UnknownShape(because={"found": "cloudId", "needed": "code"})
    raise authorization.missing(needed)


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return the error of a failure event. Anybody can send one, but it can only refuse, so trusting it is safe."""
    words = claimed.get("errMsg")
    words = words if isinstance(words, str) else ""
    lowered = words.lower()
    known = next((each for each in _FAILURES if each in lowered), None)
    if known:
        return refusal("douyin", known, place="button", message=words, because={"unverified": True})
    if any(each in lowered for each in _DECLINED):
        return UserDeclined()
    errno = claimed.get("errno")
    errno = str(errno) if isinstance(errno, int | str) and not isinstance(errno, bool) else ""
    if errno not in ("", "0") or "fail" in lowered:
        return ButtonFailed(because={"errno": errno[:20]})
    return None
