"""What the store adds to a request: the service on each database, and without one, in turns in one run.

Below each database stands the ceiling of its bare driver: the same ledger rows, twenty in a transaction, without haoma.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bench.empty import BODY
from bench.goals import Goal, Row, Section
from bench.load import CONNECTIONS
from bench.service import ROUND_SECONDS, configuration, cpu_seconds, first_answer, loading, running, wire
from haoma.simulator.beside import free_port
from haoma.store.config import StoreSettings, format_key
from haoma.store.rows import DONE, LEDGER, Used
from haoma.store.sealing import StoreKey
from haoma.store.sql import Portable
from haoma.store.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

KEY: Final = StoreKey(1, b"bench-key-of-the-store-32-bytes!")
_MOST: Final = 3.5
"""Times the raw no-op: the CPU that the store may add to a request."""
_EMPTY, _MEMORY = "raw ASGI no-op (uvicorn)", "without a store"
_BATCH: Final = 20
_CEILING_SECONDS: Final = 1.0


def measure(rounds: int) -> Section:
    """Measure every database that is there."""
    section = Section(
        f"Store, one worker, {CONNECTIONS} connections  存储，一个进程、{CONNECTIONS} 个连接",
        ("requests/s", "CPU µs/request", "added  增加", "bare driver, rows/s  裸驱动"),
    )
    with ExitStack() as stack:
        stores = databases(stack, section)
        names = (_EMPTY, _MEMORY, *stores)
        ports = {name: free_port() for name in names}
        processes, requests = _start(stack, stores, ports)
        answers = {name: first_answer(ports[name], requests[name]) for name in names}
        if answers[_EMPTY] != BODY:
            raise AssertionError(answers)
        load = stack.enter_context(loading())

        def run(name: str) -> tuple[float, float]:
            asked = {"port": ports[name], "request": wire(requests[name], ports[name])}
            worked = cpu_seconds(processes[name].pid)
            done = load({**asked, "answer": answers[name].decode(), "seconds": ROUND_SECONDS})
            return done["requests"] / done["seconds"], (cpu_seconds(processes[name].pid) - worked) / done["requests"]

        for name in names:
            run(name)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for number in range(rounds):
            for name in names if number % 2 else reversed(names):
                found[name].append(run(name))
        ceilings = {name: ceiling(settings) for name, settings in stores.items()}
    for name in names:
        section.rows.append(_row(name, found, ceilings.get(name)))
        if name in stores:
            times = [each / empty[1] for each, empty in zip(_added(name, found), found[_EMPTY], strict=True)]
            goal = f"{name}: added CPU / no-op  增加的 CPU 与空操作之比"
            section.goals.append(Goal(goal, median(times), "<=", _MOST))
    return section


_Found: TypeAlias = "dict[str, list[tuple[float, float]]]"


def _added(name: str, found: _Found) -> list[float]:
    return [ours[1] - none[1] for ours, none in zip(found[name], found[_MEMORY], strict=True)]


def _row(name: str, found: _Found, ceiling: float | None) -> Row:
    rate, cpu = (median(each[number] for each in found[name]) for number in (0, 1))
    more = ("", "") if ceiling is None else (f"{median(_added(name, found)) * 1e6:.0f} µs", f"{ceiling:.0f}")
    return Row(name, (f"{rate:.0f}", f"{cpu * 1e6:.0f}", *more))


def _start(
    stack: ExitStack, databases: dict[str, StoreSettings], ports: dict[str, int]
) -> tuple[dict[str, subprocess.Popen[bytes]], dict[str, dict[str, Any]]]:
    """Start every contender; return the processes, and what each is asked."""
    processes, requests = {}, {}
    for name, port in ports.items():
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-bench-")))
        config, requests[name], _ = configuration(folder, _toml(databases.get(name)))
        service = ("-m", "haoma", "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}")
        processes[name] = stack.enter_context(running(service if name != _EMPTY else ("-m", "bench.empty", str(port))))
    return processes, requests


def databases(stack: ExitStack, section: Section) -> dict[str, StoreSettings]:
    """Start the databases that are there; say which are not."""
    from support.databases import MariaDB, PostgreSQL, has_mariadb, postgres_programs

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-bench-")))
    found = {"SQLite": f"sqlite:///{folder / 'haoma.db'}"}
    if importlib.util.find_spec("asyncpg") and postgres_programs():
        found["PostgreSQL"] = stack.enter_context(PostgreSQL()).url
    if importlib.util.find_spec("asyncmy") and has_mariadb():
        found["MariaDB"] = stack.enter_context(MariaDB()).url
    section.notes += [f"{name} is absent  没有安装" for name in ("PostgreSQL", "MariaDB") if name not in found]
    databases = {name: StoreSettings(database_url=url, keys=(KEY,)) for name, url in found.items()}
    for settings in databases.values():
        upgrade(settings)
    return databases


def _toml(settings: StoreSettings | None) -> str:
    if settings is None:
        return '[store]\ndatabase_url = "memory"\n'
    return f"[store]\ndatabase_url = {json.dumps(settings.database_url)}\nkeys = [{json.dumps(format_key(KEY))}]\n"


# --- the ceiling: the bare driver


def _rows() -> list[Used]:
    empty = (b"", 0, 0, 0, 0, 0, None, "", 0, 0)
    return [Used(os.urandom(32), 1, "bench", "envelope", DONE, 1, *empty) for _ in range(_BATCH)]


def ceiling(settings: StoreSettings) -> float:
    insert: Callable[[], Any]
    if settings.kind == "sqlite":
        connection = sqlite3.connect(settings.path, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        statement = Portable(settings.table_prefix, "bench", "?")

        def insert() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(*statement.insert(LEDGER, _rows()))
            connection.execute("COMMIT")

        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < _CEILING_SECONDS:
            insert()
            count += _BATCH
        connection.close()
        return count / (time.perf_counter() - started)
    return asyncio.run(_ceiling_of_server(settings))


async def _ceiling_of_server(settings: StoreSettings) -> float:
    from haoma.store.opening import engine_of

    connection = await engine_of(settings).connect()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < _CEILING_SECONDS:
        await connection.begin()
        await connection.insert(LEDGER, _rows())
        await connection.commit()
        count += _BATCH
    taken = time.perf_counter() - started
    await connection.close()
    return count / taken
