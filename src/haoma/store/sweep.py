"""The sweep: deletes what is over, and keeps of the ledger only how many rows there were.

An answer holds a phone number. It is emptied within a minute after it is no longer repeated, so every process asks for
a sweep each half minute, and one of them does it: whoever gets the lease, a row like any other. A process that is
killed keeps it for 15 seconds.

Each batch is one transaction. It renews the lease first, so a process that has lost it changes nothing any more. Rows
are changed and deleted by their version, and those of the ledger in the transaction that counts them: nothing is
counted twice or lost, whenever the process is killed, and even if two sweep at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import secrets
from collections import Counter
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma.errors import HaomaError, StoreUnavailable
from haoma.store.audit.retention import Retention
from haoma.store.batch import LANES, Conflict, Disconnected, Fences
from haoma.store.days import DAY_MS, day_of
from haoma.store.flows import ask
from haoma.store.rows import (
    DISPUTES,
    KEPT,
    LEASES,
    LEDGER,
    OUTBOX,
    STARTED,
    TRIES,
    UNKNOWN,
    USAGE,
    Counted,
    Leased,
    usage_place,
)
from haoma.store.version import reaching

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from haoma.store.audit.lanes import AuditKeys
    from haoma.store.batch import Connection
    from haoma.store.rows import Table
    from haoma.store.store import Engine

Work: TypeAlias = Generator[Any, Any, int]
"""What one transaction does; returns how many rows."""

EVERY_SECONDS: Final = 30.0
LEASE_PLACE: Final = hashlib.blake2b(b"sweep", person=b"haoma task", digest_size=32).digest()

_BATCH: Final = 256
_MOST: Final = 1000
"""Batches of one kind in one sweep, so that none keeps the others waiting for ever."""
_LEASE_MS: Final = 15_000
_GRACE_MS: Final = 600_000
"""How long a lease is kept after its end: those who waited for it read what its holder said."""
_USAGE_MS: Final = 731 * DAY_MS
_TURNS: Final = 5
_FLAGS: Final = frozenset({"busy", "more"})
_PAUSE: Final = 0.005  # between two batches, so that requests get their turn on SQLite


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did, or would do.

    Attributes:
        kept, leases, tries: Rows deleted.
        answers: Answers emptied.
        overdue: Rows of the ledger whose holder was given up: their outcome is unknown.
        ledger: Rows of the ledger deleted and counted.
        usage: Rows of usage deleted.
        audit: Rows and seals of the audit log deleted, because they are old.
        outbox: Events deleted that were delivered or parked.
        disputes: Disputes deleted that nobody can decide or undo any more.
        busy: Another process sweeps, so this one did nothing.
        more: There is more to do.
    """

    kept: int = 0
    leases: int = 0
    tries: int = 0
    answers: int = 0
    overdue: int = 0
    ledger: int = 0
    usage: int = 0
    audit: int = 0
    outbox: int = 0
    disputes: int = 0
    busy: bool = False
    more: bool = False

    def plus(self, other: Swept) -> Swept:
        """Return both together; what is left to do is what the other one left."""
        numbers = {name: value + getattr(other, name) for name, value in asdict(self).items() if name not in _FLAGS}
        return Swept(**numbers, busy=other.busy, more=other.more)

    @property
    def total(self) -> int:
        """How many rows."""
        return sum(value for name, value in asdict(self).items() if name not in _FLAGS)


class Statements:
    """The statements of a sweep, all of them portable. ``tests/store/test_sql.py`` holds them to the rules.

    Args:
        prefix: Before the name of every table.
    """

    def __init__(self, prefix: str) -> None:
        conditions = {
            "kept": ("kept", "expires_at <= ?", "expires_at"),
            "leases": ("leases", "lease_until <= ?", "lease_until"),
            "tries": ("tries", "expires_at <= ?", "expires_at"),
            "answers": ("ledger", "answer_until > 0 AND answer_until <= ?", "answer_until"),
            # The first condition is for the index.
            "overdue": ("ledger", "remember_until > ? AND state = 0 AND lease_until <= ?", "remember_until"),
            "ledger": ("ledger", "remember_until <= ? AND lease_until <= ?", "remember_until"),
            "usage": ("usage", "day <= ?", "day"),
            "outbox": ("outbox", "sent_at <> 0 AND due_at <= ?", "due_at"),
            "disputes": ("disputes", "forget_at <= ?", "forget_at"),
        }
        self.find: dict[str, str] = {}
        self.count: dict[str, str] = {}
        for name, (table, condition, order) in conditions.items():
            over = f"{prefix}{table} WHERE tenant = ? AND {condition}"
            columns = "place, version, app, kind, state, started_at" if name == "ledger" else "place, version"
            self.find[name] = f"SELECT {columns} FROM {over} ORDER BY {order} LIMIT {_BATCH}"  # noqa: S608
            self.count[name] = f"SELECT COUNT(*) FROM {over}"  # noqa: S608

    def all(self) -> list[str]:
        """Return every statement."""
        return [*self.find.values(), *self.count.values()]


