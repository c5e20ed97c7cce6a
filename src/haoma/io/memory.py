"""What one process remembers: tokens, sessions, tries, and which one-time values were used for what.

One object serves both drivers and any number of threads and event loops. Nothing here waits: when an answer is being
made by another flow, `Memory.answer` returns a `Waiting`, and the driver waits in its own way and asks again.

* **Nothing crowds out anything else.** Each shelf has its own tables, one for each app whose users can fill it, and
  says what happens when one is full (`Shelf`).
* **That a value was used** is remembered for as long as it could be used again, by two clocks: one that is never set
  back, and the one that the times in messages are compared with, which may be. The *answer* is remembered for seconds.
* **Whatever is under way has an age and a fence.** A flow that was killed, hangs or was interrupted holds nothing for
  longer than ``patience``: the next one takes over, and the late word of the first is refused by its fence.
* **After a fork** the child knows what was used and what is kept, but has no lock, no future and no run of the parent.
  What was under way then has an unknown outcome in the child.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import math
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from haoma.errors import AlreadyUsed, HaomaError, InternalFault, MemoryFull, PlatformRefusal, Spent
from haoma.io import clock
from haoma.io.process import PerProcess, interruption
from haoma.steps import (
    Claim,
    Drop,
    Fresh,
    Keep,
    Mint,
    Place,
    Recall,
    Ref,
    Refund,
    Settle,
    Settled,
    Shelf,
    Spend,
    Step,
)
from haoma.verified import VerifiedPhone

V = TypeVar("V")

Outcome: TypeAlias = VerifiedPhone | HaomaError

_TIMES: Final = {
    Shelf.CUSTODY: sys.maxsize,  # what the platforms themselves sent: as much as there are apps and merchants
    Shelf.PROOFS: 5,  # few bytes each, and some are of every exchange
}
_FEW: Final = 1024
_SWEEP_SECONDS: Final = 1.0
_FORGETFUL: Final = frozenset({Shelf.SESSIONS, Shelf.BUDGETS})
"""Shelves from which the oldest goes when they are full. On all others something new is refused."""


class _Table(Generic[V]):
    """A dict whose entries expire, with at most ``cap`` entries.

    It is swept whenever it has doubled, so that what has expired (it may hold phone numbers) does not stay until the
    table is full, and each entry pays for its own share of the sweeping.
    """

    def __init__(self, cap: int, now: Callable[[], float], *, forgetful: bool) -> None:
        self._cap = cap
        self._now = now
        self._forgetful = forgetful
        self._sweep_at = min(cap, _FEW)
        self._entries: dict[str, tuple[float, V]] = {}

    def copy(self, copy_value: Callable[[V], V]) -> _Table[V]:
        """Return a table with the same entries."""
        twin = _Table[V](self._cap, self._now, forgetful=self._forgetful)
        twin._entries = {key: (until, copy_value(value)) for key, (until, value) in list(self._entries.items())}
        twin._sweep_at = max(self._sweep_at, min(self._cap, len(twin._entries)))
        return twin

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> V | None:
        until, value = self._entries.get(key, (math.inf, None))
        if until > self._now():
            return value
        del self._entries[key]
        return None

    def put(self, key: str, value: V, until: float) -> bool:
        """Keep a value; False if the table is full of what must not be forgotten."""
        if key in self._entries:
            # An entry that is written again is the youngest. What must not be forgotten is nowhere absent meanwhile: a
            # signal handler may raise between the two lines.
            if self._forgetful:
                del self._entries[key]
        elif len(self._entries) >= self._sweep_at and not self._make_room():
            return False
        self._entries[key] = (until, value)
        return True

    def pop(self, key: str) -> None:
        self._entries.pop(key, None)

    def _make_room(self) -> bool:
        now = self._now()
        kept = {key: entry for key, entry in self._entries.items() if entry[0] > now}
        if len(kept) >= self._cap and self._forgetful:
            # A sixteenth at once, or a full table would be searched for every new entry.
            for key in list(kept)[: len(kept) - self._cap * 15 // 16]:
                del kept[key]
        self._entries = kept
        self._sweep_at = min(self._cap, max(_FEW, 2 * len(kept)))
        return len(kept) < self._cap


class Waiting(NamedTuple):
    """The answer is being made by another flow.

    Every waiter has a future of its own: one that is cancelled takes nobody with it.

    Attributes:
        future: Gets the answer, or one of our errors.
        seconds: How long to wait. Who has waited in vain asks again, and may take over.
    """

    future: Future[Any]
    seconds: float


class _Row(msgspec.Struct):
    """One claim of one value: under way while ``waiters`` is a list, then closed, or with an unknown outcome.

    Attributes:
        first, fence: Numbers of the first try of these claims and of the last. Before the first the value may have been
            somebody else's.
        stale: From when on a try under way is given up.
        until, until_wall: When both have passed, by the one clock and the other, the value may be forgotten.
        closed: The value is used. ``outcome`` is there for the same request, until `_State.answers` lets go of it.
    """

    fingerprint: bytes
    first: int
    fence: int
    stale: float
    until: float
    until_wall: float
    repeat_seconds: float
    after_unknown: bool
    waiters: list[Future[Any]] | None
    closed: bool = False
    outcome: Outcome | None = None

    def is_over(self, now: float, wall: float) -> bool:
        """Tell whether the value can no longer be used again.

        By both clocks: if the wall clock is set back, a time in a message that was too old may be young once more.
        """
        under_way = self.waiters is not None and self.stale > now
        return not under_way and self.until <= now and self.until_wall <= wall


class _Rows(dict[bytes, _Row]):
    """The claims of one app. What is used is never forgotten for the sake of something new."""

    sweep_at = _FEW
    not_before = -math.inf

    def has_room(self, cap: int, now: float, wall: float) -> bool:
        """Tell whether one more value can be remembered."""
        if len(self) >= min(self.sweep_at, cap) and now >= self.not_before:
            for key in [key for key, row in self.items() if row.is_over(now, wall)]:
                del self[key]
            self.sweep_at = max(_FEW, 2 * len(self))
            self.not_before = now + _SWEEP_SECONDS  # a full table is not searched for every request
        return len(self) < cap


class _Run(NamedTuple):
    """A run that several flows share. It is given up at ``stale``."""

    stale: float
    waiters: list[Future[Any]]


class Abandoned(Exception):
    """The flow that a waiter shared was cancelled; the first to ask again takes over. Seen by the drivers only."""


class Shared:
    """Where the leader of a `Share` puts its result."""

    result: object = None


class _State:
    """All of it, in one process."""

    def __init__(self, before: _State | None) -> None:
        # Held for dict operations only. Reentrant, because a flow that the garbage collector closes in the middle of
        # one settles its claims right there, in the same thread.
        self.lock = threading.RLock()
        self.kept: dict[tuple[Shelf, str], _Table[object]] = {}
        self.tries: dict[tuple[Shelf, str], _Table[list[float]]] = {}
        self.used: dict[str, _Rows] = {}
        self.runs: dict[Place, _Run] = {}
        self.answers: list[tuple[float, int, _Row]] = []  # a heap: until when, fence, row
        self.fences: Iterator[int] = itertools.count() if before is None else before.fences
        if before is not None:
            self.kept = {part: table.copy(lambda value: value) for part, table in list(before.kept.items())}
            self.tries = {part: table.copy(list) for part, table in list(before.tries.items())}
            self.used = {app: self._carried_over(rows) for app, rows in list(before.used.items())}

    def _carried_over(self, rows: _Rows) -> _Rows:
        """Return what a child knows of its parent's claims: that they were made. What was under way is not its own."""
        return _Rows(
            (key, msgspec.structs.replace(row, fence=next(self.fences), waiters=None, outcome=None))
            for key, row in list(rows.items())
        )


