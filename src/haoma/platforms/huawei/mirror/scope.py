"""The simulated Huawei for atomic services and ASCF: the button, ``oauth2/v3/token`` and ``GOpen.User.getInfo``.

It keeps Huawei's habits: refusals of a code are HTTP 400 with ``sub_error``; refusals of a token are HTTP 200 with the
header ``NSP_STATUS``; codes and tokens hold ``+``, ``/`` and ``=``; a number has no country code.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec

from haoma.platforms.base.mirroring import Answer, Fate, Scene, Tap, drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.base.mirroring import Call, Person, RandomBytes

APP: Final = "huawei-scope"
WRONG_SECRET: Final = "huawei-scope-secret"  # noqa: S105 - a name
_TOKEN: Final = "/oauth2/v3/token"  # noqa: S105 - a path
_USER: Final = "/rest.php"
_LIFE: Final = 300.0
_TOKEN_LIFE: Final = 3600.0
_OK: Final = "ok"
_WAY: Final = "scope"
_BUSY: Final = "platform.busy"
_LIMITED: Final = "platform.rate-limited"
_REJECTED: Final = "platform.code-rejected"
_REQUEST: Final = "platform.request-rejected"
_CREDENTIALS: Final = "platform.credentials-rejected"
_TOKEN_REJECTED: Final = "platform.token-rejected"  # noqa: S105 - a code of an error
_PERMISSION: Final = "platform.permission-missing"
_SHAPE: Final = "envelope.unknown-shape"
_NONSENSE: Final = "outside.nonsense-reply"
_UNKNOWN: Final = "outside.outcome-unknown"
_CLIENT_ID: Final = re.compile(r"[0-9]{1,64}")
_CODE: Final = re.compile(r"[0-9a-zA-Z=/\\+]+")

_SCENES: Final = (
    ("scope-ok", _OK),
    ("scope-event", _OK),
    ("scope-with-0086", _OK),
    ("scope-denied", "envelope.user-declined"),
    ("scope-button-permission", _PERMISSION),
    ("scope-button-failed", "envelope.button-failed"),
    ("scope-login-sent-along", _SHAPE),
    ("scope-quick-login", _SHAPE),
    ("scope-has-login-code", _PERMISSION),
    ("scope-not-granted", _PERMISSION),
    ("scope-no-permission", _PERMISSION),
    ("scope-expired-code", _REJECTED),
    ("scope-used-code", _REJECTED),
    ("scope-withdrawn", _REJECTED),
    ("scope-withdrawn-late", "platform.user-not-authorized"),
    ("scope-forged-code", _REJECTED),
    ("scope-other-apps-code", "platform.app-mismatch"),
    ("scope-bad-client-id", _CREDENTIALS),
    ("scope-empty-secret", _CREDENTIALS),
    ("scope-wrong-grant", _REQUEST),
    ("scope-http-503", _LIMITED),
    ("scope-unknown-error", _BUSY),
    ("scope-token-expired", _TOKEN_REJECTED),
    ("scope-token-invalid", _TOKEN_REJECTED),
    ("scope-parameter", _REQUEST),
    ("scope-failed", _BUSY),
    ("scope-wrong-service", _REQUEST),
    ("scope-flow-control", _LIMITED),
    ("scope-interface-limit", _LIMITED),
    ("scope-malformed", _REQUEST),
    ("scope-internal", _BUSY),
    ("scope-authorization-system", _BUSY),
    ("scope-network", _BUSY),
    ("scope-abroad", _NONSENSE),
    ("scope-masked", _NONSENSE),
    ("scope-slow", _UNKNOWN),
    ("scope-reset-after-consumed", _UNKNOWN),
    ("scope-reset-at-the-user", "outside.connection-lost"),
    ("scope-garbage-reply", _NONSENSE),
)
SCENES: Final = (
    *(Scene(name, expect, APP, way=_WAY) for name, expect in _SCENES),
    Scene("scope-wrong-secret", _CREDENTIALS, WRONG_SECRET, way=_WAY),
)

_ON_DEVICE: Final = {
    "scope-denied": 1001502012,
    "scope-button-permission": 1001502014,
    "scope-button-failed": 1001502005,
}
_REFUSED_CODES: Final = {
    "scope-withdrawn": (20158, "invalid code"),
    "scope-bad-client-id": (20002, "invalid client_id"),
    "scope-empty-secret": (20085, "client_secret is empty"),
    "scope-wrong-grant": (20171, "client_secret is empty"),
}
_REFUSED_TOKENS: Final = {
    "scope-unknown-error": (1, "unknown error"),
    "scope-token-expired": (6, "session timeout"),
    "scope-token-invalid": (102, "invalid session"),
    "scope-parameter": (105, "invalid parameter"),
    "scope-no-permission": (403, "access forbidden"),
    "scope-failed": (500, "call failed"),
    "scope-wrong-service": (501, "dispatch failed"),
    "scope-flow-control": (503, "flow control"),
    "scope-interface-limit": (1302, "too many calls"),
    "scope-withdrawn-late": (31204, "access_token invalid"),
    "scope-malformed": (70001201, "invalid parameter"),
    "scope-internal": (70001401, "internal error"),
    "scope-authorization-system": (70001402, "authorization failed"),
    "scope-network": (70020002, "network error"),
}
_NO_NUMBER: Final = ("scope-has-login-code", "scope-not-granted")


@dataclass(slots=True)
class _Code:
    client_id: str
    until: float
    scene: str
    number: str = field(repr=False)
    user: str = ""
    used: bool = False
    resets: int = 1


class ScopePhone:
    """The part of the simulated Huawei that knows the codes of scope ``phone``."""

    def __init__(self, random_bytes: RandomBytes, apps: Mapping[str, tuple[str, str]]) -> None:
        self._random = random_bytes
        self._apps = {name: apps[name] for name in (APP, WRONG_SECRET)}
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, _Code] = {}

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables, served at ``base_url``."""
        return {
            name: {
                "platform": "huawei",
                "flow": "scope-phone",
                "client_id": client_id,
                "client_secret": secret if name == APP else secret[::-1],
                "oauth_base_url": base_url,
                "account_base_url": base_url,
            }
            for name, (client_id, secret) in self._apps.items()
        }

    def press(self, played: Scene, person: Person, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the phone button of an atomic service."""
        scene = played.name
        failed = _ON_DEVICE.get(scene, 0) if allow else _ON_DEVICE["scope-denied"]
        if failed:
            event: dict[str, Any] = {"errMsg": "getPhoneNumber:fail", "errno": failed}
            expect = played.expect if allow else "envelope.user-declined"
            return Tap(scene, played.app, event, "", {"authorization": event}, expect, failed=True)
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + _LIFE}
        self._tokens = {text: code for text, code in self._tokens.items() if now < code.until + _TOKEN_LIFE}
        text = self._text(88)
        number = person.mobile("1380013", self._random)
        if scene != "scope-forged-code":
            self._codes[text] = self._code(scene, played.app, number, now)
            self._codes[text].user = person.user
        event = {"code": text, "errMsg": "getPhoneNumber:ok"}
        body: dict[str, Any] = {"authorization": event if scene == "scope-event" else {"code": text}}
        if scene == "scope-login-sent-along":
            body["login_code"] = self._text(18)
        if scene == "scope-quick-login":
            body = {"authorization": {"quickLoginAnonymousPhone": f"{number[:3]}******{number[-2:]}"}}
        return Tap(scene, played.app, event, "", body, played.expect, f"+86{number}" if played.expect == _OK else "")

    def _code(self, scene: str, app: str, number: str, now: float) -> _Code:
        client_id = "100000000000000000" if scene == "scope-other-apps-code" else self._apps[app][0]
        until = now - 1 if scene == "scope-expired-code" else now + _LIFE
        return _Code(client_id, until, scene, number, used=scene == "scope-used-code")

    def _text(self, size: int) -> str:
        """Return a code or token: base64 with each of the characters that a form has to encode."""
        return base64.b64encode(b"\xfb\xff\xbf" + self._random(size)).decode("ascii")

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if Huawei has no such path here."""
        if call.path not in (_TOKEN, _USER):
            return None
        if call.method != "POST":
            return Answer(405)
        asked = dict(parse_qsl(call.body.decode("utf-8", "replace")))
        if call.path == _TOKEN:
            return self._give_token(asked, now)
        if call.query.get("nsp_svc") != "GOpen.User.getInfo":
            return _no_user(501, "dispatch failed")
        return self._give_user(asked.get("access_token", ""), now)

    def _give_token(self, asked: Mapping[str, str], now: float) -> Answer:
        client_id, secret, sent = (asked.get(name, "") for name in ("client_id", "client_secret", "code"))
        code = self._codes.get(sent)
        refusals = (
            (not _CLIENT_ID.fullmatch(client_id), 20002, "invalid client_id"),
            (not secret, 20085, "client_secret is empty"),
            ((client_id, secret) not in self._apps.values(), 12304, "invalid client_secret"),
            (asked.get("grant_type") != "authorization_code", 20171, "invalid grant_type"),
            (not _CODE.fullmatch(sent) or code is None, 20152, "invalid code"),
            (code is not None and code.client_id != client_id, 20154, "client_id mismatch"),
            (code is not None and code.used, 20156, "code has been used"),
            (code is not None and now > code.until, 20155, "code expired"),
        )
        for holds, native, words in refusals:
            if holds:
                return _no_token(native, words)
        assert code is not None  # noqa: S101 - checked by the fifth refusal
        return self._trouble(code) or self._granted(code)

    def _trouble(self, code: _Code) -> Answer | None:
        if code.scene in _REFUSED_CODES:
            return _no_token(*_REFUSED_CODES[code.scene])
        if code.scene == "scope-http-503":
            return Answer(503, {"content-type": "text/html"}, b"<html></html>")
        if code.scene in ("scope-slow", "scope-reset-after-consumed"):
            code.used = True
            return Answer(fate=Fate.HANG if code.scene == "scope-slow" else Fate.RESET)
        if code.scene == "scope-garbage-reply":
            return Answer(200, {"content-type": "text/html"}, b"<html><body>Please log in to the network</body></html>")
        return None

    def _granted(self, code: _Code) -> Answer:
        code.used = True
        token = self._text(96)
        self._tokens[token] = code
        return _say(200, {
            "token_type": "Bearer",
            "access_token": token,
            "expires_in": int(_TOKEN_LIFE),
            "refresh_token": self._text(96),
            "scope": "openid" if code.scene in _NO_NUMBER else "openid phone",
        })  # fmt: skip

    def _give_user(self, token: str, now: float) -> Answer:
        if not token:
            return _no_user(105, "invalid parameter")
        code = self._tokens.get(token)
        if code is None:
            return _no_user(102, "invalid session")
        if code.scene in _REFUSED_TOKENS or now > code.until + _TOKEN_LIFE:
            return _no_user(*_REFUSED_TOKENS.get(code.scene, (6, "session timeout")))
        if code.scene == "scope-reset-at-the-user" and code.resets:
            code.resets -= 1
            return Answer(fate=Fate.RESET)
        user = {
            "openID": self._id("open", code),
            "unionID": self._id("union", code),
            "displayName": f"{code.number[:3]}******{code.number[-2:]}",
            "displayNameFlag": 1,
        }
        if code.scene not in _NO_NUMBER:
            user["mobileNumber"] = _written(code)
        return _say(200, user)

    def _id(self, kind: str, code: _Code) -> str:
        of_user = drawn(code.user and f"{kind} {code.user}", self._random)
        return "MDFA" + base64.b64encode(of_user(36)).decode("ascii")


def _written(code: _Code) -> str:
    if code.scene == "scope-abroad":
        return "0085251234567"
    if code.scene == "scope-masked":
        return f"{code.number[:3]}****{code.number[-4:]}"
    return f"0086{code.number}" if code.scene == "scope-with-0086" else code.number


def _no_token(native: int, words: str) -> Answer:
    return _say(400, {"sub_error": native, "error_description": words, "error": 1101})


def _no_user(status: int, words: str) -> Answer:
    answer = _say(200, {"error": words})
    answer.headers["nsp_status"] = str(status)
    return answer


def _say(status: int, content: dict[str, Any]) -> Answer:
    return Answer(status, {"content-type": "application/json;charset=UTF-8"}, msgspec.json.encode(content))
