"""How long ``inspect`` takes for one MiB of anything, and ``doctor --front-end`` for a tree of 5,000 files.

The shapes are made, with a fixed seed: logs, JSON, base64, markup and source code, each as large as ``inspect`` takes.
The tree holds pages of the WeChat example, under other names.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.goals import Goal, Row, Section
from haoma.doctor.captures.capture import MAX_BYTES
from haoma.doctor.captures.inspect import inspect
from haoma.doctor.mini_program.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable

_EXAMPLE: Final = Path(__file__).parents[1] / "frontend" / "examples" / "native-wechat"
_FILES: Final = 5_000
_INSPECT_SECONDS: Final = 2.0
_FRONT_END_SECONDS: Final = 20.0


def measure(rounds: int) -> Section:
    """Measure every shape, and the tree."""
    section = Section("The doctor  诊断", ("seconds  秒", "slowest  最慢"))
    slowest = 0.0
    for name, make in _SHAPES.items():
        content = _filled(make)
        times = [_inspected(content) for _ in range(rounds)]
        slowest = max(slowest, *times)
        section.rows.append(Row(f"inspect, 1 MiB: {name}", (f"{median(times):.2f}", f"{max(times):.2f}")))
    with tempfile.TemporaryDirectory() as folder:
        found, seconds = _scanned(Path(folder))
    section.rows.append(Row(f"doctor --front-end, {_FILES} files  文件", (f"{seconds:.2f}", f"{seconds:.2f}")))
    with tempfile.TemporaryDirectory() as folder:
        followed = _followed(Path(folder))
    name = f"the same with {_FILES // 3} phone buttons  其中 {_FILES // 3} 个手机号按钮"
    section.rows.append(Row(name, (f"{followed:.2f}", f"{followed:.2f}")))
    section.goals.append(Goal("inspect, 1 MiB of anything  任意 1 MiB", slowest, "<=", _INSPECT_SECONDS, "s"))
    section.goals.append(Goal(f"front end, {_FILES} files  前端", seconds, "<=", _FRONT_END_SECONDS, "s"))
    section.goals.append(Goal("front end with buttons  前端，有按钮", followed, "<=", _FRONT_END_SECONDS, "s"))
    section.notes.append(f"front end: {found} findings  前端：{found} 条")
    return section


def _log(chance: random.Random) -> str:
    return f"10:00:01 INFO POST /phone {_json(chance)}\n"


def _json(chance: random.Random) -> str:
    sent = {"encryptedData": _base64(chance, 256), "iv": _base64(chance, 16), "code": chance.randbytes(32).hex()}
    return json.dumps(sent)


def _base64(chance: random.Random, size: int = 768) -> str:
    return base64.b64encode(chance.randbytes(size)).decode()


_SHAPES: Final[dict[str, Callable[[random.Random], str]]] = {
    "log": _log,
    "JSON, one a line": lambda chance: f"{_json(chance)}\n",
    "JSON in strings": lambda chance: f'{{"body": {json.dumps(_json(chance))}}}\n',
    "base64": _base64,
    "digits": lambda chance: f"{chance.randrange(10**11)} ",
    "addresses": lambda chance: f"GET /phone?code={chance.randbytes(32).hex()}&iv={_base64(chance, 16)} HTTP/1.1\n",
    "stack traces": lambda _: 'Caused by: java.lang.Exception: pad block corrupted\n\tat com.shop.Phone.open("x:1")\n',
    "open brackets": lambda _: "[{(" * 40,
    "quotes": lambda _: "\\\"'" * 40,
    "blanks": lambda _: " " * 100,
    "Chinese": lambda _: "无效的授权关系，请检查应用",
}


def _filled(make: Callable[[random.Random], str]) -> bytes:
    """Return as much of a shape as ``inspect`` takes."""
    chance, parts, size = random.Random(20261130), list[bytes](), 0
    while size < MAX_BYTES:
        parts.append(make(chance).encode())
        size += len(parts[-1])
    whole = b"".join(parts)[:MAX_BYTES]
    return whole.decode("utf-8", "ignore").encode()


def _inspected(content: bytes) -> float:
    began = time.perf_counter()
    inspect(content, now=time.time())
    return time.perf_counter() - began


def _scanned(folder: Path) -> tuple[int, float]:
    """Return how many findings a tree has, and the seconds that they took."""
    shutil.copytree(_EXAMPLE, folder / "shop", ignore=shutil.ignore_patterns("node_modules"))
    page = next(path.parent for path in sorted((folder / "shop" / "pages").rglob("*.wxml")))
    read = [path for path in page.iterdir() if path.is_file() and path.suffix != ".wxss"]  # styles are not read
    for number in range(_FILES // len(read)):
        shutil.copytree(page, folder / "shop" / "pages" / f"copy{number}", ignore=shutil.ignore_patterns("*.wxss"))
    began = time.perf_counter()
    found = sum(1 for _ in scan(folder / "shop"))
    return found, time.perf_counter() - began


def _followed(folder: Path) -> float:
    """Return the seconds that a tree takes in which every page has a phone button and a request through a helper."""
    (folder / "request.js").write_text(_HELPER, "utf-8")
    for number in range(_FILES // 3):
        page = folder / f"p{number}"
        page.mkdir()
        (page / "p.wxml").write_text(
            '<button open-type="getPhoneNumber" bindgetphonenumber="onPhone">x</button>', "utf-8"
        )
        (page / "p.json").write_text("{}", "utf-8")
        (page / "p.js").write_text(_PAGE, "utf-8")
    began = time.perf_counter()
    for _ in scan(folder):
        pass
    return time.perf_counter() - began


_BUTTON: Final = '<button open-type="getPhoneNumber" bindgetphonenumber="onPhone">x</button>'
_HELPER: Final = """module.exports = ({ url, data, method = 'POST' }) =>
  new Promise((ok, no) =>
    wx.request({ url: 'https://shop.example.com' + url, data, method, success: (r) => ok(r.data), fail: no }))
"""
_PAGE: Final = """const request = require('../request')
Page({
  onLoad() { wx.login({ success: (r) => this.setData({ code: r.code }) }) },
  onPhone(e) {
    if (!e.detail.code) return
    request({ url: '/phone', data: { login_code: this.data.code, phone_code: e.detail.code } })
      .then((r) => wx.setStorageSync('token', r.token))
  },
})
"""
