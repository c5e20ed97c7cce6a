"""Handles what WeChat posts to a third-party platform: tickets, and changes to merchants' grants.

1. to 4. The push comes from WeChat and is for our component (``push.py``).
5. It names our component inside as well.
6. Its ``CreateTime`` is recent enough (``push.py``). The signature does not prove when the push was sent.
7. A ticket is stored if it is newer (``tokens.py``). A grant is taken or forgotten (``grant.py``). Any other push is
   answered and ignored, because WeChat adds kinds of pushes and repeats unanswered ones.

Pages: https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/component_verify_ticket.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/authorize_event.html
(read 2026-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import CannotOpen
from haoma.platforms.wechat.third_party.grant import EVENTS, take_event
from haoma.platforms.wechat.third_party.push import EVENT_AWAY, TICKET_AWAY, is_near, read_push
from haoma.platforms.wechat.third_party.tokens import TICKET, component_of, take_ticket
from haoma.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow

_HEARD: Final = "success"
_NO_TOKEN: Final = Secret("")


def take_push(app: WeChatApp, query: Mapping[str, str], body: bytes, now: float) -> Flow[str]:
    """Handle a push from WeChat, and return the text to answer.

    Raises:
        CannotOpen: ``trust.cannot-open``, for anything wrong with it.
        OutsideError, PlatformRefusal: the push announced a grant, which could not be fetched.
    """
    if app.component is None:
        # Do the same work as for an app with a component, so that the response time tells a stranger nothing.
        read_push(query, body, token=_NO_TOKEN, keys=(), receiver="", now=now)
    component = component_of(app)
    # (1) to (4)
    found = read_push(query, body, token=component.token, keys=component.aes_keys, receiver=component.app_id, now=now)
    kind = found.get("InfoType", "")
    if kind != TICKET and kind not in EVENTS:
        return _HEARD
    # (5)
    if found.get("AppId") != component.app_id:
        raise CannotOpen(step=1, diagnosis="fields")
    # (6)
    if not is_near(found.get("CreateTime", ""), now, TICKET_AWAY if kind == TICKET else EVENT_AWAY):
        raise CannotOpen(step=1, diagnosis="CreateTime")
    # (7)
    if kind == TICKET:
        yield from take_ticket(app, found)
    else:
        yield from take_event(app, kind, found)
    return _HEARD
