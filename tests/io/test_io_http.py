"""The network: every behaviour of a server, through both drivers."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import logging
import logging.config
import socket
import ssl
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from haoma.errors import (
    ConnectFailed,
    ConnectionLost,
    HaomaError,
    HostNotAllowed,
    NonsenseReply,
    ReplyTooLarge,
    Spent,
    TimedOut,
)
from haoma.io.http import AsyncHttp, Limits
from haoma.steps import Request, Send
from support.loopback import OK, QUICK, Behaviour, Connection, Server, get, send_all

CANARY = "canary-5d1f0c"


@pytest.fixture(params=["sync", "async"])
def way(request):
    return request.param


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def server_tls(authority: trustme.CA, *names: str, **options) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority, tmp_path_factory):
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def test_the_request_arrives_as_it_was_asked_for(way):
    """Method, path, encoded query, own headers and the exact body arrive; nothing asks for compression."""
    with Server(lambda c: c.send(OK)) as server:
        request = Request(
            "POST", server.origin + "/a/b", query=(("k", "a b/+&=号"),), headers=(("x-one", "1"),), body=b'{"a": 1}'
        )
        (reply,) = send_all(way, [Send(request, (server.origin,))], allow_insecure_upstreams=True)
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"ok", "2")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert head.startswith(b"POST /a/b?k=a%20b%2F%2B%26%3D%E5%8F%B7 HTTP/1.1\r\n")
    assert body == b'{"a": 1}'
    assert {"accept-encoding: identity", "x-one: 1", "content-length: 8", f"host: 127.0.0.1:{server.port}"} <= set(
        lines
    )


NOISE = b"HTTP/1.1 200 OK\r\n"
FAILURES: dict[str, tuple[Behaviour, type[HaomaError]]] = {
    "silence": (lambda c: c.hole(), TimedOut),
    "headers drip": (lambda c: c.drip(NOISE + b"x: ", b"a"), TimedOut),
    "status line drips": (lambda c: c.drip(b"H", b""), TimedOut),
    "body drips": (lambda c: c.drip(NOISE + b"content-length: 900\r\n\r\n", b"a"), TimedOut),
    "chunks drip": (lambda c: c.drip(NOISE + b"transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n"), TimedOut),
    "interim replies drip": (lambda c: c.drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), TimedOut),
    "reset": (lambda c: c.reset(), ConnectionLost),
    "closed": (lambda _: False, ConnectionLost),
    "reset in the body": (lambda c: c.send(NOISE + b"content-length: 900\r\n\r\nabc") and c.reset(), ConnectionLost),
    "body too short": (lambda c: not c.send(NOISE + b"content-length: 900\r\n\r\nabc"), ConnectionLost),
    "no HTTP": (lambda c: c.send(b"\x00\xff garbage\r\n\r\n"), ConnectionLost),
    "bad chunk": (lambda c: c.send(NOISE + b"transfer-encoding: chunked\r\n\r\nzz\r\n"), ConnectionLost),
    "two lengths": (lambda c: c.send(NOISE + b"content-length: 2\r\ncontent-length: 3\r\n\r\nabc"), ConnectionLost),
    "length no number": (lambda c: c.send(NOISE + b"content-length: 1e9\r\n\r\nabc"), ConnectionLost),
    "length of 5000 digits": (
        lambda c: c.send(NOISE + b"content-length: " + b"9" * 5000 + b"\r\n\r\n"),
        ConnectionLost,
    ),
    "upgrade": (lambda c: c.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"), ConnectionLost),
    "endless header": (lambda c: c.send(NOISE + b"x: " + b"a" * 300_000), ConnectionLost),
    "length over the cap": (lambda c: c.send(NOISE + b"content-length: 1001\r\n\r\n") and c.hole(), ReplyTooLarge),
    "body over the cap": (lambda c: not c.send(NOISE + b"\r\n" + b"a" * 1001), ReplyTooLarge),
    "chunks over the cap": (
        lambda c: c.drip(NOISE + b"transfer-encoding: chunked\r\n\r\n", b"1f4\r\n" + b"a" * 500 + b"\r\n"),
        ReplyTooLarge,
    ),
    "gzip": (
        lambda c: c.send(NOISE + b"content-encoding: gzip\r\ncontent-length: 22\r\n\r\n" + gzip.compress(b"ok")),
        NonsenseReply,
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failing_server_has_a_named_outcome(way, name):
    """Each way to fail after the request was sent is its own error.

    Those that end by a limit end by nothing else: the server goes on being silent, or dripping, until it is stopped.
    """
    behave, expected = FAILURES[name]
    limits = QUICK if expected is TimedOut else Limits(body=QUICK.body)
    with Server(behave) as server, pytest.raises(expected) as caught:
        get(way, server, "/path", limits=limits)
    assert type(caught.value) is expected
    assert dict(caught.value.because) == {"host": "127.0.0.1"}
    assert caught.value.__context__ is None
    assert len(server.requests) == 1  # nothing is sent twice


def test_the_body_cap_lets_the_last_byte_through(way):
    """A body of exactly the cap is taken."""
    with Server(lambda c: c.send(NOISE + b"content-length: 1000\r\n\r\n" + b"a" * 1000)) as server:
        assert len(get(way, server).body) == 1000


def test_redirects_are_replies(way):
    """A 302 to another server is handed over as it is; the other server hears nothing."""
    with (
        Server(lambda c: c.send(OK)) as other,
        Server(
            lambda c: c.send(f"HTTP/1.1 302 Found\r\nlocation: {other.origin}\r\ncontent-length: 0\r\n\r\n".encode())
        ) as server,
    ):
        assert get(way, server).status == 302
    assert other.requests == []


def test_the_read_limit_comes_before_the_total_one(way):
    """A silent server is given up after the read limit."""
    began = time.monotonic()
    with Server(lambda c: c.hole()) as server, pytest.raises(TimedOut):
        get(way, server, limits=Limits(read=0.1, total=60))
    assert time.monotonic() - began < 60


def test_proxies_of_the_environment_are_ignored(way, monkeypatch):
    """Requests go to the server itself, whatever proxy the environment names."""
    dead = f"http://127.0.0.1:{dead_port()}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, dead)
        monkeypatch.setenv(name.lower(), dead)
    with Server(lambda c: c.send(OK)) as server:
        assert get(way, server).body == b"ok"


# --- before anything is sent ---


@pytest.mark.parametrize(
    "limits", [Limits(connect=0.3, read=60, total=60), Limits(connect=60, read=60, total=0.3)], ids=["connect", "total"]
)
def test_a_deaf_tls_server_received_nothing(way, limits):
    """A server that never answers the TLS handshake: nothing was sent, whichever limit ended it."""
    began = time.monotonic()
    with Server(lambda _: False, deaf=True) as server, pytest.raises(ConnectFailed) as caught:
        get(way, server, limits=limits)
    assert caught.value.spent is Spent.NO
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "a" * 64 + ".invalid"])
def test_no_connection_is_connect_failed(way, host):
    """A closed port and an impossible name: nothing was sent."""
    origin = f"https://{host}:{dead_port()}"
    with pytest.raises(ConnectFailed) as caught:
        send_all(way, [Send(Request("GET", origin + "/x", query=(("secret", CANARY),)), (origin,))])
    assert caught.value.spent is Spent.NO
    assert CANARY not in "".join(traceback.format_exception(caught.value)) + caught.value.diagnosis


def test_a_trusted_certificate_is_accepted(way, authority, ca_file):
    """TLS works with a private authority, and each request has a connection of its own."""
    with Server(lambda c: c.send(OK), server_tls(authority, "localhost")) as server:
        replies = send_all(way, [Send(Request("GET", server.origin), (server.origin,))] * 2, ca_file=ca_file)
    assert [reply.body for reply in replies] == [b"ok", b"ok"]
    assert server.connections - 1 == 2  # two, and the one that ends the server


PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("fault", ["wrong host", "expired", "unknown authority", "unknown to the system"])
def test_a_certificate_that_does_not_prove_the_host_is_refused(way, fault, authority, ca_file):
    """Nothing is sent to a server that cannot prove its name, not even in a test setting."""
    tls = {
        "wrong host": lambda: server_tls(authority, "other.example"),
        "expired": lambda: server_tls(authority, "localhost", not_before=PAST, not_after=PAST + dt.timedelta(days=1)),
        "unknown authority": lambda: server_tls(trustme.CA(), "localhost"),
        "unknown to the system": lambda: server_tls(authority, "localhost"),
    }[fault]()
    with Server(lambda c: c.send(OK), tls) as server, pytest.raises(ConnectFailed) as caught:
        get(way, server, ca_file=None if fault == "unknown to the system" else ca_file)
    assert server.requests == []
    assert caught.value.spent is Spent.NO


# --- who may be called ---


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.2/",
        "https://127.0.0.1:444/",
        "https://127.0.0.1.evil.example/",
        "https://user@127.0.0.1/",
        "https://127.0.0.1@evil.example/",
        "https://127.0.0.1/?a=b",
        "https://127.0.0.1/#a",
        "https://127.0.0.1:99999/",
        "https://[::1/",
        "https://１27.0.0.1/",
        "https:///",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "//127.0.0.1/",
        "",
    ],
)
def test_only_configured_origins_are_called(way, url):
    """Scheme, host and port must be those of an upstream."""
    with pytest.raises(HostNotAllowed):
        send_all(
            way,
            [Send(Request("GET", url), ("https://127.0.0.1", "ftp://127.0.0.1", ""))],
            allow_insecure_upstreams=True,
        )


def test_default_ports_and_case_do_not_matter(way):
    """``https://HOST`` and ``https://host:443`` are one origin: the call gets as far as the closed port."""
    for url, upstream in (
        ("https://LOCALHOST/", "https://localhost:443"),
        ("https://localhost:443/", "https://localhost/base"),
    ):
        with pytest.raises(ConnectFailed):
            send_all(way, [Send(Request("GET", url), (upstream,))])


