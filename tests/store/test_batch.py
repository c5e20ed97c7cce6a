"""One batch, to the letter: in which order it asks a database, and what it does when that says no, or says nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from answerers.contract import PHONE, REFUSED, SECRETS, UNKNOWN, UNSPENT, key, place, wanted
from haoma.errors import AlreadyUsed, StoreUnavailable, StoreUnreadable
from haoma.secret import Secret
from haoma.steps import (
    ABSENT,
    Conclude,
    Concluded,
    Drop,
    EndLease,
    Keep,
    Lease,
    Outcome,
    Recall,
    Reserved,
    ReturnTry,
    Step,
    TakeLease,
    TakeTry,
    UnderWay,
    Watch,
)
from haoma.store import batch as batch_module
from haoma.store import embedded
from haoma.store import sqlite as sqlite_module
from haoma.store.batch import LANES, Conflict, Disconnected, Fences, Job, Uncertain, run
from haoma.store.decisions import Decision, Decisions
from haoma.store.flows import drive
from haoma.store.rows import DONE, FREE, KEPT, LEASES, LEDGER, STARTED, TABLES, Kept, Used
from haoma.store.rows import REFUSED as ROW_REFUSED
from haoma.store.rows import UNKNOWN as ROW_UNKNOWN
from haoma.store.sealing import Sealer, StoreKey
from haoma.store.sqlite import SqliteConnection
from haoma.store.view import View
from support.stores import KEYS

NOW = 1_800_000_000_000_000
BEGINNING_OF_2025 = 1_735_689_600_000_000
LINE, CANARY = place("token"), "canary-token"
_lanes = itertools.count(10)


class Line(SqliteConnection):
    """A connection that notes what it is asked, and fails as it is told.

    Attributes:
        asked: The names of the methods.
        places: What was inserted, in order.
        pauses: The seconds that it was told to wait. It does not.
        before: Called once before the method of a name.
        lost: Methods after which the connection is lost.
        locks: As `Connection.locks`; SQLite can do without, as the others do.
    """

    locks = True  # type: ignore[misc]

    def __init__(self, path: Path, *, locks: bool = True, now: int = NOW) -> None:
        self.asked: list[str] = []
        self.places: list[bytes] = []
        self.pauses: list[float] = []
        self.before: dict[str, Callable[[], object]] = {}
        self.lost: set[str] = set()
        super().__init__(path, "haoma_", "default", lambda: now)
        self.locks = locks  # type: ignore[misc]

    def _note(self, name: str) -> None:
        self.asked.append(name)
        self.before.pop(name, int)()

    def read(self, table: Any, places: Sequence[bytes]) -> Any:
        self._note("read")
        return super().read(table, places)

    def now(self) -> int:
        self._note("now")
        return super().now()

    def begin(self) -> None:
        self._note("begin")
        super().begin()

    def insert(self, table: Any, rows: Any) -> None:
        self._note("insert")
        self.places += [row.place for row in rows]
        super().insert(table, rows)
        self._lose("insert")

    def delete(self, table: Any, places: Any, versions: Any) -> None:
        self._note("delete")
        super().delete(table, places, versions)

    def commit(self) -> None:
        self._note("commit")
        super().commit()
        self._lose("commit")

    def rollback(self) -> None:
        self._note("rollback")
        super().rollback()

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def _lose(self, name: str) -> None:
        if name in self.lost:
            raise Disconnected("gone")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    embedded.create(tmp_path / "haoma.db", "haoma_")
    return tmp_path / "haoma.db"


@pytest.fixture
def line(path: Path) -> Iterator[Line]:
    with closing(Line(path)) as found:
        yield found


@pytest.fixture
def hasty(path: Path) -> Iterator[Line]:
    """A line that reads before its transaction begins, as on a server."""
    with closing(Line(path, locks=False)) as found:
        yield found


def jobs_of(*steps: Step[Any]) -> list[Job]:
    decisions = Decisions(Sealer(KEYS, "default"), 60, 60)
    return [Job(step, decisions.prepare(step), []) for step in steps]


def answered(jobs: list[Job], line: Any, fences: Fences, doubts: Sequence[Uncertain] = ()) -> View:
    """Run one batch."""
    return drive(run(jobs, line, fences, doubts))


def batch(line: Line, *steps: Step[Any], doubts: Sequence[Uncertain] = (), fences: Fences | None = None) -> list[Any]:
    """Answer steps in one batch, and return their answers."""
    jobs = jobs_of(*steps)
    view = answered(jobs, line, fences or Fences(1), doubts)
    assert view.now == NOW // 1000
    assert not line._connection.in_transaction
    return [job.failure or job.answer for job in jobs]


def meanwhile(path: Path, *steps: Step[Any]) -> Callable[[], list[Any]]:
    """Return what does steps in another process."""

    def do() -> list[Any]:
        with closing(Line(path)) as other:
            return batch(other, *steps, fences=Fences(2))

    return do


def lose(line: Line, at: str, *steps: Step[Any]) -> tuple[list[Any], Uncertain]:
    """Lose the connection, so that nobody knows; return the answers that would have been given, and the doubt."""
    jobs = jobs_of(*steps)
    if at == "before":
        line.before["commit"] = _raise(Disconnected("gone"))
    else:
        line.lost = {"commit"}
    with pytest.raises(Uncertain) as caught:
        answered(jobs, line, Fences(next(_lanes)))
    line.before.clear()
    line.lost.clear()
    line.rollback()  # as the end of a connection does
    line.asked.clear()
    assert (caught.value.reason, str(caught.value)) == ("gone", "gone")  # and nothing of what is in it
    return [job.failure or job.answer for job in jobs], caught.value


def _raise(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


# --- the order ---


@pytest.mark.parametrize("locks", [True, False])
def test_the_order_of_one_batch(path: Path, locks: bool) -> None:
    """Read, decide, write, commit; a transaction begins when it is needed, and what changes nothing writes nothing."""
    with closing(Line(path, locks=locks)) as line:

        def asked(*steps: Step[Any]) -> list[str]:
            line.asked.clear()
            batch(line, *steps)
            return line.asked

        first, then = (["begin"], []) if locks else ([], ["begin"])
        assert asked(Keep(LINE, "t1", 100)) == [*first, "read", *then, "insert", "commit"]
        assert asked(Keep(LINE, "t2", 100)) == [*first, "read", *then, "delete", "insert", "commit"]
        assert asked(Recall(LINE)) == ["read"]
        assert asked(Recall(LINE), Recall(LINE), TakeTry(key("k"), 0, 9)) == [
            *first, "read", "read", *(["commit"] if locks else []),
        ]  # fmt: skip
        version = batch(line, Recall(LINE))[0].version
        assert asked(Keep(LINE, "t1", 100, expect=version + 1)) == [*first, "read", *(["commit"] if locks else [])]
        assert asked(Drop(LINE, version)) == [*first, "read", *then, "delete", "commit"]
        assert asked(Conclude("shop", None, PHONE)) == [*first, "now", *then, "insert", "commit"]
        reserved, lease = batch(line, wanted(), TakeLease(key("l")))
        assert asked(Watch(UnderWay(reserved.ref, 1)), Watch(UnderWay(lease, 1))) == ["read", "read"]
        batch(line, TakeTry(key("k"), 1, 9))
        assert asked(ReturnTry(key("k"))) == [*first, "read", *then, "delete", "commit"]


def test_who_only_reads_waits_for_no_writer(line: Line, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_SECONDS", 0.0)
    with closing(Line(path)) as other:
        other.begin()
        assert batch(line, Recall(LINE))[0].version == ABSENT


def test_each_step_sees_what_the_steps_before_it_did(line: Line) -> None:
    """In one batch, and its own error is nobody else's."""
    found = batch(
        line,
        TakeTry(key("k"), 2, 100),
        wanted("code-1"),
        TakeTry(key("k"), 2, 100),
        wanted("code-1", b"other"),
        TakeTry(key("k"), 2, 100),
        Keep(LINE, "t1", 100),
        Recall(LINE),
    )
    assert [found[0], found[2], found[4]] == [True, True, False]
    assert isinstance(found[1], Reserved)
    assert isinstance(found[3], AlreadyUsed)
    assert found[6].value == "t1"