class Lost(Exception):
    """Another process has taken the lease over."""


class Sweep:
    """One sweep of one tenant, over one connection.

    Args:
        connection: The connection.
        prefix, tenant: See `haoma.store.sql.Portable`.
        stopped: Once it is set, no further batch begins.
        audit: Drops what is old of the audit log, if there is one.
    """

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        tenant: str,
        stopped: threading.Event | None = None,
        audit: Retention | None = None,
    ) -> None:
        self._connection = connection
        self._statements = Statements(prefix)
        self._tenant = tenant
        self._stopped = stopped
        self._audit = audit
        self._fences = Fences(secrets.randbelow(LANES))
        self._others = [(table.name, self._delete(table)) for table in (KEPT, TRIES, LEASES, USAGE, OUTBOX, DISPUTES)]
        self._lease: Leased | None = None
        self._now = 0

    def run(self) -> Generator[Any, Any, Swept]:
        """Sweep.

        Raises:
            Disconnected: The database cannot be used now. What was done is done, and the rest is for the next sweep.
        """
        if not (yield from self._take()):
            return Swept(busy=True)
        done: Counter[str] = Counter()
        more = False
        try:
            # What holds phone numbers goes first.
            for name, work in (
                ("answers", self._empty),
                ("overdue", self._give_up),
                ("ledger", self._fold),
                *self._others,
                *([] if self._audit is None else [("audit", self._drop_audit)]),
            ):
                more |= yield from self._end_all(name, work, done)
        except Lost:
            return replace(Swept(**done), more=True)  # type: ignore[arg-type]
        except Disconnected:
            with contextlib.suppress(Disconnected, Conflict):  # if a statement alone failed, nobody has to wait
                yield self._connection.rollback()
                yield from self._give_back()
            raise
        yield from self._give_back()
        return replace(Swept(**done), more=more)  # type: ignore[arg-type]

    def count(self) -> Generator[Any, Any, Swept]:
        """Count what a sweep would do now, and change nothing."""
        self._now = (yield self._connection.now()) // 1000
        found = {}
        for name, text in self._statements.count.items():
            found[name] = int((yield self._connection.select(text, self._arguments(name)))[0][0])
        if self._audit is not None:
            found["audit"] = yield from self._audit.count(self._connection, self._now)
        return Swept(**found)  # type: ignore[arg-type]

    # --- batches ---

    def _end_all(self, name: str, work: Callable[[], Work], done: Counter[str]) -> Generator[Any, Any, bool]:
        """Go on until there is no more; return True if there is."""
        for _ in range(_MOST):
            if self._stopped is not None and self._stopped.is_set():
                return True
            count = yield from self._transaction(work)
            if count is None:
                return True  # others write the same rows again and again
            if self._audit is not None:
                self._audit.committed()
            done[name] += count
            if count < _BATCH:
                return False
            yield self._connection.pause(_PAUSE)
        return True

    def _delete(self, table: Table) -> Callable[[], Work]:
        def work() -> Work:
            found = yield self._connection.select(self._statements.find[table.name], self._arguments(table.name))
            if found:
                found = sorted(found)  # in order: no deadlocks
                yield self._connection.delete(table, [row[0] for row in found], [row[1] for row in found])
            return len(found)

        return work

    def _empty(self) -> Work:
        found = yield self._connection.select(self._statements.find["answers"], self._arguments("answers"))
        if found:
            _, rows = yield self._connection.read(LEDGER, sorted(place for place, _ in found))
            # The versions stay: they say what became of the values, and that has not changed.
            over = sorted(row for row in rows if 0 < row.answer_until <= self._now)
            emptied = [row._replace(outcome=None, answer_until=0) for row in over]
            if emptied:
                yield self._connection.update(LEDGER, emptied, [row.version for row in over])
        return len(found)

    def _give_up(self) -> Work:
        found = yield self._connection.select(self._statements.find["overdue"], self._arguments("overdue"))
        if found:
            _, rows = yield self._connection.read(LEDGER, sorted(place for place, _ in found))
            # The versions stay: a holder that was slow and not dead may still say what became of the value.
            over = sorted(row for row in rows if row.state == STARTED and row.lease_until <= self._now)
            given_up = [row._replace(state=UNKNOWN, ended_at=self._now) for row in over]
            if given_up:
                yield self._connection.update(LEDGER, given_up, [row.version for row in over])
        return len(found)

    def _fold(self) -> Work:
        found = yield self._connection.select(self._statements.find["ledger"], self._arguments("ledger"))
        if not found:
            return 0
        found = sorted(found)
        counts = Counter(
            (app, kind, UNKNOWN if state == STARTED else state, day_of(started))
            for _, _, app, kind, state, started in found
        )
        places = {usage_place(*key): key for key in counts}
        _, rows = yield self._connection.read(USAGE, sorted(places))
        known = {row.place: row for row in rows}
        yield self._connection.delete(LEDGER, [row[0] for row in found], [row[1] for row in found])
        new, changed = [], []
        for place, key in sorted(places.items()):
            if (row := known.get(place)) is None:
                new.append(Counted(place, self._fences.next(), *key, counts[key]))
            else:
                changed.append(row._replace(version=self._fences.next(), total=row.total + counts[key]))
        if new:
            yield self._connection.insert(USAGE, new)
        if changed:
            yield self._connection.update(USAGE, changed, [known[row.place].version for row in changed])
        return len(found)

    def _drop_audit(self) -> Work:
        assert self._audit is not None  # noqa: S101
        return (yield from self._audit.drop(self._connection, self._now, self._fences.next))

    def _transaction(self, work: Callable[[], Work]) -> Generator[Any, Any, int | None]:
        """Do ``work`` under the lease; return what it returns, or None if others kept writing the same rows."""
        connection = self._connection
        for _ in range(_TURNS):
            yield connection.begin()
            try:
                yield from self._renew()
                count = yield from work()
                yield connection.commit()
            except Conflict:
                yield connection.rollback()
                yield connection.pause(_PAUSE)
            except Lost:
                yield connection.rollback()
                raise
            else:
                return count
        return None

    def _arguments(self, name: str) -> list[Any]:
        now = self._now
        moments: Sequence[int] = {
            "ledger": (now, now), "overdue": (now, now), "leases": (now - _GRACE_MS,), "usage": (now - _USAGE_MS,),
        }.get(name, (now,))  # fmt: skip
        return [self._tenant, *moments]

    # --- the lease ---

    def _take(self) -> Generator[Any, Any, bool]:
        connection = self._connection
        yield connection.begin()
        try:
            now, row = yield from self._read_lease()
            if row is not None and not row.ended and row.lease_until > now:
                yield connection.rollback()
                return False
            fence = self._fences.next()
            mine = Leased(LEASE_PLACE, fence, fence, now + _LEASE_MS, 0, None)
            if row is None:
                yield connection.insert(LEASES, [mine])
            else:
                yield connection.update(LEASES, [mine], [row.version])
            yield connection.commit()
        except Conflict:
            yield connection.rollback()
            return False
        self._lease = mine
        return True

    def _renew(self) -> Generator[Any, Any, None]:
        now, row = yield from self._read_lease()
        if row is None or self._lease is None or row.fence != self._lease.fence:
            raise Lost
        self._now = now
        renewed = row._replace(version=self._fences.next(), lease_until=now + _LEASE_MS)
        yield self._connection.update(LEASES, [renewed], [row.version])

    def _give_back(self) -> Generator[Any, Any, None]:
        def work() -> Work:
            _, row = yield from self._read_lease()
            if row is not None:
                ended = row._replace(version=self._fences.next(), ended=1)
                yield self._connection.update(LEASES, [ended], [row.version])
            return 0

        with contextlib.suppress(Lost):
            yield from self._transaction(work)

    def _read_lease(self) -> Generator[Any, Any, tuple[int, Leased | None]]:
        now, rows = yield self._connection.read(LEASES, [LEASE_PLACE])
        self._fences.begin(now, rows)
        return now // 1000, rows[0] if rows else None


