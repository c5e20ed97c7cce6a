"""The servers that the contract is run against: each with the application of one framework, as its users start it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from haoma.platforms.base.mirroring import ANYBODY, Person, Tap
from haoma.simulator import Simulator
from support.service_process import Answer, ServiceProcess, free_port

APPS = ("wechat", "wechat-sealed", "kuaishou", "baidu", "alipay", "huawei", "huawei-scope")
LIMIT = 5
SERVICE = f'trusted_proxies = ["127.0.0.1"]\nrefused_limit = {LIMIT}'
_TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Server:
    """How an application is served.

    Attributes:
        name: Framework and server.
        command: The arguments of Python, for a port.
        has_form: Whether the application has ``/form``.
    """

    name: str
    command: Callable[[int], list[str]] = field(repr=False)
    has_form: bool = True
    env: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def _uvicorn(app: str, *options: str) -> Server:
    said = ["-m", "uvicorn", f"support.web_apps.{app}_app:app", "--no-access-log", "--log-level", "warning", *options]
    return Server(" ".join((app, "uvicorn", *options)), lambda port: [*said, "--port", str(port)])


def _granian(app: str, interface: str, *options: str) -> Server:
    said = ["-m", "granian", "--interface", interface, f"support.web_apps.{app}_app:app", "--log-level", "warning"]
    said += ["--workers-kill-timeout", "10"]  # on a busy machine a worker did not end, once
    return Server(" ".join((app, "granian", *options)), lambda port: [*said, *options, "--port", str(port)])


def _gunicorn(app: str, *options: str, wsgi: str = "") -> Server:
    said = ["-m", "gunicorn", wsgi or f"support.web_apps.{app}_app:app", "--log-level", "warning", *options]
    return Server(" ".join((app, "gunicorn", *options)), lambda port: [*said, "--bind", f"127.0.0.1:{port}"])


def _two_loops(app: str) -> Server:
    """Two event loops in two threads of a process share one application and one client."""
    return Server(f"{app} uvicorn two-loops", lambda port: ["-m", "support.web_apps.two_loops", app, str(port)])


_DJANGO = "support.web_apps.django_app:wsgi"
_ASYNC = {"DJANGO_ASYNC": "1"}  # asynchronous views

SERVERS = (
    _uvicorn("fastapi"),
    _uvicorn("starlette"),
    _granian("litestar", "asgi"),
    _gunicorn("flask", "--threads", "4"),
    _gunicorn("django", "--threads", "4", wsgi=_DJANGO),
    replace(_uvicorn("django"), env=_ASYNC),
)
"""One for each framework: these are run with every test run."""

MORE = (
    _two_loops("fastapi"),
    _two_loops("litestar"),
    _uvicorn("fastapi", "--workers", "2"),
    _granian("fastapi", "asgi", "--workers", "2"),
    _gunicorn("fastapi", "-k", "asgi", "--workers", "2"),
    _gunicorn("fastapi", "-k", "asgi", "--workers", "2", "--preload"),
    _granian("starlette", "asgi"),
    _uvicorn("litestar"),
    _gunicorn("flask", "--workers", "2", "--preload"),
    _gunicorn("flask", "--workers", "2", "--threads", "2"),
    _granian("flask", "wsgi"),
    _granian("flask", "wsgi", "--workers", "2", "--blocking-threads", "2"),
    _gunicorn("django", "--workers", "2", wsgi=_DJANGO),
    _gunicorn("django", "--workers", "2", "--preload", wsgi=_DJANGO),
    _gunicorn("django", "--workers", "2", "--threads", "2", wsgi=_DJANGO),
    _gunicorn("django", "--workers", "2", "--threads", "2", "--preload", wsgi=_DJANGO),
    _uvicorn("django", "--workers", "2"),  # views with threads
    replace(_two_loops("django"), env=_ASYNC),
)
"""Those of ``make integrations``."""


class Web(ServiceProcess):
    """A running application, and the platforms that it asks.

    Attributes:
        requests: How many requests were sent to it.
        secrets: Numbers and codes of all taps.
    """

    def __init__(self, server: Server, simulator: Simulator, folder: Path, config: Path) -> None:
        port = free_port()
        env = {**os.environ, **server.env, "HAOMA_CONFIG": str(config), "PYTHONPATH": _path()}
        super().__init__([sys.executable, *server.command(port)], port, folder, env=env)
        self.server = server
        self.simulator = simulator
        self.requests = 0
        self.secrets = {"13800138000"}

    def request(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request as a proxy does: without an address among ``headers``, it is that of somebody new."""
        self.requests += 1
        sent = {"X-Forwarded-For": f"198.51.{self.requests % 65536 // 256}.{self.requests % 256}", **(headers or {})}
        return super().request(method, path, body, sent)

    def tap(self, platform: str = "wechat", scene: str = "ok", person: Person = ANYBODY) -> Tap:
        """Tap the button on the device."""
        tap = self.simulator.tap(platform, scene, person=person)
        code = (tap.body or {}).get("authorization", {}).get("code", "")
        self.secrets |= {each for each in (tap.phone_number.removeprefix("+86"), tap.login_code, code) if each}
        return tap

    def calls(self, path: str = "/wxa/business/getuserphonenumber") -> int:
        """Return how often a path of WeChat was called."""
        return self.simulator.calls["wechat"].get(path, 0)

    def raw(self, *pieces: bytes, timeout: float = 10, answer: bool = True) -> bytes:
        """Send bytes over a socket, and close it at once or return all that comes back."""
        self.requests += 1
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            for piece in pieces:
                connection.sendall(piece)
            found = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while answer and (piece := connection.recv(65536)):
                    found += piece
            return found


@contextmanager
def serving(server: Server, folder: Path) -> Iterator[Web]:
    """Serve the application of the contract, with accounts in SQLite, against the simulator."""
    with Simulator(platforms=sorted({app.partition("-")[0] for app in APPS})) as simulator:
        config = simulator.write_config(folder / "haoma.toml", accounts=True)
        config.write_text(_trimmed(config.read_text()).replace("[service]", f"[service]\n{SERVICE}", 1))
        with Web(server, simulator, folder, config) as web:
            yield web


def _trimmed(toml: str) -> str:
    """Leave out the apps that nobody here needs: each takes time to read."""
    parts = re.split(r"(?m)^(?=\[)", toml)
    kept = tuple(f"[apps.{name}]" for name in APPS)
    return "".join(part for part in parts if not part.startswith("[apps.") or part.startswith(kept))


def _path() -> str:
    return os.pathsep.join([str(_TESTS.parent / "src"), str(_TESTS), os.environ.get("PYTHONPATH", "")])
