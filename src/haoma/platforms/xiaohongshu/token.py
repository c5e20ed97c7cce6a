"""The access_token.

It lives for two hours. A new one leaves the previous one five minutes, and no more than two are valid at once, so none
is fetched without need (``haoma.platforms.base.access_tokens``). Two programs that fetch with one secret invalidate
each other's tokens. No stable variant and no refresh token is known.

The page is known from projects that quote it (the README names them). Here the id is sent as ``appid``, in one word,
and the lifetime comes as ``expire_in``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.platforms.base.access_tokens import CachedToken, as_seconds, as_token, kept_for, token_place
from haoma.platforms.base.code_exchange import not_sent
from haoma.platforms.base.contract import TokenSource
from haoma.platforms.xiaohongshu import api

if TYPE_CHECKING:
    from haoma.platforms.base.access_tokens import AccessToken
    from haoma.platforms.xiaohongshu.app import XiaohongshuApp
    from haoma.secret import Secret
    from haoma.steps import Flow

STEP: Final = 1
_PATH: Final = "/api/rmp/token"
_LONGEST: Final = 7200 * 2  # it is said to be 7200


def access_token(app: XiaohongshuApp) -> AccessToken:
    """Return the source of the token."""
    return CachedToken(token_place("xiaohongshu", app.api_base_url, app.app_id), lambda: _fetch(app))


def token_source(app: XiaohongshuApp) -> TokenSource:
    """Return the source of the token. The doctor may use it: the previous token stays valid for five minutes."""
    return TokenSource("", access_token(app).token)


def _fetch(app: XiaohongshuApp) -> Flow[tuple[Secret, float]]:
    return (yield from not_sent(_ask_for_token(app)))


def _ask_for_token(app: XiaohongshuApp) -> Flow[tuple[Secret, float]]:
    answer = yield from api.post(app, _PATH, {"appid": app.app_id, "secret": app.app_secret.reveal()})
    if answer.code != api.OK:
        raise answer.refusal("token", STEP, app.app_secret)
    token = as_token(answer.data.get("access_token"))
    seconds = as_seconds(answer.data.get("expire_in"), _LONGEST)
    if seconds is None:
        raise answer.nonsense("expire_in", STEP, Spent.NO)
    if token is None:
        raise answer.nonsense("access_token", STEP, Spent.NO)
    return token, kept_for(seconds, app.app_id)
