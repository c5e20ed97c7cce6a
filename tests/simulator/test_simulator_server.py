"""The simulator's server: protocol, limits, misbehaviour and the device side."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from haoma.platforms.base.mirroring import Answer, Fate
from haoma.simulator import Simulator, UnknownScene
from haoma.simulator.device import is_loopback
from haoma.simulator.server import Server


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


def connect(simulator: Simulator) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(simulator.url).netloc, timeout=5)


def ask(simulator: Simulator, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = connect(simulator)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8")
        return response.status, json.loads(text) if "json" in response.headers["content-type"] else text
    finally:
        connection.close()


def raw(simulator: Simulator, request: bytes) -> bytes:
    address = urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as sock:
        sock.sendall(request)
        received = b""
        while piece := sock.recv(65536):
            received += piece
        return received


def test_device_side(simulator: Simulator) -> None:
    """The device side gives scenes, taps, counters, the configuration and a help text."""
    status, scenes = ask(simulator, "GET", "/device/scenes")
    assert status == 200
    assert {"platform", "name", "zh", "en", "expect", "app"} == set(scenes[0])
    assert {scene["platform"] for scene in scenes} == set(simulator.stage.mirrors)
    status, tap = ask(simulator, "POST", "/device/alipay/tap", b'{"scene": "ok"}')
    assert status == 200
    assert tap["expect"] == "ok"
    assert tap["body"]["login_code"] == tap["login_code"]
    assert json.loads(tap["event"]["response"]).keys() == {"response", "sign"}
    status, calls = ask(simulator, "GET", "/device/calls")
    assert (status, calls) == (200, simulator.calls)
    status, text = ask(simulator, "GET", "/")
    assert status == 200
    assert simulator.url in text


def test_denied_by_hand(simulator: Simulator) -> None:
    """``allow: false`` gives the event of a user who declines."""
    _, tap = ask(simulator, "POST", "/device/wechat/tap", b'{"scene": "ok", "allow": false}')
    assert tap["expect"] == "envelope.user-declined"
    assert "deny" in tap["event"]["errMsg"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/device/alipay/tap", b'{"scene": "nope"}', 404, "there are: ok"),
        ("POST", "/device/nowhere/tap", b'{"scene": "ok"}', 404, "there are: alipay"),
        ("POST", "/device/alipay/tap", b"{", 400, ""),
        ("POST", "/device/alipay/tap", b'{"scene": 1}', 400, "scene"),
        ("POST", "/device/alipay/tap", b'{"scene": "ok", "alow": false}', 400, "alow"),
        ("GET", "/device/alipay/tap", None, 405, "POST"),
        ("GET", "/nothing/here", None, 404, "/nothing/here"),
    ],
)
def test_mistakes_are_explained(
    simulator: Simulator, method: str, path: str, body: bytes | None, status: int, words: str
) -> None:
    """A mistake by hand gets a status and a JSON text that says what is possible."""
    got, answer = ask(simulator, method, path, body)
    assert got == status
    assert words in answer["error"]


def test_configuration_names_the_address_that_was_asked(simulator: Simulator) -> None:
    """Who asks for the configuration under another name of this machine gets that name."""
    _, text = ask(simulator, "GET", "/haoma.toml?listen=0.0.0.0:9", Host="localhost:8090")
    settings = tomllib.loads(text)
    assert settings["apps"]["alipay"]["gateway_url"] == "http://localhost:8090/gateway.do"
    assert settings["service"]["listen"] == "0.0.0.0:9"
    assert settings["allow_insecure_upstreams"] is True
    assert ask(simulator, "GET", "/haoma.toml?listen=x%7F")[0] == 400


def test_write_config(simulator: Simulator, tmp_path: Path) -> None:
    """The written file and the served one are the same, keys included, and every simulator has keys of its own."""
    path = simulator.write_config(tmp_path / "haoma.toml", listen="127.0.0.1:1")
    settings = tomllib.loads(path.read_text("utf-8"))
    assert settings == simulator.stage.settings(simulator.url, "127.0.0.1:1")
    assert settings["service"]["server_keys"] == [simulator.server_key]
    assert settings["service"]["publishable_keys"] == [simulator.publishable_key]
    assert Simulator().server_key != simulator.server_key


def test_platform_quirks_are_kept(simulator: Simulator) -> None:
    """Both platforms answer refusals with 200, Alipay as text/html and WeChat as text/plain."""
    for path, kind in (("/gateway.do", "text/html;charset=utf-8"), ("/cgi-bin/token", "text/plain")):
        connection = connect(simulator)
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers["content-type"] == kind
        assert response.read()
        connection.close()


def test_keep_alive_and_head(simulator: Simulator) -> None:
    """One connection serves several requests; HEAD has headers alone."""
    connection = connect(simulator)
    connection.request("GET", "/device/scenes")
    assert connection.getresponse().read()
    sock = connection.sock
    connection.request("HEAD", "/device/scenes")
    response = connection.getresponse()
    assert int(response.headers["content-length"]) > 100
    assert response.read() == b""
    connection.request("GET", "/")
    assert connection.getresponse().read()
    assert connection.sock is sock
    connection.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: y\r\nConnection: close\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000, b"413"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
        (b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
    ],
)  # fmt: skip
def test_protocol(simulator: Simulator, request_bytes: bytes, status: bytes) -> None:
    """Malformed and oversized requests are refused, and the connection is closed."""
    try:
        received = raw(simulator, request_bytes)
    except ConnectionError:  # closed while we were still sending
        assert len(request_bytes) > 65536
        return
    assert received.split(b" ", 2)[1] == status


def test_what_a_mirror_cannot_read(simulator: Simulator, capfd: pytest.CaptureFixture[str]) -> None:
    """It is answered, and is no failure of the simulator."""
    status, said = ask(simulator, "POST", "/oauth/jscode2sessionkey", b"\xff\xfe")
    assert (status, said) == (500, {"error": "the mirror failed: UnicodeDecodeError"})
    assert ask(simulator, "GET", "/device/calls")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_expect_continue(simulator: Simulator) -> None:
    """A client that waits for ``100 Continue``, as curl does, gets it."""
    address = urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as sock:
        body = b'{"scene": "ok"}'
        sock.sendall(
            b"POST /device/alipay/tap HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert sock.recv(1024).startswith(b"HTTP/1.1 100 ")
        sock.sendall(body)
        assert sock.recv(1024).startswith(b"HTTP/1.1 200 ")


FATES = {
    "/reset": Answer(fate=Fate.RESET),
    "/hang": Answer(fate=Fate.HANG),
    "/late": Answer(body=b"late", delay=0.2),
}


def meet(address: str, path: str) -> None:
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=0.1) as sock:
        sock.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        if path == "/reset":
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
            return
        with pytest.raises(TimeoutError):
            sock.recv(1)
        if path == "/late":
            sock.settimeout(5)
            assert sock.recv(1024).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", FATES)
def test_fates(path: str) -> None:
    """A reset is a real RST (not an end of file), a hang says nothing, and a delay is kept."""

    async def main() -> None:
        server = Server(lambda call: FATES[call.path])
        address = await server.start("127.0.0.1", 0)
        try:
            await asyncio.to_thread(meet, address, path)
        finally:
            await server.stop()

    asyncio.run(main())


def test_start_and_stop_leave_nothing(simulator: Simulator) -> None:
    """A stopped simulator is gone, with its open connections; it can be started again."""
    other = Simulator()
    for _ in range(2):
        other.start()
        address = urlsplit(other.url)
        with socket.create_connection((address.hostname, address.port), timeout=5) as sock:
            sock.sendall(b"GET /device/calls HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert sock.recv(1024).endswith(b"}\n")
            other.stop()
            assert sock.recv(1) == b""
        with pytest.raises(ConnectionError):
            socket.create_connection((address.hostname, address.port), timeout=5)
        assert other.url == ""
    other.stop()


def test_taken_port(simulator: Simulator) -> None:
    """A port that is taken is an `OSError` of ``start``, not a thread that dies unseen."""
    taken = Simulator(urlsplit(simulator.url).netloc)
    with pytest.raises(OSError, match="address already in use"):
        taken.start()
    taken.stop()


@pytest.mark.parametrize("listen", ["", "8090", ":8090", "localhost:", "localhost:http", "localhost:65536"])
def test_listen_is_checked(listen: str) -> None:
    """What is no ``HOST:PORT`` is refused."""
    with pytest.raises(ValueError, match="HOST:PORT"):
        Simulator(listen)


def test_unknown_scene(simulator: Simulator) -> None:
    """An unknown scene or platform is named, with what there is."""
    with pytest.raises(UnknownScene, match="there are: ok"):
        simulator.tap("alipay", "nope")
    with pytest.raises(UnknownScene, match="no platform 'nope'"):
        simulator.tap("nope", "ok")


@pytest.mark.parametrize(
    ("host", "warns", "number"), [("127.0.0.1", False, signal.SIGINT), ("0.0.0.0", True, signal.SIGTERM)]
)
def test_in_the_foreground(host: str, warns: bool, number: signal.Signals) -> None:
    """``serve`` prints its address, warns when anybody can reach it, and stops cleanly on both signals.

    More silent connections than it may have files do not stop it.
    """
    with (
        subprocess.Popen(
            [sys.executable, "-c", f"from haoma.simulator import serve; serve('{host}:0')"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)),  # noqa: PLW1509
        ) as process,
        ExitStack() as silent,
    ):
        assert process.stdout is not None
        first = process.stdout.readline()
        url = first.split()[-1].replace("0.0.0.0", "127.0.0.1")
        for _ in range(200):
            silent.enter_context(socket.create_connection(("127.0.0.1", urlsplit(url).port), 5))
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        connection.request("GET", "/device/calls")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert ("anyone on the network" in errors) == warns
    # asyncio itself tells of a moment without a file: many may come in one turn of its loop.
    told = re.sub(
        r"socket\.accept\(\) out of system resource.*?OSError: \[Errno 24\] [^\n]*\n", "", errors, flags=re.DOTALL
    )
    assert "Traceback" not in told


def test_loopback_by_name() -> None:
    """Loopback is known by address and by name."""
    assert is_loopback("localhost")
    assert is_loopback("::1")
    assert not is_loopback("example.org")
