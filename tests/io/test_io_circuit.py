"""The bulkhead and the circuit breaker: what one app's platform takes from the others, and when requests stop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from haoma.errors import CircuitOpen, ConnectFailed, ConnectionLost, HaomaError, Next, Spent, TimedOut
from haoma.io.http import AsyncHttp, Http, Limits
from haoma.steps import Reply, Request, Send
from support.loopback import OK, Connection, Server
from support.stage import Stage

pytest_plugins = ["support.stage_fixtures"]

NOBODY = "http://127.0.0.1:9"
FEW = Limits(connect=0.5, read=0.2, total=0.5, failures=3)
both = pytest.mark.parametrize("make", [Http, AsyncHttp], ids=["sync", "async"])


def reply(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


class Caller:
    """One transport, in whichever way it is made."""

    def __init__(self, make: Any, limits: Limits = FEW, **options: Any) -> None:
        self.transport = make(limits, allow_insecure_upstreams=True, **options)

    def send(self, origin: str, app: str = "one", path: str = "/") -> Reply | HaomaError:
        """Return the reply, or the error."""
        step = Send(Request("POST", origin + path), (origin,), app=app)
        try:
            if isinstance(self.transport, Http):
                return self.transport.send(step)
            found: Reply = asyncio.run(self.transport.send(step))
        except HaomaError as error:
            return error
        return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock for the pauses alone."""
    moved = [0.0]
    monkeypatch.setattr("haoma.io.circuit.monotonic", lambda: 1000 + moved[0])
    return moved


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_twenty_when_nothing_is_set() -> None:
    caller, origin = Caller(Http, Limits()), nobody()
    found = [caller.send(origin) for _ in range(22)]
    assert [type(each) for each in found] == [ConnectFailed] * 20 + [CircuitOpen] * 2


def test_four_that_hang(clock: list[float]) -> None:
    """Each of them may stand for hundreds of requests that wait for one token."""

    def behave(connection: Connection) -> bool:
        clock[0] += 1.0
        return connection.reset()

    with Server(behave) as server:
        caller = Caller(Http, Limits())
        found = [caller.send(server.origin) for _ in range(5)]
    assert [type(each) for each in found] == [ConnectionLost] * 4 + [CircuitOpen]


BROKEN: dict[str, tuple[Callable[[Connection], bool], object]] = {
    "silence": (lambda c: c.hole(), TimedOut),
    "reset": (lambda c: c.reset(), ConnectionLost),
    "500": (lambda c: c.send(reply(500, b"<html>")), 500),
    "503": (lambda c: c.send(reply(503, b'{"error": "busy"}')), 503),
}


@both
@pytest.mark.parametrize("kind", BROKEN)
def test_a_platform_that_fails_is_left_alone(make: Any, kind: str, clock: list[float]) -> None:
    """After some failures in a row: named, at once, nothing sent and the code free; other apps and hosts go on."""
    behave, expected = BROKEN[kind]
    with Server(behave) as server, Server(lambda c: c.send(OK)) as healthy:
        caller = Caller(make)
        found = [caller.send(server.origin) for _ in range(3)]
        assert {each.status if isinstance(each, Reply) else type(each) for each in found} == {expected}
        before = server.connections
        refused = caller.send(server.origin)
        assert isinstance(refused, CircuitOpen)
        assert (refused.spent, refused.retry, refused.retry_after, refused.status) == (Spent.NO, True, 1, 503)
        reason = f"http-{expected}" if isinstance(expected, int) else found[0].code  # type: ignore[union-attr]
        assert dict(refused.because) == {"host": "127.0.0.1", "reason": reason}
        assert server.connections == before
        assert not isinstance(caller.send(server.origin, app="two"), CircuitOpen)
        assert isinstance(caller.send(healthy.origin), Reply)


@pytest.mark.parametrize(
    "answer",
    [reply(200, b'{"errcode": 40029}'), reply(400, b"<html>"), reply(429, b""), reply(500, b' {"code": "bad"}')],
    ids=["refusal", "400", "429", "500 with JSON"],
)
def test_a_refusal_is_no_failure(answer: bytes) -> None:
    """Or anybody could open the circuit with made-up codes."""
    with Server(lambda c: c.send(answer)) as server:
        caller = Caller(Http)
        assert all(isinstance(caller.send(server.origin), Reply) for _ in range(7))


def test_in_a_row() -> None:
    """An answer in between begins the count anew."""
    bad = iter([True, True, False, True, True, False, True, True, True])
    with Server(lambda c: c.send(reply(503, b"") if next(bad) else OK)) as server:
        caller = Caller(Http)
        statuses = [found.status for _ in range(9) if isinstance(found := caller.send(server.origin), Reply)]
        assert statuses == [503, 503, 200, 503, 503, 200, 503, 503, 503]
        assert isinstance(caller.send(server.origin), CircuitOpen)


