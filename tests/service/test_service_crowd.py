"""More connections than there are files for: others are served all the same, and the log stays short."""

from __future__ import annotations

import json
import logging
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from test_service_connection import echo

from haoma.io.client_addresses import group, parse
from haoma.service.observe.log import Foreign, Sparing
from haoma.service.run import crowd
from haoma.service.run.connection import Connection
from haoma.service.run.crowd import Bounds, Crowd
from support.serving import Serving

SERVER_KEY = "server-key-0123456789abcdefghij"
TOML = f"""[service]
server_keys = ["{SERVER_KEY}"]
[apps.shop]
platform = "wechat"
app_id = "wx0123456789abcdef"
app_secret = "{"0123456789abcdef" * 2}"
"""


@pytest.fixture(scope="module", autouse=True)
def files() -> Iterator[None]:
    """Give this process the files that an attacker has."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def limited(soft: int, hard: int) -> Callable[[], None]:
    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    return prepare


def connect(port: int, address: str = "127.0.0.1") -> socket.socket:
    """Connect from an address of the loopback."""
    return socket.create_connection(("127.0.0.1", port), 60, (address, 0))


def served(port: int, address: str, path: str = "/healthz") -> bytes:
    with connect(port, address) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        found = b""
        with suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                found += piece
        return found


def still_open(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


# --- the whole service ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("soft", [64, 256])
def test_silent_connections_do_not_stop_the_service(tmp_path: Path, soft: int) -> None:
    """Of 600 connections that say nothing the service keeps what it has files for; it takes all files that it may."""
    with Serving(tmp_path, TOML, prepare=limited(soft, 256)) as serving, ExitStack() as stack:
        alive = stack.enter_context(connect(serving.port, "127.0.0.3"))
        for _ in range(600):
            stack.enter_context(connect(serving.port))
        for address in ("127.0.0.1", "127.0.0.2") * 10:  # at once: for as long as the silent ones none is closed
            assert served(serving.port, address).startswith(b"HTTP/1.1 200")
        # Who was there before from another address is still there.
        alive.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert alive.recv(65536).startswith(b"HTTP/1.1 200")
        written = serving.log()
    assert len(written) < 100
    assert not [line for line in written if "resource" in line["event"]]
    assert any("make room" in line["event"] for line in written)


def test_connections_that_come_again_and_again(tmp_path: Path) -> None:
    """Those that were closed may come back as often as they like, from many addresses."""
    stop = threading.Event()

    def attack(number: int, port: int) -> None:
        mine: list[socket.socket] = []
        while not stop.is_set():
            with suppress(OSError):
                mine.append(connect(port, f"127.0.{number}.{len(mine) % 250 + 1}"))
            if len(mine) > 300:
                mine.pop(0).close()
        for each in mine:
            each.close()

    with Serving(tmp_path, TOML, prepare=limited(256, 256)) as serving:
        threads = [threading.Thread(target=attack, args=(number, serving.port)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        try:
            deadline = time.monotonic() + 60
            while not any("make room" in line["event"] for line in serving.log()):  # until the attack has its effect
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert [served(serving.port, "127.0.0.2")[:12] for _ in range(10)] == [b"HTTP/1.1 200"] * 10
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert len(serving.log()) < 100


def test_hardly_any_files(tmp_path: Path) -> None:
    """Where even those are not enough, the log does not fill the disk, and the service is there afterwards."""
    with Serving(tmp_path, TOML, prepare=limited(40, 40)) as serving:
        with ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(connect(serving.port))
            time.sleep(2)
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError):
                if served(serving.port, "127.0.0.2").startswith(b"HTTP/1.1 200"):
                    break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert len(serving.log()) < 100


# --- connections ----------------------------------------------------------------------------------------------------

ALL, ALONE, HELD = 12, 6, 300_000


class Crowded(Connection):
    """The connection of the service where there is little room."""


@pytest.fixture
def port() -> Iterator[int]:
    Crowded.crowd = Crowd(Bounds(ALL, ALONE, HELD), [])
    config = uvicorn.Config(
        echo, http=Crowded, ws="none", lifespan="off", interface="asgi3", log_config=None, log_level="warning",
        proxy_headers=False, server_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def test_the_oldest_of_the_same_address_goes_first(port: int) -> None:
    """One address has its own bound, and others lose nothing to it."""
    with ExitStack() as stack:
        other = stack.enter_context(connect(port, "127.0.0.2"))
        mine = []
        for _ in range(ALONE + 3):
            mine.append(stack.enter_context(connect(port)))
            time.sleep(0.02)
        assert [still_open(each) for each in mine] == [False] * 3 + [True] * ALONE
        assert still_open(other)


def test_the_oldest_of_all_goes_when_there_are_many_addresses(port: int) -> None:
    """The bound of all holds for many addresses as well; who has asked something is not the oldest any more."""
    with ExitStack() as stack:
        asking = stack.enter_context(connect(port, "127.0.0.99"))
        many = []
        for number in range(ALL + 3):
            many.append(stack.enter_context(connect(port, f"127.0.1.{number + 1}")))
            if number == ALL - 3:
                asking.sendall(b"GET /page HTTP/1.1\r\n\r\n")
                found = b""
                while b"\r\n\r\n" not in found or len(found.partition(b"\r\n\r\n")[2]) < 400_000:
                    found += asking.recv(65536)
            time.sleep(0.02)
        assert [still_open(each) for each in many] == [False] * 4 + [True] * (ALL - 1)
        assert still_open(asking)


@pytest.mark.parametrize("head", [b"GET /slow HTTP/1.1\r\n\r\n", b"GET /slow HTTP/1.1\r\n\r\nGET / HT"])
def test_what_is_being_answered_is_not_cut_off(port: int, head: bytes) -> None:
    """A request that is under way keeps its connection, however many others come."""
    with ExitStack() as stack:
        asking = stack.enter_context(connect(port))
        asking.sendall(head)
        time.sleep(0.05)
        for _ in range(3 * ALL):
            stack.enter_context(connect(port))
        assert asking.recv(65536).startswith(b"HTTP/1.1 200")


def test_unfinished_heads_have_a_bound_together(port: int) -> None:
    """Each head is below its own limit; together they are not kept."""
    head = b"GET / HTTP/1.1\r\nA: " + b"a" * 60_000
    with ExitStack() as stack:
        mine = []
        for number in range(ALL - 2):
            mine.append(stack.enter_context(connect(port, f"127.0.2.{number + 1}")))
            mine[-1].sendall(head)
            time.sleep(0.05)
        kept = [still_open(each) for each in mine]
        assert kept == [False] * (len(mine) - 4) + [True] * 4
        mine[-1].sendall(b"\r\n\r\n")
        mine[-1].settimeout(5)
        assert mine[-1].recv(65536).startswith(b"HTTP/1.1 200")
        assert Crowded.crowd._held < 4 * 61_000


def test_answers_that_are_not_read_have_a_bound_together(port: int) -> None:
    """What waits in the memory for callers that do not read is bounded as well."""
    with ExitStack() as stack:
        mine = []
        for number in range(ALL - 2):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.bind((f"127.0.3.{number + 1}", 0))
            connection.connect(("127.0.0.1", port))
            mine.append(connection)
            with suppress(ConnectionError):  # the service may let go of it before it has asked for all
                for _ in range(10):
                    connection.sendall(b"GET /page HTTP/1.1\r\n\r\n")
            time.sleep(0.1)
        assert Crowded.crowd._held <= HELD


# --- the parts ------------------------------------------------------------------------------------------------------


class Silent:
    """A connection that waits for its caller, or does not."""

    def __init__(self, *, owing: bool = True) -> None:
        self.owing = owing
        self.left = False

    def owes(self) -> bool:
        return self.owing

    def expects(self) -> bool:
        return False

    def leave(self) -> None:
        self.left = True


def test_a_trusted_proxy_has_the_connections_of_all() -> None:
    """The bound of one address is not for a proxy; that of all is."""
    together = Crowd(Bounds(10, 2), [parse_network("10.0.0.0/8")])
    members = [Silent() for _ in range(12)]
    for each in members:
        together.enter(each, "::ffff:10.1.2.3")
    assert [each.left for each in members] == [True] * 2 + [False] * 10


def parse_network(text: str) -> Any:
    from ipaddress import ip_network

    return ip_network(text)


def test_a_network_of_ipv6_is_one_address() -> None:
    """Whoever has one address of 64 bits has them all."""
    together = Crowd(Bounds(10, 2))
    members = [Silent() for _ in range(5)]
    for number, each in enumerate(members):
        together.enter(each, f"2001:db8::{number + 1:x}")
    assert [each.left for each in members] == [True] * 3 + [False] * 2
    assert group(parse("2001:db8:0:1:2:3:4:5")) == "2001:db8:0:1::/64"
    assert group(parse("::ffff:192.0.2.1")) == "192.0.2.1"


def test_where_nobody_can_go_the_new_one_does() -> None:
    """Requests under way are worth more than a connection that has not said anything."""
    together = Crowd(Bounds(3, 3))
    busy = [Silent(owing=False) for _ in range(3)]
    new = Silent()
    for each in (*busy, new):
        together.enter(each, "192.0.2.1")
    assert ([each.left for each in busy], new.left) == ([False] * 3, True)
    together.hold(busy[0], 10**9)  # nobody owes anything: it does not go round for ever
    for each in busy:
        together.leave(each)
        together.leave(each)
    assert (together._held, together._members, together._of) == (0, {}, {})


@pytest.mark.parametrize(("soft", "least"), [(256, 64), (1024, 700), (65_536, 4096), (resource.RLIM_INFINITY, 4096)])
def test_room_for_calls_is_kept(monkeypatch: pytest.MonkeyPatch, soft: int, least: int) -> None:
    """The bound lies below the limit of files, with as many to spare as calls to platforms may take."""
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, soft))
    most = crowd.most_connections()
    assert most >= least
    if soft > 0:
        assert most <= soft - min(100, soft // 4) - 3 * crowd.ACCEPTED


def test_foreign_lines_are_few(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """One line of a kind in a second, with the number of those left out; and not many of all kinds in a minute."""
    handler = Foreign()

    def emit(message: str) -> None:
        handler.handle(logging.LogRecord("asyncio", logging.ERROR, "f", 1, message, (), None))

    for _ in range(5000):
        emit("socket.accept() out of system resource\nsocket: <canary>")
    time.sleep(1.05)
    emit("socket.accept() out of system resource\nsocket: <canary>")
    lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines()]
    assert 2 <= len(lines) <= 4
    assert sum(line.get("left_out", 0) for line in lines) + len(lines) == 5001
    for number in range(5000):
        emit(f"kind {number}")
    assert 0 < len(capfdbinary.readouterr().err.splitlines()) < 50


def test_one_kind_of_lines_does_not_silence_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who provokes a line every second has ten in a minute; what else goes wrong in it is written."""
    moment = 1000.0
    monkeypatch.setattr(sys.modules[Sparing.__module__], "monotonic", lambda: moment)
    sparing = Sparing()
    for second in range(120):
        moment = 1000.0 + second
        written = [sparing.left_out(f"provoked {kind}") is not None for kind in range(3)]
        assert any(written) is (second % 60 < 10), second
        if second == 55:
            assert sparing.left_out("a real fault") == 0


def test_kinds_of_lines_take_no_memory() -> None:
    """Whoever can choose the words cannot fill the memory with them."""
    sparing = Sparing()
    for number in range(10_000):
        sparing.left_out(f"kind {number}")
    assert len(sparing._kinds) <= 256
