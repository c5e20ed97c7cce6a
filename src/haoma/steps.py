"""Questions to the outside world.

Nothing below ``haoma.io`` opens a socket, reads a clock or draws a random number. A flow is a generator that yields a
`Step` when it needs something and is sent the answer; two short drivers (``haoma.io.blocking`` and ``haoma.io.aio``)
answer the same steps for the sync and the async world. A step that cannot be answered is answered by raising one of
our own errors at the ``yield``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from haoma.errors import HaomaError
from haoma.verified import VerifiedPhone

if TYPE_CHECKING:
    from haoma.errors import Spent
    from haoma.secret import Secret

T = TypeVar("T")
V = TypeVar("V")

Outcome: TypeAlias = VerifiedPhone | HaomaError
"""What comes of an authorization."""


class Step(Generic[T]):
    """A question whose answer is a ``T``."""

    __slots__ = ()


Flow: TypeAlias = Generator[Step[Any], Any, T]


def ask(step: Step[T]) -> Flow[T]:
    """Yield a step and return its answer, typed.

    ``reply = yield from ask(Send(request, upstreams))``
    """
    answer: T = yield step
    return answer


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to a platform.

    Attributes:
        method: ``GET`` or ``POST``.
        url: Absolute, without query. Its origin must be one of the app's ``upstreams``.
        query: Query parameters; may hold secrets, so it is kept apart and never shown.
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
    """One HTTP reply of a platform. ``headers`` has lower-case names."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Send(Step[Reply]):
    """Send one request.

    Attributes:
        request: The request.
        upstreams: The origins that it may go to.
        sidecar: The one origin that may be plain http although insecure upstreams are not allowed, because a process
            beside ours takes the request and the name of the host never gets as far as the network.

    Raises at the yield:
        ConnectFailed: Nothing was sent.
        TimedOut, ConnectionLost: The request may have been received and acted upon.
        ReplyTooLarge: More bytes than the cap arrived.
        HostNotAllowed: The origin is not one that the app's configuration names.
    """

    request: Request
    upstreams: tuple[str, ...]
    sidecar: str = ""


# --- what is kept ---


class Codec(Protocol[V]):
    """How a value is written as bytes and read again."""

    def encode(self, value: V) -> bytes:
        """Return the bytes."""

    def decode(self, found: bytes) -> V:
        """Return the value. Raises ValueError if these are not the bytes of one."""


class Room(StrEnum):
    """Which part of the memory. Rooms never crowd each other out; each says what happens when it is full."""

    CUSTODY = "custody"
    """Tokens, tickets, grants and certificates. Nothing here is evicted, whatever anybody sends."""
    SESSIONS = "sessions"
    """What a login leaves behind. When it is full the oldest goes, and its user logs in again."""
    PROOFS = "proofs"
    """What must not happen twice, and what proofs rest upon. When it is full nothing new is taken."""
    TRIES = "tries"
    """Tries of a secret. When it is full a key that is new has none."""
    BUDGETS = "budgets"
    """Counts of what strangers do. When it is full the oldest goes."""


class Key(NamedTuple):
    """Where something is kept, counted or held.

    Attributes:
        room: The part of the memory.
        owner: ``App.scope`` of the app whose users fill this part of the room; empty where users cannot. Each owner has
            a part of their own.
        kind: What it is.
        parts: Which one. They may be secrets: an answerer keeps a keyed digest of them, and nobody shows them.
    """

    room: Room
    owner: str
    kind: str
    parts: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Key {self.room} {self.owner} {self.kind}>"


