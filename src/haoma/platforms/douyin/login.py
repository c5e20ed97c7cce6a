"""The login: exchanges a ``tt.login`` code at ``jscode2session`` (version 2).

Only ``code`` is sent, never ``anonymous_code``, because an anonymous code proves a device and not a user. The returned
``session_key`` is kept only if the app accepts encrypted data (``haoma.platforms.base.session_keys``).

Page: https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/basic-abilities/log-in/code-2-session
(read 2026-11).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import NotProven, Spent
from haoma.platforms.base import session_keys
from haoma.platforms.base.code_exchange import sending_a_code
from haoma.platforms.base.contract import Login
from haoma.platforms.douyin import api
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.douyin.app import DouyinApp
    from haoma.secret import Secret
    from haoma.steps import Flow

STEP: Final = 1
_PATH: Final = "/api/apps/v2/jscode2session"
_ID: Final = re.compile(r"[!-~]{1,128}")


def log_in(app: DouyinApp, login_code: Secret, now: float) -> Flow[Login]:
    """Exchange a login code.

    Raises:
        NotProven: ``trust.not-proven``: the app has no ``app_secret``, so no login can be checked.
        LoginCodeRejected: ``platform.login-code-rejected``, and Douyin's other refusals.
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        NonsenseReply: ``outside.nonsense-reply``.
    """
    if app.app_secret is None:
        raise NotProven(step=STEP, because={"not_proven": "login-binding", "needed": "app_secret"})
    content = {"appid": app.app_id, "secret": app.app_secret.reveal(), "code": login_code.reveal()}
    answer = yield from sending_a_code(api.post(app, app.login_base_url + _PATH, content), STEP)
    if answer.refused:
        raise answer.refusal("login", STEP, login_code, app.app_secret)
    inner = answer.found.get("data")
    given: dict[str, Any] = inner if isinstance(inner, dict) else {}
    openid, unionid = given.get("openid"), given.get("unionid") or ""
    if not isinstance(openid, str) or not _ID.fullmatch(openid):
        raise answer.nonsense("openid", STEP, Spent.YES)
    if not isinstance(unionid, str) or (unionid and not _ID.fullmatch(unionid)):
        raise answer.nonsense("unionid", STEP, Spent.YES)
    if app.accept_encrypted_data:
        session_key = session_keys.read_session_key(given.get("session_key"), 16)
        if session_key is None:
            raise answer.nonsense("session_key", STEP, Spent.YES)
        yield from session_keys.remember(app, openid, session_key, at_most=app.policy.code_seconds)
    return Login(Subject(openid=openid, unionid=unionid), app.name, now)
