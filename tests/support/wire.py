"""A platform's side of the wire without a network: requests are counted, and answered by a mirror or by given bodies.

The driver and the memory are the real ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from haoma.authorize import authorize
from haoma.errors import ConnectionLost, HaomaError, TimedOut
from haoma.io import blocking
from haoma.io.http import Http
from haoma.io.memory import Memory
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Answer, Call, Fate
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.steps import Reply, Request, Send, Step
from haoma.verified import VerifiedPhone

T = TypeVar("T")

NOW = 1_800_000_000.0


def answered(request: Request, respond: Callable[[Call], Answer | None]) -> Reply:
    """What the other side replies to a request, or the error of a connection that broke."""
    parts = urlsplit(request.url)
    assert not parts.query
    answer = respond(Call(request.method, parts.path, dict(request.query), dict(request.headers), request.body))
    assert answer is not None, parts.path
    if answer.fate is Fate.RESET:
        raise ConnectionLost
    if answer.fate is Fate.HANG:
        raise TimedOut
    return Reply(answer.status, answer.headers, answer.body)


class Given:
    """Answers with given bodies: one after the other, the last one for ever.

    A body may also be an error to raise, bytes, a whole `Answer`, or a pair of HTTP status and body.
    """

    def __init__(self, bodies: Mapping[str, Any]) -> None:
        self._bodies = {path: list(body) if isinstance(body, list) else [body] for path, body in bodies.items()}

    def answer(self, call: Call, _now: float) -> Answer | None:
        waiting = self._bodies[call.path]
        body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(body, HaomaError):
            raise body.again()
        status, body = body if isinstance(body, tuple) else (200, body)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Answer(status, {"content-type": "application/json"}, raw)


class Bench:
    """One process with a platform on the other side, which may be changed by setting ``side``."""

    def __init__(self, side: Any) -> None:
        self.now = NOW
        self.side = side if hasattr(side, "answer") else Given(side)
        self.calls: Counter[str] = Counter()
        self.sends: list[Send] = []
        self.world = blocking.World(cast("Http", self), Memory(now=lambda: self.now, wall=lambda: self.now))

    def send(self, step: Send) -> Reply:
        """Take the place of the network."""
        self.sends.append(step)
        self.calls[urlsplit(step.request.url).path] += 1
        return answered(step.request, lambda call: self.side.answer(call, self.now))

    def run(self, flow: Generator[Step[Any], Any, T]) -> T:
        return blocking.run(flow, self.world)

    def find(self, app: App, sent: Any, caller: str = "") -> VerifiedPhone:
        return self.run(authorize(app, sent, now=self.now, caller=caller))

    def refused(self, app: App, sent: Any, caller: str = "") -> HaomaError:
        try:
            found = self.find(app, sent, caller)
        except HaomaError as error:
            return error
        raise AssertionError(f"not refused: {found}")


def configured(platform: str, **settings: Any) -> App:
    """An app with these settings."""
    table = Table("shop", {"platform": platform, **settings}, now=NOW)
    app: App | None = PLATFORMS[platform].configure(table)
    assert app is not None, table.faults
    assert not table.faults
    return app


def repeated(phone: VerifiedPhone) -> VerifiedPhone:
    """Return what the very same request gets once more."""
    return msgspec.structs.replace(phone, repeated=True)
