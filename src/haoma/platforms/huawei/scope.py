"""Exchanges a code of scope ``phone`` for the user's token, and the token for the user: two calls, nothing encrypted.

The steps, continued from ``flow.py``:

2. Exchange the code for the user's access_token (``oauth2/v3/token``), unless an earlier try of this same request got
   that far. The body is a form. The code holds ``+``, ``/`` and ``=``, so it must be encoded in it.
3. The answer is strict JSON: status 200 with an ``access_token``, or a refusal. ``sub_error`` tells refusals apart, and
   ``error`` does not. A status of the table without either is a refusal as well.
4. Ask for the user with that token (``GOpen.User.getInfo``). The code is used up by now. If this call fails, the token
   is kept, for this code only and no longer than the code is remembered, and a retry of the same request continues
   from here.
5. The answer is no refusal: Huawei refuses with status 200 and the header ``NSP_STATUS``, whatever the body says. It is
   strict JSON, and names the user. If ``mobileNumber`` is missing, the user has not consented to the scope.
6. ``mobileNumber`` is a mobile number of the mainland: eleven digits that start with 13 to 19, with ``+86``, ``0086``
   or nothing before them. A 1 and a number of North America are eleven digits as well. How numbers abroad are written
   is not documented, and no country code is ever guessed.

The code is exchanged with our own Client ID and secret, and the token is used by nobody else. So there is no need to
ask whose token it is. ``refresh_token`` and ``id_token`` are dropped.

**Unknown outcomes.** After a timeout, a reset or a server error of step 2 we cannot tell whether the code was used up.
A "used" (20156) that follows may be caused by the first try, so it is reported as `OutcomeUnknown`
(``after_unknown``).

Pages: https://developer.huawei.com/consumer/cn/doc/harmonyos-references/account-server-error-code and
https://developer.huawei.com/consumer/cn/doc/harmonyos-references-V5/account-api-otherscene-getuserinfo-V5 (2026-12).
The README of this folder lists what is undocumented.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from haoma import catalogue
from haoma.codecs import SECRET
from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError, HaomaError, NonsenseReply, PlatformRefusal, Spent
from haoma.phone import MAINLAND, from_parts
from haoma.platforms.base.code_exchange import CodeExchange, sending_a_code
from haoma.platforms.base.refusal import refusal
from haoma.secret import Secret
from haoma.steps import Keep, Recall, Request, Room, Send, Shelf, ask
from haoma.verified import Assurance, Subject

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.huawei.app import HuaweiApp
    from haoma.steps import Flow, Reply

_TOKEN: Final = "/oauth2/v3/token"  # noqa: S105 - a path
_USER: Final = "/rest.php"
_GET_INFO: Final = (("nsp_svc", "GOpen.User.getInfo"),)
_FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)
_CODE: Final = re.compile(r"[0-9]{1,12}")
_VISIBLE: Final = re.compile(r"[!-~]{1,4096}")
_ID: Final = re.compile(r"[!-~]{1,256}")
_MOBILE: Final = re.compile(r"(?:\+86|0086)?(1[3-9][0-9]{9})")
_USED: Final = "20156"
_NO_MOBILE: Final = "mobile-missing"

_USER_TOKENS: Final = Shelf("huawei-user-token", Room.SESSIONS, SECRET)


def exchange(app: HuaweiApp, code: Secret, *, after_unknown: bool) -> Flow[tuple[PhoneNumber, Subject, Assurance]]:
    """Exchange a code for the number, its user, and how certain it is that the number still reaches the user.

    Huawei says of this number that it was verified, not when. So the last is always ``platform``.

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
        reply = yield from ask(Send(_get_info(app, token), app.upstreams, app=app.scope))
        # (5)
        found = _user(app, reply, code, token)
        unionid = "" if found.get("unionID") in (None, "") else _id(found, "unionID")
        subject = Subject(openid=_id(found, "openID"), unionid=unionid)
        return _number(found), subject, Assurance.PLATFORM  # (6)
    except HaomaError as error:
        if not error.retry or error.spent is Spent.YES:
            raise error.evolve(spent=Spent.YES, step=error.step or 4) from None
        # A retry of the same request continues at step 4. The code's reservation is older by one call.
        yield from ask(Keep(place, token, app.policy.code_seconds / 2))
        raise error.evolve(spent=Spent.UNKNOWN, step=error.step or 4) from None


