"""The service as users run it: a process with a ``haoma.toml``, spoken to over a socket."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, Self

START = "import sys; from haoma.service import serve; sys.exit(serve(sys.argv[1], workers=int(sys.argv[2])))"


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Serving:
    """A running service; its log is read from ``log``."""

    def __init__(
        self, folder: Path, toml: str, workers: int = 1, start: str = START, prepare: Callable[[], None] | None = None
    ) -> None:
        self.port = free_port()
        self.config = folder / "haoma.toml"
        listen = f'listen = "127.0.0.1:{self.port}"'
        lines = [line for line in toml.splitlines() if not line.startswith("listen")]
        self.config.write_text("\n".join(f"[service]\n{listen}" if line == "[service]" else line for line in lines))
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._workers = workers
        self._start = start
        self._prepare = prepare

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", self._start, str(self.config), str(self._workers)]
        self.process = subprocess.Popen(
            command,
            stdout=self._stderr,
            stderr=self._stderr,
            preexec_fn=self._prepare,  # noqa: PLW1509 - before threads
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.ask("GET", "/healthz")
            except OSError:
                time.sleep(0.02)
            else:
                return self
        self.process.kill()
        raise AssertionError(f"the service does not start: {self.written()}")

    def __exit__(self, *_args: object) -> None:
        # SIGINT stops at once; the announcement of SIGTERM is for load balancers.
        self.process.send_signal(signal.SIGINT)
        self.process.wait(15)
        self._stderr.close()

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Got:
        """Send one request; ``Accept_Language="zh"`` is a header."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Got(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def post(self, path: str, body: object, key: str = "", **headers: str) -> Got:
        """Send JSON, or bytes as they are."""
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return self.ask("POST", path, body if isinstance(body, bytes) else json.dumps(body), **headers)

    def raw(self, data: bytes, timeout: float = 10) -> bytes:
        """Send bytes over a socket and return all that comes back until the other side closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(data)
            found = b""
            try:
                while piece := connection.recv(65536):
                    found += piece
            except (TimeoutError, ConnectionResetError):
                pass
            return found

    def written(self) -> str:
        """Return everything that the process has written so far."""
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "replace")

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        return [json.loads(line) for line in self.written().splitlines() if line.startswith("{")]

    def logged(self, got: Got) -> dict[str, Any]:
        """Return the line of one request."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for line in self.log():
                if line.get("request_id") == got.headers["x-request-id"]:
                    return line
            time.sleep(0.01)
        raise AssertionError("no line")
