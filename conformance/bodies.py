"""Cases of the way ``request``: what a front end posts, in the shapes that front ends and frameworks really send.

Everything is made here with pycryptodome, which shares nothing with haoma, and with keys of these cases alone. The
codes, ciphertexts and session_keys of a case are its own, so that a server with a memory may be asked all of them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from Crypto.Cipher import AES, PKCS1_v1_5
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

HERE = Path(__file__).parent
NOW = 1_790_000_000
NUMBER = "13800138000"
E164 = "+8613800138000"
APP, OTHER = "shop", "other-shop"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
SECRET = "0123456789abcdef0123456789abcdef"
KEY = RSA.import_key((HERE / "throw-away.pem").read_bytes())
ALIPAYS = RSA.import_key((HERE / "throw-away-2.pem").read_bytes())
AES_KEY = "dGhyb3ctYXdheS1rZXktIQ=="
CODE, SEALED, ENVELOPE = "phone-code", "sealed-data", "envelope"
WAYS = {
    "alipay": ENVELOPE, "wechat": CODE, "baidu": SEALED, "douyin": CODE, "kuaishou": SEALED, "xiaohongshu": SEALED,
    "huawei": CODE, "dingtalk": CODE,
}  # fmt: skip
"""From what each platform's button gives the number. WeChat and Douyin have a second way, with sealed data."""
WITH_LOGIN = tuple(name for name in WAYS if name not in ("huawei", "dingtalk"))
"""Platforms on which a login goes with the authorization. On the other two the code says who the user is."""
IDS = {
    "alipay": "2021000000000000", "wechat": "wx4f4bc4dec97d474b", "baidu": "synthAppKeySynthAppKeySynthKey00",
    "douyin": "tt0000000000000000", "kuaishou": "ks000000000000000000", "xiaohongshu": "600000000000000000000001",
    "huawei": "100000000000000001", "dingtalk": "ding0123456789abcdef",
}  # fmt: skip
OTHER_ID = "wx1111111111111111"
FAIL = "getPhoneNumber:fail "

FORGED = "forged: with throw-away keys"


