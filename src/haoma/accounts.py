"""Accounts: what may be asked about them, and what may be done with them.

::

    from haoma import accounts

    found = client.run(accounts.look_up(phone_number="+8613800138000", by="support"))
    if found.account:
        account = client.run(accounts.read(found.account, by="support", reason="ticket 4711"))

Every verb is a flow for ``client.run`` (with ``await`` on an `AsyncClient`), and the service has a route for each. They
need a store and ``[accounts]``. Each is written to the audit log with who asked (``by``) and why (``reason``). Numbers
are masked unless somebody asks for one by name.

Every verb raises:
    NoAccounts: ``link.no-accounts``: accounts are not kept.
    StoreUnavailable: ``internal.store-unavailable``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from haoma import authorization
from haoma.authorize import authorize, resume
from haoma.errors import BadField, HookFailed, NoSuchAccount, NoSuchDispute, NotTheirs, Spent, wrong_argument
from haoma.ids import parsed
from haoma.link import Link, Login, logins
from haoma.phone import parse_e164
from haoma.platforms.registry import PLATFORMS
from haoma.secret import Secret
from haoma.steps import Call, Step, ask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from haoma.phone import PhoneNumber
    from haoma.platforms.base.contract import App
    from haoma.platforms.base.contract import Login as UserLogin
    from haoma.steps import Flow
    from haoma.verified import VerifiedPhone

T = TypeVar("T")

_REASON_LENGTH: Final = 256
USER_LENGTH: Final = 128
_MOST_PROOFS: Final = 8


class LoginRecord(msgspec.Struct, frozen=True):
    """One login of an account.

    Attributes:
        platform: Name of the platform.
        app_id: The platform's id of the app; empty for a unionid, which is the same in all apps of a developer.
        kind: ``openid``, ``unionid`` or ``user_id``.
        value: The platform's id of the user.
        linked_at: When it was linked.
    """

    platform: str
    app_id: str
    kind: str
    value: str
    linked_at: datetime


class ConsentRecord(msgspec.Struct, frozen=True):
    """What a user agreed to.

    Attributes:
        app: ``App.scope``: platform and app id.
        policy, scene, audience: See `haoma.steps.Consent`.
        text_sha256: SHA-256 of the policy's text in hexadecimal; empty if the server does not know the text.
        at, withdrawn_at: When; None if it was not withdrawn.
    """

    app: str
    policy: str
    scene: str
    audience: str
    text_sha256: str
    at: datetime
    withdrawn_at: datetime | None


class Account(msgspec.Struct, frozen=True):
    """One account.

    Attributes:
        account: Its id.
        user: The application's own id of the user; None if it has not set one.
        created_at: When it was made.
        masked: The masked number; None if it has none.
        phone_number: The full number in E.164 form, if it was asked for; None otherwise.
        verified_at: When the number was last verified.
        bound_at: When a platform last tied it to a login of the account; None for never.
        assurance: See `haoma.verified.Assurance`.
        logins: The logins.
        consents: What the user agreed to, if it was asked for.
    """

    account: str
    user: str | None
    created_at: datetime
    masked: str | None
    phone_number: str | None
    verified_at: datetime | None
    bound_at: datetime | None
    assurance: str | None
    logins: tuple[LoginRecord, ...]
    consents: tuple[ConsentRecord, ...] | None = None

    def __repr__(self) -> str:
        return f"Account({self.account!r}, masked={self.masked!r}, logins={len(self.logins)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("account", self.account), ("masked", self.masked), ("logins", len(self.logins))]


class Found(msgspec.Struct, frozen=True):
    """The answer to a look-up. It has the same members whether there is such an account or not.

    Attributes:
        account: Its id; None if there is none.
        verified_at: When the number was last verified, if it was looked up by number.
    """

    account: str | None
    verified_at: datetime | None


class Change(msgspec.Struct, frozen=True):
    """What a verb changed, or would change.

    Attributes:
        preview: Nothing was changed.
        account: The account that has the number or the logins now; None if it would be a new one.
        other: The account that had them, or was erased or merged.
        masked: The number that has moved.
        removed: The number that nobody has any more.
        logins: How many logins have moved.
    """

    preview: bool
    account: str | None = None
    other: str | None = None
    masked: str | None = None
    removed: str | None = None
    logins: int = 0


class Dispute(msgspec.Struct, frozen=True):
    """A number that two accounts claim, or that was moved from one to the other.

    Attributes:
        dispute: Its id.
        state: ``open``, ``moved``, ``closed`` or ``undone``.
        app: Platform and app id.
        claimant: The account of the login that claims the number; None if it has none yet.
        holder: The account that has the number, or had it.
        masked: The number.
        bound: Whether the platform tied it to the claimant's login.
        at, forget_at: When it began, and until when it can be decided or undone.
    """

    dispute: str
    state: str
    app: str
    claimant: str | None
    holder: str
    masked: str
    bound: bool
    at: datetime
    forget_at: datetime


class Action(StrEnum):
    """What is done about a dispute."""

    JOIN = "join"  # the claimant's login is added to the holder's account; needs proof of both sides
    MOVE = "move"  # the number goes to the claimant; needs a number that is tied to the login, or proof of the holder
    CLOSE = "close"  # nothing changes
    UNDO = "undo"  # a number that was moved goes back


class Proof(NamedTuple):
    """A user who has logged in: proves the account that has one of the ids, unless its sessions were revoked since.

    Attributes:
        logins: The ids.
        at: When the user logged in, in Unix seconds.
    """

    logins: tuple[Login, ...]
    at: float

    def __repr__(self) -> str:
        return f"<Proof {self.logins!r}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb(Step[T]):
    """A question or order about accounts.

    Attributes:
        by: Who asks, for the audit log.
        reason: Why, for the audit log.
    """

    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp(Verb[Found]):
    """Find the account of a number or of a login. One of the two is given."""

    number: PhoneNumber | None = None
    login: Login | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Verb[Account]):
    """Read an account.

    Attributes:
        reveal: Also return the full number.
        export: Return everything there is about the person, the full number and all consents included.

    Raises at the yield:
        NoSuchAccount: There is none.
    """

    account: bytes
    reveal: bool = False
    export: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUser(Verb[None]):
    """Note the application's own id of the user; empty to remove it. If it is noted already, nothing is written.

    Raises at the yield:
        NoSuchAccount: There is no such account.
    """

    account: bytes
    user: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink(Verb[Change]):
    """Take a login from its account.

    Raises at the yield:
        NoSuchAccount: There is no such account, or it has no such login.
        LastLogin: It is the only login of the account.
    """

    account: bytes
    login: Login = field(repr=False)
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Verb[Change]):
    """Give everything that ``other`` has to ``account``, and end ``other``.

    Attributes:
        proofs: Logins that prove both accounts.
        keep_other: Keep the number of ``other``, if both have one.

    Raises at the yield:
        NoSuchAccount: There is no such account.
        NotTheirs: A proof is missing.
        ErasurePending: One of the two is to be erased.
    """

    account: bytes
    other: bytes
    proofs: tuple[Proof, ...] = field(repr=False)
    keep_other: bool = False
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve(Verb[Change]):
    """Decide a dispute, or undo a move.

    Raises at the yield:
        NoSuchDispute: There is none, or it is over.
        NotTheirs: A proof is missing.
        NumberTaken: Something has changed since: the number or the account is not what it was.
    """

    dispute: bytes
    action: Action
    proofs: tuple[Proof, ...] = field(default=(), repr=False)
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDispute(Verb[Dispute]):
    """Read a dispute. Raises NoSuchDispute at the yield."""

    dispute: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Verb[int]):
    """Withdraw an account's consents, all of them or those to one scene; the answer is how many.

    Raises at the yield:
        NoSuchAccount: There is no such account.
    """

    account: bytes
    scene: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase(Verb[Change]):
    """Erase an account: its number with index and salt, its logins, and disputes about it. Consents and audit remain.

    Attributes:
        later: Only record the request. The service erases the account before it is due.

    Raises at the yield:
        NoSuchAccount: There is no such account.
    """

    account: bytes
    later: bool = False
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Verb[Change]):
    """Take over an entry of the erase list, after a backup was restored: erase the account again, or ask again.

    Attributes:
        asked_at, due_at, done_at: See `haoma.store.rows.Erasure`.

    The answer names the account in ``other`` if it was there again, and is erased.
    """

    account: bytes
    asked_at: int
    due_at: int
    done_at: int
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLogin(Verb[Change]):
    """Add a login to the account that has another one of the same user, as the platform says.

    The answer counts 0 logins if the account has it already.

    Raises at the yield:
        NoSuchAccount: Nobody has the login that is known.
        NumberTaken: Another account has the new one.
    """

    known: Login = field(repr=False)
    added: Login = field(repr=False)
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Verb[None]):
    """Write into the audit log what was done to many accounts at once.

    Attributes:
        what: What was done.
        facts: How many, and such; no number and no id of a platform.
    """

    what: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeSessions(Verb[None]):
    """End all sessions of an account that were issued before now. Raises NoSuchAccount at the yield."""

    account: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRevoked(Verb[float]):
    """Return when an account's sessions were last revoked, in Unix seconds: 0 for never, infinity if it is gone."""

    account: bytes


