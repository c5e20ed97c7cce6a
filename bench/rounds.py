"""Runs contenders in turns, so that a disturbance affects all of them."""

from __future__ import annotations

import random
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUND_SECONDS: Final = 0.005  # short, so that other processes disturb few rounds


class Rounds:
    """The seconds per call of each contender in each round.

    Every round runs all contenders, in changing order. Each starts with a few uncounted calls, because whoever runs
    after another process finds cold caches.
    """

    def __init__(self, contenders: dict[str, Callable[[int], float]], rounds: int) -> None:
        calls = {name: max(1, round(_ROUND_SECONDS / (run(400) / 400))) for name, run in contenders.items()}
        self._times: dict[str, list[float]] = {name: [] for name in contenders}
        order = list(contenders.items())
        for _ in range(rounds):
            random.shuffle(order)
            for name, run in order:
                run(calls[name] // 4)
                self._times[name].append(run(calls[name]) / calls[name])

    def seconds(self, name: str) -> float:
        """Return a low percentile, because other processes can only make a round slower."""
        times = self._times[name]
        return sorted(times)[len(times) // 50]

    def ratio(self, name: str, to: str) -> float:
        """Return the median of the per-round ratios, because a slow phase of the machine affects both."""
        return median(ours / theirs for ours, theirs in zip(self._times[name], self._times[to], strict=True))
