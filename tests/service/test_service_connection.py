"""Connections of strangers: what frames a request, how long it may take, and how large it may be."""

import asyncio
import re
import socket
import statistics
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any

import pytest
import uvicorn

from haoma.service.run.connection import Connection
from haoma.service.run.stopping import Server
from support.serving import Serving

SECONDS = 0.4
IDLE = 1
SERVER_KEY = "server-key-0123456789abcdefghij"
CANARY = "canary1234567890CANARY"
PAGE = b"x" * 400_000
_DATA_SEGMENTS_IN = 152  # where tcpi_data_segs_in is in Linux's tcp_info


class Hasty(Connection):
    """The connection of the service with less patience."""

    seconds = SECONDS
    body_bytes = 200_000


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with method, path and body.

    ``/refused`` reads nothing, ``/slow`` takes its time, ``/page`` is large, and ``/parts`` comes in two, with time
    between head and body and between both.
    """
    body = b""
    if scope["path"] != "/refused":
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    answer = PAGE if scope["path"] == "/page" else f"{scope['method']} {scope['path']} {body.decode()}\n".encode()
    headers = [(b"content-length", b"%d" % len(answer))]
    await send(
        {"type": "http.response.start", "status": 401 if scope["path"] == "/refused" else 200, "headers": headers}
    )
    if scope["path"] == "/parts":
        for part in (answer[:4], b""):
            await asyncio.sleep(0.3)
            await send({"type": "http.response.body", "body": part, "more_body": True})
        answer = answer[4:]
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(
        echo, http=Hasty, ws="none", lifespan="off", interface="asgi3", log_config=None, log_level="warning",
        timeout_keep_alive=IDLE, proxy_headers=False, server_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    toml = f"""[service]
server_keys = ["{SERVER_KEY}"]
[apps.shop]
platform = "wechat"
app_id = "wx0123456789abcdef"
app_secret = "{"0123456789abcdef" * 2}"
"""
    with Serving(tmp_path_factory.mktemp("service"), toml) as serving:
        yield serving


def until_closed(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    connection.settimeout(5)
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def ask(port: int, *pieces: bytes, pause: float = 0.05) -> bytes:
    """Send pieces one after the other; return what comes until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(pause)
            connection.sendall(piece)
        return until_closed(connection)


# --- size -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nA: " + b"a" * 66_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 66_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 66_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: bbbbbbbb\r\n" * 6000,
    ],
    ids=["a long field", "a long path", "a field without an end", "many fields", "fields without an end"],
)
def test_a_head_that_is_too_large(port: int, head: bytes) -> None:
    """More than 64 KiB or 100 fields, whole or not: 431, and the connection ends."""
    found = ask(port, head[:60_000], head[60_000:])
    assert found.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"\r\nconnection: close\r\n" in found


def test_a_large_head_is_read(port: int) -> None:
    """Just below the limits nothing is refused, in however many pieces it comes."""
    head = b"GET / HTTP/1.1\r\nConnection: close\r\n" + b"A: b\r\n" * 98 + b"B: " + b"b" * 64_000 + b"\r\n\r\n"
    assert ask(port, head).startswith(b"HTTP/1.1 200")
    assert ask(port, head[:20_000], head[20_000:]).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"POST /refused HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"a" * 10_000),
        (b"POST /refused HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"2710\r\n" + b"a" * 10_000 + b"\r\n"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"Trailer: " + b"a" * 10_000 + b"\r\n"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 10_000),
    ],
    ids=["a refused body", "refused chunks", "trailers", "chunk extensions"],
)
def test_what_has_no_end_is_cut_off(port: int, head: bytes, more: bytes) -> None:
    """What nobody reads does not go on for ever, nor does it stay in the memory."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(head)
        sent = 0
        try:
            while sent < 100 * Hasty.body_bytes:
                connection.sendall(more)
                sent += len(more)
                time.sleep(0.001)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 10 * Hasty.body_bytes


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        (b"", b""),
        (b"GET /", b"a"),
        (b"GET / HTTP/1.1\r\n", b"A"),
        (b"GET / HTTP/1.1\r\n\r\nPOST ", b"/"),
        (b"POST /refused HTTP/1.1\r\nContent-Length: 1000\r\n\r\n", b"a"),
    ],
    ids=["silence", "a path", "a field", "a second head", "a refused body"],
)
def test_what_drips_is_not_waited_for(port: int, begin: bytes, drip: bytes) -> None:
    """A head, or the rest of what was refused, has its time as a whole: a byte now and then does not prolong it."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(begin)
        connection.settimeout(0.05)
        while time.monotonic() - start < 60:  # for ever: only the service ends it
            try:
                if not connection.recv(65536):
                    break
            except TimeoutError:
                with suppress(BrokenPipeError):
                    connection.sendall(drip)
            except ConnectionResetError:
                break
        else:
            pytest.fail("it is waited for")
    assert time.monotonic() - start > SECONDS * 0.9


