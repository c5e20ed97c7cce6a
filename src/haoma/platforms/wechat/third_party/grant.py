"""A merchant's grant to a third-party platform, and the tokens that come of it.

::

    authorization code (pushed when the merchant has scanned; once, for an hour)
      └── authorizer_refresh_token (until the merchant takes his grant back, or makes another one)
            └── authorizer_access_token (two hours)

**The refresh token must not be lost.** It is looked for in this order:

1. What was learnt since the process started: by a push, by `take_grant`, or because WeChat sent another one.
2. ``authorizer_refresh_token`` of the settings.
3. WeChat itself, which tells the current one of a merchant (``api_get_authorizer_info``). So a restart costs one call,
   and no grant. The same question is asked when WeChat calls the one that we have dead (61023), because the merchant
   may have made another grant while nobody listened.

Who wants a copy of his own gives ``on_grant``, a function that is called with every `Grant`.

A code that was pushed is exchanged at once. If that fails (no ticket yet, no network) the push is refused, so that it
stands in the log, and the code is kept: the merchant's next request tries it again, and another one a minute later if
there is an older refresh token to go on with. It is worth the trouble, because developers report that WeChat tells the
refresh token of a grant only after its code has been exchanged once. If it is ``on_grant`` that fails, the push is
refused as well, and one that is repeated calls it again, and nothing else.

What changes the grant of one merchant, a push, a renewal or `take_grant`, is done one after the other (`_in_turn`), and
a push only if none with a later ``CreateTime`` was begun: the slower of two must not have the last word.

Pages: https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizerrefreshtoken.html,
https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizeraccesstoken.html,
https://developers.weixin.qq.com/doc/oplatform/openApi/authorization-management/api_getauthorizerinfo.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/authorize_event.html
(read 2026-11); what is not documented is in the README of this folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from haoma.errors import CannotOpen, HaomaError, HookFailed, NonsenseReply, OutsideError, PlatformRefusal, Spent
from haoma.platforms.base.access_tokens import as_token, in_custody
from haoma.platforms.base.refusal import refusal
from haoma.platforms.wechat import api
from haoma.platforms.wechat.custody import STEP, read_token, token_place
from haoma.platforms.wechat.third_party.tokens import PATH, component_of, unspent, with_component_token
from haoma.secret import Secret
from haoma.steps import Call, Drop, Keep, Recall, Share, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow, Place

T = TypeVar("T")

GIVEN: Final = frozenset({"authorized", "updateauthorized"})
TAKEN_BACK: Final = "unauthorized"
RENEWED: Final = "renewed"
EVENTS: Final = GIVEN | {TAKEN_BACK}
PHONE_SET: Final = 18
"""小程序开发与数据分析, the permission set that ``getuserphonenumber`` belongs to."""

_KEPT_SECONDS: Final = 10 * 365 * 86_400.0  # a refresh token lives until the merchant takes it back
_CODE_SECONDS: Final = 3600.0
_WAITING_SECONDS: Final = 60.0  # then a code that is still not exchanged is tried again
_REFRESH_DEAD: Final = "61023"
_APP_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SETS: Final = 200


@dataclass(frozen=True, slots=True)
class Grant:
    """What is known of a merchant's grant; what ``on_grant`` is called with.

    Attributes:
        event: ``authorized``, ``updateauthorized``, ``unauthorized`` as WeChat calls them, or ``renewed``: WeChat has
            another refresh token than we had.
        app_id: The merchant's mini program. It need not be an app of the configuration.
        refresh_token: To be kept like a password; None when the grant was taken back.
        permission_sets: Numbers of the sets that were granted; None where WeChat does not say.
    """

    event: str
    app_id: str
    refresh_token: Secret | None = field(default=None, repr=False)
    permission_sets: frozenset[int] | None = None

    @property
    def allows_phone_numbers(self) -> bool | None:
        """Whether permission set 18 is among them; None where WeChat does not say."""
        return None if self.permission_sets is None else PHONE_SET in self.permission_sets


# --- grants


def take_grant(app: WeChatApp, authorization_code: str, event: str = "authorized") -> Flow[Grant]:
    """Exchange an authorization code, and keep what comes of it.

    For the page that WeChat sends the merchant back to, whose address has the code as ``auth_code``. Not needed where
    WeChat's pushes arrive: they bring the same code.

    Args:
        app: Any app of the third-party platform.
        authorization_code: The code.
        event: What the grant is called.

    Raises:
        PlatformRefusal, OutsideError: WeChat gave no tokens.
        HookFailed: ``outside.hook-failed``: ``on_grant`` failed. What came of the code is kept all the same.
    """
    code = Secret(authorization_code)
    answer = yield from _query_auth(app, code)
    return (yield from _in_turn(app, answer.found["authorizer_appid"], lambda: _hold(app, code, answer, event)))


def take_event(app: WeChatApp, event: str, found: Mapping[str, str]) -> Flow[None]:
    """Take a push about a grant.

    Raises:
        CannotOpen: ``trust.cannot-open``: the push has not the fields of one.
        PlatformRefusal, OutsideError, HookFailed: see `take_grant`.
    """
    merchant, code = found.get("AuthorizerAppid", ""), found.get("AuthorizationCode", "")
    if not _APP_ID.fullmatch(merchant) or not (as_token(code) or event == TAKEN_BACK):
        raise CannotOpen(step=1, diagnosis="fields")
    yield from _in_turn(app, merchant, lambda: _take(app, event, merchant, Secret(code), int(found["CreateTime"])))


def _take(app: WeChatApp, event: str, merchant: str, code: Secret, created: int) -> Flow[None]:
    seen_place = _place(app, merchant, "event")
    seen = yield from ask(Recall(seen_place))
    latest, done = seen if isinstance(seen, tuple) else (-1, frozenset())
    if created < latest or (created, event, code) in done:  # an old push must not undo a newer one
        return
    if created > latest:  # said at once: one that fails is more recent than those before it all the same
        done = frozenset()
        yield from ask(Keep(seen_place, (created, done), _KEPT_SECONDS))
    if event == TAKEN_BACK:
        yield from _forget(app, merchant)
        yield from _tell(app, Grant(event, merchant))
    else:
        yield from _take_code(app, event, merchant, code)
    if (yield from ask(Recall(seen_place))) == (
        created,
        done,
    ):  # or this one hung so long that a later one had its turn
        yield from ask(Keep(seen_place, (created, done | {(created, event, code)}), _KEPT_SECONDS))


def _take_code(app: WeChatApp, event: str, merchant: str, code: Secret) -> Flow[None]:
    exchanged = yield from ask(Recall(_place(app, merchant, "exchanged")))
    if not isinstance(exchanged, tuple) or exchanged[0] != code:
        yield from ask(Keep(_place(app, merchant, "code"), (code, event), _CODE_SECONDS))
        yield from _exchange(app, code, event, merchant)
    elif exchanged[1] is not None:  # a code works once; what failed was `on_grant`
        yield from _tell_of(app, code, exchanged[1])


def _in_turn(app: WeChatApp, merchant: str, change: Callable[[], Flow[T]]) -> Flow[T]:
    """Run what changes a merchant's grant while nothing else does.

    `Share` has one run, and gives its result to all who wait; here whoever waited for another has his own run next.
    """
    ended: list[T | HaomaError] = []

    def run() -> Flow[None]:
        try:
            ended.append((yield from change()))
        except HaomaError as error:  # it is not shared
            ended.append(error)

    while not ended:
        yield from ask(Share(_place(app, merchant, "turn"), run))
    if isinstance(ended[0], HaomaError):
        raise ended[0]
    return ended[0]


def _exchange(app: WeChatApp, code: Secret, event: str, merchant: str) -> Flow[Grant]:
    return (yield from _hold(app, code, (yield from _query_auth(app, code, merchant)), event))


def _query_auth(app: WeChatApp, code: Secret, merchant: str = "") -> Flow[Answer]:
    """Ask for what a code stands for; ``merchant`` is whose it is said to be."""
    answer = yield from _ask_component(app, "api_query_auth", {"authorization_code": code.reveal()})
    if answer.refused:
        refused = answer.refusal("component", STEP, component_of(app).secret, code)
        if merchant and not refused.retry:
            yield from _drop(_place(app, merchant, "code"))
        raise unspent(refused)
    info = _authorization(answer)
    app_id = info.get("authorizer_appid")
    if not isinstance(app_id, str) or not _APP_ID.fullmatch(app_id) or app_id != (merchant or app_id):
        raise answer.nonsense("authorizer_appid", STEP, Spent.NO)
    if as_token(info.get("authorizer_refresh_token")) is None:
        raise answer.nonsense("authorizer_refresh_token", STEP, Spent.NO)
    return replace(answer, found=info)


def _hold(app: WeChatApp, code: Secret, answer: Answer, event: str) -> Flow[Grant]:
    """Keep what a code stood for, in the place of the grant before, and tell it."""
    info = answer.found
    app_id, refresh_token = info["authorizer_appid"], Secret(info["authorizer_refresh_token"])
    yield from _forget(app, app_id)
    yield from ask(Keep(_place(app, app_id, "refresh"), refresh_token, _KEPT_SECONDS))
    if "authorizer_access_token" in info:
        token, seconds = read_token(answer, "authorizer_access_token", app_id)
        yield from ask(Keep(token_place("component", app.api_base_url, app_id), token, seconds))
    grant = Grant(event, app_id, refresh_token, _permission_sets(info))
    yield from _tell_of(app, code, grant)
    return grant


def _forget(app: WeChatApp, merchant: str) -> Flow[None]:
    for place in (
        _place(app, merchant, "code"),
        _place(app, merchant, "exchanged"),
        _place(app, merchant, "refresh"),
        token_place("component", app.api_base_url, merchant),
    ):
        yield from _drop(place)


def _drop(place: Place) -> Flow[None]:
    yield from ask(Drop(place, (yield from ask(Recall(place)))))


def _tell_of(app: WeChatApp, code: Secret, grant: Grant) -> Flow[None]:
    """Tell what a code was exchanged for; if that fails, it is told again when WeChat repeats the push."""
    place = _place(app, grant.app_id, "exchanged")
    yield from ask(Keep(place, (code, grant), _CODE_SECONDS))
    yield from _tell(app, grant)
    if (yield from ask(Recall(place))) == (code, grant):
        yield from ask(Keep(place, (code, None), _CODE_SECONDS))


def _tell(app: WeChatApp, grant: Grant) -> Flow[None]:
    on_grant = component_of(app).on_grant
    if on_grant is not None:
        yield from ask(Call(on_grant, (grant,)))


def _authorization(answer: Answer) -> dict[str, Any]:
    found = answer.found.get("authorization_info")
    if not isinstance(found, dict):
        raise answer.nonsense("authorization_info", STEP, Spent.NO)
    return found


def _permission_sets(info: dict[str, Any]) -> frozenset[int] | None:
    """Return the numbers in ``func_info``; whatever in it is of another form counts for nothing."""
    listed = info.get("func_info")
    if not isinstance(listed, list):
        return None
    categories = (each.get("funcscope_category") for each in listed[:_SETS] if isinstance(each, dict))
    numbers = (each.get("id") for each in categories if isinstance(each, dict))
    return frozenset(number for number in numbers if type(number) is int)


def _place(app: WeChatApp, merchant: str, what: str) -> Place:
    return in_custody(f"authorizer-{what}", component_of(app).app_id, merchant)


# --- the merchant's token


def ask_for_token(app: WeChatApp) -> Flow[tuple[Secret, float]]:
    """Return a new token of the merchant, and for how many seconds to keep it.

    Raises:
        OutsideError, PlatformRefusal: none was given; no code of a user has been sent.
        HookFailed: ``outside.hook-failed``: ``on_grant`` failed.
    """
    return (yield from _in_turn(app, app.app_id, lambda: _ask_for_token(app)))


def _ask_for_token(app: WeChatApp) -> Flow[tuple[Secret, float]]:
    waiting = yield from ask(Recall(_place(app, app.app_id, "code")))
    if isinstance(waiting, tuple):
        yield from _exchange_waiting(app, *waiting)
    refresh_token = yield from _refresh_token(app)
    answer = yield from _renew(app, refresh_token)
    if answer.errcode == _REFRESH_DEAD:
        yield from ask(Drop(_place(app, app.app_id, "refresh"), refresh_token))
        dead = unspent(answer.refusal("component", STEP, component_of(app).secret, refresh_token))
        try:
            current = yield from _look_up(app)
        except (PlatformRefusal, NonsenseReply):
            raise dead from None
        if current == refresh_token:
            raise dead
        refresh_token = yield from _adopt(app, current)
        answer = yield from _renew(app, refresh_token)
    if answer.refused:
        raise unspent(answer.refusal("component", STEP, component_of(app).secret, refresh_token))
    token, seconds = read_token(answer, "authorizer_access_token", app.app_id)
    newer = as_token(answer.found.get("authorizer_refresh_token"))
    if newer is not None and newer != refresh_token:
        yield from _adopt(app, newer)
    waiting = yield from ask(Recall(_place(app, app.app_id, "code")))
    return token, seconds if waiting is None else min(seconds, _WAITING_SECONDS)


def _exchange_waiting(app: WeChatApp, code: Secret, event: str) -> Flow[None]:
    """Exchange a code that its push could not. The merchant's users need not wait for it if there is another way."""
    try:
        yield from _exchange(app, code, event, app.app_id)
    except PlatformRefusal:  # too late; there may be a refresh token all the same
        pass
    except HookFailed:
        raise
    except OutsideError:
        if (yield from _known_refresh_token(app)) is None:
            raise


