"""One worker of the service and a raw ASGI no-op on the same server, in turns.

Only the ratio counts. Requests per second are a property of the machine.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.empty import BODY
from bench.goals import Goal, Row, Section
from bench.load import CONNECTIONS
from haoma.platforms.alipay.mirror import ALIPAY, AlipayMirror
from haoma.simulator.beside import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOBILE: Final = "13811112222"
_ROOT: Final = Path(__file__).parent.parent
ROUND_SECONDS: Final = 0.6
_STARTS: Final = 3
_PATIENCE: Final = 30.0
_GATE: Final = 0.32
_AIM: Final = 0.4
KEY: Final = "bench-server-key-0123456789abcdef"
_SERVICE, _EMPTY = "haoma serve, Alipay route", "raw ASGI no-op (uvicorn)"


def measure(rounds: int) -> Section:
    """Measure cold starts, then requests per second in turns, then memory."""
    section = Section(
        f"HTTP, one worker, {CONNECTIONS} connections  一个进程、{CONNECTIONS} 个连接",
        ("requests/s", "×", "CPU µs/request"),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-bench-")))
        config, request, _ = configuration(folder, '[store]\ndatabase_url = "memory"\n')
        ports = {_SERVICE: free_port(), _EMPTY: free_port()}
        commands = {
            _SERVICE: ("-m", "haoma", "serve", "--config", str(config), "--listen", f"127.0.0.1:{ports[_SERVICE]}"),
            _EMPTY: ("-m", "bench.empty", str(ports[_EMPTY])),
        }
        starts = [_cold_start(commands[_SERVICE], ports[_SERVICE], request) for _ in range(_STARTS)]
        answers = {_EMPTY: BODY}
        processes = {}
        for name, command in commands.items():
            processes[name] = stack.enter_context(running(command))
            answers[name] = first_answer(ports[name], request)
        found = json.loads(answers[_SERVICE])
        if found["phone_number"] != f"+86{MOBILE}" or answers[_EMPTY] != BODY:  # a fast wrong answer does not count
            raise AssertionError(answers)
        load = stack.enter_context(loading())

        def run(name: str) -> tuple[float, float, float]:
            asked = {
                "port": ports[name],
                "request": wire(request, ports[name]),
                "answer": answers[name].decode(),
                "seconds": ROUND_SECONDS,
            }
            worked = cpu_seconds(processes[name].pid)
            done = load(asked)
            worked = cpu_seconds(processes[name].pid) - worked
            return done["seconds"] / done["requests"], worked / done["requests"], done["busy"]

        for name in commands:
            run(name)  # to fill the caches
        found_in: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
        for number in range(rounds):
            for name in sorted(commands, reverse=number % 2 == 0):
                found_in[name].append(run(name))
        memory = resident(processes[_SERVICE].pid)
    busiest = max(busy for found in found_in.values() for _, _, busy in found)
    rates = {name: 1 / median(seconds for seconds, _, _ in found) for name, found in found_in.items()}
    cpu = {name: median(worked for _, worked, _ in found) * 1e6 for name, found in found_in.items()}
    # Ratios per round: other work on a shared machine changes its speed, but seldom within two seconds.
    ratios = sorted(empty[0] / ours[0] for ours, empty in zip(found_in[_SERVICE], found_in[_EMPTY], strict=True))
    section.rows = [
        Row(name, (f"{rate:.0f}", f"{rate / rates[_EMPTY]:.2f}", f"{cpu[name]:.0f}")) for name, rate in rates.items()
    ]
    section.goals = [
        Goal("service / no-op  与空操作之比", median(ratios), ">=", _GATE),
        Goal("memory of the worker  进程内存", memory, "<", 80, "MB"),
        Goal("cold start to first answer  冷启动到首个应答", min(starts), "<", 1.5, "s"),
    ]
    section.notes.append(f"service / no-op: the aim is {_AIM}, and below {_GATE} it has become slower  目标值 {_AIM}")
    section.notes.append(f"ratios of the rounds  各轮之比: {ratios[0]:.2f} to {ratios[-1]:.2f}")
    section.notes.append(
        f"load generator at work {busiest:.0%} of the time at most"
        + ("" if busiest <= 0.5 else ": it may hold the faster one back, so the true ratio is lower  压测端可能是瓶颈")
    )
    return section


def configuration(folder: Path, store: str) -> tuple[Path, dict[str, Any], AlipayMirror]:
    """Write a haoma.toml with these tables; return it with a request and what made it."""
    mirror = AlipayMirror(os.urandom)
    settings = mirror.settings("https://openapi.alipay.com")[ALIPAY]
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    config = folder / "haoma.toml"
    config.write_text("\n".join(["[service]", f'server_keys = ["{KEY}"]', "[apps.shop]", *lines, store]), "utf-8")
    return config, {"authorization": {"response": mirror.envelope("ok", MOBILE)}}, mirror


def wire(request: dict[str, Any], port: int, path: str = "/v1/apps/shop/phone-number") -> str:
    body = json.dumps(request, separators=(",", ":"))  # as JSON.stringify writes it
    head = (
        f"POST {path} HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        f"authorization: Bearer {KEY}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    )
    return "\r\n".join(head) + "\r\n\r\n" + body


@contextmanager
def running(command: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    # The log goes to a file, as most logs do in the end.
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, *command], cwd=_ROOT, stdout=log, stderr=log)
        try:
            yield process
        except BaseException:
            log.seek(0)
            sys.stderr.buffer.write(log.read()[-4000:])
            raise
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def first_answer(port: int, request: dict[str, Any]) -> bytes:
    """Return the body of the first answer; retry until the server is up."""
    deadline = time.monotonic() + _PATIENCE
    head, _, body = wire(request, port).partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        try:
            connection.request("POST", "/v1/apps/shop/phone-number", body, headers)
            response = connection.getresponse()
            answer = response.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            if response.status != 200:
                raise AssertionError(answer)
            return answer
        finally:
            connection.close()


def _cold_start(command: tuple[str, ...], port: int, request: dict[str, Any]) -> float:
    started = time.perf_counter()
    with running(command):
        first_answer(port, request)
        return time.perf_counter() - started


@contextmanager
def loading() -> Iterator[Callable[[dict[str, Any]], dict[str, float]]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load"], cwd=_ROOT, stdin=pipe, stdout=pipe, text=True
    ) as process:
        lines, answers = process.stdin, process.stdout
        if lines is None or answers is None:
            raise OSError("no pipes")

        def ask(asked: dict[str, Any]) -> dict[str, float]:
            lines.write(json.dumps(asked) + "\n")
            lines.flush()
            answer: dict[str, float] = json.loads(answers.readline())
            return answer

        yield ask


def resident(pid: int) -> float:
    """Return the resident memory in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kilobytes) / 1024


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used so far, with all of its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
