"""Finds the message in what the front end sent.

The callback of ``LoginWithHuaweiIDButton`` receives ``response.authorizationCode``, or an error with a numeric
``code``: 1001502012 if the user cancels. Front ends post the code as ``code``, or the response as it is, or in
snake_case.

Page: https://developer.huawei.com/consumer/cn/doc/harmonyos-references/errorcode-account-kit
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue
from haoma.errors import BadField, ButtonFailed, UnknownShape, UserDeclined
from haoma.platforms.base.refusal import refusal
from haoma.secret import Secret

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.errors import HaomaError
    from haoma.platforms.huawei.app import HuaweiApp

MAX_CODE: Final = 2048
"""Longest Authorization Code in characters. Huawei documents no length; its codes are longer than WeChat's."""
_CANCELLED: Final = "1001502012"
_DEVICE_ERROR: Final = re.compile(r"100[0-9]{7}")  # ArkTS errors of Account Kit
PHONE_CODE: Final = ("code", "authorizationCode", "authorization_code")
"""Names that the code may have."""
_OTHERS: Final = frozenset({"response", "sign", "subCode", "sub_code", "encryptedData", "iv"})


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
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    del app
    claimed = authorization.claimed
    if not _OTHERS.isdisjoint(claimed):
        raise UnknownShape(because={"needed": "code"})
    if failed := _failure(claimed):
        raise failed
    codes = [authorization.text(name, MAX_CODE, platform="huawei") for name in PHONE_CODE]
    given = [code for code in codes if code is not None]
    if not given:
        raise authorization.missing("code")
    if len(set(given)) > 1:
        raise BadField(because={"field": "code", "reason": "differs from authorizationCode"})
    return CodeMessage(Secret(given[0]))


def _failure(claimed: dict[str, Any]) -> HaomaError | None:
    """Return the error of a failed button. Anybody can send one, but it can only refuse, so trusting it is safe."""
    code = claimed.get("code")
    native = str(code) if isinstance(code, int | str) and not isinstance(code, bool) else ""
    if not _DEVICE_ERROR.fullmatch(native):
        return None
    if native == _CANCELLED:
        return UserDeclined()
    if catalogue.find_refusal("huawei", f"{native}@button"):
        return refusal("huawei", native, place="button", because={"unverified": True})
    return ButtonFailed(because={"code": native})