def _random(label: str, size: int) -> bytes:
    """Return bytes that look random but are the same on every run."""
    return hashlib.shake_128(label.encode()).digest(size)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def compact(value: object) -> str:
    """Return JSON as front ends write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- what the platforms' sides are


def app(platform: str, app_id: str = "") -> dict[str, Any]:
    """Return what a server knows of its app."""
    named = {"baidu": "app_key", "huawei": "client_id", "dingtalk": "client_id"}.get(platform, "app_id")
    known: dict[str, Any] = {"platform": platform, named: app_id or IDS[platform]}
    if platform == "alipay":
        return known | {
            "alipay_public_key": _base64(ALIPAYS.public_key().export_key("DER")),
            "aes_key": AES_KEY,
            "app_private_key": _base64(KEY.export_key("DER", pkcs=8)),
        }
    known["client_secret" if named == "client_id" else "app_secret"] = SECRET
    if platform == "douyin":
        known["app_private_key"] = _base64(KEY.export_key("DER", pkcs=8))
    return known


def _plain(platform: str, app_id: str = "") -> dict[str, Any]:
    """Return what the platform seals."""
    app_id = app_id or IDS[platform]
    if platform == "baidu":
        return {"mobile": NUMBER}
    if platform == "kuaishou":
        return {"countryCode": "86", "phoneNumber": NUMBER}
    named = "appId" if platform == "xiaohongshu" else "appid"
    phone = {"phoneNumber": NUMBER, "purePhoneNumber": NUMBER, "countryCode": "86"}
    return {**phone, "watermark": {"timestamp": NOW, named: app_id}}


def seal(label: str, platform: str, plain: object, key: bytes) -> dict[str, str]:
    """Return ``encryptedData`` and ``iv``."""
    content, iv, block = compact(plain).encode(), _random(f"{label} iv", 16), 16
    if platform == "baidu":
        head = _random(f"{label} head", 16) + len(content).to_bytes(4, "big")
        content, block = head + content + IDS["baidu"].encode(), 32
    missing = block - len(content) % block
    padded = content + bytes([missing]) * missing
    return {"encryptedData": _base64(AES.new(key, AES.MODE_CBC, iv).encrypt(padded)), "iv": _base64(iv)}


def _envelope(label: str) -> dict[str, str]:
    del label  # Alipay's envelope of a number is always the same
    content = compact({"code": "10000", "msg": "Success", "mobile": NUMBER}).encode()
    missing = 16 - len(content) % 16
    sealed = AES.new(base64.b64decode(AES_KEY), AES.MODE_CBC, bytes(16)).encrypt(content + bytes([missing]) * missing)
    response = _base64(sealed)
    sign = pkcs1_15.new(ALIPAYS).sign(SHA256.new(f'"{response}"'.encode()))
    return {"response": response, "sign": _base64(sign)}


def _login_reply(platform: str, label: str, session_key: str) -> str:
    openid = f"openid-{_random(label, 8).hex()}"
    match platform:
        case "alipay":
            node = compact({"access_token": "token-of-the-user", "open_id": openid, "user_id": "", "expires_in": 300})
            sign = _base64(pkcs1_15.new(ALIPAYS).sign(SHA256.new(node.encode())))
            return f'{{"alipay_system_oauth_token_response":{node},"sign":"{sign}"}}'
        case "douyin":
            user = {"session_key": session_key, "openid": openid, "anonymous_openid": "", "unionid": ""}
            return compact({"err_no": 0, "err_tips": "success", "log_id": "20260921", "data": user})
        case "kuaishou":
            return compact({"result": 1, "session_key": session_key, "open_id": openid})
        case "xiaohongshu":
            user = {"openid": openid, "session_key": session_key}
            return compact({"data": user, "success": True, "msg": "success", "code": 0})
    return compact({"session_key": session_key, "openid": openid})


def _phone_reply(platform: str, label: str) -> str:
    match platform:
        case "wechat":
            return compact({"errcode": 0, "errmsg": "ok", "phone_info": _plain("wechat")})
        case "douyin":
            seed = hashlib.shake_128(f"{label} rsa".encode()).digest(4096)
            taken = iter(range(4096))

            def random(size: int) -> bytes:
                return bytes(seed[next(taken)] or 1 for _ in range(size))

            data = PKCS1_v1_5.new(KEY.public_key(), randfunc=random).encrypt(compact(_plain("douyin")).encode())
            return compact({"err_no": 0, "err_msg": "", "log_id": "20260921", "data": _base64(data)})
        case "huawei":
            user = {"openId": "openid-of-huawei", "unionId": "unionid-of-huawei"}
            number = {"phoneNumber": f"0086{NUMBER}", "purePhoneNumber": NUMBER, "phoneCountryCode": "0086"}
            return compact({**user, **number, "phoneNumberValid": 1})
    user = {"nick": "zhangsan", "openId": "openid-of-dingtalk", "unionId": "unionid-of-dingtalk"}
    return compact({**user, "mobile": NUMBER, "stateCode": "86"})


OTHER_CODES = {
    "alipay": {
        "login": compact({
            "error_response": {"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.code-invalid"},
        }),
    },
    "wechat": dict.fromkeys(("login", "phone"), compact({"errcode": 40029, "errmsg": "invalid code"})),
    "baidu": {"login": compact({"error": "invalid_grant", "error_description": "Invalid authorization code"})},
    "douyin": {
        "login": compact({"err_no": 40018, "err_tips": "bad code", "log_id": "20260921"}),
        "phone": compact({"err_no": 28001018, "err_msg": "code is invalid", "log_id": "20260921"}),
    },
    "kuaishou": {"login": compact({"result": 100200100, "error": "invalid_request", "error_msg": "invalid code"})},
    "xiaohongshu": {"login": compact({"data": None, "success": False, "msg": "code已失效", "code": 410103})},
    "huawei": {"phone": compact({"resultCode": 60180004, "resultDesc": "invalid code"})},
    "dingtalk": {
        "phone": compact({"code": "invalidParameter.authCode.notFound", "requestid": "1", "message": "not found"}),
    },
}  # fmt: skip
"""What a platform answers to any other code."""


# --- what a front end has in hand


@dataclass(frozen=True)
class Front:
    """What the front end of a case has, and what its platform knows of it.

    Attributes:
        login: The code of the login.
        parts: What the button gave.
        source: ``phone-code``, ``sealed-data`` or ``envelope``.
        session_key: The user's, as bytes.
    """

    label: str
    platform: str
    source: str
    login: str
    parts: dict[str, str]
    session_key: bytes
    keys: dict[str, Any]

    @property
    def phone_code(self) -> str:
        """The code of the button; empty if it gave none."""
        return next(iter(self.parts.values())) if self.source == CODE else ""

    def another(self, *, of: str = "another") -> dict[str, str]:
        """Return what another tap gave."""
        if self.source == SEALED:
            return seal(f"{self.label} {of}", self.platform, _plain(self.platform), self.session_key)
        if self.source == ENVELOPE:
            return {name: text.swapcase() for name, text in self.parts.items()}
        return {name: _code(f"{self.label} {of}", self.platform) for name in self.parts}


def _code(label: str, platform: str) -> str:
    size = {"wechat": 32, "huawei": 24, "dingtalk": 16}.get(platform, 30)
    return _random(f"{label} phone", size).hex()


def front(label: str, platform: str, source: str = "") -> Front:
    """Return the front end of a case."""
    source = source or WAYS[platform]
    login = _random(f"{label} login", 16).hex()
    session_key = _random(f"{label} key", 24 if platform == "baidu" else 16)
    keys: dict[str, Any] = {"apps": {APP: app(platform)}}
    if platform in WITH_LOGIN:
        keys["logins"] = {login: _login_reply(platform, label, _base64(session_key))}
    if source == CODE:
        code = _code(label, platform)
        named = {"huawei": "authorizationCode", "dingtalk": "authCode"}.get(platform, "code")
        parts = {named: code}
        keys["phone_codes"] = {code: _phone_reply(platform, label)}
    elif source == SEALED:
        parts = seal(label, platform, _plain(platform), session_key)
    else:
        parts = _envelope(label)
    keys["other_codes"] = OTHER_CODES[platform]
    return Front(label, platform, source, login, parts, session_key, keys)


# --- cases


@dataclass(frozen=True)
class Row:
    """One case.

    Attributes:
        sent: Bytes or text as they are; anything else as JSON.
        login: Path of the field that is the login; empty if there is none.
        group: ``genuine``, ``strictness`` or what is wrong.
        reason: The code with which haoma refuses; empty if it gives the number.
        fields: With a refusal, the fields that it is about.
        rename: With a refusal, the field to call otherwise, and how.
        read: Whether the request can be read, and only then is refused.
        login_code, phone_code: In place of those of the front end, if the request has others.
        source: In place of the front end's.
    """

    front: Front
    sent: Any
    group: str
    why: str
    login: str = ""
    reason: str = ""
    fields: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    read: bool = False
    login_code: str = ""
    phone_code: str = ""
    source: str = ""
    content_type: str = JSON
    method: str = "POST"
    query: str = ""
    origin: str = FORGED

    @property
    def name(self) -> str:
        return f"{self.front.label}{'_fail' if self.reason else ''}"

    def input(self) -> dict[str, Any]:
        """Return what came in."""
        head = {"app": APP, "method": self.method, "content_type": self.content_type, "query": self.query}
        if isinstance(self.sent, bytes):
            try:
                return {**head, "body": self.sent.decode("utf-8")}
            except UnicodeDecodeError:
                return {**head, "body_base64": _base64(self.sent)}
        return {**head, "body": self.sent if isinstance(self.sent, str) else compact(self.sent)}

    def expect(self) -> dict[str, Any]:
        """Return what has to come of it."""
        reading: dict[str, Any] = {"app": APP, "number_from": self.source or self.front.source, "login_code": None}
        if self.login:
            reading["login_code"] = self.login_code or self.front.login
        if reading["number_from"] == CODE:
            reading["phone_code"] = self.phone_code or self.front.phone_code
        understood = {"reading": reading, **({"login_at": self.login} if self.login else {})}
        refused: dict[str, Any] = {"reason": self.reason} if self.reason else {}
        if self.fields:
            refused["fields"] = list(self.fields)
        if self.rename:
            refused["rename"] = dict(self.rename)
        if self.group == "strictness":
            return {"either": E164, **refused, **understood}
        if self.group == "genuine":
            return {"phone_number": E164, **understood}
        return {"refuse": True, **refused, **(understood if self.read else {})}


def rows() -> Iterator[Row]:
    """Yield all cases, in no order that matters."""
    for made in (
        _plain_shapes, _wrapped, _spelt, _forms, _encoded, _logins, _codes, _twice, _nothing, _broken, _too_much,
        _not_posted, _of_others, _failed, _alipays, _keys_and_numbers, _flows,
    ):  # fmt: skip
        yield from made()


def _front(label: str, platform: str, source: str = "") -> Front:
    return front(f"{platform}/request-{label}", platform, source)


def _with_login(each: Front, name: str = "login_code") -> dict[str, str]:
    return {name: each.login} if each.platform in WITH_LOGIN else {}


def _at(each: Front, path: str = "login_code") -> str:
    return path if each.platform in WITH_LOGIN else ""


def _plain_shapes() -> Iterator[Row]:
    """Yield what the platforms' own pages send, and haoma's own body."""
    body: Any
    for platform, source in WAYS.items():
        if source == SEALED:
            each = _front("code-beside-sealed-data", platform)
            why = "The tutorial's shape. This button gives no code: `code` is the login."
            yield Row(each, {"code": each.login, **each.parts}, "genuine", why, login="code")
        else:
            each = _front("bare", platform)
            yield Row(each, each.parts, "genuine", "What the button gave, and nothing else. Nobody has logged in.")
        each = _front("kit", platform)
        body = {**_with_login(each), "authorization": each.parts}
        yield Row(each, body, "strictness", "The body of haoma's front-end kit.", login=_at(each))
        if source == ENVELOPE or platform in ("huawei", "dingtalk"):
            continue
        each = _front("event", platform)
        detail = {"errMsg": "getPhoneNumber:ok", **each.parts}
        event = {"type": "getphonenumber", "timeStamp": 4021, "detail": detail}
        if source == SEALED:
            why = "The whole event of the button, with the login beside it."
            yield Row(each, {"code": each.login, **event}, "genuine", why, login="code")
        else:
            yield Row(each, event, "genuine", "The whole event of the button.")
    for platform in ("wechat", "douyin"):
        each = _front("sealed-data-and-login", platform, SEALED)
        body = {"login_code": each.login, **each.parts}
        yield Row(each, body, "strictness", "The old way, without a phone code.", login="login_code")


def _wrapped() -> Iterator[Row]:
    """Yield authorizations inside the objects of request libraries, events and frameworks."""
    body: Any
    platforms = {
        "data": ("wechat", "kuaishou", "alipay", "huawei"),
        "params": ("douyin", "baidu", "alipay"),
        "e": ("wechat", "xiaohongshu"),
        "res": ("alipay", "dingtalk", "kuaishou"),
        "event": ("baidu", "huawei"),
    }
    for name, names in platforms.items():
        for platform in names:
            each = _front(f"in-{name}", platform)
            body = {name: {**each.parts, **_with_login(each)}}
            why = f"All of it inside `{name}`."
            yield Row(each, body, "strictness", why, login=_at(each, f"{name}.login_code"))
    for platform in ("wechat", "baidu", "kuaishou"):
        each = _front("mpvue", platform)
        body = {"mp": {"type": "getphonenumber", "detail": each.parts}, "jsCode": each.login}
        yield Row(each, body, "strictness", "mpvue hands the platform's event over as `mp`.", login="jsCode")
    for platform in ("douyin", "xiaohongshu"):
        each = _front("skyline", platform)
        body = {"login_code": each.login, "detail": {"detail": each.parts}}
        yield Row(each, body, "strictness", "`detail` inside `detail`.", login="login_code")
    for platform in ("alipay", "xiaohongshu"):
        each = _front("wrapped-thrice", platform)
        body = {"data": {"params": {"res": each.parts}, "page": 1}, "login_code": each.login}
        yield Row(
            each, body, "strictness", "Three objects around it, with other fields on the way.", login="login_code"
        )
    each = _front("login-in-the-wrapper", "wechat")
    body = {"data": {"authorization": each.parts, "auth_code": each.login}, "page": "pages/index"}
    yield Row(each, body, "strictness", "The login lies in the object around it.", login="data.auth_code")
    each = _front("login-in-another-object", "wechat")
    body = {**each.parts, "user": {"js_code": each.login}}
    why = "The login lies in an object that is around nothing. It is one that was sent."
    yield Row(each, body, "strictness", why, login="*.js_code")
    each = _front("beside-an-empty-wrapper", "kuaishou")
    body = {"data": {"page": 1}, "params": each.parts, "login_code": each.login}
    yield Row(each, body, "strictness", "Of two objects only one holds an authorization.", login="login_code")
    each = _front("wrapped-in-an-unknown-name", "wechat")
    yield Row(
        each,
        {"payloadOfOurs": each.parts},
        "strictness",
        "An object of a name that nobody knows.",
        reason="envelope.missing-field",
        fields=("code",),
    )


def _capital(names: Mapping[str, str]) -> dict[str, str]:
    return {name[0].upper() + name[1:]: value for name, value in names.items()}


def _spelt() -> Iterator[Row]:
    """Yield other spellings."""
    body: Any
    for platform in WAYS:
        each = _front("pascal-case", platform)
        body = {**_capital(each.parts), **_capital({"loginCode": each.login} if platform in WITH_LOGIN else {})}
        why = "Names that begin with a capital, as C# and Go write them."
        yield Row(each, body, "strictness", why, login=_at(each, "LoginCode"))
    snake = {"encryptedData": "encrypted_data", "authorizationCode": "authorization_code", "authCode": "auth_code"}
    for platform in ("baidu", "kuaishou", "xiaohongshu", "huawei", "dingtalk"):
        each = _front("snake-case", platform)
        body = {snake.get(name, name): value for name, value in each.parts.items()} | _with_login(each, "js_code")
        yield Row(each, body, "strictness", "Names in snake_case.", login=_at(each, "js_code"))
    each = _front("snake-case", "wechat", SEALED)
    body = {"encrypted_data": each.parts["encryptedData"], "iv": each.parts["iv"], "js_code": each.login}
    yield Row(each, body, "strictness", "Names in snake_case.", login="js_code")
    each = _front("iv-str", "wechat", SEALED)
    body = {"EncryptedData": each.parts["encryptedData"], "ivStr": each.parts["iv"], "JsCode": each.login}
    yield Row(each, body, "strictness", "`ivStr`, as WxJava's samples call it.", login="JsCode")
    each = _front("encrypted-data-is-called-data", "baidu")
    body = {"data": each.parts["encryptedData"], "iv": each.parts["iv"], "code": each.login}
    yield Row(each, body, "genuine", "Baidu's own pages call the ciphertext `data`.", login="code")
    each = _front("code-for-authorization-code", "huawei")
    yield Row(each, {"code": each.phone_code}, "genuine", "The code under the name `code`.")
    each = _front("code-for-auth-code", "dingtalk")
    yield Row(each, {"code": each.phone_code}, "genuine", "The code under the name `code`.")
    each = _front("two-spellings-one-value", "wechat", SEALED)
    body = {**each.parts, "encrypted_data": each.parts["encryptedData"], "login_code": each.login}
    yield Row(each, body, "strictness", "Two spellings of one field, with one value.", login="login_code")
    each = _front("two-spellings-two-values", "kuaishou")
    body = {**each.parts, "encrypted_data": each.another()["encryptedData"], "login_code": each.login}
    yield Row(
        each,
        body,
        "ambiguous",
        "Two spellings of one field, with two values.",
        reason="envelope.bad-field",
        fields=("encryptedData", "encrypted_data"),
    )
    each = _front("other-fields-beside", "douyin")
    body = {**each.parts, "scene": 1001, "userInfo": {"nickName": "n"}, "list": [1, 2]}
    yield Row(each, body, "genuine", "Other fields of the page's own.")


def _forms() -> Iterator[Row]:
    """Yield forms, as ``wx.request`` and web frameworks send them."""
    body: Any
    for platform in WAYS:
        each = _front("form", platform)
        body = urlencode({**each.parts, **_with_login(each, "loginCode")})
        yield Row(each, body, "strictness", "A form.", login=_at(each, "loginCode"), content_type=FORM)
    for platform in ("alipay", "baidu"):
        each = _front("form-plus-not-escaped", platform)
        parts = {**each.parts, **_with_login(each)}
        body = "&".join(f"{name}={quote(value, safe='+/=')}" for name, value in parts.items())
        why = "The `+` of the base64 was not escaped and means a blank. What it was is certain."
        yield Row(each, body, "strictness", why, login="login_code", content_type=FORM)
    each = _front("form-of-json", "alipay")
    body = urlencode({"authorization": compact(each.parts), "auth_code": each.login})
    yield Row(each, body, "strictness", "A form with JSON as its value.", login="auth_code", content_type=FORM)
    each = _front("form-twice-one-value", "dingtalk")
    body = urlencode([*each.parts.items(), *each.parts.items()])
    why = "A form that has a field twice, with the same value."
    yield Row(each, body, "strictness", why, content_type=FORM, reason="envelope.not-json")
    for platform in ("wechat", "alipay"):
        each = _front("form-twice-two-values", platform)
        body = urlencode([*each.parts.items(), *each.another().items()])
        yield Row(
            each,
            body,
            "ambiguous",
            "A form that has a field twice, with two values: which one?",
            content_type=FORM,
            reason="envelope.not-json",
        )
    each = _front("form-with-brackets", "wechat")
    body = urlencode({"detail[code]": each.phone_code, "detail[errMsg]": "getPhoneNumber:ok"})
    yield Row(
        each,
        body,
        "strictness",
        "A form with the brackets of PHP and jQuery.",
        content_type=FORM,
        reason="envelope.not-json",
    )
    each = _front("form-of-an-array", "wechat")
    body = urlencode({"code[]": each.phone_code})
    yield Row(each, body, "strictness", "A form with an array.", content_type=FORM, reason="envelope.not-json")
    each = _front("form-with-an-undefined-login", "kuaishou")
    body = urlencode({**each.parts, "code": "undefined"})
    yield Row(
        each,
        body,
        "damaged",
        "The form wrote out `undefined`.",
        content_type=FORM,
        reason="envelope.missing-field",
        fields=("code",),
    )
    each = _front("multipart", "wechat")
    limit = "----WebKitFormBoundaryAAAAAAAAAAAAAAAA"
    body = f'--{limit}\r\nContent-Disposition: form-data; name="code"\r\n\r\n{each.phone_code}\r\n--{limit}--\r\n'
    yield Row(
        each,
        body,
        "strictness",
        "A form in parts, as file uploads are.",
        content_type=f"multipart/form-data; boundary={limit}",
        reason="envelope.not-json",
    )


def _encoded() -> Iterator[Row]:
    """Yield JSON in JSON, and other content types and character sets."""
    body: Any
    for platform in ("wechat", "alipay", "kuaishou"):
        each = _front("json-in-a-string", platform)
        body = compact(compact({**each.parts, "login_code": each.login}))
        yield Row(each, body, "strictness", "JSON inside a JSON string: it was encoded twice.", login="login_code")
    for platform in ("alipay", "xiaohongshu"):
        each = _front("text-in-authorization", platform)
        body = {"authorization": compact(each.parts), "login_code": each.login}
        yield Row(each, body, "strictness", "The authorization as JSON text.", login="login_code")
    each = _front("percent-encoded", "alipay")
    yield Row(each, quote(compact(each.parts), safe=""), "strictness", "The whole text percent-encoded.")
    types = {
        "text-plain": ("wechat", "text/plain;charset=UTF-8", "as text"),
        "no-content-type": ("baidu", "", "without a content type"),
        "json-as-a-form": ("douyin", FORM, "announced as a form: a framework makes the whole text a field's name"),
        "charset-lies": ("huawei", "application/json; charset=gbk", "announced in another character set, all ASCII"),
    }
    for label, (platform, content_type, how) in types.items():
        each = _front(label, platform)
        body = {**each.parts, **_with_login(each)}
        yield Row(each, body, "strictness", f"JSON, {how}.", login=_at(each), content_type=content_type)
    each = _front("form-as-json", "xiaohongshu")
    body = urlencode({**each.parts, "login_code": each.login})
    yield Row(each, body, "strictness", "A form that is announced as JSON.", login="login_code")
    each = _front("escaped", "dingtalk")
    body = '{"\\u0061uthCode":"' + "".join(f"\\u{ord(char):04x}" for char in each.phone_code) + '"}'
    yield Row(each, body, "genuine", "Every character escaped; JSON all the same.")
    for label, platform, body in (
        ("byte-order-mark", "wechat", lambda text: b"\xef\xbb\xbf" + text),
        ("utf-16", "baidu", lambda text: text.decode().encode("utf-16")),
        ("gbk", "douyin", lambda text: text[:-1] + ',"nickName":"张三"}'.encode("gbk")),
        ("latin-1", "kuaishou", lambda text: text[:-1] + ',"nickName":"é"}'.encode("latin-1")),
        ("cut-off-character", "alipay", lambda text: text[:-1] + b',"nickName":"' + "张".encode()[:2] + b'"}'),
        ("surrogate-as-utf-8", "xiaohongshu", lambda text: text[:-1] + b',"nickName":"\xed\xa0\x80"}'),
    ):
        each = _front(label, platform)
        text = compact({**each.parts, **_with_login(each)}).encode()
        reason = "envelope.not-json" if label == "byte-order-mark" else "envelope.not-utf8"
        why = f"JSON is UTF-8 without a byte order mark; this is {label.replace('-', ' ')}."
        yield Row(each, body(text), "strictness", why, login=_at(each), reason=reason)


def _logins() -> Iterator[Row]:
    """Yield logins under their usual names and at unusual places."""
    body: Any
    names = {
        "auth_code": "alipay", "authCode": "alipay", "js_code": "wechat", "jsCode": "baidu", "wx_code": "wechat",
        "wxCode": "wechat", "loginCode": "douyin",
    }  # fmt: skip
    for name, platform in names.items():
        each = _front(f"login-as-{name}", platform)
        why = f"The login as `{name}`. A number without it is a login that was dropped in silence."
        yield Row(each, {**each.parts, name: each.login}, "strictness", why, login=name)
    for platform in ("wechat", "douyin"):
        each = _front("code-and-phone-code", platform)
        body = {"code": each.login, "phoneCode": each.phone_code}
        why = "Two codes with two meanings: `code` is the login's."
        yield Row(each, body, "strictness", why, login="code")
    each = _front("code-and-phone-code-in-data", "wechat")
    body = {"data": {"code": each.login, "phone_code": each.phone_code}}
    yield Row(each, body, "strictness", "The same inside `data`, in snake_case.", login="data.code")
    each = _front("code-and-phone-code-alike", "wechat")
    body = {"code": each.phone_code, "phoneCode": each.phone_code}
    yield Row(each, body, "strictness", "One code under both names is no login.")
    each = _front("code-beside-an-envelope", "alipay")
    body = {**each.parts, "code": each.login}
    yield Row(each, body, "strictness", "Alipay's button gives no code: `code` is the login.", login="code")
    each = _front("login-twice-alike", "baidu")
    body = {"code": each.login, "login_code": each.login, **each.parts}
    yield Row(each, body, "strictness", "The same login under two names.", login="code")


def _codes() -> Iterator[Row]:
    """Yield codes that are mistaken for each other."""
    body: Any
    for platform in ("wechat", "douyin"):
        each = _front("swapped-codes", platform)
        body = {"login_code": each.phone_code, "code": each.login}
        yield Row(
            each,
            body,
            "refused",
            "Login and phone code in each other's place. The platform refuses both.",
            login="login_code",
            login_code=each.phone_code,
            phone_code=each.login,
            read=True,
            reason="platform.login-code-rejected",
        )
    each = _front("login-as-the-phone-code", "wechat")
    yield Row(
        each,
        {"code": each.login},
        "refused",
        "The code of wx.login in place of the button's.",
        phone_code=each.login,
        read=True,
        reason="platform.code-rejected",
    )
    each = _front("tutorial-of-the-old-way", "wechat", SEALED)
    why = "The tutorial's shape: an old login code beside sealed data, or the button's event of today. No name tells."
    yield Row(
        each, {"code": each.login, **each.parts}, "strictness", why, login="code", reason="platform.code-rejected"
    )
    each = _front("code-outside-and-inside", "wechat")
    body = {"code": each.login, "detail": each.parts}
    yield Row(
        each,
        body,
        "strictness",
        "A `code` outside and one inside: a login and a phone code, or two phone codes?",
        login="code",
        reason="envelope.bad-field",
        fields=("code", "detail.code"),
        rename={"code": "login_code"},
    )
    each = _front("code-outside-and-in-data", "douyin")
    body = {"code": each.another()["code"], "data": each.parts}
    yield Row(
        each,
        body,
        "ambiguous",
        "A `code` outside and one inside, both of a button.",
        reason="envelope.bad-field",
        fields=("code", "data.code"),
        rename={"code": "login_code"},
    )
    for platform, names in {"huawei": ("authorizationCode", "code"), "dingtalk": ("authCode", "code")}.items():
        each = _front("two-codes", platform)
        body = {names[0]: each.phone_code, names[1]: each.another()[names[0]]}
        yield Row(
            each,
            body,
            "ambiguous",
            "Two codes under two names of one thing.",
            reason="envelope.bad-field",
            fields=names,
        )
    each = _front("two-phone-codes", "wechat")
    body = {"phone_code": each.phone_code, "phoneCode": each.another()["code"]}
    yield Row(
        each, body, "ambiguous", "Two phone codes.", reason="envelope.bad-field", fields=("phone_code", "phoneCode")
    )
    for platform in ("huawei", "dingtalk"):
        each = _front("login-beside-the-code", platform)
        body = {**each.parts, "login_code": _random(each.label, 16).hex()}
        yield Row(
            each,
            body,
            "ambiguous",
            "A login beside a code that says by itself who the user is.",
            reason="envelope.unknown-shape",
        )
    each = _front("code-alone", "wechat")
    yield Row(
        each,
        each.phone_code,
        "ambiguous",
        "Only a code, and nothing says which.",
        reason="envelope.bare-code",
        content_type="text/plain",
    )
    each = _front("code-alone-in-a-string", "dingtalk")
    yield Row(
        each, compact(each.phone_code), "ambiguous", "Only a code, in a JSON string.", reason="envelope.bare-code"
    )


def _twice() -> Iterator[Row]:
    """Yield bodies with two of something."""
    body: Any
    for platform in WITH_LOGIN:
        each = _front("two-logins", platform)
        body = {**each.parts, "login_code": each.login, "jsCode": _random(f"{each.label} attacker", 16).hex()}
        yield Row(
            each,
            body,
            "ambiguous",
            "Two logins. The back end may have added one, and the client the other.",
            reason="envelope.bad-field",
            fields=("login_code", "jsCode"),
        )
    each = _front("two-logins-one-inside", "wechat")
    body = {"data": {**each.parts, "auth_code": _random(f"{each.label} attacker", 16).hex()}, "login_code": each.login}
    yield Row(
        each,
        body,
        "ambiguous",
        "Two logins, one of them beside the code inside.",
        reason="envelope.bad-field",
        fields=("data.auth_code", "login_code"),
    )
    each = _front("two-logins-one-elsewhere", "alipay")
    body = {**each.parts, "login_code": each.login, "user": [{"LoginCode": _random(f"{each.label} x", 16).hex()}]}
    yield Row(
        each,
        body,
        "ambiguous",
        "Two logins, one of them deep in something else.",
        reason="envelope.bad-field",
        fields=("login_code", "*.LoginCode"),
    )
    each = _front("session-and-login", "baidu")
    body = {**each.parts, "login_code": each.login, "session": _random(each.label, 16).hex()}
    yield Row(
        each,
        body,
        "ambiguous",
        "A login code and the handle of an earlier login.",
        reason="envelope.bad-field",
        fields=("login_code", "session"),
    )
    for platform in ("wechat", "alipay", "xiaohongshu"):
        each = _front("two-authorizations", platform)
        body = {"data": each.parts, "params": each.another(), "login_code": each.login}
        yield Row(
            each,
            body,
            "ambiguous",
            "Two objects that both hold an authorization.",
            reason="envelope.bad-field",
            fields=("data", "params"),
        )
    each = _front("one-authorization-twice", "douyin")
    body = {"data": each.parts, "params": each.parts, "login_code": each.login}
    yield Row(each, body, "strictness", "The same authorization twice.", login="login_code")
    for platform in ("douyin", "kuaishou"):
        each = _front("member-twice", platform)
        name = next(iter(each.parts))
        first, second = compact({**each.parts, **_with_login(each)}), compact({name: each.another()[name]})
        yield Row(
            each,
            f"{first[:-1]},{second[1:]}",
            "ambiguous",
            "A member twice in one object: parsers differ.",
            reason="envelope.not-json",
        )
    each = _front("login-twice-in-one-object", "alipay")
    body = compact({**each.parts, "auth_code": each.login})[:-1] + f',"auth\\u005fcode":"{each.login[::-1]}"}}'
    yield Row(
        each,
        body,
        "ambiguous",
        "The login twice in one object, once with an escape in its name.",
        reason="envelope.not-json",
    )


def _nothing() -> Iterator[Row]:
    """Yield what JavaScript and the developer tools write for nothing."""
    body: Any
    made = {
        "undefined-login": ("wechat", lambda each: {"login_code": "undefined", **each.parts}, "login_code"),
        "object-for-the-authorization": ("wechat", lambda _each: {"authorization": "[object Object]"}, "authorization"),
        "undefined-code": ("douyin", lambda each: {"login_code": each.login, "code": "undefined"}, "code"),
        "null-iv": ("baidu", lambda each: {**each.parts, "iv": "null", "code": each.login}, "iv"),
        "object-for-encrypted-data": (
            "kuaishou",
            lambda each: {**each.parts, "encryptedData": "[object Object]", "login_code": each.login},
            "encryptedData",
        ),
        "nan-login": ("xiaohongshu", lambda each: {**each.parts, "code": "NaN"}, "code"),
        "undefined-response": ("alipay", lambda each: {"response": "undefined", "auth_code": each.login}, "response"),
        "null-sign": ("alipay", lambda each: {**each.parts, "sign": "null"}, "sign"),
        "undefined-code-of-huawei": ("huawei", lambda _each: {"authorizationCode": "undefined"}, "authorizationCode"),
        "promise-for-the-code": ("dingtalk", lambda _each: {"authCode": "[object Promise]"}, "authCode"),
        "mock-login": ("wechat", lambda each: {"login_code": "the code is a mock one", **each.parts}, "login_code"),
        "mock-login-as-code": ("kuaishou", lambda each: {"code": "the code is a mock one", **each.parts}, "code"),
    }  # fmt: skip
    for label, (platform, body, name) in made.items():
        each = _front(label, platform)
        tools = "the developer tools write without an app id" if "mock" in label else "JavaScript writes for nothing"
        yield Row(
            each,
            body(each),
            "damaged",
            f"In `{name}` stands what {tools}. It is not sent on.",
            reason="envelope.missing-field",
            fields=(name,),
        )
    for label, text in {
        "undefined": "undefined",
        "object": "[object Object]",
        "object-in-a-string": '"[object Object]"',
    }.items():
        each = _front(f"body-is-{label}", "wechat")
        yield Row(
            each, text, "damaged", f"The whole body is {text}.", reason="envelope.missing-field", fields=("body",)
        )
    each = _front("login-is-null", "wechat")
    yield Row(each, {**each.parts, "login_code": None}, "genuine", "A login that is null is none.")
    each = _front("login-is-empty", "alipay")
    yield Row(each, {**each.parts, "auth_code": ""}, "genuine", "A login that is empty is none.")
    each = _front("sealed-data-without-login", "baidu")
    yield Row(
        each,
        each.parts,
        "damaged",
        "Sealed data, and nobody has logged in: there is no key.",
        reason="envelope.missing-field",
        fields=("login_code",),
    )
    each = _front("iv-missing", "xiaohongshu")
    yield Row(
        each,
        {"encryptedData": each.parts["encryptedData"], "code": each.login},
        "damaged",
        "The iv was not sent.",
        reason="envelope.missing-field",
        fields=("iv",),
    )
    each = _front("login-alone", "douyin")
    yield Row(
        each, {"login_code": each.login}, "damaged", "Only a login.", reason="envelope.missing-field", fields=("code",)
    )


def _broken() -> Iterator[Row]:
    """Yield bodies of the wrong type, and what is no JSON."""
    body: Any
    texts = {
        "empty": ("alipay", "", "envelope.not-json"),
        "blank": ("huawei", " \r\n", "envelope.not-json"),
        "null": ("kuaishou", "null", "envelope.unknown-shape"),
        "number": ("dingtalk", "13800138000", "envelope.unknown-shape"),
        "true": ("baidu", "true", "envelope.unknown-shape"),
        "empty-object": ("xiaohongshu", "{}", "envelope.missing-field"),
    }
    for label, (platform, text, reason) in texts.items():
        yield Row(
            _front(f"body-is-{label}", platform),
            text,
            "damaged",
            f"The body is {label.replace('-', ' ')}.",
            reason=reason,
        )
    for platform in ("wechat", "alipay"):
        each = _front("array", platform)
        yield Row(each, [each.parts], "strictness", "An array with one object.", reason="envelope.unknown-shape")
    written = {
        "two-documents": ("wechat", lambda text: text + text, "Two JSON documents in one body."),
        "rest-behind-json": ("douyin", lambda text: text + ";", "Something behind the JSON."),
        "python-repr": ("kuaishou", lambda text: text.replace('"', "'"), "Single quotes, as Python prints a dict."),
        "comment": ("huawei", lambda text: text[:-1] + "/* the code */}", "A comment."),
        "last-comma": ("dingtalk", lambda text: text[:-1] + ",}", "A comma behind the last member."),
        "cut-off": ("alipay", lambda text: text[:-2], "The end is missing."),
        "nan": ("baidu", lambda text: text[:-1] + ',"scene":NaN}', "NaN, which JSON does not have."),
        "line-break-in-a-string": ("xiaohongshu", lambda text: text[:-1] + ',"page":"a\nb"}', "A bare line break."),
    }
    for label, (platform, change, why) in written.items():
        each = _front(label, platform)
        text = change(compact({**each.parts, **_with_login(each)}))
        yield Row(each, text, "strictness", why, login=_at(each), reason="envelope.not-json")
    for label, value in {"number": 12345678901, "array": ["a-code"], "object": {"code": "a"}, "true": True}.items():
        each = _front(f"code-is-{label}", "wechat")
        yield Row(
            each, {"code": value}, "damaged", f"The code is {label}.", reason="envelope.bad-field", fields=("code",)
        )
    each = _front("login-is-number", "alipay")
    yield Row(
        each,
        {**each.parts, "auth_code": 12345678901},
        "damaged",
        "The login is a number.",
        reason="envelope.bad-field",
        fields=("auth_code",),
    )
    each = _front("iv-is-array", "baidu")
    body = {**each.parts, "iv": list(base64.b64decode(each.parts["iv"])), "code": each.login}
    yield Row(
        each,
        body,
        "strictness",
        "The iv as an array of its bytes.",
        login="code",
        reason="envelope.bad-field",
        fields=("iv",),
    )
    each = _front("line-break-in-the-code", "wechat")
    yield Row(
        each,
        {"code": f"{each.phone_code}\r\nX-A: 1"},
        "damaged",
        "A line break in the code.",
        reason="envelope.bad-field",
        fields=("code",),
    )


def _too_much() -> Iterator[Row]:
    """Yield bodies that are too large, too deep or too long."""
    body: Any
    each = _front("too-large", "wechat")
    body = {**each.parts, "padding": "x" * 40 * 1024}
    yield Row(each, body, "strictness", "40 KiB.", reason="envelope.too-large")
    each = _front("too-deep", "alipay")
    yield Row(
        each,
        compact(each.parts)[:-1] + f',"a":{"[" * 6000}{"]" * 6000}}}',
        "strictness",
        "Arrays, 6,000 deep.",
        reason="envelope.too-large",
    )
    each = _front("objects-too-deep", "kuaishou")
    body = '{"data":' * 3000 + compact({**each.parts, "code": each.login}) + "}" * 3000
    yield Row(each, body, "strictness", "3,000 objects around it.", login="code", reason="envelope.too-large")
    each = _front("wrapped-too-often", "xiaohongshu")
    inner: dict[str, Any] = {**each.parts, "code": each.login}
    for _ in range(9):
        inner = {"data": inner}
    yield Row(
        each,
        inner,
        "strictness",
        "Nine objects around it.",
        login=f"{'data.' * 9}code",
        reason="envelope.missing-field",
    )
    each = _front("code-too-long", "douyin")
    yield Row(
        each,
        {"code": each.phone_code * 20},
        "damaged",
        "A code of 1,200 characters.",
        reason="envelope.bad-field",
        fields=("code",),
    )
    each = _front("login-too-long", "baidu")
    yield Row(
        each,
        {**each.parts, "code": each.login * 20},
        "damaged",
        "A login of 640 characters.",
        reason="envelope.bad-field",
        fields=("code",),
    )
    each = _front("form-of-many-fields", "wechat")
    body = urlencode({**each.parts, **{f"a{number}": "x" for number in range(2000)}})
    yield Row(each, body, "strictness", "A form of 2,000 fields.", content_type=FORM, reason="envelope.not-json")


def _not_posted() -> Iterator[Row]:
    """Yield requests whose parts are in the address: addresses are logged."""
    for platform in ("wechat", "alipay", "baidu"):
        each = _front("get", platform)
        query = urlencode({**each.parts, **_with_login(each)})
        yield Row(
            each,
            "",
            "strictness",
            "GET: all of it is in the address, which is logged.",
            login=_at(each),
            method="GET",
            query=query,
            content_type="",
            reason="caller.wrong-method",
        )
    for platform in ("wechat", "kuaishou"):
        each = _front("posted-in-the-address", platform)
        query = urlencode({**each.parts, **_with_login(each)})
        why = "POST with an empty body and all of it in the address."
        yield Row(each, "", "strictness", why, login=_at(each), query=query, reason="envelope.not-json")
    names = {"wechat": "code", "alipay": "auth_code", "douyin": "login_code", "baidu": "code"}
    for platform, name in names.items():
        each = _front("login-in-the-address", platform)
        yield Row(
            each,
            each.parts,
            "strictness",
            "The login is in the address, and the rest in the body. A number without it is a login that was dropped.",
            login=f"query.{name}",
            query=urlencode({name: each.login}),
            reason="envelope.bad-field",
            fields=(f"query.{name}",),
        )


def _of_others() -> Iterator[Row]:
    """Yield what another platform's front end sends, or another app's."""
    body: Any
    sources = {"wechat": "alipay", "alipay": "wechat", "baidu": "alipay", "douyin": "alipay", "kuaishou": "alipay",
               "xiaohongshu": "alipay", "huawei": "kuaishou", "dingtalk": "alipay"}  # fmt: skip
    for platform, sender in sources.items():
        each = _front("of-another-platform", platform)
        foreign = front(each.label, sender)
        beside = {"login_code": each.login} if platform in WITH_LOGIN and sender != "wechat" else {}
        yield Row(
            each,
            {**foreign.parts, **beside},
            "foreign",
            f"What {sender}'s button gives, in {platform}'s place.",
            reason="envelope.unknown-shape",
        )
    two = {APP: app("wechat"), OTHER: app("wechat", OTHER_ID)}
    each = _front("names-another-app", "wechat")
    each.keys["apps"] = two
    body = {**each.parts, "app": OTHER, "appid": OTHER_ID}
    yield Row(each, body, "genuine", "The body names another app of this server. The address decides.")
    each = _front("sealed-by-another-app", "wechat", SEALED)
    each.keys["apps"] = two
    sealed = seal(each.label, "wechat", _plain("wechat", OTHER_ID), each.session_key)
    yield Row(
        each,
        {**sealed, "login_code": each.login},
        "foreign",
        "Sealed for another app of this server.",
        login="login_code",
        read=True,
        reason="trust.cannot-open",
    )
    each = _front("names-another-platform", "baidu")
    each.keys["apps"] = {APP: app("baidu"), OTHER: app("kuaishou")}
    body = {**each.parts, "platform": "kuaishou", "code": each.login}
    yield Row(each, body, "genuine", "The body names another platform. The address decides.", login="code")


def _failed() -> Iterator[Row]:
    """Yield events of buttons that failed."""
    body: Any
    quoted = {
        "code": "40003",
        "msg": "Insufficient Conditions",
        "subCode": "isv.invalid-auth-relations",
        "subMsg": "无效的授权关系",
    }
    shim = f"{FAIL}Error: {compact({'response': quoted})}"
    declined: dict[str, Any] = {
        "wechat": {"detail": {"errMsg": f"{FAIL}user deny"}},
        "baidu": {"errMsg": f"{FAIL}auth deny"},
        "douyin": {"errMsg": f"{FAIL}auth deny"},
        "kuaishou": {"detail": {"errMsg": f"{FAIL}auth deny"}},
        "xiaohongshu": {"errMsg": f"{FAIL}auth deny"},
        "huawei": {"code": 1001502012},
        "dingtalk": {"error": "access_denied"},
        "alipay": {"error": 11, "errorMessage": "用户取消授权"},
    }
    for platform, body in declined.items():
        each = _front("declined", platform)
        yield Row(each, body, "refused", "The user declined.", reason="envelope.user-declined")
    old = {"errMsg": f'{FAIL}Error: {{"error": 1, "errorMessage": "not support"}}'}
    privacy = {"errMsg": f"{FAIL}api scope is not declared in the privacy agreement", "errno": 112}
    events: tuple[tuple[str, str, Any, str, str], ...] = (
        ("privacy", "wechat", privacy, "platform.privacy-not-declared", "The number is not in the privacy guideline."),
        ("error-in-an-error-message", "alipay", {"type": "getphonenumber", "detail": {"errMsg": shim}},
         "platform.user-not-authorized", "uni-app's shim quotes Alipay's error in a message."),
        ("not-supported-in-an-error-message", "alipay", {"detail": old}, "envelope.button-failed",
         "uni-app's shim quotes the error of an old client."),
        ("no-permission", "kuaishou", {"errMsg": f"{FAIL}no permission"}, "platform.permission-missing",
         "The button is not permitted."),
        ("ok-without-data", "xiaohongshu", {"errMsg": "getPhoneNumber:ok"}, "envelope.button-failed",
         "It says ok, and gives nothing."),
        ("cloud-id", "wechat", {"errMsg": "getPhoneNumber:ok", "cloudID": "38_Ox"}, "envelope.unknown-shape",
         "A cloudID, which only WeChat's cloud can read."),
    )  # fmt: skip
    for label, platform, body, reason, why in events:
        yield Row(_front(label, platform), body, "refused", why, reason=reason)


def _flows() -> Iterator[Row]:
    """Yield what the phone buttons of Huawei's atomic services and of ASCF send, to apps of both flows."""

    def scope(label: str) -> Front:
        each = _front(f"scope-{label}", "huawei")
        code = _base64(b"\xfb\xff\xbf" + _random(each.label, 25))
        user = {"openID": "openid-of-huawei", "unionID": "unionid-of-huawei", "displayNameFlag": 0}
        keys = {
            "apps": {APP: {**app("huawei"), "flow": "scope-phone"}},
            "phone_codes": {code: compact({**user, "mobileNumber": NUMBER})},
            "other_codes": {"phone": compact({"error": 1101, "sub_error": 20152, "error_description": "no"})},
        }
        return Front(each.label, "huawei", CODE, "", {"code": code}, b"", keys)

    each = scope("bare")
    yield Row(each, each.parts, "genuine", "The code of the phone button. It holds `+`, `/` and `=`.")
    each = scope("event")
    event = {"type": "getphonenumber", "detail": {"errMsg": "getPhoneNumber:ok", **each.parts}}
    yield Row(each, event, "genuine", "The whole event of ASCF's button.")
    each = scope("declined")
    failed = {"detail": {"errMsg": FAIL.strip(), "errno": 1001502012}}
    yield Row(each, failed, "refused", "The user declined on ASCF's button.", reason="envelope.user-declined")
    each = scope("login-beside-the-code")
    body = {**each.parts, "login_code": _random(each.label, 16).hex()}
    why = "The code of has.login beside a code that says by itself who the user is."
    yield Row(each, body, "ambiguous", why, reason="envelope.unknown-shape")
    each = scope("prefetch-of-quick-login")
    why = "The masked number of the quick login: the front end is that of Huawei's other flow."
    masked = {"quickLoginAnonymousPhone": "138******00"}
    yield Row(each, masked, "foreign", why, reason="envelope.unknown-shape")
    each = _front("event-of-ascf", "huawei")
    code = next(iter(scope("of-another-flow").parts.values()))
    event = {"authorizationCode": code, "errMsg": "getPhoneNumber:ok"}
    why = "The event of ASCF's button at an app of the quick login: Huawei takes no such code there."
    yield Row(each, event, "foreign", why, read=True, phone_code=code, reason="envelope.unknown-shape")


