"""Exchanges the code at ``quickLogin/getPhoneNumber``: one call, without a token or encryption.

The steps, continued from ``flow.py``:

2. Send the code with ``clientId`` and ``clientSecret``.
3. The HTTP status is 200, which alone means nothing. Other statuses are refusals in the table; ``http-503`` is flow
   control.
4. The reply is strict JSON without a ``resultCode``, because Huawei also refuses with status 200.
5. The reply has its fields.
6. Its three forms of the number agree, with ``0086`` read as 86.

**Unknown outcomes.** A code works once. After a timeout, a reset or a server error we cannot tell whether that one use
has happened. A "used" (60180005) or "unknown" (60010012) that follows may be caused by the first try, so it is reported
as `OutcomeUnknown`, here and in every later request with the same code (``after_unknown``).

Page: https://developer.huawei.com/consumer/cn/doc/doccenter-references/api/account-api-get-user-info-quicklogin-by-code/
(read 2026-11). The README of this folder lists what is undocumented.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma import catalogue
from haoma.crypto.strict import parse_json_object
from haoma.errors import (
    EnvelopeError,
    NonsenseReply,
    NumberMismatch,
    Spent,
)
from haoma.phone import from_parts
from haoma.platforms.base.code_exchange import CodeExchange, sending_a_code
from haoma.platforms.base.refusal import refusal
from haoma.steps import Request, Send, ask
from haoma.verified import Assurance, Subject

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.huawei.app import HuaweiApp
    from haoma.secret import Secret
    from haoma.steps import Flow, Reply

_PATH: Final = "/oauth2/v6/quickLogin/getPhoneNumber"
_JSON: Final = (("content-type", "application/json"),)
_RESULT_CODE: Final = re.compile(r"[0-9]{1,12}")
_MAYBE_OURS: Final = frozenset({"60180005", "60010012"})  # used; unknown, as a forgotten used code may be
_ID: Final = re.compile(r"[!-~]{1,256}")
_ABROAD: Final = re.compile(r"(?:00|\+)?([1-9][0-9]{0,2})")  # documented: "0086"


def exchange(app: HuaweiApp, code: Secret, *, after_unknown: bool) -> Flow[tuple[PhoneNumber, Subject, Assurance]]:
    """Exchange a code for the number, its user, and how certain it is that the number still reaches the user.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown`` (steps 2 and 4).
        PlatformRefusal: ``platform.*`` (steps 3 and 4).
        OutsideError: ``outside.*``: no connection, or an unusable reply (steps 2 to 5).
        NumberMismatch: ``trust.number-mismatch`` (step 6).
    """
    tries = CodeExchange(unknown=after_unknown)
    found = yield from tries.run(_ask(app, code, tries))
    # (5) (6)
    unionid = "" if found.get("unionId") in (None, "") else _text(found, "unionId")
    subject = Subject(openid=_text(found, "openId"), unionid=unionid)
    return _number(found), subject, _assurance(found.get("phoneNumberValid"))


def _ask(app: HuaweiApp, code: Secret, tries: CodeExchange) -> Flow[dict[str, Any]]:
    # (2)
    content = {"code": code.reveal(), "clientId": app.app_id, "clientSecret": app.client_secret.reveal()}
    request = Request("POST", app.api_base_url + _PATH, headers=_JSON, body=msgspec.json.encode(content))
    reply = yield from sending_a_code(ask(Send(request, app.upstreams, app=app.scope)), 2)
    # (3) (4)
    return _read(app, code, reply, tries)


def _read(app: HuaweiApp, code: Secret, reply: Reply, tries: CodeExchange) -> dict[str, Any]:
    status = f"http-{reply.status}"
    if catalogue.find_refusal("huawei", status):
        raise refusal("huawei", status, place="phone", step=3)
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _nonsense("not JSON", reply) from None
    result = found.get("resultCode")
    native = "" if result is None else str(result)  # an integer or its digits; no other type gives only digits
    if native and not _RESULT_CODE.fullmatch(native):
        raise _nonsense("resultCode", reply)
    if native:
        words = found.get("resultDesc")
        words = words if isinstance(words, str) else ""
        secrets = (code, app.client_secret)
        refused = refusal("huawei", native, place="phone", message=words, step=4, secrets=secrets)
        raise tries.refused(refused, used=native in _MAYBE_OURS)
    if reply.status != 200:
        raise _nonsense("status", reply)
    return found


def _nonsense(reason: str, reply: Reply) -> NonsenseReply:
    because = {"reason": reason, "status": reply.status, "bytes": len(reply.body)}
    return NonsenseReply(step=4, because=because, spent=Spent.UNKNOWN)


def _number(found: dict[str, Any]) -> PhoneNumber:
    whole, pure, abroad = (_text(found, name) for name in ("phoneNumber", "purePhoneNumber", "phoneCountryCode"))
    parts = _ABROAD.fullmatch(abroad)
    if parts is None:
        raise _missing("phoneCountryCode")
    number = from_parts(parts[1], pure)
    if number is None:
        raise _missing("purePhoneNumber")
    if whole not in (pure, *(f"{front}{parts[1]}{pure}" for front in ("00", "+", ""))):
        raise NumberMismatch(step=6, because={"field": "phoneNumber"}, spent=Spent.YES)
    return number


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _missing(name)
    return value


def _missing(name: str) -> NonsenseReply:
    return NonsenseReply(step=5, because={"field": name}, spent=Spent.YES)


def _assurance(valid: object) -> Assurance:
    """Return what ``phoneNumberValid`` says: 1 if the number reached its user within 90 days. Other values do not."""
    return Assurance.RECENTLY_REACHABLE if type(valid) is int and valid == 1 else Assurance.STALE
