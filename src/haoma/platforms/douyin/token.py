"""The client_token.

By default it comes from ``/oauth/stable_client_token/``, which returns the same token to every caller for two hours, so
many processes can ask. The plain ``/oauth/client_token/`` makes a new token on every call and keeps only the newest two
valid, the older one for five minutes. A test environment that uses the production credentials therefore invalidates
production's token. `haoma.platforms.base.access_tokens` handles this.

Pages: https://developer.open-douyin.com/docs/resource/zh-CN/dop/develop/openapi/account-permission/generate-stable-client-token,
https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/interface-request-credential/non-user-authorization/get-client_token
(read 2026-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from haoma.errors import HookFailed, Spent
from haoma.platforms.base.access_tokens import (
    CachedToken,
    CallbackToken,
    TokenUse,
    as_seconds,
    as_token,
    kept_for,
    token_place,
)
from haoma.platforms.base.code_exchange import sent
from haoma.platforms.base.contract import TokenSource
from haoma.platforms.douyin import api
from haoma.steps import Call, Request, ask

if TYPE_CHECKING:
    from haoma.platforms.base.access_tokens import AccessToken
    from haoma.platforms.douyin.api import Answer
    from haoma.platforms.douyin.app import DouyinApp
    from haoma.secret import Secret
    from haoma.steps import Flow

STEP: Final = 2
_STABLE: Final = "/oauth/stable_client_token/"
_PLAIN: Final = "/oauth/client_token/"
_LONGEST: Final = 86_400  # Douyin says 7200; an example on one of its pages says 86400


class Access(TokenUse):
    """The token of one request."""

    def __init__(self, app: DouyinApp) -> None:
        super().__init__(access_token(app))
        self.app = app

    def post(self, path: str, content: dict[str, str]) -> Flow[Answer]:
        """Ask with a token. If Douyin calls it dead, ask once more with a new one.

        Raises:
            OutsideError: ``outside.*``. ``spent`` is UNKNOWN if the request itself may have arrived, NO if the token
                could not be fetched.
            PlatformRefusal: ``platform.*``: no token was issued.
        """
        return (yield from self.ask(lambda token: self._post(path, content, token)))

    def _post(self, path: str, content: dict[str, str], token: Secret) -> Flow[Answer]:
        headers = (("access-token", token.reveal()),)
        return (yield from sent(api.post(self.app, self.app.api_base_url + path, content, headers)))


def access_token(app: DouyinApp) -> AccessToken:
    """Return the source of the token: the cache, or the one that the settings name."""
    place = token_place(f"douyin:{app.issuer}", app.token_url or app.api_base_url, app.app_id)
    if app.token_source is not None:
        return CallbackToken(place, lambda rejected: _from_source(app, rejected))
    return CachedToken(place, lambda: _fetch(app))


def token_source(app: DouyinApp) -> TokenSource:
    """Return the source of the token. Fetching a plain one would replace somebody's token."""
    return TokenSource(app.issuer, None if app.issuer == "plain" else access_token(app).token)


def _from_source(app: DouyinApp, rejected: Secret | None) -> Flow[Secret]:
    assert app.token_source is not None  # noqa: S101 - for the type checker; the caller has checked
    found = yield from ask(Call(app.token_source, (app.name, rejected.reveal() if rejected else None)))
    token = as_token(found)
    if token is None:
        raise HookFailed(step=STEP, because={"returned": type(found).__name__, "needed": "a token as text"})
    return token


def _fetch(app: DouyinApp) -> Flow[tuple[Secret, float]]:
    answer = yield from _ask_for_token(app)
    if answer.refused:
        refused = answer.refusal("token", STEP, app.app_secret, app.token_url_key)
        raise refused.evolve(spent=Spent.NO)  # whatever it means, no code has been sent
    # Douyin returns it in `data`. A central server may forward that, or return {"access_token", "expires_in"}.
    inner = answer.found.get("data")
    given: dict[str, Any] = inner if isinstance(inner, dict) else answer.found
    seconds = as_seconds(given.get("expires_in"), _LONGEST)
    if seconds is None:
        raise answer.nonsense("expires_in", STEP, Spent.NO)
    token = as_token(given.get("access_token"))
    if token is None:
        raise answer.nonsense("access_token", STEP, Spent.NO)
    return token, kept_for(seconds, app.app_id)


def _ask_for_token(app: DouyinApp) -> Flow[Answer]:
    if app.issuer == "central":
        bearer = f"Bearer {app.token_url_key.reveal() if app.token_url_key else ''}"
        return (yield from api.send(app, Request("GET", app.token_url, headers=(("authorization", bearer),))))
    wanted = {
        "client_key": app.app_id,
        "client_secret": app.app_secret.reveal() if app.app_secret else "",
        "grant_type": "client_credential",
    }
    return (yield from api.post(app, app.api_base_url + (_PLAIN if app.issuer == "plain" else _STABLE), wanted))
