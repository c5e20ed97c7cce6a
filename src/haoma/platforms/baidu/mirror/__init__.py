"""The simulated Baidu, for the simulator and the tests: its two login services, and the phone in the user's hand.

It shares no code with what it tests. Baidu's answer to a dead login code is not public. The mirror answers
``invalid_grant`` of Baidu's OAuth page, with HTTP status 400, which is a guess.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import msgspec

from haoma.crypto.forging import forge_cbc
from haoma.platforms.base.mirroring import (
    ANYBODY,
    SESSION_KEY_LIFE,
    Answer,
    Button,
    Fate,
    Mirror,
    Scene,
    Tap,
    Visit,
    drawn,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.base.mirroring import Call, Person, Push, RandomBytes

_LIFE: Final = 600.0
_TOKEN_LIFE: Final = 2_592_000

_OK: Final = "ok"
_OUTCOME: Final = "outside.outcome-unknown"
_SHUT: Final = "trust.cannot-open"

SCENES: Final[tuple[Scene, ...]] = (
    Scene("ok", _OK, "baidu"),
    Scene("partner-host", _OK, "baidu"),
    Scene("field-named-data", _OK, "baidu"),
    Scene("denied", "envelope.user-declined", "baidu"),
    Scene("without-login", "envelope.missing-field", "baidu"),
    Scene("expired-login-code", "platform.login-code-rejected", "baidu"),
    Scene("used-login-code", "platform.login-code-rejected", "baidu"),
    Scene("wrong-secret", "platform.credentials-rejected", "baidu-wrong-secret"),
    Scene("wrong-app-key", "platform.request-rejected", "baidu-wrong-key"),
    Scene("login-invalid-request", "platform.request-rejected", "baidu"),
    Scene("login-unauthorized-client", "platform.permission-missing", "baidu"),
    Scene("login-unsupported-grant-type", "platform.request-rejected", "baidu"),
    Scene("unlisted", "platform.refused", "baidu"),
    Scene("login-in-callback", _SHUT, "baidu"),
    Scene("own-session-key", _SHUT, "baidu"),
    Scene("other-apps-data", _SHUT, "baidu"),
    Scene("hostile-length", _SHUT, "baidu"),
    Scene("bit-flips", _SHUT, "baidu"),
    Scene("overseas", _SHUT, "baidu"),
    Scene("slow", _OUTCOME, "baidu"),
    Scene("reset-after-consumed", _OUTCOME, "baidu"),
    Scene("garbage-reply", "outside.nonsense-reply", "baidu"),
    Scene("v2-ok", _OK, "baidu-v2"),
    Scene("v2-stale-token", _OK, "baidu-v2"),
    Scene("v2-expired-token", "platform.token-rejected", "baidu-v2"),
    Scene("v2-dead-token", "platform.token-rejected", "baidu-v2"),
    Scene("v2-no-grant", "platform.credentials-rejected", "baidu-v2-no-grant"),
    Scene("v2-wrong-secret", "platform.credentials-rejected", "baidu-v2-wrong-secret"),
)

_APPS: Final = (
    "baidu",
    "baidu-v2",
    "baidu-wrong-secret",
    "baidu-wrong-key",
    "baidu-v2-wrong-secret",
    "baidu-v2-no-grant",
)

_OAUTH: Final = {
    "login-invalid-request": "invalid_request",
    "login-unauthorized-client": "unauthorized_client",
    "login-unsupported-grant-type": "unsupported_grant_type",
}
_DEAD: Final = {
    "v2-dead-token": (110, "Access token invalid or no longer valid"),
    "v2-expired-token": (111, "Access token expired"),
}


@dataclass(frozen=True, slots=True)
class _MiniProgram:
    app_key: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class _LoginCode:
    """A login code. ``fault`` names the scene if something goes wrong with it."""

    app_key: str
    openid: str
    session_key: str
    until: float
    fault: str
    used: bool = False
    key_until: float = 0.0


class BaiduMirror(Mirror):
    """The simulated Baidu. It makes its own keys, secrets, tokens, users and codes."""

    name = "baidu"
    scenes = SCENES
    demo: tuple[str, ...] = ()
    counted = ""
    button = Button("swan.getLoginCode", "getPhoneNumber")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._programs = {name: _MiniProgram(random_bytes(16).hex(), random_bytes(16).hex()) for name in _APPS}
        self._codes: dict[str, _LoginCode] = {}
        self._tokens: dict[str, str] = {}  # token: AppKey
        self._ways = {
            "/oauth/jscode2sessionkey": self._v1,
            "/rest/2.0/smartapp/getsessionkey": self._v2,
            "/oauth/2.0/token": self._token,
        }

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables for this mirror, served at ``base_url``."""
        found: dict[str, dict[str, Any]] = {}
        for name, program in self._programs.items():
            found[name] = {
                "platform": "baidu",
                "app_key": program.app_key,
                "app_secret": program.secret,
                "api_base_url": base_url,
            }
            if name.startswith("baidu-v2"):
                found[name] |= {"login": "v2", "openapi_base_url": base_url}
            if name.endswith("wrong-secret"):
                found[name]["app_secret"] = program.app_key[::-1]
        # Baidu knows this mini program under another key, so the configured one belongs to none.
        found["baidu-wrong-key"]["app_key"] = self._programs["baidu-wrong-key"].app_key[::-1]
        return found

    # --- the device ---

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device: ``swan.getLoginCode``.

        Raises:
            KeyError: The scene does not exist.
        """
        played = {each.name: each for each in SCENES}[scene]
        program = self._programs[played.app]
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + _LIFE}
        session_key = base64.b64encode(self._random(24)).decode("ascii")
        login = _LoginCode(program.app_key, drawn(person.user, self._random)(16).hex(), session_key, now + _LIFE, scene)
        login.key_until = now + SESSION_KEY_LIFE
        login_code = self._random(16).hex() + ("@partner" if scene == "partner-host" else "")
        self._codes[login_code] = login
        match scene:
            case "expired-login-code":
                login.until -= _LIFE + 1
            case "used-login-code":
                login.used = True
        return Visit(played, person, login_code, login)

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the button."""
        played, scene, person, login_code = visit.scene, visit.scene.name, visit.person, visit.login_code
        login: _LoginCode = visit.user
        if not allow or scene == "denied":
            event: dict[str, Any] = {"errMsg": "getPhoneNumber:fail auth deny"}
            body = {"login_code": login_code, "authorization": event}
            return Tap(scene, played.app, event, login_code, body, "envelope.user-declined", failed=True)
        mobile = person.mobile("1380013", self._random)
        sealed = self._seal(scene, login, mobile, now)
        event = {"errMsg": "getPhoneNumber:ok", **sealed}
        if scene == "field-named-data":
            sealed = {"data": sealed["encryptedData"], "iv": sealed["iv"]}
        body = {"authorization": sealed} | ({} if scene == "without-login" else {"login_code": login_code})
        number = f"+86{mobile}" if played.expect == _OK else ""
        return Tap(scene, played.app, event, login_code, body, played.expect, number)

    def _seal(self, scene: str, login: _LoginCode, mobile: str, now: float) -> dict[str, str]:
        content = msgspec.json.encode({"mobile": "85251234567" if scene == "overseas" else mobile})
        length = 2**31 if scene == "hostile-length" else len(content)
        trailer = login.app_key[::-1] if scene == "other-apps-data" else login.app_key
        frame = self._random(16) + length.to_bytes(4, "big") + content + trailer.encode("ascii")
        key = base64.b64decode(login.session_key)  # noqa: TID251
        if scene in ("login-in-callback", "own-session-key") or now > login.key_until:
            key = self._random(24)
        iv = self._random(16)
        text = forge_cbc(key, iv, frame, block=32)
        if scene == "bit-flips":
            flipped = bytearray(base64.b64decode(text))  # noqa: TID251
            flipped[len(flipped) // 2] ^= 1
            text = base64.b64encode(flipped).decode("ascii")
        sealed = {"encryptedData": text, "iv": base64.b64encode(iv).decode("ascii")}
        if scene == "own-session-key":
            sealed["session_key"] = base64.b64encode(key).decode("ascii")
        return sealed

    # --- the services ---

    def withdraw(self, _app: str, _user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Return nothing: no message about a withdrawal is known of this platform."""
        del account, now
        return ()

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if Baidu has no such path."""
        way = self._ways.get(call.path)
        return way(call, now) if way else None

    def _v1(self, call: Call, now: float) -> Answer:
        asked = dict(call.query) if call.method == "GET" else _form(call.body)
        program = next((each for each in self._programs.values() if each.app_key == asked.get("client_id")), None)
        if program is None or not asked.get("code") or not asked.get("sk"):
            words = {"error": "parameter is invalid", "error_description": "parameter is invalid"}
            return _say({"errno": 10010100, **words})
        if asked["sk"] != program.secret:
            return _oauth("invalid_client", "unknown client id or wrong client secret")
        login = self._take(asked["code"], program.app_key, now)
        if isinstance(login, Answer):
            return login
        if login.fault == "unlisted":
            return _say({"errno": 10019999, "error": "unlisted", "error_description": "unlisted"})
        return _say({"openid": login.openid, "session_key": login.session_key})

    def _take(self, text: str, app_key: str, now: float) -> _LoginCode | Answer:
        """Use up a code and return its login, or return the refusal."""
        login = self._codes.get(text)
        if login is None or login.used or login.app_key != app_key or now > login.until:
            return _oauth("invalid_grant", "Invalid authorization code")
        if login.fault in _OAUTH:
            return _oauth(_OAUTH[login.fault], "no")
        login.used = True
        match login.fault:
            case "slow" | "reset-after-consumed":
                return Answer(fate=Fate.HANG if login.fault == "slow" else Fate.RESET)
            case "garbage-reply":
                page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
                return Answer(502, {"content-type": "text/html"}, page)
        return login

    def _token(self, call: Call, now: float) -> Answer:
        del now
        asked = dict(call.query) | _form(call.body)
        if asked.get("grant_type") != "client_credentials":
            return _oauth("unsupported_grant_type", "The authorization grant type is not supported")
        program = next((each for each in self._programs.values() if each.app_key == asked.get("client_id")), None)
        if program is None or asked.get("client_secret") != program.secret:
            return _oauth("invalid_client", "Client authentication failed")
        if program is self._programs["baidu-v2-no-grant"]:
            return _oauth("invalid_grant", "no")
        token = f"24.{self._random(16).hex()}.{_TOKEN_LIFE}"
        self._tokens[token] = program.app_key
        return _say({
            "access_token": token,
            "expires_in": _TOKEN_LIFE,
            "refresh_token": f"25.{self._random(16).hex()}",
            "scope": "smartapp_snsapi_base",
            "session_key": self._random(16).hex(),  # Baidu: deprecated, and not the user's key
            "session_secret": "",
        })  # fmt: skip

    def _v2(self, call: Call, now: float) -> Answer:
        token, code = call.query.get("access_token", ""), call.query.get("code", "")
        app_key, login = self._tokens.get(token), self._codes.get(code)
        if app_key is None:
            return _say({"error_code": 110, "error_msg": "Access token invalid or no longer valid"})
        if login is not None and login.fault == "v2-stale-token":
            login.fault = ""
            del self._tokens[token]
            return _say({"error_code": 110, "error_msg": "Access token invalid or no longer valid"})
        if login is not None and login.fault in _DEAD:
            code_of_token, words = _DEAD[login.fault]
            return _say({"error_code": code_of_token, "error_msg": words})
        taken = self._take(code, app_key, now)
        if isinstance(taken, Answer):
            return taken
        content = {"open_id": taken.openid, "session_key": taken.session_key}
        return _say({"errno": 0, "msg": "success", "data": content, "request_id": "1234567890", "timestamp": int(now)})


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8")))


def _oauth(error: str, description: str) -> Answer:
    return _say({"error": error, "error_description": description}, 400)


def _say(content: dict[str, Any], status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, msgspec.json.encode(content))


MIRROR: Final = BaiduMirror
