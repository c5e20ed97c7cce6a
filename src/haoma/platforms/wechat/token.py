"""The access_token.

By default it comes from ``/cgi-bin/stable_token``, which returns the same token to every caller while it is valid, so
many processes can ask. Each call of the plain ``/cgi-bin/token`` invalidates the token of the previous call; two
processes that use it invalidate each other's tokens forever. `haoma.platforms.base.access_tokens` handles this.
``force_refresh`` is never sent, because it would invalidate everybody else's token.

In WeChat Cloud Run there is no token to fetch. With ``cloud``, requests go to a sidecar, which adds a token that haoma
never sees. With ``cloud-file``, a token is mounted into the container, replaced every ten minutes, and sent in another
parameter.

A third-party platform uses the merchant's token, which depends on two others (``third_party/grant.py``,
``third_party/tokens.py``).

Pages: https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken,
https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html,
https://developers.weixin.qq.com/miniprogram/dev/wxcloudrun/src/guide/weixin/open.html,
https://developers.weixin.qq.com/minigame/dev/wxcloud/guide/container/cloudcall.html (read 2026-11).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from haoma.errors import HookFailed, NonsenseReply, Spent, WrongTokenKind
from haoma.platforms.base.access_tokens import CachedToken, CallbackToken, TokenUse, as_token, token_place
from haoma.platforms.base.code_exchange import sent
from haoma.platforms.base.contract import TokenSource
from haoma.platforms.base.refusal import refusal
from haoma.platforms.wechat import api
from haoma.platforms.wechat.custody import STEP, read_token
from haoma.platforms.wechat.third_party.grant import ask_for_token
from haoma.steps import Call, Request, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.platforms.base.access_tokens import AccessToken
    from haoma.platforms.wechat.api import Answer, Query
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_BAD_GATEWAY: Final = 502
_PARAMETERS: Final = {"cloud-file": "cloudbase_access_token"}
_STABLE: Final = "/cgi-bin/stable_token"
_PLAIN: Final = "/cgi-bin/token"


class Access(TokenUse):
    """The token of one request."""

    def __init__(self, app: WeChatApp) -> None:
        super().__init__(access_token(app))
        self.app = app

    def post(self, path: str, content: dict[str, str], sealed_at: float | None = None) -> Flow[Answer]:
        """Send a POST request with a token. If WeChat calls the token dead, ask once more with a new one.

        Args:
            path: Path of the API.
            content: The fields for WeChat.
            sealed_at: Unix seconds, for APIs that support the API security mode. Used if the app has it on.

        Raises:
            ReplySignatureMismatch: ``trust.reply-signature-mismatch`` (API security mode).
            OutsideError: ``outside.*``. ``spent`` is UNKNOWN if the request itself may have arrived, NO if the token
                could not be fetched.
            PlatformRefusal: ``platform.*``: no token was issued.
        """
        app = self.app
        if app.issuer == "cloud":
            return (yield from self._post_beside(path, content))
        if app.security is not None and sealed_at is not None:
            return (yield from self._asked(lambda token: api.post_sealed(app, path, content, token, sealed_at)))
        return (yield from self._asked(lambda token: api.post(app, path, content, token)))

    def get(self, path: str, query: Query) -> Flow[Answer]:
        """Send a GET request with a token, as `post` does. For APIs that Cloud Run does not support.

        Raises:
            WrongTokenKind: ``platform.wrong-token-kind``: the app's calls go through Cloud Run.
            OutsideError, PlatformRefusal: As `post`.
        """
        app = self.app
        if app.in_cloud:
            raise WrongTokenKind(platform="wechat", app=app.name, because={"token": app.issuer, "needed": "stable"})
        return (yield from self._asked(lambda token: api.get(app, path, (*token, *query))))

    def _asked(self, question: Callable[[Query], Flow[Answer]]) -> Flow[Answer]:
        return (yield from self.ask(lambda token: self._sent(question, token)))

    def _sent(self, question: Callable[[Query], Flow[Answer]], token: Secret) -> Flow[Answer]:
        app = self.app
        parameter = _PARAMETERS.get(app.issuer, "access_token")
        return sent(question(((parameter, token.reveal()), *_from_appid(app))))

    def _post_beside(self, path: str, content: dict[str, str]) -> Flow[Answer]:
        """Ask through the sidecar. If WeChat calls the token dead, it is the sidecar's, and we cannot renew it."""
        app = self.app
        try:
            return (yield from sent(api.post(app, path, content, _from_appid(app), app.cloud_base_url)))
        except NonsenseReply as error:
            if error.because.get("status") != _BAD_GATEWAY:
                raise
            raise refusal("wechat", str(_BAD_GATEWAY), place="cloud", step=STEP, because={"path": path}) from None