def test_what_cannot_be_read_is_the_answer_to_nobody_else(line: Line, path: Path) -> None:
    batch(line, Keep(LINE, "t1", 100), Keep(place("b"), "t2", 100))
    decisions = Decisions(Sealer((StoreKey(9, KEYS[0].secret),), "default"), 60, 60)
    jobs = [Job(step, decisions.prepare(step), []) for step in (Recall(LINE), Recall(place("c")))]
    answered(jobs, line, Fences(1))
    assert isinstance(jobs[0].failure, StoreUnreadable)
    assert (jobs[1].failure, jobs[1].answer.version) == (None, ABSENT)  # type: ignore[attr-defined]


def test_rows_are_written_in_the_order_of_their_places(line: Line) -> None:
    """Whatever order they were asked in: two processes that write the same rows never wait for each other."""
    batch(line, *(Keep(place(str(number)), "t", 100) for number in range(20)), wanted(), TakeTry(key("k"), 1, 9))
    kept = line.places[:20]
    assert kept == sorted(kept)
    line.places.clear()
    batch(line, *(Keep(place(str(number)), "t", 100) for number in (*range(20, 30), *range(20))))
    assert line.places[:10] == sorted(line.places[:10])
    assert line.places[10:] == sorted(line.places[10:])
    assert len(line.places) == 30


