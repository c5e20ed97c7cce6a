"""The decision who a verified number belongs to. Pure: what is known goes in, what happens comes out.

The rules (security.md of the threat model calls the attacks a1, h1 and h2):

* A login that is known keeps its account. A number that nobody has becomes the account's number.
* A login that is not known joins the account of a number only if a platform itself tied number and login on **both**
  sides: now, and when the account's number was last verified. A signed envelope that names no user does not: whoever
  has captured one can send it with a login of their own.
* A number that was tied to its account too long ago joins nobody. Numbers are given to new people after some months.
* Everything else is a conflict. The app's policy decides it: ``reject``, ``review`` or ``move``. Nobody is ever merged
  in silence, and no policy gives an account to another login.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from haoma.verified import Assurance, CheckName

if TYPE_CHECKING:
    from haoma.verified import Subject, VerifiedPhone


class OnConflict(StrEnum):
    """What happens to a number that another account has."""

    REJECT = "reject"  # refuse the request; nothing changes
    REVIEW = "review"  # answer with the number, link nothing, and leave the decision to the application
    MOVE = "move"  # take the number from the other account and give it to this login's


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """How an app links numbers to accounts.

    Attributes:
        on_conflict: What happens to a number that another account has.
        on_stale: The same, where only the age of the number stands in the way.
        link_unbound_numbers: True to join and move also by numbers that no platform tied to a login. Whoever has a
            captured envelope of a user can then take over that user's account.
        stale_after: Seconds after which a number that was not verified again joins nobody.
    """

    on_conflict: OnConflict = OnConflict.REJECT
    on_stale: OnConflict = OnConflict.REVIEW
    link_unbound_numbers: bool = False
    stale_after: float = 180 * 86_400.0


STANDARD: Final = LinkPolicy()


class Link(StrEnum):
    """How a login and a number were linked."""

    NEW = "new"  # a new account
    LINKED = "linked"  # the login's own account
    JOINED = "joined"  # the login was added to the number's account
    MOVED = "moved"  # the number was taken from another account
    REVIEW = "review"  # nothing was linked: another account has the number


class Reason(StrEnum):
    """Why a login and a number are not linked."""

    UNBOUND = "unbound"  # no platform ties the number to the login, now or on the other side
    STALE = "stale"  # the other account's number was verified too long ago
    OTHER_ACCOUNT = "other-account"  # the login has an account, and another one has the number


class Holder(NamedTuple):
    """The account that has a number.

    Attributes:
        account: Its id.
        verified_at: When the number was last verified, in any way. Unix milliseconds.
        bound_at: When a platform last tied it to a login of the account; 0 for never.
    """

    account: bytes
    verified_at: int
    bound_at: int


class Decision(NamedTuple):
    """What happens.

    Attributes:
        link: How they are linked; None if the request is refused.
        account: The account; empty for a new one, and for `Link.REVIEW`, where it is the login's own if it has one.
        replaces: Whether the number takes the place of the account's former one.
        reason: Why they are not linked, or why the number was moved.
    """

    link: Link | None
    account: bytes
    replaces: bool = False
    reason: Reason | None = None


def decide(login: bytes | None, holder: Holder | None, *, bound: bool, now: int, policy: LinkPolicy) -> Decision:
    """Decide who a verified number belongs to.

    Args:
        login: The account of the login, or None if it has none.
        holder: The account that has the number, or None.
        bound: Whether the platform ties this number to this login.
        now: Unix milliseconds.
        policy: The app's.
    """
    if holder is None:
        return Decision(Link.NEW, b"") if login is None else Decision(Link.LINKED, login, replaces=True)
    if login == holder.account:
        return Decision(Link.LINKED, holder.account)
    trusted = bound or policy.link_unbound_numbers
    since = holder.verified_at if policy.link_unbound_numbers else holder.bound_at
    if login is not None:
        reason = Reason.OTHER_ACCOUNT
    elif not trusted or not since:
        reason = Reason.UNBOUND
    elif now - since > policy.stale_after * 1000:
        reason = Reason.STALE
    else:
        return Decision(Link.JOINED, holder.account)
    chosen = policy.on_stale if reason is Reason.STALE else policy.on_conflict
    if chosen is OnConflict.MOVE and trusted:
        return Decision(Link.MOVED, login or b"", reason=reason)
    if chosen is OnConflict.REVIEW:
        return Decision(Link.REVIEW, login or b"", reason=reason)
    return Decision(None, b"", reason=reason)


def is_bound(phone: VerifiedPhone) -> bool:
    """Return True if the platform itself tied the number to the login, and vouches that it reaches its user."""
    return phone.proves(CheckName.LOGIN_BINDING) and phone.assurance is not Assurance.STALE


class Login(NamedTuple):
    """One id of a user of a platform.

    Attributes:
        platform: Name of the platform.
        app: ``App.scope``; empty for a unionid, which is the same in all apps of a developer.
        kind: ``openid``, ``unionid`` or ``user_id``.
        value: The id.
    """

    platform: str
    app: str
    kind: str
    value: str

    def __repr__(self) -> str:
        return f"<Login {self.platform} {self.app} {self.kind}>"


def logins(platform: str, scope: str, subject: Subject) -> tuple[Login, ...]:
    """Return the ids of a user, those of the app first: where two say different accounts, the first one counts."""
    found = (("openid", subject.openid, scope), ("user_id", subject.user_id, scope), ("unionid", subject.unionid, ""))
    return tuple(Login(platform, app, kind, value) for kind, value, app in found if value)
