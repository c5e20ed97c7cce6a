"""The audit log of a running service: its rows, and its seals in the log that is shipped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haoma.cli import app as commands
from haoma.simulator import Simulator
from haoma.store.config import format_key
from support.accounts import NUMBER_KEYS, PEPPERS
from support.auditing import FIRST
from support.serving import Serving
from support.simulator_toml import some_apps
from support.stores import KEYS


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def test_the_seals_are_in_the_log_of_the_service(simulator: Simulator, tmp_path: Path) -> None:
    """Also at a level that writes no other line, and with the last rows, because a service seals when it stops."""
    toml = some_apps(simulator, "wechat]").replace("[service]", '[service]\nlog_level = "error"', 1)
    keys = [json.dumps([format_key(each) for each in found]) for found in (KEYS, NUMBER_KEYS, PEPPERS, [FIRST])]
    toml += f'\n[store]\ndatabase_url = "sqlite:///{tmp_path / "own.db"}"\nkeys = {keys[0]}\n'
    toml += f"[accounts]\nkeys = {keys[1]}\npeppers = {keys[2]}\naudit_keys = {keys[3]}\n"
    (tmp_path / "haoma.toml").write_text(toml)
    run = CliRunner().invoke
    config = ["--config", str(tmp_path / "haoma.toml")]
    assert run(commands, ["db", "upgrade", *config]).exit_code == 0
    with Serving(tmp_path, toml) as service:
        for _ in range(3):
            tap = simulator.tap("wechat", "ok")
            got = service.post("/v1/apps/wechat/phone-number", tap.body, simulator.server_key)
            assert got.status == 200
    lines = [each for each in service.log() if each["event"] == "audit seal"]
    assert [each["seal"] for each in lines] == list(range(1, len(lines) + 1))
    assert lines
    assert all(re.fullmatch("[0-9a-f]{72,}", each["heads"]) for each in lines)
    log = tmp_path / "stderr"
    done = run(commands, ["audit", "verify", "--json", "--seals", str(log), *config])
    assert done.exit_code == 0
    (said,) = json.loads(done.stdout)["tenants"]
    assert (said["rows"], said["lanes"], said["unsealed"], said["shipped"]) == (4, 1, 0, len(lines))
    report = json.loads(run(commands, ["audit", "report", "--json", *config]).stdout)
    assert {(each["what"], each["app"], each["total"]) for each in report["tenants"][0]["counts"]} == {
        ("audit.lane", "", 1),
        ("authorize", "wechat", 3),
    }
    log.write_bytes(log.read_bytes().replace(lines[-1]["mac"].encode(), b"0" * 32))
    assert run(commands, ["audit", "verify", "--seals", str(log), *config]).exit_code == 1
