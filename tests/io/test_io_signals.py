"""Exceptions that come from outside at any line: what a signal handler raises, as celery's soft time limit does."""

from __future__ import annotations

import collections
import gc
import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import haoma
from haoma.codecs import SECRET
from haoma.errors import CodeRejected, ConnectFailed, InternalFault, Spent
from haoma.io import blocking
from haoma.io.answers import Waiting
from haoma.io.http import Http, Limits
from haoma.io.memory import Memory
from haoma.secret import Secret
from haoma.settings.reader import from_mapping
from haoma.sharing import refresh, reserve
from haoma.steps import (
    Conclude,
    Concluded,
    Flow,
    Lease,
    Pause,
    Place,
    Reply,
    Request,
    Reserve,
    Reserved,
    Room,
    Send,
    Shelf,
    TakeLease,
    UnderWay,
    Watch,
    ask,
)
from support.loopback import Connection, Server

APP_ID = "wx0000000000000000"
SCOPE = f"wechat:{APP_ID}"
PLACE: Place[Secret] = Shelf("interrupted", Room.CUSTODY, SECRET).place("", "token")


class SoftTimeLimit(Exception):
    """As billiard's: an `Exception`, of a class that we do not know."""


class Network:
    """Answers at once, so that an interruption falls anywhere but into the network."""

    def send(self, step: Any) -> Reply:
        if "token" in step.request.url:
            return Reply(200, {}, b'{"access_token":"' + b"T" * 64 + b'","expires_in":7200}')
        number = json.loads(step.request.body)["code"].rpartition("-")[2]
        phone = {"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86"}
        watermark = {"timestamp": 1, "appid": APP_ID}
        return Reply(200, {}, json.dumps({"errcode": 0, "phone_info": {**phone, "watermark": watermark}}).encode())


def settings(url: str = "http://127.0.0.1:1") -> haoma.Settings:
    shop = {"platform": "wechat", "app_id": APP_ID, "app_secret": "0" * 32, "api_base_url": url}
    return from_mapping({"allow_insecure_upstreams": True, "apps": {"shop": shop}})


@pytest.fixture(params=[SoftTimeLimit, TimeoutError, OSError, ValueError])
def raised(request) -> Iterator[type[Exception]]:
    """The handler of SIGALRM raises an exception of this class."""

    def handler(*_: object) -> None:
        raise request.param("from the handler")

    before = signal.signal(signal.SIGALRM, handler)
    yield request.param
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_whatever_is_interrupted_lets_go(raised):
    """Interrupted at random lines, a call lets the exception pass, and holds neither its code nor the token."""
    chance = random.Random(7)
    seen: collections.Counter[str] = collections.Counter()
    configured = settings()
    gc.disable()  # others hang functions of their own into the collector, and an exception in there is lost
    for number in range(600):
        memory = Memory()
        client = haoma.Client(configured, memory=memory)
        client._worlds["default"] = blocking.World(Network(), memory)  # type: ignore[arg-type]
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(5e-6, 6e-4))
                client.get_phone_number("shop", {"code": f"x-{13900000000 + number}"})
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except raised as error:
            seen[str(error)] += 1
        state = memory._state.get()
        assert state.lock.acquire(timeout=1)
        state.lock.release()
        seen["lease held"] += any(not each.ended for each in state.leases.values())
        for row in (state.used.get(SCOPE) or {}).values():
            seen["code held"] += row.is_under_way(0.0)
    gc.enable()
    assert seen["from the handler"] > 100
    assert seen.keys() == {"from the handler", "lease held", "code held"}
    # An interruption in the very line that lets go leaves it to the age of what is held: see test_io_memory.
    assert seen["lease held"] + seen["code held"] <= seen["from the handler"] // 50


def test_an_interrupted_call_settles_and_closes(raised):
    """In the middle of the exchange: the exception passes, the connection is closed, and the outcome is unknown."""
    memory = Memory()

    def behave(connection: Connection) -> bool:
        if b"token" in server.requests[-1].split(b"?")[0].split(b"\r\n")[0]:
            body = b'{"access_token":"' + b"T" * 64 + b'","expires_in":7200}'
            return connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        return bool(connection.sock.recv(1))  # the client's end of the connection

    with Server(behave) as server:
        client = haoma.Client(settings(server.origin), memory=memory)
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        with pytest.raises(raised, match="from the handler"):
            client.get_phone_number("shop", {"code": "code-1"})
        for _ in server.requests:
            assert server.closed.acquire(timeout=2)
        assert len(server.requests) == 2
    (row,) = memory._state.get().used[SCOPE].values()
    assert (row.stand.value, row.outcome) == ("unknown", None)


