"""A store that is swept whenever time passes answers as one that never is: the sweep takes nothing that counts."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest

from answerers.contract import *  # noqa: F403 - all of its tests
from answerers.contract import Bench
from haoma.store.config import StoreSettings
from haoma.store.sweep import sweep
from support import stores

pytest_plugins = ["support.store_fixtures"]


@pytest.fixture(scope="module")
def doors(migrated: dict[str, StoreSettings]) -> Iterator[stores.Doors]:
    with stores.doors(migrated["sqlite"]) as found:
        yield found


@pytest.fixture
def bench(doors: stores.Doors) -> Bench:
    found = doors.bench()

    def go(seconds: float) -> None:
        found.go(seconds)
        assert not asyncio.run(sweep(doors.engine)).busy

    return dataclasses.replace(found, go=go)