# --- the verbs ---


def look_up(*, by: str, phone_number: str | None = None, login: Login | None = None, reason: str = "") -> Flow[Found]:
    """Find the account of a number or of a login.

    The answer has the same shape whether there is such an account or not, and takes nearly as long.

    Args:
        by: Who asks.
        phone_number: The number in E.164 form.
        login: Or a login; see `login_of`.
        reason: Why.

    Raises:
        BadField: ``envelope.bad-field``: not one of the two, or not a number in E.164 form.
    """
    if (phone_number is None) == (login is None):
        raise BadField(because={"field": "phone_number", "also": "login", "reason": "one of the two"})
    number = None if phone_number is None else parse_e164(phone_number)
    if phone_number is not None and number is None:
        raise BadField(because={"field": "phone_number", "needed": "E.164, such as +8613800138000"})
    return ask(LookUp(by=by, reason=_reason(reason), number=number, login=login))


def read(account: str, *, by: str, reveal: bool = False, reason: str = "") -> Flow[Account]:
    """Read an account.

    Args:
        account: Its id.
        by: Who asks.
        reveal: Also return the full number. That needs a reason.
        reason: Why.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
        BadField: ``envelope.bad-field``: there is no reason.
    """
    if reveal:
        _need_reason(reason)
    return ask(Read(by=by, reason=_reason(reason), account=_account(account), reveal=reveal))


