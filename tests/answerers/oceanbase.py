"""A store on OceanBase passes the contract. Not part of the suite: `make chaos` runs it (pip install pylibseekdb)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from answerers.contract import *  # noqa: F403 - all of its tests
from answerers.contract import Bench
from haoma.store.config import StoreSettings
from haoma.store.upgrade import upgrade
from support import databases, stores


@pytest.fixture(scope="module")
def doors() -> Iterator[stores.Doors]:
    with databases.OceanBase() as server:
        settings = StoreSettings(database_url=server.url, keys=stores.KEYS)
        upgrade(settings)
        with stores.doors(settings) as found:
            yield found


@pytest.fixture
def bench(doors: stores.Doors) -> Bench:
    return doors.bench()
