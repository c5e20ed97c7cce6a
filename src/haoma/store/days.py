"""Days are those of Asia/Shanghai, as in the platforms' bills. It has had no summer time since 1991."""

from __future__ import annotations

from typing import Final

DAY_MS: Final = 86_400_000
CHINA_MS: Final = 8 * 3_600_000


def day_of(moment: int) -> int:
    """Return when the day of a moment began in China, both in milliseconds since 1970."""
    return moment - (moment + CHINA_MS) % DAY_MS
