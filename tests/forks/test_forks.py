"""Processes that fork: no child and no parent is ever told the answer to somebody else's code, and none hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from conftest import uwsgi

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("HAOMA_FORK_ROUNDS", "4"))
"""`make forks` has 200."""
REQUESTS = 60


@contextmanager
def process(*command: str, cwd: Path = HERE, **environment: str) -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, **environment, "PYTHONPATH": str(HERE)}
    with subprocess.Popen(
        command, cwd=cwd, env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)  # with its children; celery would take seconds to stop


@contextmanager
def wechat(*options: str) -> Iterator[int]:
    with process(sys.executable, "number_in_code.py", *options) as running:
        assert running.stdout
        yield int(running.stdout.readline())


@pytest.fixture(scope="module")
def plain() -> Iterator[str]:
    with wechat() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("client", ["sync", "async"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_six_children_at_once(plain, tls, client, tmp_path):
    """Children that begin at one moment, while threads of the parent are busy: every answer is right, and comes."""
    command = [sys.executable, str(HERE / "forking.py"), "--rounds", str(ROUNDS), "--client", client]
    if not tls:
        found = json.loads(subprocess.check_output([*command, plain]))
    else:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
        with wechat("--certificate", str(tmp_path / "server.pem")) as port:
            url = f"https://localhost:{port}"
            found = json.loads(subprocess.check_output([*command, "--ca-file", str(tmp_path / "ca.pem"), url]))
    assert set(found) == {"right"}
    assert found["right"] >= ROUNDS * 12


def port_of_a_server() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


SERVERS = {
    "gunicorn --preload": ["gunicorn", "--preload", "--workers", "4", "--bind", "127.0.0.1:{port}", "app:application"],
    "gunicorn --preload, threads": [
        "gunicorn", "--preload", "--workers", "2", "--threads", "4", "--bind", "127.0.0.1:{port}", "app:application",
    ],
    "uWSGI": [
        "uwsgi", "--http-socket", "127.0.0.1:{port}", "--processes", "4", "--threads", "2", "--master", "--die-on-term",
        "--wsgi-file", "app.py", "--disable-logging", "--pythonpath", str(HERE), "-H", sys.prefix,
    ],
}  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
def test_servers_that_fork(plain, server):
    """The client was used before the workers were forked; each request gets the number of its own code."""
    port = port_of_a_server()
    name, *arguments = (part.format(port=port) for part in SERVERS[server])
    executable = uwsgi() if name == "uwsgi" else str(Path(sys.executable).parent / name)
    with process(executable, *arguments, WECHAT=plain) as running:
        until_it_listens(f"http://127.0.0.1:{port}/", running)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda each: post(f"http://127.0.0.1:{port}/", *each), codes()))
    assert [number for _, number in found] == [f"+86{number}" for _, number in codes()]
    assert len({pid for pid, _ in found}) > 1


def codes() -> list[tuple[str, str]]:
    return [("http", str(13900000000 + each)) for each in range(REQUESTS)]


def post(url: str, name: str, number: str) -> list[Any]:
    found: list[Any] = httpx.post(url, json={"code": f"{name}-{number}"}, timeout=60).json()
    return found


def until_it_listens(url: str, running: subprocess.Popen[str]) -> None:
    for _ in range(600):
        assert running.poll() is None
        try:
            post(url, "first", "13500000000")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not begin to listen")


def test_multiprocessing_that_forks(plain):
    """A pool of processes made from a process that has used its client."""
    program = (
        "import multiprocessing, json, app; pool = multiprocessing.get_context('fork').Pool(4); "
        "print(json.dumps(pool.map(app.ask, [f'mp-{13900000000 + n}' for n in range(60)])))"
    )
    with process(sys.executable, "-c", program, WECHAT=plain) as running:
        found = json.loads(running.communicate(timeout=120)[0])
    assert found == [f"+86{13900000000 + each}" for each in range(60)]


def test_celery(plain, tmp_path):
    """Tasks in forked workers of celery get the number of their own code."""
    for folder in ("messages", "control", "results"):
        (tmp_path / folder).mkdir()
    celery = [sys.executable, "-m", "celery", "-A", "celery_app"]
    worker = [*celery, "worker", "--concurrency", "4", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    program = (
        "import json, celery_app as c; "
        "sent = [c.ask.delay(f'celery-{13900000000 + n}') for n in range(24)]; "
        "print(json.dumps([each.get(timeout=90, interval=0.1) for each in sent]))"
    )
    with (
        process(*worker, "--loglevel", "ERROR", WECHAT=plain, BROKER=str(tmp_path)),
        process(sys.executable, "-c", program, WECHAT=plain, BROKER=str(tmp_path)) as running,
    ):
        found = json.loads(running.communicate(timeout=120)[0])
    assert [number for _, number in found] == [f"+86{13900000000 + each}" for each in range(24)]
    assert len({pid for pid, _ in found}) > 1
