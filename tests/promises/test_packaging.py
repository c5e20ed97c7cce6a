"""What is published: the package and its documentation, no tests and no keys; and floors that hold."""

from __future__ import annotations

import tomllib
from importlib.metadata import requires
from pathlib import Path

import pathspec
import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
INCLUDED = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
FOLDERS = {"src", "docs"}


def test_nothing_but_the_package_is_published() -> None:
    """A pattern without a slash in front of it matches in every folder, as in a .gitignore, which hatch follows."""
    assert all(pattern.startswith("/") for pattern in INCLUDED)
    spec = pathspec.GitIgnoreSpec.from_lines(INCLUDED)
    files = [path.relative_to(ROOT).as_posix() for top in ROOT.iterdir() if top.name[0] != "." for path in _files(top)]
    published = {name for name in files if spec.match_file(name)}
    assert {name.partition("/")[0] for name in published if "/" in name} == FOLDERS
    assert {"README.md", "README.zh-CN.md", "LICENSE", "src/haoma/py.typed", "src/haoma/catalogue.toml"} <= published
    words = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.toml")}
    assert {"src/haoma/words/cli.toml", "src/haoma/platforms/wechat/mirror/words.toml"} <= words <= published
    assert any(name.startswith("tests/vectors/") and name.endswith("/README.md") for name in files)


def _files(top: Path) -> list[Path]:
    return [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]


@pytest.mark.parametrize("package", ["httpcore2", "starlette", "typer"])
def test_our_floors_are_not_below_those_of_what_we_need(package: str) -> None:
    """A version that pip could choose by our word, and not by a dependency's, has been tried by nobody."""
    ours = _floors([*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["server"]])
    theirs = _floors(requires(package) or [])
    assert {name: floor for name, floor in theirs.items() if name in ours and ours[name] < floor} == {}


def test_no_minor_version_is_pinned() -> None:
    """Whoever installs haoma beside an application of their own keeps the server that it has."""
    server = PROJECT["project"]["optional-dependencies"]["server"]
    assert not [each for each in server if "<" in each or "==" in each or "~=" in each]


def test_the_floor_of_pyjwt() -> None:
    """2.10.0 takes a part of an issuer for the whole (CVE-2024-53861)."""
    server = _floors(PROJECT["project"]["optional-dependencies"]["server"])
    assert server["pyjwt"] >= (2, 10, 1)


def _floors(requirements: list[str]) -> dict[str, tuple[int, ...]]:
    found = {}
    for each in requirements:
        name, at_least, rest = each.partition(">=")
        if at_least and "extra ==" not in each:
            version = rest.partition(",")[0].partition(";")[0].strip()
            found[name.partition("[")[0].strip().lower()] = tuple(
                int(part) for part in version.removesuffix(".0").split(".")
            )
    return found