def export(account: str, *, by: str, reason: str = "") -> Flow[Account]:
    """Return everything there is about a person: the full number, logins and consents. That needs a reason.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
        BadField: ``envelope.bad-field``: there is no reason.
    """
    _need_reason(reason)
    return ask(Read(by=by, reason=_reason(reason), account=_account(account), export=True))


def set_user(account: str, user: str, *, by: str, reason: str = "") -> Flow[None]:
    """Note the application's own id of the user; an empty one removes it.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
        BadField: ``envelope.bad-field``: the id is too long, or has control characters.
    """
    if not _is_user(user):
        raise BadField(because={"field": "user", "reason": "too long, or has control characters"})
    return ask(SetUser(by=by, reason=_reason(reason), account=_account(account), user=user))


def unlink(account: str, login: Login, *, by: str, preview: bool = False, reason: str = "") -> Flow[Change]:
    """Take a login from its account.

    Raises:
        NoSuchAccount: ``link.no-such-account``: there is no such account, or it has no such login.
        LastLogin: ``link.last-login``.
    """
    return ask(Unlink(by=by, reason=_reason(reason), account=_account(account), login=login, preview=preview))


def merge(
    account: str,
    other: str,
    *,
    by: str,
    proofs: tuple[tuple[App, str | Secret], ...],
    keep_other: bool = False,
    preview: bool = False,
    reason: str = "",
) -> Flow[Change]:
    """Give everything that ``other`` has to ``account``, and end ``other``.

    Args:
        account: The id of the one that stays.
        other: The id of the one that ends.
        by: Who asks.
        proofs: Session handles of ``log_in`` with their apps, which prove both accounts.
        keep_other: Keep the number of ``other``, if both have one.
        preview: Only tell what would change.
        reason: Why.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
        NotTheirs: ``link.not-theirs``: a proof is missing.
        ErasurePending: ``link.erasure-pending``: one of the two is to be erased.
        SessionUnknown: ``trust.session-unknown``.
    """
    step = Merge(
        by=by,
        reason=_reason(reason),
        account=_account(account),
        other=_account(other),
        proofs=(),
        keep_other=keep_other,
        preview=preview,
    )
    return _proven(step, proofs)


