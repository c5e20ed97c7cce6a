"""Full authorizations: verify, decrypt, link, consent, ledger and audit in one commit, with fsync, over HTTP.

Every person comes twice: half of the requests make an account, half find it. The generator and the database share the
two cores with the one worker. Below each database stands the ceiling of its bare driver.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import selectors
import socket
import tempfile
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from time import monotonic, perf_counter, sleep, time
from typing import TYPE_CHECKING, Final

from bench.goals import Goal, Row, Section
from bench.load import CONNECTIONS
from bench.service import configuration, cpu_seconds, resident, running, wire
from bench.store import KEY, ceiling, databases
from haoma import load
from haoma.authorize import keep_session
from haoma.client import AsyncClient
from haoma.platforms.base.contract import Login
from haoma.simulator.beside import free_port
from haoma.store.config import StoreSettings, format_key
from haoma.store.sealing import StoreKey
from haoma.verified import Subject

if TYPE_CHECKING:
    from haoma.platforms.alipay.mirror import AlipayMirror

PEOPLE: Final = 2000
_GOALS: Final = {"SQLite": 2500, "PostgreSQL": 2500, "MariaDB": 1800}
_P99_MS: Final = 30.0
_MEGABYTES: Final = 150
_WARM: Final = 200
TABLE: Final = "\n".join(
    ["[accounts]"]
    + [f'{name} = ["{format_key(StoreKey(1, os.urandom(32)))}"]' for name in ("keys", "peppers", "audit_keys")]
)


def measure(people: int = PEOPLE) -> Section:
    """Measure every database that is there."""
    section = Section(
        f"Full authorizations, one worker, {CONNECTIONS} connections  完整授权，一个进程、{CONNECTIONS} 个连接",
        ("requests/s", "p50 ms", "p99 ms", "CPU µs/request", "MB", "bare driver, rows/s  裸驱动"),
    )
    with ExitStack() as stack:
        for name, settings in databases(stack, section).items():
            done = _measure(stack, settings, people)
            section.rows.append(Row(name, (*(f"{each:.0f}" for each in done), f"{ceiling(settings):.0f}")))
            rate, _, p99, _, megabytes = done
            section.goals += [
                Goal(f"{name}: requests/s  每秒请求数", rate, ">=", _GOALS[name]),
                Goal(f"{name}: p99", p99, "<=", _P99_MS, "ms"),
                Goal(f"{name}: memory of the worker  进程内存", megabytes, "<=", _MEGABYTES, "MB"),
            ]
    return section


def _measure(stack: ExitStack, settings: StoreSettings, people: int) -> tuple[float, float, float, float, float]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-bench-")))
    store = f"[store]\ndatabase_url = {json.dumps(settings.database_url)}\nkeys = [{json.dumps(format_key(KEY))}]\n"
    config, _, mirror = configuration(folder, f"{store}{TABLE}\n")
    bodies = _bodies(config, mirror, people + _WARM)
    port = free_port()
    command = ("-m", "haoma", "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}")
    process = stack.enter_context(running(command))
    requests = [wire(body, port).encode() for body in bodies]
    _wait(port)
    send(port, requests[:_WARM])
    twice = _twice(requests[_WARM:])
    worked = cpu_seconds(process.pid)
    seconds, times = send(port, twice)
    worked = cpu_seconds(process.pid) - worked
    times.sort()
    count = len(times)
    megabytes = resident(process.pid)
    process.terminate()
    p50, p99 = times[count // 2] * 1e3, times[count * 99 // 100] * 1e3
    return count / seconds, p50, p99, worked / count * 1e6, megabytes


def _bodies(config: Path, mirror: AlipayMirror, people: int) -> list[dict[str, object]]:
    """Let everybody log in, without the platform, and share a number."""
    handles = asyncio.run(_sessions(config, people))
    numbers = random.sample(range(13_000_000_000, 14_000_000_000), people)
    consent = {"policy": "2026-01", "scene": "bench"}
    return [
        {"session": handle, "authorization": {"response": mirror.envelope("ok", str(number))}, "consent": consent}
        for handle, number in zip(handles, numbers, strict=True)
    ]


async def _sessions(config: Path, people: int) -> list[str]:
    settings = load(config)
    app = settings.app("shop")
    names = [f"{os.getpid()}-{number}-{time()}" for number in range(people)]
    logins = [Login(Subject(openid=name), app.name, time()) for name in names]
    async with AsyncClient(settings) as client:
        return await asyncio.gather(*(client.run(keep_session(app, login)) for login in logins))


def _twice(requests: list[bytes]) -> list[bytes]:
    """Return everybody's request twice, the second a few hundred requests after the first."""
    found: list[bytes] = []
    for start in range(0, len(requests), 500):
        part = requests[start : start + 500]
        found += part + part
    return found


def _wait(port: int) -> None:
    until = monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if monotonic() > until:
                raise
            sleep(0.02)
        else:
            return


def send(port: int, requests: list[bytes]) -> tuple[float, list[float]]:
    """Send every request once over `CONNECTIONS` connections; return the seconds it took, and those of each answer."""
    waiting = iter(requests)
    times: list[float] = []
    with selectors.DefaultSelector() as selector:
        started = perf_counter()
        for request in list(islice(waiting, CONNECTIONS)):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, (connection, [bytearray(), perf_counter()]))
            connection.sendall(request)
        while len(times) < len(requests):
            for key, _ in selector.select(5.0):
                connection, state = key.data
                received = state[0]
                received += connection.recv(65536)
                if not received.endswith(b"}"):
                    if not received or len(received) > 8192:
                        raise AssertionError(bytes(received))
                    continue
                if not received.startswith(b"HTTP/1.1 200") or b'"link":' not in received:
                    raise AssertionError(bytes(received))
                received.clear()
                times.append(perf_counter() - state[1])
                request = next(waiting, b"")
                if request:
                    state[1] = perf_counter()
                    connection.sendall(request)
                else:
                    selector.unregister(connection)
                    connection.close()
        return perf_counter() - started, times
