"""Short forms of ``make chaos``, for a module that has a fixture ``play``: real service processes, killed and cut off.

Nothing here waits for a clock: leases expire because the test says so. A process that was killed stays dead, and the next
test does with those that are left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from chaos.rows import Tally
from chaos.scenarios.kills import killed_in_mid_exchange
from chaos.scenarios.race import race
from chaos.scenarios.tokens import stampede
from chaos.stage import Stage

APPS = ("shop", "first", "second")
Play = Callable[[Callable[[Stage], Coroutine[Any, Any, Tally]]], None]


@contextmanager
def playing(kind: str) -> Iterator[Play]:
    """Yield what runs a scenario on a stage with four service processes, and asserts its figures."""
    stage = Stage(kind, 4, apps=APPS, through=kind != "sqlite")
    with asyncio.Runner() as runner:
        runner.run(stage.__aenter__())

        def play(scenario: Callable[[Stage], Coroutine[Any, Any, Tally]]) -> None:
            row = runner.run(scenario(stage)).row("", kind)
            assert row.ok, f"{row.counted}; wanted: {row.wanted}"

        try:
            yield play
        finally:
            runner.run(stage.__aexit__())


def test_every_code_has_one_winner_and_one_call_across_processes(play: Play) -> None:
    play(lambda stage: race(stage.fleet, stage.platform, clients=16, codes=25))


def test_a_token_is_fetched_once_for_all_processes(play: Play) -> None:
    play(lambda stage: stampede(stage.base, stage.fleet, stage.platform, requests=48, app="first"))


def test_a_process_killed_in_mid_exchange_leaves_an_unknown_outcome_and_no_bad_code(play: Play) -> None:
    play(lambda stage: killed_in_mid_exchange(stage, codes=6, wait=False))


def test_a_token_is_fetched_once_more_if_its_holder_is_killed(play: Play) -> None:
    play(
        lambda stage: stampede(
            stage.base, stage.fleet, stage.platform, requests=24, app="second", kill=True, wait=False
        )
    )
