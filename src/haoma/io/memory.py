"""The in-process answerer: it stores tokens, sessions, tries and used one-time values.

One object serves both drivers and any number of threads and event loops. Nothing here waits. If an answer is not
available yet, `Memory.answer` returns a `Waiting`; the driver waits in its own way and asks again.

* **Only bytes are stored**: each value is encoded by the codec of its shelf and stored under a keyed digest of its key.
  So no stored value depends on an object of the flow that stored it.
* **Nothing crowds out anything else.** Each room has separate tables, one per app whose users can fill it, and its own
  rule for a full table (`Room`).
* **The use of a value** is remembered as long as it could be used again, by two clocks: a monotonic one, and the wall
  clock that timestamps in messages are compared with, which may be set back. The *answer* is remembered for seconds.
* **Everything in progress has an age and a fence.** A flow that was killed or interrupted, or hangs, holds nothing for
  longer than ``patience``. Then the next one takes over, and a late outcome of the first is refused by its fence.
* **After a fork** the child knows the stored values and which values were used, but has no lock, future or lease. What
  was in progress has an unknown outcome in the child.
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
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from haoma.accounts import Verb
from haoma.codecs import OUTCOME
from haoma.errors import AlreadyUsed, HaomaError, MemoryFull, NoAccounts, PlatformRefusal, Spent
from haoma.io import clock
from haoma.io.answers import Waiting
from haoma.io.process import PerProcess
from haoma.steps import (
    ABSENT,
    Conclude,
    Concluded,
    Drop,
    EndLease,
    Found,
    Keep,
    Key,
    Lease,
    Mint,
    Outcome,
    Recall,
    Ref,
    Reserve,
    Reserved,
    ReturnTry,
    Room,
    Settle,
    Step,
    TakeLease,
    TakeTry,
    UnderWay,
    Watch,
    Withdrawn,
)
from haoma.verified import VerifiedPhone

V = TypeVar("V")

_TIMES: Final = {
    Room.CUSTODY: sys.maxsize,  # sent by the platforms themselves, so bounded by the number of apps and merchants
    Room.PROOFS: 5,  # entries are small, and every exchange makes some
}
_FEW: Final = 1024
_SWEEP_SECONDS: Final = 1.0
_FORGETFUL: Final = frozenset({Room.SESSIONS, Room.BUDGETS})
"""Rooms that evict the oldest entry when they are full. All others refuse new entries."""


class _Table(Generic[V]):
    """A dict with at most ``cap`` entries that expire.

    It is swept whenever it has doubled. So expired entries, which may hold phone numbers, do not stay until the table
    is full, and the cost of sweeping per entry is constant.
    """

    def __init__(self, cap: int, now: Callable[[], float], *, forgetful: bool) -> None:
        self._cap = cap
        self._now = now
        self._forgetful = forgetful
        self._sweep_at = min(cap, _FEW)
        self._entries: dict[bytes, tuple[float, V]] = {}

    def copy(self, copy_value: Callable[[V], V]) -> _Table[V]:
        """Return a table with the same entries."""
        twin = _Table[V](self._cap, self._now, forgetful=self._forgetful)
        twin._entries = {key: (until, copy_value(value)) for key, (until, value) in list(self._entries.items())}
        twin._sweep_at = max(self._sweep_at, min(self._cap, len(twin._entries)))
        return twin

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> V | None:
        until, value = self._entries.get(key, (math.inf, None))
        if until > self._now():
            return value
        del self._entries[key]
        return None

    def until(self, key: bytes) -> float:
        """Return when the entry expires, by the clock of the table."""
        return self._entries[key][0]

    def put(self, key: bytes, value: V, until: float) -> bool:
        """Store a value. Return False if the table is full and must not evict entries."""
        if key in self._entries:
            # A rewritten entry becomes the youngest. Only forgetful tables delete it first: a signal handler may raise
            # before it is stored again, and the other tables must never lose an entry.
            if self._forgetful:
                del self._entries[key]
        elif len(self._entries) >= self._sweep_at and not self._make_room():
            return False
        self._entries[key] = (until, value)
        return True

    def pop(self, key: bytes) -> None:
        self._entries.pop(key, None)

    def _make_room(self) -> bool:
        now = self._now()
        kept = {key: entry for key, entry in self._entries.items() if entry[0] > now}
        if len(kept) >= self._cap and self._forgetful:
            # Evict a sixteenth at once; otherwise a full table would be searched for every new entry.
            for key in list(kept)[: len(kept) - self._cap * 15 // 16]:
                del kept[key]
        self._entries = kept
        self._sweep_at = min(self._cap, max(_FEW, 2 * len(kept)))
        return len(kept) < self._cap


class _Stand(Enum):
    """The state of a reservation."""

    UNDER_WAY = "under way"
    UNKNOWN = "unknown"  # the value may be used; the same request may try again
    DONE = "done"  # the value is used
    FREE = "free"  # the value is not used; the row only serves requests that waited


@dataclass(slots=True)
class _Row:
    """All reservations of one value by one request.

    Attributes:
        first, fence: Numbers of the first and the last reservation. Before the first, another request may have held the
            value.
        stale: Monotonic time at which an attempt in progress is given up.
        until, until_wall: The value may be forgotten once both have passed, by the monotonic and the wall clock.
        outcome: The outcome of the last reservation, if any, kept until ``answer_until``.
    """

    fingerprint: bytes
    first: int
    fence: int
    stale: float
    until: float
    until_wall: float
    repeat_seconds: float
    after_unknown: bool
    stand: _Stand = _Stand.UNDER_WAY
    outcome: bytes | None = None
    answer_until: float = -math.inf
    waiters: list[Future[None]] = field(default_factory=list)

    def is_under_way(self, now: float) -> bool:
        return self.stand is _Stand.UNDER_WAY and self.stale > now

    def is_over(self, now: float, wall: float) -> bool:
        """Return True if the value cannot be used any more, or was never used.

        Both clocks must agree: if the wall clock is set back, an expired timestamp in a message may be valid again.
        """
        if self.stand is _Stand.FREE:
            return True
        return not self.is_under_way(now) and self.until <= now and self.until_wall <= wall


class _Rows(dict[bytes, _Row]):
    """The reservations of one app. A used value is never evicted for a new one."""

    sweep_at = _FEW
    not_before = -math.inf

    def has_room(self, cap: int, now: float, wall: float) -> bool:
        """Return True if one more value can be stored."""
        if len(self) >= min(self.sweep_at, cap) and now >= self.not_before:
            for key in [key for key, row in self.items() if row.is_over(now, wall)]:
                del self[key]
            self.sweep_at = max(_FEW, 2 * len(self))
            self.not_before = now + _SWEEP_SECONDS  # do not search a full table for every request
        return len(self) < cap


@dataclass(slots=True)
class _Held:
    """A lease, and after its end the failure that its holder reported."""

    fence: int
    until: float
    ended: bool = False
    failure: bytes | None = None
    waiters: list[Future[None]] = field(default_factory=list)


class _State:
    """The state of one process."""

    def __init__(self, before: _State | None) -> None:
        # Held only for dict operations. Reentrant, because the garbage collector may close a flow during one, and the
        # flow then settles its reservations in the same thread.
        self.lock = threading.RLock()
        self.kept: dict[tuple[Room, str], _Table[tuple[int, bytes]]] = {}
        self.tries: dict[tuple[Room, str], _Table[list[float]]] = {}
        self.used: dict[str, _Rows] = {}
        self.leases: dict[tuple[Room, str, bytes], _Held] = {}
        self.leases_sweep_at = _FEW
        self.answers: list[tuple[float, int, _Row]] = []  # a heap: until when, fence, row
        self.fences: Iterator[int] = itertools.count(ABSENT + 1) if before is None else before.fences
        if before is not None:
            self.kept = {part: table.copy(lambda value: value) for part, table in list(before.kept.items())}
            self.tries = {part: table.copy(list) for part, table in list(before.tries.items())}
            self.used = {app: self._carried_over(rows) for app, rows in list(before.used.items())}

    def _carried_over(self, rows: _Rows) -> _Rows:
        """Return the parent's reservations for a child. Those in progress become unknown, as it does not own them."""
        return _Rows(
            (
                key,
                replace(
                    row,
                    fence=next(self.fences),
                    stand=_Stand.DONE if row.stand is _Stand.DONE else _Stand.UNKNOWN,
                    outcome=None,
                    waiters=[],
                ),
            )
            for key, row in list(rows.items())
            if row.stand is not _Stand.FREE
        )


