"""WeChat's side of the wire, as far as a phone code needs it. It counts what it is asked, and fails as it is told.

Every code of 64 hexadecimal digits is good once. What it was asked is counted before it fails, and a code is spent
before an answer can get lost: as on a platform.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SECRET = "0123456789abcdef0123456789abcdef"
_TOKEN = "/cgi-bin/stable_token"
_PHONE = "/wxa/business/getuserphonenumber"
_HUGE = 1 << 30

FATES = {
    "5xx": "outside.nonsense-reply",
    "429": "outside.nonsense-reply",
    "rate-limited": "platform.rate-limited",
    "busy": "outside.outcome-unknown",
    "hang": "outside.outcome-unknown",
    "drip": "outside.outcome-unknown",
    "reset": "outside.outcome-unknown",
    "dropped": "outside.outcome-unknown",
    "garbage": "outside.nonsense-reply",
    "huge": "outside.reply-too-large",
    "endless": "outside.reply-too-large",
}
"""How the exchange of a code fails, and what the service has to call it."""


def new_code() -> str:
    """Return a code that is good once."""
    return secrets.token_hex(32)


def number_of(code: str) -> str:
    """Return the number that a code stands for."""
    return f"139{int.from_bytes(hashlib.sha256(code.encode()).digest()[:6]) % 10**8:08d}"


def app_id(name: str) -> str:
    """Return the id of the app that is called ``name`` here."""
    return "wx" + hashlib.sha256(name.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Arrival:
    """A request that has arrived. ``port``: from which port it came."""

    app_id: str
    code: str
    port: int


class WeChat:
    """The platform, for the length of an ``async with`` block.

    Attributes:
        tokens: How often each app asked for a token.
        calls: How often each code was sent.
        spent: The codes that are used up.
        fates: How the exchange fails, for each app id; see `FATES`.
        seconds: How long it takes to answer.
        on_token, on_code: Awaited when a request has arrived, and was counted, before it is answered.
    """

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.spent: set[str] = set()
        self.fates: dict[str, str] = {}
        self.seconds = 0.0
        self.on_token: Callable[[Arrival], Awaitable[object]] | None = None
        self.on_code: Callable[[Arrival], Awaitable[object]] | None = None
        self._apps: dict[str, str] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # at the end
                await self._answer(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))))
        target = urlsplit(first.split(" ")[1])
        port = writer.get_extra_info("peername")[1]
        if target.path == _TOKEN:
            await self._token(body, port, writer)
        elif target.path == _PHONE:
            token = parse_qs(target.query)["access_token"][0]
            await self._phone(self._apps[token], body["code"], port, writer)

    async def _token(self, body: dict[str, Any], port: int, writer: asyncio.StreamWriter) -> None:
        app = body["appid"]
        self.tokens[app] += 1
        if self.on_token is not None:
            await self.on_token(Arrival(app, "", port))
        token = f"{self.tokens[app]}_{secrets.token_hex(16)}"
        self._apps[token] = app
        await _say(writer, {"access_token": token, "expires_in": 7200})

    async def _phone(self, app: str, code: str, port: int, writer: asyncio.StreamWriter) -> None:
        self.calls[code] += 1
        fate = self.fates.get(app, "")
        if fate in ("5xx", "429"):
            status = b"503 Service Unavailable" if fate == "5xx" else b"429 Too Many Requests"
            await _write(writer, b"HTTP/1.1 %b\r\nContent-Length: 13\r\n\r\n<html></html>" % status)
            return
        if fate in ("busy", "rate-limited"):
            await _say(writer, {"errcode": -1 if fate == "busy" else 45011, "errmsg": "no"})
            return
        if code in self.spent:
            await _say(writer, {"errcode": 40029, "errmsg": "invalid code"})
            return
        self.spent.add(code)
        if self.on_code is not None:
            await self.on_code(Arrival(app, code, port))
        if self.seconds:
            await asyncio.sleep(self.seconds)
        number = number_of(code)
        mark = {"timestamp": int(time.time()), "appid": app}
        info = {"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86", "watermark": mark}
        reply = {"errcode": 0, "errmsg": "ok", "phone_info": info}
        if fate:
            await _fail(writer, fate, reply)
        else:
            await _say(writer, reply)


async def _say(writer: asyncio.StreamWriter, found: dict[str, Any]) -> None:
    await _write(writer, _raw(found))


def _raw(found: dict[str, Any]) -> bytes:
    body = json.dumps(found).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _fail(writer: asyncio.StreamWriter, fate: str, found: dict[str, Any]) -> None:
    good = _raw(found)
    match fate:
        case "hang":
            await asyncio.sleep(60)
        case "drip":
            for each in good:
                await _write(writer, bytes((each,)))
                await asyncio.sleep(0.5)
        case "reset":
            await _write(writer, good[: len(good) // 2 + 40])
            _reset_on_close(writer)
        case "garbage":
            await _write(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + secrets.token_bytes(64))
        case "huge":
            await _write(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n{" % _HUGE)
            await asyncio.sleep(1)
        case "endless":
            await _write(writer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(_HUGE >> 14):
                await _write(writer, b"4000\r\n%b\r\n" % (b" " * 0x4000))


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