# --- what a decision learns of ---


def decided(line: Line, *decides: Callable[[View], object]) -> list[Job]:
    """Answer jobs whose decisions are these; what they need they have to say themselves."""
    jobs = [Job(Recall(LINE), Decision((), decide), []) for decide in decides]
    answered(jobs, line, Fences(1))
    return jobs


def test_rows_that_a_decision_learns_of_are_read_and_all_is_decided_again(line: Line) -> None:
    """By place or by a column; what is not there is known not to be there."""
    (reserved,) = batch(line, wanted())
    where, absent = reserved.ref.key, bytes(32)
    _, (row,) = line.read(LEDGER, [where])
    line.asked.clear()
    by_place, by_column, nothing = decided(
        line,
        lambda view: (view.need(LEDGER, where), view.need(LEDGER, absent), view.need(KEPT, absent)),
        lambda view: (view.find(LEDGER, "fingerprint", row.fingerprint), view.find(LEDGER, "fingerprint", absent)),
        lambda view: view.need_all(LEDGER, [absent]),
    )
    assert (by_place.answer, by_column.answer, nothing.answer) == ((row, None, None), ([row], []), [])
    assert line.asked.count("read") == 2  # a row that was read is not read again
    (alone,) = decided(line, lambda view: view.find(LEDGER, "fingerprint", row.fingerprint))
    assert alone.answer == [row]


def test_a_decision_that_never_knows_enough_is_given_up(line: Line) -> None:
    places = (number.to_bytes(32) for number in itertools.count())
    with pytest.raises(StoreUnavailable) as caught:
        decided(line, lambda view: view.need(LEDGER, next(places)))
    assert dict(caught.value.because) == {"reason": "busy"}
    assert line.asked.count("read") == batch_module._READS - 1  # at first nothing is known that could be read


def test_of_a_decision_that_fails_nothing_is_written(line: Line) -> None:
    """However far it came; the others of the batch are written."""
    kept = Kept(bytes(32), 5, "", "", b"", 1)

    def fail(view: View) -> object:
        view.put(KEPT, kept)
        raise AlreadyUsed

    failed, done = decided(line, fail, lambda view: view.put(KEPT, kept._replace(place=b"1" * 32)))
    assert (type(failed.failure), done.failure) == (AlreadyUsed, None)
    assert [row.place for row in line.read(KEPT, [bytes(32), b"1" * 32])[1]] == [b"1" * 32]


def test_what_two_steps_of_a_batch_write_and_delete_is_not_written(line: Line) -> None:
    assert batch(line, TakeTry(key("k"), 1, 9), ReturnTry(key("k")), TakeTry(key("k"), 1, 9)) == [True, None, True]
    line.asked.clear()
    assert batch(line, TakeTry(key("other"), 1, 9), ReturnTry(key("other"))) == [True, None]
    assert line.asked == ["begin", "read", "commit"]


# --- others write ---


