"""The main flow: from what the front end sent to a verified phone number.

1. Parse the body (``authorization.read``) and let the platform find its message (its ``read.py``).
2. Reserve the one-time value: the phone code, the ciphertext, or else the login code. An identical request from the
   same caller gets the same answer again for ``repeat_seconds``, marked as ``repeated``; any other request is refused.
3. Run the platform's flow: verify, then decrypt or exchange. The numbered list is in the platform's ``flow.py``.
4. Apply the app's policy.
5. Conclude: record the outcome and the user's consent.

Only this module builds a `VerifiedPhone`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from haoma import authorization
from haoma.codecs import Record
from haoma.errors import (
    BadField,
    HaomaError,
    Next,
    NoOfflineWay,
    OutsideError,
    SessionUnknown,
    Spent,
    StoreUnavailable,
    TooManyRefusedCodes,
    UnknownRoute,
    wrong_argument,
)
from haoma.platforms.base.contract import App, Login
from haoma.platforms.base.refusal import refuses_a_code
from haoma.platforms.registry import PLATFORMS
from haoma.secret import Secret
from haoma.sharing import reserve
from haoma.steps import (
    Conclude,
    Consent,
    Keep,
    Key,
    Mint,
    Recall,
    Reserve,
    Reserved,
    ReturnTry,
    Room,
    Shelf,
    TakeTry,
    ask,
)
from haoma.verified import VerifiedPhone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haoma.authorization import Authorization
    from haoma.platforms.base.contract import Finding, GetLogin, Heard, Platform
    from haoma.steps import Concluded, Flow, Outcome, Place


_CONSENT_LENGTH: Final = 128

Admit: TypeAlias = "Callable[[Login], Flow[None]]"
"""Decides whether a user's request goes on."""
Find: TypeAlias = "Callable[[bool], Flow[Finding]]"
"""Finds the number. It is told whether an earlier try ended with an unknown outcome."""


def _platform_of(app: App) -> Platform[Any, Any]:
    if not isinstance(app, App):  # often a name, because the clients accept names
        raise wrong_argument("app", app, "the app itself: haoma.configure(…), or haoma.load(…).app(name)")
    return PLATFORMS[app.platform]


def verify_offline(app: App, body: str | bytes | Mapping[str, Any]) -> VerifiedPhone:
    """Verify and decrypt an authorization without any I/O. The platform must support offline verification.

    A ``login_code`` in the body is not exchanged, so the result is not bound to a login and says so.

    Args:
        app: A configured app, from `haoma.configure` or `haoma.load`.
        body: Exactly what the front end sent.

    Raises:
        NoOfflineWay: ``config.no-offline-way``: the number can only be fetched from the platform.
        EnvelopeError: ``envelope.*``: the body is malformed.
        TrustError: ``trust.*``: the authorization is not trustworthy.
        PlatformRefusal: ``platform.*``: the authorization contains a refusal of the platform.
    """
    platform = _platform_of(app)
    if platform.find_offline is None:
        raise NoOfflineWay(platform=app.platform, app=app.name, because={"reason": "this platform has no offline way"})
    try:
        finding = platform.find_offline(app, platform.read(app, authorization.read(body, platform.phone_code)))
        return _verified(app, finding)
    except HaomaError as error:
        failure = _placed(error, app).again()
    raise failure  # outside `except`, so that it has no frames: their variables hold the decrypted message


def verify_with_session_key(
    app: App, body: str | bytes | Mapping[str, Any], session_key: str | Secret, *, now: float
) -> VerifiedPhone:
    """Decrypt ``encryptedData`` and ``iv`` with a known session_key, without any I/O.

    This is a tool for debugging a failure or checking a capture. The service has no such route, because a session_key
    must never leave the server. The app's ``accept_encrypted_data`` is not required: it controls what a service
    accepts from untrusted clients, and the caller here holds the key. A ``code`` in the body is ignored. The checks
    say that login binding and one-time use were not verified.

    Args:
        app: A configured app of a platform with session_keys.
        body: Exactly what the front end sent.
        session_key: The key in base64, as returned by the platform's login.
        now: Unix seconds, for the age of the watermark.

    Raises:
        NoOfflineWay: ``config.no-offline-way``: the platform has no session_keys.
        EnvelopeError: ``envelope.*``: the body is malformed.
        CannotOpen: ``trust.cannot-open``: decryption with this key failed, or the plaintext failed its checks.
    """
    platform = _platform_of(app)
    try:
        if platform.find_under_key is None or platform.read_sealed is None:
            raise NoOfflineWay(because={"reason": "this platform has no session_keys"})
        found = authorization.read(body, platform.phone_code)
        # What opens says more than what the event calls itself.
        claimed = {name: each for name, each in found.claimed.items() if name != "errMsg" or ":ok" not in str(each)}
        sealed = platform.read_sealed(authorization.Authorization(claimed))
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
    admit: Admit | None = None,
) -> Flow[VerifiedPhone]:
    """Turn what the front end sent into a verified phone number.

    Args:
        app: A configured app.
        sent: Exactly what the front end sent.
        now: Unix seconds.
        caller: Identifies who asks, such as the id of an API key. The same body from another caller is a different
            request.
        login_code: The login code that the back end supplies. The body must not contain a different login.
        admit: Called with the user who is logged in, before a code is sent. It may raise an error.

    Raises:
        HaomaError: Every failure raises a subclass of this, whatever was sent.
    """
    platform = _platform_of(app)
    try:
        found = authorization.read(sent, platform.phone_code)
        if login_code is not None:
            found = authorization.with_login(found, login_code)
        message = platform.read(app, found)
        consent = None if found.consent is None else _consent(app, found.consent)
        one_time = platform.one_time(app, message) or (("login-code", found.login_code) if found.login_code else None)
        if one_time is None:
            since: list[float] = []
            get_login = _admitting(_login_asker(app, found, now, since), admit)
            find = _finder(app, platform, message, get_login, now)
            return (yield from _concluded(app, find, consent, caller, since))
        return (yield from _once(app, platform, found, message, consent, one_time, now, caller, admit))
    except HaomaError as error:
        raise _placed(error, app) from None


