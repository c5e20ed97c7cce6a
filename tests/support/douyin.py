"""Douyin's side of the wire for these tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from haoma.crypto.forging import forge_cbc, forge_rsa
from haoma.crypto.keys import parse_private_key
from haoma.errors import HaomaError
from haoma.platforms.base.mirroring import Answer, Call
from haoma.platforms.douyin.app import DouyinApp
from haoma.steps import Pause, Step
from support import wire
from support.vector_cases import cases

T = TypeVar("T")

APP_ID = "tt0000000000000000"
SECRET = "0123456789abcdef0123456789abcdef01234567"
KEY = next(case for case in cases("douyin") if case.name == "douyin/code-mainland").app["app_private_key"]
OTHER_KEY = next(case for case in cases("douyin") if case.name == "douyin/code-wrong-private-key_fail").app[
    "app_private_key"
]
OPENID = "_000olD1lMBtxYzAbCdEf0123456789"
SESSION_KEY = base64.b64encode(b"the-session-key!").decode()
STABLE = "/oauth/stable_client_token/"
PLAIN = "/oauth/client_token/"
PHONE = "/api/apps/v1/get_phonenumber_info/"
LOGIN = "/api/apps/v2/jscode2session"
PAYLOAD = {
    "phoneNumber": "13800138000",
    "purePhoneNumber": "13800138000",
    "countryCode": "86",
    "watermark": {"appid": APP_ID, "timestamp": 1700000000},
}
LOG_ID = "20250101000000000000000000000000AB"


def token(text: str = "clt.first-token", expires_in: object = 7200) -> dict[str, Any]:
    """A reply of the token endpoints."""
    given = {"access_token": text, "description": "", "error_code": 0, "expires_in": expires_in}
    return {"data": given, "message": "success"}


def no_token(error_code: int, words: str = "no") -> dict[str, Any]:
    """A refusal of the token endpoints."""
    return {"data": {"captcha": "", "description": words, "error_code": error_code}, "message": "error"}


def block(plain: object = PAYLOAD, key: str = KEY) -> str:
    """What Douyin encrypts for the app."""
    raw = plain if isinstance(plain, bytes) else json.dumps(plain, separators=(",", ":")).encode()
    return forge_rsa(parse_private_key(key).public_key(), raw, lambda count: bytes(range(1, count + 1)))


def found(**change: Any) -> dict[str, Any]:
    """A success of the phone call."""
    return {"err_no": 0, "err_msg": "", "log_id": LOG_ID, "data": block({**PAYLOAD, **change})}


def refusal(err_no: int, words: str = "no") -> dict[str, Any]:
    """A refusal of the phone call or the login."""
    return {"err_no": err_no, "err_tips": words, "log_id": LOG_ID}


def session(key: str = SESSION_KEY) -> dict[str, Any]:
    """A success of the login."""
    given = {"session_key": key, "openid": OPENID, "anonymous_openid": "", "unionid": "u-nion"}
    return {"err_no": 0, "err_tips": "success", "log_id": LOG_ID, "data": given}


def sealed(
    number: str = "13800138000", *, key: str = SESSION_KEY, iv: bytes = b"i" * 16, **change: Any
) -> dict[str, str]:
    """What the button gives in the session_key flow."""
    plain = {**PAYLOAD, "phoneNumber": number, "purePhoneNumber": number, **change}
    text = forge_cbc(base64.b64decode(key), iv, json.dumps(plain).encode())
    return {"encryptedData": text, "iv": base64.b64encode(iv).decode()}


OK = found()
GONE = refusal(28005187, "code 已过期")
DEAD = refusal(28001008, "access_token过期,请刷新或重新授权")
BUSY = refusal(28001005, "系统繁忙，此时请开发者稍候再试")


class Asked:
    """Douyin as a function of the call."""

    def __init__(self, respond: Callable[[Call], Any]) -> None:
        self._respond = respond

    def answer(self, call: Call, _now: float) -> Answer:
        return Answer(body=json.dumps(self._respond(call)).encode())


class Bench(wire.Bench):
    """One process with Douyin on the other side; pauses are noted, not waited."""

    def __init__(self, side: Any) -> None:
        super().__init__({STABLE: token(), **side} if isinstance(side, dict) else side)
        self.pauses: list[float] = []
        self.steps: list[Step[Any]] = []

    def run(self, flow: Generator[Step[Any], Any, T]) -> T:
        return super().run(self._noted(flow))

    def _noted(self, flow: Generator[Step[Any], Any, T]) -> Generator[Step[Any], Any, T]:
        answer: Any = None
        refused: HaomaError | None = None
        while True:
            try:
                step = flow.send(answer) if refused is None else flow.throw(refused)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = refused = None
            self.steps.append(step)
            if isinstance(step, Pause):
                self.pauses.append(step.seconds)
                continue
            try:
                answer = yield step
            except HaomaError as error:
                refused = error


def configured(**settings: Any) -> DouyinApp:
    """An app with these settings."""
    usual = {"app_id": APP_ID, "app_secret": SECRET, "app_private_key": KEY}
    wanted = {name: value for name, value in {**usual, **settings}.items() if value is not None}
    app = wire.configured("douyin", **wanted)
    assert isinstance(app, DouyinApp)
    return app
