"""The only module that reads a clock."""

from __future__ import annotations

import time
from typing import Final

monotonic: Final = time.monotonic
"""Seconds since an arbitrary moment, never set back. For expiry and deadlines."""


_forged = [0.0]


def now() -> float:
    """Return Unix seconds. For timestamps in requests, and to compare with timestamps in replies."""
    return time.time() + _forged[0]  # noqa: TID251 - only here


def forge_now(ahead: float) -> None:
    """Let `now` be ``ahead`` seconds later than it is, in this process.

    Only the simulator calls this, in the process of the service that it has started: there is no setting, variable or
    route for it. With it, what has expired counts as valid, and the other way round. Deadlines are not moved.
    """
    _forged[0] = ahead


def monotonic_us() -> int:
    """Return `monotonic` in whole microseconds. For counters."""
    return time.monotonic_ns() // 1000
