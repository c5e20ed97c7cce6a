"""The access_token, which login v2 needs.

By its ``expires_in``, it lives for a month. Whether a new token invalidates the previous one is not documented, so none
is fetched without need (``haoma.platforms.base.access_tokens``).

Page: https://smartprogram.baidu.com/docs/develop/serverapi/power_exp/ (swan-team/swan-docs, 2020-04).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.platforms.baidu import api
from haoma.platforms.base.access_tokens import CachedToken, as_seconds, as_token, kept_for, token_place
from haoma.platforms.base.code_exchange import not_sent
from haoma.platforms.base.contract import TokenSource

if TYPE_CHECKING:
    from haoma.platforms.baidu.app import BaiduApp
    from haoma.platforms.base.access_tokens import AccessToken
    from haoma.secret import Secret
    from haoma.steps import Flow

STEP: Final = 1
_PATH: Final = "/oauth/2.0/token"
_LONGEST: Final = 2_592_000 * 2  # Baidu says 2592000; an older sample says 86400


def access_token(app: BaiduApp) -> AccessToken:
    """Return the source of the token."""
    return CachedToken(token_place("baidu", app.openapi_base_url, app.app_id), lambda: _fetch(app))


def token_source(app: BaiduApp) -> TokenSource | None:
    """Return the source of the token; None for login v1, which needs none."""
    return TokenSource("", access_token(app).token) if app.login == "v2" else None


def _fetch(app: BaiduApp) -> Flow[tuple[Secret, float]]:
    return (yield from not_sent(_ask_for_token(app)))


def _ask_for_token(app: BaiduApp) -> Flow[tuple[Secret, float]]:
    form = (
        ("grant_type", "client_credentials"),
        ("client_id", app.app_id),
        ("client_secret", app.app_secret.reveal()),
        ("scope", "smartapp_snsapi_base"),
    )
    answer = yield from api.post(app, app.openapi_base_url + _PATH, form)
    if answer.code:
        raise answer.refusal("token", STEP, app.app_secret)
    token = as_token(answer.found.get("access_token"))
    seconds = as_seconds(answer.found.get("expires_in"), _LONGEST)
    if seconds is None:
        raise answer.nonsense("expires_in", STEP, Spent.NO)
    if token is None:
        raise answer.nonsense("access_token", STEP, Spent.NO)
    return token, kept_for(seconds, app.app_id)