def _alipays() -> Iterator[Row]:
    """Yield shapes of Alipay's string."""
    body: Any
    each = _front("official-sample", "alipay")
    why = "The official sample posts `data: res.response`: the string of the platform, as an object in `response`."
    yield Row(
        each, {"response": each.parts}, "genuine", why, origin="layout: https://opendocs.alipay.com/common/02mse3"
    )
    each = _front("string-wrapped", "alipay")
    body = {"response": compact(each.parts), "auth_code": each.login}
    yield Row(each, body, "strictness", "The string that the button gave, and the login.", login="auth_code")
    each = _front("uni-app-string", "alipay")
    body = {"encryptedData": compact(each.parts), "code": each.login}
    yield Row(each, body, "strictness", "uni-app calls the string `encryptedData`.", login="code")
    each = _front("uni-app-parts", "alipay")
    body = {"encryptedData": each.parts["response"], "sign": each.parts["sign"], "js_code": each.login}
    yield Row(each, body, "strictness", "uni-app calls the ciphertext `encryptedData`.", login="js_code")
    each = _front("sign-lost", "alipay")
    body = {"response": each.parts["response"], "auth_code": each.login}
    yield Row(
        each,
        body,
        "unproven",
        "`JSON.parse(res.response).response`: the sign was left behind.",
        login="auth_code",
        read=True,
        reason="trust.signature-missing",
    )
    each = _front("sign-and-response-swapped", "alipay")
    body = {"response": each.parts["sign"], "sign": each.parts["response"]}
    yield Row(
        each, body, "unproven", "Sign and response in each other's place.", read=True, reason="trust.signature-mismatch"
    )
    each = _front("login-inside-the-string", "alipay")
    body = {"response": compact({**each.parts, "auth_code": each.login})}
    yield Row(
        each,
        body,
        "strictness",
        "The login was put into the platform's string, where nobody looks for one.",
        login="response.auth_code",
        reason="envelope.bad-field",
        fields=("response.auth_code",),
    )
    each = _front("clear-text", "alipay")
    body = {"response": {"code": "10000", "msg": "Success", "mobile": NUMBER}, "auth_code": each.login}
    yield Row(
        each,
        body,
        "unproven",
        "A number in clear text, which anybody can write.",
        login="auth_code",
        reason="trust.clear-text-success",
    )


