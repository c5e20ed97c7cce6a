"""The sweep on each database: what goes, what stays, and that nothing is counted twice or lost, killed or not."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from answerers.contract import PHONE, SECRETS, TEXT, key, wanted
from haoma.errors import AlreadyUsed, InternalFault, StoreUnavailable
from haoma.secret import Secret
from haoma.steps import DEFAULT_TENANT as TENANT
from haoma.steps import Conclude, Concluded, EndLease, Keep, Recall, Reserve, Reserved, TakeLease, TakeTry, UnderWay
from haoma.store import sweep as sweeping
from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.opening import engine_of
from haoma.store.reports import Oddity, check, counts
from haoma.store.rows import DONE, FREE, KEPT, LEDGER, REFUSED, STARTED, STATES, UNKNOWN, Kept
from haoma.store.sealing import Sealer, StoreKey
from haoma.store.store import Store
from haoma.store.sweep import LEASE_PLACE, Swept, keep_swept, sweep
from support.store_rows import engine_at, insert, ledger_count, run, used
from support.stores import KEYS

pytest_plugins = ["support.store_fixtures"]

START = 1_800_000_000.0
CHINA = ZoneInfo("Asia/Shanghai")


class Held:
    """A store whose clock is in the hands of the test."""

    def __init__(self, settings: StoreSettings) -> None:
        self.now = START
        self.engine = engine_at(settings, lambda: round(self.now * 1e6))
        self.store = Store(self.engine, Sealer(KEYS, TENANT))

    def ask(self, step: Any) -> Any:
        return self.store.answer(step)

    def sweep(self, **more: Any) -> Swept:
        return asyncio.run(sweep(self.engine, **more))


@pytest.fixture
def settings(emptied: StoreSettings) -> StoreSettings:
    return emptied


@pytest.fixture
def held(settings: StoreSettings) -> Iterator[Held]:
    found = Held(settings)
    yield found
    found.store.close()


def total(settings: StoreSettings) -> int:
    """How many rows of the ledger are counted in usage."""
    return int(run(settings, "SELECT COALESCE(SUM(total), 0) FROM {}usage")[0][0])


def test_an_answer_is_emptied_when_its_time_is_over(settings: StoreSettings, held: Held) -> None:
    """The number is gone from the database, that the value was used is not."""
    reserved = held.ask(wanted(seconds=300, repeat_seconds=30))
    assert isinstance(reserved, Reserved)
    held.ask(Conclude("shop", reserved.ref, PHONE))
    sealed = "SELECT outcome FROM {}ledger"
    held.now += 29.9
    assert (held.sweep().total, isinstance(held.ask(wanted()), Concluded)) == (0, True)
    assert run(settings, sealed)[0][0] is not None
    held.now += 0.2
    assert held.sweep() == Swept(answers=1)
    assert run(settings, sealed) == [(None,)]
    with pytest.raises(AlreadyUsed):
        held.ask(wanted())
    assert held.sweep().total == 0


def test_what_is_over_goes_and_what_is_not_stays(settings: StoreSettings, held: Held) -> None:
    """Each kind of row is deleted when its own time is over; counting beforehand says the same, and deletes nothing."""
    for seconds in (10, 1000):
        held.ask(Keep(TEXT.place("", f"for-{seconds}"), f"value {seconds}", seconds))
        held.ask(TakeTry(key(f"try-{seconds}"), 3, seconds))
    lease = held.ask(TakeLease(key("lease")))
    held.ask(EndLease(lease, None))
    for number, seconds in enumerate((10, 10, 1000)):
        reserved = held.ask(Reserve("shop", "code", Secret(f"code-{number}"), b"mine", seconds, 5))
        held.ask(Conclude("shop", reserved.ref, PHONE))
    held.ask(Reserve("shop", "code", Secret("under way"), b"mine", 10, 5))
    held.now += 9
    assert held.sweep(dry_run=True) == held.sweep() == Swept(answers=3)
    held.now += 2
    over = Swept(kept=1, tries=1)
    assert held.sweep(dry_run=True) == over
    assert held.sweep(dry_run=True) == over
    assert held.sweep() == over
    held.now += 60  # what was reserved is forgotten once its lease is over as well; the try under way is given up
    assert held.sweep(dry_run=True) == held.sweep() == Swept(ledger=3)
    held.now += 700  # those who waited for the lease have read what its holder said
    assert held.sweep() == Swept(leases=1)
    assert held.ask(Recall(TEXT.place("", "for-1000"))).value == "value 1000"
    assert len(run(settings, "SELECT place FROM {}kept")) == len(run(settings, "SELECT place FROM {}tries")) == 1
    assert ledger_count(settings) == 1
    assert total(settings) == 3
    held.now += 800 * 86400
    assert held.sweep() == Swept(kept=1, tries=1, ledger=1, usage=2)


def test_a_try_whose_holder_is_gone_ends_as_unknown(settings: StoreSettings, held: Held) -> None:
    """Its version stays, so the same request may follow it, and a holder that was only slow is still believed."""
    slow, dead = (held.ask(Reserve("shop", "code", Secret(name), b"mine", 300, 30)) for name in ("slow", "dead"))
    assert held.sweep().total == 0
    held.now += 61
    assert held.sweep(dry_run=True) == held.sweep() == Swept(overdue=2)
    assert run(settings, "SELECT DISTINCT state, ended_at > started_at FROM {}ledger") == [(UNKNOWN, True)]
    assert held.ask(Conclude("shop", slow.ref, PHONE)) == Concluded(PHONE)
    following = held.ask(Reserve("shop", "code", Secret("dead"), b"mine", 300, 30))
    assert following.after_unknown
    held.ask(Conclude("shop", dead.ref, InternalFault()))
    assert isinstance(held.ask(Reserve("shop", "code", Secret("dead"), b"mine", 300, 30)), UnderWay)
    assert held.sweep().total == 0


def rows(count: int) -> list[Any]:
    """Rows of the ledger that are over, around the midnights of China; a few that are not."""
    made = []
    for number in range(1, count + 1):
        started = round((START - number * 3577) * 1000)
        state = (DONE, REFUSED, UNKNOWN, FREE, STARTED)[number % 5]
        app, kind = ("wechat:wx1", "alipay:1")[number % 2], ("code", "login-code", "envelope")[number % 3]
        made.append(used(number, app=app, kind=kind, state=state, started_at=started, ended_at=started))
    return made


def expected(made: list[Any]) -> Counter[tuple[str, str, str, str]]:
    found: Counter[tuple[str, str, str, str]] = Counter()
    for row in made:
        day = dt.datetime.fromtimestamp(row.started_at / 1000, CHINA).date().isoformat()
        found[row.app, day, row.kind, STATES[UNKNOWN if row.state == STARTED else row.state]] += 1
    return found


def counted(held: Held, since: int = 0) -> Counter[tuple[str, str, str, str]]:
    def flow(connection: Any) -> Generator[Any, Any, Any]:
        return counts(connection, held.engine.prefix, TENANT, since)

    found: Counter[tuple[str, str, str, str]] = Counter()
    for line in ask_blocking(held.engine, flow):
        moment = dt.datetime.fromtimestamp(line.day / 1000, CHINA)
        assert moment.time() == dt.time()  # the day begins where people there begin it
        found[line.app, moment.date().isoformat(), line.kind, line.state] += line.total
    return found


def test_the_ledger_counts_the_same_before_and_after(settings: StoreSettings, held: Held) -> None:
    """Per app, day in China, kind and state, whether the rows are there, are swept, or some of each."""
    made = rows(700)
    insert(settings, LEDGER, made[:400])
    assert counted(held) == expected(made[:400])
    assert held.sweep() == Swept(ledger=400)
    assert counted(held) == expected(made[:400])
    insert(settings, LEDGER, made[400:])
    assert counted(held) == expected(made)
    assert held.sweep() == Swept(ledger=300)
    assert (counted(held), ledger_count(settings), total(settings)) == (expected(made), 0, 700)
    # A row is looked for by its day, and one that is under way is not unknown yet.
    later = round(held.now * 1000) + 5000
    insert(settings, LEDGER, [used(9999, state=STARTED, started_at=later, lease_until=later, remember_until=later)])
    assert list(counted(held, round(START * 1000) + 86_400_000)) == []
    today = dt.datetime.fromtimestamp(later / 1000, CHINA).date().isoformat()
    assert counted(held)["wechat:wx1", today, "code", "started"] == 1


def test_another_tenant_is_left_alone(settings: StoreSettings, held: Held) -> None:
    """A sweep is one tenant's."""
    insert(settings, LEDGER, [used(1)], tenant="another")
    assert held.sweep().total == 0
    assert ledger_count(settings) == 1


