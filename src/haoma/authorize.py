"""The use case: what the front end sent in, a verified phone number out.

1. Take apart what was sent (``authorization.read``) and let the platform find its message (its ``read.py``).
2. Reserve the one-time value: the phone code, the ciphertext, or else the login code. The same request by the same
   caller gets the same answer again for ``repeat_seconds``, marked as ``repeated``; anybody else is refused.
3. Run the platform's flow: verify, then open or exchange (its ``flow.py`` has the numbered list).
4. Apply the app's policy.
5. Conclude: say what came of it, and what the user agreed to.

This module is the only one that builds a `VerifiedPhone`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma import authorization
from haoma.codecs import Record
from haoma.errors import (
    HaomaError,
    Next,
    NoOfflineWay,
    OutsideError,
    SessionUnknown,
    Spent,
    TooManyRefusedCodes,
    UnknownRoute,
    wrong_argument,
)
from haoma.platforms.base.contract import App, Login
from haoma.platforms.base.refusal import refuses_a_code
from haoma.platforms.base.session_keys import read_plain
from haoma.platforms.registry import PLATFORMS
from haoma.secret import Secret
from haoma.sharing import reserve
from haoma.steps import Conclude, Keep, Key, Mint, Recall, Reserve, Reserved, ReturnTry, Room, Shelf, TakeTry, ask
from haoma.verified import VerifiedPhone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.authorization import Authorization
    from haoma.platforms.base.contract import Finding, GetLogin, Platform
    from haoma.steps import Flow, Outcome, Place


def _platform_of(app: App) -> Platform[Any, Any]:
    if not isinstance(app, App):  # a name, most often, as the clients take it
        raise wrong_argument("app", app, "the app itself: haoma.configure(…), or haoma.load(…).app(name)")
    return PLATFORMS[app.platform]


def verify_offline(app: App, sent: str | bytes | Mapping[str, Any]) -> VerifiedPhone:
    """Open an authorization without any I/O: verify, decrypt, done. Works where the platform has an offline way.

    A ``login_code`` that was sent along is not exchanged, so the result says that it is not bound to a login.

    Args:
        app: A configured app, from `haoma.configure` or `haoma.load`.
        sent: Exactly what the front end sent.

    Raises:
        NoOfflineWay: ``config.no-offline-way``: the platform has to be asked.
        EnvelopeError: ``envelope.*``: what was sent is malformed.
        TrustError: ``trust.*``: it must not be believed.
        PlatformRefusal: ``platform.*``: it holds the platform's refusal.
    """
    platform = _platform_of(app)
    if platform.find_offline is None:
        raise NoOfflineWay(platform=app.platform, app=app.name, because={"reason": "this platform has no offline way"})
    try:
        finding = platform.find_offline(app, platform.read(app, authorization.read(sent, platform.phone_code)))
        return _verified(app, finding)
    except HaomaError as error:
        failure = _placed(error, app).again()
    raise failure  # out here, and without the frames below, which hold what was opened


def verify_with_session_key(
    app: App, sent: str | bytes | Mapping[str, Any], session_key: str | Secret, *, now: float
) -> VerifiedPhone:
    """Open ``encryptedData`` and ``iv`` under a session_key that is at hand, without any I/O.

    For the desk: to find out why an opening fails, or to check a capture. A service must not let a session_key leave
    its server, so it has no such route. Whoever holds the key needs no leave of the app's ``accept_encrypted_data``,
    which says what a service takes from strangers; and a ``code`` that came beside the sealed data is left alone. The
    checks say that neither the login nor one-time use was looked at.

    Args:
        app: A configured app of a platform with session_keys.
        sent: Exactly what the front end sent.
        session_key: The key as the platform's login gave it, base64.
        now: Unix seconds, to judge the watermark by.

    Raises:
        NoOfflineWay: ``config.no-offline-way``: the platform has no session_keys.
        EnvelopeError: ``envelope.*``: what was sent is malformed.
        CannotOpen: ``trust.cannot-open``: it does not open under this key, or must not be believed.
    """
    platform = _platform_of(app)
    try:
        if platform.find_under_key is None or platform.read_sealed is None:
            raise NoOfflineWay(because={"reason": "this platform has no session_keys"})
        sealed = read_plain(sent) or platform.read_sealed(authorization.read(sent, platform.phone_code))
        key = Secret(session_key) if isinstance(session_key, str) else session_key
        return _verified(app, platform.find_under_key(app, sealed, key, now))
    except HaomaError as error:
        failure = _placed(error, app).again()
    raise failure


def authorize(
    app: App,
    sent: str | bytes | Mapping[str, Any],
    *,
    now: float,
    caller: str = "",
    login_code: str | None = None,
) -> Flow[VerifiedPhone]:
    """Turn what the front end sent into a verified phone number.

    Args:
        app: A configured app.
        sent: Exactly what the front end sent.
        now: Unix seconds.
        caller: Who asks: the id of an API key. The same request by another caller is another request.
        login_code: The login code that the back end gives. It excludes any other login in what was sent.

    Raises:
        HaomaError: one of ours, and nothing else, whatever was sent.
    """
    platform = _platform_of(app)
    try:
        found = authorization.read(sent, platform.phone_code)
        if login_code is not None:
            found = authorization.with_login(found, login_code)
        message = platform.read(app, found)
        one_time = platform.one_time(app, message) or (("login-code", found.login_code) if found.login_code else None)
        if one_time is None:
            return (yield from _concluded(app, platform, found, message, _login_asker(app, found, now), now))
        return (yield from _once(app, platform, found, message, one_time, now, caller))
    except HaomaError as error:
        raise _placed(error, app) from None


def _once(
    app: App,
    platform: Platform[Any, Any],
    found: Authorization,
    message: object,
    one_time: tuple[str, Secret],
    now: float,
    caller: str,
) -> Flow[VerifiedPhone]:
    fingerprint = found.fingerprint(f"{app.name} {caller}")  # an app may have two names, with two policies
    kind, value = one_time
    policy = app.policy
    wanted = Reserve(app.scope, kind, value, fingerprint, policy.code_seconds, policy.repeat_seconds)
    reserved = yield from reserve(wanted)
    if not isinstance(reserved, Reserved):
        if isinstance(reserved.outcome, HaomaError):
            raise reserved.outcome
        return msgspec.structs.replace(reserved.outcome, repeated=True)
    get_login = _login_asker(app, found, now, fingerprint, keeps_code=kind != "login-code")
    tries: list[Key] = []
    if kind == "code":
        get_login = _within_budget(app, get_login, tries)
    try:
        phone = yield from _concluded(app, platform, found, message, get_login, now, reserved)
    except HaomaError as error:
        if not refuses_a_code(error):
            yield from _give_back(tries)
        raise
    yield from _give_back(tries)
    return phone


def _concluded(
    app: App,
    platform: Platform[Any, Any],
    found: Authorization,
    message: object,
    get_login: GetLogin,
    now: float,
    reserved: Reserved | None = None,
) -> Flow[VerifiedPhone]:
    """Run the platform's flow, and conclude the authorization with what comes of it."""
    outcome: Outcome
    try:
        finding = yield from platform.find(
            app, message, get_login, now, reserved is not None and reserved.after_unknown
        )
        outcome = _verified(app, finding)
    except HaomaError as error:
        outcome = _placed(error, app)
    ref = None if reserved is None else reserved.ref
    counts = (yield from ask(Conclude(app.scope, ref, outcome, found.consent))).outcome
    if isinstance(counts, HaomaError):
        raise counts
    return counts


