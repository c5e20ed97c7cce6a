"""The real service as a process, real platforms' stand-ins on loopback, and what both leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.service_process import Answer, ServiceProcess, free_port

__all__ = [
    "PUBLISHABLE_KEY",
    "SERVER_KEY",
    "Answer",
    "Asked",
    "Reply",
    "Service",
    "environ_at",
    "free_port",
    "platform",
    "serving",
    "tables",
]

SERVER_KEY = "live_server_key_0123456789abcdef"
PUBLISHABLE_KEY = "live_publishable_key_0123456789"
_AT_ITS_TIME = """\
import pathlib, time
_now = pathlib.Path({path!r})
time.time = lambda: float(_now.read_text("ascii"))
"""


class Service(ServiceProcess):
    """``haoma serve`` with a configuration, for the length of a ``with`` block.

    Args:
        folder: Where ``haoma.toml`` and the logs go.
        apps: The text of the ``[apps.…]`` tables; http to the platforms is permitted.
        now: The time that the process believes it is; it stands still until `set_time`.
        settings: Further settings of ``[service]``.
    """

    def __init__(self, folder: Path, apps: str, *, now: float | None = None, **settings: Any) -> None:
        port = free_port()
        self.config = folder / "haoma.toml"
        service = {
            "listen": f"127.0.0.1:{port}",
            "server_keys": [SERVER_KEY],
            "quota_seconds": 0,  # asked for by the clock, with a token: a test counts tokens
            "publishable_keys": [PUBLISHABLE_KEY],
            **settings,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in service.items()]
        self.config.write_text("\n".join(["allow_insecure_upstreams = true", "[service]", *lines, apps]), "utf-8")
        command = [sys.executable, "-m", "haoma", "serve", "--config", str(self.config)]
        super().__init__(command, port, folder, env=environ_at(folder, now))

    def set_time(self, now: float) -> None:
        """Change the time of a process that was started with a time of its own."""
        _write_time(self.folder, now)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the log."""
        return self.log_lines()

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
    """Return an environment in which Python processes believe that it is ``now``."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HAOMA_")}
    if now is not None:
        path = _write_time(folder, now)
        (folder / "sitecustomize.py").write_text(_AT_ITS_TIME.format(path=str(path)), "utf-8")
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), environ.get("PYTHONPATH"))))
    return environ


def _write_time(folder: Path, now: float) -> Path:
    path = folder / "now"
    fresh = folder / "now.new"
    fresh.write_text(repr(now), "ascii")
    return fresh.replace(path)  # at once: somebody may be reading it


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
