"""Login: exchange a ``wx.login`` code at ``jscode2session``.

The ``session_key`` that comes with it opens what the front end receives in the old way, and whoever has it can write
any phone number (there is no MAC). It is kept on the server only, and only if the app has the old way on; it is in no
`Login`, no result, no error and no log. The last two of a user are kept: ``wx.login`` may make a new one between the
moment when the data was encrypted and the moment when it arrives.

Page: https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session (read 2026-11).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.contract import Login
from haoma.crypto.strict import decode_base64
from haoma.errors import ConnectionLost, EnvelopeError, NotProven, OutcomeUnknown, Spent, TimedOut
from haoma.platforms.wechat import api
from haoma.secret import Secret
from haoma.steps import Keep, Recall, ask
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow

STEP: Final = 1
_PATH: Final = "/sns/jscode2session"
_ID: Final = re.compile(r"[!-~]{1,128}")
_KEYS_KEPT: Final = 2


def log_in(app: WeChatApp, login_code: Secret, now: float) -> Flow[Login]:
    """Exchange a login code.

    Raises:
        NotProven: ``trust.not-proven``: the app has no ``app_secret``, so no login can be checked.
        LoginCodeRejected: ``platform.login-code-rejected``, and WeChat's other refusals.
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        NonsenseReply: ``outside.nonsense-reply``.
    """
    if app.app_secret is None:
        raise NotProven(step=STEP, because={"not_proven": "login-binding", "needed": "app_secret"})
    query = (
        ("appid", app.app_id),
        ("secret", app.app_secret.reveal()),
        ("js_code", login_code.reveal()),
        ("grant_type", "authorization_code"),
    )
    try:
        answer = yield from api.get(app, _PATH, query)
    except (TimedOut, ConnectionLost) as error:
        raise OutcomeUnknown(step=STEP, because=error.because, spent=Spent.UNKNOWN) from None
    if answer.refused:
        raise answer.refusal("login", STEP, login_code, app.app_secret)
    openid, unionid = answer.found.get("openid"), answer.found.get("unionid") or ""
    if not isinstance(openid, str) or not _ID.fullmatch(openid):
        raise answer.nonsense("openid", STEP, Spent.YES)
    if not isinstance(unionid, str) or (unionid and not _ID.fullmatch(unionid)):
        raise answer.nonsense("unionid", STEP, Spent.YES)
    if app.old_way:
        yield from _keep(app, openid, _session_key(answer))
    return Login(Subject(openid=openid, unionid=unionid), app.name, now)


def _session_key(answer: Answer) -> Secret:
    found = answer.found.get("session_key")
    try:
        usable = isinstance(found, str) and len(decode_base64(found, "session_key")) == 16
    except EnvelopeError:
        usable = False
    if not usable:
        raise answer.nonsense("session_key", STEP, Spent.YES)
    return Secret(str(found))


def _keep(app: WeChatApp, openid: str, newest: Secret) -> Flow[None]:
    older = [key for key in (yield from session_keys(app, openid)) if key != newest]
    kept = (newest, *older)[:_KEYS_KEPT]
    yield from ask(Keep(_place(app, openid), kept, app.policy.session_seconds))


def session_keys(app: WeChatApp, openid: str) -> Flow[tuple[Secret, ...]]:
    """Return the last session_keys of a user, newest first; empty when they have expired."""
    kept = yield from ask(Recall(_place(app, openid)))
    return kept if isinstance(kept, tuple) else ()


def _place(app: WeChatApp, openid: str) -> str:
    return f"session-keys:{app.name}:{app.app_id}:{openid}"