@both
def test_a_probe_closes_it(make: Any, clock: list[float]) -> None:
    """After a pause one request goes; a failure doubles the pause up to 8 seconds, an answer ends it."""
    broken, told = [True], []
    with Server(lambda c: c.send(reply(503, b"") if broken[0] else OK)) as server:
        caller = Caller(make, on_circuit=lambda *args: told.append(args))
        for _ in range(3):
            caller.send(server.origin)
        for pause in (1, 2, 4, 8, 8):
            refused = caller.send(server.origin)
            assert isinstance(refused, CircuitOpen)
            assert refused.retry_after == pause
            clock[0] += pause - 0.01
            assert isinstance(caller.send(server.origin), CircuitOpen)
            clock[0] += 0.02
            assert isinstance(caller.send(server.origin), Reply)  # the probe: 503
        assert told == [("one", "127.0.0.1", True)]
        broken[0] = False
        clock[0] += 8
        assert all(isinstance(caller.send(server.origin), Reply) for _ in range(5))
        assert told[1:] == [("one", "127.0.0.1", False)]
        broken[0] = True
        statuses = [found.status for _ in range(3) if isinstance(found := caller.send(server.origin), Reply)]
        assert statuses == [503] * 3
        refused = caller.send(server.origin)
        assert isinstance(refused, CircuitOpen)
        assert refused.retry_after == 1


def test_one_probe_at_a_time(clock: list[float]) -> None:
    """While one is out, the others are refused; one that is interrupted leaves its turn to the next."""
    state = ["broken"]

    def behave(connection: Connection) -> bool:
        return connection.send(OK) if state[0] == "well" else connection.hole()

    async def play() -> None:
        http = AsyncHttp(Limits(read=0.1, total=1, failures=2), allow_insecure_upstreams=True)
        step = Send(Request("GET", server.origin), (server.origin,), app="one")

        async def outcome() -> Any:
            try:
                return (await http.send(step)).status
            except HaomaError as error:
                return type(error)

        async def both_at_once() -> list[Any]:
            return list(await asyncio.gather(outcome(), outcome()))

        assert await both_at_once() == [TimedOut, TimedOut]
        clock[0] += 1.1
        probe = asyncio.create_task(outcome())
        await asyncio.sleep(0)
        assert await outcome() is CircuitOpen
        probe.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await probe
        state[0] = "well"
        assert await both_at_once() == [200, CircuitOpen]
        assert await both_at_once() == [200, 200]

    with Server(behave) as server:
        asyncio.run(play())


def test_late_failures_do_not_open_it_again(clock: list[float]) -> None:
    """Requests from before the circuit closed again say nothing about the host as it is now."""
    state = ["broken"]

    def behave(connection: Connection) -> bool:
        return connection.send(OK) if state[0] == "well" else connection.hole()

    async def play() -> None:
        http = AsyncHttp(Limits(read=0.3, total=1, failures=2), allow_insecure_upstreams=True)
        step = Send(Request("GET", server.origin), (server.origin,), app="one")
        first = [asyncio.create_task(http.send(step)) for _ in range(2)]
        await asyncio.sleep(0.1)
        late = [asyncio.create_task(http.send(step)) for _ in range(6)]
        await asyncio.wait(first)
        state[0] = "well"
        clock[0] += 1.1
        assert (await http.send(step)).status == 200
        assert {type(each) for each in await asyncio.gather(*late, return_exceptions=True)} == {TimedOut}
        assert (await http.send(step)).status == 200

    with Server(behave) as server:
        asyncio.run(play())


def test_a_platform_that_hangs_takes_nothing_from_other_apps() -> None:
    """All connections of one app hang, and more wait for one; the other apps answer meanwhile."""

    def behave(connection: Connection) -> bool:
        return connection.hole() if b"POST /hang" in connection.server.requests[-1] else connection.send(OK)

    async def play() -> None:
        limits = Limits(connect=0.3, read=5, total=5, connections=10)
        http = AsyncHttp(limits, allow_insecure_upstreams=True)

        def step(app: str, path: str) -> Send:
            return Send(Request("POST", server.origin + path), (server.origin,), app=app)

        hanging = [asyncio.create_task(http.send(step("one", "/hang"))) for _ in range(30)]
        while len(server.requests) < 10:  # noqa: ASYNC110 - the server runs in threads
            await asyncio.sleep(0.01)
        replies = [await http.send(step("two", "/")) for _ in range(20)]
        assert [each.status for each in replies] == [200] * 20
        assert not any(task.done() for task in hanging)
        assert sum(b"/hang" in each for each in server.requests) == 10
        for task in hanging:
            task.cancel()
        await asyncio.wait(hanging)

    with Server(behave) as server:
        asyncio.run(play())


