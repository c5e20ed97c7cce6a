"""Reading a token from an answer, and how long it is kept."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.secret import Secret

if TYPE_CHECKING:
    from haoma.platforms.wechat.api import Answer

STEP: Final = 2
TOKEN: Final = re.compile(r"[!-~]{1,2048}")  # WeChat: "reserve at least 512 characters"
_MARGIN: Final = 300.0  # old and new token are both valid for five minutes
_SPREAD: Final = 60  # many apps of one process are not renewed in the same second
_LEAST: Final = 30.0  # a stable token is renewed in its last five minutes: without this, every request would fetch
_LONGEST: Final = 86_400  # WeChat says 7200, and that it may change


def token_key(issuer: str, base_url: str, app_id: str) -> str:
    """Return under which key an access_token is kept."""
    return f"access-token:{issuer}:{base_url}:{app_id}"


def read_token(answer: Answer, name: str, app_id: str) -> tuple[Secret, float]:
    """Return the token of an answer, and for how many seconds to keep it.

    Raises:
        NonsenseReply: ``outside.nonsense-reply``.
    """
    token, seconds = answer.found.get(name), _seconds(answer)
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise answer.nonsense(name, STEP, Spent.NO)
    spread = hashlib.sha256(app_id.encode()).digest()[0] % _SPREAD
    return Secret(token), max(seconds - _MARGIN - spread, min(_LEAST, seconds / 2), 1.0)


def _seconds(answer: Answer) -> int:
    found = answer.found.get("expires_in")
    if isinstance(found, str) and len(found) <= 6 and found.isascii() and found.isdigit():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= _LONGEST:
        raise answer.nonsense("expires_in", STEP, Spent.NO)
    return found
