"""``haoma db`` and ``haoma ledger``: what they print, ask and end with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from haoma.cli import app
from haoma.settings.reader import load
from haoma.store.config import StoreSettings, format_key
from haoma.store.rows import DONE, FREE, LEDGER, REFUSED, STARTED, UNKNOWN
from haoma.store.sealing import StoreKey
from haoma.store.version import SCHEMA
from support.store_rows import insert, ledger_count, run, used
from support.stores import KEYS
from support.vector_cases import cases

GOOD = next(case for case in cases("alipay") if case.name == "alipay/success-mainland")
MIDDAY = 1_780_200_000_000  # 2026-05-31 12:00 in China
DAY = 86_400_000
NEWEST = f"{SCHEMA:04}"
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "HAOMA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


def configure(folder: Path, *lines: str) -> None:
    text = (GOOD.path / "app.toml").read_text("utf-8")
    (folder / "haoma.toml").write_text(text + "\n[store]\n" + "\n".join(lines) + "\n", "utf-8")


@pytest.fixture
def haoma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder with a haoma.toml that has a store of SQLite."""
    monkeypatch.chdir(tmp_path)
    configure(tmp_path, 'database_url = "sqlite:///own.db"', f'keys = ["{format_key(KEYS[0])}"]')

    def invoke(*arguments: str, sent: str | None = None) -> Any:
        return CliRunner().invoke(app, list(arguments), input=sent)

    return invoke


@pytest.fixture
def settings(haoma: Run) -> StoreSettings:
    """The store, upgraded by the command."""
    assert haoma("db", "upgrade").exit_code == 0
    return load("haoma.toml").store


def test_up_status_and_down(haoma: Run) -> None:
    """Each step is told on stderr, the outcome on stdout, and the exit code says whether haoma works with the tables."""
    before = haoma("db", "status")
    assert (before.exit_code, "version: none" in before.stdout, "haoma db upgrade" in before.stdout) == (1, True, True)
    made = haoma("db", "upgrade")
    assert (made.exit_code, made.stdout) == (0, f"The tables have version {NEWEST}.\n")
    each = [f"{number:04}" for number in range(1, SCHEMA + 1)]
    assert made.stderr == "".join(f"haoma: progress: upgraded to {number}\n" for number in each)
    again = haoma("db", "upgrade", "--json")
    assert (again.exit_code, json.loads(again.stdout), again.stderr) == (0, {"version": NEWEST, "steps": []}, "")
    status = haoma("db", "status", "--json")
    assert (status.exit_code, json.loads(status.stdout)) == (0, {
        "database": "sqlite", "prefix": "haoma_", "version": NEWEST, "newest": NEWEST,
        "accepted": f"{NEWEST} {SCHEMA + 1:04}", "state": "ready",
    })  # fmt: skip
    back = ["0000", *each[:-1]]
    down = haoma("db", "downgrade", "--yes", "--json")
    assert (down.exit_code, json.loads(down.stdout)) == (0, {"version": back[-1], "steps": [back[-1]]})
    down = haoma("db", "downgrade", "--to", "0", "--yes", "--json")
    assert (down.exit_code, json.loads(down.stdout)) == (0, {"version": "", "steps": back[-2::-1]})
    assert haoma("db", "status").exit_code == 1


def test_a_downgrade_asks(haoma: Run, settings: StoreSettings) -> None:
    """Without a yes nothing is dropped: not for a no, not where nobody can answer, and not for a dry run."""
    insert(settings, LEDGER, [used(1)])
    refused = haoma("db", "downgrade", sent="n\n")
    assert (refused.exit_code, "is lost" in refused.stderr) == (1, True)
    nobody = haoma("db", "downgrade", sent="")
    assert (nobody.exit_code, "--yes" in nobody.stderr) == (2, True)
    dry = haoma("db", "downgrade", "--dry-run", "--lang", "zh")
    assert (dry.exit_code, NEWEST in dry.stdout, f"{SCHEMA - 1:04}" in dry.stdout) == (0, True, True)
    assert json.loads(haoma("db", "downgrade", "--dry-run", "--json").stdout)["version"] == f"{SCHEMA - 1:04}"
    assert haoma("db", "downgrade", "--to", "0", "--dry-run").stdout.count("0000") == 1
    assert haoma("db", "downgrade", "--to", "7").exit_code == 2
    assert haoma("db", "downgrade", "--to", str(SCHEMA)).exit_code == 0  # where it is already
    assert ledger_count(settings) == 1
    assert haoma("db", "downgrade", sent="y\n").exit_code == 0
    assert haoma("db", "status").exit_code == 1
    assert json.loads(haoma("db", "upgrade", "--json").stdout)["steps"] == [NEWEST]