def _keys_and_numbers() -> Iterator[Row]:
    """Yield requests that bring what only the server may have, and other things in a slot."""
    body: Any
    for platform in ("wechat", "kuaishou"):
        each = _front("brings-its-own-key", platform, SEALED)
        key = _random(f"{each.label} attacker", 16)
        body = {**seal(f"{each.label} attacker", platform, _plain(platform), key), "session_key": _base64(key)}
        yield Row(
            each,
            body,
            "unproven",
            "Sealed by the client, who brings the key along. Nobody has logged in.",
            reason="envelope.missing-field",
            fields=("login_code",),
        )
        each = _front("brings-its-own-key-and-a-login", platform, SEALED)
        key = _random(f"{each.label} attacker", 16)
        sealed = seal(f"{each.label} attacker", platform, _plain(platform), key)
        body = {**sealed, "sessionKey": _base64(key), "login_code": each.login}
        yield Row(
            each,
            body,
            "unproven",
            "Sealed by the client, who brings the key along, and a login of their own.",
            login="login_code",
            read=True,
            reason="trust.cannot-open",
        )
    each = _front("session-key-for-a-code", "wechat", SEALED)
    body = {**each.parts, "login_code": _base64(each.session_key)}
    yield Row(
        each,
        body,
        "refused",
        "A session_key in the place of the login code.",
        login="login_code",
        login_code=_base64(each.session_key),
        read=True,
        reason="platform.login-code-rejected",
    )
    each = _front("session-key-of-eleven-bytes", "kuaishou")
    each.keys["logins"][each.login] = _login_reply("kuaishou", each.label, "c2Vzc2lvbi1rZXk=")
    yield Row(
        each,
        {**each.parts, "code": each.login},
        "damaged",
        "The platform's session_key is none: 11 bytes.",
        login="code",
        read=True,
        reason="outside.nonsense-reply",
    )
    for platform in ("wechat", "xiaohongshu"):
        each = _front("user-info", platform, SEALED)
        named = "appId" if platform == "xiaohongshu" else "appid"
        user = {"openId": "o", "nickName": "n", "gender": 0, "watermark": {"timestamp": NOW, named: IDS[platform]}}
        sealed = seal(each.label, platform, user, each.session_key)
        beside = {"rawData": '{"nickName":"n"}', "signature": "85e0000000000000000000000000000000000000"}
        body = {**sealed, **beside, "login_code": each.login}
        yield Row(
            each,
            body,
            "foreign",
            "It opens, and is the user's profile: the button for the number was not used.",
            login="login_code",
            read=True,
            reason="trust.cannot-open",
        )
    each = _front("iv-and-data-swapped", "baidu")
    body = {"encryptedData": each.parts["iv"], "iv": each.parts["encryptedData"], "code": each.login}
    yield Row(
        each,
        body,
        "damaged",
        "Ciphertext and iv in each other's place.",
        login="code",
        read=True,
        reason="trust.cannot-open",
    )
    each = _front("number-alone", "wechat")
    yield Row(
        each,
        {"phoneNumber": NUMBER, "openid": "openid-of-anybody"},
        "unproven",
        "A number that the phone says, and somebody's openid.",
        reason="envelope.missing-field",
        fields=("code",),
    )
    each = _front("another-number-beside", "douyin")
    body = {**each.parts, "phoneNumber": "13900139000"}
    yield Row(each, body, "genuine", "Another number beside the code: only the platform's counts.")
    each = _front("openid-beside", "wechat")
    body = {**each.parts, "openid": "openid-of-somebody-else"}
    yield Row(each, body, "genuine", "An openid beside the code is no login.")