def _within_budget(app: App, get_login: GetLogin, tries: list[Key]) -> GetLogin:
    """Return ``get_login`` with a budget of refused codes for each user.

    A refused code is a call on the app's quota, and whoever has logged in can make codes up. The try is taken before
    the code is sent, or many at once would get past the budget; one that is not refused is given back.
    """

    def asked() -> Flow[Login | None]:
        login = yield from get_login()
        if login is not None:
            user = login.subject.openid, login.subject.user_id
            key = Key(Room.BUDGETS, app.scope, "refused-codes", user)
            if not (yield from ask(TakeTry(key, app.policy.refused_limit, app.policy.refused_seconds))):
                raise TooManyRefusedCodes(retry_after=int(app.policy.refused_seconds))
            tries.append(key)
        return login

    return asked


def _give_back(tries: list[Key]) -> Flow[None]:
    for key in tries:
        yield from ask(ReturnTry(key))


def _verified(app: App, finding: Finding) -> VerifiedPhone:
    phone = VerifiedPhone(finding.number, app.platform, app.name, finding.subject, finding.checks, finding.assurance)
    return app.policy.apply(phone)


def _placed(error: HaomaError, app: App) -> HaomaError:
    placed = error.evolve(platform=app.platform, app=app.name)
    if isinstance(error, OutsideError) and error.spent is Spent.YES:
        # What was sent is used up: only something new helps.
        return placed.evolve(next_action=Next.ASK_AGAIN, retry=False)
    return placed


