"""The example project, and the code of its page. `strangers.py` runs what takes longer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE, ZH = ROOT / "docs" / "django.md", ROOT / "docs" / "django.zh-CN.md"
FENCE = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
EXAMPLE = ROOT / "examples" / "django"
OWN = ("shop/settings.py", "shop/models.py", "shop/urls.py")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy, so that nothing is left behind."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "django", ignore=shutil.ignore_patterns("__pycache__", "*.db*")))


def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAOMA_", "DJANGO_"))}
    return {**kept, "PYTHONPATH": str(ROOT / "src")}


def test_it_is_short() -> None:
    """A team writes less than sixty lines."""
    lines = [line for name in OWN for line in (EXAMPLE / name).read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) < 60


def test_its_own_tests(project: Path) -> None:
    """They pass without a haoma.toml and with every warning an error; and no migration is missing."""
    command = [sys.executable, "-W", "error", "manage.py"]
    done = subprocess.run([*command, "test"], cwd=project, env=environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Ran 4 tests" in done.stderr


def test_both_languages_show_the_same_code() -> None:
    """The page of Django has the same blocks in English and in Chinese; `strangers.py` runs them."""
    said = [FENCE.findall(page.read_text("utf-8")) for page in (PAGE, ZH)]
    assert said[0] == said[1]
    assert len(said[0]) >= 14
