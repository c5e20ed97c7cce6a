"""Measures whether the duration of a refusal reveals what was wrong with a message under a session_key.

For each pair of failures it computes the AUC of Mann and Whitney: the chance that a refusal of one kind took longer
than one of the other. 0.5 reveals nothing, 0 or 1 everything. It times the whole call of `Client` in this process, and
one request to ``haoma serve`` over loopback. The kinds take turns in changing order, so that a disturbance affects all.
Each message is sealed anew, and a session_key is used for three of them, because a fourth would not be tried.

A figure from few samples varies: by 0.004 with 20,000 of each kind, by 0.013 with 2,000 (one standard error). The worst
of thirty pairs varies two to three times as much.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import tempfile
import threading
import time
from base64 import b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations, count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bench.goals import Goal, Row, Section
from bench.service import running
from haoma import Client
from haoma.authorize import log_in
from haoma.errors import CannotOpen
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.settings.reader import configure
from haoma.simulator.beside import free_port
from haoma.steps import Reply, Send

if TYPE_CHECKING:
    from haoma.io.http import Http

_SERVER_KEY: Final = "bench-server-key-0123456789abcdef"
_APP_KEY: Final = "AKEYAKEYAKEYAKEYAKEYAKEYAKEYAKEY"
_PLATFORMS: Final[dict[str, dict[str, Any]]] = {
    "baidu": {"app_key": _APP_KEY, "app_secret": "a-secret-of-32-characters-abcdef"},
    "kuaishou": {"app_id": "ks0000000000000000", "app_secret": "a-secret-of-22-charact"},
    "xiaohongshu": {"app_id": "6" * 24, "app_secret": "a" * 32},
    "douyin": {"app_id": "tt0000000000000000", "app_secret": "a" * 40, "accept_encrypted_data": True},
    "wechat": {"app_id": "wx0000000000000000", "app_secret": "a" * 32, "accept_encrypted_data": True},
}
_TRIES: Final = 3
_AT_ONCE: Final = 3_000  # messages per memory, so that its tables stay small
_NEAR: Final = {"process": 0.05, "http": 0.02}


def _failures(platform: str) -> dict[str, Callable[[], bytes]]:
    """Return a function per kind of failure, which makes a padded plain text that fails in that way."""
    number = "13800138000"
    whole: dict[str, Any] = {"phoneNumber": number, "countryCode": "86"}
    if platform == "baidu":
        whole = {"mobile": number}
    elif platform != "kuaishou":
        watermark = {"timestamp": int(time.time()), _named(platform): _PLATFORMS[platform]["app_id"]}
        whole |= {"purePhoneNumber": number, "watermark": watermark}

    def changed(**members: Any) -> Callable[[], bytes]:
        text = msgspec.json.encode({**whole, **members})
        return lambda: _padded(platform, text)

    text = msgspec.json.encode(whole)
    name = "mobile" if platform == "baidu" else "phoneNumber"
    # Messages of the same length, because whoever sends one knows its length.
    other = b'{"nickName":"%b"}' % (b"x" * (len(text) - len('{"nickName":""}')))
    kinds = {
        "padding": lambda: _padded(platform, text)[:-1] + b"\0",
        "noise": lambda: os.urandom(len(_padded(platform, text))),
        "text": lambda: _padded(platform, text.replace(b"138", b"\xff\xfe\xfd")),
        "JSON": lambda: _padded(platform, text[:-1] + b","),
        "fields": lambda: _padded(platform, other),
        "members": changed(**{name: number[:3], "c": "x"}),
        "number": changed(**{name: "138****8000"}),
    }
    if platform == "baidu":
        kinds["frame"] = lambda: _padded(platform, text, length=2**31)
        kinds["App Key"] = lambda: _padded(platform, text, app_key=_APP_KEY[::-1])
    elif platform != "kuaishou":
        kinds["watermark: app"] = changed(
            watermark={**whole["watermark"], _named(platform): _PLATFORMS[platform]["app_id"][:-1] + "x"}
        )
    if platform == "wechat":
        kinds["watermark: age"] = changed(watermark={**whole["watermark"], "timestamp": 1_700_000_000})
    return kinds


def _named(platform: str) -> str:
    return "appId" if platform == "xiaohongshu" else "appid"


def _padded(platform: str, text: bytes, *, length: int | None = None, app_key: str = _APP_KEY) -> bytes:
    block = 16
    if platform == "baidu":
        length = len(text) if length is None else length
        text, block = os.urandom(16) + length.to_bytes(4) + text + app_key.encode(), 32
    size = block - len(text) % block
    return text + bytes([size]) * size


def _key_of(platform: str, code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()[: 24 if platform == "baidu" else 16]


def _login(platform: str, code: str) -> dict[str, Any]:
    """Return the platform's answer to a login: a user and a session_key per code."""
    key = b64encode(_key_of(platform, code)).decode("ascii")
    found = {"openid": code, "open_id": code, "session_key": key}
    token = {"access_token": code, "expire_in": 7200}
    return {"result": 1, "err_no": 0, "success": True, "code": 0, **found, "data": found | token}


def _sealed(platform: str, code: str, padded: bytes) -> dict[str, str]:
    iv = os.urandom(16)
    encryptor = Cipher(algorithms.AES(_key_of(platform, code)), modes.CBC(iv)).encryptor()
    return {"encryptedData": b64encode(encryptor.update(padded)).decode(), "iv": b64encode(iv).decode()}