def test_plain_http_needs_the_setting(way):
    """Without ``allow_insecure_upstreams`` nothing reaches a plain server, and the setting permits no other host."""
    with Server(lambda c: c.send(OK)) as server:
        with pytest.raises(HostNotAllowed) as caught:
            get(way, server, allow_insecure_upstreams=False)
        with pytest.raises(HostNotAllowed):
            send_all(way, [Send(Request("GET", server.origin), ())], allow_insecure_upstreams=True)
        assert server.requests == []
    assert dict(caught.value.because) == {"scheme": "http"}


# --- a reply belongs to its request ---

MISPLACED: dict[str, Callable[[bytes, bytes], list[bytes | float]]] = {
    # What the server sends for a request: its own reply, and another one, in one piece or with pauses between.
    "twice": lambda own, other: [own + other],
    "twice, in two pieces": lambda own, other: [own, other],
    "twice, late": lambda own, other: [own, 0.03, other],
    "too much": lambda own, other: [own + b"\r\n" + other[: len(other) // 2]],
    "half of it at first": lambda own, other: [own[:-1], 0.01, own[-1:] + other],
    "early": lambda own, other: [own, other, 0.01, other],
    "interim replies": lambda own, other: [b"HTTP/1.1 103 Early Hints\r\n\r\n" + own + other],
}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("misplaced", MISPLACED)
def test_a_reply_never_answers_another_request(way, misplaced, tls, authority, ca_file):
    """A server that sends more than was asked for, early or late, is read as far as its answer goes, or is lost."""
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n%b"

    def behave(connection: Connection) -> bool:
        asked = server.requests[-1].partition(b" /")[2][:4]
        for piece in MISPLACED[misplaced](reply % asked, reply % b"else"):
            time.sleep(piece) if isinstance(piece, float) else connection.send(piece)
        return True  # the server would go on with this connection

    with Server(behave, server_tls(authority, "localhost") if tls else None) as server:
        sends = [Send(Request("GET", f"{server.origin}/{number:04}"), (server.origin,)) for number in range(12)]
        replies = send_all(
            way,
            sends,
            allow_insecure_upstreams=True,
            ca_file=ca_file if tls else None,
            between=lambda: time.sleep(0.005),
        )
    assert [each.body for each in replies] == [b"%04d" % number for number in range(12)]


def test_an_answer_after_the_time_limit_is_nobodys(way):
    """The reply to a request that was given up does not become the reply to the next one."""

    def behave(connection: Connection) -> bool:
        asked = server.requests[-1].partition(b" /")[2][:4]
        if asked == b"0000":
            time.sleep(0.25)
        return connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n%b" % asked)

    with Server(behave) as server:
        first, *others = (Send(Request("GET", f"{server.origin}/{number:04}"), (server.origin,)) for number in range(4))
        with pytest.raises(TimedOut):
            send_all(way, [first], limits=Limits(read=0.1), allow_insecure_upstreams=True)
        replies = send_all(way, others, allow_insecure_upstreams=True, between=lambda: time.sleep(0.1))
    assert [each.body for each in replies] == [b"0001", b"0002", b"0003"]


def test_a_request_is_never_sent_again(way):
    """The server takes a request and closes: lost, and not tried a second time."""
    with Server(lambda _: False) as server:
        with pytest.raises(ConnectionLost):
            get(way, server)
        assert (len(server.requests), server.connections) == (1, 1)


# --- secrets ---


def _exercise(way: str) -> list[BaseException]:
    """Send the canary in query, header and body to servers that echo it everywhere."""
    echo = CANARY.encode()
    failures: list[BaseException] = []
    for reply in (
        NOISE + b"x-echo: " + echo + b"\r\ncontent-length: 2\r\n\r\nok",
        NOISE + echo + b"\r\n\r\n",
        b"HTTP/1.1 200 " + echo + b"\r\ncontent-length: " + echo + b"\r\n\r\n",
    ):
        with Server(lambda c, reply=reply: c.send(reply)) as server:  # type: ignore[misc]
            request = Request(
                "POST", server.origin + "/p", query=(("secret", CANARY),), headers=(("x-token", CANARY),), body=echo
            )
            try:
                send_all(way, [Send(request, (server.origin,))], allow_insecure_upstreams=True)
            except HaomaError as error:
                failures.append(error)
            assert CANARY not in repr(request)
    return failures


def test_no_secret_is_logged(way, caplog):
    """With everything logged at DEBUG, no record and no error shows what was sent or echoed."""
    caplog.set_level(logging.DEBUG)
    failures = _exercise(way)
    assert len(failures) == 2
    told = "".join(
        "".join(traceback.format_exception(error)) + repr(error) + error.facts()
        for error in failures
        if isinstance(error, HaomaError)
    )
    assert CANARY not in caplog.text + told


def test_the_log_canary_would_be_seen(caplog):
    """Proof that the test above can fail: httpcore2's logger, turned on again, does show the canary."""
    loggers = [logging.getLogger(name) for name in ("httpcore2", "httpcore2.http11")]
    for logger in loggers:
        logger.disabled, logger.propagate = False, True
        caplog.set_level(logging.DEBUG, logger.name)
    try:
        _exercise("sync")
    finally:
        for logger in loggers:
            logger.disabled, logger.propagate = True, False
            logger.setLevel(logging.CRITICAL + 1)
    assert CANARY in caplog.text


@pytest.mark.parametrize(
    "name", ["httpcore2", "httpcore2.http11", "httpcore2.anything", "httpx", "httpx2", "httpcore", "h11"]
)
def test_noisy_loggers_are_off_at_every_level(name, caplog):
    """Loggers that show URLs and headers say nothing, even to a root logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger(name).critical("GET /?secret=%s", CANARY)
    logging.getLogger(name).debug("GET /?secret=%s", CANARY)
    assert CANARY not in caplog.text


def test_noisy_loggers_stay_off_when_the_application_sets_up_logging(caplog):
    """``dictConfig`` turns disabled loggers on again; they still say nothing."""
    levels = logging.getLogger().level
    loggers = [each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    off = [each for each in loggers if each.disabled]
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "incremental": False})
    caplog.set_level(logging.DEBUG)
    try:
        assert not logging.getLogger("httpcore2.http11").disabled
        _exercise("sync")
        logging.getLogger("httpx").info(CANARY)
    finally:
        logging.getLogger().setLevel(levels)
        for logger in off:  # or later tests would find one lock of three open
            logger.disabled = True
    assert CANARY not in caplog.text


def test_a_cancelled_request_closes_its_connection():
    """Cancelling a task that waits for a reply ends the connection, and the cancellation goes through."""

    async def main(server: Server) -> None:
        http = AsyncHttp(Limits(), allow_insecure_upstreams=True)
        task = asyncio.create_task(http.send(Send(Request("GET", server.origin), (server.origin,))))
        await asyncio.to_thread(server.arrived.acquire)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def behave(connection: Connection) -> bool:
        return bool(connection.sock.recv(1))  # the client's end of the connection

    with Server(behave) as server:
        asyncio.run(main(server))
        assert server.closed.acquire(timeout=2)
