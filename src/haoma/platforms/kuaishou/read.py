"""Find the message in what the front end sent.

``e.detail`` of the button's event has ``encryptedData`` and ``iv``, or after a failure ``errMsg``. No phone code is
known.

Page: https://mp.kuaishou.com/docs/develop/functionAccessGuide/getUserPhoneNumber.html (dated 2024-09-26); the words of
``errMsg`` are as developers report them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma.errors import ButtonFailed, UserDeclined
from haoma.platforms.base import session_keys
from haoma.platforms.base.refusal import refusal
from haoma.platforms.base.session_keys import SealedMessage, find_sealed

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.errors import HaomaError
    from haoma.platforms.base.contract import Sealed
    from haoma.platforms.kuaishou.app import KuaishouApp

_ENVELOPE: Final = frozenset({"response", "sign", "subCode", "sub_code", "subMsg", "sub_msg"})
"""What Alipay's mini programs send: the envelope that gets sent to other platforms' apps."""
_DECLINED: Final = ("deny", "cancel")
_NO_PERMISSION: Final = "no permission"

Message: TypeAlias = SealedMessage


def read(app: KuaishouApp, authorization: Authorization) -> Message:
    """Return the message.

    A ``session_key`` that was sent along is not looked at: whoever chooses the key can write any number, and here no
    watermark would contradict it.

    Raises:
        UserDeclined: ``envelope.user-declined``: the event of a user who declined.
        PermissionMissing: ``platform.permission-missing``: the event of a button that is not permitted.
        ButtonFailed: ``envelope.button-failed``: the event of another failure on the device.
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    del app
    return _message(authorization)


def read_sealed(authorization: Authorization) -> Sealed:
    """Return the sealed data as bytes: for who has the session_key at hand.

    Raises:
        EnvelopeError, PlatformRefusal: As `read`.
        CannotOpen: ``trust.cannot-open``: it is no sealed data.
    """
    return session_keys.read_sealed(_message(authorization))


def _message(authorization: Authorization) -> SealedMessage:
    claimed = authorization.claimed
    authorization.refuse(_ENVELOPE, looks_like="alipay", needed="encryptedData and iv")
    if claimed.get("encryptedData") not in (None, ""):
        return find_sealed(claimed)
    if failed := _failure(claimed):
        raise failed
    raise authorization.missing("encryptedData")


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return what a failure event says. Anybody can write one; as it only refuses, believing it is harmless."""
    words = claimed.get("errMsg")
    lowered = words.lower() if isinstance(words, str) else ""
    if any(word in lowered for word in _DECLINED):
        return UserDeclined()
    if _NO_PERMISSION in lowered:
        return refusal("kuaishou", _NO_PERMISSION, place="button", because={"unverified": True})
    if "fail" in lowered:
        return ButtonFailed()
    return None