# --- killed, and two at once ---

# It kills itself as kill -9 does: when a batch has deleted and counted, and has not been committed.
KILLED = """
import asyncio, os, signal, sys
from haoma.store.config import StoreSettings
from haoma.store.opening import engine_of
from haoma.store.sweep import sweep
settings = StoreSettings(database_url=sys.argv[1], table_prefix=sys.argv[2])
engine = engine_of(settings)
connection = {"sqlite": "sqlite.SqliteConnection", "postgresql": "postgres.PostgresConnection",
              "mysql": "mysql.MySqlConnection"}[settings.kind]
module, name = connection.split(".")
cls = getattr(__import__("haoma.store." + module, fromlist=[name]), name)
left = int(sys.argv[3])
for verb in ("insert", "update"):
    def change(self, table, *given, plain=getattr(cls, verb)):
        def die():
            global left
            left -= table.name == "usage"
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        if settings.kind == "sqlite":
            plain(self, table, *given)
            return die()
        async def both():
            await plain(self, table, *given)
            die()
        return both()
    setattr(cls, verb, change)
asyncio.run(sweep(engine))
"""


def test_a_sweep_that_is_killed_counts_nothing_twice(settings: StoreSettings, held: Held) -> None:
    """After kill -9 between counting and commit the lease holds the next one off, and then it goes on where it was."""
    insert(settings, LEDGER, [used(number) for number in range(1, 1025)])
    # Counts are inserted by the first batch and updated by the others: on SQLite and MySQL an update inserts as well.
    command = [sys.executable, "-c", KILLED, settings.database_url, settings.table_prefix, "3"]
    died = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr
    left = ledger_count(settings)
    assert left % 256 == 0
    assert 0 < left < 1024
    assert total(settings) == 1024 - left
    assert asyncio.run(sweep(engine_of(settings))).busy
    held.now = time.time() + 20
    assert held.sweep() == Swept(ledger=left)
    assert (ledger_count(settings), total(settings)) == (0, 1024)