def test_what_another_has_changed_is_read_again(hasty: Line, path: Path) -> None:
    """Nothing of the batch is written on what is not so any more: not even what the other did not touch."""
    hasty.before["begin"] = meanwhile(path, Keep(LINE, "theirs", 100))
    found = batch(hasty, Keep(place("b"), "mine", 100), Keep(LINE, "mine", 100, expect=ABSENT))
    assert found == [True, False]
    assert hasty.asked == ["read", "begin", "insert", "rollback", "read", "begin", "insert", "commit"]
    hasty.asked.clear()
    hasty.before["begin"] = meanwhile(path, Keep(LINE, "later", 100))
    version = batch(hasty, Recall(LINE))[0].version
    assert batch(hasty, Drop(LINE, version)) == [False]
    assert batch(hasty, Recall(LINE))[0].value == "later"
    assert hasty.asked[:-1] == ["read", "read", "begin", "delete", "rollback", "read"]
    hasty.before["begin"] = meanwhile(path, Keep(LINE, "last", 100))
    assert batch(hasty, Keep(LINE, "mine", 100)) == [True]
    assert batch(hasty, Recall(LINE), Recall(place("b")))[0].value == "mine"


def test_who_is_taken_over_at_that_moment_keeps_nothing(hasty: Line, path: Path) -> None:
    """The lease was his when it was read, and is another's when he writes what he keeps under it."""
    (lease,) = batch(hasty, TakeLease(key("l")))

    def take_over() -> None:
        with closing(Line(path, now=NOW + 61_000_000)) as other:
            jobs = jobs_of(TakeLease(key("l")))
            answered(jobs, other, Fences(2))
            assert isinstance(jobs[0].answer, Lease)

    hasty.before["begin"] = take_over
    assert batch(hasty, Keep(LINE, "late", 100, lease=lease)) == [False]
    assert batch(hasty, Recall(LINE))[0].version == ABSENT


def test_a_read_that_is_refused_is_made_again(line: Line) -> None:
    """Distributed engines refuse one that others write to."""
    line.before["read"] = _raise(Conflict())
    assert batch(line, Keep(LINE, "t1", 100)) == [True]
    assert line.asked == ["begin", "read", "rollback", "begin", "read", "insert", "commit"]
    assert len(line.pauses) == 1


def test_who_never_gets_on_is_told_that_it_is_busy(hasty: Line) -> None:
    """After forty tries; the pauses between them are random, grow, and are short."""

    def collide() -> None:
        hasty.before["begin"] = collide
        raise Conflict

    hasty.before["begin"] = collide
    with pytest.raises(StoreUnavailable) as caught:
        batch(hasty, Keep(LINE, "t1", 100))
    assert dict(caught.value.because) == {"reason": "busy"}
    assert hasty.asked.count("read") == 40
    assert len(hasty.pauses) == 39
    assert all(0 <= each <= 0.002 * min(turn, 25) for turn, each in enumerate(hasty.pauses, 1))
    assert max(hasty.pauses) > 0.01
    hasty.before.clear()
    assert batch(hasty, Recall(LINE))[0].version == ABSENT


# --- the connection is lost ---


def test_before_the_commit_nothing_was_written(line: Line) -> None:
    """And that is known."""
    for name in ("begin", "insert"):
        line.before[name] = _raise(Disconnected("gone"))
        with pytest.raises(Disconnected) as caught:
            batch(line, Keep(LINE, "t1", 100))
        assert type(caught.value) is Disconnected
        assert (caught.value.reason, str(caught.value)) == ("gone", "gone")
        line.rollback()
    line.lost = {"insert"}
    with pytest.raises(Disconnected) as caught:
        batch(line, Keep(LINE, "t1", 100))
    assert type(caught.value) is Disconnected
    line.rollback()
    assert batch(line, Recall(LINE))[0].version == ABSENT


CHANGES: dict[str, Callable[[int], list[Step[Any]]]] = {
    "inserted": lambda _: [Keep(place("new"), "t1", 100, expect=ABSENT), TakeTry(key("k"), 1, 100)],
    "updated": lambda version: [Keep(LINE, "t1", 100, expect=version)],
    "deleted": lambda version: [Drop(LINE, version)],
    "all of it": lambda version: [
        Drop(place("other"), version),
        Keep(LINE, "t1", 100, expect=version),
        Keep(place("new"), "t1", 100, expect=ABSENT),
        wanted("code-2"),
        wanted("code-1", b"other"),
    ],
}


