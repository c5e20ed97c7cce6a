"""Front ends as people write them, each with what has to be said. ``front_ends/README.md`` is the format."""

import tomllib
from pathlib import Path

import pytest

from haoma.doctor.mini_program.scan import scan

FOLDER = Path(__file__).parent / "front_ends"
CASES = sorted(path.parent for path in FOLDER.rglob("expected.toml"))
CLEAN = "doctor.front-end-clean"


@pytest.mark.parametrize("case", CASES, ids=[case.relative_to(FOLDER).as_posix() for case in CASES])
def test_a_front_end(case):
    """The faults and warnings are those that have to be said, and it is called clean only if it is."""
    expected = tomllib.loads((case / "expected.toml").read_text("utf-8"))
    configured = expected.get("config", [])
    platforms = [configured] if isinstance(configured, str) else configured
    found = list(scan(case, platforms=platforms))
    told = {(each.severity.value, each.code, each.file, each.line) for each in found}
    said, may = {each.code for each in found} - {CLEAN}, set(expected.get("may", ()))
    serious = {each.code for each in found if each.severity in ("fault", "warning")}
    must = set(expected["must"])
    assert must <= said, told
    assert serious <= must | may, told
    if case.parent.name == "works":
        assert said <= must | may, told
    if "clean" in expected:
        assert any(each.code == CLEAN for each in found) is expected["clean"], told


def test_a_login_with_a_code_alone_is_a_note():
    """Severity follows what is sent."""
    (found,) = scan(FOLDER / "field" / "FP1-login-with-a-code-alone", platforms=["wechat"])
    assert (found.code, found.severity) == ("doctor.login-in-callback", "note")
