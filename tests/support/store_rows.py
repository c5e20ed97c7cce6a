"""Rows in a store that a test puts there and looks at, in plain SQL."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from haoma.steps import DEFAULT_TENANT
from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.opening import engine_of
from haoma.store.rows import TABLES, Table, Used


def engine_at(settings: StoreSettings, clock_us: Callable[[], int] | None = None, tenant: str = DEFAULT_TENANT) -> Any:
    """Return the database of ``settings``, with a clock that the test holds."""
    engine: Any = engine_of(settings)
    return replace(engine, clock_us=clock_us, tenant=tenant)


def run(settings: StoreSettings, text: str, *arguments: Any, table: str = "") -> list[tuple[Any, ...]]:
    """Run a statement with ``{0}`` for the prefix and ``{1}`` for a table; return what it finds."""

    def flow(connection: Any) -> Generator[Any, Any, list[tuple[Any, ...]]]:
        found: list[tuple[Any, ...]] = yield connection.select(text.format(settings.table_prefix, table), arguments)
        return found

    return ask_blocking(engine_of(settings), flow)


def insert(settings: StoreSettings, table: Table, rows: Sequence[Any], tenant: str = DEFAULT_TENANT) -> None:
    """Insert rows."""

    def flow(connection: Any) -> Generator[Any, Any, None]:
        for start in range(0, len(rows), 500):
            yield connection.insert(table, rows[start : start + 500])

    ask_blocking(engine_at(settings, tenant=tenant), flow)


def used(number: int, **changes: Any) -> Used:
    """Return a row of the ledger."""
    row = Used(
        place=number.to_bytes(32), version=number + 1, app="wechat:wx1", kind="code", state=1, first=number + 1,
        fingerprint=bytes(32), lease_until=1, remember_until=1, repeat_ms=0, answer_until=0, after_unknown=0,
        outcome=None, error="", started_at=1_790_000_000_000, ended_at=1_790_000_000_000,
    )  # fmt: skip
    return row._replace(**changes)


def empty(settings: StoreSettings) -> None:
    """Delete every row."""
    text = "DELETE FROM {}{}"

    def flow(connection: Any) -> Generator[Any, Any, None]:
        for table in TABLES:
            yield connection.change(text.format(settings.table_prefix, table.name), ())

    ask_blocking(engine_of(settings), flow)


def ledger_count(settings: StoreSettings) -> int:
    """Return how many rows the ledger has."""
    return int(run(settings, "SELECT COUNT(*) FROM {}ledger")[0][0])
