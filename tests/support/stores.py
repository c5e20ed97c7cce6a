"""Two stores on one database, as two processes have them, whose clock is in the hands of the test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from answerers.contract import PATIENCE, Bench
from haoma.store.config import StoreSettings
from haoma.store.sealing import Sealer, StoreKey
from haoma.store.store import Store
from support.store_rows import engine_at

KEYS = (StoreKey(1, b"canary-store-key-of-32-bytes-now"),)
_tenants = itertools.count(1)
_DAY = 86_400.0


class Doors:
    """The two stores. They stay open from test to test: to connect takes longer than most tests.

    Attributes:
        engine: The database.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._wall = 1_800_000_000.0
        self._tenant = f"contract-{next(_tenants)}"
        self.engine: Any = engine_at(settings, self._clock_us, self._tenant)
        self._stores = [self._open() for _ in range(2)]

    def bench(self) -> Bench:
        """Return the bench of a new test. What others have left behind ended the day before."""
        self._wall += _DAY
        here, there = self._stores
        return Bench(here, there, self._go, self._set_back, lambda: self._clock_us() // 1000 / 1000)

    def close(self) -> None:
        """Close both stores."""
        for store in self._stores:
            store.close()

    def _open(self) -> Store:
        return Store(self.engine, Sealer(KEYS, self._tenant), patience=PATIENCE, lease_seconds=PATIENCE)

    def _clock_us(self) -> int:
        return round(self._wall * 1e6)

    def _go(self, seconds: float) -> None:
        self._wall += seconds

    def _set_back(self, seconds: float) -> None:
        self._wall -= seconds


@contextmanager
def doors(settings: StoreSettings) -> Iterator[Doors]:
    """Open two stores on a database that has its tables."""
    found = Doors(settings)
    try:
        yield found
    finally:
        found.close()
