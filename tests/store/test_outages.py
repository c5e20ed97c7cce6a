"""The database fails: who is told so, and who still waits for it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from haoma.authorize import authorize
from haoma.errors import AlreadyUsed, Spent, StoreUnavailable
from haoma.io import blocking
from haoma.io.http import Http
from haoma.secret import Secret
from haoma.steps import Reserve, Reserved, Settle, Step
from haoma.store import sqlite as sqlite_module
from haoma.store import writer as writer_module
from haoma.store.batch import Disconnected
from haoma.store.embedded import create
from haoma.store.engines import SqliteEngine
from haoma.store.sealing import Sealer
from haoma.store.sqlite import SqliteConnection
from haoma.store.store import Store
from support import stores
from support.wechat import NOW, OK, PHONE, STABLE, TOKEN, Given, Wire, configured

CODE = "9f61f8eb4d7b8b7ac1b4dd08f1b1a3e2a2f8c3a46f1d1f8e0b9c7d6e5f4a3b2c"


def test_a_number_that_cannot_be_recorded_is_not_given_and_its_code_counts_as_perhaps_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "BUSY_SECONDS", 0.0)
    monkeypatch.setattr(writer_module, "GIVE_UP_SECONDS", 0.0)
    monkeypatch.setattr(writer_module, "ENDS_SECONDS", 0.0)
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


class _Breaking(SqliteConnection):
    """Breaks once, when it is told to."""

    began = threading.Event()
    breaks: threading.Event | None = None

    def begin(self) -> None:
        breaks = self.breaks
        if breaks is not None:
            type(self).breaks = None
            self.began.set()
            breaks.wait()
            raise Disconnected("gone")
        super().begin()


class _Engine(SqliteEngine):
    def connect(self) -> Any:
        return _Breaking(self.path, self.prefix, self.tenant)


def _reserve(name: str, fingerprint: bytes = b"mine") -> Reserve:
    return Reserve("shop", "code", Secret(name), fingerprint, 300)


def test_who_waits_behind_a_batch_that_is_given_up_is_told_so_and_an_end_goes_on_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the last of a crowd would wait for the patience of all. An end records what has cost a code."""
    monkeypatch.setattr(writer_module, "GIVE_UP_SECONDS", 0.0)
    create(tmp_path / "haoma.db", "haoma_")
    with contextlib.closing(Store(_Engine(tmp_path / "haoma.db"), Sealer(stores.KEYS, "default"))) as store:

        def submit(step: Step[Any]) -> Any:
            return store._submit(store._process.get(), step, None).future

        mine = store.answer(_reserve("mine"))
        assert isinstance(mine, Reserved)
        breaks = _Breaking.breaks = threading.Event()
        first = submit(_reserve("first"))
        _Breaking.began.wait()
        waiting, end = submit(_reserve("waiting")), submit(Settle(mine.ref, Spent.YES))
        breaks.set()
        for refused in (first, waiting):
            with pytest.raises(StoreUnavailable) as caught:
                refused.result()
            assert caught.value.because["reason"] == "gone"
        end.result()
        assert isinstance(store.answer(_reserve("waiting")), Reserved)
        with pytest.raises(AlreadyUsed):
            store.answer(_reserve("mine"))


def test_an_end_outlives_an_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch with it is given up, and it is recorded by the next one."""
    monkeypatch.setattr(writer_module, "GIVE_UP_SECONDS", 0.0)
    create(tmp_path / "haoma.db", "haoma_")
    with contextlib.closing(Store(_Engine(tmp_path / "haoma.db"), Sealer(stores.KEYS, "default"))) as store:
        mine = store.answer(_reserve("mine"))
        assert isinstance(mine, Reserved)
        _Breaking.breaks = threading.Event()
        _Breaking.breaks.set()
        store.answer(Settle(mine.ref, Spent.YES))
        assert _Breaking.breaks is None
        with pytest.raises(AlreadyUsed):
            store.answer(_reserve("mine"))


class _Noting:
    """Notes what the store tells of itself."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, str]] = []
        self.away = 0

    def batch(self, steps: int, seconds: float, outcome: str) -> None:
        assert 0 <= seconds < 60
        self.batches.append((steps, outcome))

    def lost(self) -> None:
        self.away += 1


def test_whoever_keeps_metrics_hears_of_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was answered, what was refused, and how often the database was away."""
    monkeypatch.setattr(writer_module, "GIVE_UP_SECONDS", 0.0)
    create(tmp_path / "haoma.db", "haoma_")
    watch = _Noting()
    store = Store(_Engine(tmp_path / "haoma.db"), Sealer(stores.KEYS, "default"), watch=watch)
    with contextlib.closing(store):
        store.answer(_reserve("one"))
        assert (watch.batches, watch.away) == ([(1, "answered")], 0)
        _Breaking.breaks = threading.Event()
        _Breaking.breaks.set()
        with pytest.raises(StoreUnavailable):
            store.answer(_reserve("two"))
        store.answer(_reserve("three"))
    assert (watch.batches, watch.away) == ([(1, "answered"), (1, "refused"), (1, "answered")], 1)
