"""A web page that a developer has open can neither read the simulator nor have it do anything."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from haoma.platforms.base.mirroring import Push
from haoma.simulator import Simulator
from haoma.simulator.pushing import deliver

TAP = json.dumps({"scene": "component-ok"}).encode()
GATEWAY = "/gateway.do"
ROUTES = ("/", "/haoma.toml", "/device/scenes", "/device/calls", "/cgi-bin/token", "/nothing")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def target() -> Iterator[Target]:
    with Target() as running:
        yield running


class Target:
    """A server that nobody may be made to call; it leads on to itself, and answers much."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answers.paths.append(self.path)
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                body = b"\x1b]0;title\x07\xc2\x9b" + b"A" * 10_000
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def ask(url: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, json.loads(text) if text.startswith("{") else text
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:8900",
        "127.0.0.1.attacker.example",
        "simulator",
        "192.0.2.1",
        "localhost.attacker.example",
        "[2001:db8::1]",
        "[:::]",
        'x"\\evil/',
        "127.0.0.1@attacker.example",
        "0.0.0.0",
    ],
)
def test_another_host_is_refused_on_every_route(simulator: Simulator, host: str) -> None:
    """A name of an attacker's may be made to lead to this machine (DNS rebinding)."""
    for path in ROUTES:
        status, answer = ask(simulator.url, "GET", path, Host=host)
        assert (status, answer["error"]) == (421, "host")
    for path in ("/device/wechat/tap", GATEWAY):
        assert ask(simulator.url, "POST", path, TAP, Host=host)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.2:80", "[::1]:8900"])
def test_names_of_this_machine(simulator: Simulator, host: str) -> None:
    """They are no site's on the Internet."""
    assert ask(simulator.url, "GET", "/device/scenes", Host=host)[0] == 200


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "Text/Plain;charset=UTF-8"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded", "Origin": "https://attacker.example"}, 403),
    ],
)
def test_a_post_of_another_page_does_nothing(
    simulator: Simulator, target: Target, headers: dict[str, str], status: int
) -> None:
    """What a page may post without being asked first."""
    body = json.dumps({"scene": "component-ok", "service": f"http://127.0.0.1:{target.port}"}).encode()
    assert ask(simulator.url, "POST", "/device/wechat/tap", body, **headers)[0] == status
    assert target.paths == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "application/json"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_a_developer_may(simulator: Simulator, headers: dict[str, str]) -> None:
    """By curl, by a program, and from a page of the simulator's own."""
    assert ask(simulator.url, "POST", "/device/alipay/tap", b'{"scene": "ok"}', **headers)[0] == 200
    assert (
        ask(simulator.url, "POST", "/device/alipay/tap", b'{"scene": "ok"}', Origin=simulator.url, **headers)[0] == 200
    )


@pytest.mark.parametrize(
    "service",
    [
        "http://192.0.2.1:80",
        "http://attacker.example",
        "http://localhost.attacker.example",
        "http://[2001:db8::1]:80",
        "http://127.1",
        "http://169.254.169.254",
        "http://0.0.0.0:80",
    ],
)
def test_no_request_chooses_another_machine(simulator: Simulator, service: str) -> None:
    """A push goes to this machine, or where the command line says."""
    body = json.dumps({"scene": "component-ok", "service": service}).encode()
    status, answer = ask(simulator.url, "POST", "/device/wechat/tap", body)
    assert (status, answer["error"]) == (403, "service")


def test_what_is_answered_to_a_push(simulator: Simulator, target: Target) -> None:
    """A redirect is not followed; of the answer two hundred characters are shown, and no escapes."""
    body = json.dumps({"scene": "component-ok", "service": f"http://127.0.0.1:{target.port}"}).encode()
    _status, tap = ask(simulator.url, "POST", "/device/wechat/tap", body)
    (push,) = tap["pushes"]
    assert push["status"] == 302
    assert push["said"].startswith(r"\x1b]0;title\x07\x9b")
    assert push["said"].isprintable()
    assert len(push["said"]) < 220
    assert len(target.paths) == 1
    assert "/elsewhere" not in target.paths
    assert deliver(f"http://127.0.0.1:{target.port}", Push("shop", "/x", {}, b"")).status == 302


@pytest.fixture
def simulate() -> Iterator[Any]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "haoma", "simulate", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | {"PYTHONUTF8": "1"},
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        found = re.search(r"http://\S+:(\d+)", process.stdout.readline())
        assert found
        return f"http://127.0.0.1:{found[1]}"

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_the_service_of_the_command_line(simulate: Any, target: Target) -> None:
    """On a network no request chooses the service, not even on this machine; the names of containers may be asked for."""
    service = f"http://localhost:{target.port}"
    url = simulate("--listen", "0.0.0.0:0", "--service", service)
    for chosen in (f"http://127.0.0.1:{target.port}", "http://192.0.2.1"):
        body = json.dumps({"scene": "component-ok", "service": chosen}).encode()
        assert ask(url, "POST", "/device/wechat/tap", body)[0] == 403
    assert target.paths == []
    assert ask(url, "POST", "/device/wechat/tap", TAP)[1]["pushes"][0]["status"] == 302
    body = json.dumps({"scene": "component-ok", "service": service}).encode()
    assert ask(url, "POST", "/device/wechat/tap", body, Host="simulator:8900")[0] == 200
    assert ask(url, "GET", "/haoma.toml", Host="192.0.2.1:8900")[0] == 200
    assert ask(url, "GET", "/haoma.toml", Host="attacker.example:8900")[0] == 421


def test_a_service_that_is_no_address() -> None:
    """It is said at the start."""
    done = subprocess.run(
        [sys.executable, "-m", "haoma", "simulate", "--listen", "127.0.0.1:0", "--service", "https://haoma.example/x"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--service: needed http://HOST:PORT" in done.stderr