def read_dispute(dispute: str, *, by: str, reason: str = "") -> Flow[Dispute]:
    """Read a dispute.

    Raises:
        NoSuchDispute: ``link.no-such-dispute``.
    """
    return ask(ReadDispute(by=by, reason=_reason(reason), dispute=_dispute(dispute)))


def resolve(
    dispute: str,
    action: Action | str,
    *,
    by: str,
    proofs: tuple[tuple[App, str | Secret], ...] = (),
    preview: bool = False,
    reason: str = "",
) -> Flow[Change]:
    """Decide a dispute, or undo a move; see `Action` for what each needs.

    Raises:
        NoSuchDispute: ``link.no-such-dispute``: there is none, or it is over.
        NotTheirs: ``link.not-theirs``: a proof is missing.
        NumberTaken: ``link.number-taken``: the number or the account is not what it was.
        SessionUnknown: ``trust.session-unknown``.
    """
    if action not in set(Action):
        raise wrong_argument("action", action, " | ".join(Action))
    step = Resolve(by=by, reason=_reason(reason), dispute=_dispute(dispute), action=Action(action), preview=preview)
    return _proven(step, proofs)


def withdraw_consent(account: str, *, by: str, scene: str | None = None, reason: str = "") -> Flow[int]:
    """Withdraw an account's consents, all of them or those to one scene. Returns how many.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
    """
    return ask(Withdraw(by=by, reason=_reason(reason), account=_account(account), scene=scene))


def erase(account: str, *, by: str, later: bool = False, preview: bool = False, reason: str = "") -> Flow[Change]:
    """Erase an account: its number with index and salt, its logins, and disputes about it. Consents and audit remain.

    Args:
        account: Its id.
        by: Who asks.
        later: Only record the request. The service erases the account when it is due, after 15 days at the latest.
        preview: Only tell what would change.
        reason: Why.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
    """
    return ask(Erase(by=by, reason=_reason(reason), account=_account(account), later=later, preview=preview))


def revoke_sessions(account: str, *, by: str, reason: str = "") -> Flow[None]:
    """End all sessions of an account that were issued before now.

    Raises:
        NoSuchAccount: ``link.no-such-account``.
    """
    return ask(RevokeSessions(by=by, reason=_reason(reason), account=_account(account)))


