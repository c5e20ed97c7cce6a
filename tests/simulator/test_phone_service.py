"""Where the page's requests go: the service that the simulator starts, and a developer's own server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from test_phone import Page, posted, scene_of, stop

from haoma.io import clock
from haoma.simulator import Simulator
from haoma.simulator.beside import Service, ServiceDied, free_port
from haoma.simulator.clockwork import MOST_AHEAD, Clockwork


class Theirs:
    """A developer's server: it notes what it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: tuple[int, bytes] = 200, b'{"masked": "138****5544", "checks": []}'
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                outer.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status, content = outer.answer
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Set-Cookie", "a=b")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def theirs() -> Iterator[Theirs]:
    server = Theirs()
    yield server
    server.stop()


@pytest.fixture
def simulate() -> Iterator[Any]:
    """``haoma simulate`` in a process of its own; gives its page."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> Page:
        process = subprocess.Popen(
            [sys.executable, "-m", "haoma", "simulate", "--listen", "127.0.0.1:0", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | {"PYTHONUTF8": "1"},
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"(http://\S+)/phone/", said)):
            said += process.stdout.readline()
        return Page(found[1])

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def press(page: Page, platform: str, name: str, path: str = "") -> dict[str, Any]:
    scene = scene_of(platform, name)
    run = page.begin(platform, name)
    code = page.post(f"runs/{run}/login", {})["code"]
    event = page.post(f"runs/{run}/tap", {"allow": True})["event"]
    page.send(run, scene.app, posted(event, code), path)
    return page.timeline(run)


def test_their_server(simulate: Any, theirs: Theirs) -> None:
    """It gets what the page sends, and nothing else; what it does with that is shown as unknown."""
    page = simulate("--service", theirs.url)
    service = page.catalogue["service"]
    assert (service["url"], service["own"], service["moves"]) == (theirs.url, False, False)
    shown = press(page, "wechat", "ok")
    ((path, headers, body),) = theirs.got
    assert path == "/v1/apps/wechat/phone-number"
    assert headers["authorization"] == f"Bearer {service['key']}"
    assert "cookie" not in headers
    assert set(json.loads(body)) == {"authorization", "login_code"}
    assert (shown["state"], stop(shown, "came")["masked"]) == ("ok", "138****5544")
    assert stop(shown, "checked")["state"] == "unk"
    assert {each["state"] for each in stop(shown, "checked")["steps"]} == {"unk"}
    theirs.answer = 422, b'{"title": "No", "code": "expired", "next": "ask-again"}'
    shown = press(page, "wechat", "ok")
    assert (shown["state"], stop(shown, "came")["code"], stop(shown, "came")["public_code"]) == ("no", "", "expired")
    assert stop(shown, "means")["heading"] == "No"
    theirs.answer = 302, b""
    assert stop(press(page, "wechat", "ok"), "came")["status"] == 302  # and nobody went there
    theirs.answer = 200, b"x" * 300_000
    assert (shown := press(page, "wechat", "ok"))["state"] == "unk"
    assert stop(shown, "came")["text"]
    theirs.stop()
    assert press(page, "wechat", "ok")["state"] == "unk"


def test_a_path_of_their_server(simulate: Any, theirs: Theirs) -> None:
    """The path of the command line is the only one that is not below ``/v1/``."""
    page = simulate("--service", f"{theirs.url}/api/phone")
    assert page.catalogue["service"]["path"] == "/api/phone"
    press(page, "wechat", "ok")
    press(page, "wechat", "ok", "/v1/apps/wechat/phone-number")
    assert [path for path, _, _ in theirs.got] == ["/api/phone", "/v1/apps/wechat/phone-number"]
    run = page.begin("wechat", "ok")
    page.post(f"runs/{run}/login", {})
    page.send(run, "wechat", {}, "/api/other", 403)
    assert len(theirs.got) == 2


@pytest.mark.parametrize("service", ["https://x", "http://x/a?b=c", "http://x/a b", "ftp://x", "http://user@x/"])
def test_no_other_address(service: str) -> None:
    """An address with anything more than host, port and path is no address."""
    done = subprocess.run(
        [sys.executable, "-m", "haoma", "simulate", "--service", service],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert (done.returncode, "--service" in done.stderr) == (2, True)


# --- the service that the simulator starts


def test_it_starts_when_it_is_needed_and_ends_with_the_simulator() -> None:
    """A simulator whose page nobody opens starts no service; one that stops leaves none behind."""
    with Simulator() as simulator:
        url = Page(simulator.url).catalogue["service"]["url"]
        port = int(url.rpartition(":")[2])
        shown = press(Page(simulator.url), "wechat", "ok")
        assert shown["state"] == "ok"
        assert free_port(port) != port
    assert free_port(port) == port


def test_it_comes_back() -> None:
    """A service that has died is started again for the next tap."""
    with Simulator() as simulator:
        page = Page(simulator.url)
        assert press(page, "wechat", "ok")["state"] == "ok"
        ours = ["pgrep", "-P", str(os.getpid()), "-f", "haoma.simulator.clocked"]
        (pid,) = subprocess.run(ours, capture_output=True, text=True, check=True).stdout.split()
        os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.2)
        assert press(page, "wechat", "ok")["state"] == "ok"


def test_it_ends_when_the_simulator_is_killed(tmp_path: Path) -> None:
    """Nothing is left running by a process that could not clean up."""
    with Simulator() as simulator:
        port = free_port()
        config = simulator.write_config(tmp_path / "haoma.toml", f"127.0.0.1:{port}")
        command = [sys.executable, "-m", "haoma.simulator.clocked", "serve", "--config", str(config)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as it:
            assert it.stdin is not None
            assert it.stdout is not None
            it.stdin.write(b"5.0\n")
            it.stdin.flush()
            assert it.stdout.readline() == b"moved 5.0\n"
            it.stdin.close()
            assert it.wait(30) in (0, 130, -signal.SIGINT)


def written(log: Path, number: int) -> list[str]:
    """The days of so many refusals in a log, which writes them a moment later."""
    deadline = time.monotonic() + 10
    while True:
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines() if line[:1] == "{"]
        days = [str(line["timestamp"])[:10] for line in lines if line.get("status") == 401]
        if len(days) >= number or time.monotonic() > deadline:
            return days
        time.sleep(0.05)


def test_its_clock_moves(tmp_path: Path) -> None:
    """The time of its log is the one that it was told; nothing that a request says moves it."""
    with Simulator() as simulator:
        port = free_port()
        config = simulator.write_config(tmp_path / "haoma.toml", f"127.0.0.1:{port}")
        with Service(config, port) as service:
            for number, ahead in enumerate((86400.0, 0.0), 1):
                service.move(ahead)
                assert service.post("wechat", {}, key="x" * 40, lang="en").status == 401
                days = written(service.log, number)
            assert days[0] > days[1]
        with pytest.raises(ServiceDied):
            service.move(1.0)


def test_an_unmoved_clock() -> None:
    """Without the simulator's process around it, `now` is the time; a clockwork stops at its end."""
    assert abs(clock.now() - time.time()) < 5
    works = Clockwork(lambda: 100.0)
    works.advance(MOST_AHEAD)
    works.advance(MOST_AHEAD)
    assert works.now() == 100.0 + MOST_AHEAD
    works.reset()
    assert works.now() == 100.0
