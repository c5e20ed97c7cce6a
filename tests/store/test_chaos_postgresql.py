"""Four service processes on one PostgreSQL; one of them is killed, and connections are cut at their commits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chaos.scenarios.cut import MODES, cut

from support.short_chaos import *  # noqa: F403 - all of its tests
from support.short_chaos import Play, playing


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    with playing("postgresql") as found:
        yield found


@pytest.mark.parametrize("mode", MODES)
def test_a_commit_whose_answer_is_lost_is_found_and_nothing_is_done_twice(play: Play, mode: str) -> None:
    play(lambda stage: cut(stage.base, stage.fleet, stage.platform, mode, rounds=4))
