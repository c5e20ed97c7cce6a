"""Steps: requests for I/O and stored state, yielded by flows.

Only ``haoma.io`` opens sockets, reads clocks or draws random numbers. A flow is a generator: it yields a `Step` when it
needs something, and is sent the answer. Two drivers run the same flows: ``haoma.io.blocking`` for sync code and
``haoma.io.aio`` for async code. If a step fails, the driver raises one of our errors at the ``yield``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from haoma.errors import HaomaError
from haoma.link import STANDARD, LinkPolicy
from haoma.verified import Subject, VerifiedPhone

if TYPE_CHECKING:
    from haoma.errors import Spent
    from haoma.secret import Secret

T = TypeVar("T")
V = TypeVar("V")

Outcome: TypeAlias = VerifiedPhone | HaomaError
"""The outcome of an authorization."""


class Step(Generic[T]):
    """A step whose answer is a ``T``."""

    __slots__ = ()


Flow: TypeAlias = Generator[Step[Any], Any, T]


def ask(step: Step[T]) -> Flow[T]:
    """Yield a step and return its typed answer.

    ``reply = yield from ask(Send(request, upstreams, app=app.scope))``
    """
    answer: T = yield step
    return answer


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to a platform.

    Attributes:
        method: ``GET`` or ``POST``.
        url: Absolute URL without query. Its origin must be one of the app's ``upstreams``.
        query: Query parameters. They may hold secrets, so they are separate from the URL and never shown.
        headers: Extra headers.
        body: The exact bytes to send.
    """

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply from a platform. The names in ``headers`` are lower-case."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Send(Step[Reply]):
    """Send one HTTP request.

    Attributes:
        request: The request.
        upstreams: The allowed origins.
        sidecar: The one origin that may use plain http even if insecure upstreams are not allowed. A local sidecar
            process takes the request, and the host name never reaches the network.
        app: ``App.scope`` of the app. A platform that hangs or fails for one app takes nothing from the others.

    Raises at the yield:
        ConnectFailed: Nothing was sent.
        CircuitOpen: Nothing was sent, because the last requests of this app to this host failed.
        TimedOut, ConnectionLost: The platform may have received the request and acted on it.
        ReplyTooLarge: The reply exceeds the size limit.
        HostNotAllowed: The app's configuration does not name this origin.
    """

    request: Request
    upstreams: tuple[str, ...]
    sidecar: str = ""
    app: str = ""


# --- stored values ---


class Codec(Protocol[V]):
    """The conversion of values to bytes and back."""

    def encode(self, value: V) -> bytes:
        """Return the bytes of a value."""

    def decode(self, found: bytes) -> V:
        """Return the value. Raise ValueError if the bytes are invalid."""


class Room(StrEnum):
    """A part of the memory with its own limit. A full room never evicts entries of another room."""

    CUSTODY = "custody"
    """Tokens, tickets, grants and certificates. Nothing is evicted, whatever clients send."""
    SESSIONS = "sessions"
    """Logins. When full, the oldest is evicted, and its user logs in again."""
    PROOFS = "proofs"
    """Used one-time values, and other state that proofs depend on. When full, new entries are refused."""
    TRIES = "tries"
    """Counts of attempts against a secret, such as a session_key. When full, a new key has no attempts."""
    BUDGETS = "budgets"
    """Counters of untrusted clients' requests. When full, the oldest is evicted."""


class Key(NamedTuple):
    """The address of a stored value, a counter or a lease.

    Attributes:
        room: The part of the memory.
        owner: ``App.scope`` of the app whose users create the entries; empty if users cannot create any. Each owner has
            a separate part of the room.
        kind: The kind of entry.
        parts: Identify the entry. They may be secrets: an answerer stores a keyed digest, and they are never shown.
    """

    room: Room
    owner: str
    kind: str
    parts: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Key {self.room} {self.owner} {self.kind}>"


@dataclass(frozen=True, slots=True, eq=False)
class Shelf(Generic[V]):
    """The values of one kind.

    Attributes:
        kind: Name of the kind. Change it when the encoding of the values changes.
        room: The part of the memory.
        codec: Encodes and decodes the values.
    """

    kind: str
    room: Room
    codec: Codec[V]

    def place(self, owner: str, *parts: str) -> Place[V]:
        """Return the place of one value; see `Key`."""
        return Place(self, Key(self.room, owner, self.kind, parts))


