"""The component's token, through which haoma calls for mini programs that have granted it their rights.

::

    ticket (pushed every ten minutes, lives twelve hours)
      └── component_access_token (two hours)
            └── authorizer_access_token (two hours) of one merchant, by its authorizer_refresh_token

Each is stored separately and fetched by one request at a time; ``grant.py`` handles the last one. A ticket replaces the
stored one only if its ``CreateTime`` is later, so replaying an old push changes nothing. Without a ticket, as with a
new store, haoma asks WeChat to start pushing (``api_start_push_ticket``, at most every ten minutes once WeChat has
agreed), and refuses requests until a ticket has arrived.

Pages: https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getcomponentaccesstoken,
https://developers.weixin.qq.com/doc/oplatform/openApi/miniprogram-management/login/api_thirdpartycode2session.html
(read 2026-11).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from haoma.codecs import SECRET, Record
from haoma.errors import CannotOpen, OutsideError, Spent
from haoma.platforms.base.access_tokens import CachedToken, TokenUse, as_token
from haoma.platforms.base.contract import Redacted
from haoma.platforms.base.refusal import refusal
from haoma.platforms.wechat import api
from haoma.platforms.wechat.custody import STEP, read_token
from haoma.secret import Secret  # noqa: TC001 - msgspec reads the types of `_Ticket`
from haoma.sharing import update
from haoma.steps import Key, Recall, ReturnTry, Room, Shelf, TakeTry, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haoma.errors import HaomaError
    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.platforms.wechat.component import Component
    from haoma.steps import Flow, Place

PATH: Final = "/cgi-bin/component/"
_TICKET_SECONDS: Final = 12 * 3600.0
_ASK_AGAIN: Final = 600.0
_TICKET_EXPIRED: Final = "61005"
TICKET: Final = "component_verify_ticket"


# --- the ticket


def take_ticket(app: WeChatApp, found: Mapping[str, str]) -> Flow[None]:
    """Store the ticket of a push, if it is newer than the stored one.

    Raises:
        CannotOpen: ``trust.cannot-open``: the push lacks a required field.
    """
    created, ticket = int(found["CreateTime"]), as_token(found.get("ComponentVerifyTicket"))
    if ticket is None:
        raise CannotOpen(step=1, diagnosis="fields")

    def newer(kept: _Ticket | None, _now: float) -> tuple[_Ticket, float] | None:
        return None if kept is not None and created <= kept.created else (_Ticket(created, ticket), _TICKET_SECONDS)

    yield from update(_ticket_place(app), newer)


class _Ticket(Redacted, frozen=True):
    """A ticket. It is None once WeChat has called it expired, so that no older one can replace it."""

    created: int
    ticket: Secret | None


_TICKETS: Final = Shelf("component-ticket", Room.CUSTODY, Record(_Ticket))
_TOKENS: Final = Shelf("component-token", Room.CUSTODY, SECRET)


def _ticket_place(app: WeChatApp) -> Place[_Ticket]:
    return _TICKETS.place("", component_of(app).app_id)


# --- the component's token


def with_component_token(app: WeChatApp, question: Callable[[Secret], Flow[Answer]]) -> Flow[Answer]:
    """Ask with the component's token. If WeChat calls it dead, ask once more with a new one.

    Raises:
        OutsideError, PlatformRefusal: also if no token was issued.
    """
    sent: list[Secret] = []

    def asked(token: Secret) -> Flow[Answer]:
        sent.append(token)
        return question(token)

    place = _TOKENS.place("", "component", app.api_base_url, component_of(app).app_id)
    answer = yield from TokenUse(CachedToken(place, lambda: _ask_for_token(app))).ask(asked)
    return replace(answer, sent=tuple(sent))


def _ask_for_token(app: WeChatApp) -> Flow[tuple[Secret, float]]:
    component = component_of(app)
    found = (yield from ask(Recall(_ticket_place(app)))).value
    if found is None or found.ticket is None:
        raise (yield from _no_ticket(app))
    ticket = found.ticket
    content = {
        "component_appid": component.app_id,
        "component_appsecret": component.secret.reveal(),
        TICKET: ticket.reveal(),
    }
    answer = yield from api.post(app, f"{PATH}api_component_token", content)
    if answer.errcode == _TICKET_EXPIRED:  # then the next request asks WeChat to push again
        yield from update(_ticket_place(app), lambda kept, _: _without(kept, found))
    if answer.refused:
        raise unspent(answer.refusal("component", STEP, component.secret, ticket))
    return read_token(answer, "component_access_token", component.app_id)


def _without(kept: _Ticket | None, expired: _Ticket) -> tuple[_Ticket, float] | None:
    return (_Ticket(expired.created, None), _TICKET_SECONDS) if kept == expired else None


def _no_ticket(app: WeChatApp) -> Flow[HaomaError]:
    """Ask WeChat to start pushing, and return the refusal of this request."""
    component = component_of(app)
    tries = Key(Room.CUSTODY, "", "start-push", (component.app_id,))
    asked = yield from ask(TakeTry(tries, 1, _ASK_AGAIN))
    if asked:
        # This endpoint calls the field `component_secret`; the token endpoint calls it `component_appsecret`.
        content = {"component_appid": component.app_id, "component_secret": component.secret.reveal()}
        try:
            answer = yield from api.post(app, f"{PATH}api_start_push_ticket", content)
        except OutsideError:
            yield from ask(ReturnTry(tries))
            raise
        if answer.refused:  # give the try back, so that the next request notices when the cause is fixed
            yield from ask(ReturnTry(tries))
            return unspent(answer.refusal("component", STEP, component.secret))
    return refusal("wechat", "no-ticket", place="component", step=STEP, because={"push_asked_for": asked})


def component_of(app: WeChatApp) -> Component:
    """Return the app's component. A push to an app without one is refused like any other that is not for us."""
    if app.component is None:
        raise CannotOpen(step=1, diagnosis="no component")
    return app.component


def unspent(error: HaomaError) -> HaomaError:
    """Return a token's refusal with ``spent`` NO: whatever it means, no user's code has been sent."""
    return error.evolve(spent=Spent.NO)
