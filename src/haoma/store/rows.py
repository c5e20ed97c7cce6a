"""The rows that the steps are answered from.

Every table has the same shape: a tenant, a ``place`` that says what the row is about, and a ``version`` that no two
writes share. A row changes only if its version is still the one that was read (compare and set), so no database has to
lock anything between reading and writing.

``place`` is a keyed digest. Nothing that a user or a platform sent can be read from it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence


class Kept(NamedTuple):
    """One value on a shelf.

    Attributes:
        owner, kind: Whose it is and what it is, for people who look at the table.
        value: The sealed bytes.
        expires_at: Milliseconds since 1970.
    """

    place: bytes
    version: int
    owner: str
    kind: str
    value: bytes
    expires_at: int


class Leased(NamedTuple):
    """One lease, and what its holder said at its end.

    Attributes:
        fence: Number of the lease; the version moves on when something is kept under it.
        lease_until: Milliseconds since 1970.
        ended: 1 once its holder has ended it.
        failure: The sealed error for those who wait.
    """

    place: bytes
    version: int
    fence: int
    lease_until: int
    ended: int
    failure: bytes | None


class Tried(NamedTuple):
    """The tries of one key.

    Attributes:
        moments: When each was made, 8 bytes each, milliseconds since 1970, big-endian, ascending.
        expires_at: When the last one no longer counts.
    """

    place: bytes
    version: int
    moments: bytes
    expires_at: int


STARTED: Final = 0
DONE: Final = 1
REFUSED: Final = 2
UNKNOWN: Final = 3
FREE: Final = 4
STATES: Final = ("started", "done", "refused", "unknown", "free")


class Used(NamedTuple):
    """One row of the ledger: what was reserved, or an authorization that has nothing to be used once.

    Attributes:
        version: Number of the last write, and the fence of the reservation while it is under way.
        app: ``App.scope``.
        kind: ``code``, ``login-code``, ``encrypted-data``; ``envelope`` where nothing is reserved.
        state: ``STARTED`` to ``FREE``. ``FREE``: the value is not used up; the row is there for those who waited.
        first: Fence of the first reservation by the same request. Before it the value may have been somebody else's.
        fingerprint: Keyed digest of the request.
        lease_until: When a try under way is given up.
        remember_until: When the value may be forgotten.
        repeat_ms, answer_until: How long the answer is remembered, and until when.
        after_unknown: 1 if an earlier try ended without a known outcome.
        outcome: The sealed answer.
        error: Our code of a refusal; empty for a number.
        started_at, ended_at: Milliseconds since 1970; 0 while there is no end.
    """

    place: bytes
    version: int
    app: str
    kind: str
    state: int
    first: int
    fingerprint: bytes
    lease_until: int
    remember_until: int
    repeat_ms: int
    answer_until: int
    after_unknown: int
    outcome: bytes | None
    error: str
    started_at: int
    ended_at: int


class Counted(NamedTuple):
    """How many rows of the ledger the sweep has deleted, of one app, day, kind and state.

    Attributes:
        place: `usage_place` of the other four.
        day: When the day began in China, milliseconds since 1970.
        total: How many.
    """

    place: bytes
    version: int
    app: str
    kind: str
    state: int
    day: int
    total: int


Row: TypeAlias = Kept | Leased | Tried | Used | Counted


class Table(NamedTuple):
    """A table of the store.

    Attributes:
        name: Without the prefix.
        row: The class of its rows; its fields are the columns after ``tenant``.
    """

    name: str
    row: type[Any]

    @property
    def columns(self) -> Sequence[str]:
        """The columns after ``tenant``, in the order of the row."""
        return self.row._fields  # type: ignore[no-any-return]


KEPT: Final = Table("kept", Kept)
LEASES: Final = Table("leases", Leased)
TRIES: Final = Table("tries", Tried)
LEDGER: Final = Table("ledger", Used)
USAGE: Final = Table("usage", Counted)
TABLES: Final = (KEPT, LEASES, TRIES, LEDGER, USAGE)
"""In the order in which a transaction writes them, or two could wait for each other."""


def usage_place(app: str, kind: str, state: int, day: int) -> bytes:
    """Return the place of a row of usage. It has no key: there is nothing in it that the row does not say."""
    text = ascii((app, kind, state, day)).encode()
    return hashlib.blake2b(text, person=b"haoma usage", digest_size=32).digest()