_SESSIONS: Final = Shelf("session", Room.SESSIONS, Record(Login))
_LOGINS: Final = Shelf("login-of-request", Room.SESSIONS, Record(Login))


def _login_asker(
    app: App, found: Authorization, now: float, fingerprint: bytes = b"", *, keeps_code: bool = False
) -> GetLogin:
    """Return the function by which a platform's flow learns who is logged in.

    A login code is good for one exchange. If the request is sent again after an unknown outcome, its login code is
    spent already, so the login is remembered under the fingerprint of the whole request, and for that request alone.
    With ``keeps_code`` the reservation is of another value (a phone code, which costs money), and a failed login leaves
    that value free.
    """
    place = _LOGINS.place(app.scope, fingerprint.hex())

    def get_login() -> Flow[Login | None]:
        try:
            if found.session is not None:
                return (yield from resume(app, found.session))
            if found.login_code is None:
                return None
            known = (yield from ask(Recall(place))).value
            if known is not None:
                return known
            login = yield from PLATFORMS[app.platform].log_in(app, found.login_code, now)
        except HaomaError as error:
            if not keeps_code:
                raise
            raise error.evolve(spent=Spent.NO) from None
        yield from ask(Keep(place, login, app.policy.code_seconds))
        return login

    return get_login


def resume(app: App, session: Secret) -> Flow[Login]:
    """Return the login behind a session handle.

    Raises:
        SessionUnknown: ``trust.session-unknown``.
    """
    login = (yield from ask(Recall(_session_place(app, session.reveal())))).value
    if login is None or login.app != app.name:
        raise SessionUnknown(platform=app.platform, app=app.name)
    return login


def _session_place(app: App, handle: str) -> Place[Login]:
    return _SESSIONS.place(app.scope, handle)


def log_in(app: App, sent: str | bytes | Mapping[str, Any], *, now: float) -> Flow[tuple[str, Login]]:
    """Exchange a login code and return an opaque session handle with the login.

    Args:
        app: A configured app.
        sent: ``{"login_code": "…"}``.
        now: Unix seconds.

    Raises:
        MissingField: ``envelope.missing-field``: no login code was sent.
        HaomaError: the platform's refusals, and the network's.
    """
    platform = _platform_of(app)
    try:
        found = authorization.read(sent, platform.phone_code)
        if found.login_code is None:
            raise found.missing("login_code")
        login = yield from platform.log_in(app, found.login_code, now)
        handle = yield from ask(Mint())
        yield from ask(Keep(_session_place(app, handle), login, app.policy.session_seconds))
    except HaomaError as error:
        raise _placed(error, app) from None
    return handle, login


def take_push(app: App, query: Mapping[str, str], body: bytes, *, now: float) -> Flow[str]:
    """Take what a platform posted to us, such as a ticket; return the text to answer.

    Args:
        app: A configured app.
        query: The query of the request.
        body: Its body.
        now: Unix seconds.

    Raises:
        UnknownRoute: ``caller.unknown-route``: this platform posts nothing.
        CannotOpen: ``trust.cannot-open``: it does not come from the platform, or is not for us.
    """
    platform = _platform_of(app)
    try:
        if platform.take_push is None:
            raise UnknownRoute
        return (yield from platform.take_push(app, query, body, now))
    except HaomaError as error:
        raise _placed(error, app) from None