@pytest.mark.parametrize("arguments", [("db", "check"), ("db", "sweep"), ("db", "sweep", "--dry-run"), ("ledger",)])
def test_without_tables_the_remedy_is_named(haoma: Run, arguments: tuple[str, ...]) -> None:
    """Every command that needs the tables says how to make them."""
    haoma("db", "upgrade")
    haoma("db", "downgrade", "--to", "0", "--yes")
    found = haoma(*arguments)
    assert (found.exit_code, found.stdout) == (1, "")
    assert "config.schema-missing" in found.stderr
    assert "haoma db upgrade" in found.stderr


def test_sweep(haoma: Run, settings: StoreSettings) -> None:
    """A dry run counts and deletes nothing; a sweep does what it said; one that is held off says why."""
    insert(settings, LEDGER, [used(number) for number in range(1, 301)])
    dry = haoma("db", "sweep", "--dry-run")
    assert (dry.exit_code, "Would delete: 0 answers, 300 rows of the ledger" in dry.stdout) == (0, True)
    assert ledger_count(settings) == 300
    swept = json.loads(haoma("db", "sweep", "--json").stdout)
    assert (swept["ledger"], swept["dry_run"], swept["busy"], ledger_count(settings)) == (300, False, False, 0)
    run(settings, "UPDATE {}leases SET ended = 0, lease_until = ?", 1 << 50)
    busy = haoma("db", "sweep")
    assert (busy.exit_code, busy.stdout) == (0, "Another process is sweeping.\n")


def test_check(haoma: Run, settings: StoreSettings, tmp_path: Path) -> None:
    """What is odd is named with its table and number; so is a table that differs; nothing sealed is shown."""
    fine = haoma("db", "check")
    assert (fine.exit_code, fine.stdout) == (0, "Everything is in order.\n")
    insert(settings, LEDGER, [used(1, state=9), used(2, outcome=b"canary-outcome", answer_until=1 << 50)])
    run(settings, "ALTER TABLE {}tries ADD COLUMN extra INTEGER")
    found = haoma("db", "check", "--json")
    assert found.exit_code == 1
    said = json.loads(found.stdout)
    assert {"is": "unreadable", "table": "ledger", "count": 1, "keys": str(int.from_bytes(b"nary"))} in said["rows"]
    assert {"state", "row-late", "unreadable"} == {row["is"] for row in said["rows"]}
    assert [each.split()[0] for each in said["schema"]] == ["remove_column"]
    for lang in ("en", "zh"):
        shown = haoma("db", "check", "--lang", lang)
        assert "haoma_ledger: 1: " in shown.stdout
        assert bool(re.search(r"[\u4e00-\u9fff]", shown.stdout)) == (lang == "zh")
        assert "canary" not in shown.stdout + shown.stderr
    configure(tmp_path, 'database_url = "sqlite:///own.db"', f'keys = ["{format_key(StoreKey(7, bytes(32)))}"]')
    assert haoma("db", "check").exit_code == 1


def fill(settings: StoreSettings) -> None:
    scope = next(iter(load("haoma.toml").apps.values())).scope
    states = [DONE] * 5 + [REFUSED] * 2 + [UNKNOWN, STARTED, FREE]
    rows = [used(number, app=scope, state=state, started_at=MIDDAY) for number, state in enumerate(states, 1)]
    rows.append(used(20, app="wechat:gone", kind="envelope", started_at=MIDDAY + DAY))
    insert(settings, LEDGER, rows)