def _from_appid(app: WeChatApp) -> Query:
    return (("from_appid", app.from_appid),) if app.from_appid else ()


def access_token(app: WeChatApp) -> AccessToken:
    """Return the source of the token: the cache, or the one that the settings name."""
    place = token_place(app.issuer, app.token_url or app.api_base_url, app.app_id)
    if app.token_source is not None:
        return CallbackToken(place, lambda rejected: _from_source(app, rejected))
    if app.component:  # a refresh token is used one at a time, and each use may replace it: never ahead of need
        return CachedToken(place, lambda: ask_for_token(app), ahead=False)
    return CachedToken(place, lambda: _ask_for_token(app))


def token_source(app: WeChatApp) -> TokenSource:
    """Return the source of the token. The token that the cloud's sidecar adds is never visible to haoma."""
    return TokenSource(app.issuer, None if app.issuer == "cloud" else access_token(without_harm(app)).token)


def without_harm(app: WeChatApp) -> WeChatApp:
    """Return the app with the stable token instead of the plain one. Fetching one kind does not affect the other."""
    return replace(app, issuer="stable") if app.issuer == "plain" else app


def _from_source(app: WeChatApp, rejected: Secret | None) -> Flow[Secret]:
    assert app.token_source is not None  # noqa: S101 - for the type checker; the caller has checked
    try:
        found = yield from ask(Call(app.token_source, (app.name, rejected.reveal() if rejected else None)))
    except HookFailed as error:
        raise _no_token(app, **error.because) from None
    token = as_token(found)
    if token is None:
        returned = "empty text" if found == "" else type(found).__name__
        raise _no_token(app, returned=returned, needed="a token as text")
    return token


def _no_token(app: WeChatApp, **because: object) -> HookFailed:
    # The callback may be our own, which reads the mounted file. Then the file is the place to look.
    if app.issuer != "cloud-file":
        return HookFailed(step=STEP, because=because)
    what = because.get("error") or because.get("returned")
    because = {"setting": "cloud_token_file", **because}
    return HookFailed(step=STEP, because=because, diagnosis=f"cloud_token_file: {what}")


def _ask_for_token(app: WeChatApp) -> Flow[tuple[Secret, float]]:
    answer = yield from _answer(app)
    if answer.refused:
        refused = answer.refusal("token", STEP, app.app_secret, app.token_url_key)
        raise refused.evolve(spent=Spent.NO)  # whatever it means, no code has been sent
    return read_token(answer, "access_token", app.app_id)


def _answer(app: WeChatApp) -> Flow[Answer]:
    if app.issuer == "central":
        bearer = f"Bearer {app.token_url_key.reveal() if app.token_url_key else ''}"
        return (yield from api.send(app, Request("GET", app.token_url, headers=(("authorization", bearer),))))
    wanted = {
        "grant_type": "client_credential",
        "appid": app.app_id,
        "secret": app.app_secret.reveal() if app.app_secret else "",
    }
    if app.issuer == "plain":
        return (yield from api.get(app, _PLAIN, tuple(wanted.items())))
    return (yield from api.post(app, _STABLE, wanted))
