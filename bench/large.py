"""Millions of people: how fast they are imported, looked up through the API, and guessed without the pepper.

The import is the command as people run it, with its start; the database shares the cores with it. Beside each figure
stands the ceiling of the bare driver: rows of the same shape that need no sealing and no look-up, over one connection.
The CPU is that of all processes of the import, without the database's.

Look-ups come at 500 a second, whatever the service does: what waits for an answer is measured from when it should have
been asked. Half of the numbers are known.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.goals import Goal, Row, Section
from bench.people import TABLE
from bench.service import configuration, running, wire
from bench.store import KEY, databases
from haoma.ids import new_id
from haoma.simulator.beside import free_port
from haoma.store.config import StoreSettings, format_key
from haoma.store.flows import ask_blocking
from haoma.store.opening import engine_of
from haoma.store.rows import ACCOUNTS, IDENTITIES, NUMBERS, PHONES, SALTS, Account, Identity, Number, Phone, Salt

if TYPE_CHECKING:
    from collections.abc import Generator

PEOPLE: Final = 10_000_000
_OTHERS: Final = 500_000
"""Most people that are imported where they are not looked up."""
_GOALS: Final = {"SQLite": 8000, "PostgreSQL": 20_000, "MariaDB": 8000}
_P99_MS: Final = 5.0
_RATE: Final = 500
_SECONDS: Final = 20.0
_CONNECTIONS: Final = 16
_FIRST: Final = 13_000_000_000
_BATCH: Final = 1000
_BATCHES: Final = 20
_SAMPLE: Final = 50_000


def measure(people: int) -> list[Section]:
    """Measure every database that is there."""
    imports = Section(
        f"Import of people, {os.cpu_count()} cores shared with the database  导入，与数据库共用处理器",
        ("people", "people/s", "CPU µs/person", "bare driver, people/s  裸驱动", "load 系统负载"),
    )
    asked = Section(f"Look-ups through the API, {_RATE}/s  接口查询", ("accounts", "p50 ms", "p99 ms", "slowest ms"))
    guesses = Section("Guesses without the pepper  没有 pepper 时猜号码", ("numbers", "digests", "found"))
    with ExitStack() as stack:
        for name, settings in databases(stack, imports).items():
            count = people if name == "PostgreSQL" else min(people, _OTHERS)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-bench-")))
            ceiling = _ceiling(settings)
            config = _configure(folder, settings)
            rate, cpu = _import(folder, config, count)
            figures = f"{count}", f"{rate:.0f}", f"{cpu * 1e6:.0f}", f"{ceiling:.0f}", f"{os.getloadavg()[0]:.1f}"
            imports.rows.append(Row(name, figures))
            imports.goals.append(Goal(f"{name}: people/s  每秒人数", rate, ">=", _GOALS[name], "/s"))
            if name != "PostgreSQL":
                continue
            times = sorted(_look_up(stack, config, count))
            p50, p99, most = (1e3 * times[min(len(times) - 1, len(times) * part // 100)] for part in (50, 99, 100))
            asked.rows.append(Row(name, (f"{count}", f"{p50:.2f}", f"{p99:.2f}", f"{most:.1f}")))
            asked.goals.append(Goal(f"{name}: p99", p99, "<=", _P99_MS, "ms"))
            tried, digests, found = _guess(settings, count)
            guesses.rows.append(Row(name, (f"{tried}", f"{digests}", f"{found}")))
            guesses.goals.append(Goal("numbers found  猜中的号码", found, "<=", 0, "numbers"))
    return [imports, asked, guesses]


def _number(index: int) -> str:
    return f"+86{_FIRST + index}"


def _configure(folder: Path, settings: StoreSettings) -> Path:
    store = f"[store]\ndatabase_url = {json.dumps(settings.database_url)}\nkeys = [{json.dumps(format_key(KEY))}]\n"
    config, _, _ = configuration(folder, f"{store}{TABLE}\n")
    text = config.read_text("utf-8")
    config.write_text(text.replace("[service]", '[service]\nlook_up_limit = "10000/s burst 10000"', 1), "utf-8")
    return config


def _import(folder: Path, config: Path, people: int) -> tuple[float, float]:
    """Import people from a file; return how many a second, and the CPU seconds of each."""
    file = folder / "people.csv"
    with file.open("w", encoding="ascii") as lines:
        lines.write("phone_number,user,app,openid,verified_at\n")
        lines.writelines(f"{_FIRST + each},{each},shop,o{each:027},2026-03-01\n" for each in range(people))
    command = [sys.executable, "-m", "haoma", "import", str(file), "--config", str(config), "--json"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    file.unlink()
    if done.returncode or json.loads(done.stdout)["new"] != people:
        raise AssertionError(done.stdout + done.stderr)
    return people / taken, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / people


# --- the bare driver


def _ceiling(settings: StoreSettings) -> float:
    """Load rows that nobody had to seal, for a tenant of their own; return how many people a second."""
    batches = [_rows() for _ in range(_BATCHES)]

    def flow(connection: Any) -> Generator[Any, Any, float]:
        started = time.perf_counter()
        for batch in batches:
            yield connection.begin()
            for table, rows in batch:
                yield connection.load(table, rows)
            yield connection.commit()
        return _BATCHES * _BATCH / (time.perf_counter() - started)

    return ask_blocking(engine_of(settings, "ceiling"), flow)


def _rows() -> list[tuple[Any, list[Any]]]:
    now = round(time.time() * 1000)
    found: dict[Any, list[Any]] = {each: [] for each in (ACCOUNTS, IDENTITIES, NUMBERS, PHONES, SALTS)}
    for _ in range(_BATCH):
        account, phone, login, number = new_id(now), new_id(now), os.urandom(32), os.urandom(32)
        found[ACCOUNTS].append(Account(account, 1, phone, login, os.urandom(40), now, 0))
        found[IDENTITIES].append(Identity(login, 1, account, "alipay", "alipay:1", "openid", os.urandom(62), now))
        found[NUMBERS].append(Number(number, 1, account, phone, now, 0, "imported"))
        found[PHONES].append(Phone(phone, 1, account, os.urandom(50), 1, number))
        found[SALTS].append(Salt(phone, 1, os.urandom(16)))
    for table in (IDENTITIES, NUMBERS):
        found[table].sort()
    return list(found.items())


# --- look-ups


def _look_up(stack: ExitStack, config: Path, people: int) -> list[float]:
    port = free_port()
    command = ("-m", "haoma", "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}")
    process = stack.enter_context(running(command))
    some = random.Random(1)
    numbers = [_number(some.randrange(people) + (people if each % 2 else 0)) for each in range(int(_RATE * _SECONDS))]
    requests = [wire({"phone_number": each}, port, "/v1/accounts/look-up").encode() for each in numbers]
    asyncio.run(_at_a_rate(port, requests[:_RATE]))  # to warm up
    times = asyncio.run(_at_a_rate(port, requests))
    process.terminate()
    return times


async def _at_a_rate(port: int, requests: list[bytes]) -> list[float]:
    """Send each request at its moment; return how long after it the answer was there."""
    for _ in range(600):
        try:
            connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_CONNECTIONS)]
            break
        except OSError:
            await asyncio.sleep(0.05)
    free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
    for each in connections:
        free.put_nowait(each)
    times: list[float] = []
    loop = asyncio.get_running_loop()
    started = loop.time() + 0.1

    async def one(request: bytes, due: float) -> None:
        reader, writer = pair = await free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200") or b'"account":' not in body:
            raise AssertionError(head + body)
        times.append(loop.time() - due)
        free.put_nowait(pair)

    async with asyncio.TaskGroup() as group:
        for index, request in enumerate(requests):
            due = started + index / _RATE
            await asyncio.sleep(max(0.0, due - loop.time()))
            group.create_task(one(request, due))
    for _, writer in connections:
        writer.close()
    return times


# --- guesses


def _guess(settings: StoreSettings, people: int) -> tuple[int, int, int]:
    """Try every number that is there against what a copy of the database has; return tried, digests and found."""
    from support.guessing import GUESSES, forms, guessed

    text = f"SELECT place FROM {settings.table_prefix}numbers WHERE tenant = ? ORDER BY place LIMIT {_SAMPLE}"

    def flow(connection: Any) -> Generator[Any, Any, list[bytes]]:
        rows = yield connection.select(text, ["default"])
        return [row[0] for row in rows]

    stored = ask_blocking(engine_of(settings), flow)
    found = guessed(map(_number, range(people)), stored)
    return people, people * len(GUESSES) * len(forms(_number(0))), len(found)
