"""Finds the message in what the front end sent.

DingTalk's OAuth page redirects with ``authCode`` (``error`` if the user declined). Front ends post it as ``authCode``,
``auth_code`` or ``code``.

Page: https://help.dingtalk.io/zh/open/development/obtain-user-token
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from haoma import field_names
from haoma.authorization import MAX_CODE
from haoma.errors import UnknownShape, UserDeclined
from haoma.secret import Secret

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.platforms.dingtalk.app import DingTalkApp

PHONE_CODE: Final = ("authCode", "auth_code", "code")
"""Names that the code may have."""
_OTHERS: Final = field_names.ENVELOPE | {"encryptedData", "iv"}


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
    code = authorization.one_text(PHONE_CODE, MAX_CODE, platform="dingtalk")
    if code is None and claimed.get("error"):
        raise UserDeclined
    if code is None:
        raise authorization.missing("authCode")
    return CodeMessage(Secret(code))
