"""Service processes that share one database, and clients that send codes to them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from chaos.wechat import SECRET, app_id
from haoma.simulator.beside import free_port
from haoma.store.sealing import Sealer, StoreKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEYS = ("chaos_server_key_number_one_0123", "chaos_server_key_number_two_0123")
STORE_KEY = b"chaos-store-key-of-32-bytes-now!"
_START = 60.0
_ANSWER = 60.0


class Broken(Exception):
    """The connection ended before there was an answer."""


@dataclass(frozen=True)
class Answer:
    """An answer of the service."""

    status: int
    found: dict[str, Any] = field(repr=False)

    @property
    def code(self) -> str:
        """The code of the refusal; empty for a number."""
        return "" if self.status == 200 else str(self.found.get("code", self.status))

    @property
    def reason(self) -> str:
        """Why, if the refusal says so."""
        return str((self.found.get("because") or {}).get("reason", ""))

    @property
    def number(self) -> str:
        """The number."""
        return str(self.found.get("national_number") or self.found.get("phone_number", ""))


class Client:
    """One client with one connection at a time, which it keeps."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, code: str, app: str = "shop", key: int = 0) -> Answer:
        """Send a code. Raises Broken."""
        body = json.dumps({"authorization": {"code": code}}).encode()
        head = (
            f"POST /v1/apps/{app}/phone-number HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEYS[key]}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return await self.ask(head.encode() + body)

    async def ready(self) -> bool:
        """Tell whether the process serves."""
        try:
            return (await self.ask(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")).status == 200
        except Broken:
            return False

    async def ask(self, request: bytes) -> Answer:
        """Send a request. Raises Broken."""
        try:
            async with asyncio.timeout(_ANSWER):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self.port)
                reader, writer = self._streams
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                lines = dict(line.partition(": ")[::2] for line in head.split("\r\n")[1:])
                body = await reader.readexactly(int(lines["content-length"]))
        except BaseException as error:
            self.close()
            if isinstance(error, OSError | EOFError | TimeoutError):
                raise Broken(type(error).__name__) from None
            raise
        if lines.get("connection") == "close":
            self.close()
        return Answer(int(head.split(" ")[1]), json.loads(body) if body.startswith(b"{") else {})

    def close(self) -> None:
        """Close the connection."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()


class Fleet:
    """Service processes on one configuration, for the length of an ``async with`` block.

    Args:
        folder: Where the configuration and the logs go.
        database_url: Of ``[store]``.
        platform_url: Where WeChat is.
        size: How many processes.
        apps: Names of the apps.
        service: Further settings of ``[service]``.
        cache_url: Of ``[store]``.
        environ: Further environment, for each process by its number.

    Attributes:
        environ: As it is when a process starts.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        platform_url: str,
        size: int,
        *,
        apps: Sequence[str] = ("shop",),
        service: Mapping[str, object] | None = None,
        cache_url: str = "",
        environ: Mapping[int, Mapping[str, str]] | None = None,
    ) -> None:
        self.folder = folder
        self.ports = [free_port() for _ in range(size)]
        self.sealer = Sealer((StoreKey(1, STORE_KEY),), "default")
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * size
        self.environ = dict(environ or {})
        self._config = folder / "haoma.toml"
        key = "1:" + base64.b64encode(STORE_KEY).decode()
        # Quotas are asked for by the clock, with a token: the tokens that a scenario counts are those of its requests.
        settings = {"server_keys": KEYS, "quota_seconds": 0, **(service or {})}
        lines = [
            "allow_insecure_upstreams = true",
            "[service]",
            *(f"{name} = {json.dumps(value)}" for name, value in settings.items()),
            "[store]",
            f"database_url = {json.dumps(database_url)}",
            f'keys = ["{key}"]',
            *([f"cache_url = {json.dumps(cache_url)}"] if cache_url else []),
        ]
        for app in apps:
            lines += [f"[apps.{app}]", 'platform = "wechat"', f'app_id = "{app_id(app)}"']
            lines += [f'app_secret = "{SECRET}"', f'api_base_url = "{platform_url}"']
        self._config.write_text("\n".join(lines) + "\n", "utf-8")

    async def __aenter__(self) -> Self:
        for number in range(len(self.ports)):
            self.start(number)
        try:
            for number in range(len(self.ports)):
                await self.ready(number)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._processes:
            if process is not None:
                process.kill()
                process.wait()

    def client(self, number: int) -> Client:
        """Return a client of a process; any number will do."""
        return Client(self.ports[number % len(self.ports)])

    def start(self, number: int) -> None:
        """Start a process; it takes a while."""
        command = self._command("serve", "--listen", f"127.0.0.1:{self.ports[number]}")
        with (self.folder / f"log-{number}").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_environment(self.environ.get(number, {})),
            )

    async def ready(self, number: int) -> None:
        """Wait until a process serves."""
        until = time.monotonic() + _START
        client = self.client(number)
        while not await client.ready():
            process = self._processes[number]
            assert process is not None
            assert process.poll() is None, self.log(number)
            assert time.monotonic() < until, self.log(number)
            await asyncio.sleep(0.03)
        client.close()

    def runs(self, number: int) -> bool:
        """Tell whether a process runs."""
        process = self._processes[number]
        return process is not None and process.poll() is None

    @property
    def alive(self) -> list[int]:
        """The numbers of the processes that run."""
        return [number for number in range(len(self.ports)) if self.runs(number)]

    async def serving(self) -> list[int]:
        """Return the numbers of the processes that answer."""
        found = []
        for number in self.alive:
            client = self.client(number)
            if await client.ready():
                found.append(number)
            client.close()
        return found

    def kill(self, number: int) -> None:
        """Kill a process as a power cut would."""
        process = self._processes[number]
        assert process is not None
        process.kill()
        process.wait()

    async def stop(self, number: int) -> int:
        """End a process by SIGTERM, and return its exit code."""
        process = self._processes[number]
        assert process is not None
        process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(process.wait, 60)

    async def sweep(self) -> None:
        """Sweep, as a service does every half minute."""
        await self.run("db", "sweep")

    async def run(self, *words: str, environ: Mapping[str, str] | None = None) -> str:
        """Run a command to its end; return what it says, and raise what ``check`` raises unless it is ``serve``."""
        found = await asyncio.to_thread(
            subprocess.run,
            self._command(*words),
            check=words[0] != "serve",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=_environment(environ or {}),
            timeout=_START,
        )
        return found.stdout.decode("utf-8", "replace")

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "haoma", *words, "--config", str(self._config)]

    def pid(self, number: int) -> int:
        """Return the id of a process."""
        process = self._processes[number]
        assert process is not None
        return process.pid

    def number_at(self, port: int) -> int:
        """Return which process has a connection from a port of loopback."""
        inodes = _inodes(port)
        for number, process in enumerate(self._processes):
            if process is not None and inodes & _sockets(process.pid):
                return number
        raise LookupError(port)

    def place(self, code: str, app: str = "shop") -> bytes:
        """Return where the ledger keeps a code."""
        return self.sealer.places(b"value", f"wechat:{app_id(app)}", "code", code)[0]

    def log(self, number: int) -> str:
        """Return the end of the log of a process."""
        return (self.folder / f"log-{number}").read_text("utf-8", "replace")[-3000:]


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("HAOMA_")}, **more}


def _inodes(port: int) -> set[str]:
    """Return the sockets with a port of loopback: two connections to two servers may have the same."""
    lines = Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]
    return {fields[9] for fields in map(str.split, lines) if fields[1].endswith(f":{port:04X}")}


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(each.readlink().name.removeprefix("socket:[").removesuffix("]"))
    return found
