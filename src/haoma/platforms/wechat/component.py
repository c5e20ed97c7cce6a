"""Third-party platform: a mini program that has granted us its rights, through the tokens of our component.

::

    ticket (pushed every ten minutes, lives twelve hours)
      └── component_access_token (two hours)
            └── authorizer_access_token (two hours) of one merchant, by his authorizer_refresh_token

Each of them is kept on its own and fetched by one request at a time. Only a ticket with a later ``CreateTime`` replaces
the one that is kept, so that an old push that is sent again changes nothing. Without a ticket WeChat is asked to start
pushing, at most once in ten minutes, and the request is refused until one has come.

What is kept is in the memory of one process: after a restart the next ticket comes within ten minutes.

Pages: https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getcomponentaccesstoken,
https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizeraccesstoken.html,
https://developers.weixin.qq.com/doc/oplatform/openApi/miniprogram-management/login/api_thirdpartycode2session.html
(read 2026-11).
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.crypto.strict import decode_base64
from haoma.errors import CannotOpen, EnvelopeError, Spent
from haoma.platforms.wechat import api
from haoma.platforms.wechat.custody import STEP, TOKEN, read_token
from haoma.platforms.wechat.push import read_push
from haoma.refusal import refusal
from haoma.secret import Secret
from haoma.steps import Drop, Keep, Recall, Share, Spend, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haoma.contract import Table
    from haoma.errors import HaomaError
    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow

_PATH: Final = "/cgi-bin/component/"
_TICKET_SECONDS: Final = 12 * 3600.0
_ASK_AGAIN: Final = 600.0
_GRANT_SECONDS: Final = 10 * 365 * 86_400.0  # a refresh token lives until the merchant takes it back
_REFRESH_DEAD: Final = "61023"
_AES_KEY: Final = re.compile(r"[A-Za-z0-9+/]{43}")
_TIME: Final = re.compile(r"[0-9]{1,12}")
_TICKET: Final = "component_verify_ticket"


@dataclass(frozen=True, kw_only=True)
class Component:
    """The third-party platform of an app.

    Attributes:
        app_id, secret: The component's own.
        token, aes_keys: What pushes are verified and opened with; of the keys the newest first.
        refresh_token: What the merchant's grant gave; a later one that WeChat sends is kept in its place.
    """

    app_id: str
    secret: Secret = field(repr=False)
    token: Secret = field(repr=False)
    aes_keys: tuple[bytes, ...] = field(repr=False)
    refresh_token: Secret = field(repr=False)


def configure(table: Table) -> Component | None:
    """Read the five settings; None if there is no component, or after a fault."""
    app_id = table.text("component_app_id")
    if not app_id:
        return None
    secret, token = table.secret("component_app_secret", required=True), table.secret("component_token", required=True)
    refresh_token = table.secret("authorizer_refresh_token", required=True)
    texts, aes_keys = table.texts("component_aes_key", required=True), []
    for text in texts:
        if not _AES_KEY.fullmatch(text):
            table.fault("config.component-aes-key", "component_aes_key", characters=len(text), needed=43)
            return None
        # Of the last character only four bits count; any of the characters that have them is right.
        with suppress(EnvelopeError):
            aes_keys.append(decode_base64(text[:-1] + _canonical(text[-1]) + "=", "component_aes_key"))
    if secret is None or token is None or refresh_token is None or not aes_keys:
        return None
    return Component(app_id=app_id, secret=secret, token=token, aes_keys=tuple(aes_keys), refresh_token=refresh_token)


def _canonical(character: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return alphabet[alphabet.index(character) & ~3]


# --- the ticket


def take_push(app: WeChatApp, query: Mapping[str, str], body: bytes, now: float) -> Flow[str]:
    """Take what WeChat pushed; return what it wants to hear.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong with it.
    """
    component = _of(app)
    found = read_push(query, body, token=component.token, keys=component.aes_keys, receiver=component.app_id, now=now)
    if found.get("InfoType") == _TICKET:  # what else is pushed (authorized, unauthorized) is not needed here
        ticket, created = found.get("ComponentVerifyTicket", ""), found.get("CreateTime", "")
        if found.get("AppId") != component.app_id or not TOKEN.fullmatch(ticket) or not _TIME.fullmatch(created):
            raise CannotOpen(step=1, diagnosis="fields")
        kept = yield from ask(Recall(_ticket_key(app)))
        if not isinstance(kept, tuple) or int(created) > kept[0]:
            yield from ask(Keep(_ticket_key(app), (int(created), Secret(ticket)), _TICKET_SECONDS))
    return "success"


def _ticket_key(app: WeChatApp) -> str:
    return f"component-ticket:{_of(app).app_id}"


# --- the component's token


def with_component_token(app: WeChatApp, question: Callable[[Secret], Flow[Answer]]) -> Flow[Answer]:
    """Ask with the component's token; if WeChat calls it dead, ask once more with a new one.

    Raises:
        OutsideError, PlatformRefusal: also if no token was given.
    """
    token = yield from _component_token(app)
    answer = yield from question(token)
    if not answer.says_token_is_dead():
        return answer
    yield from ask(Drop(_token_key(app), token))
    renewed = yield from _component_token(app)
    return answer if renewed == token else (yield from question(renewed))


def _component_token(app: WeChatApp) -> Flow[Secret]:
    kept = yield from ask(Recall(_token_key(app)))
    if isinstance(kept, Secret):
        return kept
    return (yield from ask(Share(_token_key(app), lambda: _fetch(app))))


def _token_key(app: WeChatApp) -> str:
    return f"component-token:{app.api_base_url}:{_of(app).app_id}"


def _fetch(app: WeChatApp) -> Flow[Secret]:
    component = _of(app)
    kept = yield from ask(Recall(_token_key(app)))  # a fetch may have ended between the first look and this one
    if isinstance(kept, Secret):
        return kept
    found = yield from ask(Recall(_ticket_key(app)))
    if not isinstance(found, tuple):
        raise (yield from _no_ticket(app))
    ticket: Secret = found[1]
    content = {
        "component_appid": component.app_id,
        "component_appsecret": component.secret.reveal(),
        _TICKET: ticket.reveal(),
    }
    answer = yield from api.post(app, f"{_PATH}api_component_token", content)
    if answer.refused:
        raise _unspent(answer.refusal("component", STEP, component.secret, ticket))
    token, seconds = read_token(answer, "component_access_token", component.app_id)
    yield from ask(Keep(_token_key(app), token, seconds))
    return token


def _no_ticket(app: WeChatApp) -> Flow[HaomaError]:
    """Have WeChat start pushing; return the refusal of this request."""
    component = _of(app)
    asked = yield from ask(Spend(f"start-push:{component.app_id}", 1, _ASK_AGAIN))
    if asked:
        # This call names the secret otherwise than the call for the token does.
        content = {"component_appid": component.app_id, "component_secret": component.secret.reveal()}
        answer = yield from api.post(app, f"{_PATH}api_start_push_ticket", content)
        if answer.refused:
            return _unspent(answer.refusal("component", STEP, component.secret))
    return refusal("wechat", "no-ticket", place="component", step=STEP, because={"push_asked_for": asked})


# --- the merchant's token


def ask_for_token(app: WeChatApp) -> Flow[tuple[Secret, float]]:
    """Return a new token of the merchant, and for how many seconds to keep it.

    Raises:
        OutsideError, PlatformRefusal: none was given; no code has been sent.
    """
    component = _of(app)
    key = f"authorizer-refresh:{component.app_id}:{app.app_id}"
    kept = yield from ask(Recall(key))
    refresh_token = kept if isinstance(kept, Secret) else component.refresh_token
    content = {
        "component_appid": component.app_id,
        "authorizer_appid": app.app_id,
        "authorizer_refresh_token": refresh_token.reveal(),
    }

    def question(token: Secret) -> Flow[Answer]:
        return api.post(app, f"{_PATH}api_authorizer_token", content, (("component_access_token", token.reveal()),))

    answer = yield from with_component_token(app, question)
    if answer.errcode == _REFRESH_DEAD:  # a newer one may stand in the settings by the next start
        yield from ask(Drop(key, refresh_token))
    if answer.refused:
        raise _unspent(answer.refusal("component", STEP, component.secret, refresh_token))
    newer = answer.found.get("authorizer_refresh_token")
    if isinstance(newer, str) and TOKEN.fullmatch(newer) and Secret(newer) != refresh_token:
        yield from ask(Keep(key, Secret(newer), _GRANT_SECONDS))
    return read_token(answer, "authorizer_access_token", app.app_id)


def _of(app: WeChatApp) -> Component:
    if app.component is None:
        raise CannotOpen(step=1, diagnosis="no component")
    return app.component


def _unspent(error: HaomaError) -> HaomaError:
    error.spent = Spent.NO  # whatever it means, no code has been sent
    return error
