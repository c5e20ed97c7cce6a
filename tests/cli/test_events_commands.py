"""``haoma events``: what is listed, sent again and delivered."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from haoma import webhooks
from haoma.cli import app
from haoma.settings.reader import load
from haoma.store.config import format_key
from support.accounts import NUMBER_KEYS, PEPPERS, Town
from support.receiver import SECRET, Receiver, receiving
from support.stores import KEYS

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "HAOMA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def configure(folder: Path, hook: str) -> None:
    text = f"""allow_insecure_upstreams = true
[apps.shop]
platform = "wechat"
app_id = "wx0123456789abcdef"
app_secret = "{"0" * 32}"
[store]
database_url = "sqlite:///own.db"
keys = ["{format_key(KEYS[0])}"]
[accounts]
keys = ["{format_key(NUMBER_KEYS[0])}"]
peppers = ["{format_key(PEPPERS[0])}"]
audit_keys = ["1:{"A" * 43}="]
{hook}
"""
    (folder / "haoma.toml").write_text(text)


@pytest.fixture
def haoma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> Run:
    """Run a command in a folder with a database, two events and a receiver."""
    monkeypatch.chdir(tmp_path)
    secret = webhooks.format_secret(SECRET)
    configure(tmp_path, f'[webhooks]\nurl = "{receiver.url}"\nsecrets = ["{secret}"]')

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(app, list(arguments))

    assert invoke("db", "upgrade").exit_code == 0
    town = Town(load("haoma.toml").store)
    town.wall = time.time() - 10
    for number in range(2):
        town.linked(f"o-{number}", f"138{number:08}")
    town.close()
    return invoke


def listed(haoma: Run, *arguments: str) -> list[dict[str, Any]]:
    found = haoma("events", "list", "--json", *arguments)
    assert found.exit_code == 0, found.stderr
    rows: list[dict[str, Any]] = json.loads(found.stdout)["events"]
    return rows


def test_from_waiting_to_delivered_and_again(haoma: Run, receiver: Receiver) -> None:
    """Each state is listed; delivering does what the service does; a replay sends with the same ids."""
    first, second = listed(haoma)
    assert (first["type"], first["state"], first["tries"]) == ("phone.verified", "waiting", 0)
    assert first["id"] < second["id"]
    assert listed(haoma, "--state", "parked") == []
    sent = haoma("events", "deliver")
    assert (sent.exit_code, sent.stdout) == (0, "Delivered 2, failed 0, parked 0\n")
    assert sorted(receiver.ids) == [first["id"], second["id"]]  # the order is kept within an account
    assert [row["state"] for row in listed(haoma, "--state", "delivered")] == ["delivered"] * 2
    assert haoma("events", "deliver").stdout == "Delivered 0, failed 0, parked 0\n"
    dry = haoma("events", "replay", "--id", first["id"], "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, "Would send 1 events again\n")
    assert [row["state"] for row in listed(haoma)] == ["delivered"] * 2
    again = haoma("events", "replay", "--id", first["id"], "--json")
    assert (again.exit_code, json.loads(again.stdout)) == (0, {"count": 1, "dry_run": False})
    assert haoma("events", "deliver").exit_code == 0
    assert receiver.ids[2:] == [first["id"]]
    since = haoma("events", "replay", "--since", "2020-01-01")
    assert (since.exit_code, since.stdout) == (0, "2 events are sent again\n")
    assert haoma("events", "replay", "--since", "2100-01-01T00:00:00Z").exit_code == 1
    assert haoma("events", "replay", "--parked").exit_code == 1


def test_what_does_not_arrive(haoma: Run, receiver: Receiver) -> None:
    """The exit code says so, and the list how often it was tried."""
    receiver.answer = lambda _: 500
    found = haoma("events", "deliver", "--json")
    assert (found.exit_code, json.loads(found.stdout)) == (1, {"delivered": 0, "failed": 2, "parked": 0})
    assert [(row["state"], row["tries"]) for row in listed(haoma)] == [("waiting", 1)] * 2


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_table(haoma: Run, lang: str) -> None:
    """In both languages; no more than asked for, and no number."""
    found = haoma("events", "list", "--limit", "1", "--lang", lang)
    lines = found.stdout.splitlines()
    assert len(lines) == 3
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  phone\.verified", lines[1])
    assert bool(re.search(r"[\u4e00-\u9fff]", lines[0])) == (lang == "zh")
    assert "138" not in found.stdout.replace(lines[1].split()[-1], "").replace(lines[1].split()[-2], "")
    assert len(haoma("events", "list", "--state", "parked", "--lang", lang).stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay",),
        ("replay", "--id", "1"),
        ("replay", "--since", "yesterday"),
        ("list", "--since", "2026-12-01T08:00:00"),
        ("list", "--state", "lost"),
        ("list", "--limit", "0"),
    ],
)
def test_misuse(haoma: Run, arguments: tuple[str, ...]) -> None:
    """What is asked for has to be said exactly."""
    assert haoma("events", *arguments).exit_code == 2


def test_without_webhooks_nothing_is_delivered(haoma: Run, tmp_path: Path) -> None:
    """There is nowhere to send it; what is there can be listed all the same."""
    configure(tmp_path, "")
    found = haoma("events", "deliver")
    assert (found.exit_code, "[webhooks]" in found.stderr) == (2, True)
    assert len(listed(haoma)) == 2


def test_a_secret_for_webhooks(haoma: Run) -> None:
    """It is printed as it stands in haoma.toml, and can be used as it is."""
    found = haoma("key", "--webhook")
    match = re.fullmatch(r'haoma\.toml   secrets = \["(whsec_[^"]+)"\]\n', found.stdout)
    assert match
    assert len(webhooks.parse_secret(match[1]) or b"") == 32
