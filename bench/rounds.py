"""Contenders that run in turn, so that what disturbs one disturbs all."""

from __future__ import annotations

import random
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUND_SECONDS: Final = 0.005  # short, so that many rounds pass without anything else getting a turn


class Rounds:
    """Seconds per call of each contender in each round.

    Every round runs all of them, in changing order and after a few calls that do not count, because whoever comes
    after the other process finds cold caches.
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
        """Return a low percentile: what else runs on the machine only ever makes a round slower."""
        times = self._times[name]
        return sorted(times)[len(times) // 50]

    def ratio(self, name: str, to: str) -> float:
        """Return the median of the rounds' own ratios: a slow phase of the machine is slow for both."""
        return median(ours / theirs for ours, theirs in zip(self._times[name], self._times[to], strict=True))
