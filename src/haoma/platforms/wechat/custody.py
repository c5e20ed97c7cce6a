"""What WeChat's tokens have in common: the step, and how an answer is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.platforms.base.access_tokens import as_seconds, as_token, kept_for

if TYPE_CHECKING:
    from haoma.platforms.wechat.api import Answer
    from haoma.secret import Secret

STEP: Final = 2
_LONGEST: Final = 86_400  # WeChat says 7200, and that it may change


def read_token(answer: Answer, name: str, app_id: str) -> tuple[Secret, float]:
    """Return the token of an answer, and how many seconds to keep it.

    Raises:
        NonsenseReply: ``outside.nonsense-reply``.
    """
    seconds = as_seconds(answer.found.get("expires_in"), _LONGEST)
    if seconds is None:
        raise answer.nonsense("expires_in", STEP, Spent.NO)
    token = as_token(answer.found.get(name))
    if token is None:
        raise answer.nonsense(name, STEP, Spent.NO)
    return token, kept_for(seconds, app_id)