class Memory:
    """The answerer for one process: stored values, counters, leases and one-time values.

    Args:
        cap: Maximum number of entries per room, and of used values, for each app.
        patience: Seconds after which a flow in progress is given up. No flow takes that long unless a hook hangs.
        now: A clock that is never set back.
        wall: Returns Unix seconds. Timestamps in messages are compared with this clock.

    Attributes:
        shared: Always False: other processes have a separate memory.
    """

    shared: Final = False

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
        # Random and only in this process, so that a dump of the tables reveals no key and no one-time value, not even
        # a short code that could be guessed. Forked children use the same key; otherwise they would not recognise used
        # values.
        self._key = secrets.token_bytes()
        self._state = PerProcess(_State)

    def answer(self, step: Step[Any], held: list[Ref | Lease] | None = None) -> object:  # noqa: C901, PLR0911, PLR0912 - one line a step
        """Return the answer to ``step``, or a `Waiting`.

        Args:
            step: The step.
            held: A reservation or lease is added to this list *before* it is made, so that the driver can `let_go` of
                it wherever an exception is raised.
        """
        if isinstance(step, Conclude) and step.ref is None:  # such as an envelope without a login
            return Concluded(step.outcome)
        state = self._state.get()
        held = [] if held is None else held
        match step:  # the most frequent steps come first
            case Conclude(_, Ref() as ref, outcome):
                return self._conclude(state, ref, outcome)
            case Reserve():
                return self._reserve(state, step, held)
            case Recall():
                return self._recall(state, step)
            case Keep():
                return self._keep(state, step)
            case TakeTry():
                return self._take_try(state, step)
            case ReturnTry(key):
                self._return_try(state, key)
            case Drop():
                return self._drop(state, step)
            case Mint():
                return secrets.token_urlsafe(32)
            case TakeLease(key):
                return self._take_lease(state, key, held)
            case EndLease(lease, failure):
                self._end_lease(state, lease, failure)
            case Watch(UnderWay(by)):
                return self._watch_lease(state, by) if isinstance(by, Lease) else self._watch(state, by)
            case Settle(ref, spent):
                self._settle(state, ref, None, spent)
            case Verb():
                raise NoAccounts
            case Withdrawn():  # no accounts are kept in memory
                return False
            case _:
                raise TypeError(f"no answer to {type(step).__name__}")
        return None

    def let_go(self, held: Ref | Lease, failure: HaomaError | None = None) -> None:
        """End a reservation or lease whose flow ended without concluding it. Do nothing if it was concluded.

        Args:
            held: The lease, or the reservation, whose outcome is then unknown.
            failure: The error for those who wait for the lease, if any.
        """
        self.answer(EndLease(held, failure) if isinstance(held, Lease) else Settle(held, Spent.UNKNOWN))

    def _digest(self, purpose: bytes, *parts: str | bytes) -> bytes:
        # The repr of a tuple is unambiguous: no two different tuples have the same.
        return hashlib.blake2b(ascii(parts).encode(), key=self._key, person=purpose, digest_size=32).digest()

    def _place(self, key: Key) -> bytes:
        return self._digest(b"place", key.kind, *key.parts)

    def _part(self, tables: dict[tuple[Room, str], _Table[V]], key: Key) -> _Table[V]:
        part = (key.room, key.owner)
        table = tables.get(part)
        if table is None:
            cap = self._cap * _TIMES.get(key.room, 1)
            table = tables[part] = _Table[V](cap, self._now, forgetful=key.room in _FORGETFUL)
        return table

    # --- stored values ---

    def _recall(self, state: _State, step: Recall[Any]) -> Found[Any]:
        shelf, key = step.place
        place = self._place(key)
        now = self._wall()
        with state.lock:
            table = self._part(state.kept, key)
            version, value = table.get(place) or (ABSENT, None)
            if value is None:
                return Found(None, ABSENT, now)
            until = now + table.until(place) - self._now()
        return Found(shelf.codec.decode(value), version, now, until)

    def _keep(self, state: _State, step: Keep[Any]) -> bool:
        shelf, key = step.place
        place, value = self._place(key), shelf.codec.encode(step.value)
        with state.lock:
            table = self._part(state.kept, key)
            if not self._may_change(state, table, place, step.expect, step.lease):
                return False
            if not table.put(place, (next(state.fences), value), self._now() + step.seconds):
                raise MemoryFull(because={"kind": key.room})
            return True

    def _drop(self, state: _State, step: Drop) -> bool:
        place = self._place(step.place.key)
        with state.lock:
            table = self._part(state.kept, step.place.key)
            if not self._may_change(state, table, place, step.version, step.lease):
                return False
            table.pop(place)
            return True

    def _may_change(
        self, state: _State, table: _Table[tuple[int, bytes]], place: bytes, version: int | None, lease: Lease | None
    ) -> bool:
        if version is not None and (table.get(place) or (ABSENT, b""))[0] != version:
            return False
        return lease is None or self._is_held(state, lease)

    # --- tries ---

    def _take_try(self, state: _State, step: TakeTry) -> bool:
        place = self._place(step.key)
        with state.lock:
            now = self._now()
            table = self._part(state.tries, step.key)
            # A sliding window: each try counts for `seconds`. A fixed window would allow twice the limit around its
            # end.
            tries = [moment for moment in table.get(place) or () if moment > now - step.seconds]
            if len(tries) >= step.limit:
                return False
            return table.put(place, [*tries, now], now + step.seconds)

    def _return_try(self, state: _State, key: Key) -> None:
        place = self._place(key)
        with state.lock:
            table = self._part(state.tries, key)
            tries = table.get(place) or []
            if len(tries) > 1:
                tries.pop()
            else:
                table.pop(place)  # a key with all its tries left needs no entry

    # --- leases ---

    def _take_lease(self, state: _State, key: Key, held: list[Ref | Lease]) -> Lease | UnderWay:
        place = (key.room, key.owner, self._place(key))
        with state.lock:
            now = self._now()
            there = state.leases.get(place)
            if there is not None and not there.ended and there.until > now:
                return UnderWay(Lease(key, there.fence), there.until - now)
            if len(state.leases) >= state.leases_sweep_at:
                state.leases = {each: one for each, one in state.leases.items() if one.until > now and not one.ended}
                state.leases_sweep_at = max(_FEW, 2 * len(state.leases))
            lease = Lease(key, next(state.fences))
            held.append(lease)
            state.leases[place] = _Held(lease.fence, now + self._patience)
            woken = [] if there is None else there.waiters
        _wake(woken)
        return lease

    def _end_lease(self, state: _State, lease: Lease, failure: HaomaError | None) -> None:
        with state.lock:
            there = self._lease_of(state, lease)
            if there is None or there.ended:
                return
            there.ended = True
            there.failure = None if failure is None else OUTCOME.encode(failure)
            woken, there.waiters = there.waiters, []
        _wake(woken)

    def _watch_lease(self, state: _State, lease: Lease) -> Outcome | Waiting | None:
        with state.lock:
            there = self._lease_of(state, lease)
            if there is None:
                return None
            now = self._now()
            if not there.ended and there.until > now:
                return _wait(there.waiters, there.until - now)
            failure = there.failure
        return None if failure is None else OUTCOME.decode(failure)

    def _lease_of(self, state: _State, lease: Lease) -> _Held | None:
        there = state.leases.get((lease.key.room, lease.key.owner, self._place(lease.key)))
        return there if there is not None and there.fence == lease.fence else None

    def _is_held(self, state: _State, lease: Lease) -> bool:
        there = self._lease_of(state, lease)
        return there is not None and not there.ended

    # --- one-time values ---

    def _reserve(self, state: _State, step: Reserve, held: list[Ref | Lease]) -> Reserved | Concluded | UnderWay:
        key = self._digest(b"value", step.app, step.kind, step.value.reveal())
        fingerprint = self._digest(b"fingerprint", step.fingerprint)
        with state.lock:
            now, wall = self._now(), self._wall()
            self._forget_answers(state, now)
            rows = state.used.setdefault(step.app, _Rows())
            row = rows.get(key)
            if row is not None and row.is_over(now, wall):
                row = None
            fence = next(state.fences)
            first, after_unknown, waiters = fence, False, []
            if row is None:
                if not rows.has_room(self._cap, now, wall):
                    raise MemoryFull(because={"kind": "used values"})
            else:
                if not hmac.compare_digest(row.fingerprint, fingerprint):
                    raise AlreadyUsed(because={"kind": step.kind})
                if row.stand is _Stand.DONE:
                    if row.outcome is None:  # expired, and dropped by `_forget_answers` above
                        raise AlreadyUsed(because={"kind": step.kind})
                    return Concluded(OUTCOME.decode(row.outcome))
                if row.is_under_way(now):
                    return UnderWay(Ref(step.app, key, row.first), row.stale - now)
                # Requests that wait for the attempt that was given up now wait for this one.
                first, after_unknown, waiters = row.first, True, row.waiters
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
            return Reserved(ref, after_unknown)

    def _watch(self, state: _State, ref: Ref) -> Outcome | Waiting | None:
        with state.lock:
            row = state.used.get(ref.app, _Rows()).get(ref.key)
            if row is None or row.first != ref.fence:
                return None
            now = self._now()
            if row.is_under_way(now):
                return _wait(row.waiters, row.stale - now)
            outcome = row.outcome if row.answer_until > now else None
        return None if outcome is None else OUTCOME.decode(outcome)

    def _conclude(self, state: _State, ref: Ref, outcome: Outcome) -> Concluded:
        spent = outcome.spent if isinstance(outcome, HaomaError) else Spent.YES
        known = self._settle(state, ref, outcome, spent)
        return Concluded(outcome if known is None else known)

    def _settle(self, state: _State, ref: Ref, outcome: Outcome | None, spent: Spent) -> Outcome | None:
        """Record the outcome of a reservation.

        Only the first outcome of an attempt counts. A late success counts if the reservation is not closed.

        Returns:
            The number that counts instead, if another attempt has found one in the meantime.
        """
        encoded = None if outcome is None else OUTCOME.encode(outcome)
        with state.lock:
            row = state.used.get(ref.app, _Rows()).get(ref.key)
            if row is None or not row.first <= ref.fence <= row.fence:
                return None
            late = ref.fence < row.fence
            if row.stand in {_Stand.DONE, _Stand.FREE} or (late and not isinstance(outcome, VerifiedPhone)):
                return _number_in(row)
            fence = next(state.fences)
            row.outcome, row.answer_until = None, self._now() + row.repeat_seconds
            if encoded is not None:
                # Pushed before the outcome is set, so that an interruption leaves no answer that is never forgotten.
                heapq.heappush(state.answers, (row.answer_until, fence, row))
                row.outcome = encoded
            if spent is Spent.YES:
                stand = _Stand.DONE
                if isinstance(outcome, PlatformRefusal) and not row.after_unknown:
                    # A code that the platform refused will be refused again, so it is remembered no longer than the
                    # answer. Made-up codes therefore cannot fill the memory.
                    row.until, row.until_wall = min(row.until, row.answer_until), -math.inf
            elif spent is Spent.NO and not row.after_unknown:
                stand = _Stand.FREE
            else:  # after an unknown outcome, "not spent" only describes the later attempt
                stand = _Stand.UNKNOWN
            row.stand, row.fence = stand, fence  # last: until then an interrupted holder can still let go
            woken, row.waiters = row.waiters, []
        _wake(woken)
        return None

    def _forget_answers(self, state: _State, now: float) -> None:
        """Drop expired answers, because they hold phone numbers."""
        answers = state.answers
        while answers and (answers[0][0] <= now or len(answers) > self._cap):
            until, _, row = answers[0]
            if row.answer_until == until:  # otherwise the row has a newer answer
                row.outcome = None
            heapq.heappop(answers)  # last, so that an interruption leaves no answer behind


def _number_in(row: _Row) -> Outcome | None:
    outcome = None if row.outcome is None else OUTCOME.decode(row.outcome)
    return outcome if isinstance(outcome, VerifiedPhone) else None


def _wait(waiters: list[Future[None]], seconds: float) -> Waiting:
    future: Future[None] = Future()
    waiters.append(future)
    return Waiting(future, seconds)


def _wake(waiters: list[Future[None]]) -> None:
    for waiter in waiters:
        # A waiter that was cancelled in the meantime can no longer be resolved.
        if waiter.set_running_or_notify_cancel():
            waiter.set_result(None)
