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
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from haoma.errors import HaomaError
    from haoma.secret import Secret
    from haoma.verified import VerifiedPhone

T = TypeVar("T")


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


class Shelf(StrEnum):
    """What kind of thing is kept. Shelves never crowd each other out; each says what happens when it is full."""

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


class Place(NamedTuple):
    """Where a value is kept, or tries are counted.

    Attributes:
        shelf: The kind of thing.
        owner: ``App.scope`` of the app whose users fill this part of the shelf; empty where users cannot. Each owner
            has a part of his own.
        key: The place within that part. It may hold a secret and is never shown.
    """

    shelf: Shelf
    owner: str
    key: str

    def __repr__(self) -> str:
        return f"<Place {self.shelf} {self.owner}>"


@dataclass(frozen=True, slots=True)
class Recall(Step["object | None"]):
    """What was kept in ``place`` and has not expired, or None."""

    place: Place


@dataclass(frozen=True, slots=True)
class Keep(Step[None]):
    """Remember ``value`` in ``place`` for ``seconds``.

    Raises at the yield:
        MemoryFull: The shelf is full, and is one from which nothing is evicted.
    """

    place: Place
    value: object = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class Drop(Step[None]):
    """Forget what is in ``place``, but only if it still is ``value`` (compare-then-drop)."""

    place: Place
    value: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Share(Step[T]):
    """Run ``flow()`` unless a run for the same ``place`` is under way; then wait for that one and share its result.

    An error is shared as well, so that a hundred waiters cannot become a hundred calls. A run that takes too long is
    given up: the first who has waited in vain runs the flow again.
    """

    place: Place
    flow: Callable[[], Flow[T]]


@dataclass(frozen=True, slots=True)
class Spend(Step[bool]):
    """Take one of ``limit`` tries that ``place`` has within ``seconds``; False when none is left. Atomic."""

    place: Place
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Refund(Step[None]):
    """Give one try back to ``place``."""

    place: Place


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


class Ref(NamedTuple):
    """Which claim a `Settle` speaks of.

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
class Fresh:
    """The claim is ours. ``after_unknown``: an earlier try of the same value ended without a known outcome."""

    ref: Ref
    after_unknown: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """The claim was settled before, by the same caller with the same request: here is what came of it."""

    outcome: VerifiedPhone | HaomaError


@dataclass(frozen=True, slots=True)
class Claim(Step["Fresh | Settled"]):
    """Claim a value that can be used once.

    Attributes:
        app: ``App.scope`` of the app.
        kind: What the value is: ``code``, ``login-code``, ``encrypted-data``.
        value: The value; a ledger stores only a keyed hash of it.
        fingerprint: Digest of everything that the caller sent and of who the caller is. The same fingerprint gets the
            same answer again (and waits for it while it is being made); another one is refused.
        seconds: How long it is remembered *that* the value was used: for as long as it could open or be exchanged.
        repeat_seconds: How long after it was given the answer itself is remembered, for the same fingerprint.

    Raises at the yield:
        AlreadyUsed: Another caller, or another request, has claimed the value; or the answer is remembered no longer.
        MemoryFull: So many values are remembered that this one could not be.
    """

    app: str
    kind: str
    value: Secret
    fingerprint: bytes = field(repr=False)
    seconds: float
    repeat_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Settle(Step[None]):
    """Say what came of a claim.

    A `VerifiedPhone` or an error whose ``spent`` is YES closes it; an error with ``spent`` UNKNOWN leaves it open for
    another try by the same caller; an error with ``spent`` NO gives the value free again.

    A try that nobody settled ends when its time is up, and another may follow. After that, a success of the first one
    still counts if nothing is settled yet; any other word of it does not.
    """

    ref: Ref
    outcome: VerifiedPhone | HaomaError
