"""What one process remembers: tokens, sessions, tries, and which one-time values were used for what.

One object serves both drivers and any number of threads and event loops. Nothing here waits: when an answer is being
made by another flow, `Memory.answer` returns a `Waiting`, and the driver waits in its own way.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar

from haoma.errors import AlreadyUsed, HaomaError, InternalFault, OutcomeUnknown, Spent, TimedOut
from haoma.io.clock import monotonic
from haoma.steps import Claim, Drop, Fresh, Keep, Mint, Recall, Refund, Settle, Settled, Spend, Step
from haoma.verified import VerifiedPhone

V = TypeVar("V")

Outcome: TypeAlias = VerifiedPhone | HaomaError

_ALWAYS: Final = math.inf
_FEW: Final = 1024


class _Table(Generic[V]):
    """A dict whose entries expire, with at most ``cap`` entries that are not kept for ever.

    It is swept whenever it has doubled, so that what has expired (it may hold phone numbers) does not stay until the
    table is full, and each entry pays for its own share of the sweeping.
    """

    def __init__(self, cap: int, now: Callable[[], float]) -> None:
        self._cap = cap
        self._now = now
        self._sweep_at = min(cap, _FEW)
        self._entries: dict[object, tuple[float, V]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: object) -> V | None:
        until, value = self._entries.get(key, (_ALWAYS, None))
        if until > self._now():
            return value
        del self._entries[key]
        return None

    def put(self, key: object, value: V, until: float) -> None:
        self._entries.pop(key, None)  # an entry that is written again is the youngest
        if len(self._entries) >= self._sweep_at:
            self._sweep()
        self._entries[key] = (until, value)

    def pop(self, key: object) -> None:
        self._entries.pop(key, None)

    def _sweep(self) -> None:
        now = self._now()
        kept = {key: entry for key, entry in self._entries.items() if entry[0] > now}
        if len(kept) >= self._cap:
            # A sixteenth at once, or a full table would be searched for every new entry. What is kept for ever is a
            # claim under way; there are never more of these than requests.
            surplus = len(kept) - self._cap * 15 // 16
            for key in [key for key, (until, _) in kept.items() if until != _ALWAYS][:surplus]:
                del kept[key]
        self._entries = kept
        self._sweep_at = min(self._cap, max(_FEW, 2 * len(kept)))


@dataclass(frozen=True, slots=True)
class Waiting:
    """The answer is being made by another flow.

    Every waiter has a future of its own: one that is cancelled takes nobody with it.

    Attributes:
        future: Gets the answer, or one of our errors.
        seconds: How long to wait.
        late: What to raise then.
    """

    future: Future[Any]
    seconds: float
    late: HaomaError


@dataclass(eq=False, slots=True)
class _Row:
    """One claim of one value: under way while ``waiters`` is a list, then with an outcome, or with an unknown one."""

    key: bytes
    fingerprint: bytes
    until: float
    after_unknown: bool
    waiters: list[Future[Any]] | None = field(default_factory=list)
    outcome: Outcome | None = None


class Abandoned(Exception):
    """The flow that a waiter shared was cancelled; the first to ask again takes over. Seen by the drivers only."""


class Shared:
    """Where the leader of a `Share` puts its result."""

    result: object = None


class Memory:
    """Answers Recall, Keep, Drop, Spend, Refund, Mint, Claim and Settle, and says who leads a Share.

    Args:
        cap: Most entries per table. What has expired goes first, then the oldest.
        patience: Seconds to wait for another flow; longer than any flow takes, unless a hook hangs.
        now: A clock that is never set back.
    """

    def __init__(self, *, cap: int = 100_000, patience: float = 60.0, now: Callable[[], float] = monotonic) -> None:
        self._patience = patience
        self._now = now
        # Keyed with what dies with the process: nothing that was claimed can be found out from a dump of the table,
        # short codes and phone-like values included.
        self._key = secrets.token_bytes(32)
        # Held for dict operations only. Reentrant, because a flow that the garbage collector closes in the middle of
        # one settles its claims right there, in the same thread.
        self._lock = threading.RLock()
        self._kept: _Table[object] = _Table(cap, now)
        self._tries: _Table[list[float]] = _Table(cap, now)
        self._rows: _Table[_Row] = _Table(cap, now)
        self._shares: dict[str, list[Future[Any]]] = {}

    def answer(self, step: Step[Any]) -> object:
        """Return the answer to ``step``, or a `Waiting`."""
        match step:
            case Mint():
                return secrets.token_urlsafe(32)
            case Recall(key):
                with self._lock:
                    return self._kept.get(key)
            case Keep(key, value, seconds):
                with self._lock:
                    self._kept.put(key, value, self._now() + seconds)
            case Drop():
                self._drop(step)
            case Spend():
                return self._spend(step)
            case Refund(key):
                with self._lock:
                    if tries := self._tries.get(key):
                        tries.pop()
            case Claim():
                return self._claim(step)
            case Settle(ref, outcome):
                self.settle(ref, outcome)
            case _:
                raise TypeError(f"no answer to {type(step).__name__}")
        return None

    def _drop(self, step: Drop) -> None:
        with self._lock:
            if self._kept.get(step.key) == step.value:
                self._kept.pop(step.key)

    def _spend(self, step: Spend) -> bool:
        with self._lock:
            now = self._now()
            # Each try counts for `seconds` from when it was made: with a window that starts anew as a whole, twice
            # the limit would fit around its end.
            tries = [moment for moment in self._tries.get(step.key) or () if moment > now - step.seconds]
            if len(tries) >= step.limit:
                return False
            tries.append(now)
            self._tries.put(step.key, tries, now + step.seconds)
            return True

    # --- one-time values ---

    def _claim(self, step: Claim) -> Fresh | Settled | Waiting:
        key = self._digest(b"value", step.app, step.kind, step.value.reveal())
        fingerprint = self._digest(b"fingerprint", step.fingerprint)
        with self._lock:
            row = self._rows.get(key)
            if row is not None:
                if not hmac.compare_digest(row.fingerprint, fingerprint):
                    raise AlreadyUsed(app=step.app, because={"kind": step.kind})
                if row.outcome is not None:
                    return _settled(row.outcome)
                if row.waiters is not None:
                    return self._wait(row.waiters, OutcomeUnknown(app=step.app, spent=Spent.UNKNOWN))
            # A new object for every try: settling one that is over cannot touch the one that follows.
            fresh = _Row(key, fingerprint, self._now() + step.seconds, after_unknown=row is not None)
            self._rows.put(key, fresh, _ALWAYS)
            return Fresh(fresh, fresh.after_unknown)

    def abandon(self, ref: object) -> None:
        """Say that nothing is known of what came of a claim, unless that was said already."""
        if not (isinstance(ref, _Row) and ref.waiters is None):  # settled for good, as nearly every flow ends
            self.settle(ref, OutcomeUnknown(spent=Spent.UNKNOWN))

    def settle(self, ref: object, outcome: Outcome) -> None:
        """Say what came of a claim. Only the first word counts."""
        if not isinstance(ref, _Row):
            raise TypeError("not the ref of a claim")
        spent = Spent.YES
        if isinstance(outcome, HaomaError):
            spent = outcome.spent
            outcome = outcome.again()  # without the traceback, whose frames hold plain text
        with self._lock:
            if ref.waiters is None:
                return
            waiters, ref.waiters = ref.waiters, None
            if spent is Spent.YES:
                ref.outcome = outcome
            if spent is Spent.NO and not ref.after_unknown:
                self._rows.pop(ref.key)
            else:
                # "Not spent" after an unknown outcome speaks of the second try alone: the row stays unknown.
                self._rows.put(ref.key, ref, ref.until)
        for waiter in filter(_waits, waiters):
            waiter.set_result(_settled(outcome))

    def _digest(self, purpose: bytes, *parts: str | bytes) -> bytes:
        # As Python writes a tuple, no two are the same.
        return hashlib.blake2b(ascii(parts).encode(), key=self._key, person=purpose).digest()

    # --- shared flows ---

    def join(self, key: str) -> Waiting | None:
        """Wait for the flow under way under ``key``, or lead: after None, `lead` must follow."""
        with self._lock:
            if key in self._shares:
                return self._wait(self._shares[key], TimedOut())
            self._shares[key] = []
            return None

    @contextmanager
    def lead(self, key: str) -> Iterator[Shared]:
        """Share what the block puts into ``result``, or how it ends otherwise, with all who joined meanwhile."""
        shared = Shared()
        failure: Callable[[], Exception] | None = Abandoned  # cancelled, interrupted or closed
        try:
            yield shared
            failure = None
        except HaomaError as error:
            failure = error.again
            raise
        except Exception:
            failure = InternalFault
            raise
        finally:
            with self._lock:
                waiters = self._shares.pop(key)
            for waiter in filter(_waits, waiters):
                if failure is None:
                    waiter.set_result(shared.result)
                else:
                    waiter.set_exception(failure())

    def _wait(self, waiters: list[Future[Any]], late: HaomaError) -> Waiting:
        future: Future[Any] = Future()
        waiters.append(future)
        return Waiting(future, self._patience, late)


def _settled(outcome: Outcome) -> Settled:
    return Settled(outcome.again() if isinstance(outcome, HaomaError) else outcome)


def _waits(waiter: Future[Any]) -> bool:
    """Tell whether somebody still waits; from then on the future can no longer be cancelled, only resolved."""
    return waiter.set_running_or_notify_cancel()
