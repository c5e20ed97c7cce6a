"""The steps that the phone shows are those of the docstrings, with the same numbers and the same English words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import haoma
from haoma.platforms.registry import PLATFORMS
from haoma.words import entries

FOLDERS = Path(haoma.__file__).parent / "platforms"
ITEM = re.compile(r"^(\d+)\. (.+?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def lists(path: Path) -> Iterator[dict[int, str]]:
    """Yield the numbered lists of a module's docstring. A number that is not greater begins the next one."""
    told = ast.get_docstring(ast.parse(path.read_text("utf-8"))) if path.is_file() else None
    found: dict[int, str] = {}
    for number, words in ITEM.findall(told or ""):
        if found and int(number) <= max(found):
            yield found
            found = {}
        found[int(number)] = " ".join(words.replace("``", "").split())
    yield found


def documented(platform: str) -> dict[str, dict[int, str]]:
    """Return the steps by way: the last list of ``flow.py`` is that of sealed data, if the platform seals any.

    Other ways begin with the same steps; one that has a module of its own name continues there.
    """
    flows = list(lists(FOLDERS / platform / "flow.py"))
    ways = {key.split(".")[1] for key in entries(f"platforms/{platform}") if key.startswith("steps.")}
    found = {"sealed": flows.pop()} if "sealed" in ways else {}
    others = ways - {"sealed"}
    begun = flows.pop() if others else {}
    for way in others:
        merged = dict(begun)
        for name in (way,) if (FOLDERS / platform / f"{way}.py").is_file() else ("verify", "open", "fetch"):
            merged |= next(lists(FOLDERS / platform / f"{name}.py"))
        found[way] = {number: words for number, words in merged.items() if not re.match(r"to \d", words)}
    assert not flows
    return found


@pytest.mark.parametrize("platform", PLATFORMS)
def test_steps_are_those_of_the_docstrings(platform: str) -> None:
    """A step that is added, moved or reworded in the code is so on the phone, or this fails."""
    shown: dict[str, dict[int, str]] = {}
    for key, entry in entries(f"platforms/{platform}").items():
        kind, _, rest = key.partition(".")
        if kind == "steps":
            way, _, number = rest.partition(".")
            shown.setdefault(way, {})[int(number)] = entry["en"]
    told = documented(platform)
    assert shown.keys() == told.keys()
    for way, steps in shown.items():
        assert list(steps) == sorted(told[way]), way
        for step, words in steps.items():
            whole = told[way][step]
            assert whole.startswith(words), (way, step, whole)
            assert re.match(r"$|[.,:;]| \(", whole[len(words) :]), (way, step, whole)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_way_says_what_the_platform_seals(platform: str) -> None:
    """The first stop has its words for each way."""
    keys = entries(f"platforms/{platform}")
    ways = {key.split(".")[1] for key in keys if key.startswith("steps.")}
    assert ways == {key.split(".")[1] for key in keys if key.startswith("seals.")} != set()
