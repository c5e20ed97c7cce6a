"""Exchanges the code for the user's token (``userAccessToken``), and the token for the user (``contact/users/me``).

The steps, continued from ``flow.py``:

2. Exchange the code for the user's accessToken, unless an earlier try of this same request got that far.
3. The answer is strict JSON: status 200 with an ``accessToken``, or a refusal.
4. Ask for the user with that token. The code is used up by now. If this call fails, the token is kept, for this code
   only and no longer than the code is remembered, and a retry of the same request continues from here.
5. The answer is strict JSON: status 200 with the user, or a refusal. If ``mobile`` is missing, the app lacks a
   permission: DingTalk then leaves the field out.
6. ``stateCode`` and ``mobile`` form a valid number.

**Unknown outcomes.** After a timeout or a reset of step 2 we cannot tell whether the code was used up. A refusal of the
code that follows may be caused by the first try, so it is reported as `OutcomeUnknown` (``after_unknown``).

Pages: https://help.dingtalk.io/zh/open/development/obtain-user-token and
https://help.dingtalk.io/open/development/dingtalk-retrieve-user-information (read 2026-11). The README of this folder
lists what is undocumented.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.codecs import SECRET
from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError, HaomaError, NonsenseReply, PlatformRefusal, Spent
from haoma.phone import from_parts
from haoma.platforms.base.code_exchange import CodeExchange, sending_a_code
from haoma.platforms.base.refusal import of_a_code, refusal
from haoma.secret import Secret
from haoma.steps import Keep, Recall, Request, Room, Send, Shelf, ask
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.dingtalk.app import DingTalkApp
    from haoma.steps import Flow, Reply

_WHOSE: Final = "/v1.0/oauth2/userAccessToken"
_ME: Final = "/v1.0/contact/users/me"
_JSON: Final = (("content-type", "application/json"),)
_ID: Final = re.compile(r"[!-~]{1,128}")
_VISIBLE: Final = re.compile(r"[!-~]{1,2048}")
_NATIVE: Final = re.compile(r"[A-Za-z0-9._-]{1,120}")
_NO_MOBILE: Final = "mobile-missing"


_USER_TOKENS: Final = Shelf("dingtalk-user-token", Room.SESSIONS, SECRET)


def exchange(app: DingTalkApp, code: Secret, *, after_unknown: bool) -> Flow[tuple[PhoneNumber, Subject]]:
    """Exchange a code for the number and the user.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown`` (steps 2 and 3).
        PlatformRefusal: ``platform.*`` (steps 3 and 5).
        OutsideError: ``outside.*``: no connection, or an unusable answer (steps 2 to 6).
    """
    place = _USER_TOKENS.place(app.scope, code.reveal())
    # (2) (3)
    token = (yield from ask(Recall(place))).value
    if token is None:
        token = yield from _user_token(app, code, after_unknown=after_unknown)
    try:
        # (4)
        reply = yield from ask(Send(_me(app, token), app.upstreams, app=app.scope))
        # (5)
        found = _read(app, reply, "phone", 5, code, token)
        return _number(found, reply), Subject(openid=_id(found, "openId"), unionid=_id(found, "unionId"))  # (6)
    except HaomaError as error:
        if not error.retry:
            raise error.evolve(spent=Spent.YES, step=error.step or 4) from None
        # A retry of the same request continues at step 4. The code's reservation is older by one call.
        yield from ask(Keep(place, token, app.policy.code_seconds / 2))
        raise error.evolve(spent=Spent.UNKNOWN, step=error.step or 4) from None


def _user_token(app: DingTalkApp, code: Secret, *, after_unknown: bool) -> Flow[Secret]:
    content = {
        "clientId": app.app_id,
        "clientSecret": app.client_secret.reveal(),
        "code": code.reveal(),
        "grantType": "authorization_code",
    }
    request = Request("POST", app.api_base_url + _WHOSE, headers=_JSON, body=msgspec.json.encode(content))
    tries = CodeExchange(unknown=after_unknown)
    reply, found = yield from tries.run(_exchange(app, request, code, tries))
    token = found.get("accessToken")
    if not isinstance(token, str) or not _VISIBLE.fullmatch(token):
        raise _nonsense("accessToken", reply, 3)
    return Secret(token)


def _exchange(
    app: DingTalkApp, request: Request, code: Secret, tries: CodeExchange
) -> Flow[tuple[Reply, dict[str, Any]]]:
    reply = yield from sending_a_code(ask(Send(request, app.upstreams, app=app.scope)), 2)
    try:
        return reply, _read(app, reply, "token", 3, code)
    except PlatformRefusal as refused:
        raise tries.refused(refused) from None


def _me(app: DingTalkApp, token: Secret) -> Request:
    return Request("GET", app.api_base_url + _ME, headers=(("x-acs-dingtalk-access-token", token.reveal()),))


def _read(app: DingTalkApp, reply: Reply, place: str, step: int, *secrets: Secret) -> dict[str, Any]:
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _nonsense("not JSON", reply, step) from None
    # 60011 is a code of the older APIs, which answer {"errcode", "errmsg"}.
    older = "code" not in found and found.get("errcode") not in (None, 0)
    if reply.status == 200 and "code" not in found and not older:
        return found
    names = ("errcode", "errmsg", "request_id") if older else ("code", "message", "requestid")
    native, words, request_id = map(found.get, names)
    native = str(native) if type(native) is int else native
    if not isinstance(native, str) or not _NATIVE.fullmatch(native):
        raise _nonsense("code", reply, step)
    refused = refusal(
        "dingtalk",
        native,
        place=place,
        message=words if isinstance(words, str) else "",
        request_id=request_id if isinstance(request_id, str) else "",
        step=step,
        secrets=(*secrets, app.client_secret),
        because={"status": reply.status},
    )
    raise of_a_code(refused) if place == "token" else refused


def _number(found: dict[str, Any], reply: Reply) -> PhoneNumber:
    mobile = found.get("mobile")
    if mobile in (None, ""):
        raise refusal("dingtalk", _NO_MOBILE, place="phone", step=5)
    if not isinstance(mobile, str):
        raise _nonsense("mobile", reply, 6)
    state = str(found.get("stateCode"))  # an integer as well; no other type is written in digits alone
    number = from_parts(state.removeprefix("+").removeprefix("00"), mobile)
    if number is None:
        raise _nonsense("stateCode, mobile", reply, 6)
    return number


def _id(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise NonsenseReply(step=5, because={"field": name})
    return value


def _nonsense(reason: str, reply: Reply, step: int) -> NonsenseReply:
    because = {"reason": reason, "status": reply.status, "bytes": len(reply.body)}
    return NonsenseReply(step=step, because=because, spent=Spent.UNKNOWN)
