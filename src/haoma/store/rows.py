"""The rows that the steps are answered from.

Every table has the same shape: a tenant, a ``place`` that says what the row is about, and a ``version`` that no two
writes share. A row changes only if its version is still the one that was read (compare and set), so no database has to
lock anything between reading and writing.

``place`` is a keyed digest, or a random id. Nothing that a user or a platform sent can be read from it.
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


class Account(NamedTuple):
    """One person's account.

    Attributes:
        place: The account's id, 16 bytes.
        phone: Place of the number in ``phones``; empty if the account has none.
        identities: Places in ``identities``, 32 bytes each.
        external: The sealed id in the application's own user table; empty if there is none.
        created_at: Milliseconds since 1970.
        revoked_at: Sessions issued before are revoked; 0 for none.
    """

    place: bytes
    version: int
    phone: bytes
    identities: bytes
    external: bytes
    created_at: int
    revoked_at: int


class Identity(NamedTuple):
    """One user of a platform: a login that belongs to an account.

    Attributes:
        platform, app, kind: What the value is. ``app`` is ``App.scope``, and empty for a unionid, which is the same in
            all apps of a platform.
        value: The sealed openid, unionid or user_id.
        linked_at: When it was linked.
    """

    place: bytes
    version: int
    account: bytes
    platform: str
    app: str
    kind: str
    value: bytes
    linked_at: int


class Number(NamedTuple):
    """The blind index of a number: whose it is. There is one row for each pepper.

    Attributes:
        phone: Place of the sealed number in ``phones``.
        verified_at: When it was last verified, in any way.
        bound_at: When a platform last tied it to a login of this account; 0 for never. Only such a number joins others.
        assurance: What the platform said about it at ``verified_at``.
    """

    place: bytes
    version: int
    account: bytes
    phone: bytes
    verified_at: int
    bound_at: int
    assurance: str


class Phone(NamedTuple):
    """A sealed number.

    Attributes:
        place: Id of the record, 16 bytes. The number is sealed for it.
        sealed, key_id: The number, and the key that sealed it.
        indexes: Its places in ``numbers``, 32 bytes each.
    """

    place: bytes
    version: int
    account: bytes
    sealed: bytes
    key_id: int
    indexes: bytes


class Salt(NamedTuple):
    """The salt of a sealed number, in a table of its own: without it the number cannot be unsealed."""

    place: bytes
    version: int
    salt: bytes


class Consent(NamedTuple):
    """What a user agreed to.

    Attributes:
        account: Whose consent it is; empty if there was no login.
        app: ``App.scope``.
        policy, scene: As the front end sent them.
        text_hash: SHA-256 of the policy's text, made by the server; empty if the text is not configured.
        audience: To whom the number may be given; empty for the app itself.
        at, withdrawn_at: Milliseconds since 1970; 0 if it was not withdrawn.
    """

    place: bytes
    version: int
    account: bytes
    app: str
    policy: str
    scene: str
    text_hash: bytes
    audience: str
    at: int
    withdrawn_at: int


class Dispute(NamedTuple):
    """A number that two accounts claim, or that was moved from one to the other.

    Attributes:
        state: ``OPEN``, ``MOVED``, ``CLOSED`` or ``UNDONE``.
        app: ``App.scope``.
        claimant: The account of the login; empty if the login has none yet.
        holder: The account that has the number, or had it before the move.
        details: Sealed: the logins, the number, and what undoes the move.
        at, forget_at: When it began, and when it is forgotten.
    """

    place: bytes
    version: int
    state: int
    app: str
    claimant: bytes
    holder: bytes
    details: bytes
    at: int
    forget_at: int


class Audited(NamedTuple):
    """One row of the audit log.

    Attributes:
        place: The lane, 8 bytes, and the number of the row in it, 8 bytes, big-endian.
        entry: What happened. It holds no number and no identity.
        mac: Authenticates the row and everything before it in the lane.
    """

    place: bytes
    version: int
    at: int
    entry: bytes
    mac: bytes


class Sealing(NamedTuple):
    """One seal: the ends of all lanes that were open.

    Attributes:
        place: Number of the seal, 8 bytes, big-endian.
        heads: Lane, number and MAC of the last row of each open lane.
        mac: Authenticates the seal and the one before it.
    """

    place: bytes
    version: int
    at: int
    heads: bytes
    mac: bytes


class Event(NamedTuple):
    """One event for the application's webhook.

    Attributes:
        kind: ``phone.verified``, ``number.changed``, ``link.conflict``, ``account.erased``, …
        account: Whose it is.
        body: Sealed.
        due_at: When it is to be sent, or sent again; afterwards, when it is deleted.
        tries: How often that was tried.
        sent_at: When it was delivered; 0 if not yet, ``PARKED`` if that was given up.
    """

    place: bytes
    version: int
    kind: str
    account: bytes
    body: bytes
    due_at: int
    tries: int
    sent_at: int
    at: int


class Erasure(NamedTuple):
    """A request to erase an account, and afterwards its entry in the erase list.

    Attributes:
        place: The account.
        asked_at: Milliseconds since 1970.
        due_at: When it is to be done; 0 once it is done: who looks for what is due finds nothing else.
        done_at: When it was done; 0 if it is not.
    """

    place: bytes
    version: int
    asked_at: int
    due_at: int
    done_at: int


PARKED: Final = -1

OPEN: Final = 0
MOVED: Final = 1
CLOSED: Final = 2
UNDONE: Final = 3

Row: TypeAlias = (
    Kept
    | Leased
    | Tried
    | Used
    | Counted
    | Account
    | Identity
    | Number
    | Phone
    | Salt
    | Consent
    | Dispute
    | Audited
    | Sealing
    | Event
    | Erasure
)


class Table(NamedTuple):
    """A table of the store.

    Attributes:
        name: Without the prefix.
        row: The class of its rows; its fields are the columns after ``tenant``.
        kinds: What the columns after ``place`` and ``version`` are, as `haoma.store.columns` names them: ``text:64``,
            ``place``, ``bytes``, ``bytes?``, ``moment``, ``small``.
    """

    name: str
    row: type[Any]
    kinds: tuple[str, ...]

    @property
    def columns(self) -> Sequence[str]:
        """The columns after ``tenant``, in the order of the row."""
        return self.row._fields  # type: ignore[no-any-return]

    @property
    def described(self) -> Sequence[tuple[str, str]]:
        """The columns after ``version``, with their kinds."""
        return tuple(zip(self.columns[2:], self.kinds, strict=True))


def _table(name: str, row: type[Any], kinds: str) -> Table:
    return Table(name, row, tuple(kinds.split()))


KEPT: Final = _table("kept", Kept, "text:128 text:64 bytes moment")
LEASES: Final = _table("leases", Leased, "moment moment small bytes?")
TRIES: Final = _table("tries", Tried, "bytes moment")
LEDGER: Final = _table(
    "ledger",
    Used,
    "text:128 text:32 small moment place moment moment moment moment small bytes? text:64 moment moment",
)
USAGE: Final = _table("usage", Counted, "text:128 text:32 small moment moment")
ACCOUNTS: Final = _table("accounts", Account, "place bytes bytes moment moment")
IDENTITIES: Final = _table("identities", Identity, "place text:32 text:128 text:32 bytes moment")
NUMBERS: Final = _table("numbers", Number, "place place moment moment text:64")
PHONES: Final = _table("phones", Phone, "place bytes moment bytes")
SALTS: Final = _table("salts", Salt, "place")
CONSENTS: Final = _table("consents", Consent, "place text:128 text:128 text:128 place text:128 moment moment")
DISPUTES: Final = _table("disputes", Dispute, "small text:128 place place bytes moment moment")
AUDIT: Final = _table("audit", Audited, "moment bytes place")
SEALS: Final = _table("seals", Sealing, "moment bytes place")
OUTBOX: Final = _table("outbox", Event, "text:32 place bytes moment moment moment moment")
ERASURES: Final = _table("erasures", Erasure, "moment moment moment")
TABLES: Final = (
    *(KEPT, LEASES, TRIES, LEDGER, USAGE, ACCOUNTS, IDENTITIES, NUMBERS, PHONES, SALTS, CONSENTS, DISPUTES),
    *(AUDIT, SEALS, OUTBOX, ERASURES),
)
"""In the order in which a transaction writes them, or two could wait for each other."""

INDEXES: Final = (
    ("kept_by_end", KEPT, "expires_at"),
    ("leases_by_end", LEASES, "lease_until"),
    ("tries_by_end", TRIES, "expires_at"),
    ("ledger_by_end", LEDGER, "remember_until"),
    ("ledger_by_answer", LEDGER, "answer_until"),
    ("consents_by_account", CONSENTS, "account"),
    ("disputes_by_end", DISPUTES, "forget_at"),
    ("disputes_by_claimant", DISPUTES, "claimant"),
    ("disputes_by_holder", DISPUTES, "holder"),
    ("outbox_by_due", OUTBOX, "due_at"),
    ("outbox_by_account", OUTBOX, "account"),
    ("erasures_by_due", ERASURES, "due_at"),
)
"""What is looked for by something else than its place: name, table and column.

The tenant comes last in each: an index that begins with it would be taken for the look-up of a row, on a table of which
PostgreSQL knows nothing yet, and it would keep that plan.
"""


def usage_place(app: str, kind: str, state: int, day: int) -> bytes:
    """Return the place of a row of usage. It has no key: there is nothing in it that the row does not say."""
    text = ascii((app, kind, state, day)).encode()
    return hashlib.blake2b(text, person=b"haoma usage", digest_size=32).digest()
