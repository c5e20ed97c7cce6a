"""TLS: whom we trust, what is read of a reply, and a fork while another thread is inside a library with locks."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from haoma.errors import ConnectFailed
from haoma.io import tls
from haoma.steps import Request, Send
from support.loopback import OK, QUICK, Behaviour, Connection, Server, get, send_all


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def served(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1", "h2"])
    authority.issue_cert("localhost").configure_cert(context)
    return context


# --- what is spoken


def closing_properly(connection: Connection) -> bool:
    connection.send(b"HTTP/1.1 200 OK\r\n\r\nthe end")
    with suppress(OSError):
        connection.sock.unwrap()  # type: ignore[attr-defined]
    return False


ENDS: dict[str, Behaviour] = {
    "announced": closing_properly,
    "not announced": lambda connection: not connection.send(b"HTTP/1.1 200 OK\r\n\r\nthe end"),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_a_reply(way: Any, end: str, served: ssl.SSLContext, ca_file: str) -> None:
    """A reply without a length ends with the connection, whether TLS says so or not."""
    with Server(ENDS[end], served) as server:
        assert get(way, server, ca_file=ca_file).body == b"the end"


def test_much_at_once(way: Any, served: ssl.SSLContext, ca_file: str) -> None:
    """More than one record of TLS, in both directions, and the protocol that was named."""
    spoken: list[str | None] = []

    def behave(connection: Connection) -> bool:
        spoken.append(connection.sock.selected_alpn_protocol())  # type: ignore[attr-defined]
        return connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n" + b"b" * 60_000)

    with Server(behave, served) as server:
        request = Request("POST", server.origin, body=b"a" * 200_000)
        limits = tls_limits(60_000)
        (reply,) = send_all(way, [Send(request, (server.origin,))], ca_file=ca_file, limits=limits)
        assert server.requests[0].endswith(b"\r\n\r\n" + b"a" * 200_000)
    assert reply.body == b"b" * 60_000
    assert spoken == ["http/1.1"]


def tls_limits(body: int) -> Any:
    from haoma.io.http import Limits

    return Limits(connect=5, read=5, total=10, body=body)


def test_trust_is_read_and_named_once(
    way: Any, served: ssl.SSLContext, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection changes nothing about it: what OpenSSL reads in one thread is not freed by another."""
    named: list[object] = []
    real = ssl.SSLContext.set_alpn_protocols

    def name(context: ssl.SSLContext, protocols: Any) -> None:
        named.append(protocols)
        real(context, protocols)

    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", name)
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    tls.read_trust(str(path))
    assert named == [["http/1.1"]]  # before the first of two connections that begin at once
    named.clear()
    with Server(lambda c: c.send(OK), served) as server:
        sends = [Send(Request("GET", server.origin), (server.origin,))] * 2
        replies = send_all(way, sends, ca_file=str(path), between=lambda: path.unlink(missing_ok=True))
    assert [each.body for each in replies] == [b"ok", b"ok"]
    assert named == [["http/1.1"]]


def test_the_authorities_of_the_system_are_read_once() -> None:
    """They take 50 ms, and there are programs that make a client for each request."""
    assert tls.read_trust(None) is tls.read_trust(None)


ONE_REQUEST = """
import asyncio, sys
from haoma.io.http import AsyncHttp, Http
from haoma.steps import Request, Send
http = (Http if sys.argv[1] == "sync" else AsyncHttp)()
step = Send(Request("GET", sys.argv[2]), (sys.argv[2],))
if sys.argv[1] == "sync":
    before = set(sys.modules)
    reply = http.send(step)
else:
    async def main():
        global before
        before = set(sys.modules)
        return await http.send(step)
    reply = asyncio.run(main())
print(reply.body.decode(), *sorted(set(sys.modules) - before))
"""


def test_the_first_request_imports_nothing(way: Any, served: ssl.SSLContext, ca_file: str) -> None:
    """A child that is forked while a thread imports would wait for ever. The authorities are those of the system."""
    with Server(lambda c: c.send(OK), served) as server:
        environ = {**os.environ, "SSL_CERT_FILE": ca_file}
        command = [sys.executable, "-c", ONE_REQUEST, way, server.origin]
        found = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split() == ["ok"]


# --- processes


