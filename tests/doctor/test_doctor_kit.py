"""The components and the examples of the repository itself."""

from pathlib import Path

import pytest

from haoma.doctor.mini_program.scan import scan

FRONT_END = Path(__file__).parents[2] / "frontend"
FOLDERS = sorted(
    path.parent.relative_to(FRONT_END).as_posix()
    for pattern in ("*/package.json", "examples/*/package.json", "flutter/README.md")
    for path in FRONT_END.glob(pattern)
    if path.parent.name != "host"  # it stands in for the platforms, and is part of no mini program
)


def test_every_package_is_here():
    examples = {f"examples/{each}" for each in ("native-wechat", "native-alipay", "taro")}
    assert {"core", "native", "taro"} | examples < set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_doctor_has_nothing_to_say(folder):
    """Each package and each example."""
    assert [(each.code, each.file, each.line) for each in scan(FRONT_END / folder)] == [
        ("doctor.front-end-clean", "", 0)
    ]
