"""One batch: what waits is read at once, decided one by one, written at once, and committed once.

`run` is a generator. It yields what the methods of a connection return, and is sent the result: `now` with a blocking
connection, after an ``await`` with an asynchronous one. So there is one text for both.

The order of one batch (measured in docs/decisions/0024):

1. Read every row that any of the steps needs, with the database's clock.
2. Decide each step on the rows as the decisions before it left them.
3. Write all changed rows in one transaction, with what goes into the audit log. Each write names the version that was
   read. If one of them has changed meanwhile, nothing of the batch is written, and it starts again at 1.
4. Commit. If the connection is lost here, the rows are read again: their versions say whether they were written. If
   they were not, the commit may still be on its way, so they are read once more whenever the next try fails.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from haoma.errors import StoreUnavailable, StoreUnreadable
from haoma.io import clock
from haoma.store.rows import AUDIT, NUMBERS, TABLES, Row, Table
from haoma.store.sealing import CannotUnseal
from haoma.store.view import Sought, Unread, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haoma.steps import Lease, Ref, Step
    from haoma.store.audit.lanes import Lane
    from haoma.store.decisions import Decision
    from haoma.store.mailbox import LoopFuture

LANES: Final = 4096
LARGEST: Final = 64
"""Most steps of one batch."""
STATEMENT_SECONDS: Final = 6.0
"""How long a statement may take. The server ends it after five seconds; if nothing is heard of that either, the network
is gone, and without a limit of ours the writer would wait for it for ever."""
PATIENT_SECONDS: Final = 600.0
"""The same for a command that reads whole tables."""
_TRIES: Final = 40
"""How often a batch starts again, at most. Each time another process has written, so somebody gets on."""
_PLACE: Final = itemgetter(0)
_READS: Final = 32
"""How often a batch reads what it has learned of from other rows: a few times, as nothing leads on for ever."""
_DOUBTS: Final = 5
"""How often a batch reads rows again that do not fit together, before they are taken for what there is."""


class Conflict(Exception):
    """A row is not what it was when it was read. Nothing was written."""


class Disconnected(Exception):
    """The connection is lost, or the database cannot be used now.

    Attributes:
        reason: Why, for people. It holds no address and no password.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Part(NamedTuple):
    """What a batch does to one table.

    Attributes:
        verb: ``insert``, ``update`` or ``delete``.
        table: The table.
        rows: The rows that are written.
        places: Those that are deleted.
        versions: What must be there before an update or delete.
    """

    verb: str
    table: Table
    rows: Sequence[Row]
    places: Sequence[bytes] = ()
    versions: Sequence[int] = ()

    @property
    def wanted(self) -> int:
        """How many rows that has to write."""
        return len(self.rows or self.places)

    def alone(self, connection: Any) -> Any:
        """Do it with a statement of its own, over a `Connection`."""
        match self.verb:
            case "insert":
                return connection.insert(self.table, self.rows)
            case "update":
                return connection.update(self.table, self.rows, self.versions)
        return connection.delete(self.table, self.places, self.versions)


class Connection(Protocol):
    """One connection to a database. With an asynchronous one every method returns an awaitable of what is said here.

    Every method raises `Disconnected`, and those that write raise `Conflict`.

    Attributes:
        kind: ``sqlite``, ``postgresql`` or ``mysql``.
        locks: True if a transaction has to begin before rows are read that it will write (SQLite: one that reads first
            could not wait for another one's end).
    """

    kind: str
    locks: bool

    def read(self, table: Table, places: Sequence[bytes]) -> Any:
        """Return the rows that there are, in any order."""

    def now(self) -> Any:
        """Return microseconds since 1970 by the clock of the database."""

    def begin(self) -> Any:
        """Begin a transaction."""

    def insert(self, table: Table, rows: Sequence[Row]) -> Any:
        """Insert rows that must not be there yet."""

    def load(self, table: Table, rows: Sequence[Row]) -> Any:
        """Insert thousands of rows, in the way that is the fastest."""

    def update(self, table: Table, rows: Sequence[Row], versions: Sequence[int]) -> Any:
        """Replace rows that must have these versions."""

    def delete(self, table: Table, places: Sequence[bytes], versions: Sequence[int]) -> Any:
        """Delete rows that must have these versions."""

    def write(self, parts: Sequence[Part]) -> Any:
        """Insert, update and delete what the parts say, in their order or in any."""

    def find(self, table: Table, column: str, value: bytes) -> Any:
        """Return the rows with a value in a column that has an index, at most `haoma.store.sql.MOST`."""

    def select(self, text: str, arguments: Sequence[Any] = ()) -> Any:
        """Return what another portable statement finds, as tuples; its parameters are written ``?``."""

    def change(self, text: str, arguments: Sequence[Any]) -> Any:
        """Run another portable statement that changes rows; return how many."""

    def commit(self) -> Any:
        """Commit."""

    def rollback(self) -> Any:
        """Roll back, if a transaction has begun."""

    def be_patient(self) -> Any:
        """Let statements take `PATIENT_SECONDS` from now on."""

    def pause(self, seconds: float) -> Any:
        """Wait."""