def test_an_interrupted_wait_lets_the_exception_pass(raised):
    """Somebody who waits for another flow is interrupted: he alone."""
    memory = Memory()
    world = blocking.World(Network(), memory)  # type: ignore[arg-type]
    wanted = Reserve("shop", "code", Secret("code-1"), b"mine", 300)
    first = memory.answer(wanted)
    assert isinstance(first, Reserved)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    with pytest.raises(raised, match="from the handler"):
        blocking.run(reserve(wanted), world)
    memory.answer(Conclude("shop", first.ref, CodeRejected(spent=Spent.YES)))
    assert isinstance(memory.answer(wanted), Concluded)


def test_an_interrupted_wait_for_a_connection_lets_the_exception_pass(raised):
    """And not another one: it is nothing that the network says, whatever its class."""
    with Server(lambda connection: connection.hole()) as server:
        http = Http(Limits(connect=0.1, total=5, connections=1), allow_insecure_upstreams=True)
        step = Send(Request("GET", server.origin), (server.origin,))
        exchange = http._exchange(step)
        assert http._process.get().circuits.enter("", server.origin, "127.0.0.1").admit(exchange)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(raised, match="from the handler"):
            http.send(step)
        assert server.requests == []


def test_an_interrupted_hook_lets_the_exception_pass(raised):
    """The application's own function is interrupted: that is not a hook that failed."""

    def token_source(*_: object) -> str:
        time.sleep(5)
        return "T" * 64

    shop = haoma.configure("wechat", app_id=APP_ID, app_secret="0" * 32, token_source=token_source)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    with pytest.raises(raised, match="from the handler"):
        haoma.Client(shop).get_phone_number(shop, {"code": "code-1"})


def test_a_lease_whose_holder_is_interrupted_is_taken_over(raised):
    """A thread that waits for the token of an interrupted thread is woken, is told nothing, and fetches it itself."""
    memory = Memory()
    waits: list[Any] = []

    def wait() -> None:
        under_way = memory.answer(TakeLease(PLACE.key))
        assert isinstance(under_way, UnderWay)
        waits.extend((under_way, memory.answer(Watch(under_way))))

    def make() -> Flow[tuple[Secret, float]]:
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
        time.sleep(5)
        yield from ask(Pause(0))
        return Secret("token"), 300

    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(raised):
        blocking.run(refresh(PLACE, make), blocking.World(Network(), memory))  # type: ignore[arg-type]
    under_way, waiting = waits
    assert isinstance(waiting, Waiting)
    assert waiting.woken.done()
    assert memory.answer(Watch(under_way)) is None
    assert isinstance(memory.answer(TakeLease(PLACE.key)), Lease)


def test_a_mistake_of_ours_is_still_ours(monkeypatch):
    """An exception that no handler raised does not get through."""

    class Broken:
        def send(self, step: object) -> Reply:
            return Reply(200, {}, None)  # type: ignore[arg-type]

    client = haoma.Client(settings())
    client._worlds["default"] = blocking.World(Broken(), Memory())  # type: ignore[arg-type]
    with pytest.raises(InternalFault):
        client.get_phone_number("shop", {"code": "code-1"})


def test_an_interruption_of_long_ago_is_not_ours(raised):
    """The application calls while it handles what interrupted it before: a refusal of this call is what it gets."""
    client = haoma.Client(settings())  # an address where nobody listens
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        time.sleep(5)
    except raised:
        for code in ("a", "b"):
            with pytest.raises(ConnectFailed):
                client.get_phone_number("shop", {"code": code})


def test_an_interruption_that_looks_like_a_fault_of_what_was_sent(raised):
    """It comes up where ours takes any exception for a fault of the body; it passes all the same."""

    class Slow(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            signal.raise_signal(signal.SIGALRM)

    with pytest.raises(raised, match="from the handler"):
        haoma.Client(settings()).get_phone_number("shop", Slow(code="a"))


def test_an_interruption_that_looks_like_a_fault_of_a_reply(raised):
    """It comes up while a reply is parsed, in the middle of an authorization that is concluded; it passes all the same."""

    class Text(str):
        __slots__ = ()

        def __len__(self) -> int:
            signal.raise_signal(signal.SIGALRM)
            return super().__len__()

    class Body(bytes):
        def decode(self, *_: Any) -> Text:
            return Text(super().decode())

    class Slow(Network):
        def send(self, step: Any) -> Reply:
            return Reply(200, {}, Body(b'{ "errcode" : 0 }'))

    for code in ({"code": "a"}, {"login_code": "b", "code": "a"}):
        client = haoma.Client(settings())
        client._worlds["default"] = blocking.World(Slow(), Memory())  # type: ignore[arg-type]
        with pytest.raises(raised, match="from the handler"):
            client.get_phone_number("shop", code)
