"""The login: exchanges a ``wx.login`` code at ``jscode2session``.

The returned ``session_key`` is kept only if the app accepts encrypted data (``haoma.platforms.base.session_keys``).

Page: https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session (read 2026-11).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.errors import NotProven, Spent
from haoma.platforms.base import session_keys
from haoma.platforms.base.code_exchange import sending_a_code
from haoma.platforms.base.contract import Login
from haoma.platforms.wechat import api
from haoma.platforms.wechat.third_party.tokens import with_component_token
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.wechat.api import Answer, Query
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow

STEP: Final = 1
_PATH: Final = "/sns/jscode2session"
_COMPONENT_PATH: Final = "/sns/component/jscode2session"
_ID: Final = re.compile(r"[!-~]{1,128}")


def log_in(app: WeChatApp, login_code: Secret, now: float) -> Flow[Login]:
    """Exchange a login code.

    Raises:
        NotProven: ``trust.not-proven``: the app has no ``app_secret``, so no login can be checked.
        LoginCodeRejected: ``platform.login-code-rejected``, and WeChat's other refusals.
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        NonsenseReply: ``outside.nonsense-reply``.
    """
    if app.component is None and app.app_secret is None:
        raise NotProven(step=STEP, because={"not_proven": "login-binding", "needed": "app_secret"})
    answer = yield from _ask(app, login_code)
    if answer.refused:
        secrets = (login_code, app.app_secret, app.component.secret if app.component else None)
        # No AppSecret is sent for a merchant's login. A code that normally blames it blames the component's token.
        place = "component" if app.component and answer.says_token_is_dead() else "login"
        raise answer.refusal(place, STEP, *secrets)
    openid, unionid = answer.found.get("openid"), answer.found.get("unionid") or ""
    if not isinstance(openid, str) or not _ID.fullmatch(openid):
        raise answer.nonsense("openid", STEP, Spent.YES)
    if not isinstance(unionid, str) or (unionid and not _ID.fullmatch(unionid)):
        raise answer.nonsense("unionid", STEP, Spent.YES)
    if app.accept_encrypted_data:
        session_key = session_keys.read_session_key(answer.found.get("session_key"), 16)
        if session_key is None:
            raise answer.nonsense("session_key", STEP, Spent.YES)
        yield from session_keys.remember(app, openid, session_key)
    return Login(Subject(openid=openid, unionid=unionid), app.name, now)


def _ask(app: WeChatApp, login_code: Secret) -> Flow[Answer]:
    code = (("js_code", login_code.reveal()), ("grant_type", "authorization_code"))
    component = app.component
    if component is None:
        secret = app.app_secret.reveal() if app.app_secret else ""
        return (yield from _exchange(app, _PATH, (("appid", app.app_id), ("secret", secret), *code)))

    def question(token: Secret) -> Flow[Answer]:
        ours = (("component_appid", component.app_id), ("component_access_token", token.reveal()))
        return _exchange(app, _COMPONENT_PATH, (("appid", app.app_id), *code, *ours))

    return (yield from with_component_token(app, question))


def _exchange(app: WeChatApp, path: str, query: Query) -> Flow[Answer]:
    return (yield from sending_a_code(api.get(app, path, query), STEP))
