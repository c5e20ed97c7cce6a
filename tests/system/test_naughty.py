"""The naughty strings of others in every string of every body shape, in headers and in paths: no mistake of ours."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from conftest import corpus_json
from haoma.simulator import Simulator
from support.live import PUBLISHABLE_KEY, SERVER_KEY, Answer, Service

pytest_plugins = ["support.whole_system"]

CONNECTIONS = 16
B64 = "QUJDREVGR0hJSktMTU5PUA=="

Shape = Callable[[str], object]

SHAPES: dict[str, tuple[str, Shape]] = {
    "response": ("alipay", lambda text: {"response": text}),
    "response-with-sign": ("alipay", lambda text: {"response": text, "sign": B64}),
    "sign": ("alipay", lambda text: {"response": B64, "sign": text}),
    "encryptedData": ("alipay", lambda text: {"encryptedData": text, "sign": B64}),
    "inner": ("alipay", lambda text: {"authorization": {"response": json.dumps({"response": text, "sign": text})}}),
    "authorization": ("alipay", lambda text: {"authorization": text}),
    "clear-code": ("alipay", lambda text: {"response": {"code": text, "msg": "x", "subCode": "x", "subMsg": "x"}}),
    "clear-words": (
        "alipay",
        lambda text: {"response": {"code": "40006", "msg": text, "subCode": text, "subMsg": text}},
    ),
    "event": ("alipay", lambda text: {"type": "error", "detail": {"errorMessage": text}}),
    "login-code": ("alipay", lambda text: {"login_code": text, "authorization": {"response": B64, "sign": B64}}),
    "session": ("alipay", lambda text: {"session": text, "authorization": {"response": B64, "sign": B64}}),
    "consent": ("alipay", lambda text: {"consent": {"policy": text, text: "x"}, "response": B64, "sign": B64}),
    "name": ("alipay", lambda text: {text: "x"}),
    "body": ("alipay", lambda text: text.encode("utf-8", "surrogatepass")),
    "code": ("wechat", lambda text: {"code": text}),
    "wechat-login-code": ("wechat", lambda text: {"login_code": text, "authorization": {"code": "x"}}),
    "errMsg": ("wechat", lambda text: {"errMsg": text}),
    "errno": ("wechat", lambda text: {"detail": {"errMsg": "getPhoneNumber:fail", "errno": text}}),
    "cloudID": ("wechat", lambda text: {"cloudID": text}),
    "sealed": ("wechat-sealed", lambda text: {"session": "x", "encryptedData": text, "iv": B64}),
    "sealed-session": ("wechat-sealed", lambda text: {"session": text, "encryptedData": B64, "iv": B64}),
    "wechat-body": ("wechat", lambda text: text.encode("utf-8", "surrogatepass")),
}
NO_HEADERS: Mapping[str, bytes] = {}
HEADERS = ("authorization", "x-request-id", "accept-language", "content-type", "accept")


@dataclass(frozen=True)
class Wanted:
    """One request: its head without the length, and its body."""

    what: str
    head: bytes
    body: bytes = b""


def post(
    path: str, body: object, key: str = SERVER_KEY, headers: Mapping[str, bytes] = NO_HEADERS
) -> tuple[bytes, bytes]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"authorization": f"Bearer {key}".encode(), **headers}
    lines = [f"POST {path} HTTP/1.1".encode(), b"host: haoma"]
    lines += [name.encode() + b": " + value for name, value in named.items()]
    return b"\r\n".join(lines), content


def bodies(strings: list[str]) -> Iterator[Wanted]:
    for what, (app, shape) in SHAPES.items():
        for number, text in enumerate(strings):
            key = PUBLISHABLE_KEY if number % 2 else SERVER_KEY
            yield Wanted(what, *post(f"/v1/apps/{app}/phone-number", shape(text), key))


def other_routes(strings: list[str]) -> Iterator[Wanted]:
    for text in strings:
        yield Wanted("login", *post("/v1/apps/wechat/login", {"login_code": text}))
        yield Wanted("reveal", *post("/v1/apps/alipay/phone-number/reveal", {"token": text}))
        for name in HEADERS:
            # A line break ends a header and NUL ends the request: no server would get to see what comes after.
            value = text.encode("utf-8", "surrogatepass").translate(None, b"\r\n\0")
            value = b"Bearer " + value if name == "authorization" else value
            body = {"response": B64, "sign": B64}
            yield Wanted(name, *post("/v1/apps/alipay/phone-number", body, headers={name: value}))
        segment = quote(text.encode("utf-8", "surrogatepass"), safe="")
        for path in (
            f"/v1/apps/{segment}/phone-number",
            f"/v1/apps/alipay/{segment}",
            f"/{segment}",
            f"/healthz?{segment}",
        ):
            yield Wanted("path", *post(path, {}))
        yield Wanted("page", f"GET /errors/{segment} HTTP/1.1\r\nhost: haoma".encode())


async def send_all(port: int, wanted: Iterator[Wanted]) -> list[tuple[Wanted, Answer]]:
    """Send everything over a few connections that are kept alive."""
    found = []

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for each in wanted:
                writer.write(each.head + b"\r\ncontent-length: %d\r\n\r\n" % len(each.body) + each.body)
                answer = await read(reader)
                found.append((each, answer))
                if answer.headers.get("connection") == "close":
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
        finally:
            writer.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return found


async def read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(status.split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0))))


@pytest.fixture(scope="module")
def strings() -> list[str]:
    found: list[str] = corpus_json("blns.json")
    assert len(found) > 500
    return found


def assert_in_order(answered: list[tuple[Wanted, Answer]]) -> Counter[str]:
    """Every answer is a success or a problem object that says what was wrong, and none is a mistake of ours."""
    codes: Counter[str] = Counter()
    for wanted, answer in answered:
        kind = answer.headers.get("content-type", "")
        if answer.status == 200:
            assert kind.startswith(("application/json", "text/plain")), wanted
            codes["200"] += 1
            continue
        if (
            answer.status == 400
            and wanted.what in HEADERS
            and re.search(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]", wanted.head)
        ):
            codes["not HTTP"] += 1  # a control character in a header; the server refuses before haoma sees it
            continue
        assert kind == "application/problem+json", (wanted, answer)
        problem: dict[str, Any] = answer.json
        assert problem["status"] == answer.status
        assert problem["title"]
        if answer.status >= 500:
            assert problem["code"].startswith(("platform.", "outside.", "not-available", "try-later")), (wanted, answer)
        codes[problem["code"]] += 1
    return codes


def test_bodies(strings: list[str], service: Service, simulator: Simulator) -> None:
    """Whatever stands in a field, the answer names a fault of the request, or the platform's own refusal."""
    answered = asyncio.run(send_all(service.port, bodies(strings)))
    codes = assert_in_order(answered)
    assert sum(codes.values()) == len(SHAPES) * len(strings)
    assert "200" not in codes
    assert len(codes) > 15, codes  # the strings reach deep, not only the JSON parser


def test_routes_headers_and_paths(strings: list[str], service: Service, simulator: Simulator) -> None:
    """The same for the other routes, for headers, and for every part of a path."""
    answered = asyncio.run(send_all(service.port, other_routes(strings)))
    codes = assert_in_order(answered)
    assert {"caller.key-rejected", "caller.unknown-app", "caller.unknown-route", "trust.signature-mismatch"} <= set(
        codes
    )
    ids = [answer.headers["x-request-id"] for _, answer in answered if answer.body]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", each) for each in ids)


def test_the_service_is_well(service: Service, strings: list[str]) -> None:
    """After all that it has logged no mistake of its own, and still answers."""
    assert service.request("GET", "/healthz").status == 200
    assert [line for line in service.log if line.get("code") == "caller.internal-fault" or "traceback" in line] == []
