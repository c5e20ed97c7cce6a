"""The only place that reads a clock."""

from __future__ import annotations

import time
from typing import Final

monotonic: Final = time.monotonic
"""Seconds since some moment; never set back. For expiry and deadlines."""


def now() -> float:
    """Return the seconds since 1970. For what is written into requests, and compared with times in replies."""
    return time.time()  # noqa: TID251 - here, and nowhere else
