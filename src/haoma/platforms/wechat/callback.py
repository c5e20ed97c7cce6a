"""Handles what WeChat posts: to a third-party platform, and to a mini program's own address.

1. to 4. The push comes from WeChat and is for us (``push.py``). In plain mode, its signature has not been used for
   another message. A mini program without settings for pushes refuses all of them, after the same work.
5. A third-party platform's ticket or grant names our component inside as well; an event names our mini program.
6. Its ``CreateTime`` is recent enough (``push.py``). The signature does not prove when the push was sent.
7. A ticket is stored if it is newer (``third_party/tokens.py``). A grant is taken or forgotten
   (``third_party/grant.py``). A user's withdrawal is acted on by the app's policy (``withdrawal.py``). A warning about
   the quota is passed on (``usage.py``). Any other push is answered and ignored, because WeChat adds kinds of pushes
   and repeats unanswered ones.

When the address is entered in the console, WeChat sends a GET with ``echostr``, which has to be returned.

Pages: https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/component_verify_ticket.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/authorize_event.html
(read 2026-11).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.codecs import Record
from haoma.errors import CannotOpen
from haoma.platforms.base.contract import Heard
from haoma.platforms.wechat.push import (
    AWAY,
    EVENT_AWAY,
    TICKET_AWAY,
    is_near,
    read_echo,
    read_plain_push,
    read_push,
)
from haoma.platforms.wechat.third_party.grant import EVENTS, take_event
from haoma.platforms.wechat.third_party.tokens import TICKET, take_ticket
from haoma.platforms.wechat.usage import is_notice, take_notice
from haoma.platforms.wechat.withdrawal import is_withdrawal, take_withdrawal
from haoma.secret import Secret
from haoma.steps import ABSENT, Keep, Recall, Room, Shelf, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow

_HEARD: Final = "success"


@dataclass(frozen=True, slots=True)
class _Console:
    """What the console and we share.

    Attributes:
        receiver: The app id for which pushes are sealed.
        token, keys: Verify and open them.
        plain: Whether they are in plain text.
        may_be_json: Whether they may be JSON. A third-party platform gets XML only.
    """

    receiver: str
    token: Secret = field(repr=False)
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    plain: bool = False
    may_be_json: bool = False


_NO_CONSOLE: Final = _Console("", Secret(""))
_SIGNATURES: Final = Shelf("plain-push", Room.PROOFS, Record(str))
"""The digest of the message that came with the signature of a plain push."""


def take_push(app: WeChatApp, query: Mapping[str, str], body: bytes, now: float) -> Flow[Heard]:
    """Handle a push from WeChat.

    Raises:
        CannotOpen: ``trust.cannot-open``, for anything wrong with it.
        OutsideError, PlatformRefusal: the push announced a grant, which could not be fetched.
    """
    console = _console(app)
    if console is None:
        # Do the same work as for an app that takes pushes, so that the response time tells a stranger nothing.
        _read(_NO_CONSOLE, query, body, now)
        raise CannotOpen(step=1, diagnosis="no pushes configured")
    # (1) to (4)
    found = _read(console, query, body, now)
    if not body:
        return Heard(found["echostr"], "address-check")
    if console.plain:
        yield from _use_signature(app, query["signature"], body)
    kind = found.get("InfoType", "")
    if app.component is not None and (kind == TICKET or kind in EVENTS):
        # (5)
        if found.get("AppId") != console.receiver:
            raise CannotOpen(step=1, diagnosis="fields")
        # (6)
        if not is_near(found.get("CreateTime", ""), now, TICKET_AWAY if kind == TICKET else EVENT_AWAY):
            raise CannotOpen(step=1, diagnosis="CreateTime")
        # (7)
        if kind == TICKET:
            yield from take_ticket(app, found)
            return Heard(_HEARD, "ticket")
        yield from take_event(app, kind, found)
        return Heard(_HEARD, "grant")
    if is_withdrawal(found):
        return (yield from take_withdrawal(app, found, now, _HEARD))  # (5) to (7)
    if is_notice(found):
        return take_notice(app, found, now, _HEARD)  # (5) to (7)
    return Heard(_HEARD, "other")


def _console(app: WeChatApp) -> _Console | None:
    if app.component is not None:
        return _Console(app.component.app_id, app.component.token, app.component.aes_keys)
    if app.push_token is not None:
        plain = not app.push_aes_keys
        return _Console(app.app_id, app.push_token, app.push_aes_keys, plain=plain, may_be_json=True)
    return None


def _read(console: _Console, query: Mapping[str, str], body: bytes, now: float) -> dict[str, str]:
    if not body:
        return {"echostr": read_echo(query, token=console.token, now=now)}
    if console.plain:
        return read_plain_push(query, body, token=console.token, now=now)
    return read_push(
        query,
        body,
        token=console.token,
        keys=console.keys,
        receiver=console.receiver,
        now=now,
        may_be_json=console.may_be_json,
    )


def _use_signature(app: WeChatApp, signature: str, body: bytes) -> Flow[None]:
    """Let a signature that does not cover the message serve one message only, however often that one comes.

    Raises:
        CannotOpen: ``trust.cannot-open``: another message came with it before.
    """
    place, message = _SIGNATURES.place(app.scope, signature), hashlib.sha256(body).hexdigest()
    if (yield from ask(Keep(place, message, 2 * AWAY, expect=ABSENT))):
        return
    if (yield from ask(Recall(place))).value != message:
        raise CannotOpen(step=1, diagnosis="signature used")