def test_the_authorities_of_the_system_are_trusted(
    served: ssl.SSLContext, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no others are configured; a child reads its own, so that it can be told of one here."""
    with Server(lambda c: c.send(OK), served) as server:
        assert not forked(lambda: get("sync", server))
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        assert forked(lambda: get("sync", server))
        assert len(server.requests) == 1


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives up waiting, so that whoever waits in vain is seen to hang."""
    monkeypatch.setattr("haoma.io.tls._PATIENCE", None)


class Resolver:
    """The resolver of the system: it lets the name ``slow`` wait until it is told to go on."""

    def __init__(self, events: list[str]) -> None:
        self.events = events
        self.entered, self.goes_on = threading.Event(), threading.Event()
        self.fork_inside = False

    def __call__(self, host: str, *_more: Any, **_options: Any) -> list[Any]:
        if host == "slow":
            self.entered.set()
            self.goes_on.wait(10)
        self.events.append(host)
        return []


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    found = Resolver([])
    monkeypatch.setattr(socket, "getaddrinfo", found)
    yield found
    found.goes_on.set()


def forked(inside: Callable[[], object], then: Callable[[], object] = int) -> bool:
    """Fork; return True if the child came to its end."""
    child = os.fork()
    then()
    if child == 0:
        with suppress(BaseException):
            inside()
            os._exit(0)
        os._exit(1)
    for _ in range(500):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def in_thread(what: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=what, daemon=True)
    thread.start()
    return thread


def test_a_server_that_is_refused_hears_why(served: ssl.SSLContext) -> None:
    """Whoever looks after it finds the alert in its log, and not a connection that broke."""
    heard: list[str] = []

    def serve() -> None:
        sock, _ = listener.accept()
        with sock, pytest.raises(ssl.SSLError) as caught:
            served.wrap_socket(sock, server_side=True)
        heard.append(str(caught.value.reason))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = in_thread(serve)
        origin = f"https://localhost:{listener.getsockname()[1]}"
        with pytest.raises(ConnectFailed):
            send_all("sync", [Send(Request("GET", origin), (origin,))], limits=QUICK)
        thread.join(5)
    assert ["ALERT" in reason for reason in heard] == [True]


@pytest.mark.usefixtures("patient")
def test_a_fork_waits_for_whoever_is_inside(resolver: Resolver) -> None:
    """And whoever comes meanwhile waits for the forks, of which there may be several; then all go on, children too."""
    came_to_an_end: list[bool] = []

    def fork() -> None:
        def child() -> None:
            tls.addresses("child", 1)
            assert forked(lambda: tls.addresses("grandchild", 1))

        came_to_an_end.append(forked(child, lambda: resolver.events.append("forked")))

    slow = in_thread(lambda: tls.addresses("slow", 1))
    assert resolver.entered.wait(10)
    forks = [in_thread(fork) for _ in range(2)]
    time.sleep(0.1)
    late = in_thread(lambda: tls.addresses("late", 1))
    late.join(0.1)
    assert resolver.events == []
    resolver.goes_on.set()
    for each in (slow, late, *forks):
        each.join(10)
        assert not each.is_alive()
    assert resolver.events[0] == "slow"
    assert "forked" in resolver.events[1:]
    assert came_to_an_end == [True, True]
    tls.addresses("after", 1)
    assert forked(lambda: tls.addresses("child", 1))


@pytest.mark.usefixtures("patient")
def test_a_thread_that_forks_inside_does_not_wait_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a signal handler may: it would wait for ever."""
    found: list[bool] = []

    def look_up(*_asked: Any, **_options: Any) -> list[Any]:
        found.append(forked(lambda: None))
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    thread = in_thread(lambda: tls.addresses("x", 1))
    thread.join(10)
    assert found == [True]
    assert not thread.is_alive()


def test_patience_has_an_end(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that hangs inside keeps nobody for ever: not the fork, and not whoever comes meanwhile."""
    monkeypatch.setattr("haoma.io.tls._PATIENCE", 0.05)
    in_thread(lambda: tls.addresses("slow", 1))
    assert resolver.entered.wait(10)
    assert forked(lambda: tls.addresses("child", 1))
    tls.addresses("late", 1)
    assert resolver.events == ["late"]
