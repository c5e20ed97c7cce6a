"""The simulated Douyin, for the simulator and the tests: its API, and the phone in the user's hand.

It shares no code with what it tests. It keeps Douyin's habits: HTTP status 200 for everything, ``err_no`` sometimes a
number and sometimes a text, token errors in ``data.error_code``, the phone number under RSA.

One guess, because nothing is documented: every unusable phone code gets 28005187, which one third-party client knows as
"expired".
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from haoma.crypto.forging import forge_cbc, forge_rsa
from haoma.platforms.base.mirroring import Answer, Fate, Scene, Tap
from haoma.platforms.douyin.mirror.refusals import REFUSALS

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import Call, RandomBytes

_LIFE: Final = 300.0  # seconds, of phone codes and login codes
_TOKEN_LIFE: Final = 7200
_BUFFER: Final = 300.0  # seconds that a plain token remains valid after its successor is issued
_UNKNOWN_APP: Final = "tt0000000000000000"

_OK: Final = "ok"
_OUTCOME: Final = "outside.outcome-unknown"
_SHUT: Final = "trust.cannot-open"
_DECLINED: Final = "envelope.user-declined"

_NAMED: Final[tuple[Scene, ...]] = (
    Scene("ok", "用户允许，code 换到手机号，用应用私钥解密",
          "The user allows; the code gives the number, opened with the app's private key", _OK, "douyin"),
    Scene("overseas", "用户的号码是香港号码", "The user's number is in Hong Kong", _OK, "douyin"),
    Scene("denied", "用户点了拒绝", "The user denies", _DECLINED, "douyin"),
    Scene("button-not-permitted", "小程序没有获取手机号的权限（platform auth deny）",
          "The mini program has no permission for phone numbers (platform auth deny)",
          "platform.permission-missing", "douyin"),
    Scene("button-no-phone", "用户的抖音账号没有绑定手机号（no phone number）",
          "The user's Douyin account has no phone number (no phone number)", "platform.no-phone-bound", "douyin"),
    Scene("button-not-logged-in", "点按钮之前没有登录（not login）", "Nobody was logged in before the tap (not login)",
          "platform.login-code-rejected", "douyin"),
    Scene("button-no-permission", "小程序没有申请获取手机号的权限（no permission）",
          "The mini program never applied for the permission (no permission)", "platform.permission-missing", "douyin"),
    Scene("button-session-gone", "登录态已失效（invalid session）", "The session is no longer valid (invalid session)",
          "platform.login-code-rejected", "douyin"),
    Scene("button-internal-error", "抖音内部错误（internal error）", "An internal error of Douyin (internal error)",
          "platform.busy", "douyin"),
    Scene("expired-code", "用户授权后超过五分钟才提交，code 已过期",
          "Submitted more than five minutes after the consent: the code has expired",
          "platform.code-rejected", "douyin"),
    Scene("used-code", "code 已被别处用掉", "The code was used elsewhere before", "platform.code-rejected", "douyin"),
    Scene("login-code-sent-as-phone-code", "前端把 tt.login 的 code 当成手机号 code 提交",
          "The front end sends the code of tt.login as the phone code", "platform.code-rejected", "douyin"),
    Scene("other-apps-login", "登录 code 来自另一个小程序（40018）",
          "The login code was made by another mini program (40018)", "platform.login-code-rejected", "douyin"),
    Scene("new-key", "控制台更换了应用公钥，配置里新旧两个私钥都在",
          "The public key in the console was changed; both private keys are configured", _OK, "douyin-rotation"),
    Scene("wrong-private-key", "控制台的应用公钥与配置的私钥不是一对",
          "The public key in the console and the configured private key are no pair", _SHUT, "douyin-key"),
    Scene("foreign-watermark", "解密后的水印是另一个小程序的 AppID", "The watermark inside names another mini program",
          _SHUT, "douyin"),
    Scene("bad-padding", "密文的填充不对", "The padding of the ciphertext is wrong", _SHUT, "douyin"),
    Scene("stale-token", "client_token 刚失效，换新后重试成功",
          "The client_token has just died; a new one makes it work", _OK, "douyin-stale"),
    Scene("token-war", "另一个进程不停地获取 client_token", "Another process keeps fetching client_tokens",
          "platform.token-rejected", "douyin-war"),
    Scene("wrong-secret", "AppSecret 不正确（10013）", "The AppSecret is wrong (10013)",
          "platform.credentials-rejected", "douyin-secret"),
    Scene("no-ability", "小程序没有开通获取手机号能力（28001018）",
          "The mini program lacks the phone-number ability (28001018)", "platform.permission-missing", "douyin"),
    Scene("busy", "抖音一直返回系统繁忙（28001005）", "Douyin is busy (28001005), and stays so", _OUTCOME, "douyin"),
    Scene("rate-limit", "请求频率过高（28003018）", "Too many calls (28003018)", "platform.rate-limited", "douyin"),
    Scene("quota", "接口额度已用完（28003017）", "The quota is used up (28003017)",
          "platform.quota-exhausted", "douyin"),
    Scene("slow", "抖音收到 code 后不再回应", "Douyin takes the code and does not answer", _OUTCOME, "douyin"),
    Scene("reset-after-consumed", "code 已被消费，返回前连接被重置；重试被拒绝，结果仍然未知",
          "The code is consumed, then the connection is reset; a retry is refused, and still nobody knows",
          _OUTCOME, "douyin"),
    Scene("garbage-reply", "中间的代理返回一张 HTML 页面", "A proxy in between answers with an HTML page",
          "outside.nonsense-reply", "douyin"),
    Scene("sealed-ok", "session_key 方式：session_key 解密成功", "session_key flow: opened with the session_key", _OK,
          "douyin-sealed"),
    Scene("sealed-beside-expired-code", "code 已过期，随同提交的 encryptedData 仍可解密",
          "The code has expired, and the encryptedData beside it still opens", _OK, "douyin-sealed"),
    Scene("sealed-data-off", "只收到 encryptedData，而应用不接受加密数据",
          "Only encryptedData arrives, and the app does not accept encrypted data", "envelope.encrypted-data-off",
          "douyin"),
    Scene("sealed-stale-session-key", "session_key 方式：数据由早已失效的 session_key 加密",
          "session_key flow: sealed with a session_key that is long gone", _SHUT, "douyin-sealed"),
    Scene("sealed-foreign-watermark", "session_key 方式：水印里是另一个小程序的 AppID",
          "session_key flow: the watermark names another mini program", _SHUT, "douyin-sealed"),
    Scene("sealed-bit-flips", "session_key 方式：密文被改动一位",
          "session_key flow: a bit of the ciphertext is flipped",
          _SHUT, "douyin-sealed"),
)  # fmt: skip
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
    "busy": (28001005, "系统繁忙，此时请开发者稍候再试"),
    "no-ability": (28001018, "应用未获得该能力"),
    "rate-limit": (28003018, "请求频率过高"),
    "quota": (28003017, "quota 已用完"),
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


class DouyinMirror:
    """The simulated Douyin. It makes its own app ids, secrets, keys, tokens, users and codes."""

    name = "douyin"
    scenes = SCENES
    demo: tuple[str, ...] = ()
    counted = ""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._programs = {
            name: _MiniProgram(name, f"tt{random_bytes(8).hex()}", random_bytes(20).hex()) for name in _SETTINGS
        }
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

    def tap(self, scene: str, *, allow: bool, now: float) -> Tap:
        """Play a scene on the device: ``tt.login``, then the button.

        Raises:
            KeyError: The scene does not exist.
        """
        played = {each.name: each for each in SCENES}[scene]
        program = self._programs[played.app]
        self._forget(now)
        user = _Code("login", program.name, program.app_id, f"_000{self._text(24)}", now + _LIFE)
        user.session_key = base64.b64encode(self._random(16)).decode("ascii")
        user.fault = scene
        login_code = self._issue(user)
        if scene == "other-apps-login":
            user.app_id = _UNKNOWN_APP
        if not allow or scene in _BUTTON:
            event: dict[str, Any] = {"errMsg": f"getPhoneNumber:fail {_BUTTON[scene if allow else 'denied']}"}
            body = {"login_code": login_code, "authorization": event}
            return Tap(scene, played.app, event, login_code, body, played.expect if allow else _DECLINED)
        phone = _Code("phone", program.name, program.app_id, user.openid, now + _LIFE, fault=scene)
        phone.national_number = f"1380013{int.from_bytes(self._random(4)) % 10_000:04d}"
        if scene == "overseas":
            phone.country_code, phone.national_number = "852", "51234567"
        authorization = self._seal(scene, user, phone, now)
        if not scene.startswith("sealed-") or scene == "sealed-beside-expired-code":
            authorization = {"code": self._phone_code(scene, user, phone), **authorization}
        event = {"errMsg": "getPhoneNumber:ok", **authorization}
        number = f"+{phone.country_code}{phone.national_number}" if played.expect == _OK else ""
        body = {"login_code": login_code, "authorization": authorization}
        return Tap(scene, played.app, event, login_code, body, played.expect, number)

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
        key = self._random(16) if scene == "sealed-stale-session-key" else base64.b64decode(user.session_key)  # noqa: TID251
        iv = self._random(16)
        text = forge_cbc(key, iv, _payload(phone, app_id, now))
        if scene == "sealed-bit-flips":
            flipped = bytearray(base64.b64decode(text))  # noqa: TID251
            flipped[len(flipped) // 2] ^= 1
            text = base64.b64encode(flipped).decode("ascii")
        return {"encryptedData": text, "iv": base64.b64encode(iv).decode("ascii")}

    def _forget(self, now: float) -> None:
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + 2 * _LIFE}
        self._tokens = {text: token for text, token in self._tokens.items() if now < token.until}

    def _text(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).decode("ascii").rstrip("=")

    # --- the API

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if Douyin has no such path."""
        way = self._ways.get(call.path)
        if way is None:
            return None
        return way(call, now) if call.method == "POST" else self._no(28001007, "参数不合法")

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
            return _no_token(10002, "参数错误")
        program = next((each for each in self._programs.values() if each.app_id == asked.get("client_key")), None)
        if program is None:
            return _no_token(10003, "client_key 不存在")
        if program.name in _TOKENLESS:
            return _no_token(_TOKENLESS[program.name].err_no, _TOKENLESS[program.name].words)
        if asked.get("client_secret") != program.secret or program.name == "douyin-secret":
            return _no_token(10013, "client_key 或者 client_secret 不正确")
        return program

    def _phone_number(self, call: Call, now: float) -> Answer:
        token = self._tokens.get(call.headers.get("access-token", ""))
        if token is None or now >= token.until:
            return self._dead_token()
        asked = _object(call.body)
        if asked is None or not isinstance(asked.get("code"), str):
            return self._no(28001007, "参数不合法")
        code = self._codes.get(asked["code"])
        if code is None or code.kind != "phone" or code.used or now > code.until or code.app_id != token.app_id:
            return self._no(28005187, "code 已过期")
        return self._trouble(code, token.app_id) or self._give(code, now)

    def _dead_token(self) -> Answer:
        return self._no(28001008, "access_token过期,请刷新或重新授权")

    def _trouble(self, code: _Code, app_id: str) -> Answer | None:
        refused = _REFUSED.get(code.fault)
        if refused is not None and refused.place == "phone":
            return self._no(refused.err_no, refused.words)
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
        return self._no(*_REFUSALS[code.fault]) if code.fault in _REFUSALS else None

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
            (not asked.get("code"), 40014, "bad parameters"),
            (program is None, 40015, "bad appid"),
            (program is not None and asked.get("secret") != program.secret, 40017, "bad secret"),
            (
                code is None or code.kind != "login" or code.app_id != asked.get("appid") or code.used,
                40018, "bad code",
            ),
            (code is not None and now > code.until, 40018, "bad code"),
        )  # fmt: skip
        for holds, err_no, words in refusals:
            if holds:
                return self._no(err_no, words)
        assert code is not None  # noqa: S101 - for the type checker; the fourth refusal has checked
        refused = _REFUSED.get(code.fault)
        if refused is not None and refused.place == "login":
            return self._no(refused.err_no, refused.words)
        code.used = True
        ids = {"session_key": code.session_key, "openid": code.openid, "anonymous_openid": "", "unionid": ""}
        return _say({"err_no": self._err_no(0), "err_tips": "success", "log_id": self._log_id(), "data": ids})

    def _no(self, err_no: int, words: str) -> Answer:
        return _say({"err_no": self._err_no(err_no), "err_tips": words, "log_id": self._log_id(), "data": None})

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


def _no_token(error_code: int, words: str) -> Answer:
    given = {"captcha": "", "desc_url": "", "description": words, "error_code": error_code}
    return _say({"data": given, "message": "error"})


def _say(content: dict[str, Any]) -> Answer:
    return Answer(headers={"content-type": "application/json; charset=utf-8"}, body=msgspec.json.encode(content))


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None


MIRROR: Final = DouyinMirror