@dataclass(slots=True, eq=False)
class Job:
    """One step that waits for its answer.

    Attributes:
        step: The step, and ``decision`` what it does.
        held: Gets a reservation or a lease before anybody is told of it.
        since: When it was asked, by the monotonic clock.
        answer, failure: What came of it.
    """

    step: Step[Any]
    decision: Decision
    held: list[Ref | Lease]
    future: Future[object] | LoopFuture = field(default_factory=Future)
    since: float = field(default_factory=clock.monotonic)
    answer: object = None
    failure: Exception | None = None


class Fences:
    """Numbers of which no two are the same, in any process, and of which a later one is greater.

    They come from the database's clock in microseconds, and end with a number of this process, so that two processes
    need not ask anybody. If the clock is set back they go on from the last one.

    Args:
        lane: A random number of this process, less than `LANES`: two processes may have the same only if they do not
            write in the same microsecond. Two writes of one row never have the same version in any case.
    """

    _EPOCH: Final = 1_735_689_600_000_000  # 2025; 63 bits last until 2096

    def __init__(self, lane: int) -> None:
        self._lane = lane % LANES
        self._count = 0

    def begin(self, now: int, rows: Sequence[Row]) -> None:
        """Begin a batch at ``now`` (microseconds), which may write these rows: their versions must become greater."""
        newest = max((row.version for row in rows), default=0) // LANES
        self._count = max(self._count, newest, now - self._EPOCH)

    def next(self) -> int:
        """Return the next number."""
        self._count += 1
        return self._count * LANES + self._lane


def run(
    jobs: Sequence[Job],
    connection: Connection,
    fences: Fences,
    doubts: Sequence[Uncertain] = (),
    lane: Lane | None = None,
) -> Generator[Any, Any, View]:
    """Answer ``jobs``, and return the view in which they were decided.

    Args:
        jobs: The steps.
        connection: The connection.
        fences: The process's.
        doubts: Earlier tries of the same jobs that may have been committed, or may be at any moment.
        lane: The process's lane of the audit log, if there is one.

    Raises:
        StoreUnavailable: ``internal.store-unavailable``: others wrote the same rows again and again.
        Disconnected: The connection is lost. Nothing was written, or `Uncertain` says that nobody knows.
    """
    needs: dict[Table, dict[bytes, None]] = {}
    for job in jobs:
        for table, place in job.decision.needs:
            needs.setdefault(table, {})[place] = None
    # Numbers before logins: both are written together, so whoever is seen to have a number is seen to have their login.
    needs = dict(sorted(needs.items(), key=lambda each: each[0] is not NUMBERS))
    writes = any(job.decision.writes for job in jobs)
    for turn in range(_TRIES):
        if turn:
            yield connection.pause(random.random() * 0.002 * min(turn, 25))  # noqa: S311 - to get out of step
            _refuse(lane, doubts)
        for doubt in doubts:
            # What stood in our way may be our own commit, which the database got after the connection was lost.
            if (yield from doubt.changes.committed(connection)):
                _note(lane, doubt.changes)
                return doubt.confirm(jobs)
        if begun := writes and connection.locks:
            yield connection.begin()
        try:
            view = yield from _decide(jobs, needs, connection, fences, trusting=turn >= _DOUBTS)
        except Conflict:  # rows that do not fit together; distributed engines refuse reads as well
            yield connection.rollback()
            continue
        changes = changes_of(view, lane)
        if (changes.none and not begun) or (yield from _written(jobs, view, changes, connection, begun=begun)):
            _note(lane, changes)
            return view
    raise StoreUnavailable(because={"reason": "busy"})


def _refuse(lane: Lane | None, doubts: Sequence[Uncertain]) -> None:
    if lane is not None and not doubts:
        lane.refused()


def _note(lane: Lane | None, changes: Changes) -> None:
    if lane is not None:
        lane.done(changes.inserted.get(AUDIT, ()))  # type: ignore[arg-type]


def _written(
    jobs: Sequence[Job], view: View, changes: Changes, connection: Connection, *, begun: bool
) -> Generator[Any, Any, bool]:
    """Write and commit; False if a row is not what it was."""
    committing = False
    try:
        if not begun:
            yield connection.begin()
        yield from changes.write(connection)
        committing = True
        yield connection.commit()
    except Conflict:
        yield connection.rollback()
        return False
    except Disconnected as lost:
        if committing:
            raise Uncertain(lost.reason, jobs, view, changes) from None
        raise
    return True