@pytest.mark.parametrize("at", ["before", "after"])
@pytest.mark.parametrize("what", CHANGES)
def test_around_the_commit_the_rows_tell_whether_it_was_written(line: Line, what: str, at: str) -> None:
    """If it was, the answers stand, and nothing is done twice; if not, it is done now."""
    batch(line, Keep(LINE, "t0", 100), Keep(place("other"), "t0", 100), wanted("code-1"))
    version = batch(line, Recall(LINE))[0].version
    steps = CHANGES[what](version)
    if what == "all of it":
        steps[0] = Drop(place("other"), batch(line, Recall(place("other")))[0].version)
    told, doubt = lose(line, at, *steps)
    found = batch(line, *steps, doubts=[doubt])
    assert [type(each) for each in found] == [type(each) for each in told]
    if at == "after":
        assert set(line.asked) == {"read"}
        assert all(one is other for one, other in zip(found, told, strict=True))
    else:
        assert line.asked[-1] == "commit"
    wrote = [each for each in found if each is True or isinstance(each, Reserved)]
    assert len(wrote) == {"inserted": 2, "updated": 1, "deleted": 1, "all of it": 4}[what]
    again = batch(line, *steps)  # it is there once: a second time changes nothing
    assert not any(each is True or isinstance(each, Reserved) for each in again)


@pytest.mark.parametrize("what", ["inserted", "updated"])
def test_that_a_row_is_gone_does_not_show_that_ours_was_written(line: Line, path: Path, what: str) -> None:
    """Somebody else may have deleted it meanwhile. What we write with it shows whether we did."""
    batch(line, Keep(LINE, "t0", 100), Keep(place("other"), "t0", 100))
    version = batch(line, Recall(LINE))[0].version
    more = Keep(place("new"), "t1", 100) if what == "inserted" else Keep(place("other"), "t1", 100)
    _, doubt = lose(line, "before", Drop(LINE, version), more)
    meanwhile(path, Drop(LINE, version))()
    assert batch(line, Drop(LINE, version), more, doubts=[doubt]) == [False, True]
    assert batch(line, Recall(more.place))[0].value == "t1"


def test_of_several_doubts_each_is_looked_into_before_each_try(hasty: Line, path: Path) -> None:
    """The commit may reach the database at any moment: also while we try once more."""
    steps: list[Step[Any]] = [wanted("code-1"), Conclude("shop", None, PHONE)]
    (told, _), first = lose(hasty, "before", *steps)
    _, second = lose(hasty, "before", *steps)
    late = first.changes

    def arrives() -> None:
        other: Any
        with closing(Line(path)) as other:
            other.begin()
            drive(late.write(other))
            other.commit()

    hasty.before["begin"] = arrives
    found = batch(hasty, *steps, doubts=[second, first])
    assert found[0] is told
    assert isinstance(found[1], Concluded)
    assert hasty.asked[-1] == "read"


# --- what is written ---


def test_what_the_ledger_says_of_each_outcome(line: Line) -> None:
    """Its state, the code of a refusal and when it ended; the answer is sealed, and nothing else has it."""
    outcomes = {"reserved": None, "done": PHONE, "refused": REFUSED, "unknown": UNKNOWN, "free": UNSPENT}
    refs = {name: batch(line, wanted(name))[0].ref for name in outcomes}
    for name, outcome in outcomes.items():
        if outcome is not None:
            batch(line, Conclude("shop", refs[name], outcome))
    now = NOW // 1000
    _, found = line.read(LEDGER, [ref.key for ref in refs.values()])
    rows = {name: next(row for row in found if row.place == ref.key) for name, ref in refs.items()}
    assert {name: (row.state, row.error, row.ended_at, row.answer_until) for name, row in rows.items()} == {
        "reserved": (STARTED, "", 0, 0),
        "done": (DONE, "", now, now + 30_000),
        "refused": (ROW_REFUSED, REFUSED.code, now, now + 30_000),
        "unknown": (ROW_UNKNOWN, UNKNOWN.code, now, now + 30_000),
        "free": (FREE, UNSPENT.code, now, now + 30_000),
    }
    for row in rows.values():
        assert (row.app, row.kind, row.started_at, row.repeat_ms) == ("shop", "code", now, 30_000)
        assert (row.lease_until, row.remember_until, row.after_unknown) == (
            now + 60_000,
            now + (30_000 if row.state == ROW_REFUSED else 300_000),
            0,
        )
    (again,) = batch(line, wanted("unknown"))
    _, (row,) = line.read(LEDGER, [again.ref.key])
    assert (row.state, row.after_unknown, row.answer_until, row.ended_at) == (STARTED, 1, 0, 0)


