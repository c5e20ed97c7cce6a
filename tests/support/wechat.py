"""WeChat's side of the wire for these tests: requests are counted, and answered by a mirror or by given bodies."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from haoma.authorize import authorize
from haoma.errors import ConnectionLost, HaomaError, TimedOut
from haoma.io import blocking
from haoma.io.http import Http
from haoma.io.memory import Memory
from haoma.platforms.base.mirroring import Answer, Call, Fate
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.app import WeChatApp
from haoma.steps import Pause, Reply, Request, Send, Step
from haoma.verified import VerifiedPhone

T = TypeVar("T")

NOW = 1_800_000_000.0
APP_ID = "wx4f4bc4dec97d474b"
SECRET = "0123456789abcdef0123456789abcdef"
OPENID = "oGZUI0egBJY1zhBYw2KhdUfwVJJE"
STABLE = "/cgi-bin/stable_token"
PLAIN = "/cgi-bin/token"
PHONE = "/wxa/business/getuserphonenumber"
LOGIN = "/sns/jscode2session"
CHECK = "/wxa/business/checkencryptedmsg"
TOKEN = {"access_token": "57_first-token", "expires_in": 7200}
PHONE_INFO = {
    "phoneNumber": "13580006666",
    "purePhoneNumber": "13580006666",
    "countryCode": "86",
    "watermark": {"timestamp": int(NOW), "appid": APP_ID},
}
OK = {"errcode": 0, "errmsg": "ok", "phone_info": PHONE_INFO}
DEAD = {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest rid: 6899a148-5929c88a"}
USED = {"errcode": 40029, "errmsg": "invalid code hint: [mGhbWV0sf-LxnVma] rid: 65f3e9f7-77cf1a1c-0dd74a0e"}
BUSY = {"errcode": -1, "errmsg": "system error"}


def refusal(errcode: int) -> dict[str, Any]:
    """A refusal of WeChat."""
    return {"errcode": errcode, "errmsg": "no"}


class Given:
    """Answers with given bodies: one after the other, the last one for ever. A body may be an error to raise."""

    def __init__(self, bodies: Mapping[str, Any]) -> None:
        self._bodies = {path: list(body) if isinstance(body, tuple) else [body] for path, body in bodies.items()}

    def answer(self, call: Call, _now: float) -> Answer | None:
        waiting = self._bodies[call.path]
        body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if callable(body):
            body = body(call)
        if isinstance(body, HaomaError):
            raise body.again()
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Answer(headers={"content-type": "text/plain"}, body=raw)


class Wire:
    """Takes the place of the network: `Send` reaches WeChat's side at once. Counts calls by path."""

    def __init__(self, side: Any, now: Callable[[], float] = lambda: NOW) -> None:
        self.side = side
        self.calls: Counter[str] = Counter()
        self.requests: list[Request] = []
        self.sends: list[Send] = []
        self.delay = 0.0
        self.arrives: Callable[[Request], object] = lambda request: None  # may wait
        self._now = now
        self._lock = threading.Lock()

    def send(self, step: Send) -> Reply:
        request = step.request
        self.arrives(request)
        time.sleep(self.delay)
        with self._lock:
            parts = urlsplit(request.url)
            assert not parts.query
            self.calls[parts.path] += 1
            self.requests.append(request)
            self.sends.append(step)
            call = Call(request.method, parts.path, dict(request.query), dict(request.headers), request.body)
            answer = self.side.answer(call, self._now())
        assert answer is not None, parts.path
        if answer.fate is Fate.RESET:
            raise ConnectionLost
        if answer.fate is Fate.HANG:
            raise TimedOut
        return Reply(answer.status, answer.headers, answer.body)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Bench:
    """One process with WeChat on the other side: real driver, real memory, no network; pauses are noted, not waited."""

    def __init__(self, side: Any) -> None:
        self.clock = Clock()
        self.wire = Wire(side if hasattr(side, "answer") else Given(side), self.clock)
        self.memory = Memory(now=self.clock, wall=self.clock)
        self.world = blocking.World(cast("Http", self.wire), self.memory)
        self.pauses: list[float] = []
        self.steps: list[Step[Any]] = []

    @property
    def calls(self) -> Counter[str]:
        return self.wire.calls

    def run(self, flow: Generator[Step[Any], Any, T]) -> T:
        return blocking.run(self._noted(flow), self.world)

    def find(self, app: WeChatApp, sent: Any, caller: str = "") -> VerifiedPhone:
        return self.run(authorize(app, sent, now=self.clock.now, caller=caller))

    def refused(self, app: WeChatApp, sent: Any, caller: str = "") -> HaomaError:
        try:
            found = self.find(app, sent, caller)
        except HaomaError as error:
            return error
        raise AssertionError(f"not refused: {found}")

    def _noted(self, flow: Generator[Step[Any], Any, T]) -> Generator[Step[Any], Any, T]:
        answer: Any = None
        refusal: HaomaError | None = None
        while True:
            try:
                step = flow.send(answer) if refusal is None else flow.throw(refusal)
            except StopIteration as end:
                return cast("T", end.value)
            answer = refusal = None
            self.steps.append(step)
            if isinstance(step, Pause):
                self.pauses.append(step.seconds)
                continue
            try:
                answer = yield step
            except HaomaError as error:
                refusal = error


def configured(**settings: Any) -> WeChatApp:
    """An app with these settings."""
    table = Table("shop", {"platform": "wechat", "app_id": APP_ID, "app_secret": SECRET, **settings}, now=NOW)
    app = WECHAT.configure(table)
    assert app is not None, table.faults
    assert not table.faults
    return app
