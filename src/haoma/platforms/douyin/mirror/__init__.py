"""The simulated Douyin, for the simulator and the tests: its API, and the phone in the user's hand.

It shares no code with what it tests. It keeps Douyin's habits: HTTP status 200 for everything, ``err_no`` sometimes a
number and sometimes a text, token errors in ``data.error_code``, the phone number under RSA.

One guess, because nothing is documented: every unusable phone code gets 28005187, which one third-party client knows as
"expired".
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from haoma.crypto.forging import forge_cbc, forge_rsa
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
from haoma.platforms.douyin.mirror.refusals import REFUSALS

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import Call, Person, Push, RandomBytes

_LIFE: Final = 300.0  # seconds, of phone codes and login codes
_TOKEN_LIFE: Final = 7200
_BUFFER: Final = 300.0  # seconds that a plain token remains valid after its successor is issued
_UNKNOWN_APP: Final = "tt0000000000000000"

_OK: Final = "ok"
_OUTCOME: Final = "outside.outcome-unknown"
_SHUT: Final = "trust.cannot-open"
_DECLINED: Final = "envelope.user-declined"

_NAMED: Final[tuple[Scene, ...]] = (
    Scene("ok", _OK, "douyin"),
    Scene("overseas", _OK, "douyin"),
    Scene("denied", _DECLINED, "douyin"),
    Scene("button-not-permitted", "platform.permission-missing", "douyin"),
    Scene("button-no-phone", "platform.no-phone-bound", "douyin"),
    Scene("button-not-logged-in", "platform.login-code-rejected", "douyin"),
    Scene("button-no-permission", "platform.permission-missing", "douyin"),
    Scene("button-session-gone", "platform.login-code-rejected", "douyin"),
    Scene("button-internal-error", "platform.busy", "douyin"),
    Scene("expired-code", "platform.code-rejected", "douyin"),
    Scene("used-code", "platform.code-rejected", "douyin"),
    Scene("login-code-sent-as-phone-code", "platform.code-rejected", "douyin"),
    Scene("other-apps-login", "platform.login-code-rejected", "douyin"),
    Scene("new-key", _OK, "douyin-rotation"),
    Scene("wrong-private-key", _SHUT, "douyin-key"),
    Scene("foreign-watermark", _SHUT, "douyin"),
    Scene("bad-padding", _SHUT, "douyin"),
    Scene("stale-token", _OK, "douyin-stale"),
    Scene("token-war", "platform.token-rejected", "douyin-war"),
    Scene("wrong-secret", "platform.credentials-rejected", "douyin-secret"),
    Scene("no-ability", "platform.permission-missing", "douyin"),
    Scene("busy", _OUTCOME, "douyin"),
    Scene("rate-limit", "platform.rate-limited", "douyin"),
    Scene("quota", "platform.quota-exhausted", "douyin"),
    Scene("slow", _OUTCOME, "douyin"),
    Scene("reset-after-consumed", _OUTCOME, "douyin"),
    Scene("garbage-reply", "outside.nonsense-reply", "douyin"),
    Scene("sealed-ok", _OK, "douyin-sealed"),
    Scene("sealed-beside-expired-code", _OK, "douyin-sealed"),
    Scene("sealed-data-off", "envelope.encrypted-data-off", "douyin"),
    Scene("sealed-stale-session-key", _SHUT, "douyin-sealed"),
    Scene("sealed-foreign-watermark", _SHUT, "douyin-sealed"),
    Scene("sealed-bit-flips", _SHUT, "douyin-sealed"),
)
SCENES: Final = (*_NAMED, *(refusal.scene for refusal in REFUSALS))
_REFUSED: Final = {refusal.name: refusal for refusal in REFUSALS}
_TOKENLESS: Final = {refusal.app: refusal for refusal in REFUSALS if refusal.place == "token"}

_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "douyin": {},
    "douyin-rotation": {},
    "douyin-key": {},
    "douyin-stale": {},
    "douyin-war": {"token": "plain"},
    "douyin-secret": {},
    **{name: {} for name in _TOKENLESS},
    "douyin-sealed": {"accept_encrypted_data": True},
}
_BUTTON: Final = {
    "denied": "auth deny",
    "button-not-permitted": "platform auth deny",
    "button-no-phone": "no phone number",
    "button-not-logged-in": "not login",
    "button-no-permission": "no permission",
    "button-session-gone": "invalid session",
    "button-internal-error": "internal error",
}
_REFUSALS: Final = {
    "busy": 28001005,
    "no-ability": 28001018,
    "rate-limit": 28003018,
    "quota": 28003017,
}


@dataclass(frozen=True, slots=True)
class _MiniProgram:
    name: str
    app_id: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class _Code:
    """A code of ``tt.login`` or of the button. ``fault`` names the scene if something goes wrong with it."""

    kind: str
    program: str
    app_id: str
    openid: str
    until: float
    session_key: str = ""
    country_code: str = "86"
    national_number: str = ""
    fault: str = ""
    used: bool = False


@dataclass(slots=True)
class _Token:
    app_id: str
    until: float


class DouyinMirror(Mirror):
    """The simulated Douyin. It makes its own app ids, secrets, keys, tokens, users and codes."""

    name = "douyin"
    scenes = SCENES
    demo: tuple[str, ...] = ()
    counted = ""
    button = Button("tt.login", "getPhoneNumber")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._programs = {
            name: _MiniProgram(name, f"tt{random_bytes(8).hex()}", random_bytes(20).hex()) for name in _SETTINGS
        }
        self._forget_at = 0.0
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, _Token] = {}
        self._current: dict[tuple[str, str], str] = {}  # (family, app id): the newest token
        self._answers = 0
        self._ways: dict[str, Callable[[Call, float], Answer]] = {
            "/oauth/stable_client_token/": self._stable_token,
            "/oauth/client_token/": self._plain_token,
            "/api/apps/v1/get_phonenumber_info/": self._phone_number,
            "/api/apps/v2/jscode2session": self._session,
        }

    # --- keys

    @cached_property
    def app_key(self) -> rsa.RSAPrivateKey:
        """The key whose public half is in the console."""
        return _new_key()

    @cached_property
    def another_key(self) -> rsa.RSAPrivateKey:
        """A key whose public half is not in the console."""
        return _new_key()

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables for this mirror, served at ``base_url``."""
        right, wrong = (_base64_of(key) for key in (self.app_key, self.another_key))
        keys: dict[str, str | list[str]] = {"douyin-rotation": [wrong, right], "douyin-key": wrong}
        return {
            name: {
                "platform": "douyin",
                "app_id": program.app_id,
                "app_secret": program.secret,
                "app_private_key": keys.get(name, right),
                "api_base_url": base_url,
                **_SETTINGS[name],
            }
            for name, program in self._programs.items()
        }

    # --- the device

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device: ``tt.login``.

        Raises:
            KeyError: The scene does not exist.
        """
        played = {each.name: each for each in SCENES}[scene]
        program = self._programs[played.app]
        self._forget(now)
        user = _Code("login", program.name, program.app_id, self._openid(person), now + _LIFE)
        user.session_key = base64.b64encode(self._random(16)).decode("ascii")
        user.fault = scene
        login_code = self._issue(user)
        if scene == "other-apps-login":
            user.app_id = _UNKNOWN_APP
        return Visit(played, person, login_code, user)

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the button."""
        played, scene, person, login_code = visit.scene, visit.scene.name, visit.person, visit.login_code
        user: _Code = visit.user
        program = self._programs[played.app]
        if not allow or scene in _BUTTON:
            event: dict[str, Any] = {"errMsg": f"getPhoneNumber:fail {_BUTTON[scene if allow else 'denied']}"}
            body = {"login_code": login_code, "authorization": event}
            return Tap(scene, played.app, event, login_code, body, played.expect if allow else _DECLINED, failed=True)
        phone = _Code("phone", program.name, program.app_id, user.openid, now + _LIFE, fault=scene)
        phone.national_number = person.mobile("1380013", self._random)
        if scene == "overseas":
            phone.country_code, phone.national_number = "852", "51234567"
        authorization = self._seal(scene, user, phone, now)
        if not scene.startswith("sealed-") or scene == "sealed-beside-expired-code":
            authorization = {"code": self._phone_code(scene, user, phone), **authorization}
        event = {"errMsg": "getPhoneNumber:ok", **authorization}
        number = f"+{phone.country_code}{phone.national_number}" if played.expect == _OK else ""
        body = {"login_code": login_code, "authorization": authorization}
        return Tap(scene, played.app, event, login_code, body, played.expect, number)

    def _openid(self, person: Person) -> str:
        return "_000" + base64.urlsafe_b64encode(drawn(person.user, self._random)(24)).decode("ascii").rstrip("=")

    def _phone_code(self, scene: str, user: _Code, phone: _Code) -> str:
        match scene:
            case "expired-code" | "sealed-beside-expired-code":
                phone.until -= _LIFE + 1
            case "used-code":
                phone.used = True
            case "login-code-sent-as-phone-code":
                return self._issue(_Code("login", user.program, user.app_id, user.openid, user.until, user.session_key))
        return self._issue(phone)

    def _issue(self, code: _Code) -> str:
        text = self._text(48) if code.kind == "phone" else self._text(36)
        self._codes[text] = code
        return text

    def _seal(self, scene: str, user: _Code, phone: _Code, now: float) -> dict[str, str]:
        app_id = _UNKNOWN_APP if scene == "sealed-foreign-watermark" else phone.app_id
        is_stale = scene == "sealed-stale-session-key" or now > user.until - _LIFE + SESSION_KEY_LIFE
        key = self._random(16) if is_stale else base64.b64decode(user.session_key)  # noqa: TID251
        iv = self._random(16)
        text = forge_cbc(key, iv, _payload(phone, app_id, now))
        if scene == "sealed-bit-flips":
            flipped = bytearray(base64.b64decode(text))  # noqa: TID251
            flipped[len(flipped) // 2] ^= 1
            text = base64.b64encode(flipped).decode("ascii")
        return {"encryptedData": text, "iv": base64.b64encode(iv).decode("ascii")}

    def _forget(self, now: float) -> None:
        if self._forget_at - 1.0 <= now < self._forget_at:
            return
        self._forget_at = now + 1.0
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + 2 * _LIFE}
        self._tokens = {text: token for text, token in self._tokens.items() if now < token.until}

    def _text(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).decode("ascii").rstrip("=")

    # --- the API

    def withdraw(self, _app: str, _user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Return nothing: no message about a withdrawal is known of this platform."""
        del account, now
        return ()

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if Douyin has no such path."""
        way = self._ways.get(call.path)
        if way is None:
            return None
        return way(call, now) if call.method == "POST" else self._no(28001007)

    def _stable_token(self, call: Call, now: float) -> Answer:
        program = self._who(call)
        if isinstance(program, Answer):
            return program
        token = self._current.get(("stable", program.app_id), "")
        if token not in self._tokens or now >= self._tokens[token].until:
            token = self._new_token("stable", program, now)
        return _say_token(token, int(self._tokens[token].until - now))

    def _plain_token(self, call: Call, now: float) -> Answer:
        program = self._who(call)
        if isinstance(program, Answer):
            return program
        newest = self._current.get(("plain", program.app_id), "")
        for text, token in list(self._tokens.items()):
            if token.app_id == program.app_id and text not in (newest, self._current.get(("stable", program.app_id))):
                del self._tokens[text]  # two tokens stay valid, and this call makes one of them
        if newest in self._tokens:
            self._tokens[newest].until = min(self._tokens[newest].until, now + _BUFFER)
        token_text = self._new_token("plain", program, now)
        if program.name == "douyin-war":  # the other process fetches twice before this token can be used
            del self._tokens[token_text]
        return _say_token(token_text, _TOKEN_LIFE)

    def _new_token(self, family: str, program: _MiniProgram, now: float) -> str:
        token = f"clt.{self._random(16).hex()}{self._text(24)}"
        self._current[family, program.app_id] = token
        self._tokens[token] = _Token(program.app_id, now + _TOKEN_LIFE)
        return token

    def _who(self, call: Call) -> _MiniProgram | Answer:
        """Return the owner of this id and secret, or the refusal."""
        asked = _object(call.body)
        if asked is None or asked.get("grant_type") != "client_credential":
            return _no_token(10002)
        program = next((each for each in self._programs.values() if each.app_id == asked.get("client_key")), None)
        if program is None:
            return _no_token(10003)
        if program.name in _TOKENLESS:
            return _no_token(_TOKENLESS[program.name].err_no)
        if asked.get("client_secret") != program.secret or program.name == "douyin-secret":
            return _no_token(10013)
        return program

    def _phone_number(self, call: Call, now: float) -> Answer:
        token = self._tokens.get(call.headers.get("access-token", ""))
        if token is None or now >= token.until:
            return self._dead_token()
        asked = _object(call.body)
        if asked is None or not isinstance(asked.get("code"), str):
            return self._no(28001007)
        code = self._codes.get(asked["code"])
        if code is None or code.kind != "phone" or code.used or now > code.until or code.app_id != token.app_id:
            return self._no(28005187)
        return self._trouble(code, token.app_id) or self._give(code, now)

    def _dead_token(self) -> Answer:
        return self._no(28001008)

    def _trouble(self, code: _Code, app_id: str) -> Answer | None:
        refused = _REFUSED.get(code.fault)
        if refused is not None and refused.place == "phone":
            return self._no(refused.err_no)
        match code.fault:
            case "stale-token":
                code.fault = ""
                self._tokens.pop(self._current.get(("stable", app_id), ""), None)
                return self._dead_token()
            case "slow" | "reset-after-consumed":
                code.used = True
                return Answer(fate=Fate.HANG if code.fault == "slow" else Fate.RESET)
            case "garbage-reply":
                page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
                return Answer(502, {"content-type": "text/html"}, page)
        return self._no(_REFUSALS[code.fault]) if code.fault in _REFUSALS else None

    def _give(self, code: _Code, now: float) -> Answer:
        code.used = True
        plain = _payload(code, _UNKNOWN_APP if code.fault == "foreign-watermark" else code.app_id, now)
        kind = b"\x01" if code.fault == "bad-padding" else b"\x02"
        sealed = forge_rsa(self.app_key.public_key(), plain, self._random, kind=kind)
        return _say({"err_no": self._err_no(0), "err_msg": "", "log_id": self._log_id(), "data": sealed})

    def _session(self, call: Call, now: float) -> Answer:
        asked = _object(call.body) or {}
        program = next((each for each in self._programs.values() if each.app_id == asked.get("appid")), None)
        code = self._codes.get(str(asked.get("code")))
        refusals = (
            (not asked.get("code"), 40014),
            (program is None, 40015),
            (program is not None and asked.get("secret") != program.secret, 40017),
            (
                code is None or code.kind != "login" or code.app_id != asked.get("appid") or code.used, 40018,
            ),
            (code is not None and now > code.until, 40018),
        )  # fmt: skip
        for holds, err_no in refusals:
            if holds:
                return self._no(err_no)
        assert code is not None  # noqa: S101 - for the type checker; the fourth refusal has checked
        refused = _REFUSED.get(code.fault)
        if refused is not None and refused.place == "login":
            return self._no(refused.err_no)
        code.used = True
        ids = {"session_key": code.session_key, "openid": code.openid, "anonymous_openid": "", "unionid": ""}
        return _say({"err_no": self._err_no(0), "err_tips": "success", "log_id": self._log_id(), "data": ids})

    def _no(self, err_no: int) -> Answer:
        says = replies("douyin")[str(err_no)]
        return _say({"err_no": self._err_no(err_no), "err_tips": says, "log_id": self._log_id(), "data": None})

    def _err_no(self, number: int) -> int | str:
        self._answers += 1
        return number if self._answers % 2 else str(number)

    def _log_id(self) -> str:
        return f"20260101{self._random(13).hex().upper()}"


def _payload(code: _Code, app_id: str, now: float) -> bytes:
    abroad = "" if code.country_code == "86" else f"+{code.country_code}"
    return msgspec.json.encode({
        "phoneNumber": abroad + code.national_number,
        "purePhoneNumber": code.national_number,
        "countryCode": code.country_code,
        "watermark": {"appid": app_id, "timestamp": int(now * 1000)},
    })  # fmt: skip


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64_of(key: rsa.RSAPrivateKey) -> str:
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode("ascii")


def _say_token(token: str, seconds: int) -> Answer:
    given = {"access_token": token, "description": "", "error_code": 0, "expires_in": seconds}
    return _say({"data": given, "message": "success"})


def _no_token(error_code: int) -> Answer:
    says = replies("douyin")[str(error_code)]
    given = {"captcha": "", "desc_url": "", "description": says, "error_code": error_code}
    return _say({"data": given, "message": "error"})


def _say(content: dict[str, Any]) -> Answer:
    return Answer(headers={"content-type": "application/json; charset=utf-8"}, body=msgspec.json.encode(content))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None


MIRROR: Final = DouyinMirror
