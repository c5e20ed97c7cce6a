"""One request: what is sent of it, what is taken of a reply, and what becomes of it when its time is over."""

from __future__ import annotations

import asyncio
import itertools
import logging
import logging.config
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from haoma.errors import (
    ConnectFailed,
    HaomaError,
    HostNotAllowed,
    InternalFault,
    NonsenseReply,
    ReplyTooLarge,
    Spent,
    TimedOut,
)
from haoma.io.http import AsyncHttp, Http, Limits, silence
from haoma.steps import Reply, Request, Send
from support.loopback import OK, Server, get, send_all

NOBODY = "http://127.0.0.1:9"
LINE = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


def asked(origin: str, **more: Any) -> Send:
    return Send(Request("GET", origin, **more), (origin,))


NEEDED = {
    Http: {"encodings.idna", "phonenumbers"},
    AsyncHttp: {
        "encodings.idna", "phonenumbers", "anyio.streams.tls", "anyio._backends._asyncio", "concurrent.futures.thread",
        "anyio._core._eventloop", "anyio._core._sockets", "anyio._core._synchronization", "anyio._core._tasks",
    },
}  # fmt: skip


@pytest.mark.parametrize("make", [Http, AsyncHttp], ids=["sync", "async"])
def test_a_client_imports_what_its_requests_need(make: Any) -> None:
    """And not the first request: see test_io_tls. Here in a child, which forgets first what is imported."""
    child = os.fork()
    if child == 0:
        missing = NEEDED[AsyncHttp]
        try:
            for name in NEEDED[AsyncHttp]:
                sys.modules.pop(name, None)
            make()
            missing = NEEDED[make] - sys.modules.keys()
        finally:
            os._exit(len(missing))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --- what is sent


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "line", "length"),
    [
        ("GET", "", (), b"", b"GET / HTTP/1.1", None),
        ("GET", "/a", (), b"", b"GET /a HTTP/1.1", None),
        ("GET", "", (("a", "b"), ("c", "\ud800 ~")), b"", b"GET /?a=b&c=%3F%20~ HTTP/1.1", None),
        ("POST", "/a", (), b"", b"POST /a HTTP/1.1", b"0"),
        ("POST", "/a", (), b"abc", b"POST /a HTTP/1.1", b"3"),
    ],
)
def test_to_the_letter(
    way: Any, method: str, path: str, query: Any, body: bytes, line: bytes, length: bytes | None
) -> None:
    """The line, these headers and no others, and the body."""
    with Server(lambda c: c.send(OK)) as server:
        request = Request(method, server.origin + path, query=query, body=body)
        send_all(way, [Send(request, (server.origin,))], allow_insecure_upstreams=True)
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    first, *others = head.split(b"\r\n")
    assert (first, sent) == (line, body)
    host = b"127.0.0.1:%d" % server.port
    assert {name.lower(): value for name, _, value in (each.partition(b": ") for each in others)} == {
        b"host": host,
        b"user-agent": b"haoma",
        b"connection": b"close",
        b"accept-encoding": b"identity",
        **({b"content-length": length} if length else {}),
    }


def test_a_request_that_is_malformed_is_our_fault(way: Any) -> None:
    """A header that would begin another one goes nowhere."""
    with Server(lambda c: c.send(OK)) as server:
        with pytest.raises(InternalFault) as caught:
            send_all(way, [asked(server.origin, headers=(("x", "a\r\nb: c"),))], allow_insecure_upstreams=True)
        assert server.requests == []
    assert dict(caught.value.because) == {"host": "127.0.0.1"}


