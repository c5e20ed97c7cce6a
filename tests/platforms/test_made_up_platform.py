"""Adding a platform is a folder and a line: one that does not exist is served, simulated, diagnosed and documented."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
LINE = '    "acme": "haoma.platforms.acme:ACME",\n'


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a copy of haoma with this folder and this line makes of the platform."""
    top = tmp_path_factory.mktemp("made-up")
    package = top / "src" / "haoma"
    shutil.copytree(ROOT / "src" / "haoma", package)
    shutil.copytree(SUPPORT / "acme", package / "platforms" / "acme")
    registry = package / "platforms" / "registry.py"
    first = "_PLACES: Final = {\n"
    text = registry.read_text("utf-8")
    assert text.count(first) == 1
    registry.write_text(text.replace(first, first + LINE), "utf-8")
    paths = [top / "src", ROOT / "tools", ROOT / "conformance" / "adapters"]
    done = subprocess.run(
        [sys.executable, SUPPORT / "made_up_platform.py", top],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["haoma"]).is_relative_to(top)
    return found


def diagnoses(ran):
    """What a command of the doctor found, by code."""
    return {each["code"]: each for each in json.loads(ran["out"])["found"]}


def test_served_and_simulated(seen):
    """From the simulator's settings by a request to a number, and to a refusal in the platform's own words."""
    (well, number), (refused, problem) = seen["served"]
    assert (well, number["phone_number"], number["platform"]) == (200, "+8613800138000", "acme")
    assert refused >= 400
    assert (problem["code"], problem["platform_code"]) == ("platform.quota-exhausted", "17")
    assert seen["calls"]["/acme/phone"] >= 3  # the doctor asked as well


def test_diagnosed(seen):
    """The doctor asks it, warns of its settings, and knows its replies, its codes in a log and its events."""
    found = diagnoses(seen["doctor"])
    assert {"doctor.no-login", "doctor.quota-unknown", "doctor.token-plain"} <= found.keys()
    assert found["doctor.not-asked"]["because"]["token"] == "plain"
    assert json.loads(seen["inspect"]["out"])["is"] == "acme-reply"
    for ran in (seen["inspect"], seen["log"]):
        assert diagnoses(ran)["platform.quota-exhausted"]["see"] == "https://acme.example/17"
    assert "envelope.user-declined" in diagnoses(seen["declined"])
    assert diagnoses(seen["misspelt"])["config.unknown-platform"]["because"]["nearest"] == "acme"


def test_told_and_documented(seen):
    """The command explains its code, the pages list it, and the table of proofs has its row."""
    assert "Acme is full (17)" in seen["explain"]["out"]
    assert "Acme is full (17)" in seen["pages"]["acme.md"]
    assert "[顶点 Acme](acme.md)" in seen["pages"]["README.md"]
    assert "| Acme | tap | yes | yes | yes | yes | yes | It is made up. |" in seen["proofs"]


def test_its_own_words(seen):
    """Its names and scenes are called as its own files say."""
    assert seen["named"]["out"].startswith("这是顶点的应答。")
    assert seen["scenes"] == ["允许", "满了"]


def test_its_settings_and_bodies(seen):
    """Its settings are in the tables, the stub and the fault about workers; its body is in the service's document."""
    own, shared = seen["settings"]
    assert "| `acme_mode` | word | `slow` | `slow` or `quick` |" in own
    assert "`acme`、`alipay`" in shared
    overload = seen["stub"].partition('Literal["acme"]')[2].partition("@overload")[0]
    assert 'acme_mode: Literal["slow", "quick"] | _Elsewhere = ...' in overload
    assert seen["two-workers"]["config.needs-one-worker"] == "apps.acme.acme_mode"
    assert seen["body"]["value"] == {"authorization": {"code": "<acme.tap>"}}


def test_judged(seen):
    """The conformance suite's adapter answers cases of it."""
    number, refused, nonsense = seen["conformance"]
    assert number == {"phone_number": "+8613800138000"}
    assert refused == {"refused": "platform.quota-exhausted"}
    assert set(nonsense) == {"refused"}