def _user_token(app: HuaweiApp, code: Secret, *, after_unknown: bool) -> Flow[Secret]:
    form = {
        "grant_type": "authorization_code",
        "client_id": app.app_id,
        "client_secret": app.client_secret.reveal(),
        "code": code.reveal(),
    }
    request = Request("POST", app.oauth_base_url + _TOKEN, headers=_FORM, body=urlencode(form).encode("ascii"))
    tries = CodeExchange(unknown=after_unknown)
    return (yield from tries.run(_exchange(app, request, code, tries)))


def _exchange(app: HuaweiApp, request: Request, code: Secret, tries: CodeExchange) -> Flow[Secret]:
    reply = yield from sending_a_code(ask(Send(request, app.upstreams, app=app.scope)), 2)
    try:
        found = _granted(app, reply, code)
    except PlatformRefusal as refused:
        raise tries.refused(refused, used=refused.platform_code == _USED) from None
    token = found.get("access_token")
    if not isinstance(token, str) or not _VISIBLE.fullmatch(token):
        raise _nonsense("access_token", reply, 3)
    return Secret(token)


def _granted(app: HuaweiApp, reply: Reply, code: Secret) -> dict[str, Any]:
    """Return the object of a success."""
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _of_status(reply, "code", 3) or _nonsense("not JSON", reply, 3) from None
    native = next((found[name] for name in ("sub_error", "error") if found.get(name) is not None), None)
    if native is not None:
        native = str(native)  # an integer or its digits; no other type gives only digits
        if not _CODE.fullmatch(native):
            raise _nonsense("sub_error", reply, 3)
        words = _words(found, "error_description")
        raise refusal("huawei", native, place="code", message=words, step=3, secrets=(code, app.client_secret))
    if reply.status != 200:
        raise _of_status(reply, "code", 3) or _nonsense("status", reply, 3)
    return found


def _get_info(app: HuaweiApp, token: Secret) -> Request:
    body = urlencode({"access_token": token.reveal(), "getNickName": "0"}).encode("ascii")
    return Request("POST", app.account_base_url + _USER, _GET_INFO, _FORM, body)


def _user(app: HuaweiApp, reply: Reply, *secrets: Secret) -> dict[str, Any]:
    """Return the object of a success."""
    status = reply.headers.get("nsp_status", "0").strip()
    if not _CODE.fullmatch(status):
        raise _nonsense("NSP_STATUS", reply, 5)
    if int(status):
        secrets = (*secrets, app.client_secret)
        raise refusal("huawei", str(int(status)), place="user", message=_said(reply), step=5, secrets=secrets)
    if reply.status != 200:
        raise _of_status(reply, "user", 5) or _nonsense("status", reply, 5)
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _nonsense("not JSON", reply, 5) from None
    if "error" in found:  # a refusal whose header was lost on the way
        raise _nonsense("error", reply, 5)
    return found


def _of_status(reply: Reply, place: str, step: int) -> PlatformRefusal | None:
    """Return the refusal that an HTTP status stands for, or None if the table does not list it."""
    status = f"http-{reply.status}"
    return refusal("huawei", status, place=place, step=step) if catalogue.find_refusal("huawei", status) else None


def _said(reply: Reply) -> str:
    try:
        return _words(parse_json_object(reply.body), "error")
    except EnvelopeError:
        return ""


def _words(found: dict[str, Any], name: str) -> str:
    words = found.get(name)
    return words if isinstance(words, str) else ""


def _number(found: dict[str, Any]) -> PhoneNumber:
    mobile = found.get("mobileNumber")
    if mobile in (None, ""):
        raise refusal("huawei", _NO_MOBILE, place="user", step=5)
    parts = _MOBILE.fullmatch(mobile) if isinstance(mobile, str) else None
    number = from_parts(MAINLAND, parts[1]) if parts is not None else None
    if number is None:
        raise NonsenseReply(step=6, place="number-form", because={"field": "mobileNumber"}, spent=Spent.YES)
    return number


def _id(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise NonsenseReply(step=5, because={"field": name}, spent=Spent.YES)
    return value


def _nonsense(reason: str, reply: Reply, step: int) -> NonsenseReply:
    because = {"reason": reason, "status": reply.status, "bytes": len(reply.body)}
    return NonsenseReply(step=step, because=because, spent=Spent.UNKNOWN)
