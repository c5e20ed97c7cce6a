"""The fixtures for other people's tests, as those run them: in a process of pytest with every warning an error."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = "haoma.pytest_plugin"


def run(folder: Path, test: str, *options: str) -> str:
    """Run a file of tests as a project does that has haoma installed, and return what is printed."""
    (folder / "test_it.py").write_text(test, "utf-8")
    path = f"{ROOT / 'src'}{os.pathsep}{folder}"
    env = {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", PLUGIN, "-W", "error", "--strict-markers"]
    command += ["-p", "no:cacheprovider", "--rootdir", str(folder), *options]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr
    return done.stdout


def test_it_is_found_without_being_named() -> None:
    """Whoever installs haoma has the fixtures."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}


def test_what_a_team_tests(tmp_path: Path) -> None:
    """A chosen user and number, the same user again, one person on several platforms, a refusal, an async client."""
    said = run(
        tmp_path,
        """
import asyncio, sys, threading
import pytest
import celery  # a server of many processes is no reason to warn in a test
import haoma

def test_a_chosen_user(haoma_simulator, haoma_client):
    assert {name for name in sys.modules if name.startswith("haoma.platforms.alipay.")} == set()
    anna = haoma_simulator.person("anna", number="13900139000")
    first, again, other = anna.tap(), anna.tap(), haoma_simulator.tap()
    phones = [haoma_client.get_phone_number(tap.app, tap.body) for tap in (first, again, other)]
    assert phones[0].e164 == phones[1].e164 == "+8613900139000"
    assert phones[0].subject == phones[1].subject != phones[2].subject
    assert haoma_simulator.calls["wechat"]["/wxa/business/getuserphonenumber"] == 3

def test_a_refusal(haoma_simulator, haoma_client):
    tap = haoma_simulator.tap("wechat", "expired-code")
    with pytest.raises(haoma.CodeRejected):
        haoma_client.get_phone_number(tap.app, tap.body)

@pytest.mark.haoma("wechat", "kuaishou", "baidu", accounts=True)
@pytest.mark.parametrize("again", [1, 2])
def test_one_person_on_several_platforms(haoma_simulator, haoma_client, again):
    anna = haoma_simulator.person("anna")
    phones = []
    for platform in ("wechat", "kuaishou", "baidu"):
        tap = anna.tap(platform)
        phones.append(haoma_client.get_phone_number(tap.app, tap.body))
    assert len({phone.account for phone in phones}) == 1
    assert [phone.link for phone in phones] == ["new", "joined", "joined"]   # in each test anew

def test_only_the_platforms_asked_for(haoma_simulator):
    with pytest.raises(LookupError, match="there are: wechat"):
        haoma_simulator.tap("alipay")

def test_an_application_of_my_own(haoma_simulator, haoma_config):
    async def main():
        tap = haoma_simulator.tap()
        async with haoma.AsyncClient.from_file(haoma_config) as client:
            return tap, await client.get_phone_number(tap.app, tap.body)
    tap, phone = asyncio.run(main())
    assert phone.e164 == tap.phone_number

@pytest.mark.haoma("wechat", accounts=True)
def test_a_client_that_nobody_closes(haoma_simulator, haoma_async_client):
    tap = haoma_simulator.tap()
    assert asyncio.run(haoma_async_client.get_phone_number(tap.app, tap.body)).link == "new"

def test_it_was_closed():
    assert [each.name for each in threading.enumerate() if each.name == "haoma-store"] == []
""",
    )
    assert "8 passed" in said


def test_the_platforms_of_a_project(tmp_path: Path) -> None:
    """They stand in the settings of pytest; a marker is not needed."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nhaoma_platforms = baidu huawei\n", "utf-8")
    said = run(
        tmp_path,
        """
def test_it(haoma_simulator, haoma_client):
    for platform in ("baidu", "huawei"):
        tap = haoma_simulator.tap(platform)
        assert haoma_client.get_phone_number(tap.app, tap.body).e164 == tap.phone_number
""",
    )
    assert "1 passed" in said


def test_who_tests_something_else_pays_nothing(tmp_path: Path) -> None:
    """The plugin is loaded in every run of pytest, so it brings nothing with it."""
    run(
        tmp_path,
        """
import sys
def test_it():
    heavy = {"httpcore2", "sqlalchemy", "haoma.simulator", "haoma.client", "haoma.settings"}
    assert heavy.isdisjoint(sys.modules)
""",
    )


def test_a_person_is_no_number_in_a_report(haoma_simulator: object) -> None:
    """What pytest prints of a failing test has no number."""
    person = haoma_simulator.person("anna", number="13900139000")  # type: ignore[attr-defined]
    assert "13900139000" not in repr(person) + repr(haoma_simulator) + repr(person.tap())
    with pytest.raises(LookupError):
        person.tap("nowhere")
