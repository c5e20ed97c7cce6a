"""What is old is dropped from the audit log, and the log says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

from haoma.store import sweep as sweeping
from haoma.store.audit import retention
from haoma.store.audit.retention import KEEP_MS
from haoma.store.config import StoreSettings
from haoma.store.days import DAY_MS
from haoma.store.sweep import Swept, sweep
from support.accounts import Town
from support.auditing import Log, audit_keys, entries

pytest_plugins = ["support.store_fixtures"]

DAY = DAY_MS / 1000
KEEP = KEEP_MS / 1000


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied, audit=audit_keys())
    yield found
    found.close()


@pytest.fixture
def log(town: Town) -> Log:
    return Log(town, audit_keys())


def swept(town: Town, log: Log, *, dry_run: bool = False) -> Swept:
    return asyncio.run(sweep(town.engine, audit=log.keys, dry_run=dry_run))


def day(town: Town, log: Log) -> None:
    """A lane of two rows, a lane of three, and three seals."""
    town.linked("o-1")
    log.seal()
    town.wall += 3700
    town.linked("o-1")
    log.seal()
    town.linked("o-1")
    log.seal()
    town.wall += DAY - 3700


def test_old_rows_are_dropped_and_the_log_says_so(town: Town, log: Log) -> None:
    began = town.wall  # 08:00
    for _ in range(3):
        day(town, log)
    before = log.rows()
    assert (len(before), len(log.seals())) == (15, 9)
    town.wall = began + KEEP + DAY
    town.linked("o-1")
    log.seal()
    assert swept(town, log, dry_run=True).audit == 7
    assert swept(town, log).audit == 7  # the first day: five rows, and of its seals all but the last
    said = next(each for row in log.rows() if (each := msgspec.json.decode(row[2]))["what"] == "audit.dropped")
    assert (said["rows"], said["seals"], said["seal"]) == ("5", "2", "3")
    assert log.rows()[:10] == before[5:]
    verified = log.verify()
    assert (verified.found, verified.dropped) == ([], 5)
    assert swept(town, log).audit == 0  # once a day
    town.wall += DAY
    assert swept(town, log).audit == 8
    town.wall += DAY
    assert swept(town, log).audit == 8
    verified = log.verify()
    assert (verified.found, verified.dropped, verified.seals) == ([], 15, 2)
    log.seal()
    assert (log.found(), log.verify().unsealed) == ([], 0)


def test_nothing_younger_is_dropped(town: Town, log: Log) -> None:
    day(town, log)
    town.wall += KEEP - DAY + 15.9 * 3600  # just before the day of the clock ends
    town.linked("o-1")
    log.seal()
    assert swept(town, log).audit == 0
    assert log.found() == []


def test_what_no_seal_covers_stays(town: Town, log: Log) -> None:
    """If nobody seals, nothing is dropped: rows that are dropped unsealed could have been anybody's."""
    town.linked("o-1")
    town.wall += KEEP + 3 * DAY
    assert swept(town, log).audit == 0
    town.linked("o-1")
    log.seal()
    assert swept(town, log).audit == 2
    assert log.found() == []


def test_a_sweep_that_was_stopped_half_way_leaves_nothing_that_looks_like_tampering(
    town: Town, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(sweeping, "_BATCH", 2)
    for _ in range(3):
        town.linked("o-1")
    log.seal()
    town.wall += KEEP + 3 * DAY
    town.linked("o-1")
    log.seal()
    done = swept(town, log)
    assert done.audit == 4
    said = [msgspec.json.decode(row[2]) for row in log.rows()]
    assert [each["rows"] for each in said if each["what"] == "audit.dropped"] == ["2", "2"]
    assert (log.found(), log.verify().dropped) == ([], 4)


def test_what_is_missing_and_was_not_dropped_is_noticed(town: Town, log: Log) -> None:
    """The log says what was dropped; whoever deletes more is found out."""
    for _ in range(3):
        day(town, log)
    town.wall += KEEP
    town.linked("o-1")
    log.seal()
    swept(town, log)
    log.seal()
    assert log.found() == []
    oldest = log.rows()[0][0][:8]
    rows = entries(log.rows(), oldest)
    for place, *_ in rows:
        log.change("DELETE FROM {0}audit WHERE place = ?", place)
    assert [(each.name, each.lane, each.last) for each in log.found()] == [("lane-missing", oldest, len(rows))]
    log.insert(rows, [])
    log.change("DELETE FROM {0}seals WHERE place = ?", log.seals()[0].place)
    assert [each.name for each in log.found()] == ["seals-missing"]


def test_nobody_can_say_that_rows_were_dropped_without_the_key(town: Town, log: Log) -> None:
    town.linked("o-1")
    log.seal()
    place, at, _, mac = log.rows()[-1]
    entry = b'{"what":"audit.dropped","by":"haoma","rows":"1","seals":"0","before":"1900000000000","seal":"9"}'
    log.change("DELETE FROM {0}audit")
    log.insert([(place[:8] + (1).to_bytes(8), at, entry, mac)], [])
    assert [each.name for each in log.found()] == ["lane-foreign", "rows-cut"]


def test_whoever_has_the_key_and_drops_too_early_is_found_out(town: Town, log: Log) -> None:
    """Rows that an operator drops before their time are told by what the log says of it."""
    at = round(town.wall * 1000)
    lane = at.to_bytes(6) + b"xy"
    before = bytes(16)
    dropped = b'{"what":"audit.dropped","rows":"2","before":"%d","seal":"0"}' % at
    for number, entry in enumerate((b'{"what":"audit.lane"}', dropped), 1):
        place = lane + number.to_bytes(8)
        before = log.keys.row_mac(1, before, place, at, entry)
        log.insert([(place, at, entry, before)], [])
    assert [each.name for each in log.found()] == ["dropped-early"]
