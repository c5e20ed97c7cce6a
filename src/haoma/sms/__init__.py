"""The way out when a user declines the button: a code by text message.

::

    answer = client.run(sms.send(app, settings.sms, body, now=time.time()))          # {"ticket": …}
    phone = client.run(sms.check(app, settings.sms, body, now=time.time()))          # a VerifiedPhone, assurance "sms"

1. Whoever asks for a code has logged in. Nobody without an openid can have a message sent: the strongest measure
   against pumping, and only mini programs have it.
2. The number is of an allowed country, and a mobile number.
3. Budgets: per number, user, address, prefix of seven digits, and app and day. If hardly any codes are entered, the app
   has to wait.
4. The code is made from a random ticket with a key that the database does not have. Asked for again while it is good,
   the same code is sent.
5. The code is checked in constant time, five times at most, and only for the user who asked. The ledger gives each
   ticket and code one winner.

A wrong code, an old one, one of another user and too many tries are one refusal.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma import authorization
from haoma.authorize import authorize_found, log_in, resume
from haoma.codecs import Record
from haoma.errors import (
    BadField,
    ConnectionLost,
    HaomaError,
    KeyRejected,
    MissingField,
    SmsCodeWrong,
    TimedOut,
    TooManyRequests,
)
from haoma.phone import from_parts, parse_e164
from haoma.platforms.base.contract import Finding
from haoma.secret import Secret
from haoma.sharing import update
from haoma.sms.providers import MINUTES, CodeProvider
from haoma.steps import Call, Keep, Key, Mint, Recall, ReturnTry, Room, Shelf, TakeTry, ask
from haoma.verified import Assurance, Check, CheckName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haoma.authorization import Authorization
    from haoma.authorize import Admit
    from haoma.phone import PhoneNumber
    from haoma.platforms.base.contract import App, Login
    from haoma.sms.providers import Provider
    from haoma.steps import Flow
    from haoma.verified import VerifiedPhone

SECONDS: Final = MINUTES * 60
"""How long a code is good."""
RESEND_SECONDS: Final = 60
TRIES: Final = 5
_HOUR, _DAY = 3600, 86_400
_WATCHED: Final = 50
_LEAST_SHARE: Final = 0.1
_PAUSE: Final = 600
_CODE: Final = re.compile(r"[0-9]{6}")
_MAINLAND: Final = re.compile(r"(?:\+?86)?(1[3-9][0-9]{9})")
_MOST: Final = 32
_CHECKS: Final = (
    Check(CheckName.SIGNATURE, False, "no platform vouches for the number"),
    Check(CheckName.APP_BINDING, True, "the code was sent for this app"),
    Check(CheckName.FRESHNESS, True, "the code is good for five minutes"),
    Check(CheckName.LOGIN_BINDING, True, "the user who asked for the code has entered it"),
    Check(CheckName.ONE_TIME_USE, True, "the ledger gives the code one winner"),
)


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """The table ``[sms]``.

    Attributes:
        provider: Who sends.
        code_key: Makes the codes; not needed if the provider does.
        countries: Country codes that may be sent to.
        daily_limit: The most messages of one app in a day.
        captcha: Called with the app's name, the user's id and what was sent along as ``captcha``; True lets it pass.
    """

    provider: Provider
    code_key: Secret | None = field(default=None, repr=False)
    countries: tuple[str, ...] = ("86",)
    daily_limit: int = 1000
    captcha: Callable[[str, str, str], Any] | None = field(default=None, repr=False)


class _Pending(msgspec.Struct, frozen=True):
    """A code that was sent: to whom, by whose wish, and when it was sent last."""

    ticket: str
    number: str
    user: str
    at: float
    sent_at: float


class _Share(msgspec.Struct, frozen=True):
    """How many codes were sent since ``at``, and how many were entered."""

    at: float
    sent: int = 0
    entered: int = 0


_PENDING: Final = Shelf("sms-code", Room.SESSIONS, Record(_Pending))
_LATEST: Final = Shelf("sms-latest", Room.SESSIONS, Record(_Pending))
_SHARES: Final = Shelf("sms-share", Room.BUDGETS, Record(_Share))


def send(
    app: App,
    settings: SmsSettings,
    sent: str | bytes | Mapping[str, Any],
    *,
    now: float,
    address: str = "",
    admit: Admit | None = None,
) -> Flow[dict[str, Any]]:
    """Send a code to a number. The answer is the same whether or not anybody has the number.

    Args:
        app: A configured app.
        settings: The table ``[sms]``.
        sent: ``{"phone_number": "…", "login_code": "…"}``, or ``session`` in place of the login code.
        now: Unix seconds.
        address: The client's address, for its budget; empty if it is not known.
        admit: Called with the user. It may raise an error.

    Returns:
        ``ticket``, ``expires_in`` and ``resend_after`` in seconds, and ``session`` if a login code was sent.

    Raises:
        MissingField: ``envelope.missing-field``: no login, or no number.
        BadField: ``envelope.bad-field``: no number that may be sent to.
        TooManyRequests: ``caller.too-many-requests``: ``limit`` says which budget is used up.
        KeyRejected: ``caller.key-rejected``: the captcha was not solved.
        HaomaError: The login or the provider refuses.
    """
    found = authorization.read(sent)
    number = _number(found, settings.countries)
    login, session = yield from _logged_in(app, found, now)
    if admit is not None:
        yield from admit(login)
    user = _user(login)
    place = _LATEST.place(app.scope, user, number.e164)
    latest = (yield from ask(Recall(place))).value
    if latest is not None and now - latest.sent_at < RESEND_SECONDS:
        return _answer(latest, session, now)
    if settings.captcha is not None:
        solved = yield from ask(Call(settings.captcha, (app.name, user, str(found.claimed.get("captcha", "")))))
        if solved is not True:
            raise KeyRejected(because={"field": "captcha"})
    taken = yield from _within_budgets(app, settings, number, user, address)
    again = latest is not None and now - latest.at < SECONDS / 2  # else too little of its time would be left
    ticket = latest.ticket if latest is not None and again else (yield from ask(Mint()))
    pending = _Pending(ticket, number.e164, user, latest.at if latest is not None and again else now, now)
    left = SECONDS - (now - pending.at)
    # Kept before it is sent: a message may arrive although the provider's answer does not.
    yield from ask(Keep(_PENDING.place(app.scope, ticket), pending, left))
    yield from ask(Keep(place, pending, left))
    code = "" if isinstance(settings.provider, CodeProvider) else _code(settings, pending)
    try:
        yield from settings.provider.send(number, code, ticket, now)
    except (TimedOut, ConnectionLost):
        pass  # it may have been sent: the user sees whether it comes
    except HaomaError as error:
        for key in taken:
            yield from ask(ReturnTry(key))
        raise error.evolve(platform=app.platform, app=app.name) from None
    yield from _count(app, now, sent=1)
    return _answer(pending, session, now)


def check(
    app: App,
    settings: SmsSettings,
    sent: str | bytes | Mapping[str, Any],
    *,
    now: float,
    caller: str = "",
) -> Flow[VerifiedPhone]:
    """Turn a code that the user has entered into a verified phone number, with the assurance ``sms``.

    Args:
        app: A configured app.
        settings: The table ``[sms]``.
        sent: ``{"ticket": "…", "sms_code": "…", "session": "…"}``; ``consent`` as with the button.
        now: Unix seconds.
        caller: Identifies who asks; see `haoma.authorize.authorize`.

    Raises:
        SmsCodeWrong: ``trust.sms-code-wrong``.
        HaomaError: Every failure raises a subclass of this.
    """
    found = authorization.read(sent)
    ticket, code = (_text(found, name) for name in ("ticket", "sms_code"))
    login, _ = yield from _logged_in(app, found, now)
    since = None if found.session is None else login.at

    def find(_after_unknown: bool) -> Flow[Finding]:  # noqa: FBT001
        pending = (yield from ask(Recall(_PENDING.place(app.scope, ticket)))).value
        reason = yield from _wrong(app, settings, pending, login, ticket, code, now)
        number = parse_e164(pending.number) if pending is not None else None
        if reason or number is None:
            raise SmsCodeWrong(diagnosis=reason or "number")
        yield from _count(app, now, entered=1)
        return Finding(number, login.subject, _CHECKS, Assurance.SMS)

    fingerprint = hashlib.sha256("\0".join((app.name, caller, ticket, code, _user(login))).encode("utf-8")).digest()
    return (
        yield from authorize_found(
            app,
            find,
            one_time=("sms-code", Secret(f"{ticket} {code}")),
            fingerprint=fingerprint,
            consent=found.consent,
            caller=caller,
            since=since,
        )
    )


def _wrong(
    app: App, settings: SmsSettings, pending: _Pending | None, login: Login, ticket: str, code: str, now: float
) -> Flow[str]:
    """Return what is wrong with a code, for the operator; empty if it is right. Each asking takes a try."""
    if not (yield from ask(TakeTry(Key(Room.TRIES, app.scope, "sms-code", (ticket,)), TRIES, SECONDS))):
        return "tries"
    if pending is None or now - pending.at > SECONDS:
        return "expired"
    if pending.user != _user(login):
        return "another user"
    number = parse_e164(pending.number)
    if number is None or not _CODE.fullmatch(code):
        return "code"
    if isinstance(settings.provider, CodeProvider):
        return "" if (yield from settings.provider.check(number, code, ticket, now)) else "code"
    return "" if hmac.compare_digest(_code(settings, pending), code) else "code"


def _code(settings: SmsSettings, pending: _Pending) -> str:
    """Return the six digits of a ticket. Without the key they cannot be known."""
    if settings.code_key is None:
        raise LookupError("code_key")  # the settings have made sure of it
    text = f"haoma sms code, v1\0{pending.ticket}\0{pending.number}"
    digest = hmac.new(settings.code_key.reveal().encode("utf-8"), text.encode("utf-8"), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:16]) % 1_000_000:06d}"


def _within_budgets(app: App, settings: SmsSettings, number: PhoneNumber, user: str, address: str) -> Flow[list[Key]]:
    """Take one of each budget; return those that a refusal of the provider gives back.

    Raises:
        TooManyRequests: ``caller.too-many-requests``. Nothing was taken.
    """
    share = (yield from ask(Recall(_SHARES.place(app.scope)))).value
    if share is not None and share.sent >= _WATCHED and share.entered < share.sent * _LEAST_SHARE:
        raise TooManyRequests(because={"limit": "entered-codes"}, retry_after=_PAUSE)
    wanted = [
        ("number-minute", number.e164, 1, RESEND_SECONDS),
        ("number-hour", number.e164, 5, _HOUR),
        ("number-day", number.e164, 10, _DAY),
        ("user-hour", user, 5, _HOUR),
        ("user-day", user, 10, _DAY),
        ("prefix-hour", number.e164[: len(number.country_code) + 8], 50, _HOUR),
        ("app-day", "", settings.daily_limit, _DAY),
    ]
    if address:
        wanted.append(("address-hour", address, 30, _HOUR))
    taken: list[Key] = []
    for limit, what, most, seconds in wanted:
        key = Key(Room.BUDGETS, app.scope, f"sms-{limit}", (what,))
        if not (yield from ask(TakeTry(key, most, seconds))):
            for each in taken:
                yield from ask(ReturnTry(each))
            raise TooManyRequests(because={"limit": limit}, retry_after=seconds)
        taken.append(key)
    return taken


def _count(app: App, now: float, *, sent: int = 0, entered: int = 0) -> Flow[None]:
    def counted(found: _Share | None, _now: float) -> tuple[_Share, float]:
        share = found or _Share(now)
        left = max(1.0, _HOUR - (now - share.at))
        return _Share(share.at, share.sent + sent, share.entered + entered), left

    yield from update(_SHARES.place(app.scope), counted)


def _logged_in(app: App, found: Authorization, now: float) -> Flow[tuple[Login, str]]:
    """Return the user, and the handle of a session that was made.

    Raises:
        MissingField: ``envelope.missing-field``: there is no login.
    """
    if found.session is not None:
        return (yield from resume(app, found.session)), ""
    if found.login_code is None:
        raise MissingField(because={"field": "login_code"})
    handle, login = yield from log_in(app, {"login_code": found.login_code.reveal()}, now=now)
    return login, handle


def _number(found: Authorization, countries: tuple[str, ...]) -> PhoneNumber:
    text = re.sub(r"[ -]", "", _text(found, "phone_number"))
    mainland = _MAINLAND.fullmatch(text)
    number = from_parts("86", mainland[1]) if mainland else parse_e164(text)
    if number is None or number.country_code not in countries:
        raise BadField(because={"field": "phone_number", "reason": "not a mobile number of an allowed country"})
    return number


def _text(found: Authorization, name: str) -> str:
    value = found.claimed.get(name)
    if value is None:
        raise MissingField(because={"field": name})
    if not isinstance(value, str) or len(value) > 2 * _MOST or not value.isprintable():
        raise BadField(because={"field": name, "type": type(value).__name__, "needed": "string"})
    return value


def _user(login: Login) -> str:
    return login.subject.openid or login.subject.user_id


def _answer(pending: _Pending, session: str, now: float) -> dict[str, Any]:
    return {
        "ticket": pending.ticket,
        "expires_in": max(0, int(SECONDS - (now - pending.at))),
        "resend_after": max(0, int(RESEND_SECONDS - (now - pending.sent_at))),
        **({"session": session} if session else {}),
    }
