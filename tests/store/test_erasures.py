"""Requests to erase: done in time, told when they are not, and done again after a backup was restored."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conftest import postgres
from haoma.accounts import Erase, LookUp, Read
from haoma.errors import NoSuchAccount
from haoma.ids import parsed, written
from haoma.link import LinkPolicy, OnConflict
from haoma.phone import PhoneNumber
from haoma.store import erasures
from haoma.store.config import StoreSettings
from haoma.store.erasures import ListWriter, NotAList, counted, erase_due, keep_erased, listed, read_list, replay
from haoma.store.flows import ask_blocking
from haoma.store.rows import DISPUTES, ERASURES, TABLES, Erasure
from haoma.store.sweep import Swept, sweep
from haoma.store.upgrade import upgrade
from support.accounts import Town
from support.crowd import Desk, checked, exported, rows_of
from support.store_rows import empty, insert, run
from support.stores import KEYS

pytest_plugins = ["support.store_fixtures"]

DAY = 86_400.0
REVIEW = LinkPolicy(on_conflict=OnConflict.REVIEW)


sqlite_alone = pytest.mark.parametrize("emptied", ["sqlite"], indirect=True)
"""For what is decided, and not what the database does."""


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied)
    yield found
    found.close()


def asking(town: Town) -> Callable[[Any], Awaitable[Any]]:
    answers = town.store.asynchronous()

    async def answer(step: Any) -> Any:
        return await answers.answer(step, [])  # type: ignore[misc]

    return answer


def due(town: Town, *, everything: bool = False) -> tuple[int, int, int]:
    found = asyncio.run(erase_due(town.engine, asking(town), everything=everything))
    return found.erased, found.pending, found.overdue


def accounts_of(town: Town, count: int) -> list[bytes]:
    made = [town.linked(f"o-{index}", f"139{index:08}").account for index in range(count)]
    return [parsed(each or "") or b"" for each in made]


def the_list(town: Town) -> list[bytes]:
    lines: list[str] = []
    writer = ListWriter(lines.append)
    ask_blocking(town.engine, lambda connection: listed(connection, town.engine.prefix, town.tenant, writer.rows))
    writer.end()
    return "".join(lines).encode().splitlines()


def replayed(town: Town, lines: list[bytes], *, preview: bool = False) -> int:
    """Replay a list; return how many accounts were there again."""
    found: list[Any] = []
    asyncio.run(replay(asking(town), read_list(lines, preview=preview), found.append))
    return sum(each.other is not None for each in found)


def test_a_request_is_done_before_it_is_due(town: Town) -> None:
    """Not at once, and a day before its time is over; nothing of the person is left, and it is written who and when."""
    first, second = accounts_of(town, 2)
    town.ask(Erase(account=first, later=True))
    assert due(town) == (0, 1, 0)
    town.wall += 13.9 * DAY
    assert due(town) == (0, 1, 0)
    assert len(exported(town)) == 2
    town.wall += 0.2 * DAY
    assert due(town) == (1, 0, 0)
    assert [each.account for each in exported(town)] == [written(second)]
    (row,) = rows_of(town.settings, ERASURES)["erasures"]
    assert row[1] == first
    assert (row[4], row[5]) == (0, round(town.wall * 1000))
    assert due(town) == (0, 0, 0)
    assert checked(town) == []


@sqlite_alone
def test_all_of_them_at_once(town: Town) -> None:
    """More than one page of requests, by two processes at the same time: everybody is erased once."""
    made = accounts_of(town, 90)
    for each in made[:80]:
        town.ask(Erase(account=each, later=True))
    town.wall += 20 * DAY

    async def both() -> list[Any]:
        return await asyncio.gather(*(erase_due(town.engine, asking(town)) for _ in range(2)))

    assert sum(each.erased for each in asyncio.run(both())) == 80
    assert len(exported(town)) == 10
    assert due(town, everything=True) == (0, 0, 0)


@sqlite_alone
def test_everything_means_also_what_is_not_due(town: Town) -> None:
    """Whoever does not want to wait need not."""
    (first,) = accounts_of(town, 1)
    town.ask(Erase(account=first, later=True))
    assert due(town, everything=True) == (1, 0, 0)


@sqlite_alone
def test_an_overdue_request_is_counted(town: Town) -> None:
    """Where nobody sweeps, the day passes: the count says so, until it is done."""
    (first,) = accounts_of(town, 1)
    town.ask(Erase(account=first, later=True))
    town.wall += 15.1 * DAY

    def count() -> tuple[int, int]:
        found = ask_blocking(town.engine, lambda connection: counted(connection, town.engine.prefix, town.tenant))
        return found.pending, found.overdue

    assert count() == (0, 1)
    assert due(town) == (1, 0, 0)
    assert count() == (0, 0)


@sqlite_alone
def test_an_account_that_is_gone_is_not_overdue(town: Town) -> None:
    """A request whose account was erased at once is over; so is one whose account is not there at all."""
    first, second = accounts_of(town, 2)
    town.ask(Erase(account=first, later=True))
    town.ask(Erase(account=first))
    with pytest.raises(NoSuchAccount):
        town.ask(Erase(account=first))
    insert(town.settings, ERASURES, [Erasure(bytes(16), 1, 1, 1, 0)])
    assert due(town) == (1, 0, 0)
    assert due(town) == (0, 0, 0)
    assert [each.account for each in exported(town)] == [written(second)]


@sqlite_alone
def test_the_service_does_it_again_and_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells each time how it stands, and goes on after a failure."""
    monkeypatch.setattr(erasures, "EVERY_SECONDS", 0.01)
    (first,) = accounts_of(town, 1)
    town.ask(Erase(account=first, later=True))
    town.wall += 20 * DAY
    told: list[Any] = []

    async def main() -> None:
        again = asyncio.Event()

        def tell(found: Any) -> None:
            told.append(found)
            if len(told) > 2:
                again.set()

        task = asyncio.create_task(keep_erased(town.store.asynchronous(), tell))
        await asyncio.wait_for(again.wait(), 30)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (told[0].erased, [each.erased for each in told[1:]]) == (1, [0] * (len(told) - 1))


