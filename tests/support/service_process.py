"""The service as users run it: a process with a ``haoma.toml``, spoken to over a socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from haoma.simulator.beside import free_port

__all__ = ["Answer", "ServiceProcess", "free_port"]
_START = 30.0
_STOP = 20.0
_TIMEOUT = 30.0


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


class ServiceProcess:
    """A command that serves, for the length of a ``with`` block.

    Args:
        command: What starts it.
        port: Where it listens.
        folder: Where ``stdout`` and ``stderr`` are written.
        options: Further arguments of `subprocess.Popen`.
    """

    def __init__(self, command: Sequence[str], port: int, folder: Path, **options: Any) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self._command = command
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def printed(self) -> bytes:
        """Everything that the process has written to stdout and stderr."""
        return b"".join((self.folder / name).read_bytes() for name in ("stdout", "stderr"))

    def log_lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        lines = (self.folder / "stderr").read_bytes().splitlines()
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def __enter__(self) -> Self:
        with (self.folder / "stdout").open("wb") as stdout, (self.folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, **self._options
            )
        try:
            self._await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        # SIGINT stops at once; the announcement of SIGTERM is for load balancers.
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
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()