class Memory:
    """Answers Recall, Keep, Drop, Spend, Refund, Mint, Claim and Settle, and says who leads a Share.

    Args:
        cap: Most entries of each shelf, and most used values, for each app.
        patience: Seconds after which a flow under way is given up; longer than any flow takes, unless a hook hangs.
        now: A clock that is never set back.
        wall: Unix seconds: the clock that times in messages are compared with.
    """

    def __init__(
        self,
        *,
        cap: int = 100_000,
        patience: float = 60.0,
        now: Callable[[], float] = clock.monotonic,
        wall: Callable[[], float] = clock.now,
    ) -> None:
        self._cap = cap
        self._patience = patience
        self._now = now
        self._wall = wall
        # Keyed with what dies with the process: nothing that was claimed can be found out from a dump of the table,
        # short codes and phone-like values included. A child goes on with it, or it would not know what was used.
        self._key = secrets.token_bytes(hashlib.blake2s.MAX_KEY_SIZE)
        self._state = PerProcess(_State)

    def answer(self, step: Step[Any], held: list[Ref] | None = None) -> object:  # noqa: C901 - one line a step
        """Return the answer to ``step``, or a `Waiting`.

        Args:
            step: The question.
            held: Gets the ref of a claim *before* the claim is made, so that whoever holds the list can `abandon` it
                wherever an exception comes up.
        """
        state = self._state.get()
        match step:
            case Mint():
                return secrets.token_urlsafe(32)
            case Recall(place):
                with state.lock:
                    return self._kept(state, place).get(place.key)
            case Keep(place, value, seconds):
                with state.lock:
                    if not self._kept(state, place).put(place.key, value, self._now() + seconds):
                        raise MemoryFull(because={"kind": place.shelf})
            case Drop(place, value):
                with state.lock:
                    if self._kept(state, place).get(place.key) == value:
                        self._kept(state, place).pop(place.key)
            case Spend():
                return self._spend(state, step)
            case Refund(place):
                with state.lock:
                    self._refund(state, place)
            case Claim():
                return self._claim(state, step, [] if held is None else held)
            case Settle(ref, outcome):
                self.settle(ref, outcome)
            case _:
                raise TypeError(f"no answer to {type(step).__name__}")
        return None

    def _kept(self, state: _State, place: Place) -> _Table[object]:
        return self._part(state.kept, place)

    def _tries(self, state: _State, place: Place) -> _Table[list[float]]:
        return self._part(state.tries, place)

    def _part(self, tables: dict[tuple[Shelf, str], _Table[V]], place: Place) -> _Table[V]:
        part = (place.shelf, place.owner)
        table = tables.get(part)
        if table is None:
            cap = self._cap * _TIMES.get(place.shelf, 1)
            table = tables[part] = _Table[V](cap, self._now, forgetful=place.shelf in _FORGETFUL)
        return table

    def _spend(self, state: _State, step: Spend) -> bool:
        with state.lock:
            now = self._now()
            table, key = self._tries(state, step.place), step.place.key
            # Each try counts for `seconds` from when it was made: with a window that starts anew as a whole, twice
            # the limit would fit around its end.
            tries = [moment for moment in table.get(key) or () if moment > now - step.seconds]
            if len(tries) >= step.limit:
                return False
            return table.put(key, [*tries, now], now + step.seconds)

    def _refund(self, state: _State, place: Place) -> None:
        table = self._tries(state, place)
        tries = table.get(place.key) or []
        if len(tries) > 1:
            tries.pop()
        else:
            table.pop(place.key)  # a key with all its tries takes no room

    # --- one-time values ---

    def _claim(self, state: _State, step: Claim, held: list[Ref]) -> Fresh | Settled | Waiting:
        key = self._digest(b"value", step.app, step.kind, step.value.reveal())
        fingerprint = self._digest(b"print", step.fingerprint)
        with state.lock:
            now, wall = self._now(), self._wall()
            self._forget_answers(state, now)
            rows = state.used.setdefault(step.app, _Rows())
            row = rows.get(key)
            if row is not None and row.is_over(now, wall):
                row = None
            fence = next(state.fences)
            if row is None:
                if not rows.has_room(self._cap, now, wall):
                    raise MemoryFull(because={"kind": "used values"})
                first, waiters, after_unknown = fence, [], False
            else:
                if not hmac.compare_digest(row.fingerprint, fingerprint):
                    raise AlreadyUsed(because={"kind": step.kind})
                if row.closed:
                    if row.outcome is None:
                        raise AlreadyUsed(because={"kind": step.kind})
                    return Settled(_again(row.outcome))
                if row.waiters is not None and row.stale > now:
                    return _wait(row.waiters, row.stale - now)
                # Those who wait for a try that is given up wait for the one that follows.
                first, waiters, after_unknown = row.first, row.waiters or [], True
            ref = Ref(step.app, key, fence)
            held.append(ref)
            rows[key] = _Row(
                fingerprint,
                first,
                fence,
                stale=now + self._patience,
                until=now + step.seconds,
                until_wall=wall + step.seconds,
                repeat_seconds=step.repeat_seconds,
                after_unknown=after_unknown,
                waiters=waiters,
            )
            return Fresh(ref, after_unknown)

    def abandon(self, ref: Ref) -> None:
        """Say that nothing is known of what came of a claim, unless something was said already."""
        self._settle(ref, None)

    def settle(self, ref: Ref, outcome: Outcome) -> None:
        """Say what came of a claim. Only the first word counts; a success counts as long as nothing is settled."""
        self._settle(ref, _again(outcome))  # without the traceback, whose frames hold plain text

    def _settle(self, ref: Ref, outcome: Outcome | None) -> None:
        state = self._state.get()
        with state.lock:
            rows = state.used.get(ref.app, _Rows())
            row = rows.get(ref.key)
            late = row is not None and row.first <= ref.fence and isinstance(outcome, VerifiedPhone)
            if row is None or row.closed or not (late or row.fence == ref.fence):
                return
            now = self._now()
            waiters, row.waiters = row.waiters or [], None
            row.fence = next(state.fences)
            match outcome:
                case VerifiedPhone() | HaomaError(spent=Spent.YES):
                    self._close(state, row, outcome, now)
                case HaomaError(spent=Spent.NO) if not row.after_unknown:
                    del rows[ref.key]
            # "Not spent" after an unknown outcome speaks of the second try alone: the row stays unknown.
        for waiter in filter(_waits, waiters):
            if outcome is None:
                waiter.set_exception(Abandoned())
            else:
                waiter.set_result(Settled(_again(outcome)))

    def _close(self, state: _State, row: _Row, outcome: Outcome, now: float) -> None:
        answer_until = now + row.repeat_seconds
        heapq.heappush(state.answers, (answer_until, row.fence, row))  # first: no answer is there that nobody lets go
        row.closed, row.outcome = True, outcome
        if isinstance(outcome, PlatformRefusal) and not row.after_unknown:
            # What the platform refuses once it refuses again. It need not be remembered for longer than its answer,
            # so whoever sends made-up codes fills nothing.
            row.until, row.until_wall = min(row.until, answer_until), -math.inf

    def _forget_answers(self, state: _State, now: float) -> None:
        """Let go of answers whose time is over: they hold phone numbers."""
        answers = state.answers
        while answers and (answers[0][0] <= now or len(answers) > self._cap):
            *_, row = heapq.heappop(answers)
            row.outcome = None

    def _digest(self, purpose: bytes, *parts: str | bytes) -> bytes:
        # As Python writes a tuple, no two are the same.
        return hashlib.blake2s(ascii(parts).encode(), key=self._key, person=purpose).digest()

    # --- shared flows ---

    def lead(self, place: Place) -> Lead:
        """Lead the run for ``place``, or get a `Waiting` if there is one under way."""
        return Lead(self._state.get(), place, self._now, self._patience)


