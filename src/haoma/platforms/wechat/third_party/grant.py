"""A merchant's grant to a third-party platform, and the tokens that follow from it.

::

    authorization code (pushed when the merchant has scanned; works once, within an hour)
      └── authorizer_refresh_token (until the merchant revokes the grant, or makes another one)
            └── authorizer_access_token (two hours)

**The refresh token must not be lost.** It is looked for in this order:

1. What the process has learnt since its start: from a push, from `take_grant`, or because WeChat sent a new one.
2. The setting ``authorizer_refresh_token``.
3. WeChat itself, which returns a merchant's current one (``api_get_authorizer_info``). So a restart costs one call, and
   no grant. haoma also asks when WeChat calls the known one dead (61023), because the merchant may have made another
   grant while no process was listening.

Set ``on_grant`` to receive every `Grant` and store your own copy.

A pushed code is exchanged at once. If that fails (no ticket yet, no network), the push is refused, so that it shows in
the log, and the code is kept. The merchant's next request tries it again, and so does another one a minute later if
there is an older refresh token to use meanwhile. This matters because developers report that WeChat returns the refresh
token of a grant only after its code has been exchanged once. If ``on_grant`` fails, the push is refused as well; when
WeChat repeats it, only ``on_grant`` is called again.

Changes to one merchant's grant (by a push, a renewal or `take_grant`) run one at a time (`_in_turn`). A push is skipped
if one with a later ``CreateTime`` was begun, because the slower of two must not have the last word. A change that hangs
so long that another takes its turn can no longer store anything. The merchant behind a code of the page is known only
after the exchange, so that code is exchanged before the turn; if another grant was taken meanwhile, that one stays.

Pages: https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizerrefreshtoken.html,
https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizeraccesstoken.html,
https://developers.weixin.qq.com/doc/oplatform/openApi/authorization-management/api_getauthorizerinfo.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/authorize_event.html
(read 2026-11). The README of the ``wechat`` folder lists what is undocumented.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from haoma.codecs import SECRET, Record
from haoma.errors import CannotOpen, HookFailed, NonsenseReply, OutsideError, PlatformRefusal, Spent, TimedOut
from haoma.platforms.base.access_tokens import as_token, token_place
from haoma.platforms.base.contract import Redacted
from haoma.platforms.base.refusal import refusal
from haoma.platforms.wechat import api
from haoma.platforms.wechat.custody import STEP, read_token
from haoma.platforms.wechat.third_party.tokens import PATH, component_of, unspent, with_component_token
from haoma.secret import Secret
from haoma.sharing import alone
from haoma.steps import Call, Drop, Keep, Key, Recall, Room, Shelf, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow, Lease, Place

T = TypeVar("T")
V = TypeVar("V")

GIVEN: Final = frozenset({"authorized", "updateauthorized"})
TAKEN_BACK: Final = "unauthorized"
RENEWED: Final = "renewed"
EVENTS: Final = GIVEN | {TAKEN_BACK}
PHONE_SET: Final = 18
"""小程序开发与数据分析, the permission set that includes ``getuserphonenumber``."""

_KEPT_SECONDS: Final = 3.2e8  # ten years: a refresh token lives until the merchant revokes it
_CODE_SECONDS: Final = 3600.0
_WAITING_SECONDS: Final = 60.0  # until a code that has not been exchanged is tried again
_REFRESH_DEAD: Final = "61023"
_APP_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SETS: Final = 200


@dataclass(frozen=True, slots=True)
class Grant:
    """What is known about a merchant's grant. ``on_grant`` receives one.

    Attributes:
        event: WeChat's ``authorized``, ``updateauthorized`` or ``unauthorized``; or ``renewed`` if WeChat has replaced
            the refresh token.
        app_id: The merchant's mini program. It need not be a configured app.
        refresh_token: To be stored like a password; None if the grant was revoked.
        permission_sets: Numbers of the granted sets; None if WeChat does not say.
    """

    event: str
    app_id: str
    refresh_token: Secret | None = field(default=None, repr=False)
    permission_sets: frozenset[int] | None = None

    @property
    def allows_phone_numbers(self) -> bool | None:
        """Whether permission set 18 is among them; None if WeChat does not say."""
        return None if self.permission_sets is None else PHONE_SET in self.permission_sets


# --- grants


def take_grant(app: WeChatApp, authorization_code: str, event: str = "authorized") -> Flow[Grant]:
    """Exchange an authorization code, and store the grant.

    For the page to which WeChat redirects the merchant, whose address has the code as ``auth_code``. It is not needed
    where WeChat's pushes arrive, because they bring the same code.

    Args:
        app: Any app of the third-party platform.
        authorization_code: The code.
        event: Name of the event that the grant reports.

    Returns:
        The grant. If a newer grant was taken meanwhile, it has no sets and the refresh token of the newer one.

    Raises:
        PlatformRefusal, OutsideError: WeChat returned no tokens.
        HookFailed: ``outside.hook-failed``: ``on_grant`` failed. The grant is stored nevertheless.
    """
    code = Secret(authorization_code)
    place = _place(app, code.reveal(), _PAGES)
    yield from ask(Keep(place, event, _CODE_SECONDS))
    asked = (yield from ask(Recall(place))).version
    answer = yield from _query_auth(app, code)
    merchant = answer.found["authorizer_appid"]
    return (yield from _in_turn(app, merchant, lambda turn: _hold_unless_newer(app, turn, code, answer, event, asked)))


def _hold_unless_newer(
    app: WeChatApp, turn: Lease, code: Secret, answer: Answer, event: str, asked: int
) -> Flow[Grant]:
    merchant = answer.found["authorizer_appid"]
    changed = yield from ask(Recall(_place(app, merchant, _CHANGED)))
    if changed.version < asked:
        return (yield from _hold(app, turn, code, answer, event))
    return Grant(event, merchant, (yield from ask(Recall(_place(app, merchant, _REFRESH)))).value)


def take_event(app: WeChatApp, event: str, found: Mapping[str, str]) -> Flow[None]:
    """Handle a push about a grant.

    Raises:
        CannotOpen: ``trust.cannot-open``: the push lacks a required field.
        PlatformRefusal, OutsideError, HookFailed: see `take_grant`.
    """
    merchant, code = found.get("AuthorizerAppid", ""), found.get("AuthorizationCode", "")
    if not _APP_ID.fullmatch(merchant) or not (as_token(code) or event == TAKEN_BACK):
        raise CannotOpen(step=1, diagnosis="fields")
    created = int(found["CreateTime"])
    yield from _in_turn(app, merchant, lambda turn: _take(app, turn, event, merchant, Secret(code), created))


def _take(app: WeChatApp, turn: Lease, event: str, merchant: str, code: Secret, created: int) -> Flow[None]:
    place = _place(app, merchant, _EVENTS)
    seen = (yield from ask(Recall(place))).value or _Seen(-1)
    this = (event, code)
    if created < seen.created or (created == seen.created and this in seen.done):  # it must not undo a newer push
        return
    if created > seen.created:  # stored first: even if this push fails, it supersedes the earlier ones
        seen = _Seen(created)
        yield from _keep(turn, place, seen, _KEPT_SECONDS)
    if event == TAKEN_BACK:
        yield from _keep(turn, _place(app, merchant, _CHANGED), event, _CODE_SECONDS)
        yield from _forget(app, turn, merchant)
        yield from _tell(app, Grant(event, merchant))
    else:
        yield from _take_code(app, turn, event, merchant, code)
    if not (yield from ask(Keep(place, _Seen(created, (*seen.done, this)), _KEPT_SECONDS, lease=turn))):
        # It hung so long that another change took its turn, so part of the work was not done. It must be repeated,
        # unless the other change was a later push or this one again.
        last = (yield from ask(Recall(place))).value
        if last is None or (last.created == created and this not in last.done):  # `last` is never older
            raise _taken_over()


def _take_code(app: WeChatApp, turn: Lease, event: str, merchant: str, code: Secret) -> Flow[None]:
    exchanged = (yield from ask(Recall(_place(app, merchant, _EXCHANGED)))).value
    if exchanged is None or exchanged.code != code:
        yield from _keep(turn, _place(app, merchant, _CODES), _Code(code, event), _CODE_SECONDS)
        yield from _exchange(app, turn, code, event, merchant)
    elif exchanged.untold is not None:  # a code works once; only `on_grant` had failed
        yield from _tell_of(app, turn, code, exchanged.untold)


def _in_turn(app: WeChatApp, merchant: str, change: Callable[[Lease], Flow[T]]) -> Flow[T]:
    """Run a change to a merchant's grant while no other change runs."""
    return alone(Key(Room.CUSTODY, "", "authorizer-turn", (component_of(app).app_id, merchant)), change)


