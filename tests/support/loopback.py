"""A raw TCP server on loopback that misbehaves as told, and a client that reaches it through either driver."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import Self

from haoma.io import aio, blocking
from haoma.io.http import AsyncHttp, Http, Limits
from haoma.io.memory import Memory
from haoma.steps import Reply, Request, Send, ask

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
QUICK = Limits(connect=0.5, read=0.3, total=0.6, body=1000)

Behaviour = Callable[["Connection"], bool]


class Connection:
    """One accepted connection. A behaviour returns True to keep it open for the next request."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock

    def send(self, data: bytes) -> bool:
        self.sock.sendall(data)
        return True

    def drip(self, start: bytes, byte: bytes) -> bool:
        self.send(start)
        while not self.server.stopped.wait(0.04):
            self.send(byte)
        return False

    def reset(self) -> bool:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def hole(self) -> bool:
        self.server.stopped.wait()
        return False

    def request(self) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = self.sock.recv(65536)
            if not piece:
                return b""
            received += piece
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            (
                int(v)
                for k, _, v in (line.partition(b":") for line in head.lower().split(b"\r\n"))
                if k == b"content-length"
            ),
            0,
        )
        while len(body) < length:
            body += self.sock.recv(65536)
        return head + b"\r\n\r\n" + body


class Server:
    """Listens while entered; ``requests`` has the raw bytes of every request that arrived."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None, *, deaf: bool = False) -> None:
        self.behave = behave
        self.tls = tls
        self.deaf = deaf
        self.requests: list[bytes] = []
        self.connections = 0
        self.stopped = threading.Event()
        self.arrived = threading.Semaphore(0)
        self.closed = threading.Semaphore(0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.origin = f"{'https://localhost' if tls or deaf else 'http://127.0.0.1'}:{self.port}"
        self._threads = [threading.Thread(target=self._accept)]

    def _accept(self) -> None:
        while not self.stopped.is_set():
            with contextlib.suppress(OSError):
                sock, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(sock):
            sock.settimeout(5)
            if self.deaf:
                self.stopped.wait()
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with contextlib.closing(sock):
                connection = Connection(self, sock)
                while not self.stopped.is_set() and (request := connection.request()):
                    self.requests.append(request)
                    self.arrived.release()
                    if not self.behave(connection):
                        break
        self.closed.release()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()  # wakes accept()
        for thread in self._threads:
            thread.join(6)
            assert not thread.is_alive()
        self._listener.close()


def send_all(
    way: str, sends: list[Send], *, limits: Limits = QUICK, between: Callable[[], object] = int, **options
) -> list[Reply]:
    """Answer all ``sends`` one after the other with one transport, through the driver that ``way`` names."""
    if way == "sync":
        world = blocking.World(Http(limits, **options), Memory())
        replies = []
        for step in sends:
            replies.append(blocking.run(ask(step), world))
            between()
        return replies

    async def main() -> list[Reply]:
        world = aio.World(AsyncHttp(limits, **options), Memory())
        replies = []
        for step in sends:
            replies.append(await aio.run(ask(step), world))
            between()
        return replies

    return asyncio.run(main())


def get(way: str, server: Server, path: str = "/", *, limits: Limits = QUICK, **options) -> Reply:
    """GET one path of ``server``."""
    options.setdefault("allow_insecure_upstreams", True)
    return send_all(way, [Send(Request("GET", server.origin + path), (server.origin,))], limits=limits, **options)[0]