class Lead:
    """A ``with`` block around a run. What it puts into ``result``, or how it ends otherwise, all who wait get.

    It is no generator: an exception that a signal handler raises while one is being closed by the garbage collector
    goes to nobody.
    """

    def __init__(self, state: _State, place: Place, now: Callable[[], float], patience: float) -> None:
        self._state, self._place, self._now, self._patience = state, place, now, patience
        self._shared = Shared()
        self._mine = _Run(now() + patience, [])

    def __enter__(self) -> Shared | Waiting:
        state, now = self._state, self._now()
        try:
            with state.lock:
                under_way = state.runs.get(self._place)
                if under_way is not None and under_way.stale > now:
                    return _wait(under_way.waiters, under_way.stale - now)
                state.runs[self._place] = self._mine
                return self._shared  # in here: a signal handler may raise at this line, too
        except BaseException:
            self._end(Abandoned)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _where: object) -> None:
        if kind is None:
            self._end(None)
        elif isinstance(error, Exception) and interruption(error) is None:
            self._end(error.again if isinstance(error, HaomaError) else InternalFault)
        else:
            self._end(Abandoned)  # cancelled, interrupted or closed

    def _end(self, failure: Callable[[], Exception] | None) -> None:
        with self._state.lock:
            if self._state.runs.get(self._place) is self._mine:
                del self._state.runs[self._place]
        for waiter in filter(_waits, self._mine.waiters):
            if failure is None:
                waiter.set_result(self._shared.result)
            else:
                waiter.set_exception(failure())


def _wait(waiters: list[Future[Any]], seconds: float) -> Waiting:
    future: Future[Any] = Future()
    waiters.append(future)
    return Waiting(future, seconds)


def _again(outcome: Outcome) -> Outcome:
    return outcome.again() if isinstance(outcome, HaomaError) else outcome


def _waits(waiter: Future[Any]) -> bool:
    """Tell whether somebody still waits; from then on the future can no longer be cancelled, only resolved."""
    return waiter.set_running_or_notify_cancel()
