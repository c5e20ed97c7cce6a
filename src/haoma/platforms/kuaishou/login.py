"""The login: exchanges the code of ``ks.login`` at ``code2session``, and keeps the session_key that it returns.

No public page of this call was readable. Address, field names and the 1 for success are those on which some ten
implementations agree (the README names two). The answer to an old or used code is unknown, so an unlisted refusal is
treated like that of a dead code: log in again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.platforms.base import session_keys
from haoma.platforms.base.code_exchange import sending_a_code
from haoma.platforms.base.contract import Login
from haoma.platforms.base.refusal import of_a_code
from haoma.platforms.kuaishou import api
from haoma.platforms.kuaishou.open import SESSION_KEY_BYTES
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.kuaishou.app import KuaishouApp
    from haoma.secret import Secret
    from haoma.steps import Flow

STEP: Final = 1
_PATH: Final = "/oauth2/mp/code2session"
_ID: Final = re.compile(r"[!-~]{1,128}")


def log_in(app: KuaishouApp, login_code: Secret, now: float) -> Flow[Login]:
    """Exchange a login code.

    Raises:
        PlatformRefusal: ``platform.*``: Kuaishou's refusals.
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        NonsenseReply: ``outside.nonsense-reply``.
    """
    form = (("app_id", app.app_id), ("app_secret", app.app_secret.reveal()), ("js_code", login_code.reveal()))
    answer = yield from sending_a_code(api.post(app, _PATH, form), STEP)
    if answer.result != api.OK:
        raise of_a_code(answer.refusal("login", STEP, login_code, app.app_secret))
    openid = answer.found.get("open_id")
    if not isinstance(openid, str) or not _ID.fullmatch(openid):
        raise answer.nonsense("open_id", STEP, Spent.YES)
    session_key = session_keys.read_session_key(answer.found.get("session_key"), SESSION_KEY_BYTES)
    if session_key is None:
        raise answer.nonsense("session_key", STEP, Spent.YES)
    yield from session_keys.remember(app, openid, session_key, at_most=app.policy.code_seconds)
    return Login(Subject(openid=openid), app.name, now)
