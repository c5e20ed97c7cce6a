"""The login: exchanges the code of ``swan.getLoginCode`` or ``swan.login``, and keeps the session_key that it returns.

* **v1** (``spapi.baidu.com``) takes AppKey and AppSecret, and returns a flat object with ``openid``.
* **v2** (``openapi.baidu.com``) takes an access_token, and returns ``data`` with ``open_id``. If the gateway calls the
  token dead, the same code is sent once more with a new token, because the gateway refuses before the code is used up.

A code lives for ten minutes and works once. No public table lists the answer to an old or used one. So an unlisted
refusal is treated like that of a dead code: log in again.

Baidu passes a code that contains ``@`` on to the partner app in which the mini program runs, so the form of a code is
not checked.

Pages: https://smartprogram.baidu.com/docs/develop/api/open/log_Session-Key/ (swan-team/swan-docs, 2020-04);
v2: https://github.com/baidu/smartapp-openapi-go, Baidu's own SDK.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import Spent
from haoma.platforms.baidu import api
from haoma.platforms.baidu.open import SESSION_KEY_BYTES
from haoma.platforms.baidu.token import access_token
from haoma.platforms.base import session_keys
from haoma.platforms.base.access_tokens import TokenUse
from haoma.platforms.base.code_exchange import sending_a_code
from haoma.platforms.base.contract import Login
from haoma.platforms.base.refusal import of_a_code
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.baidu.api import Answer
    from haoma.platforms.baidu.app import BaiduApp
    from haoma.secret import Secret
    from haoma.steps import Flow

STEP: Final = 1
_V1: Final = "/oauth/jscode2sessionkey"
_V2: Final = "/rest/2.0/smartapp/getsessionkey"
_ID: Final = re.compile(r"[!-~]{1,128}")


def log_in(app: BaiduApp, login_code: Secret, now: float) -> Flow[Login]:
    """Exchange a login code.

    Raises:
        LoginCodeRejected: ``platform.login-code-rejected``, and Baidu's other refusals.
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        NonsenseReply: ``outside.nonsense-reply``.
    """
    if app.login == "v2":
        answer = yield from _v2(app, login_code)
        found = answer.found.get("data")
        fields: dict[str, Any] = found if isinstance(found, dict) else {}
        openid = fields.get("open_id")
    else:
        answer = yield from _v1(app, login_code)
        fields = answer.found
        openid = fields.get("openid")
    if not isinstance(openid, str) or not _ID.fullmatch(openid):
        raise answer.nonsense("openid", STEP, Spent.YES)
    session_key = session_keys.read_session_key(fields.get("session_key"), SESSION_KEY_BYTES)
    if session_key is None:
        raise answer.nonsense("session_key", STEP, Spent.YES)
    yield from session_keys.remember(app, openid, session_key, at_most=app.policy.code_seconds)
    return Login(Subject(openid=openid), app.name, now)


def _v1(app: BaiduApp, login_code: Secret) -> Flow[Answer]:
    form = (("code", login_code.reveal()), ("client_id", app.app_id), ("sk", app.app_secret.reveal()))
    answer = yield from _send(app, app.api_base_url + _V1, form, ())
    if answer.code:
        raise of_a_code(answer.refusal("login", STEP, login_code, app.app_secret))
    return answer


def _v2(app: BaiduApp, login_code: Secret) -> Flow[Answer]:
    access = TokenUse(access_token(app))
    answer = yield from access.ask(lambda token: _v2_with(app, login_code, token))
    if answer.code:
        raise of_a_code(answer.refusal("login", STEP, login_code, app.app_secret, access.token))
    return answer


def _v2_with(app: BaiduApp, login_code: Secret, token: Secret) -> Flow[Answer]:
    query = (("access_token", token.reveal()), ("code", login_code.reveal()))
    return (yield from _send(app, app.openapi_base_url + _V2, (), query))


def _send(
    app: BaiduApp, url: str, form: tuple[tuple[str, str], ...], query: tuple[tuple[str, str], ...]
) -> Flow[Answer]:
    return (yield from sending_a_code(api.post(app, url, form, query), STEP))