def _keep(turn: Lease, place: Place[V], value: V, seconds: float) -> Flow[None]:
    """Store a value, unless another change has taken its turn since.

    Raises:
        TimedOut: ``outside.timed-out``.
    """
    if not (yield from ask(Keep(place, value, seconds, lease=turn))):
        raise _taken_over()


def _taken_over() -> TimedOut:
    return TimedOut(step=STEP, because={"taken_over": True})


def _exchange(app: WeChatApp, turn: Lease, code: Secret, event: str, merchant: str) -> Flow[Grant]:
    answer = yield from _query_auth(app, code, merchant, turn)
    return (yield from _hold(app, turn, code, answer, event))


def _query_auth(app: WeChatApp, code: Secret, merchant: str = "", turn: Lease | None = None) -> Flow[Answer]:
    """Ask what a code stands for. ``merchant`` is its claimed owner."""
    answer = yield from _ask_component(app, "api_query_auth", {"authorization_code": code.reveal()})
    if answer.refused:
        refused = answer.refusal("component", STEP, component_of(app).secret, code)
        if merchant and not refused.retry:
            yield from _drop(turn, _place(app, merchant, _CODES))
        raise unspent(refused)
    info = _authorization(answer)
    app_id = info.get("authorizer_appid")
    if not isinstance(app_id, str) or not _APP_ID.fullmatch(app_id) or app_id != (merchant or app_id):
        raise answer.nonsense("authorizer_appid", STEP, Spent.NO)
    if as_token(info.get("authorizer_refresh_token")) is None:
        raise answer.nonsense("authorizer_refresh_token", STEP, Spent.NO)
    return replace(answer, found=info)


