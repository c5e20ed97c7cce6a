"""Trusted authorities, and TLS that survives a fork.

Python releases its own lock while OpenSSL works. If another thread forks at that moment, the child inherits an OpenSSL
lock that is never released, and hangs in its first handshake. So a fork waits until none of our threads is inside
OpenSSL. TLS works on memory buffers, so that a thread is inside for a millisecond of arithmetic and never waits there
for the network. (A server that forks without Python's hooks, such as uWSGI, forks before its threads start.)
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpcore2

from haoma.io.files import CaFile
from haoma.io.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_PATIENCE: Final = 2.0
_PIECE: Final = 64 * 1024


class _Inside:
    """The threads that are inside a library with its own locks."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Reset the state. In a forked child the threads that were inside do not exist."""
        self._changed = threading.Condition(threading.Lock())
        self._threads: set[int] = set()
        self._forks = 0

    def __enter__(self) -> None:
        with self._changed:
            if self._forks:
                self._changed.wait_for(lambda: not self._forks, _PATIENCE)
            self._threads.add(threading.get_ident())

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._threads.discard(threading.get_ident())
            self._changed.notify_all()

    def before_fork(self) -> None:
        """Wait, for a limited time, until all other threads are outside. One may hang or have been interrupted."""
        me = {threading.get_ident()}
        with self._changed:
            self._forks += 1  # two threads may fork at once
            self._changed.wait_for(lambda: not self._threads - me, _PATIENCE)

    def after_fork(self) -> None:
        """Let waiting threads continue."""
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()


_inside = _Inside()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_inside.before_fork, after_in_parent=_inside.after_fork, after_in_child=_inside.begin)


def addresses(host: str, port: int) -> list[Any]:
    """Return the addresses of a host, as ``socket.getaddrinfo`` does. The resolver has locks too."""
    with _inside:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class _Object(ssl.SSLObject):
    """TLS on memory buffers. Each method here enters OpenSSL. ``unwrap`` is not used: the socket is simply closed."""

    def do_handshake(self) -> None:
        with _inside:
            super().do_handshake()

    def read(self, *arguments: Any) -> Any:
        with _inside:
            return super().read(*arguments)

    def write(self, data: Any) -> int:
        with _inside:
            return super().write(data)


class Trust(ssl.SSLContext):
    """A TLS context with the trusted authorities. Connections do not change it.

    httpcore2 sets the ALPN protocol for each connection. In OpenSSL that frees memory that a handshake in another
    thread may be reading, so it is set only once.
    """

    sslobject_class = _Object
    _named = False

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Set the ALPN protocols on the first call only."""
        if not self._named:
            super().set_alpn_protocols(alpn_protocols)
            self._named = True

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Return the TLS object of a new connection."""
        with _inside:
            return super().wrap_bio(*arguments, **options)


def read_trust(ca_file: str | None) -> Trust:
    """Return the authorities from a PEM file, or the system's if None. A `CaFile` is not read again.

    Raises:
        OSError: The file cannot be read.
    """
    return _system.get() if ca_file is None else _read(ca_file)


def _read(ca_file: str | None) -> Trust:
    with _inside:
        context = Trust(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if ca_file is None:
            context.load_default_certs()
        elif isinstance(ca_file, CaFile):
            context.load_verify_locations(cadata=ca_file.certificates)
        else:
            context.load_verify_locations(ca_file)
        context.set_alpn_protocols(["http/1.1"])
        return context


# Cached, because loading takes 50 ms and some programs create a client for each request.
_system: Final = PerProcess[Trust](lambda _before: _read(None))


class TLSStream(httpcore2.NetworkStream):
    """TLS over another stream, in the calling thread.

    Args:
        stream: The underlying stream.
        trust: The trusted authorities.
        host: The name that the server's certificate must prove.
        timeout: Seconds for each read and write of the handshake.

    Raises:
        OSError, httpcore2.NetworkError, httpcore2.TimeoutException: The handshake failed.
    """

    def __init__(
        self, stream: httpcore2.NetworkStream, trust: ssl.SSLContext, host: str, timeout: float | None
    ) -> None:
        self._stream = stream
        self._arrived, self._leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trust.wrap_bio(self._arrived, self._leaves, server_hostname=host)
        self._run(self._tls.do_handshake, timeout, timeout)

    def _run(self, call: Callable[[], T], reading: float | None, writing: float | None) -> T:
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self._send(writing)
                if piece := self._stream.read(_PIECE, reading):
                    self._arrived.write(piece)
                else:
                    self._arrived.write_eof()
            finally:
                self._send(writing)

    def _send(self, timeout: float | None) -> None:
        if piece := self._leaves.read():
            self._stream.write(piece, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return received bytes; empty at the end of the stream, which many servers do not announce."""
        try:
            return bytes(self._run(lambda: self._tls.read(max_bytes), timeout, timeout))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes of ``buffer``."""
        view = memoryview(buffer)
        while view:
            view = view[self._run(lambda view=view: self._tls.write(view), timeout, timeout) :]  # type: ignore[misc]

    def close(self) -> None:
        """Close the underlying stream."""
        self._stream.close()
