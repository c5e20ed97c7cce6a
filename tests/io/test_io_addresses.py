"""Which host is called, and what becomes of a request when some of its addresses are dead."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore2
import pytest

from haoma.errors import ConnectFailed, HostNotAllowed, Spent
from haoma.io.http import Limits
from haoma.steps import Request, Send
from support.loopback import OK, Server, send_all

LIMITS = Limits(connect=0.5, read=5.0, total=10.0)


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@contextlib.contextmanager
def hole(address: str, port: int) -> Iterator[None]:
    """An address that answers nothing at all: its queue of connections is full."""
    with contextlib.ExitStack() as open_ones, socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(8):
            waiting = open_ones.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect((address, port))
        yield


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the name of the test looked up as these addresses, in this order."""
    real = socket.getaddrinfo

    def name(*addresses: str) -> None:
        def look_up(host: Any, port: Any, *more: Any, **options: Any) -> list[Any]:
            if host not in ("platform.test", b"platform.test"):
                return real(host, port, *more, **options)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, int(port))) for each in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return name


def send(way: str, url: str) -> bytes:
    return send_all(way, [Send(Request("GET", url), (url,))], limits=LIMITS, allow_insecure_upstreams=True)[0].body


def test_a_dead_address_leaves_time_for_the_next(way: str, named: Callable[..., None]) -> None:
    """The first of two addresses answers nothing: the second is called before the time is over."""
    with Server(lambda c: c.send(OK)) as server, hole("127.0.0.2", server.port):
        named("127.0.0.2", "127.0.0.1")
        assert send(way, f"http://platform.test:{server.port}") == b"ok"
        assert len(server.requests) == 1


def test_closed_addresses_are_passed_over(way: str, named: Callable[..., None]) -> None:
    """Addresses that refuse the connection: the last one that does not is called."""
    with Server(lambda c: c.send(OK)) as server:
        named("127.0.0.3", "127.0.0.4", "127.0.0.1")
        assert send(way, f"http://platform.test:{server.port}") == b"ok"


def test_dead_addresses_alone(way: str, named: Callable[..., None]) -> None:
    """Nothing was sent, and that is what is said, however many addresses were tried."""
    with Server(lambda c: c.send(OK)) as server, hole("127.0.0.2", server.port), hole("127.0.0.3", server.port):
        named("127.0.0.2", "127.0.0.3")
        with pytest.raises(ConnectFailed) as caught:
            send(way, f"http://platform.test:{server.port}")
        assert caught.value.spent is Spent.NO
        assert server.requests == []


@pytest.mark.parametrize("dead", [1, 4])
def test_each_address_gets_an_equal_share_of_what_is_left(
    monkeypatch: pytest.MonkeyPatch, named: Callable[..., None], dead: int
) -> None:
    """Four addresses that refuse at once: a quarter, a third, a half, and all of the time; then it is over."""
    given: list[float] = []

    def refuse(_self: object, _host: str, _port: int, timeout: float, *_: object) -> Any:
        given.append(timeout)
        raise httpcore2.ConnectError("all is well")

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", refuse)
    named(*(f"127.0.0.{number}" for number in range(dead)))
    url = "http://platform.test:9"
    with pytest.raises(ConnectFailed) as caught:
        send_all(
            "sync",
            [Send(Request("GET", url), (url,))],
            limits=Limits(connect=100, total=200),
            allow_insecure_upstreams=True,
        )
    assert [round(each) for each in given] == [round(100 / left) for left in range(dead, 0, -1)]
    assert caught.value.diagnosis == "all is well"


def test_no_address_is_tried_when_time_is_over(monkeypatch: pytest.MonkeyPatch, named: Callable[..., None]) -> None:
    """One that takes longer than its share leaves less to the others, and at last nothing."""
    tried: list[str] = []

    def hang(_self: object, host: str, *_: object) -> Any:
        tried.append(host)
        time.sleep(0.03)
        raise httpcore2.ConnectTimeout

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", hang)
    named("127.0.0.2", "127.0.0.3")
    url = "http://platform.test:9"
    with pytest.raises(ConnectFailed) as caught:
        send_all(
            "sync", [Send(Request("GET", url), (url,))], limits=Limits(connect=0.02), allow_insecure_upstreams=True
        )
    assert (tried, caught.value.diagnosis) == (["127.0.0.2"], "ConnectTimeout")


def test_of_a_refused_connection_the_system_has_the_word(way: str, named: Callable[..., None]) -> None:
    """A bare name of a class would tell nobody what to look at."""
    named("127.0.0.3")
    with pytest.raises(ConnectFailed) as caught:
        send(way, "http://platform.test:9")
    assert " " in caught.value.diagnosis


@pytest.mark.parametrize(
    "url",
    [
        "https://\u0430pi.weixin.qq.com",  # the first letter is Cyrillic
        "https://api.weixin.qq\uff0ecom",
        "https://api.weixin.qq.com\u3002",
        "https://user@api.weixin.qq.com",
        "https://api.weixin.qq.com@evil.test",
        "ftp://api.weixin.qq.com",
        "https://",
        "https://api.weixin.qq.com:99999",
        "//api.weixin.qq.com",
    ],
)
def test_an_address_that_is_never_called(way: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even if the settings name the very same one: nothing is looked up."""

    def look_up(*asked: Any, **_options: Any) -> list[Any]:
        raise AssertionError(asked)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(HostNotAllowed):
        send(way, url)
