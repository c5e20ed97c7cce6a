"""The only module that reads a clock."""

from __future__ import annotations

import time
from typing import Final

monotonic: Final = time.monotonic
"""Seconds since an arbitrary moment, never set back. For expiry and deadlines."""


def now() -> float:
    """Return Unix seconds. For timestamps in requests, and to compare with timestamps in replies."""
    return time.time()  # noqa: TID251 - only here


def monotonic_us() -> int:
    """Return `monotonic` in whole microseconds. For counters."""
    return time.monotonic_ns() // 1000
