"""Finds the message in what the front end sent.

Quick login: the callback of ``LoginWithHuaweiIDButton`` receives ``response.authorizationCode``, or an error with a
numeric ``code``: 1001502012 if the user cancels. Front ends post the code as ``code``, or the response as it is, or in
snake_case.

Scope ``phone``: the callback of ``FunctionalButton`` receives ``code``, or the same errors. The event of the button of
ASCF has ``code`` and ``errMsg``, or after a failure ``errMsg`` and ``errno``.

The two codes look the same. What only one flow's front end sends is refused under the other flow, before anything is
asked: ``errMsg`` of ASCF's button, and the masked number of the quick login (``quickLoginAnonymousPhone``).

Pages: https://developer.huawei.com/consumer/cn/doc/harmonyos-references/errorcode-account-kit and
https://developer.huawei.com/consumer/cn/doc/atomic-ascf/develop-huawei-id-retrieval
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue, field_names
from haoma.errors import ButtonFailed, UnknownShape, UserDeclined
from haoma.platforms.base.refusal import refusal
from haoma.platforms.huawei.app import QUICK_LOGIN, SCOPE_PHONE
from haoma.secret import Secret

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.errors import HaomaError
    from haoma.platforms.huawei.app import HuaweiApp

MAX_CODE: Final = 2048
"""Longest Authorization Code in characters. Huawei documents no length; its codes are longer than WeChat's."""
_ERRNO: Final = re.compile(r"[1-9][0-9]{0,11}")
_CANCELLED: Final = "1001502012"
_DEVICE_ERROR: Final = re.compile(r"100[0-9]{7}")  # ArkTS errors of Account Kit
PHONE_CODE: Final = ("code", "authorizationCode")
"""Names that the code may have."""
_MASKED_NUMBER: Final = frozenset({"quickLoginAnonymousPhone", "extraInfo"})
"""Fields of the quick login alone: the masked number that is shown on its button, and what is around it."""
_OF_ASCF: Final = "getphonenumber:"
_DECLINED: Final = ("deny", "cancel")
_OTHERS: Final = field_names.ENVELOPE | {"encryptedData", "iv"}


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A code that only Huawei can turn into a number."""

    code: Secret


def read(app: HuaweiApp, authorization: Authorization) -> CodeMessage:
    """Return the message.

    Other fields of the response (``openID``, ``unionID``, ``idToken``) are ignored: Huawei's reply to the code says who
    the user is.

    Raises:
        UserDeclined: ``envelope.user-declined``: the user cancelled.
        PlatformRefusal: ``platform.*``: the button failed with an error that the table lists.
        ButtonFailed: ``envelope.button-failed``: the button failed with another error.
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope, or what only the front end of the other
            flow sends.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    claimed = authorization.claimed
    if not _OTHERS.isdisjoint(claimed):
        raise UnknownShape(because={"needed": "code"})
    _refuse_the_other_flow(app, claimed)
    if failed := _failure(claimed):
        raise failed
    code = authorization.one_text(PHONE_CODE, MAX_CODE, platform="huawei")
    if code is None:
        raise authorization.missing("code")
    return CodeMessage(Secret(code))


def _refuse_the_other_flow(app: HuaweiApp, claimed: dict[str, Any]) -> None:
    """Refuse what only the other flow's front end sends. Its code would be refused, in words that do not say why."""
    event = claimed.get("errMsg")
    of_ascf = isinstance(event, str) and event.lower().startswith(_OF_ASCF)
    other = ""
    if app.flow == QUICK_LOGIN and of_ascf:
        other = SCOPE_PHONE
    elif app.flow == SCOPE_PHONE and not _MASKED_NUMBER.isdisjoint(claimed):
        other = QUICK_LOGIN
    if other:
        raise UnknownShape(place="other-flow", because={"flow": app.flow, "needed": f'flow = "{other}"'})


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return the error of a failed button. Anybody can send one, but it can only refuse, so trusting it is safe."""
    code, errno, words = claimed.get("code"), claimed.get("errno"), claimed.get("errMsg")
    if native := _digits(code, _DEVICE_ERROR):
        return _device_error(native)
    lowered = words.lower() if isinstance(words, str) else ""
    if code or not lowered.startswith(_OF_ASCF):
        return None
    if native := _digits(errno, _DEVICE_ERROR):
        return _device_error(native)
    if any(word in lowered for word in _DECLINED):
        return UserDeclined()
    native = _digits(errno, _ERRNO)
    return ButtonFailed(because={"errno": native} if native else {}) if native or "fail" in lowered else None


def _digits(value: object, form: re.Pattern[str]) -> str:
    """Return a number as text if it has this form; else empty."""
    text = str(value)  # an integer or its digits; no other type gives only digits
    return text if form.fullmatch(text) else ""


def _device_error(native: str) -> HaomaError:
    if native == _CANCELLED:
        return UserDeclined()
    if catalogue.find_refusal("huawei", f"{native}@button"):
        return refusal("huawei", native, place="button", because={"unverified": True})
    return ButtonFailed(because={"code": native})