def _hold(app: WeChatApp, turn: Lease, code: Secret, answer: Answer, event: str) -> Flow[Grant]:
    """Store the grant of a code in place of the previous one, and report it."""
    info = answer.found
    app_id, refresh_token = info["authorizer_appid"], Secret(info["authorizer_refresh_token"])
    yield from _keep(turn, _place(app, app_id, _CHANGED), event, _CODE_SECONDS)
    yield from _forget(app, turn, app_id)
    yield from _keep(turn, _place(app, app_id, _REFRESH), refresh_token, _KEPT_SECONDS)
    if "authorizer_access_token" in info:
        token, seconds = read_token(answer, "authorizer_access_token", app_id)
        yield from _keep(turn, token_place("component", app.api_base_url, app_id), token, seconds)
    grant = Grant(event, app_id, refresh_token, _permission_sets(info))
    yield from _tell_of(app, turn, code, grant)
    return grant


def _forget(app: WeChatApp, turn: Lease, merchant: str) -> Flow[None]:
    yield from _drop(turn, _place(app, merchant, _CODES))
    yield from _drop(turn, _place(app, merchant, _EXCHANGED))
    yield from _drop(turn, _place(app, merchant, _REFRESH))
    yield from _drop(turn, token_place("component", app.api_base_url, merchant))


def _drop(turn: Lease | None, place: Place[Any]) -> Flow[None]:
    kept = yield from ask(Recall(place))
    yield from ask(Drop(place, kept.version, turn))


def _tell_of(app: WeChatApp, turn: Lease, code: Secret, grant: Grant) -> Flow[None]:
    """Report the grant of a code to ``on_grant``. If that fails, it is reported again when WeChat repeats the push."""
    place = _place(app, grant.app_id, _EXCHANGED)
    yield from _keep(turn, place, _Exchanged(code, grant), _CODE_SECONDS)
    yield from _tell(app, grant)
    yield from ask(Keep(place, _Exchanged(code), _CODE_SECONDS, lease=turn))


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
    """Return the numbers in ``func_info``. Entries of another form are ignored."""
    listed = info.get("func_info")
    if not isinstance(listed, list):
        return None
    categories = (each.get("funcscope_category") for each in listed[:_SETS] if isinstance(each, dict))
    numbers = (each.get("id") for each in categories if isinstance(each, dict))
    return frozenset(number for number in numbers if type(number) is int)


class _Seen(Redacted, frozen=True):
    """The latest ``CreateTime`` of a merchant's pushes, and the finished pushes of that second."""

    created: int
    done: tuple[tuple[str, Secret], ...] = ()


class _Code(Redacted, frozen=True):
    """A code that has not been exchanged yet, and the event that brought it."""

    code: Secret
    event: str


class _Exchanged(Redacted, frozen=True):
    """The last exchanged code, and its grant if ``on_grant`` has not received it yet."""

    code: Secret
    untold: Grant | None = None


