"""The configuration is read again on SIGHUP, while requests are answered, and the service manager is told."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from haoma.errors import ConfigFaults
from haoma.service.app import Application
from haoma.service.run.life import Life
from haoma.service.run.reloading import Replaceable
from haoma.service.run.telling import Alone
from haoma.settings.model import Settings
from haoma.settings.reader import load
from support.serving import START, Serving

APP = (Path(__file__).parents[1] / "vectors" / "alipay" / "success-mainland" / "app.toml").read_text("utf-8")
FIRST, SECOND = "server-key-0123456789-first", "server-key-0123456789-second"
IN_USE = "The configuration was read again and is in use."
STAYS = "The configuration cannot be used; the one before stays in use."
FIXED = "The listening address, root_path, drain_seconds and the number of workers change only with a restart."
READY = b"READY=1"


def toml(*keys: str, more: str = "") -> str:
    listed = ", ".join(f'"{key}"' for key in keys)
    return f"[service]\nserver_keys = [{listed}]\n{more}\n{APP}"


def rewrite(serving: Serving, text: str) -> None:
    serving.config.write_text(text.replace("[service]", f'[service]\nlisten = "127.0.0.1:{serving.port}"', 1))


def wait_for(serving: Serving, event: str, count: int = 1) -> None:
    deadline = time.monotonic() + 20
    while sum(line["event"] == event for line in serving.log()) < count:
        assert time.monotonic() < deadline, serving.written()
        time.sleep(0.02)


def accepted(serving: Serving, key: str) -> bool:
    """Whether a key is known: nothing is in the body, so what is known is refused for that."""
    return serving.post("/v1/apps/shop/phone-number", {}, key).status != 401


def silent(manager: socket.socket) -> bool:
    return not select.select([manager], [], [], 0)[0]


@contextmanager
def asking(serving: Serving, key: str) -> Iterator[list[int]]:
    """Ask all the time, over new connections and over one that stays. Yields the statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.append(serving.post("/v1/apps/shop/phone-number", {}, key).status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_new_key_is_in_use_and_no_request_is_dropped(tmp_path: Path, workers: int) -> None:
    """A key is added, then the old one is taken away: both are in use in between, in all workers."""
    with Serving(tmp_path, toml(FIRST), workers) as serving:
        wait_for(serving, "listening")
        assert not accepted(serving, SECOND)
        with asking(serving, FIRST) as statuses:
            rewrite(serving, toml(FIRST, SECOND))
            serving.process.send_signal(signal.SIGHUP)
            wait_for(serving, IN_USE)
            time.sleep(0.3)
            assert all(accepted(serving, SECOND) for _ in range(20))
        assert len(statuses) > 20
        assert set(statuses) == {400}
        rewrite(serving, toml(SECOND))
        serving.process.send_signal(signal.SIGHUP)
        wait_for(serving, IN_USE, 2)
        time.sleep(0.3)
        assert not any(accepted(serving, FIRST) for _ in range(20))
        assert serving.ask("GET", "/readyz").status == 200
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(20) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_keeps_the_old_configuration(tmp_path: Path, workers: int) -> None:
    """Every worker goes on with what it has; the fault is in the log."""
    faulty = {
        "config.not-toml": "[service",
        "config.unknown-setting": toml(FIRST, SECOND, more='publishable_kees = ["x"]'),
        "config.no-server-keys": toml(),
    }
    with Serving(tmp_path, toml(FIRST), workers) as serving:
        wait_for(serving, "listening")
        for number, (code, text) in enumerate(faulty.items(), 1):
            rewrite(serving, text)
            serving.process.send_signal(signal.SIGHUP)
            wait_for(serving, STAYS, number)
            assert [line["code"] for line in serving.log() if line["event"] == "configuration"][-1] == code
            assert all(accepted(serving, FIRST) for _ in range(6))
            assert not any(accepted(serving, SECOND) for _ in range(6))
        rewrite(serving, toml(FIRST, SECOND))
        serving.process.send_signal(signal.SIGHUP)
        wait_for(serving, IN_USE)


def test_what_goes_on_and_what_needs_a_restart(tmp_path: Path) -> None:
    """Counters and limits are not set back. The port and the number of workers stay as they are, and that is said."""
    limit = 'key_limit = "60/h burst 3"'
    with Serving(tmp_path, toml(FIRST, SECOND, more=limit)) as serving:
        wait_for(serving, "listening")
        served = [serving.post("/v1/apps/shop/phone-number", {}, FIRST).status for _ in range(4)]
        assert served == [400, 400, 400, 429]
        rewrite(serving, toml(FIRST, SECOND, more=limit.replace("3", "5")))
        serving.process.send_signal(signal.SIGHUP)
        wait_for(serving, IN_USE)
        served = [serving.post("/v1/apps/shop/phone-number", {}, FIRST).status for _ in range(3)]
        assert served == [400, 400, 429]
        serving.config.write_text(toml(SECOND).replace("[service]", '[service]\nlisten = "127.0.0.1:1"', 1))
        serving.process.send_signal(signal.SIGHUP)
        wait_for(serving, FIXED)
        assert accepted(serving, SECOND)
        lines = serving.ask("GET", "/metrics").body.decode().splitlines()
        counts = [float(line.split()[-1]) for line in lines if line.startswith('haoma_requests_total{app="shop"')]
        assert sum(counts) == 8


@pytest.mark.parametrize(("workers", "abstract"), [(1, True), (2, False)])
def test_the_service_manager_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, abstract: bool
) -> None:
    """It hears when every process listens, that they are alive, of a reload, and of the end."""
    name = f"@haoma-{os.getpid()}-{workers}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        with Serving(tmp_path, toml(FIRST), workers) as serving:
            told = [manager.recv(4096)]
            while told[-1] != READY:  # the only process says that it is alive before it says that it listens
                told.append(manager.recv(4096))
            assert set(told) <= {READY, b"WATCHDOG=1"}
            assert {manager.recv(4096) for _ in range(3)} == {b"WATCHDOG=1"}
            serving.process.send_signal(signal.SIGHUP)
            while not (message := manager.recv(4096)).startswith(b"RELOADING=1\nMONOTONIC_USEC="):
                assert message == b"WATCHDOG=1"
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            assert 0 <= now - int(message.rpartition(b"=")[2]) < 20e6
            while (message := manager.recv(4096)) != READY:
                assert message == b"WATCHDOG=1"
            serving.process.send_signal(signal.SIGTERM)
            while (message := manager.recv(4096)) != b"STOPPING=1":
                assert message == b"WATCHDOG=1"
            assert serving.process.wait(20) == 0


