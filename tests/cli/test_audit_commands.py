"""``haoma audit`` and ``haoma incident``: what they print, and what they end with."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from haoma import accounts
from haoma.cli import app
from haoma.ids import new_id, written
from haoma.settings.reader import load
from haoma.store.audit import verify as verifying
from haoma.store.audit.verify import NAMES
from haoma.store.config import format_key
from haoma.store.rows import OUTBOX, PHONES, Event, Phone
from haoma.store.sealing import StoreKey
from support.accounts import NUMBER_KEYS, PEPPERS, Town
from support.auditing import FIRST, SECOND, audit_keys
from support.store_rows import insert, run
from support.stores import KEYS
from support.vector_cases import cases

GOOD = next(case for case in cases("alipay") if case.name == "alipay/success-mainland")
PROMISE = (
    "Somebody who can write the database but has no audit key cannot change, insert or reorder rows unnoticed. They can "
    "only remove the newest rows unnoticed: those that no shipped seal covers. Somebody who also has an audit key cannot "
    "change rows under a shipped seal unnoticed, but can change all others."
)
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "HAOMA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


def configure(folder: Path, *audit: StoreKey) -> None:
    def listed(*keys: StoreKey) -> str:
        return json.dumps([format_key(key) for key in keys])

    toml = (GOOD.path / "app.toml").read_text("utf-8")
    toml += f'\n[store]\ndatabase_url = "sqlite:///own.db"\nkeys = {listed(*KEYS)}\n'
    if audit:
        toml += (
            f"[accounts]\nkeys = {listed(*NUMBER_KEYS)}\npeppers = {listed(*PEPPERS)}\naudit_keys = {listed(*audit)}\n"
        )
    (folder / "haoma.toml").write_text(toml, "utf-8")


@pytest.fixture
def haoma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder with a haoma.toml that keeps accounts in a file of SQLite."""
    monkeypatch.chdir(tmp_path)
    configure(tmp_path, FIRST)

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(app, list(arguments))

    return invoke


@pytest.fixture
def town(haoma: Run) -> Iterator[Town]:
    """Three people of one app, who came on three days."""
    assert haoma("db", "upgrade").exit_code == 0
    found = Town(load("haoma.toml").store, audit=audit_keys())
    for day in range(3):
        found.linked(f"o-{day}", f"1380013800{day}")
        found.linked("o-0", "13800138000")
        found.wall += 86_400
    yield found
    found.close()


def test_verify(haoma: Run, town: Town) -> None:
    """It says what there is, that nothing was changed, and what that is worth."""
    town.close()
    fine = haoma("audit", "verify")
    assert (fine.exit_code, fine.stderr) == (0, "")
    first, *_ = fine.stdout.splitlines()
    assert first == "9 rows in 3 lanes, 0 seals; from 2027-01-15 16:00:00+08:00 to 2027-01-17 16:00:00+08:00"
    assert "9 rows are not under a seal yet" in fine.stdout
    assert "Nothing was changed." in fine.stdout
    assert fine.stdout.splitlines()[-1] == PROMISE
    said = json.loads(haoma("audit", "verify", "--json").stdout)
    assert (said["ok"], said["tenants"][0]["rows"], said["tenants"][0]["found"]) == (True, 9, [])
    chinese = haoma("audit", "verify", "--lang", "zh").stdout
    assert "没有被改动" in chinese
    assert not re.search(r"\b(row|seal|lane)s?\b", chinese)


def test_what_was_changed_is_named(haoma: Run, town: Town) -> None:
    town.close()
    assert haoma("audit", "ship").exit_code == 0
    ((place,),) = run(town.settings, "SELECT place FROM {0}audit ORDER BY place LIMIT 1 OFFSET 1")
    run(town.settings, "UPDATE {0}audit SET entry = ? WHERE place = ?", b"{}", place)
    run(town.settings, "DELETE FROM {0}audit WHERE place > ?", bytes(place)[:8] + b"\xff" * 8)
    found = haoma("audit", "verify")
    assert found.exit_code == 1
    assert f"lane {place[:8].hex()}, rows 2: not what was signed" in found.stdout
    assert "rows 1-3: the whole lane is missing (seal 1 proves it)" in found.stdout
    assert "Nothing was changed" not in found.stdout
    said = json.loads(haoma("audit", "verify", "--json").stdout)
    assert [each["name"] for each in said["tenants"][0]["found"]] == ["row-changed", "lane-missing", "lane-missing"]
    assert haoma("audit", "report").exit_code == 1


