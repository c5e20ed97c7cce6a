"""The real service as a process, real platforms' stand-ins on loopback, and what both leave behind."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

SERVER_KEY = "live_server_key_0123456789abcdef"
PUBLISHABLE_KEY = "live_publishable_key_0123456789"
_START = 30.0
_STOP = 20.0
# To check a private key takes longer than a case, and the apps of a hundred cases have the same one.
_AT_ITS_TIME = """\
import functools, time
from cryptography.hazmat.primitives import serialization
time.time = lambda: {now!r}
serialization.load_der_private_key = functools.cache(serialization.load_der_private_key)
"""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict), found
        return found

    @property
    def code(self) -> str:
        """The code of the refusal; empty for a success."""
        if self.status == 200:
            return ""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.json["code"])

    @property
    def number(self) -> str:
        return str(self.json.get("phone_number", ""))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """``haoma serve`` with a configuration, for the length of a ``with`` block.

    Args:
        folder: Where ``haoma.toml`` and the logs go.
        apps: The text of the ``[apps.…]`` tables; http to the platforms is permitted.
        now: The time that the process believes it is; it stands still.
        settings: Further settings of ``[service]``.
    """

    def __init__(self, folder: Path, apps: str, *, now: float | None = None, **settings: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "haoma.toml"
        service = {
            "listen": f"127.0.0.1:{self.port}",
            "server_keys": [SERVER_KEY],
            "publishable_keys": [PUBLISHABLE_KEY],
            **settings,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in service.items()]
        self.config.write_text("\n".join(["allow_insecure_upstreams = true", "[service]", *lines, apps]), "utf-8")
        self._environ = environ_at(folder, now)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def printed(self) -> bytes:
        """Everything that the process has written to stdout and stderr."""
        return b"".join((self.folder / name).read_bytes() for name in ("stdout", "stderr"))

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        lines = (self.folder / "stderr").read_bytes().splitlines()
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def __enter__(self) -> Self:
        with (self.folder / "stdout").open("wb") as stdout, (self.folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "haoma", "serve", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=self._environ,
            )
        try:
            self._await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/readyz").status == 200:
                    return
            time.sleep(0.03)
        raise AssertionError(f"the service did not start: {self.printed.decode('utf-8', 'replace')[-3000:]}")

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def post(self, app: str, body: object, *, route: str = "phone-number", key: str = SERVER_KEY) -> Answer:
        """Send what a front end sends; bytes go out as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        return self.request("POST", f"/v1/apps/{app}/{route}", content, headers)


def tables(apps: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the ``[apps.…]`` tables of a ``haoma.toml``."""
    lines = [
        line
        for app, table in apps.items()
        for line in (f"[apps.{app}]", *(f"{name} = {json.dumps(value)}" for name, value in table.items()))
    ]
    return "\n".join(lines) + "\n"


def environ_at(folder: Path, now: float | None) -> dict[str, str]:
    """Return an environment in which Python processes believe that it is ``now``, and check a private key once."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HAOMA_")}
    if now is not None:
        (folder / "sitecustomize.py").write_text(_AT_ITS_TIME.format(now=now), "ascii")
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), environ.get("PYTHONPATH"))))
    return environ


@dataclass(frozen=True)
class Asked:
    """A request that reached a stand-in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


Reply = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def platform(answer: Callable[[Asked], Reply]) -> Iterator[str]:
    """Serve ``answer`` over real HTTP, and yield the address."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body leave in one piece

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, named, content = answer(Asked(self.command, parts.path, parts.query, headers, body))
            self.send_response(status)
            for name, value in {**named, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_words: object) -> None:
            pass

    with serving(Answering) as url:
        yield url


class _Quiet(ThreadingHTTPServer):
    request_queue_size = 256

    def handle_error(self, *_what: object) -> None:
        """Say nothing: the other side hung up."""


@contextlib.contextmanager
def serving(behaviour: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve with a class of ``http.server``, and yield the address."""
    with _Quiet(("127.0.0.1", 0), behaviour) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