def test_a_stuck_worker_is_not_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manager hears nothing as long as one of them does not answer, so that it restarts the service."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        with Serving(tmp_path, toml(FIRST), 2) as serving:
            while manager.recv(4096) != READY:
                pass
            listed = Path(f"/proc/{serving.process.pid}/task/{serving.process.pid}/children").read_text().split()
            workers = [int(pid) for pid in listed if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
            assert len(workers) == 2
            os.kill(workers[0], signal.SIGSTOP)
            try:
                time.sleep(0.5)
                while not silent(manager):
                    manager.recv(4096)
                time.sleep(0.5)
                assert silent(manager)
            finally:
                os.kill(workers[0], signal.SIGCONT)
            manager.settimeout(20)
            assert manager.recv(4096) == b"WATCHDOG=1"


def test_workers_end_with_their_supervisor(tmp_path: Path) -> None:
    """If it is killed, nobody would ever stop them."""
    with Serving(tmp_path, toml(FIRST), 2) as serving:
        wait_for(serving, "listening")
        serving.process.kill()
        serving.process.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                serving.ask("GET", "/healthz")
            except OSError:
                return
            time.sleep(0.05)
        pytest.fail("a worker still answers")


def test_a_unix_socket(tmp_path: Path) -> None:
    """Only its owner and group may open it; whoever does is a proxy. One that a killed process left is replaced."""
    path = tmp_path / "haoma.sock"
    with Serving(tmp_path, toml(FIRST)) as serving:  # to have a configuration
        config = serving.config
    text = toml(FIRST).replace("[service]", f'[service]\nlisten = "unix:{path}"\nroot_path = "/haoma"', 1)
    config.write_text(text)
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", START, str(config), "1"], stderr=subprocess.PIPE)
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
        assert (line["event"], line["address"]) == ("listening", f"unix:{path}")
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b"GET /v1/nothing HTTP/1.1\r\nHost: haoma\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 404")
        assert b'"type":"/haoma/errors/caller.unknown-route"' in answer
        assert health("--config", str(config)) == (0, "")
        process.kill()
        process.communicate()
        assert path.is_socket()
    status, said = health("--listen", f"unix:{path}")
    assert status == 1
    assert said


def health(*options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "haoma", "health", *options], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_a_hangup_during_a_reload_is_not_lost(tmp_path: Path) -> None:
    """The files may have changed after that reload has read them, so they are read once more; of several, once."""
    path = tmp_path / "haoma.toml"
    path.write_text(toml(FIRST))
    settings = load(path)
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def build(current: Application, digest: str) -> tuple[Settings, Application]:
        del current, digest
        begun.release()
        assert go_on.acquire(timeout=10)
        raise ConfigFaults([])

    async def play() -> None:
        Alone(Life(settings, lambda _: settings, lambda _: None, "", 1)).listens(
            Replaceable(Application(settings), build)
        )
        for hangups in (1, 2):
            for _ in range(hangups):
                os.kill(os.getpid(), signal.SIGHUP)
            if hangups == 1:
                assert await asyncio.to_thread(begun.acquire, timeout=10)
        await asyncio.sleep(0.01)  # both have arrived
        go_on.release(2)
        assert await asyncio.to_thread(begun.acquire, timeout=10)
        await asyncio.sleep(0.05)
        assert not begun.acquire(blocking=False)

    before = signal.getsignal(signal.SIGHUP)
    try:
        asyncio.run(play())
    finally:
        signal.signal(signal.SIGHUP, before)
