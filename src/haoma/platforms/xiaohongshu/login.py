"""The login: exchanges the code of ``xhs.login``, and keeps the session_key that it returns.

The page of this call was not readable. Address, parameters and fields are those on which four implementations agree
(the README names them). The id of the user is ``openid`` on one page and ``open_id`` on another, as they are quoted, so
both are read; they must not differ.

A code is said to live for five minutes and to work once. If Xiaohongshu calls the access_token dead, the same code is
sent once more with a new token. Which code an old, a used and a foreign login code get, one by one, is unknown, so an
unlisted refusal is treated like that of a dead code: log in again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.platforms.base import session_keys
from haoma.platforms.base.access_tokens import TokenUse
from haoma.platforms.base.code_exchange import sending_a_code
from haoma.platforms.base.contract import Login
from haoma.platforms.base.refusal import of_a_code
from haoma.platforms.xiaohongshu import api
from haoma.platforms.xiaohongshu.open import SESSION_KEY_BYTES
from haoma.platforms.xiaohongshu.token import access_token
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.xiaohongshu.api import Answer
    from haoma.platforms.xiaohongshu.app import XiaohongshuApp
    from haoma.secret import Secret
    from haoma.steps import Flow

STEP: Final = 1
_PATH: Final = "/api/rmp/session"
_ID: Final = re.compile(r"[!-~]{1,128}")


def log_in(app: XiaohongshuApp, login_code: Secret, now: float) -> Flow[Login]:
    """Exchange a login code.

    Raises:
        LoginCodeRejected: ``platform.login-code-rejected``, and Xiaohongshu's other refusals.
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        NonsenseReply: ``outside.nonsense-reply``.
    """
    access = TokenUse(access_token(app))
    answer = yield from access.ask(lambda token: _ask(app, login_code, token))
    if answer.code != api.OK:
        raise of_a_code(answer.refusal("login", STEP, login_code, app.app_secret, access.token))
    found = [answer.data[name] for name in ("openid", "open_id") if name in answer.data]
    openid = found[0] if found else None
    if not isinstance(openid, str) or not _ID.fullmatch(openid) or any(each != openid for each in found):
        raise answer.nonsense("openid", STEP, Spent.YES)
    session_key = session_keys.read_session_key(answer.data.get("session_key"), *SESSION_KEY_BYTES)
    if session_key is None:
        raise answer.nonsense("session_key", STEP, Spent.YES)
    yield from session_keys.remember(app, openid, session_key, at_most=app.policy.code_seconds)
    return Login(Subject(openid=openid), app.name, now)


def _ask(app: XiaohongshuApp, login_code: Secret, token: Secret) -> Flow[Answer]:
    query = (("app_id", app.app_id), ("access_token", token.reveal()), ("code", login_code.reveal()))
    return (yield from sending_a_code(api.get(app, _PATH, query), STEP))