@both
def test_those_who_wait_are_woken(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one before them, and not by looking again and again: hundreds that wait cost the others nothing."""
    monkeypatch.setattr("haoma.io.http._LOOK_AGAIN", 60.0)
    limits = Limits(connect=0.5, read=10, total=20, connections=2)
    with Server(lambda c: c.send(OK)) as server:
        transport = make(limits, allow_insecure_upstreams=True)
        step = Send(Request("POST", server.origin), (server.origin,), app="one")

        async def gather() -> list[Reply]:
            return list(await asyncio.gather(*(transport.send(step) for _ in range(30))))

        if make is AsyncHttp:
            replies = asyncio.run(gather())
        else:
            with ThreadPoolExecutor(30) as pool:
                replies = list(pool.map(transport.send, [step] * 30))
    assert [each.status for each in replies] == [200] * 30


def test_those_who_wait_are_refused_when_it_opens() -> None:
    """And not one after the other, each after its own time limit."""

    async def play() -> None:
        http = AsyncHttp(
            Limits(connect=0.3, read=0.3, total=5, connections=3, failures=3), allow_insecure_upstreams=True
        )
        step = Send(Request("POST", server.origin), (server.origin,), app="one")
        found = await asyncio.gather(*(http.send(step) for _ in range(20)), return_exceptions=True)
        # Each of the first two that fail may still let one in.
        timed_out = [type(each) for each in found].count(TimedOut)
        assert 3 <= timed_out <= 5
        assert [type(each) for each in found].count(CircuitOpen) == 20 - timed_out

    with Server(lambda c: c.hole()) as server:
        asyncio.run(play())


@both
def test_a_process_without_files_blames_no_platform(make: Any) -> None:
    """Or one busy minute would stop the requests of all apps."""
    child = os.fork()
    if child == 0:
        failed = 1
        try:
            runner = asyncio.Runner()
            runner.run(asyncio.sleep(0))
            transport, step = make(FEW, allow_insecure_upstreams=True), Send(Request("GET", NOBODY), (NOBODY,))
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            found = []
            for _ in range(6):
                try:
                    transport.send(step) if make is Http else runner.run(transport.send(step))
                except HaomaError as error:
                    found.append(type(error))
            failed = found != [ConnectFailed] * 6
        finally:
            os._exit(failed)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_code_stays_free(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever request of an authorization finds the circuit open: sent again as it was, it is answered."""
    answer, met = stage.send, set()
    for platform, mirror in stage.mirrors.items():
        names = [scene.name for scene in mirror.scenes if scene.expect == "ok"][:2]
        for name, number in itertools.product(names, range(4)):
            stage.forget()
            tap = stage.tap(platform, name)
            turns = itertools.count()

            def send(step: Send, turns: Iterator[int] = turns, number: int = number) -> Reply:
                if next(turns) == number:
                    raise CircuitOpen(because={"host": "platform.test"}, retry_after=3)
                return answer(step)

            monkeypatch.setattr(stage, "send", send)
            refused: CircuitOpen | None = None
            try:
                found = stage.authorize(tap.app, tap.body).e164
            except CircuitOpen as error:
                refused = error
            if refused is not None:
                assert refused.spent is not Spent.YES
                assert (refused.retry, refused.retry_after, refused.next_action) == (True, 3, Next.RETRY_LATER)
                assert number or refused.spent is Spent.NO
                met.add(platform)
                found = stage.authorize(tap.app, tap.body).e164
            assert found == tap.phone_number, (platform, name, number)
    assert met == set(stage.mirrors)


def test_every_request_names_its_app(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every platform says for which app it sends, in every scene."""
    steps: list[Send] = []
    answer = stage.send

    def send(step: Send) -> Reply:
        steps.append(step)
        return answer(step)

    monkeypatch.setattr(stage, "send", send)
    platforms = set()
    for platform, mirror in stage.mirrors.items():
        for scene in mirror.scenes:
            stage.forget()
            tap = stage.tap(platform, scene.name)
            steps.clear()
            with contextlib.suppress(HaomaError):
                stage.authorize(tap.app, tap.body)
            assert {step.app for step in steps} <= {stage.apps[tap.app].scope}, scene.name
            platforms |= {platform for _ in steps}
    assert platforms == set(stage.mirrors)
