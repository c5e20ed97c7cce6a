"""The simulated Xiaohongshu, for the simulator and the tests: token, login, and the phone in the user's hand.

It shares no code with what it tests. Which code a used and an old login code get is not public: the mirror answers
410103, which is a guess. Of an app's tokens the last two are valid.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

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
    replies,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.base.mirroring import Call, Person, Push, RandomBytes

_LIFE: Final = 300.0
_TOKEN_LIFE: Final = 7200

_OK: Final = "ok"
_OUTCOME: Final = "outside.outcome-unknown"
_SHUT: Final = "trust.cannot-open"
_CREDENTIALS: Final = "platform.credentials-rejected"
_DEAD_CODE: Final = "platform.login-code-rejected"

SCENES: Final[tuple[Scene, ...]] = (
    Scene("ok", _OK, "xiaohongshu"),
    Scene("key-of-24-bytes", _OK, "xiaohongshu"),
    Scene("padding-of-32", _OK, "xiaohongshu"),
    Scene("stale-token", _OK, "xiaohongshu"),
    Scene("denied", "envelope.user-declined", "xiaohongshu"),
    Scene("ok-without-data", "envelope.button-failed", "xiaohongshu"),
    Scene("without-login", "envelope.missing-field", "xiaohongshu"),
    Scene("expired-login-code", _DEAD_CODE, "xiaohongshu"),
    Scene("used-login-code", _DEAD_CODE, "xiaohongshu"),
    Scene("unlisted", "platform.refused", "xiaohongshu"),
    Scene("busy", "platform.busy", "xiaohongshu"),
    Scene("dead-token", "platform.token-rejected", "xiaohongshu"),
    Scene("wrong-secret", _CREDENTIALS, "xiaohongshu-wrong-secret"),
    Scene("wrong-app-id", _CREDENTIALS, "xiaohongshu-wrong-app-id"),
    Scene("login-in-callback", _SHUT, "xiaohongshu"),
    Scene("own-session-key", _SHUT, "xiaohongshu"),
    Scene("other-apps-data", _SHUT, "xiaohongshu"),
    Scene("no-watermark", _SHUT, "xiaohongshu"),
    Scene("two-numbers", _SHUT, "xiaohongshu"),
    Scene("framed", _SHUT, "xiaohongshu"),
    Scene("bit-flips", _SHUT, "xiaohongshu"),
    Scene("overseas", _SHUT, "xiaohongshu"),
    Scene("slow", _OUTCOME, "xiaohongshu"),
    Scene("reset-after-consumed", _OUTCOME, "xiaohongshu"),
    Scene("garbage-reply", "outside.nonsense-reply", "xiaohongshu"),
)

_APPS: Final = ("xiaohongshu", "xiaohongshu-wrong-secret", "xiaohongshu-wrong-app-id")


@dataclass(frozen=True, slots=True)
class _MiniProgram:
    app_id: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class _LoginCode:
    """A login code. ``fault`` names the scene if something goes wrong with it."""

    app_id: str
    openid: str
    session_key: str
    until: float
    fault: str
    used: bool = False
    key_until: float = 0.0


class XiaohongshuMirror(Mirror):
    """The simulated Xiaohongshu. It makes its own app ids, secrets, tokens, users and codes."""

    name = "xiaohongshu"
    scenes = SCENES
    demo: tuple[str, ...] = ()
    counted = ""
    button = Button("xhs.login", "getPhoneNumber")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._programs = {name: _MiniProgram(random_bytes(12).hex(), random_bytes(16).hex()) for name in _APPS}
        self._codes: dict[str, _LoginCode] = {}
        self._tokens: dict[str, str] = {}  # token: app id, the oldest first

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables for this mirror, served at ``base_url``."""
        found: dict[str, dict[str, Any]] = {
            name: {
                "platform": "xiaohongshu",
                "app_id": program.app_id,
                "app_secret": program.secret[::-1] if name.endswith("wrong-secret") else program.secret,
                "api_base_url": base_url,
            }
            for name, program in self._programs.items()
        }
        # Xiaohongshu knows this mini program under another id, so the configured one belongs to none.
        found["xiaohongshu-wrong-app-id"]["app_id"] = self._programs["xiaohongshu-wrong-app-id"].app_id[::-1]
        return found

    # --- the device ---

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device: ``xhs.login``.

        Raises:
            KeyError: The scene does not exist.
        """
        played = {each.name: each for each in SCENES}[scene]
        program = self._programs[played.app]
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + _LIFE}
        key = self._random(24 if scene == "key-of-24-bytes" else 16)
        openid = drawn(person.user, self._random)(16).hex()
        login = _LoginCode(program.app_id, openid, base64.b64encode(key).decode("ascii"), now + _LIFE, scene)
        login.key_until = now + SESSION_KEY_LIFE
        match scene:
            case "expired-login-code":
                login.until -= _LIFE + 1
            case "used-login-code":
                login.used = True
        login_code = self._random(16).hex()
        self._codes[login_code] = login
        return Visit(played, person, login_code, login)

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the button."""
        played, scene, person, login_code = visit.scene, visit.scene.name, visit.person, visit.login_code
        login: _LoginCode = visit.user
        if not allow or scene in ("denied", "ok-without-data"):
            ok = allow and scene == "ok-without-data"
            event: dict[str, Any] = {"errMsg": "getPhoneNumber:ok" if ok else "getPhoneNumber:fail auth deny"}
            expect = played.expect if allow else "envelope.user-declined"
            body = {"login_code": login_code, "authorization": event}
            return Tap(scene, played.app, event, login_code, body, expect, failed=True)
        mobile = person.mobile("1380013", self._random)
        sealed = self._seal(scene, login, mobile, now)
        event = {"errMsg": "getPhoneNumber:ok", **sealed}
        body = {"authorization": sealed} | ({} if scene == "without-login" else {"login_code": login_code})
        number = f"+86{mobile}" if played.expect == _OK else ""
        return Tap(scene, played.app, event, login_code, body, played.expect, number)

    def _seal(self, scene: str, login: _LoginCode, mobile: str, now: float) -> dict[str, str]:
        key = base64.b64decode(login.session_key)  # noqa: TID251
        if scene in ("login-in-callback", "own-session-key") or now > login.key_until:
            key = self._random(16)
        iv = self._random(16)
        plain = _plain(scene, login.app_id, mobile, now)
        if scene == "framed":
            plain = self._random(16) + len(plain).to_bytes(4, "big") + plain + login.app_id.encode("ascii")
        if scene == "padding-of-32":
            plain += b" " * (-len(plain) % 32)  # a whole block of 32 is added
        text = forge_cbc(key, iv, plain, block=32 if scene == "padding-of-32" else 16)
        if scene == "bit-flips":
            flipped = bytearray(base64.b64decode(text))  # noqa: TID251
            flipped[len(flipped) // 2] ^= 1
            text = base64.b64encode(flipped).decode("ascii")
        sealed = {"encryptedData": text, "iv": base64.b64encode(iv).decode("ascii")}
        if scene == "own-session-key":
            sealed["session_key"] = base64.b64encode(key).decode("ascii")
        return sealed

    # --- the API ---

    def withdraw(self, _app: str, _user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Return nothing: no message about a withdrawal is known of this platform."""
        del account, now
        return ()

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if Xiaohongshu has no such path."""
        match call.method, call.path:
            case "POST", "/api/rmp/token":
                return self._token(call)
            case "GET", "/api/rmp/session":
                return self._session(call, now)
        return None

    def _token(self, call: Call) -> Answer:
        asked = msgspec.json.decode(call.body)
        program = next((each for each in self._programs.values() if each.app_id == asked.get("appid")), None)
        if program is None:
            return _no("410002")
        if asked.get("secret") != program.secret:
            return _no("410004")
        token = self._random(48).hex()
        older = [text for text, app_id in self._tokens.items() if app_id == program.app_id]
        for text in older[:-1]:
            del self._tokens[text]
        self._tokens[token] = program.app_id
        return _ok({"access_token": token, "expire_in": _TOKEN_LIFE})

    def _session(self, call: Call, now: float) -> Answer:
        app_id, token, code = (call.query.get(name, "") for name in ("app_id", "access_token", "code"))
        if all(each.app_id != app_id for each in self._programs.values()):
            return _no("410002")
        login = self._codes.get(code)
        if self._tokens.get(token) != app_id or (login is not None and login.fault == "dead-token"):
            return _no("410101")
        if login is not None and login.fault == "stale-token":
            login.fault = ""
            del self._tokens[token]
            return _no("410101")
        if login is None or login.used or login.app_id != app_id or now > login.until:
            return _no("410103")
        return self._give(login)

    def _give(self, login: _LoginCode) -> Answer:
        login.used = True
        match login.fault:
            case "slow" | "reset-after-consumed":
                return Answer(fate=Fate.HANG if login.fault == "slow" else Fate.RESET)
            case "garbage-reply":
                page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
                return Answer(502, {"content-type": "text/html"}, page)
            case "busy":
                return _no("2")
            case "unlisted":
                return _no("419999")
        return _ok({"openid": login.openid, "session_key": login.session_key})


def _plain(scene: str, app_id: str, mobile: str, now: float) -> bytes:
    country_code, mobile = ("852", "51234567") if scene == "overseas" else ("86", mobile)
    other = mobile[:-1] + str((int(mobile[-1]) + 1) % 10)
    content: dict[str, Any] = {
        "phoneNumber": other if scene == "two-numbers" else mobile,
        "purePhoneNumber": mobile,
        "countryCode": country_code,
        "watermark": {"appId": app_id[::-1] if scene == "other-apps-data" else app_id, "timestamp": int(now)},
    }
    if scene == "no-watermark":
        del content["watermark"]
    return msgspec.json.encode(content)


def _ok(data: dict[str, Any]) -> Answer:
    return _say({"data": data, "success": True, "msg": "success", "code": 0})


def _no(code: str) -> Answer:
    words = replies("xiaohongshu").get(code, "unlisted")
    return _say({"data": None, "success": False, "msg": words, "code": int(code)})


def _say(content: dict[str, Any]) -> Answer:
    return Answer(headers={"content-type": "application/json"}, body=msgspec.json.encode(content))


MIRROR: Final = XiaohongshuMirror
