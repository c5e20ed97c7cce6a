"""The database fails between the platform's answer and its record."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import cast

import pytest

from haoma.authorize import authorize
from haoma.errors import Spent, StoreUnavailable
from haoma.io import blocking
from haoma.io.http import Http
from haoma.store import sqlite as sqlite_module
from haoma.store import writer as writer_module
from haoma.store.embedded import create
from haoma.store.engines import SqliteEngine
from haoma.store.sealing import Sealer
from haoma.store.store import Store
from support import stores
from support.wechat import NOW, OK, PHONE, STABLE, TOKEN, Given, Wire, configured

CODE = "9f61f8eb4d7b8b7ac1b4dd08f1b1a3e2a2f8c3a46f1d1f8e0b9c7d6e5f4a3b2c"


def test_a_number_that_cannot_be_recorded_is_not_given_and_its_code_counts_as_perhaps_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_SECONDS", 0.0)
    monkeypatch.setattr(writer_module, "GIVE_UP_SECONDS", 0.0)
    path = tmp_path / "haoma.db"
    create(path, "haoma_")
    wire = Wire(Given({STABLE: TOKEN, PHONE: OK}))
    with (
        contextlib.closing(Store(SqliteEngine(path), Sealer(stores.KEYS, "default"))) as store,
        contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
    ):
        wire.arrives = lambda request: other.execute("BEGIN IMMEDIATE") if request.url.endswith(PHONE) else None
        flow = authorize(configured(), {"authorization": {"code": CODE}}, now=NOW)
        with pytest.raises(StoreUnavailable) as caught:
            blocking.run(flow, blocking.World(cast("Http", wire), store))
        assert caught.value.because["reason"] == "SQLITE_BUSY"
        assert caught.value.spent is Spent.UNKNOWN
        assert wire.calls[PHONE] == 1