def test_two_that_take_the_lease_from_each_other_count_nothing_twice(settings: StoreSettings) -> None:
    """Two processes whose clocks differ by more than the lease both think that they may sweep: the rows know better."""
    insert(settings, LEDGER, [used(number) for number in range(1, 2049)])

    def work(ahead: float) -> list[Swept]:
        engine = engine_at(settings, lambda: round((time.time() + ahead) * 1e6))
        found = []
        while ledger_count(settings):
            found.append(asyncio.run(sweep(engine)))
        return found

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(work, (0.0, 20.0))
    assert sum(each.ledger for each in one + other) == 2048
    assert total(settings) == 2048


def test_one_sweeps_at_a_time(settings: StoreSettings, held: Held) -> None:
    """While one has the lease, another leaves everything as it is; a lease that is over is taken."""
    assert held.sweep().total == 0
    now = round(held.now * 1000)
    changes = "UPDATE {}leases SET ended = 0, lease_until = ? WHERE place = ?"
    run(settings, changes, now + 1, LEASE_PLACE)
    insert(settings, LEDGER, [used(1)])
    assert held.sweep() == Swept(busy=True)
    run(settings, changes, now, LEASE_PLACE)
    assert held.sweep() == Swept(ledger=1)


def test_a_database_that_is_away_is_told(settings: StoreSettings) -> None:
    """A sweep without its tables says so, and no address."""
    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(sweep(engine_of(replace(settings, table_prefix="none_"))))
    assert "none_" not in str(caught.value)