def _once(
    app: App,
    platform: Platform[Any, Any],
    found: Authorization,
    message: object,
    consent: Consent | None,
    one_time: tuple[str, Secret],
    now: float,
    caller: str,
    admit: Admit | None,
) -> Flow[VerifiedPhone]:
    fingerprint = found.fingerprint(f"{app.name} {caller}")  # one app may have two names with different policies
    kind, value = one_time
    policy = app.policy
    wanted = Reserve(app.scope, kind, value, fingerprint, policy.code_seconds, policy.repeat_seconds)
    reserved = yield from reserve(wanted)
    if not isinstance(reserved, Reserved):
        if isinstance(reserved.outcome, HaomaError):
            raise reserved.outcome
        return msgspec.structs.replace(reserved.outcome, repeated=True)
    since: list[float] = []
    keeps_code = kind != "login-code"
    get_login = _admitting(_login_asker(app, found, now, since, fingerprint, keeps_code=keeps_code), admit)
    tries: list[Key] = []
    if kind == "code":
        get_login = _within_budget(app, get_login, tries)
    try:
        find = _finder(app, platform, message, get_login, now)
        phone = yield from _concluded(app, find, consent, caller, since, reserved)
    except HaomaError as error:
        if not refuses_a_code(error):
            yield from _give_back(tries)
        raise
    yield from _give_back(tries)
    return phone


def authorize_found(
    app: App,
    find: Find,
    *,
    one_time: tuple[str, Secret],
    fingerprint: bytes,
    consent: dict[str, Any] | None = None,
    caller: str = "",
    since: float | None = None,
) -> Flow[VerifiedPhone]:
    """Conclude an authorization whose number is found in another way than the platform's own.

    Args:
        app: A configured app.
        find: Finds the number, or refuses. Called once for each one-time value and fingerprint.
        one_time: Kind and value of what may be used once.
        fingerprint: Identifies the request: the same one gets the same answer again.
        consent: What the user agreed to, as it was sent.
        caller: Who asks.
        since: When the user's session began; None if there is none.

    Raises:
        HaomaError: Every failure raises a subclass of this.
    """
    try:
        agreed = None if consent is None else _consent(app, consent)
        kind, value = one_time
        policy = app.policy
        reserved = yield from reserve(
            Reserve(app.scope, kind, value, fingerprint, policy.code_seconds, policy.repeat_seconds)
        )
        if not isinstance(reserved, Reserved):
            if isinstance(reserved.outcome, HaomaError):
                raise reserved.outcome
            return msgspec.structs.replace(reserved.outcome, repeated=True)
        return (yield from _concluded(app, find, agreed, caller, [] if since is None else [since], reserved))
    except HaomaError as error:
        raise _placed(error, app) from None


def _finder(app: App, platform: Platform[Any, Any], message: object, get_login: GetLogin, now: float) -> Find:
    def find(after_unknown: bool) -> Flow[Finding]:  # noqa: FBT001
        return platform.find(app, message, get_login, now, after_unknown)

    return find


def _concluded(
    app: App,
    find: Find,
    consent: Consent | None,
    caller: str,
    since: list[float],
    reserved: Reserved | None = None,
) -> Flow[VerifiedPhone]:
    """Find the number and conclude the authorization with the outcome. For ``since`` see `_login_asker`."""
    outcome: Outcome
    try:
        finding = yield from find(reserved is not None and reserved.after_unknown)
        outcome = _verified(app, finding)
    except HaomaError as error:
        outcome = _placed(error, app)
    ref = None if reserved is None else reserved.ref
    try:
        # `ask` is one generator more
        concluded: Concluded = yield Conclude(app.scope, ref, outcome, consent, app.policy.link, caller, *since[:1])
    except StoreUnavailable as error:
        # A number that nobody recorded is given to nobody: the next request with this code would be given it again.
        lost = Spent.UNKNOWN if ref is not None and isinstance(outcome, VerifiedPhone) else error.spent
        raise error.evolve(spent=lost) from None
    counts = concluded.outcome
    if isinstance(counts, HaomaError):
        raise counts
    return counts


