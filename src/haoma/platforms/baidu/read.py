"""Finds the message in what the front end sent.

``e.detail`` of the button's event has ``encryptedData`` and ``iv``, or after a failure ``errMsg``. There is no phone
code. Baidu's own pages call the ciphertext ``data``, its name in ``swan.getUserInfo``, and front ends copy that.

Page: https://smartprogram.baidu.com/docs/develop/component/formlist_button/ (swan-team/swan-docs, 2020-04).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma import field_names
from haoma.errors import ButtonFailed, UserDeclined
from haoma.platforms.base import session_keys
from haoma.platforms.base.session_keys import SealedMessage, find_sealed

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.errors import HaomaError
    from haoma.platforms.baidu.app import BaiduApp
    from haoma.platforms.base.contract import Sealed

_DECLINED: Final = ("deny", "cancel")

SEALED: Final = ("encryptedData", "data")
"""Names that the ciphertext may have."""

Message: TypeAlias = SealedMessage


def read(app: BaiduApp, authorization: Authorization) -> Message:
    """Return the message.

    A ``session_key`` in the body is ignored: a client that chooses the key can write any number.

    Raises:
        UserDeclined: ``envelope.user-declined``: the user declined.
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
    for name in SEALED:
        if claimed.get(name) not in (None, ""):
            return find_sealed(claimed, name)
    if failed := _failure(claimed):
        raise failed
    raise authorization.missing("encryptedData")


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return the error of a failure event. Anybody can send one, but it can only refuse, so trusting it is safe."""
    words = claimed.get("errMsg")
    lowered = words.lower() if isinstance(words, str) else ""
    if any(word in lowered for word in _DECLINED):
        return UserDeclined()
    if "fail" in lowered:
        return ButtonFailed()
    return None