@dataclass(frozen=True, slots=True, eq=False)
class Shelf(Generic[V]):
    """All values of one kind.

    Attributes:
        kind: The kind's name. A value that is written another way than before gets another one.
        room: The part of the memory.
        codec: How a value is written.
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
"""The version of what is not there."""


class Found(NamedTuple, Generic[V]):
    """What was found in a place.

    Attributes:
        value: The value; None if nothing is kept there, or what is has expired.
        version: The version of the value; `ABSENT` if there is none. No two values ever have the same, wherever they
            are, and that of a later one is greater.
        now: Unix seconds by the clock of whoever answers.
    """

    value: V | None
    version: int
    now: float

    def __repr__(self) -> str:
        return f"<Found version={self.version}>"


@dataclass(frozen=True, slots=True)
class Recall(Step["Found[V]"], Generic[V]):
    """What is kept in ``place``."""

    place: Place[V]


@dataclass(frozen=True, slots=True)
class Keep(Step[bool], Generic[V]):
    """Keep ``value`` in ``place`` for ``seconds``, by the clock of whoever answers; False if it may not.

    Attributes:
        expect: If given, the version that must still be there (compare and set).
        lease: If given, the lease that must not have been taken over.

    Raises at the yield:
        MemoryFull: The room is full, and is one from which nothing is evicted.
    """

    place: Place[V]
    value: V = field(repr=False)
    seconds: float
    expect: int | None = None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Drop(Step[bool]):
    """Forget what is in ``place`` if it still has this version, and ``lease`` was not taken over; False if not."""

    place: Place[Any]
    version: int
    lease: Lease | None = None


# --- leases: one at a time ---


class Lease(NamedTuple):
    """The right to be the only one, for a while.

    Attributes:
        key: To do what.
        fence: Number of the lease; no two have the same. Who has one that was taken over can keep nothing under it.
    """

    key: Key
    fence: int


class UnderWay(NamedTuple):
    """Somebody else is at it.

    Attributes:
        by: The lease, or the first reservation, that is to be waited for.
        seconds: When it is given up, at the latest.
    """

    by: Lease | Ref
    seconds: float


@dataclass(frozen=True, slots=True)
class TakeLease(Step["Lease | UnderWay"]):
    """Be the only one for ``key``. A lease that is not ended in time ends by itself, and another may follow."""

    key: Key


@dataclass(frozen=True, slots=True)
class EndLease(Step[None]):
    """End a lease. ``failure`` is what those who wait for it shall be told; without one they take their turn."""

    lease: Lease
    failure: HaomaError | None = None


@dataclass(frozen=True, slots=True)
class Watch(Step["Outcome | None"]):
    """Wait until something that is under way has ended; return what came of it, or None if nobody said.

    Nothing of its holder is needed for that, least of all its process.
    """

    under_way: UnderWay


@dataclass(frozen=True, slots=True)
class TakeTry(Step[bool]):
    """Take one of ``limit`` tries that ``key`` has within ``seconds``; False when none is left. Atomic."""

    key: Key
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ReturnTry(Step[None]):
    """Give one try back to ``key``."""

    key: Key


# --- what has no place ---


@dataclass(frozen=True, slots=True)
class Mint(Step[str]):
    """A fresh random string with 256 bits, URL-safe."""


@dataclass(frozen=True, slots=True)
class Pause(Step[None]):
    """Wait for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call(Step[Any]):
    """Call a function that the user configured (sync, or async under the async driver)."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = field(repr=False)


# --- one-time values ---


class Ref(NamedTuple):
    """A reservation.

    Attributes:
        app: ``App.scope`` of the app.
        key: Keyed digest of the value.
        fence: Number of the try; no two have the same. A word about an earlier try than the last is too late, unless it
            is a success.
    """

    app: str
    key: bytes
    fence: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """The value is ours. ``after_unknown``: an earlier try of it ended without a known outcome."""

    ref: Ref
    after_unknown: bool


@dataclass(frozen=True, slots=True)
class Concluded:
    """What came of an authorization."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Reserve(Step["Reserved | Concluded | UnderWay"]):
    """Reserve a value that can be used once.

    The answer is `Concluded` if the same request was concluded before, and `UnderWay` while it is being made.

    Attributes:
        app: ``App.scope`` of the app.
        kind: What the value is: ``code``, ``login-code``, ``encrypted-data``.
        value: The value; a ledger stores only a keyed hash of it.
        fingerprint: Digest of everything that the caller sent and of who the caller is. The same fingerprint gets the
            same answer again (and waits for it while it is being made); another one is refused.
        seconds: How long it is remembered *that* the value was used: for as long as it could open or be exchanged.
        repeat_seconds: How long after it was given the answer itself is remembered, for the same fingerprint.

    Raises at the yield:
        AlreadyUsed: Another caller, or another request, has reserved the value; or the answer is remembered no longer.
        MemoryFull: So many values are remembered that this one could not be.
    """

    app: str
    kind: str
    value: Secret
    fingerprint: bytes = field(repr=False)
    seconds: float
    repeat_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Conclude(Step[Concluded]):
    """Conclude an authorization: the last step of each one that was begun, and the only one of its kind.

    A `VerifiedPhone` or an error whose ``spent`` is YES closes the reservation; an error with ``spent`` UNKNOWN leaves
    it open for another try by the same caller; an error with ``spent`` NO gives the value free again.

    A try that nobody concluded ends when its time is up, and another may follow. After that, a success of the first one
    still counts if nothing is closed yet; any other word of it does not. The answer is the outcome that counts.

    Attributes:
        app: ``App.scope`` of the app.
        ref: The reservation; None where there is nothing that can be used once (an Alipay envelope without a login).
        outcome: What came of it.
        consent: What the user agreed to, as the front end sent it.
    """

    app: str
    ref: Ref | None
    outcome: Outcome
    consent: dict[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Settle(Step[None]):
    """Say of a reservation, without any outcome to repeat, whether its value is used.

    For a second value of one authorization; and UNKNOWN for one that its holder had to leave.
    """

    ref: Ref
    spent: Spent
