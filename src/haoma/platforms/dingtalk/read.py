"""Finds the message in what the front end sent.

DingTalk's OAuth page redirects with ``authCode`` (``error`` if the user declined). Front ends post it as ``authCode``,
``auth_code`` or ``code``.

Page: https://help.dingtalk.io/zh/open/development/obtain-user-token
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from haoma.authorization import MAX_CODE
from haoma.errors import BadField, UnknownShape, UserDeclined
from haoma.secret import Secret

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.platforms.dingtalk.app import DingTalkApp

PHONE_CODE: Final = ("authCode", "auth_code", "code")
"""Names that the code may have."""
_OTHERS: Final = frozenset({"response", "sign", "subCode", "sub_code", "encryptedData", "iv"})


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A code that only DingTalk can turn into a user."""

    code: Secret


def read(app: DingTalkApp, authorization: Authorization) -> CodeMessage:
    """Return the message.

    Raises:
        UserDeclined: ``envelope.user-declined``: the page redirected with ``error``. Its values are undocumented.
            Anybody can send one, but it can only refuse, so trusting it is safe.
        UnknownShape: ``envelope.unknown-shape``: another platform's envelope.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    del app
    claimed = authorization.claimed
    if not _OTHERS.isdisjoint(claimed):
        raise UnknownShape(because={"needed": "authCode"})
    codes = [authorization.text(name, MAX_CODE, platform="dingtalk") for name in PHONE_CODE]
    given = [code for code in codes if code is not None]
    if not given and claimed.get("error"):
        raise UserDeclined
    if not given:
        raise authorization.missing("authCode")
    if len(set(given)) > 1:
        raise BadField(because={"field": "authCode", "reason": "differs from code"})
    return CodeMessage(Secret(given[0]))