def test_a_default_port_is_one(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of plain http too; the next one is another server."""

    def look_up(*_asked: Any, **_options: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for scheme, port in (("http", 80), ("https", 443)):
        url, upstream = f"{scheme}://a.invalid", f"{scheme}://a.invalid:{port}"
        for one, other in ((url, upstream), (upstream, url)):
            with pytest.raises(ConnectFailed):
                send_all(way, [Send(Request("GET", one), (other,))], allow_insecure_upstreams=True)
        for wrong in (port + 1, port - 1):
            step = Send(Request("GET", url), (f"{scheme}://a.invalid:{wrong}",))
            with pytest.raises(HostNotAllowed):
                send_all(way, [step], allow_insecure_upstreams=True)


def test_plain_http_is_for_a_sidecar(way: Any) -> None:
    """Of the very same origin; by default there is none, and nobody else is spoken to in the clear."""
    with Server(lambda c: c.send(OK)) as server, Server(lambda c: c.send(OK)) as other:
        upstreams = (server.origin, other.origin)
        step = Send(Request("GET", server.origin), upstreams, sidecar=server.origin)
        assert send_all(way, [step])[0].body == b"ok"
        for refused in (
            Send(Request("GET", other.origin), upstreams, sidecar=server.origin),
            Send(Request("GET", server.origin), upstreams),
            Send(Request("GET", server.origin), (), sidecar=server.origin),
        ):
            with pytest.raises(HostNotAllowed) as caught:
                send_all(way, [refused])
            assert dict(caught.value.because) in ({"scheme": "http"}, {"host": "127.0.0.1"})
        assert (len(server.requests), len(other.requests)) == (1, 0)


def test_in_the_clear_no_authority_is_read(way: Any) -> None:
    """A file that is missing is the fault of requests that need it."""
    with Server(lambda c: c.send(OK)) as server:
        step = asked(server.origin)
        assert send_all(way, [step], ca_file="/nowhere", allow_insecure_upstreams=True)[0].body == b"ok"


# --- what is taken of a reply


def test_a_reply_to_the_letter(way: Any) -> None:
    """Names in lower case, equal ones together, in the one encoding that HTTP has; and whatever status there is."""
    head = b"HTTP/1.1 418 No\r\nX-One: 1\r\nx-one: 2\r\nX-Two: \xe9\r\nContent-Encoding: IDENTITY\r\n"
    with Server(lambda c: c.send(head + b"Content-Length: 3\r\n\r\na\x00b")) as server:
        found = get(way, server)
    headers = {"x-one": "1, 2", "x-two": "é", "content-encoding": "IDENTITY", "content-length": "3"}
    assert found == Reply(418, headers, b"a\x00b")


def test_the_limits_when_nothing_is_set(way: Any) -> None:
    """64 KiB are taken, announced or not, and not a byte more; a compressed reply is not taken."""
    assert (Limits().connect, Limits().read, Limits().total) == (3, 5, 8)
    for size in (64 * 1024, 64 * 1024 + 1):
        for head in (LINE + b"content-length: %d\r\n\r\n" % size, LINE + b"\r\n"):
            with Server(lambda c, head=head, size=size: not c.send(head + b"a" * size)) as server:  # type: ignore[misc]
                if size == 64 * 1024:
                    assert len(get(way, server, limits=Limits()).body) == size
                else:
                    with pytest.raises(ReplyTooLarge) as caught:
                        get(way, server, limits=Limits())
                    assert dict(caught.value.because) == {"host": "127.0.0.1"}
    with Server(lambda c: c.send(LINE + b"content-encoding: br\r\ncontent-length: 0\r\n\r\n")) as server:
        with pytest.raises(NonsenseReply) as nonsense:
            get(way, server)
        assert dict(nonsense.value.because) == {"host": "127.0.0.1"}


def test_a_length_over_the_cap_is_refused_before_the_body(way: Any) -> None:
    """Not a byte of it has to come."""
    with Server(lambda c: not c.send(LINE + b"content-length: 1001\r\n\r\n")) as server:
        with pytest.raises(ReplyTooLarge) as caught:
            get(way, server)
        assert dict(caught.value.because) == {"host": "127.0.0.1"}


# --- how many, and for how long


def full(transport: Any, number: int, origin: str) -> list[Any]:
    """Take so many of the connections of this process."""
    taken = [transport._exchange(asked(origin)) for _ in range(number)]
    circuit = transport._process.get().circuits.enter("", origin, "127.0.0.1")
    assert all(circuit.admit(each) for each in taken)
    return taken


def outcome(transport: Any, step: Send, *, meanwhile: Callable[[], object] = int, after: float = 0.0) -> Any:
    """Return the body of the reply or the error; ``meanwhile`` happens after some seconds."""

    async def send() -> Any:
        asyncio.get_running_loop().call_later(after, meanwhile)
        return await transport.send(step)

    try:
        if isinstance(transport, AsyncHttp):
            return asyncio.run(send()).body
        timer = threading.Timer(after, meanwhile)
        timer.start()
        return transport.send(step).body
    except HaomaError as error:
        return error


@pytest.mark.parametrize("make", [Http, AsyncHttp], ids=["sync", "async"])
def test_a_hundred_connections_at_once(make: Any) -> None:
    """The last one is taken, the next one waits for it: as long as there would still be time to connect."""
    with Server(lambda c: c.send(OK)) as server:
        transport = make(Limits(connect=0.2, read=1, total=1), allow_insecure_upstreams=True)
        taken = full(transport, 99, server.origin)
        assert outcome(transport, asked(server.origin)) == b"ok"
        taken += full(transport, 1, server.origin)
        assert outcome(transport, asked(server.origin), meanwhile=taken.clear, after=0.1) == b"ok"
        hasty = make(Limits(connect=0.4, read=1, total=0.5), allow_insecure_upstreams=True)
        taken = full(hasty, 100, server.origin)
        requests = len(server.requests)
        found = outcome(hasty, asked(server.origin), meanwhile=taken.clear, after=0.4)
        assert isinstance(found, ConnectFailed)
        assert found.diagnosis == "PoolTimeout"
        assert len(server.requests) == requests


@pytest.mark.parametrize("make", [Http, AsyncHttp], ids=["sync", "async"])
def test_who_waits_looks_again_every_half_second(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is interrupted leaves without a word. Between two looks there is nothing to do."""
    looks: list[float] = []

    def look() -> float:
        looks.append(time.monotonic())
        return looks[-1]

    gaps: list[float] = []
    with Server(lambda c: c.send(OK)) as server:
        transport = make(Limits(connect=1, read=5, total=10, connections=1), allow_insecure_upstreams=True)
        while len(gaps) < 4 and not any(0.4 < each < 0.9 for each in gaps):  # this machine may be busy
            taken = full(transport, 1, server.origin)
            with monkeypatch.context() as one:
                one.setattr("haoma.io.http.monotonic", look)
                assert outcome(transport, asked(server.origin), meanwhile=taken.clear, after=0.1) == b"ok"
            gaps.append(max(after - before for before, after in itertools.pairwise([*looks, time.monotonic()])))
            assert len(looks) < 20
            looks.clear()
    assert 0.4 < gaps[-1] < 0.9


@pytest.mark.parametrize("make", [Http, AsyncHttp], ids=["sync", "async"])
def test_who_has_looked_in_vain_is_still_the_next(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who leaves wakes who waits now, not a wait that is over."""
    monkeypatch.setattr("haoma.io.http._LOOK_AGAIN", 0.05)
    rarely = threading.Timer(0.3, lambda: monkeypatch.setattr("haoma.io.http._LOOK_AGAIN", 60.0))
    with Server(lambda c: c.send(OK)) as server:
        transport = make(Limits(connect=1, read=5, total=16, connections=1), allow_insecure_upstreams=True)
        (taken,) = full(transport, 1, server.origin)
        circuit = transport._process.get().circuits.enter("", server.origin, "127.0.0.1")
        began = time.monotonic()
        rarely.start()
        found = outcome(transport, asked(server.origin), meanwhile=lambda: circuit.leave(taken), after=0.6)
        assert found == b"ok"
    rarely.join()
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("make", [Http, AsyncHttp], ids=["sync", "async"])
def test_a_request_that_failed_holds_no_connection(make: Any) -> None:
    """Not even while somebody keeps its error."""
    transport = make(Limits(connect=0.2, read=1, total=0.3, failures=1000), allow_insecure_upstreams=True)

    async def several() -> list[Any]:
        found: list[Any] = []
        for _ in range(100):
            found += await asyncio.gather(transport.send(asked(NOBODY)), return_exceptions=True)
        return found

    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    kept = asyncio.run(several()) if make is AsyncHttp else [outcome(transport, asked(nobody)) for _ in range(100)]
    assert {type(each) for each in kept} == {ConnectFailed}
    with Server(lambda c: c.send(OK)) as server:
        assert outcome(transport, asked(server.origin)) == b"ok"


@pytest.mark.parametrize("late", [0.5, 100.0])
def test_whenever_time_is_over(late: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever moment of a request it happens: a named outcome, and nothing sent if that is what is said."""
    outcomes = []
    with Server(lambda c: c.send(OK)) as server:
        for moment in range(40):
            calls = itertools.count()
            with monkeypatch.context() as one:
                one.setattr(
                    "haoma.io.http.monotonic",
                    lambda calls=calls, moment=moment: (
                        1e6 + time.monotonic() + (Limits().total + late) * (next(calls) >= moment)
                    ),
                )
                before = len(server.requests)
                http = Http(Limits(), allow_insecure_upstreams=True)
                found = outcome(http, asked(server.origin))
            outcomes.append(found)
            assert found == b"ok" or isinstance(found, (ConnectFailed, TimedOut)), (moment, found)
            if isinstance(found, ConnectFailed):
                assert found.spent is Spent.NO
                assert len(server.requests) == before
    kinds = [type(each) for each in outcomes]
    assert {ConnectFailed, TimedOut, bytes} == set(kinds)
    assert kinds[-1] is bytes
    first_timed_out = kinds.index(TimedOut)
    assert ConnectFailed not in kinds[first_timed_out:]  # what was once sent may have arrived


@pytest.mark.parametrize("how", ["cancelled", "out of time"])
def test_a_handshake_that_is_left_closes_its_connection(how: str) -> None:
    """The server sees the end of it while the client goes on."""

    async def play() -> None:
        ended = asyncio.Event()
        begun = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            begun.set()
            await reader.read()  # to its end
            ended.set()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        origin = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        limits = Limits(total=10 if how == "cancelled" else 0.2)
        task = asyncio.create_task(AsyncHttp(limits).send(asked(origin)))
        await begun.wait()
        if how == "cancelled":
            await asyncio.sleep(0.01)
            task.cancel()
        (found,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(found, asyncio.CancelledError if how == "cancelled" else ConnectFailed)
        await asyncio.wait_for(ended.wait(), 5)
        if isinstance(found, ConnectFailed):
            assert found.diagnosis
        server.close()

    asyncio.run(play())


# --- what others would log

LOCKS = ("level", "propagate", "disabled")


@pytest.mark.parametrize("holds", LOCKS)
@pytest.mark.parametrize("name", ["httpcore2", "httpcore2.connection", "httpcore2.http11", "httpx", "h11"])
def test_each_lock_holds_alone(name: str, holds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An application that turns a logger on again in two ways of three sees nothing: not even what is critical."""
    seen: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    root, logger, listening = logging.getLogger(), logging.getLogger(name), Listening()
    silence()  # as after the import; another test may have configured logging since
    before = root.level, logger.level, logger.propagate, logger.disabled, logger.handlers
    root.addHandler(listening)
    root.setLevel(logging.DEBUG)
    # pytest hangs handlers of its own into loggers that do not propagate: a kind of NullHandler among them.
    logger.handlers = [each for each in logger.handlers if type(each) is logging.NullHandler]
    try:
        if holds != "level":
            logger.setLevel(logging.DEBUG)
        if holds != "propagate":
            logger.propagate = True
        if holds != "disabled":
            logger.disabled = False
        logger.debug("a canary")
        logger.critical("a canary")
    finally:
        root.removeHandler(listening)
        level, own, logger.propagate, logger.disabled, logger.handlers = before
        root.setLevel(level)
        logger.setLevel(own)
    assert seen == []
    assert capsys.readouterr().err == ""  # logging's last resort


def test_logging_that_is_configured_later_takes_one_lock_of_three() -> None:
    """So nothing is seen; and the third is put back by `silence`, which the Django app calls."""
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "incremental": False})
    logger = logging.getLogger("httpcore2.http11")
    try:
        assert not logger.disabled
        assert (logger.level > logging.CRITICAL, logger.propagate) == (True, False)
    finally:
        silence()
    assert logger.disabled
