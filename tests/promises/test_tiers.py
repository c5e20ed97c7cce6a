"""The tiers of the tests name what there is, and a unit test cannot be more."""

from __future__ import annotations

import ast
import socket
from pathlib import Path

import pytest

from support.tiers import BUDGETS, PROCESS, WEIGHTS, Watch, tier_of

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("path", sorted({*PROCESS, *WEIGHTS}))
def test_what_is_named_is_there(path: str) -> None:
    """A file that is moved, or a test that is renamed, takes its line with it."""
    assert (TESTS / path).exists()
    if named := set(PROCESS.get(path, "").split()):
        tree = ast.parse((TESTS / path).read_text("utf-8"))
        assert named <= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_tier_of_a_test(request: pytest.FixtureRequest) -> None:
    """By a fixture, by the folder, by the name of the function; all others are unit tests."""
    assert tier_of("laws/test_strict.py", "test_any", ["tmp_path"]) == "unit"
    assert tier_of("laws/test_strict.py", "test_any", ["simulator"]) == "process"
    assert tier_of("forks/test_forks.py", "test_celery", []) == "process"
    assert tier_of("promises/test_words.py", "test_the_pages_are_fresh", []) == "process"
    assert tier_of("promises/test_words.py", "test_any", []) == "unit"
    assert [name for name in BUDGETS if request.node.get_closest_marker(name)] == ["unit"]


def test_a_unit_test_that_is_none_is_seen() -> None:
    """It would fail when it ends; here what it did is forgotten."""
    with socket.socket() as quiet:
        assert Watch.seen == set()
        quiet.bind(("127.0.0.1", 0))
    assert Watch.seen == {"socket.bind"}
    Watch.seen.clear()
