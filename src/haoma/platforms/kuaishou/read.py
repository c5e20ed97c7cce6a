"""Finds the message in what the front end sent.

``e.detail`` of the button's event has ``encryptedData`` and ``iv``, or after a failure ``errMsg``. No phone code is
known.

Page: https://mp.kuaishou.com/docs/develop/functionAccessGuide/getUserPhoneNumber.html (dated 2024-09-26). The values of
``errMsg`` are as developers report them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma import field_names
from haoma.errors import ButtonFailed, UserDeclined
from haoma.platforms.base import session_keys
from haoma.platforms.base.refusal import refusal
from haoma.platforms.base.session_keys import SealedMessage, find_sealed

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.errors import HaomaError
    from haoma.platforms.base.contract import Sealed
    from haoma.platforms.kuaishou.app import KuaishouApp

_DECLINED: Final = ("deny", "cancel")
_NO_PERMISSION: Final = "no permission"

Message: TypeAlias = SealedMessage


def read(app: KuaishouApp, authorization: Authorization) -> Message:
    """Return the message.

    A ``session_key`` in the body is ignored: a client that chooses the key can write any number, and there is no
    watermark to contradict it.

    Raises:
        UserDeclined: ``envelope.user-declined``: the user declined.
        PermissionMissing: ``platform.permission-missing``: the button is not permitted.
        ButtonFailed: ``envelope.button-failed``: the button failed on the device for another reason.
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    del app
    return _message(authorization)


def read_sealed(authorization: Authorization) -> Sealed:
    """Return the sealed data as bytes. For callers with a session_key.

    Raises:
        EnvelopeError, PlatformRefusal: As `read`.
        CannotOpen: ``trust.cannot-open``: it is not sealed data.
    """
    return session_keys.read_sealed(_message(authorization))


def _message(authorization: Authorization) -> SealedMessage:
    claimed = authorization.claimed
    authorization.refuse(field_names.ENVELOPE, looks_like="alipay", needed="encryptedData and iv")
    if claimed.get("encryptedData") not in (None, ""):
        return find_sealed(claimed)
    if failed := _failure(claimed):
        raise failed
    raise authorization.missing("encryptedData")


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return the error of a failure event. Anybody can send one, but it can only refuse, so trusting it is safe."""
    words = claimed.get("errMsg")
    lowered = words.lower() if isinstance(words, str) else ""
    if any(word in lowered for word in _DECLINED):
        return UserDeclined()
    if _NO_PERMISSION in lowered:
        return refusal("kuaishou", _NO_PERMISSION, place="button", because={"unverified": True})
    if "fail" in lowered:
        return ButtonFailed()
    return None
