"""What a row of the audit log costs, and how long it takes to verify the log, on each database.

Ten million rows are extrapolated from what was read.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.goals import Row, Section
from bench.store import databases
from haoma.store.audit.lanes import AuditKeys, Lane
from haoma.store.audit.seals import SealWriter
from haoma.store.audit.verify import verify
from haoma.store.flows import ask_blocking
from haoma.store.opening import engine_of
from haoma.store.rows import AUDIT
from haoma.store.sealing import StoreKey

if TYPE_CHECKING:
    from collections.abc import Generator

    from haoma.store.batch import Connection
    from haoma.store.rows import Audited
    from haoma.store.store import Engine

_KEYS: Final = AuditKeys((StoreKey(1, b"bench-key-of-the-audit-log-32-by"),), "default")
_LANES: Final = 100
_BATCH: Final = 500
_FACTS: Final = {
    "app": "wechat:wx0000000000000000",
    "account": "01940000-0000-7000-8000-000000000000",
    "link": "linked",
}


def measure(rounds: int, rows: int = 100_000) -> Section:
    """Measure every database that is there."""
    section = Section(
        f"Audit log, {rows} rows in {_LANES} lanes  审计日志，{rows} 行、{_LANES} 条链",
        ("rows/s verified  每秒验证", "CPU µs/row", "10 million rows  一千万行", "one seal  一个封条"),
    )
    with ExitStack() as stack:
        for name, settings in databases(stack, section).items():
            engine = engine_of(settings)
            ask_blocking(engine, lambda connection: _fill(connection, rows))
            began = time.perf_counter()
            ask_blocking(engine, SealWriter(engine.prefix, _KEYS).seal)
            sealed = time.perf_counter() - began
            found = [_verify(engine, rows) for _ in range(rounds)]
            wall, cpu = (median(each[number] for each in found) for number in (0, 1))
            large = f"{wall / rows * 1e7:.0f} s, CPU {cpu / rows * 1e7:.0f} s"
            section.rows.append(
                Row(name, (f"{rows / wall:.0f}", f"{cpu / rows * 1e6:.1f}", large, f"{sealed * 1e3:.0f} ms"))
            )
    cost = _cost()
    section.notes.append(f"one row costs its writer {cost:.1f} µs  写一行花 {cost:.1f} µs")
    return section


def _made(lane: Lane, count: int) -> list[Audited]:
    said = [("authorize", "server-key-1", _FACTS)] * count
    rows = lane.rows(round(time.time() * 1000), lambda: 1, said)
    lane.done(rows)
    return rows


def _fill(connection: Connection, rows: int) -> Generator[Any, Any, None]:
    for _ in range(_LANES):
        lane, left = Lane(_KEYS), rows // _LANES - 1  # one opens the lane
        while left > 0:
            yield connection.begin()
            yield connection.insert(AUDIT, _made(lane, min(left, _BATCH)))
            yield connection.commit()
            left -= _BATCH


def _verify(engine: Engine, rows: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    done = ask_blocking(engine, lambda connection: verify(connection, engine.prefix, _KEYS))
    if done.found or done.rows != rows or done.unsealed:
        raise AssertionError(done)
    return time.perf_counter() - wall, time.process_time() - cpu


def _cost() -> float:
    """Return what a row costs in a batch of twenty, in microseconds."""
    lane, times = Lane(_KEYS), []
    for _ in range(500):
        began = time.perf_counter()
        _made(lane, 20)
        times.append(time.perf_counter() - began)
    return median(times) / 20 * 1e6
