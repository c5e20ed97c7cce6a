"""Logs a user in by your own table of users, where haoma keeps no accounts.

**A number joins accounts only where the platform itself ties it to the login, on both sides: an Alipay envelope can be
replayed with somebody else's login.** So ``SELECT … WHERE phone = ?`` is not enough. `find_user` asks your table four
things, and decides by the same rules as haoma's own accounts (`haoma.link`).

::

    def on_verified(phone, link):
        return find_user(MyUsers(db), phone, client.apps[phone.app])

Where accounts are kept, this is decided before ``on_verified`` is called: your user has the id ``phone.account``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar

from haoma.errors import MissingField, NumberTaken, Spent
from haoma.io.clock import now
from haoma.link import STANDARD, Holder, Link, LinkPolicy, Login, decide, is_bound, logins

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from haoma.platforms.base.contract import App
    from haoma.verified import VerifiedPhone

UserT = TypeVar("UserT")
GivenT_contra = TypeVar("GivenT_contra", contravariant=True)

_TRIES: Final = 4
_MINE, _THEIRS = b"mine", b"theirs"


class Known(NamedTuple, Generic[UserT]):
    """The user who has a number.

    Attributes:
        user: The user.
        verified_at: When the number was last verified. Unix seconds.
        bound_at: When a platform last tied it to a login of the user; 0 for never.
    """

    user: UserT
    verified_at: float
    bound_at: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a verified number says about its user, for your table.

    Attributes:
        logins: The platform's ids of the user. Each belongs to one user: a unique key.
        phone_number: In E.164 form. It belongs to one user: a unique key.
        verified_at: Now, in Unix seconds.
        bound_at: The same if the platform ties the number to the login; else None: keep what you have, 0 for a new user
            and for a new number.
    """

    logins: tuple[Login, ...]
    phone_number: str = field(repr=False)
    verified_at: float
    bound_at: float | None


class Users(Protocol[GivenT_contra]):
    """Your table, as four functions. Each is a transaction of its own. Under `afind_user` they may be coroutines."""

    def of_login(self, login: Login, /) -> Any:
        """Return the user who has this id of a platform, or None."""

    def of_number(self, phone_number: str, /) -> Any:
        """Return who has a number, as `Known`, or None."""

    def create(self, found: Found, /) -> Any:
        """Make a user with these logins and this number. Return None if a unique key is taken: somebody was first."""

    def update(self, user: GivenT_contra, found: Found, /) -> Any:
        """Add the logins that are missing, and set the number and when it was verified.

        Return None if a unique key is taken: somebody was first. Otherwise return the user.
        """


def find_user(users: Users[UserT], phone: VerifiedPhone, app: App, *, policy: LinkPolicy = STANDARD) -> UserT:
    """Return the user of a verified number: found, linked or created. A double tap and two processes find the same one.

    Args:
        users: Your table.
        phone: The number.
        app: The app that it comes from: ``client.apps[phone.app]``.
        policy: When a number was verified too long ago to join (``stale_after``).

    Raises:
        NumberTaken: ``link.number-taken``: another user has the number. Let the user log in there, and link both.
        MissingField: ``envelope.missing-field``: the number came without a login, so there is nobody to log in.
    """
    flow = _find(users, phone, app, policy)
    answer: Any = None
    try:
        while True:
            function, arguments = flow.send(answer)
            answer = function(*arguments)
    except StopIteration as end:
        found: UserT = end.value
        return found


async def afind_user(users: Users[UserT], phone: VerifiedPhone, app: App, *, policy: LinkPolicy = STANDARD) -> UserT:
    """Do as `find_user` does, for a table that is asked with ``await``.

    Raises:
        NumberTaken: ``link.number-taken``.
        MissingField: ``envelope.missing-field``.
    """
    flow = _find(users, phone, app, policy)
    answer: Any = None
    try:
        while True:
            function, arguments = flow.send(answer)
            answer = function(*arguments)
            if hasattr(type(answer), "__await__"):
                asked: Awaitable[Any] = answer
                answer = await asked
    except StopIteration as end:
        found: UserT = end.value
        return found


def _find(
    users: Users[UserT], phone: VerifiedPhone, app: App, policy: LinkPolicy
) -> Generator[tuple[Callable[..., Any], tuple[Any, ...]], Any, UserT]:
    if phone.subject is None:
        raise MissingField(platform=phone.platform, app=phone.app, because={"field": "login_code"}, spent=Spent.YES)
    moment, bound = now(), is_bound(phone)
    ids = logins(phone.platform, app.scope, phone.subject)
    found = Found(ids, phone.e164, moment, moment if bound else None)
    for _ in range(_TRIES):
        mine: UserT | None = None
        for login in ids:
            mine = yield users.of_login, (login,)
            if mine is not None:
                break
        known: Known[UserT] | None = yield users.of_number, (phone.e164,)
        decided = decide(
            None if mine is None else _MINE, _holder(known, mine), bound=bound, now=round(moment * 1000), policy=policy
        )
        user: UserT | None
        if decided.link is Link.NEW:
            user = yield users.create, (found,)
        elif decided.link in {Link.LINKED, Link.JOINED}:
            user = yield users.update, (mine if known is None else known.user, found)
        else:
            because = {"reason": str(decided.reason)}
            raise NumberTaken(platform=phone.platform, app=phone.app, because=because, spent=Spent.YES)
        if user is not None:
            return user
    raise NumberTaken(platform=phone.platform, app=phone.app, because={"reason": "changing"}, spent=Spent.YES)


def _holder(known: Known[UserT] | None, mine: UserT | None) -> Holder | None:
    if known is None:
        return None
    account = _MINE if mine is not None and known.user == mine else _THEIRS
    return Holder(account, round(known.verified_at * 1000), round(known.bound_at * 1000))
