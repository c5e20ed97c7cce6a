"""The simulated DingTalk, for the simulator and the tests: its API, and the authorization page.

It shares no code with what it tests. Refusals have an HTTP status of their own, and ``code``, ``message`` and
``requestid``.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.platforms.base.mirroring import ANYBODY, Answer, Fate, Mirror, Scene, Tap, Visit, drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.base.mirroring import Call, Person, Push, RandomBytes

_USER_TOKEN: Final = "/v1.0/oauth2/userAccessToken"  # noqa: S105 - a path, not a token
_ME: Final = "/v1.0/contact/users/me"
_LIFE: Final = 300.0  # a guess: the lifetime of a code is not documented
_OK: Final = "ok"
_APP: Final = "dingtalk"
_REJECTED: Final = "platform.code-rejected"
_OUTCOME: Final = "outside.outcome-unknown"
_PERMISSION: Final = "platform.permission-missing"

SCENES: Final[tuple[Scene, ...]] = (
    Scene("ok", _OK, _APP),
    Scene("overseas", _OK, _APP),
    Scene("denied", "envelope.user-declined", _APP),
    Scene("login-sent-along", "envelope.unknown-shape", _APP),
    Scene("expired-code", _REJECTED, _APP),
    Scene("used-code", _REJECTED, _APP),
    Scene("wrong-secret", "platform.credentials-rejected", "dingtalk-secret"),
    Scene("no-mobile", _PERMISSION, _APP),
    Scene("no-permission", _PERMISSION, _APP),
    Scene("no-permission-60011", _PERMISSION, _APP),
    Scene("token-dropped", "platform.token-rejected", _APP),
    Scene("qps", "platform.rate-limited", _APP),
    Scene("qps-app", "platform.rate-limited", _APP),
    Scene("unavailable", "platform.busy", _APP),
    Scene("slow", _OUTCOME, _APP),
    Scene("reset-after-consumed", _OUTCOME, _APP),
    Scene("reset-at-the-user", "outside.connection-lost", _APP),
    Scene("garbage-reply", "outside.nonsense-reply", _APP),
)

_AT_CODE: Final = {
    "qps": (403, "Forbidden.AccessDenied.QpsLimitForApi"),
    "qps-app": (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"),
    "unavailable": (503, "ServiceUnavailable"),
}
_AT_USER: Final = {
    "no-permission": (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied"),
    "no-permission-60011": (400, "60011"),
    "token-dropped": (400, "InvalidAuthentication"),
}


@dataclass(slots=True)
class _Code:
    client_id: str
    until: float
    scene: str
    mobile: str = field(repr=False)
    state: str = "86"
    used: bool = False
    resets: int = 1
    user: str = ""


class DingTalkMirror(Mirror):
    """The simulated DingTalk. It makes its own Client IDs, secrets, users, codes and tokens."""

    name = "dingtalk"
    scenes = SCENES
    demo: tuple[str, ...] = ()
    counted = ""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._apps = {name: (f"ding{random_bytes(8).hex()}", self._text(48)) for name in (_APP, "dingtalk-secret")}
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, _Code] = {}

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables, served at ``base_url``. ``dingtalk-secret`` has the wrong secret."""
        return {
            name: {
                "platform": "dingtalk",
                "client_id": client_id,
                "client_secret": secret if name == _APP else secret[::-1],
                "api_base_url": base_url,
            }
            for name, (client_id, secret) in self._apps.items()
        }

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device. DingTalk has no login: the code of the button identifies its user.

        Raises:
            KeyError: The scene does not exist.
        """
        del now
        return Visit({each.name: each for each in SCENES}[scene], person)

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the authorization page."""
        played, scene, person = visit.scene, visit.scene.name, visit.person
        if not allow or scene == "denied":
            event: dict[str, Any] = {"error": "access_denied"}
            return Tap(scene, played.app, event, "", {"authorization": event}, "envelope.user-declined", failed=True)
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + _LIFE}
        self._tokens = {text: code for text, code in self._tokens.items() if now < code.until + _LIFE}
        code = _Code(self._apps[played.app][0], now + _LIFE, scene, person.mobile("1380013", self._random))
        code.user = person.user
        if scene == "overseas":
            code.state, code.mobile = "852", "51234567"
        code.used = scene in ("used-code", "expired-code")
        text = self._random(16).hex()
        self._codes[text] = code
        event = {"authCode": text}
        body: dict[str, Any] = {"authorization": event}
        if scene == "login-sent-along":
            body["login_code"] = self._text(24)
        number = f"+{code.state}{code.mobile}" if played.expect == _OK else ""
        return Tap(scene, played.app, event, "", body, played.expect, number)

    def _text(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).decode("ascii").rstrip("=")

    def withdraw(self, _app: str, _user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Return nothing: no message about a withdrawal is known of this platform."""
        del account, now
        return ()

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if DingTalk has no such path."""
        if (call.method, call.path) == ("POST", _USER_TOKEN):
            return self._give_token(_object(call.body), now)
        if (call.method, call.path) == ("GET", _ME):
            headers = {name.lower(): value for name, value in call.headers.items()}
            return self._give_user(self._tokens.get(headers.get("x-acs-dingtalk-access-token", "")))
        return None

    def _give_token(self, asked: dict[str, Any], now: float) -> Answer:
        known = dict(self._apps.values())
        secret = asked.get("clientSecret")
        if not secret or known.get(str(asked.get("clientId"))) != secret:
            return self._no(400, "invalidClientIdOrSecret")
        code = self._codes.get(str(asked.get("code")))
        if code is None or code.used or now > code.until or code.client_id != asked["clientId"]:
            return self._no(400, "invalidParameter.authCode.notFound")
        if code.scene in _AT_CODE:
            return self._no(*_AT_CODE[code.scene])
        code.used = True
        if code.scene in ("slow", "reset-after-consumed"):
            return Answer(fate=Fate.HANG if code.scene == "slow" else Fate.RESET)
        if code.scene == "garbage-reply":
            return Answer(200, {"content-type": "text/html"}, b"<html><body>Please log in to the network</body></html>")
        token = self._text(24)
        self._tokens[token] = code
        return _say(200, {"accessToken": token, "refreshToken": self._text(24), "expireIn": 7200})

    def _id(self, kind: str, code: _Code) -> str:
        of_user = drawn(code.user and f"{kind} {code.user}", self._random)
        return base64.urlsafe_b64encode(of_user(12)).decode("ascii").rstrip("=")

    def _give_user(self, code: _Code | None) -> Answer:
        if code is None:
            return self._no(400, "InvalidAuthentication")
        if code.scene in _AT_USER:
            return self._no(*_AT_USER[code.scene])
        if code.scene == "reset-at-the-user" and code.resets:
            code.resets -= 1
            return Answer(fate=Fate.RESET)
        user = {"nick": "zhangsan", "openId": self._id("open", code), "unionId": self._id("union", code)}
        if code.scene != "no-mobile":
            user |= {"mobile": code.mobile, "stateCode": code.state}
        return _say(200, user)

    def _no(self, status: int, native: str) -> Answer:
        request_id = "-".join(self._random(size).hex().upper() for size in (4, 2, 2, 2, 6))
        return _say(status, {"code": native, "requestid": request_id, "message": "no"})


def _say(status: int, content: dict[str, Any]) -> Answer:
    return Answer(status, {"content-type": "application/json"}, msgspec.json.encode(content))


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


MIRROR: Final = DingTalkMirror