def test_ledger(haoma: Run, settings: StoreSettings) -> None:
    """Counts per day, app and kind, the same before a sweep and after it; the app has the name of haoma.toml."""
    fill(settings)
    name = next(iter(load("haoma.toml").apps))
    first = {
        "day": "2026-05-31", "app": name, "kind": "code", "received": 10, "exchanged": 5, "refused": 2, "unknown": 2,
        "not_sent": 1, "under_way": 0,
    }  # fmt: skip
    second = {
        "day": "2026-06-01", "app": "wechat:gone", "kind": "envelope", "received": 1, "exchanged": 1, "refused": 0,
        "unknown": 0, "not_sent": 0, "under_way": 0,
    }  # fmt: skip
    for _ in range(2):
        said = json.loads(haoma("ledger", "--since", "2026-05-31", "--json").stdout)
        assert said == {"since": "2026-05-31", "lines": [first, second], "paid_for_nothing": 2}
        assert json.loads(haoma("ledger", "--since", "2026-06-01", "--json").stdout)["lines"] == [second]
        assert json.loads(haoma("ledger", "--since", "2026-05-31", "--app", name, "--json").stdout)["lines"] == [first]
        assert haoma("db", "sweep").exit_code == 0
    assert ledger_count(settings) == 0
    shown = haoma("ledger", "--since", "2026-05-31")
    assert shown.exit_code == 0
    header, line, *_ = shown.stdout.splitlines()
    assert header.split()[:5] == ["day", "app", "kind", "received", "exchanged"]
    assert line.split() == ["2026-05-31", name, "code", "10", "5", "2", "2", "1", "0"]
    assert "paid for nothing (unknown): 2" in shown.stdout
    assert "结果未知" in haoma("ledger", "--since", "2026-05-31", "--lang", "zh").stdout
    assert haoma("ledger", "--since", "2026-07-01").stdout == "Nothing since 2026-07-01.\n"


@pytest.mark.parametrize("since", ["yesterday", "20260531", "2026-W22-7", "2026-02-30", "2026/05/31"])
def test_ledger_takes_a_date_alone(haoma: Run, since: str) -> None:
    """What is no date is said to be none."""
    found = haoma("ledger", "--since", since)
    assert (found.exit_code, "--since" in found.stderr) == (2, True)


def test_ledger_knows_the_apps(haoma: Run) -> None:
    """A name that no app has is a mistake, not an empty list."""
    found = haoma("ledger", "--app", "nope")
    assert (found.exit_code, "nope" in found.stderr) == (2, True)


def test_without_a_database_there_is_nothing_to_look_at(haoma: Run, tmp_path: Path) -> None:
    """A configuration that keeps everything in memory is told from a database that is away; neither shows a password."""
    configure(tmp_path, 'database_url = "memory"')
    found = haoma("db", "status")
    assert (found.exit_code, "configures no database" in found.stderr) == (2, True)
    address = "postgresql://haoma:canary-password@127.0.0.1:1/haoma"
    configure(tmp_path, f'database_url = "{address}"', f'keys = ["{format_key(KEYS[0])}"]')
    for command in (("db", "status"), ("db", "upgrade"), ("db", "sweep"), ("ledger",)):
        away = haoma(*command)
        assert (away.exit_code, "internal.store-unavailable" in away.stderr) == (1, True), away.stderr
        assert "canary" not in away.stdout + away.stderr


def test_the_embedded_store(haoma: Run, tmp_path: Path) -> None:
    """Without [store] the commands work on the file that a service makes for itself."""
    (tmp_path / "haoma.toml").write_bytes((GOOD.path / "app.toml").read_bytes())
    assert haoma("db", "status").exit_code == 1
    assert haoma("db", "upgrade").stdout == f"The tables have version {NEWEST}.\n"
    assert haoma("db", "check").stdout == "Everything is in order.\n"
    assert haoma("ledger", "--json").exit_code == 0
