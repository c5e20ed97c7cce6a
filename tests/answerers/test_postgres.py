"""A store on PostgreSQL passes the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from answerers.contract import *  # noqa: F403 - all of its tests
from answerers.contract import Bench
from haoma.store.config import StoreSettings
from support import stores

pytest_plugins = ["support.store_fixtures"]


@pytest.fixture(scope="module")
def doors(migrated: dict[str, StoreSettings]) -> Iterator[stores.Doors]:
    with stores.doors(migrated["postgresql"]) as found:
        yield found


@pytest.fixture
def bench(doors: stores.Doors) -> Bench:
    return doors.bench()