def _decide(
    jobs: Sequence[Job],
    needs: dict[Table, dict[bytes, None]],
    connection: Connection,
    fences: Fences,
    *,
    trusting: bool,
) -> Generator[Any, Any, View]:
    """Read and decide. Raises Conflict if the rows do not fit together, unless ``trusting``."""
    rows: dict[tuple[Table, bytes], Row] = {}
    asked: set[tuple[Table, bytes]] = set()
    sought: dict[Sought, tuple[bytes, ...]] = {}
    now = 0
    for _ in range(_READS):
        for table, places in needs.items():
            now, found = yield connection.read(table, list(places))
            rows.update(((table, row.place), row) for row in found)
            asked.update((table, place) for place in places)
        if not now:
            now = yield connection.now()
        fences.begin(now, list(rows.values()))
        view = View(now // 1000, fences.next, rows, asked, sought)
        needs = {}
        unsought: list[Sought] = []
        for job in jobs:
            more = _answer(job, view)
            for table, place in () if more is None else more.rows:
                needs.setdefault(table, {})[place] = None
            unsought += [] if more is None else more.sought
        if not needs and not unsought:
            if view.doubtful and not trusting:
                raise Conflict
            return view
        for each in unsought:
            found = yield connection.find(*each)
            rows.update(((each[0], row.place), row) for row in found)
            sought[each] = tuple(row.place for row in found)
    raise StoreUnavailable(because={"reason": "busy"})


def _answer(job: Job, view: View) -> Unread | None:
    """Decide one step, or return the rows that it also needs."""
    job.answer = job.failure = None
    view.begin()
    try:
        job.answer = job.decision.decide(view)
    except Unread as more:
        return more
    except CannotUnseal:
        job.failure = StoreUnreadable()
    except Exception as error:  # noqa: BLE001 - it is the answer to this one, and to no other
        job.failure = error
    if job.failure is not None:
        view.undo()
    return None


@dataclass(slots=True)
class Changes:
    """What a batch writes, for each table in the order of `TABLES`."""

    inserted: dict[Table, list[Row]]
    updated: dict[Table, list[tuple[Row, int]]]
    deleted: dict[Table, list[tuple[bytes, int]]]

    @property
    def none(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.inserted or self.updated or self.deleted)

    def write(self, connection: Connection) -> Generator[Any, Any, None]:
        """Write them. Raises Conflict."""
        parts: list[Part] = []
        for table in TABLES:
            if rows := self.inserted.get(table):
                parts.append(Part("insert", table, rows))
            if pairs := self.updated.get(table):
                versions = [version for _, version in pairs]
                parts.append(Part("update", table, [row for row, _ in pairs], versions=versions))
            if gone := self.deleted.get(table):
                places = [place for place, _ in gone]
                parts.append(Part("delete", table, (), places, [version for _, version in gone]))
        if parts:
            yield connection.write(parts)

    def committed(self, connection: Connection) -> Generator[Any, Any, bool]:
        """Tell whether they were written, after a commit whose answer was lost.

        All of them were written or none. A version is nobody else's, so one row that has it is enough.
        """
        for table in TABLES:
            versions = {row.place: row.version for row in self.inserted.get(table, ())}
            versions |= {row.place: row.version for row, _ in self.updated.get(table, ())}
            if versions:
                _, found = yield connection.read(table, list(versions))
                if any(versions.get(row.place) == row.version for row in found):
                    return True
        for table, gone in self.deleted.items():
            _, found = yield connection.read(table, [place for place, _ in gone])
            left = {row.place: row.version for row in found}
            if all(left.get(place) != version for place, version in gone):
                return not (self.inserted or self.updated)
        return False


class Uncertain(Disconnected):
    """The connection was lost between a commit and its answer.

    Attributes:
        view, changes: What was to be committed.
    """

    def __init__(self, reason: str, jobs: Sequence[Job], view: View, changes: Changes) -> None:
        super().__init__(reason)
        self.view = view
        self.changes = changes
        self._answers = [(job.answer, job.failure) for job in jobs]

    def confirm(self, jobs: Sequence[Job]) -> View:
        """Give the jobs the answers that were committed after all, and return the view."""
        for job, (answer, failure) in zip(jobs, self._answers, strict=True):
            job.answer, job.failure = answer, failure
        return self.view


def changes_of(view: View, lane: Lane | None = None) -> Changes:
    """Return what the decisions have changed, and what goes into the audit log."""
    changes = Changes({}, {}, {})
    if lane is not None and view.entries:
        changes.inserted[AUDIT] = list(lane.rows(view.now, view.fence, view.entries))
    for (table, place), row in view.rows.items():
        before = view.read.get((table, place))
        if row is before:
            continue
        if row is None:
            if before is None:  # written and deleted by two steps of one batch
                continue
            changes.deleted.setdefault(table, []).append((place, before.version))
        elif before is None:
            changes.inserted.setdefault(table, []).append(row)
        else:
            changes.updated.setdefault(table, []).append((row, before.version))
    # In order: no deadlocks.
    for rows in changes.inserted.values():
        rows.sort(key=_PLACE)
    for pairs in changes.updated.values():
        pairs.sort(key=lambda pair: pair[0].place)
    for gone in changes.deleted.values():
        gone.sort()
    return changes
