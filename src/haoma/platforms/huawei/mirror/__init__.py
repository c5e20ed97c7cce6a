"""The simulated Huawei, for the simulator and the tests: its account server, and the phone in the user's hand.

It shares no code with what it tests. It keeps Huawei's habits: status 200 for refusals too, a number as ``resultCode``,
``0086`` as the country code. Atomic services and ASCF, whose codes are of scope ``phone``, are in ``scope.py``.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.platforms.base.mirroring import ANYBODY, Answer, Fate, Mirror, Scene, Tap, Visit, drawn
from haoma.platforms.huawei.mirror.scope import APP as SCOPE_APP
from haoma.platforms.huawei.mirror.scope import SCENES as SCOPE_SCENES
from haoma.platforms.huawei.mirror.scope import WRONG_SECRET as SCOPE_WRONG_SECRET
from haoma.platforms.huawei.mirror.scope import ScopePhone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.base.mirroring import Call, Person, Push, RandomBytes

_PATH: Final = "/oauth2/v6/quickLogin/getPhoneNumber"
_LIFE: Final = 300.0
_OK: Final = "ok"
_APP: Final = "huawei"
_BUSY: Final = "platform.busy"
_REJECTED: Final = "platform.code-rejected"

SCENES: Final[tuple[Scene, ...]] = (
    Scene("ok", _OK, _APP),
    Scene("stale-number", _OK, _APP),
    Scene("response-as-it-is", _OK, _APP),
    Scene("denied", "envelope.user-declined", _APP),
    Scene("login-sent-along", "envelope.unknown-shape", _APP),
    Scene("event-of-ascf", "envelope.unknown-shape", _APP),
    Scene("expired-code", _REJECTED, _APP),
    Scene("used-code", _REJECTED, _APP),
    Scene("forged-code", _REJECTED, _APP),
    Scene("other-apps-code", "platform.app-mismatch", _APP),
    Scene("wrong-secret", "platform.credentials-rejected", "huawei-secret"),
    Scene("withdrawn", "platform.user-not-authorized", _APP),
    Scene("prefetch-code", "platform.permission-missing", _APP),
    Scene("no-phone", "platform.no-phone-bound", _APP),
    Scene("region", "platform.user-blocked", _APP),
    Scene("bad-parameter", "platform.request-rejected", _APP),
    Scene("internal", _BUSY, _APP),
    Scene("http-400", "platform.request-rejected", _APP),
    Scene("http-403", "platform.request-rejected", _APP),
    Scene("http-404", "platform.request-rejected", _APP),
    Scene("http-405", "platform.request-rejected", _APP),
    Scene("http-500", _BUSY, _APP),
    Scene("http-502", _BUSY, _APP),
    Scene("http-503", "platform.rate-limited", _APP),
    Scene("http-504", _BUSY, _APP),
    Scene("http-590", _BUSY, _APP),
    Scene("button-region", "platform.user-blocked", _APP),
    Scene("button-signed-out", "platform.user-not-authorized", _APP),
    Scene("button-permission", "platform.permission-missing", _APP),
    Scene("button-network", "envelope.button-failed", _APP),
    Scene("slow", "outside.outcome-unknown", _APP),
    Scene("reset-after-consumed", "outside.outcome-unknown", _APP),
    Scene("garbage-reply", "outside.nonsense-reply", _APP),
    *SCOPE_SCENES,
)

_ON_DEVICE: Final = {
    "denied": 1001502012,
    "button-region": 1001500003,
    "button-signed-out": 1001502001,
    "button-permission": 1001502014,
    "button-network": 1001502005,
}
_RESULTS: Final = {
    "withdrawn": (60180006, "code is invalid"),
    "prefetch-code": (60180007, "no permission"),
    "no-phone": (60180008, "user or phone number not exist"),  # the wording of a published sample
    "region": (60180009, "phone number is restricted"),
    "bad-parameter": (60010002, "parameter error"),
    "internal": (60010001, "system error"),
}


@dataclass(slots=True)
class _Code:
    client_id: str
    until: float
    scene: str
    number: str = field(repr=False)
    used: bool = False
    user: str = ""


class HuaweiMirror(Mirror):
    """The simulated Huawei. It makes its own Client IDs, secrets, users and codes."""

    name = "huawei"
    scenes = SCENES
    demo: tuple[str, ...] = ()
    counted = ""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._apps = {name: self._new_app() for name in (_APP, "huawei-secret")}
        self._codes: dict[str, _Code] = {}
        self._scope = ScopePhone(random_bytes, {name: self._new_app() for name in (SCOPE_APP, SCOPE_WRONG_SECRET)})

    def _new_app(self) -> tuple[str, str]:
        return self._digits(18), self._random(32).hex()

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables, served at ``base_url``.

        ``huawei-secret`` and ``huawei-scope-secret`` have the wrong secret.
        """
        quick_login = {
            name: {
                "platform": "huawei",
                "client_id": client_id,
                "client_secret": secret if name == _APP else secret[::-1],
                "api_base_url": base_url,
            }
            for name, (client_id, secret) in self._apps.items()
        }
        return quick_login | self._scope.settings(base_url)

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device. Huawei has no login: the code of the button identifies its user.

        Raises:
            KeyError: The scene does not exist.
        """
        del now
        return Visit({each.name: each for each in SCENES}[scene], person)

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the quickLogin button, or that of an atomic service."""
        played, scene, person = visit.scene, visit.scene.name, visit.person
        if played in SCOPE_SCENES:
            return self._scope.press(played, person, allow=allow, now=now)
        failed = _ON_DEVICE.get(scene, 0) if allow else _ON_DEVICE["denied"]
        if failed:
            event: dict[str, Any] = {"code": failed, "message": "The button failed."}
            expect = played.expect if allow else "envelope.user-declined"
            return Tap(scene, played.app, event, "", {"authorization": event}, expect, failed=True)
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + _LIFE}
        text = self._text(90)
        number = person.mobile("1380013", self._random)
        if scene != "forged-code":
            self._codes[text] = self._code(scene, played.app, number, now)
            self._codes[text].user = person.user
        event = {"authorizationCode": text, "openID": self._text(30), "unionID": self._text(30)}
        body: dict[str, Any] = {"authorization": event if scene == "response-as-it-is" else {"code": text}}
        if scene == "event-of-ascf":
            body = {"authorization": {"code": text, "errMsg": "getPhoneNumber:ok"}}
        if scene == "login-sent-along":
            body["login_code"] = self._text(24)
        return Tap(scene, played.app, event, "", body, played.expect, f"+86{number}" if played.expect == _OK else "")

    def _code(self, scene: str, app: str, number: str, now: float) -> _Code:
        client_id = "100000000000000000" if scene == "other-apps-code" else self._apps[app][0]
        until = now - 1 if scene == "expired-code" else now + _LIFE
        return _Code(client_id, until, scene, number, used=scene == "used-code")

    def _text(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).decode("ascii").rstrip("=")

    def _digits(self, size: int) -> str:
        return "1" + str(int.from_bytes(self._random(size)))[: size - 1]

    def withdraw(self, _app: str, _user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Return nothing: no message about a withdrawal is known of this platform."""
        del account, now
        return ()

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if Huawei has no such path."""
        if call.path != _PATH:
            return self._scope.answer(call, now)
        if call.method != "POST":
            return Answer(405)
        asked = _object(call.body)
        if not all(isinstance(asked.get(name), str) and asked[name] for name in ("code", "clientId", "clientSecret")):
            return _no(60010002, "parameter error")
        code = self._codes.get(asked["code"])
        known = dict(self._apps.values())
        refusals = (
            (known.get(asked["clientId"]) != asked["clientSecret"], 60010013, "clientSecret error"),
            (code is None, 60010012, "code error"),
            (code is not None and code.client_id != asked["clientId"], 60180003, "client_id not match"),
            (code is not None and code.used, 60180005, "code has been used"),
            (code is not None and now > code.until, 60180004, "code expired"),
        )
        for holds, result, words in refusals:
            if holds:
                return _no(result, words)
        assert code is not None  # noqa: S101 - checked by the second refusal
        return self._trouble(code) or self._give(code)

    def _trouble(self, code: _Code) -> Answer | None:
        if code.scene in _RESULTS:
            return _no(*_RESULTS[code.scene])
        if code.scene.startswith("http-"):
            return Answer(int(code.scene[5:]), {"content-type": "text/html"}, b"<html></html>")
        if code.scene in ("slow", "reset-after-consumed"):
            code.used = True
            return Answer(fate=Fate.HANG if code.scene == "slow" else Fate.RESET)
        if code.scene == "garbage-reply":
            return Answer(200, {"content-type": "text/html"}, b"<html><body>Please log in to the network</body></html>")
        return None

    def _id(self, kind: str, code: _Code) -> str:
        of_user = drawn(code.user and f"{kind} {code.user}", self._random)
        return "AQAx" + base64.urlsafe_b64encode(of_user(24)).decode("ascii").rstrip("=")

    def _give(self, code: _Code) -> Answer:
        code.used = True
        return _say({
            "openId": self._id("open", code),
            "unionId": self._id("union", code),
            "phoneNumber": f"0086{code.number}",
            "phoneNumberValid": 0 if code.scene == "stale-number" else 1,
            "purePhoneNumber": code.number,
            "phoneCountryCode": "0086",
        })  # fmt: skip


def _no(result: int, words: str) -> Answer:
    return _say({"resultCode": result, "resultDesc": words})


def _say(content: dict[str, Any]) -> Answer:
    return Answer(headers={"content-type": "application/json"}, body=msgspec.json.encode(content))


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


MIRROR: Final = HuaweiMirror