class Place(NamedTuple, Generic[V]):
    """The place of one value on a shelf."""

    shelf: Shelf[V]
    key: Key

    def __repr__(self) -> str:
        return f"<Place {self.key.room} {self.key.owner} {self.key.kind}>"


ABSENT: Final = 0
"""The version of a missing value."""


class Found(NamedTuple, Generic[V]):
    """The content of a place.

    Attributes:
        value: The value; None if there is none or it has expired.
        version: The version of the value; `ABSENT` if there is none. Versions are unique across all places, and later
            values have greater ones.
        now: Unix seconds by the answerer's clock.
        until: When the value expires, by the same clock; 0 if there is none.
    """

    value: V | None
    version: int
    now: float
    until: float = 0.0

    def __repr__(self) -> str:
        return f"<Found version={self.version}>"


@dataclass(frozen=True, slots=True)
class Recall(Step["Found[V]"], Generic[V]):
    """Read the value in ``place``."""

    place: Place[V]


@dataclass(frozen=True, slots=True)
class Keep(Step[bool], Generic[V]):
    """Store ``value`` in ``place`` for ``seconds`` by the answerer's clock. The answer is False if a condition failed.

    Attributes:
        expect: If given, the version that must still be there (compare and set).
        lease: If given, the lease that must not have been taken over.

    Raises at the yield:
        MemoryFull: The room is full, and its entries are never evicted.
    """

    place: Place[V]
    value: V = field(repr=False)
    seconds: float
    expect: int | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Drop(Step[bool]):
    """Delete the value in ``place`` if its version is ``version`` and ``lease`` was not taken over.

    The answer is False if it was not deleted.
    """

    place: Place[Any]
    version: int
    lease: Lease | None = None


# --- leases: one holder at a time ---


class Lease(NamedTuple):
    """An exclusive right for a limited time.

    Attributes:
        key: Names what the lease is for.
        fence: Unique number of the lease. A holder whose lease was taken over can no longer store values under it.
    """

    key: Key
    fence: int


class UnderWay(NamedTuple):
    """Another request holds the lease or the reservation.

    Attributes:
        by: The lease, or the first reservation, to wait for.
        seconds: Seconds until it expires at the latest.
    """

    by: Lease | Ref
    seconds: float


@dataclass(frozen=True, slots=True)
class TakeLease(Step["Lease | UnderWay"]):
    """Take the lease for ``key``. A lease that is not ended in time expires, and the next one may be taken."""

    key: Key


@dataclass(frozen=True, slots=True)
class EndLease(Step[None]):
    """End a lease. Requests waiting for it get ``failure``; if it is None, they try again."""

    lease: Lease
    failure: HaomaError | None = None


@dataclass(frozen=True, slots=True)
class Watch(Step["Outcome | None"]):
    """Wait until the other request's lease or reservation ends. The answer is its outcome, or None if there is none.

    Waiting does not depend on the holder or its process, which may have died.
    """

    under_way: UnderWay


@dataclass(frozen=True, slots=True)
class TakeTry(Step[bool]):
    """Take one of the ``limit`` tries that ``key`` has per ``seconds``. The answer is False if none is left. Atomic."""

    key: Key
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ReturnTry(Step[None]):
    """Give one try back to ``key``."""

    key: Key


# --- other steps ---


@dataclass(frozen=True, slots=True)
class Mint(Step[str]):
    """Draw a URL-safe random string with 256 bits."""


@dataclass(frozen=True, slots=True)
class Pause(Step[None]):
    """Wait for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call(Step[Any]):
    """Call a function configured by the application: a sync one, or an async one under the async driver."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Notice(Step[None]):
    """Tell the operator that something works, but needs attention.

    Attributes:
        code: A code of the catalogue.
        because: Facts. They contain no secret.
    """

    code: str
    because: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Count(Step[None]):
    """Tell whoever keeps metrics that something has happened. Where nobody does, nothing is done.

    Attributes:
        what: What it is, in a word of our code.
        labels: Facts about it. Their values come from the configuration or from our code, never from a caller, and are
            no secrets.
    """

    what: str
    labels: tuple[tuple[str, str], ...] = ()


DEFAULT_TENANT: Final = "default"
"""To whom everything belongs where nobody says otherwise."""

# --- one-time values ---


