"""Requests to erase in a running service: done by itself, and an alarm if that fails until the day is over."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from haoma.cli import app as commands
from haoma.ids import new_id, written
from haoma.settings.reader import load
from haoma.simulator import Simulator
from haoma.store.config import StoreSettings, format_key
from haoma.store.rows import ACCOUNTS, ERASURES, Account, Erasure
from support.accounts import NUMBER_KEYS, PEPPERS
from support.auditing import FIRST
from support.serving import START, Serving
from support.simulator_toml import some_apps
from support.store_rows import insert, run
from support.stores import KEYS

SOON = "import haoma.store.erasures as each; each.EVERY_SECONDS = 0.2; "


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def toml(simulator: Simulator, tmp_path: Path) -> str:
    """A haoma.toml that keeps accounts, with its tables."""
    keys = [json.dumps([format_key(each) for each in found]) for found in (KEYS, NUMBER_KEYS, PEPPERS, [FIRST])]
    found: str = some_apps(simulator, "wechat]")
    found += f'\n[store]\ndatabase_url = "sqlite:///{tmp_path / "own.db"}"\nkeys = {keys[0]}\n'
    found += f"[accounts]\nkeys = {keys[1]}\npeppers = {keys[2]}\naudit_keys = {keys[3]}\n"
    (tmp_path / "haoma.toml").write_text(found)
    assert CliRunner().invoke(commands, ["db", "upgrade", "--config", str(tmp_path / "haoma.toml")]).exit_code == 0
    return found


def ask(settings: StoreSettings, due_in: float) -> bytes:
    """An account, and a request to erase it that is due in so many seconds."""
    now = round(time.time() * 1000)
    place = new_id(now)
    insert(settings, ACCOUNTS, [Account(place, 1, b"", b"", b"", now, 0)])
    insert(settings, ERASURES, [Erasure(place, 1, now, now + round(due_in * 1000), 0)])
    return place


def until(there: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := there()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def gauges(service: Serving) -> dict[str, float]:
    text = service.ask("GET", "/metrics").body.decode()
    return {found[1]: float(found[2]) for found in re.finditer(r'haoma_erasures\{state="(\w+)".*\} (\S+)', text)}


def logged(service: Serving, event: str) -> list[dict[str, Any]]:
    return [each for each in service.log() if each["event"] == event]


def test_requests_are_done_by_a_running_service(toml: str, tmp_path: Path) -> None:
    """What is due within a day is erased; what is not waits; if it cannot be done, log and metrics say so, once."""
    settings = load(tmp_path / "haoma.toml").store
    soon, later = ask(settings, 3600), ask(settings, 10 * 86_400)
    with Serving(tmp_path, toml, start=SOON + START) as service:
        until(lambda: logged(service, "Accounts were erased, as was asked."))
        assert run(settings, "SELECT place FROM {0}accounts") == [(later,)]
        assert until(lambda: gauges(service)) == {"pending": 1.0, "overdue": 0.0}
        assert logged(service, "Requests to erase are overdue.") == []
        run(settings, "CREATE TRIGGER stuck BEFORE DELETE ON {0}accounts BEGIN SELECT RAISE(ABORT, 'stuck'); END")
        stuck = ask(settings, -60)
        (alarm,) = until(lambda: logged(service, "Requests to erase are overdue."))
        assert (alarm["level"], alarm["total"]) == ("error", 1)
        assert until(lambda: gauges(service)["overdue"]) == 1.0
        assert logged(service, "Accounts could not be erased; they are tried again.")
        run(settings, "DROP TRIGGER stuck")
        until(lambda: gauges(service)["overdue"] == 0)
        assert len(logged(service, "Requests to erase are overdue.")) == 1
        told = service.written()
    assert written(soon) not in told
    assert run(settings, "SELECT COUNT(*) FROM {0}accounts WHERE place = ?", stuck) == [(0,)]