def test_disputes_are_forgotten(town: Town) -> None:
    """The sweep deletes a dispute that nobody can decide any more."""
    town.linked("o-1", bound=False)
    town.linked("o-2", policy=REVIEW)
    town.wall += 29 * DAY
    assert asyncio.run(sweep(town.engine)).disputes == 0
    town.wall += 2 * DAY
    found = asyncio.run(sweep(town.engine, dry_run=True)).disputes, asyncio.run(sweep(town.engine)).disputes
    assert found == (1, 1)
    assert run(town.settings, "SELECT COUNT(*) FROM {0}{1}", table=DISPUTES.name)[0][0] == 0
    assert Swept(disputes=2).plus(Swept(disputes=1)).disputes == 3


# --- after a restore


def test_nobody_who_was_erased_comes_back(town: Town) -> None:
    """A backup is made, people are erased, the backup is restored, and the list is replayed: nobody of it is there."""
    made = accounts_of(town, 6)
    Desk(town).take({"phone_number": "13800138000", "user": "u-1", "verified_at": "2026-12-01"})
    town.ask(Erase(account=made[5], later=True))
    backup = {table: rows_of(town.settings, table)[table.name] for table in TABLES}
    for each in made[:3]:
        town.ask(Erase(account=each))
    town.ask(Erase(account=made[3], later=True))
    gone, lines = exported(town), the_list(town)
    empty(town.settings)
    for table, rows in backup.items():
        insert(town.settings, table, [table.row(*row[1:]) for row in rows])
    assert len(exported(town)) == 7  # they are all back
    before = rows_of(town.settings)
    assert replayed(town, lines, preview=True) == 3
    assert rows_of(town.settings) == before
    assert replayed(town, lines) == 3
    assert exported(town) == gone
    assert town.ask(LookUp(number=PhoneNumber("86", "13900000000"))).account is None
    for each in made[:3]:
        with pytest.raises(NoSuchAccount):
            town.ask(Read(account=each))
    assert checked(town) == []
    # The requests are there again as well, both of them; and to replay the list twice does no harm.
    assert replayed(town, lines) == 0
    assert the_list(town)[-1] == lines[-1]
    assert due(town, everything=True) == (2, 0, 0)
    assert len(exported(town)) == 2


@sqlite_alone
def test_a_list_survives_an_empty_database(town: Town) -> None:
    """A restore of a backup without these people loses the list; a replay brings it back, so that it can be exported."""
    made = accounts_of(town, 2)
    town.ask(Erase(account=made[0]))
    town.ask(Erase(account=made[1], later=True))
    lines = the_list(town)
    empty(town.settings)
    assert replayed(town, lines) == 0
    assert the_list(town) == lines


@sqlite_alone
def test_a_list_that_was_cut_off_is_refused(town: Town) -> None:
    """A part of a list would bring people back in silence."""
    made = accounts_of(town, 3)
    for each in made:
        town.ask(Erase(account=each))
    lines = the_list(town)
    deep = b'{"entries":3,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    broken = [b"x"], [b'{"account":"x"}', *lines], [*lines[:-1], deep], [b'{"account":"\xff"}', *lines]
    for wrong in (lines[:-1], [*lines[:1], *lines[2:]], [], [lines[-1], *lines], *broken):
        with pytest.raises(NotAList):
            read_list(wrong)
    assert len(read_list(lines)) == 3


def test_a_copy_of_the_file_of_sqlite(tmp_path: Path) -> None:
    """The backup of SQLite is a file."""
    file = tmp_path / "own.db"
    settings = StoreSettings(database_url=f"sqlite:///{file}", keys=KEYS)
    upgrade(settings)
    town = Town(settings)
    made = accounts_of(town, 4)
    copy = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    town.ask(Erase(account=made[0]))
    town.ask(Erase(account=made[1]))
    lines = the_list(town)
    town.close()
    for each in tmp_path.glob("own.db*"):
        each.unlink()
    shutil.copy(copy, file)
    restored = Town(settings)
    assert len(exported(restored)) == 4
    assert replayed(restored, lines) == 2
    assert {each.account for each in exported(restored)} == {written(each) for each in made[2:]}
    restored.close()


def test_a_dump_of_postgresql(addresses: dict[str, str]) -> None:
    """The backup of PostgreSQL is what its own program dumps."""
    with postgres() as server:
        settings = StoreSettings(database_url=server.url, keys=KEYS)
        upgrade(settings)
        town = Town(settings)
        made = accounts_of(town, 4)
        parts = urlsplit(server.url)
        to = ["-h", "127.0.0.1", "-p", str(parts.port), "-U", parts.username or ""]
        words = {"PGPASSWORD": parts.password or ""}
        dumped = subprocess.run(
            [server.programs / "pg_dump", *to, "--clean", "postgres"], env=words, capture_output=True, check=True
        )
        town.ask(Erase(account=made[0]))
        town.ask(Erase(account=made[1]))
        lines = the_list(town)
        town.close()
        command: list[str | Path] = [server.programs / "psql", *to, "-q", "-d", "postgres", "-v", "ON_ERROR_STOP=1"]
        subprocess.run(command, input=dumped.stdout, env=words, capture_output=True, check=True)
        restored = Town(settings)
        assert len(exported(restored)) == 4
        assert replayed(restored, lines) == 2
        assert {each.account for each in exported(restored)} == {written(each) for each in made[2:]}
        restored.close()
