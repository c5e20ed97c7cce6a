"""The memory of a process passes the contract. What is a matter of memory alone: tests/io/test_io_memory.py."""

from __future__ import annotations

import pytest

from answerers.contract import *  # noqa: F403 - all of its tests
from answerers.contract import PATIENCE, Bench
from haoma.io.memory import Memory


@pytest.fixture
def bench() -> Bench:
    """A memory whose clocks stand until they are moved."""
    steady, wall = [1000.0], [1_800_000_000.0]

    def go(seconds: float) -> None:
        steady[0] += seconds
        wall[0] += seconds

    def set_back(seconds: float) -> None:
        wall[0] -= seconds

    memory = Memory(patience=PATIENCE, now=lambda: steady[0], wall=lambda: wall[0])
    return Bench(memory, memory, go, set_back, lambda: wall[0])