async def sweep(
    engine: Engine,
    *,
    dry_run: bool = False,
    stopped: threading.Event | None = None,
    audit: AuditKeys | None = None,
) -> Swept:
    """Sweep once, or only count what there is to sweep.

    Args:
        engine: The database.
        dry_run: True to count only.
        stopped: Once it is set, no further batch begins.
        audit: The keys of the audit log, if there is one.

    Raises:
        StoreUnavailable: ``internal.store-unavailable``.
    """

    def flow(connection: Connection) -> Generator[Any, Any, Swept]:
        retention = None if audit is None else Retention(engine.prefix, audit)
        one = Sweep(connection, engine.prefix, engine.tenant, stopped, retention)
        return one.count() if dry_run else one.run()

    with reaching():
        return await ask(engine, flow)


async def keep_swept(
    engine: Engine, tell: Callable[[Swept | HaomaError], None], audit: AuditKeys | None = None
) -> None:
    """Sweep every half minute until the task is cancelled. Every process may run it.

    Args:
        engine: The database.
        tell: Is told what each sweep did, or why it could not be done.
        audit: The keys of the audit log, if there is one.
    """
    import threading

    stopped = threading.Event()
    try:
        while True:
            # At different moments in different processes, from the first one on.
            await asyncio.sleep(EVERY_SECONDS * (0.7 + 0.4 * random.random()))  # noqa: S311
            more = True
            while more:
                try:
                    swept = await sweep(engine, stopped=stopped, audit=audit)
                except StoreUnavailable as error:
                    tell(error)
                    break
                tell(swept)
                if more := swept.more:
                    await asyncio.sleep(1)
    finally:
        stopped.set()  # the thread of SQLite ends after its batch