class Ref(NamedTuple):
    """A reservation of a one-time value.

    Attributes:
        app: ``App.scope`` of the app.
        key: Keyed digest of the value.
        fence: Unique number of the attempt. Once a later attempt exists, only a success of an earlier one is accepted.
    """

    app: str
    key: bytes
    fence: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """The value is reserved for this request. ``after_unknown`` means that an earlier attempt had no known outcome."""

    ref: Ref
    after_unknown: bool


class Concluded(msgspec.Struct, frozen=True):
    """The outcome of a concluded authorization."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Reserve(Step["Reserved | Concluded | UnderWay"]):
    """Reserve a one-time value.

    The answer is `Concluded` if the same request was concluded before, and `UnderWay` while it is in progress.

    Attributes:
        app: ``App.scope`` of the app.
        kind: What the value is: ``code``, ``login-code``, ``encrypted-data``.
        value: The value; a ledger stores only a keyed hash of it.
        fingerprint: Digest of everything that the caller sent and of the caller's identity. The same fingerprint gets
            the same answer again, or waits for it; a different one is refused.
        seconds: How long the *use* of the value is remembered: as long as it could be decrypted or exchanged.
        repeat_seconds: How long the answer is remembered for the same fingerprint.

    Raises at the yield:
        AlreadyUsed: Another caller or another request reserved the value, or its answer is no longer remembered.
        MemoryFull: The memory has no room for another used value.
    """

    app: str
    kind: str
    value: Secret
    fingerprint: bytes = field(repr=False)
    seconds: float
    repeat_seconds: float = 30.0


class Consent(NamedTuple):
    """What a user agreed to.

    Attributes:
        policy: Version of the policy that was shown, as the front end sent it.
        scene: What the number is for.
        text_hash: SHA-256 of the policy's text; empty if the server does not know the text.
        audience: To whom the number may be given; empty for the app itself.
    """

    policy: str
    scene: str = ""
    text_hash: bytes = b""
    audience: str = ""


class Conclude(msgspec.Struct, Step[Concluded], frozen=True):
    """Record the outcome of an authorization. This is its last step, and happens exactly once.

    A `VerifiedPhone` or an error whose ``spent`` is YES closes the reservation. An error with ``spent`` UNKNOWN leaves
    it open for another attempt by the same caller. An error with ``spent`` NO frees the value.

    An attempt that is not concluded in time expires, and another may follow. After that, a success of the expired
    attempt still counts if the reservation is not closed; any other outcome of it is ignored. The answer is the outcome
    that counts.

    (It is a `msgspec.Struct` because every authorization builds one, and a frozen dataclass takes five times as long.)

    Attributes:
        app: ``App.scope`` of the app.
        ref: The reservation; None if there is no one-time value (an Alipay envelope without a login).
        outcome: The outcome to record. A store that keeps accounts links its number in the same transaction.
        consent: What the user agreed to.
        linking: How the app links numbers to accounts.
        by: Who asked, for the audit log.
        since: When the session began by which the user is logged in, in Unix seconds; 0 if the login is of this
            request. A store that keeps accounts refuses a session that was revoked.
    """

    app: str
    ref: Ref | None
    outcome: Outcome
    consent: Consent | None = None
    linking: LinkPolicy = STANDARD
    by: str = ""
    since: float = 0.0

    def __repr__(self) -> str:
        return f"Conclude(app={self.app!r}, ref={self.ref!r}, outcome={self.outcome!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("app", self.app), ("ref", self.ref), ("outcome", self.outcome)]


@dataclass(frozen=True, slots=True)
class Withdrawn(Step[bool]):
    """Act on a platform's message that a user has withdrawn. The answer is True if something was done.

    Nothing is done where no accounts are kept, for a user whom nobody knows, for a message that was acted on before,
    and for a user who has authorized again since ``at``.

    Attributes:
        app: ``App.scope`` of the app.
        platform: Name of the platform.
        name: Name of the app, for the event.
        who: The user.
        what: ``authorization`` if the user withdrew it from this app; ``account`` if the user closed the account at the
            platform.
        action: The app's ``on_withdrawn``: ``unlink``, ``erase`` or ``notify``.
        at: When the user withdrew, in Unix seconds by the platform's clock.
        key: Identifies the message. The platform repeats a message whose answer it did not get.
    """

    app: str
    platform: str
    name: str
    who: Subject = field(repr=False)
    what: str
    action: str
    at: float
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settle(Step[None]):
    """Record whether the value of a reservation is used, without an outcome to repeat.

    Used for a second one-time value of the same authorization, and with UNKNOWN when the holder had to give up.
    """

    ref: Ref
    spent: Spent