@pytest.mark.parametrize(("outcome", "state", "error"), [(PHONE, DONE, ""), (REFUSED, ROW_REFUSED, REFUSED.code)])
def test_what_the_ledger_says_where_nothing_can_be_used_once(
    line: Line, outcome: Outcome, state: int, error: str
) -> None:
    """A row of its own that is over at once, and holds no answer."""
    for _ in range(2):
        batch(line, Conclude("shop", None, outcome))
    places = [place for (place,) in line.select("SELECT place FROM haoma_ledger")]
    assert [len(each) for each in places] == [32, 32]
    _, rows = line.read(LEDGER, places)
    now = NOW // 1000
    for row in rows:
        assert row == Used(
            row.place, row.version, app="shop", kind="envelope", state=state, first=row.version, fingerprint=b"",
            lease_until=now, remember_until=now, repeat_ms=0, answer_until=0, after_unknown=0, outcome=None,
            error=error, started_at=now, ended_at=now,
        )  # fmt: skip


def test_what_the_table_of_leases_says(line: Line) -> None:
    (lease,) = batch(line, TakeLease(key("l")))
    (where,) = [place for (place,) in line.select("SELECT place FROM haoma_leases")]
    rows = [line.read(LEASES, [where])[1][0]]
    batch(line, EndLease(lease))
    rows.append(line.read(LEASES, [where])[1][0])
    assert [(row.fence, row.ended, row.lease_until) for row in rows] == [
        (lease.fence, ended, NOW // 1000 + 60_000) for ended in (0, 1)
    ]


# --- numbers ---


def test_a_fence_is_the_time_and_who_it_was() -> None:
    """By the database's clock in microseconds since 2025; the later one is greater, and no two processes' are equal."""
    one, other = Fences(7), Fences(7 + 1)
    for fences in (one, other):
        fences.begin(BEGINNING_OF_2025 + 10, [])
    assert [one.next(), other.next(), one.next()] == [11 * LANES + 7, 11 * LANES + 8, 12 * LANES + 7]
    one.begin(BEGINNING_OF_2025 + 5, [])  # the clock was set back
    assert one.next() == 13 * LANES + 7
    row = Kept(bytes(32), 100 * LANES + LANES - 1, "", "", b"", 0)  # of a process whose clock goes fast
    one.begin(BEGINNING_OF_2025 + 20, [row, row._replace(version=5)])
    assert one.next() == 101 * LANES + 7
    one.begin(BEGINNING_OF_2025 + 200, [])
    assert one.next() == 201 * LANES + 7
    last = Fences(LANES - 1)
    last.begin(BEGINNING_OF_2025 + 71 * 365 * 86_400_000_000, [])
    assert last.next() < 1 << 63


def test_whoever_writes_later_has_the_greater_version_whatever_his_clock_says(line: Line, path: Path) -> None:
    with closing(Line(path, now=NOW + 60_000_000)) as ahead:
        jobs = jobs_of(Keep(LINE, "t1", 1000))
        answered(jobs, ahead, Fences(3))
    before = batch(line, Recall(LINE))[0].version
    batch(line, Keep(LINE, "t2", 1000))
    assert batch(line, Recall(LINE))[0].version > before


def test_what_a_doubt_shows_of_itself_is_no_value(line: Line) -> None:
    """Its text gets into a log."""
    _, doubt = lose(line, "after", Keep(place("s", shelf=SECRETS), Secret(CANARY), 100))
    assert CANARY not in repr(doubt)
    assert doubt.changes.inserted.keys() <= set(TABLES)