def change_number(
    account: str, app: App, sent: str | bytes | Mapping[str, Any], *, now: float, by: str
) -> Flow[VerifiedPhone]:
    """Give an account the number that its user has just shared. The login in the body has to be the account's own.

    Args:
        account: Its id.
        app: A configured app.
        sent: Exactly what the front end sent, with a login.
        now: Unix seconds.
        by: Who asks.

    Raises:
        NotTheirs: ``link.not-theirs``: the login belongs to nobody or to another account, or there is none. No code
            was sent.
        HaomaError: See `haoma.authorize.authorize`.
    """
    _account(account)
    found = authorization.read(sent, PLATFORMS[app.platform].phone_code)
    if found.login_code is None and found.session is None:
        raise NotTheirs(because={"reason": "there is no login"})

    def admit(login: UserLogin) -> Flow[None]:
        for each in logins(app.platform, app.scope, login.subject):
            found = yield from look_up(by=by, login=each, reason="change of number")
            if found.account is not None and found.account != account:
                break  # the first one that is known counts, as it does when the number is linked
            if found.account is not None:
                return
        raise NotTheirs

    phone = yield from authorize(app, sent, now=now, caller=by, admit=admit)
    if phone.account != account:  # answered before, or linked otherwise at this moment
        raise NotTheirs
    return phone


OnVerified: TypeAlias = "Callable[[VerifiedPhone, Link], str | int | Awaitable[str | int | None] | None]"
"""Called with a number that was linked and how; returns the application's own id of the user, or None."""


def with_user(flow: Flow[VerifiedPhone], on_verified: OnVerified, *, by: str) -> Flow[VerifiedPhone]:
    """Call the application with the number of a flow if it was linked, and note the id that it returns.

    Args:
        flow: The flow, such as `haoma.authorize.authorize`.
        on_verified: The application's function.
        by: Who asks.

    Raises:
        HookFailed: ``outside.hook-failed``: the function failed, or returned no id. The number is linked nevertheless.
        HaomaError: Whatever the flow raises.
    """
    phone = yield from flow
    if phone.account is None or phone.link in {None, Link.REVIEW}:
        return phone
    found = yield from ask(Call(on_verified, (phone, Link(phone.link))))
    if found is None:
        return phone
    user = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    if not _is_user(user) or not user:
        because = {"hook": "on_verified", "returned": type(found).__name__, "needed": "your id of the user, as text"}
        raise HookFailed(platform=phone.platform, app=phone.app, because=because, spent=Spent.YES)
    yield from ask(SetUser(by=by, reason="on_verified", account=_account(phone.account), user=user))
    return msgspec.structs.replace(phone, user=user)


def login_of(app: App, kind: str, value: str) -> Login:
    """Return a login by the platform's id of the user: ``openid``, ``unionid`` or ``user_id``."""
    return Login(app.platform, "" if kind == "unionid" else app.scope, kind, value)


def _proven(step: Merge | Resolve, proofs: tuple[tuple[App, str | Secret], ...]) -> Flow[Change]:
    """Ask a verb that needs proofs."""
    if len(proofs) > _MOST_PROOFS:
        raise BadField(because={"field": "proofs", "reason": "too many", "needed": f"at most {_MOST_PROOFS}"})
    found: list[Proof] = []
    for app, session in proofs:
        login = yield from resume(app, session if isinstance(session, Secret) else Secret(session))
        found.append(Proof(logins(app.platform, app.scope, login.subject), login.at))
    return (yield from ask(replace(step, proofs=tuple(found))))


def _account(text: str) -> bytes:
    found = parsed(text)
    if found is None:
        raise NoSuchAccount
    return found


def _dispute(text: str) -> bytes:
    found = parsed(text)
    if found is None:
        raise NoSuchDispute
    return found


def _is_user(user: str) -> bool:
    return len(user) <= USER_LENGTH and user.isprintable()


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise BadField(because={"field": "reason", "reason": "a full number is only given for a reason"})


def _reason(text: str) -> str:
    if len(text) > _REASON_LENGTH or not text.isprintable():
        raise BadField(because={"field": "reason", "reason": "too long, or has control characters"})
    return text
