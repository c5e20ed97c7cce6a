"""Accounts: what may be asked about them, and what may be done with them.

Every verb is one step, answered by a store that keeps accounts. Each of them is written to the audit log with who asked
and why. Numbers are masked unless somebody asks for one by name (``reveal``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from haoma.authorize import resume
from haoma.link import Login, logins
from haoma.steps import Step, ask

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.base.contract import App
    from haoma.secret import Secret
    from haoma.steps import Flow

T = TypeVar("T")


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
        app: Platform and app id, as ``wechat:wx1``.
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


Proof = tuple[Login, ...]
"""The ids of one user who has logged in: proves the account that has one of them."""


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

    Raises at the yield:
        NoSuchAccount: There is none.
    """

    account: bytes
    reveal: bool = False
    consents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUser(Verb[None]):
    """Note the application's own id of the user; empty to remove it.

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
        LinkConflict: Something has changed since: the number or the account is not what it was.
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
class RevokeSessions(Verb[None]):
    """End all sessions of an account that were issued before now. Raises NoSuchAccount at the yield."""

    account: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRevoked(Verb[float]):
    """Return when an account's sessions were last revoked, in Unix seconds: 0 for never, infinity if it is gone."""

    account: bytes


def proof(app: App, session: Secret) -> Flow[Proof]:
    """Return what a session handle proves: the ids of the user who is logged in.

    Raises:
        SessionUnknown: ``trust.session-unknown``.
    """
    login = yield from resume(app, session)
    return logins(app.platform, app.scope, login.subject)


def asked(step: Merge | Resolve, proofs: tuple[tuple[App, Secret], ...]) -> Flow[Change]:
    """Ask a verb that needs proofs: an app and a session handle for each.

    Raises:
        SessionUnknown: ``trust.session-unknown``.
        HaomaError: What the step raises.
    """
    found = []
    for app, session in proofs:
        found.append((yield from proof(app, session)))
    return (yield from ask(replace(step, proofs=tuple(found))))