def test_a_connection_without_requests_ends(port: int) -> None:
    """It is kept for a while after an answer, and empty lines do not prolong that for ever."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.settimeout(0.5)
        while time.monotonic() - start < 60:  # for ever: only the service ends it
            try:
                if not connection.recv(65536):
                    break
            except TimeoutError:
                with suppress(BrokenPipeError):
                    connection.sendall(b"\r\n")
            except ConnectionResetError:
                break
        else:
            pytest.fail("it is kept")
    assert time.monotonic() - start > IDLE * 0.9


def test_an_answer_that_is_not_read(port: int) -> None:
    """Who asks and does not read is let go of."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.settimeout(60)
        start = time.monotonic()
        try:
            while time.monotonic() - start < 60:
                connection.sendall(b"GET /page HTTP/1.1\r\n\r\n")
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            return
        pytest.fail("it is kept")


# --- one after the other --------------------------------------------------------------------------------------------


def test_requests_sent_ahead(port: int) -> None:
    """A few requests in one go are answered in their order."""
    found = ask(
        port, b"GET /slow HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /c HTTP/1.0\r\n\r\n"
    )
    assert [line for line in found.split(b"\r\n\r\n")[1:] if line] != []
    assert found.index(b"GET /slow \n") < found.index(b"POST /b hi\n") < found.index(b"GET /c \n")
    assert found.count(b"HTTP/1.1 200") == 3


def test_many_requests_sent_ahead(port: int) -> None:
    """Some are answered, the last of them with the word that the connection ends; the others take no memory."""
    found = ask(port, b"GET /slow HTTP/1.1\r\n\r\n" * 2 + b"GET / HTTP/1.1\r\n\r\n" * 5000)
    assert 2 <= found.count(b"HTTP/1.1 200") <= Hasty.ahead + 2
    assert found.count(b"connection: close") == 1
    assert b"HTTP/1.1 4" not in found


def test_nonsense_behind_a_request(port: int) -> None:
    """The request gets its own answer, and the nonsense none that could be taken for it."""
    found = ask(port, b"GET /slow HTTP/1.1\r\n\r\nNON SENSE\r\n\r\nGET /never HTTP/1.1\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 200")
    assert found.endswith(b"GET /slow \n")