def _consent(app: App, sent: dict[str, Any]) -> Consent:
    """Return what the user agreed to. The text's hash is ours, never the front end's.

    Raises:
        BadField: ``envelope.bad-field``: not text, too long, or a version of the policy that is not configured.
    """
    words = {}
    for name in ("policy", "scene", "audience"):
        value = sent.get(name, "")
        if not isinstance(value, str):
            raise BadField(because={"field": f"consent.{name}", "type": type(value).__name__, "needed": "string"})
        if len(value) > _CONSENT_LENGTH or not value.isprintable():
            raise BadField(because={"field": f"consent.{name}", "reason": "too long, or has control characters"})
        words[name] = value
    texts = app.policy.consent_texts
    if texts and words["policy"] not in texts:
        raise BadField(because={"field": "consent.policy", "reason": "no such version", "known": ", ".join(texts)})
    return Consent(words["policy"], words["scene"], texts.get(words["policy"], b""), words["audience"])


def _admitting(get_login: GetLogin, admit: Admit | None) -> GetLogin:
    if admit is None:
        return get_login

    def asked() -> Flow[Login | None]:
        login = yield from get_login()
        if login is not None:
            yield from admit(login)
        return login

    return asked


def _within_budget(app: App, get_login: GetLogin, tries: list[Key]) -> GetLogin:
    """Return a ``get_login`` that limits how many refused codes each user may send.

    Each refused code uses the app's quota, and any logged-in user can make up codes. The try is taken before the code
    is sent, because parallel requests would otherwise exceed the budget. It is returned if the code is not refused.
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
        # The code is used up, so a retry cannot succeed. Only a new authorization helps.
        return placed.evolve(next_action=Next.ASK_AGAIN, retry=False)
    return placed


_SESSIONS: Final = Shelf("session", Room.SESSIONS, Record(Login))
_LOGINS: Final = Shelf("login-of-request", Room.SESSIONS, Record(Login))


def _login_asker(
    app: App,
    found: Authorization,
    now: float,
    since: list[float],
    fingerprint: bytes = b"",
    *,
    keeps_code: bool = False,
) -> GetLogin:
    """Return the function that gives a platform's flow the logged-in user.

    A login code can be exchanged once. When a request is sent again after an unknown outcome, its login code is already
    spent. The login is therefore stored under the fingerprint of the whole request, and used for that request only.
    ``keeps_code`` means that the reserved value is not the login code but another, such as a phone code, which costs
    money. A failed login then leaves that value free. ``since`` gets the time when the session began, if it is one.
    """

    def get_login() -> Flow[Login | None]:
        try:
            if found.session is not None:
                session = yield from resume(app, found.session)
                since.append(session.at)
                return session
            if found.login_code is None:
                return None
            place = _LOGINS.place(app.scope, fingerprint.hex())
            known = (yield from ask(Recall(place))).value
            if known is not None:
                return known
            login = yield from PLATFORMS[app.platform].log_in(app, found.login_code, now)
        except HaomaError as error:
            # In the numbers of the flow. Those of the login's own list mean other things there.
            placed = error.evolve(step=PLATFORMS[app.platform].login_step)
            raise (placed.evolve(spent=Spent.NO) if keeps_code else placed) from None
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


def log_in(
    app: App, sent: str | bytes | Mapping[str, Any], *, now: float, admit: Admit | None = None
) -> Flow[tuple[str, Login]]:
    """Exchange a login code. Return an opaque session handle and the login.

    Args:
        app: A configured app.
        sent: ``{"login_code": "…"}``.
        now: Unix seconds.
        admit: Called with the user, before there is a session. It may raise an error.

    Raises:
        MissingField: ``envelope.missing-field``: no login code was sent.
        HaomaError: A refusal by the platform, or a network failure.
    """
    platform = _platform_of(app)
    try:
        found = authorization.read(sent, platform.phone_code)
        if found.login_code is None:
            raise found.missing("login_code")
        login = yield from platform.log_in(app, found.login_code, now)
        if admit is not None:
            yield from admit(login)
        handle = yield from keep_session(app, login)
    except HaomaError as error:
        raise _placed(error, app) from None
    return handle, login


def keep_session(app: App, login: Login) -> Flow[str]:
    """Store a login, and return its handle."""
    handle = yield from ask(Mint())
    yield from ask(Keep(_session_place(app, handle), login, app.policy.session_seconds))
    return handle


def take_push(app: App, query: Mapping[str, str], body: bytes, *, now: float) -> Flow[Heard]:
    """Process a platform's callback request, such as a ticket or a user's withdrawal. Return what was heard.

    Args:
        app: A configured app.
        query: The query of the request.
        body: The body of the request.
        now: Unix seconds.

    Raises:
        UnknownRoute: ``caller.unknown-route``: this platform sends no callbacks.
        CannotOpen: ``trust.cannot-open``: the request is not from the platform, or not for this app.
    """
    platform = _platform_of(app)
    try:
        if platform.take_push is None:
            raise UnknownRoute
        return (yield from platform.take_push(app, query, body, now))
    except HaomaError as error:
        raise _placed(error, app) from None