def test_of_a_thousand_findings_the_rest_is_counted(haoma: Run, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.close()
    monkeypatch.setattr(verifying, "_MOST", 2)
    for ((place,),) in ([row] for row in run(town.settings, "SELECT place FROM {0}audit ORDER BY place")):
        if bytes(place)[-1] != 2:
            run(town.settings, "UPDATE {0}audit SET entry = ? WHERE place = ?", b"{}", place)
    found = haoma("audit", "verify")
    assert (found.exit_code, found.stdout.count("lane "), "and 4 more" in found.stdout) == (1, 2, True)
    (said,) = json.loads(haoma("audit", "verify", "--json").stdout)["tenants"]
    assert (len(said["found"]), said["more"]) == (2, 4)


def test_every_finding_has_a_name_and_a_test() -> None:
    """The verifier has no other findings than those that are listed, and tests produce each of them."""
    root = Path(__file__).parents[2]
    source = (root / "src/haoma/store/audit/verify.py").read_text("utf-8")
    assert set(re.findall(r'(?:Found\(|name = |else )"([a-z-]+)"', source)) == set(NAMES)
    tests = "".join(path.read_text("utf-8") for path in (root / "tests/store").glob("test_audit*.py"))
    assert {name for name in NAMES if f'"{name}"' not in tests} == set()


def test_ship_and_compare(haoma: Run, town: Town, tmp_path: Path) -> None:
    """Seals are appended to a file, each once; what they prove is proven after the database was set back."""
    archive = tmp_path / "seals.jsonl"
    for _ in range(2):
        assert haoma("audit", "ship", "--to", str(archive)).exit_code == 0
    town.linked("o-0", "13800138000")
    assert haoma("audit", "ship", "--to", str(archive)).stderr == "haoma: progress: 1 seals\n"
    lines = [json.loads(line) for line in archive.read_text().splitlines()]
    assert [(each["event"], each["tenant"], each["seal"]) for each in lines] == [
        ("audit seal", "default", number) for number in (1, 2)
    ]
    only = haoma("audit", "ship", "--after", "1")
    assert [json.loads(line) for line in only.stdout.splitlines()] == lines[1:]
    assert haoma("audit", "verify", "--seals", str(archive)).exit_code == 0
    town.close()
    ((last,),) = run(town.settings, "SELECT MAX(place) FROM {0}audit")
    run(town.settings, "DELETE FROM {0}audit WHERE place = ?", last)
    run(town.settings, "DELETE FROM {0}seals WHERE place = ?", (2).to_bytes(8))
    assert haoma("audit", "verify").exit_code == 0
    found = haoma("audit", "verify", "--seals", str(archive))
    assert found.exit_code == 1
    assert "(the shipped seal 2 proves it)" in found.stdout
    assert "the last seals were removed" in found.stdout


def test_report(haoma: Run, town: Town) -> None:
    """Counts by day, what, app and caller; nothing that says who."""
    town.close()
    haoma("audit", "ship")
    shown = haoma("audit", "report", "--since", "2027-01-16")
    assert shown.exit_code == 0
    table = [line.split() for line in shown.stdout.splitlines() if line.startswith(("day", "2027-"))]
    assert table == [
        ["day", "what", "app", "by", "total"],
        ["2027-01-16", "audit.lane", "haoma", "1"],
        ["2027-01-16", "authorize", "wechat:wx1", "caller-1", "2"],
        ["2027-01-17", "audit.lane", "haoma", "1"],
        ["2027-01-17", "authorize", "wechat:wx1", "caller-1", "2"],
    ]
    for needed in ("9 rows in 3 lanes, 1 seals", "kept for at least 180 days", "Nothing was changed.", PROMISE):
        assert needed in shown.stdout
    said = json.loads(haoma("audit", "report", "--until", "2027-01-15", "--json").stdout)
    (tenant,) = said["tenants"]
    assert (said["ok"], said["retention_days"], tenant["seals"], len(tenant["counts"])) == (True, 180, 1, 2)
    assert tenant["counts"][1] == {
        "day": "2027-01-15", "what": "authorize", "app": "wechat:wx1", "by": "caller-1", "total": 2,
    }  # fmt: skip
    assert "审计报告" in haoma("audit", "report", "--lang", "zh").stdout
    for secret in ("138", "o-0"):
        assert secret not in json.dumps(tenant["counts"])
    assert haoma("audit", "report", "--since", "20270115").exit_code == 2


def test_a_preview_is_counted_apart(haoma: Run, town: Town) -> None:
    """Whoever only asks what an erasure would do is not counted among those who erased somebody."""
    account = town.linked("o-0", "13800138000").account
    assert account
    for preview in (True, True, False):
        town.run(accounts.erase(account, by="clerk", preview=preview))
    town.close()
    haoma("audit", "ship")
    (tenant,) = json.loads(haoma("audit", "report", "--json").stdout)["tenants"]
    counts = {row["what"]: row["total"] for row in tenant["counts"] if row["by"] == "clerk"}
    assert counts == {"erase": 1, "erase.preview": 2}


def test_a_key_that_is_gone_is_named(haoma: Run, town: Town, tmp_path: Path) -> None:
    town.close()
    configure(tmp_path, SECOND)
    found = haoma("audit", "verify")
    assert found.exit_code == 1
    assert found.stdout.count("no longer in audit_keys") == 3
    configure(tmp_path, SECOND, FIRST)
    assert haoma("audit", "verify").exit_code == 0


@pytest.mark.parametrize(
    "command", [("audit", "verify"), ("audit", "report"), ("audit", "ship"), ("incident", "export", "--store-key", "1")]
)
def test_without_accounts_there_is_no_log(haoma: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    configure(tmp_path)
    haoma("db", "upgrade")
    found = haoma(*command)
    assert (found.exit_code, "[accounts]" in found.stderr) == (2, True)
    configure(tmp_path, FIRST)
    assert haoma(*command, "--tenant", "nobody").exit_code == 2


def test_each_tenant_has_a_log_of_its_own(haoma: Run, town: Town, tmp_path: Path) -> None:
    """All of them are read, or the one that is named; a change in one is no change in the other."""
    secret = "0123456789abcdef" * 2
    with (tmp_path / "haoma.toml").open("a") as file:
        file.write(
            f'[apps.north]\nplatform = "wechat"\napp_id = "wx{secret[:16]}"\napp_secret = "{secret}"\ntenant = "north"\n'
        )
    north = Town(town.settings, "north", audit=audit_keys(tenant="north"))
    north.linked("o-1", "13700137000")
    for each in (town, north):
        each.close()
    assert haoma("audit", "ship", "--to", "seals.jsonl").stderr == "haoma: progress: 2 seals\n"
    run(town.settings, "UPDATE {0}audit SET entry = ? WHERE tenant = 'north'", b"{}")
    found = {
        each["tenant"]: bool(each["found"]) for each in json.loads(haoma("audit", "verify", "--json").stdout)["tenants"]
    }
    assert found == {"default": False, "north": True}
    assert haoma("audit", "verify", "--tenant", "default", "--seals", "seals.jsonl").exit_code == 0
    assert haoma("audit", "verify", "--tenant", "north").exit_code == 1
    assert "tenant north" in haoma("audit", "verify").stdout
    said = json.loads(haoma("incident", "export", "--number-key", "1", "--json").stdout)
    assert (said["accounts"], [each["accounts"] for each in said["tenants"]]) == (4, [3, 1])


def test_the_sweep_drops_what_is_old(haoma: Run, town: Town) -> None:
    """The clock of the command is the computer's, so rows of the past are put there."""
    town.close()
    run(town.settings, "DELETE FROM {0}audit")
    run(town.settings, "DELETE FROM {0}seals")
    past = Town(town.settings, audit=audit_keys())
    past.wall = 1_600_000_000.0
    past.linked("o-9", "13700137000")
    past.close()
    assert haoma("audit", "ship").exit_code == 0
    assert "2 of the audit log" in haoma("db", "sweep", "--dry-run").stdout
    assert json.loads(haoma("db", "sweep", "--json").stdout)["audit"] == 2
    assert haoma("audit", "verify").exit_code == 0
    assert "2 rows were dropped because of their age" in haoma("audit", "report").stdout


def test_check_finds_nothing_wrong_with_the_rows_of_accounts(haoma: Run, town: Town) -> None:
    """Their places have other lengths than those that are digests."""
    town.close()
    assert haoma("audit", "ship").exit_code == 0
    odd = json.loads(haoma("db", "check", "--json").stdout)["rows"]
    assert {each["is"] for each in odd} <= {"future"}  # the town is ahead of the computer
    run(town.settings, "UPDATE {0}seals SET place = ?", b"longer than eight")
    odd = json.loads(haoma("db", "check", "--json").stdout)["rows"]
    assert ("place", "seals") in {(each["is"], each["table"]) for each in odd}


# --- incidents


def accounts_of(town: Town) -> list[str]:
    return sorted(written(bytes(place)) for (place,) in run(town.settings, "SELECT place FROM {0}accounts"))


def test_whose_numbers_a_key_has_sealed(haoma: Run, town: Town) -> None:
    town.close()
    other = new_id(1)
    insert(town.settings, PHONES, [Phone(new_id(2), 1, other, b"sealed", 7, b"")])
    said = json.loads(haoma("incident", "export", "--number-key", "1", "--json").stdout)
    (tenant,) = said["tenants"]
    assert (said["by"], said["accounts"]) == ({"number_key": 1}, 3)
    assert (tenant["rows"], tenant["account_ids"]) == ({"phones": 3}, accounts_of(town))
    listed = list(csv.reader(io.StringIO(haoma("incident", "export", "--number-key", "7", "--csv").stdout)))
    assert listed == [["tenant", "account"], ["default", written(other)]]
    shown = haoma("incident", "export", "--number-key", "1")
    assert shown.stdout == "tenant default: 3 accounts could be affected\n  phones: 3 rows\n"
    assert json.loads(haoma("incident", "export", "--number-key", "3", "--json").stdout)["accounts"] == 0


def test_whose_logins_a_key_has_sealed(haoma: Run, town: Town) -> None:
    town.close()
    insert(town.settings, OUTBOX, [Event(new_id(1), 1, "erased", b"", b"\1\1\0\0\0\1", 0, 0, 0, 0)])
    (tenant,) = json.loads(haoma("incident", "export", "--store-key", "1", "--json").stdout)["tenants"]
    assert (tenant["account_ids"], tenant["rows"]["identities"]) == (accounts_of(town), 3)
    assert tenant["rows"]["outbox"] >= 1
    assert tenant["rows_without_account"] >= 1
    (tenant,) = json.loads(haoma("incident", "export", "--store-key", "2", "--json").stdout)["tenants"]
    assert tenant["accounts"] == 0


def test_of_whom_the_log_speaks_in_a_span(haoma: Run, town: Town) -> None:
    """Times without an offset are those of China."""
    town.close()
    for since, until, count in (
        ("2027-01-16T15:59", "2027-01-16T16:01", 2),
        ("2027-01-16T08:00+00:00", "2027-01-16T16:00:01", 2),
        ("2027-01-16T16:00:01", "2027-01-17T16:00", 0),
        ("2027-01-01", "", 3),
    ):
        arguments = ["--since", since, *(["--until", until] if until else [])]
        said = json.loads(haoma("incident", "export", *arguments, "--json").stdout)
        assert (since, said["accounts"]) == (since, count)
    (tenant,) = said["tenants"]
    assert tenant["rows"] == {"audit.lane": 3, "authorize": 6}
    assert tenant["account_ids"] == accounts_of(town)
    assert "138001380" not in json.dumps(said)


def test_an_export_of_everybody_affects_everybody(haoma: Run, town: Town, tmp_path: Path) -> None:
    """The log says of it that somebody did it, and names nobody."""
    town.close()
    done = haoma("export", "--all", "--yes", "--reason", "moving", "--output", str(tmp_path / "all.jsonl"))
    assert done.exit_code == 0
    span = ("incident", "export", "--since", "2026-01-01", "--until", "2026-12-31")
    (tenant,) = json.loads(haoma(*span, "--json").stdout)["tenants"]
    assert (tenant["everybody"], tenant["accounts"], tenant["rows_without_account"]) == (True, 0, 2)
    assert "somebody exported everybody" in haoma(*span).stdout
    listed = haoma(*span, "--csv")
    assert (listed.stdout, "somebody exported everybody" in listed.stderr) == ("tenant,account\n", True)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--number-key", "1", "--store-key", "1"),
        ("--until", "2027-01-01"),
        ("--since", "yesterday"),
        ("--since", "2027-01-01", "--number-key", "1"),
    ],
)
def test_one_thing_is_asked(haoma: Run, town: Town, arguments: tuple[str, ...]) -> None:
    assert haoma("incident", "export", *arguments).exit_code == 2