def test_nonsense_in_the_rest_of_a_refused_body(port: int) -> None:
    """What follows an answer on the same connection is never a second one to the same request."""
    found = ask(port, b"POST /refused HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"nonsense\r\n")
    assert found.count(b"HTTP/1.1") == 1
    assert found.startswith(b"HTTP/1.1 401")


def test_the_next_request_after_a_refused_one(port: int) -> None:
    """A body that nobody read is not taken for a request, wherever it is cut."""
    refused = b"POST /refused HTTP/1.1\r\nContent-Length: 30\r\n\r\n"
    body = b"GET /smuggled HTTP/1.1\r\nA: bcd\n"[:30]
    after = b"GET /after HTTP/1.1\r\nConnection: close\r\n\r\n"
    for pieces in ([refused + body + after], [refused, body + after], [refused, body, after], [refused + body, after]):
        found = ask(port, *pieces)
        assert found.startswith(b"HTTP/1.1 401")
        assert found.endswith(b"GET /after \n")
        assert b"smuggled" not in found


def test_100_continue(port: int) -> None:
    """Who asks before it sends is told to go on if the body will be read, and is refused otherwise."""
    head = b"POST /%b HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    found = ask(port, head % b"", b"hi")
    assert found.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
    assert found.endswith(b"POST / hi\n")
    assert ask(port, head % b"refused").startswith(b"HTTP/1.1 401")


class Wire(asyncio.Transport):
    """A connection without a network."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += b"" if self.closed else data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


WHOLE = (
    b"\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\n"
    b"POST /b?c=%20 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nA:  b \r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\n"
    b"POST /c HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nhi"
    b"POST /refused HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /x HTTP/1.1\r\n\r\n "
    b"GET /d HTTP/1.1\r\nConnection: keep-alive\r\n\r\n"
    b"GET /e HTTP/1.1\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\n\r\n"
)


def test_wherever_it_is_cut() -> None:
    """A stream of requests has the same answers in whatever pieces it comes, and the last of them ends it."""

    async def play() -> None:
        config = uvicorn.Config(echo, http=Connection, ws="none", lifespan="off", interface="asgi3", log_config=None)
        config.load()

        async def answers(*pieces: bytes) -> bytes:
            wire = Wire()
            connection = Connection(config, uvicorn.server.ServerState(), {})
            connection.connection_made(wire)
            for piece in pieces:
                connection.data_received(piece)
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            assert wire.closed
            connection.connection_lost(None)
            return wire.written

        whole = await answers(WHOLE)
        found = re.findall(rb"(?:GET|POST) \S+ .*\n", whole)
        assert found == [
            b"POST /a hello\n", b"POST /b abcde\n", b"POST /c hi\n", b"POST /refused \n", b"GET /d \n", b"GET /e \n",
        ]  # fmt: skip
        assert whole.count(b"HTTP/1.1 ") == len(found)
        assert await answers(*(WHOLE[at : at + 1] for at in range(len(WHOLE)))) == whole
        for at in range(1, len(WHOLE)):
            assert await answers(WHOLE[:at], WHOLE[at:]) == whole, WHOLE[:at]

    asyncio.run(play())


def test_nothing_of_the_server_is_overridden() -> None:
    """What stands before its protocol is none of its classes, so that no version of it has to be pinned."""
    assert not [each for each in Connection.__mro__ if each.__module__.startswith("uvicorn")]


# --- other protocols ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("framing", "body"), [(b"Content-Length: 2", b"hi"), (b"Transfer-Encoding: chunked", b"2\r\nhi\r\n0\r\n\r\n")]
)
@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"TLS/1.0"])
def test_another_protocol_is_declined(port: int, offer: bytes, framing: bytes, body: bytes) -> None:
    """The HTTP client of Java offers h2c with each request: it is answered in HTTP/1.1, with its body, and goes on."""
    head = b"POST /java HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAA\r\n"
    head += framing + b"\r\nUpgrade: " + offer + b"\r\n\r\n"
    after = b"GET /after HTTP/1.1\r\nConnection: close\r\n\r\n"
    for pieces in ([head + body + after], [head, body, after], [head[:40], head[40:] + body[:1], body[1:] + after]):
        found = ask(port, *pieces)
        assert found.count(b"HTTP/1.1 200") == 2
        assert found.index(b"POST /java hi\n") < found.index(b"GET /after \n")


def test_an_offer_on_a_connection_that_closes(port: int) -> None:
    """A declined offer does not make the connection stay."""
    head = b"GET /a HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n"
    assert ask(port, head).endswith(b"GET /a \n")


@pytest.mark.parametrize(
    "sent",
    [b"CONNECT example.com:443 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"],
)
def test_what_is_not_for_us(port: int, sent: bytes) -> None:
    """A tunnel, HTTP/2 and TLS are refused and the connection ends."""
    assert ask(port, sent).startswith(b"HTTP/1.1 400 ")


# --- responses ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux says how many packets came")
def test_head_and_body_leave_together(port: int) -> None:
    """An answer is one packet: a second one costs a system call, and wakes up the caller in vain."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        for number in range(1, 4):
            connection.sendall(b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
            found = b""
            while not found.endswith(b"POST /a hi\n"):
                found += connection.recv(65536)
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            assert struct.unpack_from("I", info, _DATA_SEGMENTS_IN) == (number,)


def test_a_head_does_not_wait_for_all_of_its_body(port: int) -> None:
    """What comes in parts arrives in parts, and a head that has no body arrives alone."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"GET /parts HTTP/1.1\r\n\r\n")
        found = connection.recv(65536)
        assert found.startswith(b"HTTP/1.1 200 OK\r\n")
        assert found.endswith(b"\r\n\r\nGET ")
        assert connection.recv(65536) == b"/parts \n"
        connection.sendall(b"HEAD /a HTTP/1.1\r\n\r\n")
        found = connection.recv(65536)
        assert found.startswith(b"HTTP/1.1 200 OK\r\n")
        assert found.endswith(b"\r\ncontent-length: 9\r\n\r\n")
        connection.sendall(b"HEAD /b HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert until_closed(connection).startswith(b"HTTP/1.1 200 OK\r\n")


# --- the service ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        "POST {path} HTTP/1.1\r\n{key}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
        "POST {path} HTTP/1.1\r\n{key}\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        "POST {path} HTTP/1.1\r\n{key}\r\nContent-Length: +2\r\n\r\nhi",
        "POST {path} HTTP/1.1\r\n{key}\r\nContent-Length: 2, 2\r\n\r\nhi",
        "POST {path} HTTP/1.1\r\n{key}\r\nContent-Length : 2\r\n\r\nhi",
        "POST {path} HTTP/1.1\r\n{key}\r\nTransfer-Encoding: chunked, {canary}\r\n\r\n0\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nTransfer-Encoding: {canary}\r\n\r\n0\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nTransfer-Encoding: chunked\r\n\r\n{canary}\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nA: {canary}\r\n {canary}\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nA: {canary}\0\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nA: {canary}\rB: c\r\n\r\n",
        "GET /{canary} HTTP/1.1\nA: b\n\n",
        "GET /{canary} HTTP/9.9\r\n\r\n",
        "GET /{canary} {canary} HTTP/1.1\r\n\r\n",
        "{canary} /{canary} HTTP/1.1\r\n\r\n",
        "{canary}\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nHost: a\r\nHost: {canary}\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nHost: a\r\nhost: a\r\n\r\n",
        "POST {path} HTTP/1.1\r\n{key}\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHost: b\r\n\r\n",
    ],
)
def test_a_request_that_is_not_one(service: Serving, sent: str) -> None:
    """What two servers could understand differently is refused; the connection ends, and the log holds nothing of it."""
    path, key = "/v1/apps/shop/phone-number", f"Authorization: Bearer {SERVER_KEY}"
    found = service.raw(sent.format(path=path, key=key, canary=CANARY).encode("latin-1"))
    assert found.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert found.count(b"HTTP/1.1") == 1
    assert CANARY not in service.written()
    assert SERVER_KEY not in service.written()
    assert service.ask("GET", "/healthz").status == 200


def test_who_calls_is_not_believed(service: Serving) -> None:
    """Headers that proxies add change nothing, and the answer names no server."""
    headers = {"X_Forwarded_For": "1.2.3.4", "X_Forwarded_Proto": "https", "Forwarded": "for=1.2.3.4"}
    got = service.ask("GET", "/healthz", **headers)
    assert got.status == 200
    assert "server" not in got.headers


def test_a_refusal_keeps_the_connection(service: Serving) -> None:
    """A wrong key is refused before the body is read; the next request on the same connection is answered."""
    refused = b"POST /v1/apps/shop/phone-number HTTP/1.1\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n\r\n"
    after = b"OPTIONS /v1/apps/shop/login HTTP/1.1\r\nConnection: close\r\n\r\n"
    for pieces in ([refused + b"{}" + after], [refused, b"{}" + after]):
        found = ask(service.port, *pieces)
        assert found.startswith(b"HTTP/1.1 401")
        assert b"HTTP/1.1 204" in found
        assert b"content-length" not in found.partition(b"HTTP/1.1 204")[2]


def test_answers_are_not_held_back(service: Serving) -> None:
    """One request after the other on one connection: no answer waits for the caller's delayed acknowledgement."""
    connection = HTTPConnection("127.0.0.1", service.port)
    took = []
    for _ in range(60):
        start = time.monotonic()
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        took.append(time.monotonic() - start)
    connection.close()
    assert statistics.median(took[30:]) < 0.035


def test_who_has_connected_before_the_port_closes_is_answered() -> None:
    """Also who was not accepted yet, and whose request is still on its way. Who is silent holds nothing up for long."""
    request = b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n"

    async def scene() -> None:
        config = uvicorn.Config(echo, http=Connection, ws="none", lifespan="off", interface="asgi3", log_config=None)
        config.load()
        server = Server(config)
        server.lifespan = config.lifespan_class(config)
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
            await server.startup([listening])
            address = listening.getsockname()
            clients = [socket.create_connection(address) for _ in range(24)]  # known to the system, and to nobody else
            for client in clients[:8]:
                client.sendall(request)
            stopping = asyncio.create_task(server.shutdown([listening]))
            await asyncio.sleep(0.1)
            for client in clients[8:16]:
                client.sendall(request)
            began = time.monotonic()
            await stopping
            assert time.monotonic() - began < 5
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address)
        for client in clients:
            client.settimeout(5)
        answers = [client.recv(4096)[:15] for client in clients]
        assert answers == [b"HTTP/1.1 200 OK"] * 16 + [b""] * 8
        for client in clients:
            client.close()

    asyncio.run(scene())
