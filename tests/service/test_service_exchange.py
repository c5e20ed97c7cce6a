"""What is around every answer: its headers, whose request it was, how long it may take, and that it is noted.

The application is called as a server calls it, so that what no server lets through is seen as well.
"""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from haoma.errors import CircuitOpen, Next
from haoma.service.app import create_app
from haoma.service.exchange import Exchange
from haoma.service.gate.refusing import refuse
from haoma.settings.model import Settings
from haoma.settings.reader import from_mapping

KEY, PUBLIC = "server-key-0123456789abcdefghij", "publishable-key-0123456789abcdef"
RIGHT = ("authorization", f"Bearer {KEY}")
ENVELOPE = Path(__file__).parents[1] / "vectors" / "alipay" / "success-mainland"
CODE = b'{"code":"a-code"}'
SHOP = "https://shop.example"
WAYS = pytest.mark.parametrize("origins", [[], [SHOP]], ids=["without CORS", "with CORS"])


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    pairs: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers, each of which is there once."""
        found = dict(self.pairs)
        assert len(found) == len(self.pairs), self.pairs
        return found

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def settings(platform: str = "http://127.0.0.1:9", *, seconds: float = 20.0, **service: Any) -> Settings:
    """Two apps of WeChat, whose platform is at this address, and one of Alipay."""
    wechat = {"platform": "wechat", "app_secret": "0123456789abcdef" * 2, "api_base_url": platform}
    apps = {
        "shop": {**wechat, "app_id": "wx0123456789abcdef"},
        "habit": {**wechat, "app_id": "wx0123456789abcdee", "reply": "code-msg-data"},
        "alipay": tomllib.loads((ENVELOPE / "app.toml").read_text("utf-8"))["apps"]["shop"],
    }
    keys = {"server_keys": [KEY], "publishable_keys": [PUBLIC], **service}
    found = from_mapping({"allow_insecure_upstreams": True, "apps": apps, "service": keys})
    # Less than a second is more than a configuration may say, and enough for a test.
    return replace(found, service=replace(found.service, request_seconds=seconds, body_seconds=min(seconds, 5.0)))


async def ask(
    app: Any,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Sequence[tuple[str, str]] = (),
    *,
    receive: Callable[[], Awaitable[dict[str, Any]]] | None = None,
    sent: list[dict[str, Any]] | None = None,
    **scope: Any,
) -> Got:
    """Call the application as a server does; ``sent`` takes what it sends."""
    sent = [] if sent is None else sent
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    whole = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": pairs,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {}, **scope,
    }  # fmt: skip

    async def give() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def take(message: dict[str, Any]) -> None:
        sent.append(message)

    async with asyncio.timeout(5):  # a failure that does not hang
        await app(whole, receive or give, take)
    start, *pieces = sent
    assert [piece.get("more_body", False) for piece in pieces] == [True] * (len(pieces) - 1) + [False]
    found = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    return Got(start["status"], found, b"".join(piece.get("body", b"") for piece in pieces))


async def never() -> dict[str, Any]:
    """Wait for a body that does not come."""
    await asyncio.Event().wait()
    raise AssertionError


async def forbidden() -> dict[str, Any]:
    """Say that nobody should have asked for the body."""
    raise AssertionError


@asynccontextmanager
async def wechat(reply: dict[str, Any], *, waits: float = 0.0) -> AsyncIterator[str]:
    """A platform that gives tokens, and this reply to everything else."""

    open_ones: set[Any] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        token = b"token?" in head or b"stable_token" in head
        if not token:
            await asyncio.sleep(waits)
        body = json.dumps({"access_token": "T" * 64, "expires_in": 7200} if token else reply).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*open_ones)


async def lines(app: Any, read: Callable[[], Any]) -> list[dict[str, Any]]:
    """Return what the log says about requests: with the metrics it is written up to now."""
    await ask(app, "GET", "/metrics")
    found = [json.loads(line) for line in read().err.splitlines()]
    return [line for line in found if line["event"] == "request"]


# --- the headers of every answer


CHALLENGE = {"www-authenticate": 'Bearer realm="haoma"'}
REFUSED = [
    ("POST", "/v1/apps/shop/phone-number", [], 401, "caller.key-missing", CHALLENGE),
    ("POST", "/v1/apps/shop/phone-number", [("authorization", "Bearer x")], 401, "caller.key-rejected", CHALLENGE),
    ("POST", "/v1/apps/habit/phone-number", [], 401, "caller.key-missing", CHALLENGE),
    ("POST", "/v1/apps/shop/phone-number", [RIGHT], 400, "envelope.not-json", {}),
    ("POST", "/v1/apps/nobody/login", [RIGHT], 404, "caller.unknown-app", {}),
    ("POST", "/v1/apps/shop/nothing", [RIGHT], 404, "caller.unknown-route", {}),
    ("PUT", "/v1/apps/shop/login", [RIGHT], 405, "caller.wrong-method", {"allow": "OPTIONS, POST"}),
    ("GET", "/nowhere", [], 404, "caller.unknown-route", {}),
    ("GET", "/healthz/", [], 404, "caller.unknown-route", {}),
    ("GET", "/errors/nothing", [], 404, "caller.unknown-route", {}),
    ("POST", "/v1/apps/shop/callback", [], 422, "trust.cannot-open", {}),
]  # fmt: skip


@WAYS
def test_the_headers_of_a_refusal(origins: list[str]) -> None:
    """These and no others, each of them once, in the language that was asked for."""

    async def play() -> None:
        app = create_app(settings(cors_origins=origins))
        for lang in ("en", "zh"):
            for method, path, sent, status, code, more in REFUSED:
                asked = [*sent, ("accept-language", lang), ("x-request-id", "this-one")]
                got = await ask(app, method, path, b"{", asked)
                assert (got.status, got.json["code"], got.json["status"]) == (status, code, status)
                assert got.json["request_id"] == "this-one"
                found = got.headers
                if "allow" in found:
                    found["allow"] = ", ".join(sorted(found["allow"].split(", ")))
                assert found == {
                    "content-type": "application/problem+json",
                    "content-language": lang,
                    "cache-control": "no-store",
                    "content-length": str(len(got.body)),
                    "x-content-type-options": "nosniff",
                    "x-request-id": "this-one",
                    **more,
                }, (method, path)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ([("origin", SHOP)], True),
        ([("user-agent", "x"), ("origin", SHOP), ("referer", "x")], True),
        ([("origin", "https://other.example")], False),
        ([("origin", SHOP), ("origin", SHOP)], False),
        ([("origin", SHOP), ("origin", "https://other.example")], False),
        ([("accept", SHOP), ("x-origin", SHOP)], False),
        ([], False),
    ],
)
def test_whose_page_may_read_an_answer(headers: list[tuple[str, str]], allowed: bool) -> None:
    """One that is configured, and says once that it is this one."""
    app = create_app(settings(cors_origins=[SHOP]))
    got = asyncio.run(ask(app, "GET", "/v1/nothing", headers=headers))
    assert got.headers.get("access-control-allow-origin") == (SHOP if allowed else None)


@WAYS
def test_the_headers_of_an_answer(origins: list[str]) -> None:
    """An answer names its request as well, and is not to be kept where it holds a number."""

    async def play() -> None:
        app = create_app(settings(cors_origins=origins))
        known = {"x-content-type-options": "nosniff", "x-request-id": "this-one"}
        asked = [("authorization", f"Bearer {KEY}"), ("x-request-id", "this-one")]
        got = await ask(
            app, "POST", "/v1/apps/alipay/phone-number", (ENVELOPE / "authorization.txt").read_bytes(), asked
        )
        assert got.status == 200
        assert got.json["phone_number"].startswith("+86")
        length = {"content-length": str(len(got.body))}
        assert got.headers == {"content-type": "application/json", "cache-control": "no-store", **length, **known}
        got = await ask(app, "GET", "/healthz", headers=asked)
        length = {"content-length": str(len(got.body))}
        assert (got.status, got.headers) == (200, {"content-type": "application/json", **length, **known})
        got = await ask(app, "HEAD", "/healthz", headers=asked)
        assert got.status == 200
        assert got.headers.items() >= known.items()
        got = await ask(app, "OPTIONS", "/v1/apps/shop/login", headers=asked)
        assert (got.status, got.body) == (204, b"")
        assert sorted(got.headers["allow"].split(", ")) == ["OPTIONS", "POST"]
        assert got.headers.items() >= known.items()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("errcode", "status", "code", "wait"),
    [
        (45011, 429, "platform.rate-limited", "60"),
        (-1, 503, "outside.outcome-unknown", "5"),
        (45009, 503, "platform.quota-exhausted", None),  # it will be tomorrow
        (40029, 422, "platform.code-rejected", None),
        ("x", 502, "outside.nonsense-reply", None),
    ],
)
def test_when_to_come_again(errcode: object, status: int, code: str, wait: str | None) -> None:
    """Only where it helps, and where the status means it."""

    async def play() -> None:
        async with wechat({"errcode": errcode, "errmsg": "no"}) as url:
            got = await ask(create_app(settings(url)), "POST", "/v1/apps/shop/phone-number", CODE, [RIGHT])
        assert (got.status, got.json["code"], got.headers.get("retry-after")) == (status, code, wait)

    asyncio.run(play())


def test_what_must_not_be_sent_again_says_no_when() -> None:
    """A platform that is left alone for a while is not asked again with a code that may be used up."""
    exchange = Exchange("r", "POST", "en", b"", (), b"", 0, 0.0, 0.0)
    waits = CircuitOpen(retry_after=7)
    assert (b"retry-after", b"7") in refuse(exchange, waits)[2]
    assert b"retry-after" not in dict(refuse(exchange, waits.evolve(next_action=Next.ASK_AGAIN, retry=False))[2])


def test_when_an_address_may_come_again() -> None:
    """Whose codes were refused too often is told how long to wait, to the second."""

    async def play() -> None:
        async with wechat({"errcode": 40029, "errmsg": "no"}) as url:
            app = create_app(settings(url, refused_limit=1, refused_seconds=600))
            found = [
                await ask(app, "POST", "/v1/apps/shop/phone-number", body, [("authorization", f"Bearer {PUBLIC}")])
                for body in (b'{"code":"one"}', b'{"code":"two"}')
            ]
        assert [got.status for got in found] == [422, 429]
        assert "retry-after" not in found[0].headers
        assert 590 < int(found[1].headers["retry-after"]) <= 600
        assert found[1].json["code"] == "try-later"

    asyncio.run(play())


def test_the_other_habit() -> None:
    """The status is in the body, and the answer is no problem document: a client of this habit looks at both."""

    async def play() -> None:
        app = create_app(settings())
        got = await ask(app, "POST", "/v1/apps/habit/phone-number", b"{", [RIGHT])
        assert (got.status, got.json["code"], got.json["msg"]) == (200, 400, got.json["data"]["title"])
        assert got.json["data"]["code"] == "envelope.not-json"
        assert got.headers["content-type"] == "application/json"
        assert got.headers["cache-control"] == "no-store"
        # What the operator counts is the refusal.
        metrics = (await ask(app, "GET", "/metrics")).body.decode()
        assert re.search(r'_requests_total\{app="habit",code="envelope.not-json",.*status="4xx"\} 1', metrics)

    asyncio.run(play())


# --- what is known about a request


def test_whose_id_a_request_has() -> None:
    """That of the caller, if it is one and is sane; else one of ours, which looks like no number of anybody."""

    async def play() -> None:
        app = create_app(settings())
        for sane in ("a.B-c_9", "a" * 64, "0"):
            got = await ask(app, "GET", "/healthz", headers=[("x-request-id", sane)])
            assert got.headers["x-request-id"] == sane
        insane = ["", "a b", "a" * 65, "a/b", "a\n", "é", "a\r\nset-cookie: a=b"]
        for ids in (*([each] for each in insane), [], ["one", "two"], ["one", "one"], ["one", ""]):
            got = await ask(app, "GET", "/healthz", headers=[("x-request-id", each) for each in ids])
            assert re.fullmatch(r"[a-r]{32}", got.headers["x-request-id"]), ids

    asyncio.run(play())


@WAYS
def test_a_length_that_is_too_much(origins: list[str]) -> None:
    """Whoever announces too much is refused before a byte of it is read, whatever else he announces."""

    async def play() -> None:
        app = create_app(settings(cors_origins=origins))
        too_much, enough = str(32 * 1024 + 1), str(32 * 1024)
        for lengths in ([too_much], ["9" * 30], ["9" * 5000], [enough, too_much], [too_much, enough], [too_much, "x"]):
            asked = [RIGHT, *(("content-length", each) for each in lengths)]
            got = await ask(app, "POST", "/v1/apps/shop/login", b"{}", asked, receive=forbidden)
            assert (got.status, got.json["code"]) == (413, "envelope.too-large"), lengths
        for lengths in ([enough], ["x"], ["-1"], [""], [], ["1e9"]):
            asked = [RIGHT, *(("content-length", each) for each in lengths)]
            got = await ask(app, "POST", "/v1/apps/shop/login", b"{", asked)
            assert (got.status, got.json["code"]) == (400, "envelope.not-json"), lengths

    asyncio.run(play())


def test_a_list_may_be_in_several_headers() -> None:
    """Languages and types are lists, wherever they are cut."""

    async def play() -> None:
        app = create_app(settings())
        page = "/errors/trust.cannot-open"
        for languages, lang in (
            (["zh;q=0.9", "en;q=0.5"], "zh"),
            (["en;q=0.5", "zh;q=0.9"], "zh"),
            (["en", "zh;q=0.9"], "en"),
        ):
            got = await ask(app, "GET", page, headers=[("accept-language", each) for each in languages])
            assert got.headers["content-language"] == lang
        for types, kind in (
            (["text/html", "a/b"], "html"), (["a/b", "text/html"], "html"), (["a/b", "c/d"], "plain"), (["text/", "html"], "plain"),
        ):  # fmt: skip
            got = await ask(app, "GET", page, headers=[("accept", each) for each in types])
            assert got.headers["content-type"] == f"text/{kind}; charset=utf-8"

    asyncio.run(play())


def test_only_paths_that_are_answered_are_remembered() -> None:
    """A client can make up any number of others."""
    app: Any = create_app(settings())
    for path, status in (("/healthz", 200), ("/v1/apps/made-up/login", 404), ("/errors/made-up", 404), ("/x", 404)):
        for _ in range(2):
            method = "POST" if path.endswith("login") else "GET"
            assert asyncio.run(ask(app, method, path, CODE, [RIGHT])).status == status
    assert [path for _, path in app._known] == ["/healthz"]


def test_an_answer_without_a_body_has_no_length() -> None:
    """RFC 9110, section 8.6, of 204: not even 0. And nothing is said of origins where none is configured."""
    got = asyncio.run(ask(create_app(settings()), "OPTIONS", "/healthz", headers=[("origin", SHOP)]))
    assert (got.status, got.body) == (204, b"")
    assert not got.headers.keys() & {"content-length", "vary", "access-control-allow-origin"}


def test_a_path_has_one_spelling() -> None:
    """Which a proxy that lets some paths through compares; a server may not even say how it was spelled."""

    async def play() -> None:
        app = create_app(settings())
        for raw in ("/healthz", None):
            assert (await ask(app, "GET", "/healthz", raw_path=raw and raw.encode())).status == 200
        for path, raw in (
            ("/healthz", "/%68ealthz"), ("//healthz", "//healthz"), ("/healthz/", "/healthz/"), ("//healthz", None),
            ("/healthz/", None), ("/health%7a", None), ("/docs", "/docs%2F"), ("/", "//"), ("/", "/"),
            ("/healthz\n", "/healthz\n"), ("/healthz\n", None),
            ("/v1/apps//shop/login", None), ("/v1/apps/shop/login/", None),
        ):  # fmt: skip
            got = await ask(app, "GET", path, raw_path=raw and raw.encode())
            assert (got.status, got.json["code"]) == (404, "caller.unknown-route"), (path, raw)
        for length, code in ((256, "caller.unknown-app"), (257, "caller.unknown-route")):
            path = f"/v1/apps/{'a' * (length - 15)}/login"
            assert len(path) == length
            assert (await ask(app, "POST", path, CODE, [RIGHT])).json["code"] == code

    asyncio.run(play())


def test_a_path_that_was_answered_before() -> None:
    """It leads where it led at first, for any method and any caller, and under its own root alone."""

    async def play() -> None:
        app, envelope = create_app(settings()), (ENVELOPE / "authorization.txt").read_bytes()
        number, habit = "/v1/apps/alipay/phone-number", "/v1/apps/habit/phone-number"
        for _ in range(2):
            assert (await ask(app, "POST", number, envelope, [RIGHT])).json["app"] == "alipay"
            assert (await ask(app, "POST", number, envelope)).json["code"] == "caller.key-missing"
            assert (await ask(app, "GET", number)).status == 405
            assert (await ask(app, "POST", habit, envelope, [RIGHT])).json["data"]["code"] == "envelope.unknown-shape"
            page = await ask(app, "GET", "/errors/trust.cannot-open")
            assert page.body.startswith(b"trust.cannot-open\n")
            assert (await ask(app, "GET", "/errors/trust.cannot-opens")).status == 404
            assert (await ask(app, "POST", f"/{number}", envelope, [RIGHT])).status == 404
            assert (await ask(app, "POST", number, envelope, [RIGHT], root_path="/v1")).status == 404
            under = await ask(app, "POST", f"/below{number}", envelope, [RIGHT], root_path="/below")
            assert under.json["app"] == "alipay"

    asyncio.run(play())


# --- how long it may take, and what becomes of it


@WAYS
def test_a_request_that_takes_too_long(origins: list[str], capfdbinary: Any) -> None:
    """Its body or its answer: 408, the log says which, and whoever asked is not cancelled any more."""

    async def play() -> None:
        async with wechat({"errcode": 40029}, waits=0.4) as url:
            app: Any = create_app(settings(url, seconds=0.1, cors_origins=origins))
            for what in ("body", "answer"):
                receive = never if what == "body" else None
                got = await ask(app, "POST", "/v1/apps/shop/phone-number", CODE, [RIGHT], receive=receive)
                assert (got.status, got.json["code"]) == (408, "caller.too-slow")
                task = asyncio.current_task()
                assert task is not None
                assert task.cancelling() == 0
            body, answer = await lines(app, capfdbinary.readouterr)
        for line, what in ((body, "body"), (answer, "answer")):
            assert line["diagnosis"] == f"the {what} did not come in time"
            assert (line["status"], line["code"], line["route"]) == (
                408,
                "caller.too-slow",
                "/v1/apps/{app}/phone-number",
            )

    asyncio.run(play())


def test_an_answer_in_time() -> None:
    """A platform that takes its time, while there is some, is waited for; and what is answered is not cancelled."""

    async def play() -> None:
        async with wechat({"errcode": 40029}, waits=0.2) as url:
            app = create_app(settings(url))
            assert (await ask(app, "POST", "/v1/apps/shop/phone-number", CODE, [RIGHT])).status == 422
        app = create_app(settings(seconds=0.05))
        assert (await ask(app, "GET", "/healthz")).status == 200
        await asyncio.sleep(0.2)

    asyncio.run(play())


@WAYS
def test_a_caller_who_hangs_up(origins: list[str], capfdbinary: Any) -> None:
    """The server cancels the task: it ends, nothing is answered, and the log says so."""

    async def play() -> None:
        app = create_app(settings(cors_origins=origins))
        sent: list[dict[str, Any]] = []
        asked = asyncio.create_task(ask(app, "POST", "/v1/apps/shop/login", headers=[RIGHT], receive=never, sent=sent))
        await asyncio.sleep(0.01)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert sent == []
        metrics = (await ask(app, "GET", "/metrics")).body.decode()
        assert 'app="shop",code="",platform="wechat",route="/v1/apps/{app}/login",status="4xx"' in metrics
        (line,) = [json.loads(each) for each in capfdbinary.readouterr().err.splitlines() if b'"request"' in each]
        assert (line["status"], line["route"], line["app"]) == (499, "/v1/apps/{app}/login", "shop")

    asyncio.run(play())


@WAYS
@pytest.mark.parametrize("path", ["/v1/apps/shop/login", "/errors/trust.cannot-open"])
@pytest.mark.parametrize("breaks", ["http.response.start", "http.response.body"])
def test_a_connection_that_breaks(origins: list[str], path: str, breaks: str, capfdbinary: Any) -> None:
    """While it is answered: no second answer is begun, and the log has it."""

    async def play() -> None:
        app: Any = create_app(settings(cors_origins=origins))
        sent: list[str] = []

        class Broken(list[dict[str, Any]]):
            def append(self, message: dict[str, Any]) -> None:
                sent.append(message["type"])
                if message["type"] == breaks:
                    raise OSError

        method = "POST" if "login" in path else "GET"
        with pytest.raises(ValueError, match="unpack"):
            await ask(app, method, path, b"{", [RIGHT], sent=Broken())
        assert sent in (["http.response.start"], ["http.response.start", "http.response.body"])
        assert sent[-1] == breaks
        (line,) = [line for line in await lines(app, capfdbinary.readouterr) if "exception" in line]
        assert "OSError" in line["exception"]
        assert line["status"] in (200, 400)

    asyncio.run(play())


@WAYS
def test_what_is_counted(origins: list[str], capfdbinary: Any) -> None:
    """Every request once, under the template of its route and never under its path, with what came of it."""

    async def play() -> None:
        app = create_app(settings(cors_origins=origins))
        authorization = (ENVELOPE / "authorization.txt").read_bytes()
        await ask(app, "POST", "/v1/apps/alipay/phone-number", authorization, [RIGHT])
        await ask(app, "POST", "/v1/apps/shop/login", b"{", [RIGHT])
        await ask(app, "GET", "/healthz")
        await ask(app, "GET", "/errors/trust.cannot-open")
        await ask(app, "PUT", "/v1/apps/shop/login")
        await ask(app, "OPTIONS", "/v1/apps/shop/login")
        await ask(app, "GET", "/canary")
        await ask(app, "GET", "//canary")
        text = (await ask(app, "GET", "/metrics")).body.decode()
        found = dict(re.findall(r"^haoma_requests_total\{(.*)\} (.*)$", text, re.MULTILINE))
        assert found == {
            'app="alipay",code="",platform="alipay",route="/v1/apps/{app}/phone-number",status="2xx"': "1.0",
            'app="shop",code="envelope.not-json",platform="wechat",route="/v1/apps/{app}/login",status="4xx"': "1.0",
            'app="",code="caller.wrong-method",platform="",route="/v1/apps/{app}/login",status="4xx"': "1.0",
            'app="",code="",platform="",route="/v1/apps/{app}/login",status="2xx"': "1.0",
            'app="",code="",platform="",route="/healthz",status="2xx"': "1.0",
            'app="",code="",platform="",route="/errors/{code}",status="2xx"': "1.0",
            'app="",code="caller.unknown-route",platform="",route="",status="4xx"': "2.0",
        }
        seen = [(line["route"], line["status"], line["method"]) for line in await lines(app, capfdbinary.readouterr)]
        assert ("/v1/apps/{app}/phone-number", 200, "POST") in seen

    asyncio.run(play())


def test_start_and_stop() -> None:
    """A server that tells when it starts and stops is answered."""

    async def play() -> None:
        app: Any = create_app(settings())
        told = iter(["lifespan.startup", "lifespan.shutdown"])
        sent: list[str] = []

        async def receive() -> dict[str, Any]:
            return {"type": next(told)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message["type"])

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    asyncio.run(play())