def _refresh_token(app: WeChatApp) -> Flow[Secret]:
    known = yield from _known_refresh_token(app)
    return known or (yield from _adopt(app, (yield from _look_up(app))))


def _known_refresh_token(app: WeChatApp) -> Flow[Secret | None]:
    kept = yield from ask(Recall(_place(app, app.app_id, "refresh")))
    return kept if isinstance(kept, Secret) else component_of(app).refresh_token


def _renew(app: WeChatApp, refresh_token: Secret) -> Flow[Answer]:
    content = {"authorizer_appid": app.app_id, "authorizer_refresh_token": refresh_token.reveal()}
    return (yield from _ask_component(app, "api_authorizer_token", content))


def _look_up(app: WeChatApp) -> Flow[Secret]:
    """Ask WeChat for the merchant's refresh token."""
    answer = yield from _ask_component(app, "api_get_authorizer_info", {"authorizer_appid": app.app_id})
    if answer.refused:
        raise unspent(answer.refusal("component", STEP, component_of(app).secret))
    found = as_token(_authorization(answer).get("authorizer_refresh_token"))
    if found is None:
        raise refusal("wechat", "no-grant", place="component", step=STEP)
    return found


def _adopt(app: WeChatApp, refresh_token: Secret) -> Flow[Secret]:
    yield from ask(Keep(_place(app, app.app_id, "refresh"), refresh_token, _KEPT_SECONDS))
    yield from _tell(app, Grant(RENEWED, app.app_id, refresh_token))
    return refresh_token


def _ask_component(app: WeChatApp, name: str, content: dict[str, str]) -> Flow[Answer]:
    """Ask one of the interfaces that take the component's token."""
    whole = {"component_appid": component_of(app).app_id, **content}

    def question(token: Secret) -> Flow[Answer]:
        return api.post(app, f"{PATH}{name}", whole, (("component_access_token", token.reveal()),))

    return (yield from with_component_token(app, question))
