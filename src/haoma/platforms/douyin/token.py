"""The client_token.

``/oauth/stable_client_token/`` by default: for two hours it answers the same token to everybody, so that many processes
can ask. A plain ``/oauth/client_token/`` makes a new token with every call and lets only the newest two live, the older
one for five minutes; a test environment that asks with the credentials of production kills production's token. Rules
that follow:

* One fetch at a time per app (`Share`), and the result is kept until shortly before it expires.
* A token that Douyin calls dead is dropped only if it is still the one that is kept (`Drop` compares): somebody else
  may have replaced it meanwhile.
* Then one fetch and one more try with the same code. If the fetch gives the very same token, or if the second try fails
  as well, that is the end.

Pages: https://developer.open-douyin.com/docs/resource/zh-CN/dop/develop/openapi/account-permission/generate-stable-client-token,
https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/interface-request-credential/non-user-authorization/get-client_token
(read 2026-11).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import ConnectionLost, HookFailed, NonsenseReply, ReplyTooLarge, Spent, TimedOut
from haoma.platforms.douyin import api
from haoma.secret import Secret
from haoma.steps import Call, Drop, Keep, Recall, Request, Share, ask

if TYPE_CHECKING:
    from haoma.platforms.douyin.api import Answer
    from haoma.platforms.douyin.app import DouyinApp
    from haoma.steps import Flow

STEP: Final = 2
_STABLE: Final = "/oauth/stable_client_token/"
_PLAIN: Final = "/oauth/client_token/"
_TOKEN: Final = re.compile(r"[!-~]{1,2048}")
_MARGIN: Final = 300.0  # the buffer in which an older plain token still lives
_SPREAD: Final = 60  # many apps of one process are not renewed in the same second
_LEAST: Final = 30.0  # a stable token near its end: without this, every request would fetch
_LONGEST: Final = 86_400  # Douyin says 7200; an example on one of its pages 86400


@dataclass(slots=True)
class Access:
    """The token of one request: fetched when it is needed, renewed at most once."""

    app: DouyinApp
    token: Secret | None = field(default=None, repr=False)
    renewed: bool = False

    def post(self, path: str, content: dict[str, str]) -> Flow[Answer]:
        """Ask with a token; if Douyin calls it dead, ask once more with a new one.

        Raises:
            OutsideError: ``outside.*``; ``spent`` is UNKNOWN if the request itself may have arrived, NO if it is the
                token that could not be fetched.
            PlatformRefusal: ``platform.*``: no token was given.
        """
        if self.token is None:
            self.token = yield from access_token(self.app)
        answer = yield from self._post(path, content, self.token)
        if self.renewed or not answer.says_token_is_dead():
            return answer
        self.renewed = True
        rejected, self.token = self.token, (yield from renewed_token(self.app, self.token))
        if self.token == rejected:
            return answer
        return (yield from self._post(path, content, self.token))

    def _post(self, path: str, content: dict[str, str], token: Secret) -> Flow[Answer]:
        headers = (("access-token", token.reveal()),)
        try:
            return (yield from api.post(self.app, self.app.api_base_url + path, content, headers))
        except (TimedOut, ConnectionLost, ReplyTooLarge, NonsenseReply) as error:
            error.spent = Spent.UNKNOWN
            raise


def access_token(app: DouyinApp) -> Flow[Secret]:
    """Return the token, from what is kept or from where the app's settings say.

    Raises:
        OutsideError: ``outside.*``.
        PlatformRefusal: ``platform.*``.
    """
    if app.token_source is not None:
        return (yield from _from_source(app, None))
    kept = yield from ask(Recall(_key(app)))
    if isinstance(kept, Secret):
        return kept
    return (yield from ask(Share(_key(app), lambda: _fetch(app))))


def renewed_token(app: DouyinApp, rejected: Secret) -> Flow[Secret]:
    """Return the token that takes the place of one that Douyin has rejected; it may be the same one.

    Raises:
        OutsideError: ``outside.*``.
        PlatformRefusal: ``platform.*``.
    """
    if app.token_source is not None:
        return (yield from ask(Share(_key(app), lambda: _from_source(app, rejected))))
    yield from ask(Drop(_key(app), rejected))
    return (yield from access_token(app))


def _key(app: DouyinApp) -> str:
    return f"access-token:{app.issuer}:{app.token_url or app.api_base_url}:{app.app_id}"


def _from_source(app: DouyinApp, rejected: Secret | None) -> Flow[Secret]:
    """Ask the application's own function. It is asked every time: only it knows how long its token lives."""
    assert app.token_source is not None  # noqa: S101 - for the type checker; both callers have looked
    token = yield from ask(Call(app.token_source, (app.name, rejected.reveal() if rejected else None)))
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise HookFailed(step=STEP, because={"returned": type(token).__name__, "needed": "a token as text"})
    return Secret(token)


def _fetch(app: DouyinApp) -> Flow[Secret]:
    kept = yield from ask(Recall(_key(app)))  # a fetch may have ended between the first look and this one
    if isinstance(kept, Secret):
        return kept
    answer = yield from _ask_for_token(app)
    if answer.refused:
        error = answer.refusal("token", STEP, app.app_secret, app.token_url_key)
        error.spent = Spent.NO  # whatever it means, no code has been sent
        raise error
    # Douyin's answer has it in `data`; a central server may pass that on, or answer {"access_token", "expires_in"}.
    inner = answer.found.get("data")
    given: dict[str, Any] = inner if isinstance(inner, dict) else answer.found
    token, seconds = given.get("access_token"), _seconds(answer, given.get("expires_in"))
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise answer.nonsense("access_token", STEP, Spent.NO)
    yield from ask(Keep(_key(app), Secret(token), _kept_for(app, seconds)))
    return Secret(token)


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


def _seconds(answer: Answer, found: object) -> int:
    if isinstance(found, str) and len(found) <= 6 and found.isascii() and found.isdigit():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= _LONGEST:
        raise answer.nonsense("expires_in", STEP, Spent.NO)
    return found


def _kept_for(app: DouyinApp, seconds: int) -> float:
    spread = hashlib.sha256(app.app_id.encode()).digest()[0] % _SPREAD
    return max(seconds - _MARGIN - spread, min(_LEAST, seconds / 2), 1.0)
