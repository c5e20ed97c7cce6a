"""The service as users run it: a process with a ``haoma.toml``, spoken to over a socket."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.service_process import Answer as Got
from support.service_process import ServiceProcess, free_port

__all__ = ["START", "Got", "Serving", "free_port"]
START = "import sys; from haoma.service import serve; sys.exit(serve(sys.argv[1], workers=int(sys.argv[2])))"


class Serving(ServiceProcess):
    """A running service; its log is read from ``log``."""

    def __init__(
        self, folder: Path, toml: str, workers: int = 1, start: str = START, prepare: Callable[[], None] | None = None
    ) -> None:
        port = free_port()
        self.config = folder / "haoma.toml"
        listen = f'listen = "127.0.0.1:{port}"'
        lines = [line for line in toml.splitlines() if not line.startswith("listen")]
        self.config.write_text("\n".join(f"[service]\n{listen}" if line == "[service]" else line for line in lines))
        command = [sys.executable, "-c", start, str(self.config), str(workers)]
        super().__init__(command, port, folder, preexec_fn=prepare)

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Got:
        """Send one request; ``Accept_Language="zh"`` is a header."""
        return self.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})

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
        return self.printed.decode("utf-8", "replace")

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        return self.log_lines()

    def logged(self, got: Got) -> dict[str, Any]:
        """Return the line of one request."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for line in self.log_lines():
                if line.get("request_id") == got.headers["x-request-id"]:
                    return line
            time.sleep(0.01)
        raise AssertionError("no line")
