"""Connections are cut, processes are killed and forked: a lane has no gaps, and no authorization is without its row."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from chaos.cutting import Cutter
from chaos.scenarios.cut import MODES

from conftest import TESTS
from haoma.accounts import LookUp
from haoma.errors import StoreUnavailable
from haoma.link import Login
from haoma.store import writer as writer_module
from haoma.store.config import StoreSettings
from support.accounts import Town
from support.auditing import Log, audit_keys
from support.store_rows import empty, run

pytest_plugins = ["support.store_fixtures"]


@pytest.fixture(params=("postgresql", "mysql"))
def behind(request: pytest.FixtureRequest, migrated: dict[str, StoreSettings]) -> Iterator[tuple[StoreSettings, Any]]:
    """A database behind a proxy that cuts connections at a COMMIT; the proxy runs in a loop of its own."""
    settings = migrated[request.param]
    empty(settings)
    with cutting(settings) as (through, cutter):
        yield through, cutter


@contextmanager
def cutting(settings: StoreSettings) -> Iterator[tuple[StoreSettings, Cutter]]:
    port = int(settings.database_url.rpartition(":")[2].partition("/")[0])
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def there(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    cutter = Cutter(port, "postgresql" if settings.kind == "postgresql" else "mariadb")
    there(cutter.__aenter__())
    try:
        yield replace(settings, database_url=settings.database_url.replace(f":{port}/", f":{cutter.port}/")), cutter
    finally:
        there(cutter.__aexit__())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def opened(settings: StoreSettings) -> Iterator[Town]:
    town = Town(settings, audit=audit_keys())
    try:
        yield town
    finally:
        town.close()


def whats(log: Log) -> list[str]:
    return [msgspec.json.decode(row[2])["what"] for row in log.rows()]


@pytest.mark.parametrize("mode", MODES)
def test_a_lost_commit_is_one_row_in_the_same_lane(behind: tuple[StoreSettings, Cutter], mode: str) -> None:
    """Whether the commit has reached the database or not: each event has one row, and the lane goes on."""
    settings, cutter = behind
    cutter.mode = mode
    with opened(settings) as town:
        log = Log(town, audit_keys())
        town.linked("o-1")
        for number in range(2):
            cutter.armed = 1
            town.ask(LookUp(by=f"support-{number}", login=Login("wechat", "wechat:wx1", "openid", "o-1")))
            town.linked("o-1", after_reserved=lambda: setattr(cutter, "armed", 1))
        assert cutter.cuts == 4
        assert whats(log) == ["audit.lane", "authorize", *["look-up", "authorize"] * 2]
        assert log.found() == []


def test_an_unknown_outcome_that_is_given_up_ends_the_lane(
    behind: tuple[StoreSettings, Cutter], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, cutter = behind
    with opened(settings) as town:
        log = Log(town, audit_keys())
        town.linked("o-1")
        monkeypatch.setattr(writer_module, "GIVE_UP_SECONDS", 0.0)
        monkeypatch.setattr(writer_module, "ENDS_SECONDS", 0.0)
        cutter.armed = 1
        with pytest.raises(StoreUnavailable):
            town.ask(LookUp(by="support", login=Login("wechat", "wechat:wx1", "openid", "o-1")))
        monkeypatch.undo()
        town.wall += 1
        town.linked("o-1")
        # It was committed, and nobody has heard of it.
        assert whats(log) == ["audit.lane", "authorize", "look-up", "audit.lane", "authorize"]
        assert msgspec.json.decode(log.rows()[3][2])["why"] == "unknown-outcome"
        log.seal()
        assert (log.found(), log.verify().unsealed) == ([], 0)


def started(settings: StoreSettings, forks: int = 0) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "support.auditing_process",
        settings.database_url,
        settings.table_prefix,
        str(forks),
    ]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), *filter(None, sys.path)))}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)


def test_a_killed_process_leaves_no_gap(emptied: StoreSettings) -> None:
    """What the database has acknowledged is in the log, and the log holds nothing that did not happen."""
    told = 0
    three = [started(emptied) for _ in range(3)]
    for wanted, process in zip((5, 17, 40), three, strict=True):
        assert process.stdout is not None
        for line in process.stdout:
            told += 1
            if int(line) == wanted:
                break
        process.kill()
        told += len(process.stdout.readlines())
        process.wait()
        process.stdout.close()
    ((done,),) = run(emptied, "SELECT COUNT(*) FROM {0}ledger WHERE state = 1")
    with opened(emptied) as town:
        log = Log(town, audit_keys())
        verified = log.verify(counts=True)
        assert (verified.found, verified.lanes) == ([], 3)
        rows = sum(count for (_, what, _, _), count in verified.counts.items() if what == "authorize")
        assert rows == done
        assert told + 3 <= rows <= told + 6  # one more each may have been committed and not printed
        log.seal()
        assert (log.found(), log.verify().unsealed) == ([], 0)


def test_forks_have_lanes_of_their_own(emptied: StoreSettings) -> None:
    process = started(emptied, forks=3)
    assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()
    with opened(emptied) as town:
        verified = Log(town, audit_keys()).verify(counts=True)
    assert (verified.found, verified.lanes) == ([], 4)
    assert sorted(verified.counts.values()) == [4, 21]
