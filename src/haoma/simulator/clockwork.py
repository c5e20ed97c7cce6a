"""The clock of the simulated platforms, which can be moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.io import clock

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_AHEAD: Final = 400 * 86400.0
"""Seconds. Further ahead, the simulated certificates and more would have expired too."""


class Clockwork:
    """A clock that runs as fast as the real one, and can be set ahead of it.

    Args:
        real: The clock that it follows.

    Attributes:
        ahead: Seconds.
    """

    def __init__(self, real: Callable[[], float] = clock.now) -> None:
        self._real = real
        self.ahead = 0.0

    def now(self) -> float:
        """Return Unix seconds."""
        return self._real() + self.ahead

    def advance(self, seconds: float) -> None:
        """Move it ahead, at most `MOST_AHEAD` in all."""
        self.ahead = min(self.ahead + seconds, MOST_AHEAD)

    def reset(self) -> None:
        """Let it show the real time again."""
        self.ahead = 0.0
