"""The simulated Kuaishou, for the simulator and the tests: its login, and the phone in the user's hand.

It shares no code with what it tests. Kuaishou's answer to a dead login code is not public. The mirror answers a number
that no table lists, so its scenes show how such a number is handled.
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

_LIFE: Final = 300.0  # a guess: not documented
_DEAD_CODE: Final = 999_999_999  # a guess: not public

_OK: Final = "ok"
_OUTCOME: Final = "outside.outcome-unknown"
_SHUT: Final = "trust.cannot-open"

SCENES: Final[tuple[Scene, ...]] = (
    Scene("ok", _OK, "kuaishou"),
    Scene("plus-in-front", _OK, "kuaishou"),
    Scene("code-in-front", _OK, "kuaishou"),
    Scene("overseas", _OK, "kuaishou"),
    Scene("denied", "envelope.user-declined", "kuaishou"),
    Scene("no-permission", "platform.permission-missing", "kuaishou"),
    Scene("without-login", "envelope.missing-field", "kuaishou"),
    Scene("used-login-code", "platform.refused", "kuaishou"),
    Scene("empty-parameter", "platform.request-rejected", "kuaishou"),
    Scene("wrong-secret", "platform.credentials-rejected", "kuaishou-wrong-secret"),
    Scene("login-in-callback", _SHUT, "kuaishou"),
    Scene("own-session-key", _SHUT, "kuaishou"),
    Scene("other-country", _SHUT, "kuaishou"),
    Scene("bit-flips", _SHUT, "kuaishou"),
    Scene("slow", _OUTCOME, "kuaishou"),
    Scene("reset-after-consumed", _OUTCOME, "kuaishou"),
    Scene("garbage-reply", "outside.nonsense-reply", "kuaishou"),
)

_EVENTS: Final = {"denied": "getPhoneNumber:user deny", "no-permission": "getPhoneNumber:fail no permission"}


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


class KuaishouMirror(Mirror):
    """The simulated Kuaishou. It makes its own app ids, secrets, users and codes."""

    name = "kuaishou"
    scenes = SCENES
    demo: tuple[str, ...] = ()
    counted = ""
    button = Button("ks.login", "getPhoneNumber")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._programs = {
            name: _MiniProgram(f"ks{int.from_bytes(random_bytes(7)):018d}", self._text(16))
            for name in ("kuaishou", "kuaishou-wrong-secret")
        }
        self._codes: dict[str, _LoginCode] = {}

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables for this mirror, served at ``base_url``."""
        return {
            name: {
                "platform": "kuaishou",
                "app_id": program.app_id,
                "app_secret": program.secret[::-1] if name.endswith("wrong-secret") else program.secret,
                "api_base_url": base_url,
            }
            for name, program in self._programs.items()
        }

    def _text(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).decode("ascii").rstrip("=")

    # --- the device ---

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device: ``ks.login``.

        Raises:
            KeyError: The scene does not exist.
        """
        played = {each.name: each for each in SCENES}[scene]
        program = self._programs[played.app]
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + _LIFE}
        session_key = base64.b64encode(self._random(16)).decode("ascii")
        login_code = self._text(32)
        login = _LoginCode(program.app_id, drawn(person.user, self._random)(16).hex(), session_key, now + _LIFE, scene)
        login.used = scene == "used-login-code"
        login.key_until = now + SESSION_KEY_LIFE
        self._codes[login_code] = login
        return Visit(played, person, login_code, login)

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the button."""
        played, scene, person, login_code = visit.scene, visit.scene.name, visit.person, visit.login_code
        login: _LoginCode = visit.user
        words = _EVENTS["denied"] if not allow else _EVENTS.get(scene, "")
        if words:
            event: dict[str, Any] = {"errMsg": words}
            expect = played.expect if allow else "envelope.user-declined"
            declined = {"login_code": login_code, "authorization": event}
            return Tap(scene, played.app, event, login_code, declined, expect, failed=True)
        country_code, national = "86", person.mobile("1380013", self._random)
        if scene == "overseas":
            country_code, national = "852", "51234567"
        sealed = self._seal(scene, login, country_code, national, now)
        event = {"errMsg": "getPhoneNumber:ok", **sealed}
        body = {"authorization": sealed} | ({} if scene == "without-login" else {"login_code": login_code})
        number = f"+{country_code}{national}" if played.expect == _OK else ""
        return Tap(scene, played.app, event, login_code, body, played.expect, number)

    def _seal(self, scene: str, login: _LoginCode, country_code: str, national: str, now: float) -> dict[str, str]:
        fronts = {"plus-in-front": "+86", "code-in-front": "86", "other-country": "+852"}
        plain = msgspec.json.encode({"countryCode": country_code, "phoneNumber": fronts.get(scene, "") + national})
        key = base64.b64decode(login.session_key)  # noqa: TID251
        if scene in ("login-in-callback", "own-session-key") or now > login.key_until:
            key = self._random(16)
        iv = self._random(16)
        text = forge_cbc(key, iv, plain)
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
        """Answer a request, or return None if Kuaishou has no such path."""
        if call.path != "/oauth2/mp/code2session":
            return None
        asked = dict(parse_qsl(call.body.decode("utf-8")))
        login = self._codes.get(asked.get("js_code", ""))
        if not {"app_id", "app_secret", "js_code"} <= asked.keys() or (login and login.fault == "empty-parameter"):
            return _no(100200100, "invalid_request")
        credentials = _MiniProgram(asked["app_id"], asked["app_secret"])
        if credentials not in self._programs.values():
            return _no(100200101, "invalid_client")
        if login is None or login.used or login.app_id != credentials.app_id or now > login.until:
            return _no(_DEAD_CODE, "js_code")
        return self._give(login)

    def _give(self, login: _LoginCode) -> Answer:
        login.used = True
        match login.fault:
            case "slow" | "reset-after-consumed":
                return Answer(fate=Fate.HANG if login.fault == "slow" else Fate.RESET)
            case "garbage-reply":
                page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
                return Answer(502, {"content-type": "text/html"}, page)
        return _say({"result": 1, "session_key": login.session_key, "open_id": login.openid})


def _no(result: int, error: str) -> Answer:
    return _say({"result": result, "error": error, "error_msg": error})


def _say(content: dict[str, Any]) -> Answer:
    return Answer(headers={"content-type": "application/json"}, body=msgspec.json.encode(content))


MIRROR: Final = KuaishouMirror
