"""What is old is dropped from the audit log, and the log says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from haoma.store import sweep as sweeping
from haoma.store.audit import retention
from haoma.store.audit.retention import KEEP_MS
from haoma.store.audit.verify import verify
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
    town.wall += KEEP - DAY
    town.linked("o-1")
    log.seal()
    dropped = log.rows()
    assert swept(town, log).audit > 0
    log.seal()
    assert log.found() == []
    oldest = log.rows()[0][0][:8]
    rows = entries(log.rows(), oldest)
    for place, *_ in rows:
        log.change("DELETE FROM {0}audit WHERE place = ?", place)
    assert [(each.name, each.lane, each.last) for each in log.found()] == [("lane-missing", oldest, len(rows))]
    log.insert(rows, [])
    assert log.found() == []
    upto = next(each["upto"] for row in log.rows() if (each := msgspec.json.decode(row[2]))["what"] == "audit.dropped")
    last = int(upto[16:], 16), bytes.fromhex(upto[:16])
    for number, forged in (last, (1, last[1]), (7, dropped[0][0][:8]), (1, b"\1older!!")):  # where rows were dropped
        log.insert([(forged + number.to_bytes(8), 1, b"{}", bytes(16))], [])
        assert [(each.lane, each.first) for each in log.found() if each.name == "row-foreign"] == [(forged, number)]
        log.change("DELETE FROM {0}audit WHERE place = ?", forged + number.to_bytes(8))
    log.change("DELETE FROM {0}seals WHERE place = ?", log.seals()[0].place)
    assert [each.name for each in log.found()] == ["seals-missing"]
    log.change("DELETE FROM {0}seals")
    assert [each.name for each in log.found()] == ["seals-missing"]


def test_the_log_is_verified_while_old_rows_are_dropped(town: Town, log: Log) -> None:
    """The rows that are dropped were read, and then the one that says so: the verifier begins again."""
    for _ in range(2):
        day(town, log)
    town.wall += KEEP
    town.linked("o-1")
    log.seal()
    told = []

    def drop(part: float, rows: int) -> None:
        told.append(rows)
        if len(told) == 1:
            town.wall += 1
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(swept, town, log).result().audit > 0

    verified = log.ask(lambda connection: verify(connection, log.prefix, log.keys, (), drop))
    assert (verified.found, verified.dropped) == ([], 10)
    assert told == [12, 14, 14, 4, 4]


def test_nobody_can_say_that_rows_were_dropped_without_the_key(town: Town, log: Log) -> None:
    town.linked("o-1")
    log.seal()
    place, at, _, mac = log.rows()[-1]
    entry = b'{"what":"audit.dropped","by":"haoma","rows":"1","seals":"0","upto":"%b","mac":"","seal":"9"}' % (
        b"ff" * 16
    )
    log.change("DELETE FROM {0}audit")
    log.insert([(place[:8] + (1).to_bytes(8), at, entry, mac)], [])
    assert [each.name for each in log.found()] == ["lane-foreign", "rows-cut"]


def test_whoever_has_the_key_and_drops_too_early_is_found_out(town: Town, log: Log) -> None:
    """Rows that an operator drops before their time are told by what the log says of it."""
    town.linked("o-1")
    *_, (last, at, _, mac) = log.rows()
    log.change("DELETE FROM {0}audit")
    lane, before = (at + 1000).to_bytes(6) + b"xy", bytes(16)
    said = {"what": "audit.dropped", "rows": "2", "upto": last.hex(), "mac": mac.hex(), "seals": "0", "seal": "0"}
    for number, entry in enumerate((b'{"what":"audit.lane"}', msgspec.json.encode(said)), 1):
        place = lane + number.to_bytes(8)
        before = log.keys.row_mac(1, before, place, at, entry)
        log.insert([(place, at, entry, before)], [])
    assert [each.name for each in log.found()] == ["dropped-early"]


def test_what_is_left_of_a_lane_that_was_dropped_half_way_is_still_held_to_its_mac(
    town: Town, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    monkeypatch.setattr(sweeping, "_MOST", 1)
    for _ in range(3):
        town.linked("o-1")
    left = log.rows()[3]
    log.seal()
    town.wall += KEEP + 2 * DAY
    town.linked("o-1")
    log.seal()
    assert swept(town, log).audit == 3
    assert (log.rows()[0], log.found(), log.verify().dropped) == (left, [], 3)
    log.change("UPDATE {0}audit SET entry = ? WHERE place = ?", b"{}", left[0])
    assert [(each.name, each.lane, each.first) for each in log.found()] == [("row-changed", left[0][:8], 4)]
    log.change("DELETE FROM {0}audit WHERE place = ?", left[0])
    assert [(each.name, each.first, each.last) for each in log.found()] == [("lane-missing", 4, 4)]