def test_the_service_sweeps_again_and_again(settings: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on after a failure and while there is more to do, tells each sweep, and ends when it is cancelled."""
    monkeypatch.setattr(sweeping, "EVERY_SECONDS", 0.01)
    told: list[Any] = []

    async def main() -> None:
        done = asyncio.Event()

        def tell(what: Any) -> None:
            told.append(what)
            if isinstance(what, StoreUnavailable) or what.ledger:
                done.set()

        task = asyncio.create_task(keep_swept(engine_of(settings), tell))
        for text in ("ALTER TABLE {}kept RENAME TO {}gone", "ALTER TABLE {}gone RENAME TO {}kept"):
            await asyncio.to_thread(run, settings, text.replace("{}", "{0}"))
            done.clear()
            if "gone RENAME" in text:
                await asyncio.to_thread(insert, settings, LEDGER, [used(1)])
            async with asyncio.timeout(30):
                await done.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(main())
    assert any(isinstance(each, StoreUnavailable) for each in told)
    assert (ledger_count(settings), total(settings)) == (0, 1)


# --- haoma db check ---


def found_by_check(settings: StoreSettings, keys: tuple[StoreKey, ...] = KEYS) -> list[Oddity]:
    engine = engine_of(settings)
    return ask_blocking(engine, lambda connection: check(connection, engine.prefix, TENANT, Sealer(keys, TENANT)))


def test_the_check_finds_what_is_odd(settings: StoreSettings) -> None:
    """Rows that no code of ours writes, or that a sweep should have taken, are counted by table and kind."""
    now = round(time.time() * 1000)
    good = {"lease_until": now, "remember_until": now + 300_000, "started_at": now, "ended_at": now}
    insert(settings, LEDGER, [used(1, **good)])
    assert found_by_check(settings) == []
    insert(settings, LEDGER, [
        used(2, **good | {"state": 7}),
        used(3, **good | {"ended_at": now - 5000}),
        used(4, **good | {"started_at": now + 3_600_000, "ended_at": 0}),
        used(5, **good | {"state": STARTED, "outcome": b"x"}),
        used(6, **good | {"answer_until": now - 120_000, "outcome": b"x"}),
        used(7, **good | {"remember_until": now - 7_200_000, "lease_until": 1}),
        used(8, **good)._replace(place=b"short"),
    ])  # fmt: skip
    insert(settings, KEPT, [Kept(bytes(32), 1, "", "token", b"x", now - 7_200_000)], tenant="another")
    assert sorted((each.name, each.table, each.count) for each in found_by_check(settings)) == [
        ("answer-late", "ledger", 1), ("future", "ledger", 1), ("order", "ledger", 1), ("outcome", "ledger", 1),
        ("place", "ledger", 1), ("row-late", "ledger", 1), ("state", "ledger", 1), ("tenant", "kept", 1),
    ]  # fmt: skip


def test_the_check_tries_the_keys(settings: StoreSettings) -> None:
    """What a store has sealed opens with its key and its number, and with no other; the number that is missing is told."""
    store = Store(engine_of(settings), Sealer(KEYS, TENANT))
    store.answer(Keep(SECRETS.place("", "a"), Secret("canary"), 100))
    reserved = store.answer(wanted())
    assert isinstance(reserved, Reserved)
    store.answer(Conclude("shop", reserved.ref, PHONE))
    store.close()
    assert found_by_check(settings) == []
    other = StoreKey(2, bytes(range(32)))
    assert found_by_check(settings, (other, *KEYS)) == []
    wrong = [Oddity("unreadable", "kept", 1, "1"), Oddity("unreadable", "ledger", 1, "1")]
    assert found_by_check(settings, (other,)) == wrong
    assert found_by_check(settings, (StoreKey(1, bytes(range(32))),)) == wrong
    run(settings, "UPDATE {}kept SET place = ?", bytes(32))  # moved to another place
    assert found_by_check(settings) == [wrong[0]]
