"""Four service processes on one file of SQLite, and one of them is killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.short_chaos import *  # noqa: F403 - all of its tests
from support.short_chaos import Play, playing


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    with playing("sqlite") as found:
        yield found
