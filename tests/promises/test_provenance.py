"""Where the vectors come from is said of each, and each platform's page says what others have published."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from haoma.platforms.registry import PLATFORMS
from support.vector_cases import VECTORS, Case, cases

ROOT = Path(__file__).parents[2]
SOURCE = re.compile(r"(?m)^Source: (official|peer|layout|forged)\b")
MADE = re.compile(r"forged|layout|shape|the (code|form|words)\b")  # words for what is only in part of others
NONE_IS_PUBLIC = {"md": "is public", "zh-CN.md": "没有公开"}

every_platform = pytest.mark.parametrize("platform", PLATFORMS)


def source(case: Case) -> str:
    """Return the kind of source that a case names first."""
    found = SOURCE.findall((case.path / "README.md").read_text("utf-8"))
    assert len(found) == 1, case.name
    return str(found[0])


def test_only_platforms_have_vectors() -> None:
    """Every folder of vectors belongs to a platform of the registry, and every platform has one."""
    assert {path.name for path in VECTORS.iterdir() if path.is_dir()} == PLATFORMS.keys()


@every_platform
def test_every_vector_names_its_source(platform: str) -> None:
    """One line says whether a case is the platform's own, others', theirs in its shape alone, or made with our keys."""
    for case in cases(platform):
        text = (case.path / "README.md").read_text("utf-8").partition("\nSource: ")[2]
        assert source(case) in ("layout", "forged") or not MADE.search(text), case.name


@every_platform
@pytest.mark.parametrize("ending", NONE_IS_PUBLIC)
def test_a_vector_of_others_or_a_word_that_there_is_none(platform: str, ending: str) -> None:
    """Each page leads to the vectors; with none of others among them it says, in its language, that none is public."""
    page = (ROOT / "docs" / "platforms" / f"{platform}.{ending}").read_text("utf-8")
    said = next(part for part in page.split("\n\n") if f"../../tests/vectors/{platform}/README.md" in part)
    # A code or a layout of the documentation is less than a number that somebody else sealed or received.
    whole = [case for case in cases(platform) if source(case) in ("official", "peer") and case.phone_number]
    assert whole or NONE_IS_PUBLIC[ending] in said.replace("\n", " " if ending == "md" else ""), said
