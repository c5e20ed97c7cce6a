"""``haoma keys`` and ``haoma rewrap``: keys and peppers are changed by what the commands say, step by step."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from haoma.cli import app
from haoma.settings.reader import load
from haoma.steps import DEFAULT_TENANT
from haoma.store.keys.unwrapping import account_keys
from haoma.store.opening import records_of, sealer_of
from support.people import populate
from support.store_rows import run
from support.vault import Vault

APPS = (
    '[apps.shop]\nplatform = "wechat"\napp_id = "wx0123456789abcdef"\napp_secret = "0123456789abcdef0123456789abcdef"\n'
)


def key(number: int, letter: str) -> str:
    return f"{number}:{base64.b64encode(letter.encode() * 32).decode()}"


class Desk:
    """A folder with a haoma.toml, and the commands in it."""

    def __init__(self) -> None:
        self.lists = {"keys": [key(1, "n")], "peppers": [key(1, "p")], "audit_keys": [key(1, "a")]}
        self.vault = ""
        self.apps = APPS
        self.write()

    def write(self) -> None:
        lists = "\n".join(f"{name} = {json.dumps(keys)}" for name, keys in self.lists.items())
        store = f'[store]\ndatabase_url = "sqlite:///own.db"\nkeys = ["{key(1, "s")}"]\n'
        Path("haoma.toml").write_text(f"{self.apps}{store}[accounts]\n{lists}\n{self.vault}")

    def run(self, *arguments: str) -> Any:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    def told(self, *arguments: str) -> dict[str, Any]:
        done = self.run(*arguments, "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def order(self, of: str, told: dict[str, Any]) -> None:
        """Write the list as a command has said."""
        known = {int(each.partition(":")[0]): each for each in [*self.lists[of], told.get("key", "0:")]}
        self.lists[of] = [known[number] for number in told["order"]]
        self.write()

    def populate(self, count: int, tenant: str = DEFAULT_TENANT) -> None:
        """Put people into the store, as the processes would that have this haoma.toml."""
        settings = load("haoma.toml")
        assert settings.accounts is not None
        made = records_of(sealer_of(settings.store, tenant), account_keys(settings.accounts), tenant)
        populate(settings.store, made, count, tenant)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "HAOMA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    made = Desk()
    assert made.run("db", "upgrade").exit_code == 0
    return made


def rows(found: dict[str, Any]) -> dict[tuple[str, int], tuple[str, int | None]]:
    return {(each["of"], each["number"]): (each["role"], each["rows"]) for each in found["keys"]}


def test_a_key_is_changed_by_what_the_commands_say(desk: Desk) -> None:
    """Add, promote, rewrap, retire; each step says the next, and none is possible too early."""
    desk.populate(3)
    made = desk.told("keys", "add")
    new = made["number"]
    assert made["order"] == [1, new]
    desk.order("keys", made)
    early = desk.run("keys", "retire", "1")
    assert (early.exit_code, "key 1 is in use" in early.stderr) == (2, True)
    desk.order("keys", desk.told("keys", "promote", str(new)))
    assert [each.partition(":")[0] for each in desk.lists["keys"]] == [str(new), "1"]
    early = desk.run("keys", "retire", "1")
    assert (early.exit_code, early.stdout) == (1, "")
    assert "3 numbers are still sealed by key 1" in early.stderr
    status = desk.run("keys", "status")
    assert (status.exit_code, "run haoma rewrap" in status.stderr) == (0, True)
    assert desk.told("rewrap", "--dry-run")["sealed"] == 3
    done = desk.run("rewrap")
    assert (done.exit_code, done.stdout) == (0, "3 numbers: 3 sealed again, 0 index rows added, 0 removed.\n")
    desk.order("keys", desk.told("keys", "retire", "1"))
    assert len(desk.lists["keys"]) == 1
    found = desk.told("keys", "status")
    assert found["numbers"] == 3
    assert rows(found) == {
        ("keys", new): ("seals", 3), ("peppers", 1): ("both", 3), ("audit_keys", 1): ("signs", None),
    }  # fmt: skip
    assert desk.run("keys", "status").stderr == ""


def test_a_pepper_is_changed_by_what_the_commands_say(desk: Desk) -> None:
    """Add, rewrap, retire, rewrap; the old one cannot go while a number is found by it alone."""
    desk.populate(2)
    made = desk.told("keys", "add", "--of", "peppers")
    new = made["number"]
    desk.order("peppers", made)
    assert desk.run("keys", "add", "--of", "peppers").exit_code == 2
    assert desk.run("keys", "promote", str(new), "--of", "peppers").exit_code == 2
    early = desk.run("keys", "retire", "1", "--of", "peppers")
    assert (early.exit_code, "without pepper 1, 2 numbers could not be found" in early.stderr) == (1, True)
    assert desk.told("rewrap")["added"] == 2
    desk.order("peppers", desk.told("keys", "retire", "1", "--of", "peppers"))
    assert rows(desk.told("keys", "status"))["peppers", 1] == ("retired", 2)
    assert desk.told("rewrap")["removed"] == 2
    assert ("peppers", 1) not in rows(desk.told("keys", "status"))
    assert len(run(load("haoma.toml").store, "SELECT place FROM {0}numbers")) == 2


def test_every_tenant_counts(desk: Desk) -> None:
    """What one tenant needs keeps a key for all of them; one run is for all of them."""
    second = (
        APPS.replace("apps.shop", "apps.other").replace("wx01", "wx11").replace('"wechat"', '"wechat"\ntenant = "two"')
    )
    desk.apps = APPS + second
    desk.write()
    desk.populate(1)
    desk.populate(2, "two")
    desk.order("keys", desk.told("keys", "add"))
    desk.order("keys", desk.told("keys", "promote", desk.lists["keys"][1].partition(":")[0]))
    assert desk.told("keys", "retire", "1")["needed"] == 3
    desk.apps = APPS  # also of a tenant that has no app any more
    desk.write()
    assert desk.told("keys", "retire", "1")["needed"] == 3
    assert desk.told("rewrap") == {
        "records": 3, "sealed": 3, "added": 0, "removed": 0, "unreadable": 0, "taken": 0, "dry_run": False,
    }  # fmt: skip
    assert desk.told("keys", "retire", "1")["needed"] == 0


def test_no_key_that_stands_there_is_repeated(desk: Desk) -> None:
    """Only the new key is printed, once; the others by their numbers."""
    desk.populate(1)
    made = desk.run("keys", "add")
    (line,) = re.findall(r'^keys = \["1:\.\.\.", "(\d+:[A-Za-z0-9+/]{43}=)"\]$', made.stdout, re.MULTILINE)
    assert made.stdout.startswith("[accounts]\n")
    assert line.partition(":")[2] not in made.stderr
    desk.lists["keys"].append(line)
    desk.write()
    number = line.partition(":")[0]
    for arguments in (
        ["keys", "promote", number], ["keys", "retire", number], ["keys", "status"], ["rewrap"], ["keys", "promote", "1"],
        ["keys", "retire", "1"], ["keys", "promote", "5"],
    ):  # fmt: skip
        done = desk.run(*arguments)
        for each in (*desk.lists["keys"], *desk.lists["peppers"], *desk.lists["audit_keys"], key(1, "s")):
            assert each.partition(":")[2] not in done.stdout + done.stderr


def test_audit_keys(desk: Desk) -> None:
    """They are changed alike; when the old one can go the audit log decides."""
    made = desk.told("keys", "add", "--of", "audit_keys")
    desk.order("audit_keys", made)
    desk.order("audit_keys", desk.told("keys", "promote", str(made["number"]), "--of", "audit_keys"))
    shown = rows(desk.told("keys", "status"))
    assert (shown["audit_keys", made["number"]], shown["audit_keys", 1]) == (("signs", None), ("verifies", None))
    done = desk.run("keys", "retire", "1", "--of", "audit_keys")
    assert done.exit_code == 0
    assert "cannot be verified" in done.stderr


def test_a_key_that_is_gone_is_found_out(desk: Desk) -> None:
    """Numbers that nobody can open any more: 1, and which key it was."""
    desk.populate(2)
    desk.lists["keys"] = [key(2, "m")]
    desk.write()
    status = desk.run("keys", "status")
    assert (status.exit_code, "2 numbers were sealed by a key that is not configured" in status.stderr) == (1, True)
    assert re.search(r"^keys +1 +not configured +2$", status.stdout, re.MULTILINE)
    done = desk.run("rewrap")
    assert (done.exit_code, "2 numbers cannot be opened" in done.stderr) == (1, True)
    assert rows(desk.told("keys", "status"))["keys", 1] == ("missing", 2)


def test_a_vault_makes_the_key(desk: Desk) -> None:
    """The new key is wrapped from the beginning; numbers move under it as under any other."""
    with Vault() as vault:
        desk.vault = "[accounts.vault]\n" + "".join(
            f"{name} = {json.dumps(at)}\n" for name, at in vault.settings().items()
        )
        desk.write()
        desk.populate(1)
        made = desk.told("keys", "add")
        assert made["key"].startswith(f"{made['number']}:vault:v1:")
        assert vault.asked == ["POST /v1/transit/datakey/wrapped/haoma"]
        desk.order("keys", made)
        desk.order("keys", desk.told("keys", "promote", str(made["number"])))
        assert desk.told("rewrap")["sealed"] == 1
        desk.order("keys", desk.told("keys", "retire", "1"))
        vault.sealed = True
        failed = desk.run("keys", "add")
        assert (failed.exit_code, "Vault is sealed" in failed.stderr, vault.token in failed.stderr) == (2, True, False)


def test_a_bar_on_a_terminal(desk: Desk, tmp_path: Path) -> None:
    """How far it is, on stderr; stdout has the result alone."""
    desk.populate(300)
    desk.order("keys", desk.told("keys", "add"))
    desk.order("keys", desk.told("keys", "promote", desk.lists["keys"][1].partition(":")[0]))
    terminal, other = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-m", "haoma", "rewrap"], stdout=subprocess.PIPE, stderr=other, env=environ, check=True
    )
    os.close(other)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(terminal, 65536):
            shown += piece
    os.close(terminal)
    assert b"300/300" in shown
    assert done.stdout == b"300 numbers: 300 sealed again, 0 index rows added, 0 removed.\n"


def test_without_the_table(desk: Desk) -> None:
    """It says how to make it."""
    Path("haoma.toml").write_text(Path("haoma.toml").read_text().partition("[accounts]")[0])
    for arguments in (["keys", "add"], ["keys", "status"], ["rewrap"]):
        done = desk.run(*arguments)
        assert (done.exit_code, "haoma key --accounts" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", ["add", "promote", "retire", "status"])
def test_help(desk: Desk, command: str) -> None:
    """Each has an example and its exit codes."""
    done = desk.run("keys", command, "--help")
    assert f"$ haoma keys {command}" in done.stdout
    assert "Exit codes:\n" in done.stdout


def test_the_database_is_away(desk: Desk) -> None:
    """1, and nothing of the address."""
    Path("own.db").unlink()
    for arguments in (["keys", "status"], ["keys", "retire", "1"], ["rewrap"]):
        done = desk.run(*arguments)
        assert done.exit_code in (1, 2)
        assert "own.db" not in done.stdout
