"""Find the message in what the front end sent.

``e.detail`` of the button's event has ``encryptedData`` and ``iv`` (base library 1.14.0 and later) and beside them
``code`` (3.51.0 and later); after a failure ``errMsg`` and sometimes ``errno``. With both, the code comes first, and
the sealed data is kept for an app that has the old way on (``flow.py``).

Pages:
https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/tutorial/open-capabilities/general-capabilities/new-phone-method,
https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/tutorial/open-capabilities/acquire-phone-number-acquire
(read 2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma.authorization import MAX_CODE
from haoma.errors import ButtonFailed, OldWayOff, UnknownShape, UserDeclined
from haoma.platforms.base.refusal import refusal
from haoma.platforms.base.session_keys import SealedMessage, find_sealed
from haoma.secret import Secret

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.errors import HaomaError
    from haoma.platforms.douyin.app import DouyinApp

# "auth deny", the user's word, is a part of "platform auth deny", the platform's: the longer one comes first.
_FAILURES: Final = (
    "platform auth deny", "no permission", "no phone number", "not login", "invalid session", "internal error",
)  # fmt: skip
_DECLINED: Final = ("auth deny", "user deny", "cancel")


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """The new way: a code that only Douyin can turn into a number.

    Attributes:
        code: The code.
        sealed: What came beside it, if the app has the old way on.
        fingerprint: Digest of everything that was sent, by which ``sealed`` is claimed.
    """

    code: Secret
    sealed: SealedMessage | None = None
    fingerprint: bytes = field(default=b"", repr=False)


Message: TypeAlias = CodeMessage | SealedMessage


def read(app: DouyinApp, authorization: Authorization) -> Message:
    """Return the message.

    Raises:
        UserDeclined: ``envelope.user-declined``: the event of a user who declined.
        PlatformRefusal: ``platform.*``: the event of a button that failed for a reason that Douyin documents.
        ButtonFailed: ``envelope.button-failed``: the event of another failure on the device.
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope, or a ``cloudId``.
        OldWayOff: ``envelope.old-way-off``: only ``encryptedData``, and the app has not turned the old way on.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    claimed = authorization.claimed
    authorization.refuse_alipay("code")
    code = authorization.text("code", MAX_CODE, platform="douyin")
    if code is not None and app.private_keys:
        if app.old_way and claimed.get("encryptedData") and claimed.get("iv"):
            return CodeMessage(Secret(code), find_sealed(claimed), authorization.fingerprint(""))
        return CodeMessage(Secret(code))
    if failed := _failure(claimed):
        raise failed
    if "encryptedData" in claimed:
        if not app.old_way:
            raise OldWayOff
        return find_sealed(claimed)
    if "cloudId" in claimed or "cloudID" in claimed:
        raise UnknownShape(because={"found": "cloudId", "needed": "code"})
    raise authorization.missing("code" if app.private_keys else "encryptedData")


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return what a failure event says. Anybody can write one; as it only refuses, believing it is harmless."""
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
