"""The real service in a process of its own, and the few requests that the demo sends to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError
from haoma.simulator.clocked import MOVED
from haoma.visible import visible

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_START: Final = 30.0
_STOP: Final = 30.0
_TIMEOUT: Final = 30.0


class ServiceDied(Exception):
    """The service did not start. The message is the end of its log."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The service's answer.

    Attributes:
        status: HTTP status.
        body: The JSON object.
        seconds: How long it took.
    """

    status: int
    body: dict[str, Any] = field(repr=False)
    seconds: float


def free_port(wanted: int = 0) -> int:
    """Return ``wanted`` if that port is free, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise OSError("no free port")


class Service:
    """``haoma serve`` with a configuration, as a context manager. Its clock can be moved.

    Args:
        config: The ``haoma.toml``. The log is written to the same folder.
        port: The port in that file.
    """

    def __init__(self, config: Path, port: int) -> None:
        self._config = config
        self._port = port
        self.log = config.with_name("service.log")
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own command
                [sys.executable, "-m", "haoma.simulator.clocked", "serve", "--config", str(self._config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            self._await_ready(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self._request("GET", "/readyz").status == 200:
                    return
            except (OSError, http.client.HTTPException, EnvelopeError):
                pass
            time.sleep(0.05)
        raise ServiceDied("\n".join(map(visible, self.log.read_text("utf-8", "replace").splitlines()[-20:])))

    def _stop(self) -> None:
        if self._process is None:
            return
        # SIGINT stops at once. SIGTERM is announced to load balancers first.
        self._process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process = None

    def move(self, ahead: float) -> None:
        """Let the service's clock be ``ahead`` seconds later than it is. Returns when it is.

        Raises:
            ServiceDied: The service is not running.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ServiceDied
        try:
            process.stdin.write(f"{ahead!r}\n".encode("ascii"))
            process.stdin.flush()
            while (line := process.stdout.readline()) and not line.startswith(MOVED.encode("ascii")):
                pass
        except OSError:
            line = b""
        if not line:
            raise ServiceDied

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def wait(self) -> None:
        """Wait until the service exits."""
        if self._process is not None:
            self._process.wait()

    def post(self, app: str, body: dict[str, Any], *, key: str, lang: str) -> Outcome:
        """Request the phone number of an authorization."""
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Accept-Language": lang,
        }
        return self._request("POST", f"/v1/apps/{app}/phone-number", json.dumps(body).encode("ascii"), headers)

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Outcome:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        started = time.monotonic()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        return Outcome(response.status, parse_json_object(answer) if body else {}, time.monotonic() - started)