class _AtHand:
    """Answers logins within this process."""

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self.code = ""

    def send(self, step: Send) -> Reply:
        """Replace the network."""
        del step
        body = msgspec.json.encode(_login(self._platform, self.code))
        return Reply(200, {"content-type": "application/json"}, body)


def _in_process(platform: str, samples: int) -> dict[str, list[float]]:
    """Time a client's whole call, up to its error."""
    kinds = _failures(platform)
    app = configure(platform, **_PLATFORMS[platform])
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    network, codes = _AtHand(platform), count()
    for number, (kind, is_first) in enumerate(_turns(kinds, samples)):
        is_new = number % _AT_ONCE == 0
        if is_new:
            memory = Memory()
            client, world = Client(app, memory=memory), World(cast("Http", network), memory)
        if is_first or is_new:
            network.code = f"code-{next(codes)}"
            session, _ = run(log_in(app, {"login_code": network.code}, now=time.time()), world)
        body = {"session": session, "authorization": _sealed(platform, network.code, kinds[kind]())}
        started = time.perf_counter()
        try:
            client.get_phone_number(app, body)
        except CannotOpen:
            times[kind].append(time.perf_counter() - started)
    return times


def _turns(kinds: dict[str, Any], samples: int) -> Iterator[tuple[str, bool]]:
    """Yield the kinds in turns, and whether a new session_key is needed."""
    order, number = list(kinds), 0
    for _ in range(samples):
        random.shuffle(order)
        for kind in order:
            yield kind, number % _TRIES == 0
            number += 1


@contextmanager
def _platform(platform: str) -> Iterator[str]:
    """Answer logins over loopback. Yields the address."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["content-length"])))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, sent: bytes) -> None:
            query = parse_qs(urlsplit(self.path).query) | parse_qs(sent.decode())
            found = query if not sent.startswith(b"{") else {name: [each] for name, each in json.loads(sent).items()}
            body = msgspec.json.encode(_login(platform, (found.get("code") or found.get("js_code") or ["no-code"])[0]))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _over_http(platform: str, samples: int) -> dict[str, list[float]]:
    """Time one request to the service, up to the last byte of the answer."""
    kinds = _failures(platform)
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    with ExitStack() as stack:
        settings = _PLATFORMS[platform] | {
            "platform": platform,
            "api_base_url": stack.enter_context(_platform(platform)),
        }
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-bench-")))
        config, port, codes = folder / "haoma.toml", free_port(), count()
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        service = ["allow_insecure_upstreams = true", "[service]", f'server_keys = ["{_SERVER_KEY}"]', "[apps.shop]"]
        config.write_text("\n".join([*service, *lines, ""]), "utf-8")
        listen = f"127.0.0.1:{port}"
        stack.enter_context(running(("-m", "haoma", "serve", "--config", str(config), "--listen", listen)))
        connection = connected(port)

        def ask(route: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            headers = {"authorization": f"Bearer {_SERVER_KEY}", "content-type": "application/json"}
            connection.request("POST", f"/v1/apps/shop/{route}", json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

        for kind, first in _turns(kinds, samples):
            if first:
                code = f"code-{next(codes)}"
                _, found = ask("login", {"login_code": code})
            body = {"session": found["session"], "authorization": _sealed(platform, code, kinds[kind]())}
            started = time.perf_counter()
            status, _ = ask("phone-number", body)
            if status != 422:
                raise AssertionError(status)
            times[kind].append(time.perf_counter() - started)
    return times


def connected(port: int) -> http.client.HTTPConnection:
    """Return a connection to a service on this machine, once it answers."""
    until = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/readyz")
            connection.getresponse().read()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return connection


def auc(ones: list[float], others: list[float]) -> float:
    """Return the chance that one of ``ones`` is larger than one of ``others``. Equal ones count half."""
    others = sorted(others)
    below = sum(bisect_left(others, one) + bisect_right(others, one) for one in ones)
    return below / (2 * len(ones) * len(others))


def measure(samples: int, http_samples: int, platforms: list[str] | None = None) -> Iterator[Section]:
    """Yield two tables per platform, one in this process and one over HTTP, with every pair of failures."""
    for platform in platforms or _PLATFORMS:
        yield _section(f"{platform}: whole call  整个调用", _in_process(platform, samples), _NEAR["process"])
        yield _section(f"{platform}: HTTP, loopback  经 HTTP", _over_http(platform, http_samples), _NEAR["http"])


def _section(title: str, times: dict[str, list[float]], near: float) -> Section:
    each = min(len(found) for found in times.values())
    section = Section(f"Timing of refusals, {title}, {each} × {len(times)}  拒绝的耗时", ("AUC", "µs", "µs", ""))
    typical = {kind: f"{median(found) * 1e6:.1f}" for kind, found in times.items()}
    furthest = 0.0
    for one, other in combinations(times, 2):
        value = auc(times[one], times[other])
        furthest = max(furthest, abs(value - 0.5))
        verdict = "ok" if abs(value - 0.5) <= near else "over 超出"
        section.rows.append(Row(f"{one} : {other}", (f"{value:.3f}", typical[one], typical[other], verdict)))
    section.goals.append(Goal("furthest AUC from 0.5  离 0.5 最远的 AUC", furthest, "<=", near, ""))
    section.notes.append(f"one standard error  标准误: {(6 * each) ** -0.5:.3f}")
    return section