_EVENTS: Final = Shelf("authorizer-event", Room.CUSTODY, Record(_Seen))
_CHANGED: Final = Shelf("authorizer-changed", Room.CUSTODY, Record(str))
"""The last event that replaced or revoked a grant. Its version tells the order of events."""
_PAGES: Final = Shelf("authorizer-page", Room.CUSTODY, Record(str))
"""The event of a code from the page. Its version tells when the exchange began."""
_CODES: Final = Shelf("authorizer-code", Room.CUSTODY, Record(_Code))
_EXCHANGED: Final = Shelf("authorizer-exchanged", Room.CUSTODY, Record(_Exchanged))
_REFRESH: Final = Shelf("authorizer-refresh-token", Room.CUSTODY, SECRET)


def _place(app: WeChatApp, merchant: str, shelf: Shelf[V]) -> Place[V]:
    return shelf.place("", component_of(app).app_id, merchant)


# --- the merchant's token


def ask_for_token(app: WeChatApp) -> Flow[tuple[Secret, float]]:
    """Return a new token of the merchant, which is already stored.

    It is stored within the turn. A moment later there may be another grant or none, and the token of the old grant must
    not be stored after that. So the caller has nothing to store, and the seconds are 0.

    Raises:
        OutsideError, PlatformRefusal: WeChat returned no token; no user's code has been sent.
        HookFailed: ``outside.hook-failed``: ``on_grant`` failed.
    """
    return (yield from _in_turn(app, app.app_id, lambda turn: _ask_for_token(app, turn)))


def _ask_for_token(app: WeChatApp, turn: Lease) -> Flow[tuple[Secret, float]]:
    waiting = yield from ask(Recall(_place(app, app.app_id, _CODES)))
    if waiting.value is not None:
        yield from _exchange_waiting(app, turn, waiting.value)
    refresh_token = yield from _refresh_token(app, turn)
    answer = yield from _renew(app, refresh_token)
    if answer.errcode == _REFRESH_DEAD:
        yield from _drop(turn, _place(app, app.app_id, _REFRESH))  # it is this one, or there is none
        dead = unspent(answer.refusal("component", STEP, component_of(app).secret, refresh_token))
        try:
            current = yield from _look_up(app)
        except (PlatformRefusal, NonsenseReply):
            raise dead from None
        if current == refresh_token:
            raise dead
        refresh_token = yield from _adopt(app, turn, current)
        answer = yield from _renew(app, refresh_token)
    if answer.refused:
        raise unspent(answer.refusal("component", STEP, component_of(app).secret, refresh_token))
    token, seconds = read_token(answer, "authorizer_access_token", app.app_id)
    newer = as_token(answer.found.get("authorizer_refresh_token"))
    if newer is not None and newer != refresh_token:
        yield from _adopt(app, turn, newer)
    waiting = yield from ask(Recall(_place(app, app.app_id, _CODES)))
    seconds = seconds if waiting.value is None else min(seconds, _WAITING_SECONDS)
    # Refused if this change hung so long that another took its turn. The token then works for one request, or is dead.
    yield from ask(Keep(token_place("component", app.api_base_url, app.app_id), token, seconds, lease=turn))
    return token, 0.0


def _exchange_waiting(app: WeChatApp, turn: Lease, waiting: _Code) -> Flow[None]:
    """Exchange a code that its push could not. If there is another way to a token, users need not wait for this."""
    try:
        yield from _exchange(app, turn, waiting.code, waiting.event, app.app_id)
    except PlatformRefusal:  # too late for the code, but there may still be a refresh token
        pass
    except HookFailed:
        raise
    except OutsideError:
        if (yield from _known_refresh_token(app)) is None:
            raise


def _refresh_token(app: WeChatApp, turn: Lease) -> Flow[Secret]:
    known = yield from _known_refresh_token(app)
    return known or (yield from _adopt(app, turn, (yield from _look_up(app))))


def _known_refresh_token(app: WeChatApp) -> Flow[Secret | None]:
    kept = yield from ask(Recall(_place(app, app.app_id, _REFRESH)))
    return kept.value or component_of(app).refresh_token


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


def _adopt(app: WeChatApp, turn: Lease, refresh_token: Secret) -> Flow[Secret]:
    yield from _keep(turn, _place(app, app.app_id, _REFRESH), refresh_token, _KEPT_SECONDS)
    yield from _tell(app, Grant(RENEWED, app.app_id, refresh_token))
    return refresh_token


def _ask_component(app: WeChatApp, name: str, content: dict[str, str]) -> Flow[Answer]:
    """Call an API that takes the component's token."""
    whole = {"component_appid": component_of(app).app_id, **content}

    def question(token: Secret) -> Flow[Answer]:
        return api.post(app, f"{PATH}{name}", whole, (("component_access_token", token.reveal()),))

    return (yield from with_component_token(app, question))
