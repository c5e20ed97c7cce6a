"""What answers a request may not take long; what reads whole tables may."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from haoma.store import mysql, postgres
from haoma.store.batch import Disconnected
from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.opening import engine_of
from haoma.store.reports import patiently

pytest_plugins = ["support.store_fixtures"]


@pytest.mark.parametrize("emptied", ["postgresql", "portable", "mysql"], indirect=True)
def test_a_command_waits_longer_than_a_request(emptied: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither our own limit ends its statements, nor the server's."""
    for driver in (postgres, mysql):
        monkeypatch.setattr(driver, "STATEMENT_SECONDS", 0.3)
    monkeypatch.setitem(postgres.SETTINGS, "statement_timeout", "200")
    slow = "SELECT SLEEP(0.6)" if emptied.kind == "mysql" else "SELECT pg_sleep(0.6)"

    def soon(connection: Any) -> Generator[Any, Any, None]:
        yield connection.select(slow)

    def later(connection: Any) -> Generator[Any, Any, int]:
        yield from patiently(connection)
        return len((yield connection.select(slow)))

    with pytest.raises(Disconnected):
        ask_blocking(engine_of(emptied), soon)
    assert ask_blocking(engine_of(emptied), later) == 1
