"""Baidu, Douyin, Kuaishou, Huawei and DingTalk as another team would write them from the platforms' pages.

These stand-ins share no code with the mirrors and none with haoma. A code says what becomes of it:

* ``good.FORM.…``: success; ``FORM`` is one of the ways in which that platform may write a number.
* ``refuse.CODE.…``: the platform's refusal with that code.
* ``status.NUMBER.…``: that HTTP status, with a page for people.
* ``lost.…``: the platform takes the code, and then the connection breaks; ``late.…``: it answers too late.
* ``half.…``: with two calls, the second one breaks the first time.

Any code is taken once. What a client may get wrong about a request is written down in ``faults``.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import parse_qs, parse_qsl, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MAINLAND, ABROAD = "+8613900001234", "+85251234567"
LATE = 1.5  # seconds that a late answer takes
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Way:
    """The habits of a server: how it writes HTTP and JSON.

    Attributes:
        content_type: Of every reply.
        framing: ``length``, ``chunked``, or ``close`` (HTTP/1.0: the end of the connection is the end of the body).
        keep: Whether the connection stays open.
        loud: Header names in capitals.
        spaced: Whether JSON is written with spaces and line breaks.
        backwards: Whether the members of an object come in the order of the alphabet, the last letter first.
        escaped: Whether JSON writes ``/`` as ``\\/`` and Chinese as ``\\u``.
        extra: Whether objects have members that no page mentions.
        texts: Whether codes and durations are written as texts, and not as numbers.
    """

    content_type: str = "application/json; charset=utf-8"
    framing: str = "length"
    keep: bool = True
    loud: bool = False
    spaced: bool = False
    backwards: bool = False
    escaped: bool = False
    extra: bool = False
    texts: bool = False

    def code(self, number: int) -> Any:
        return str(number) if self.texts else number

    def object(self, members: dict[str, Any]) -> dict[str, Any]:
        more = {"新": "字段", "more": [1.5, None, {"deep": [True]}]} if self.extra else {}
        return {**more, **members}

    def written(self, value: Any) -> bytes:
        if self.backwards:
            value = _turned(value)
        between = None if self.spaced else (",", ":")
        text = json.dumps(value, ensure_ascii=self.escaped, indent=1 if self.spaced else None, separators=between)
        return (text.replace("/", "\\/") if self.escaped else text).encode() + (b"\r\n" if self.spaced else b"")


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in sorted(value, reverse=True)}
    return value


WAYS = {
    "plain": Way(),
    "text": Way(content_type="text/plain", backwards=True, texts=True),
    "gbk": Way(content_type="text/html;charset=GBK", spaced=True, extra=True),
    "chunked": Way(content_type="TEXT/JSON", framing="chunked", loud=True, escaped=True),
    "http-1-0": Way(content_type="application/octet-stream", framing="close", extra=True, backwards=True),
    "hanging-up": Way(keep=False, escaped=True, texts=True),
}


@dataclass(frozen=True)
class Asked:
    """A request; header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), strict_parsing=True))


class Breaks(Exception):
    """The connection breaks instead of an answer."""


class Stranger:
    """What all the stand-ins have in common."""

    forms: ClassVar[dict[str, str]] = {}
    secret = "5tranger-5ecret-0123456789abcdef"

    def __init__(self, way: Way = WAYS["plain"]) -> None:
        self.way = way
        self.used: set[str] = set()
        self.faults: list[str] = []
        self.seen: list[tuple[str, str]] = []

    def settings(self, url: str) -> dict[str, Any]:
        raise NotImplementedError

    def respond(self, asked: Asked) -> tuple[int, Any] | tuple[int, Any, dict[str, str]]:
        """Return status, body and perhaps further headers."""
        raise NotImplementedError

    def expect(self, found: object, wanted: object, what: str) -> None:
        if found != wanted:
            self.faults.append(f"{what}: {found!r} and not {wanted!r}")

    def words(self, *sent: str) -> str:
        """Say no, and repeat what was sent and should not be repeated."""
        return " ".join(("不行:", *sent, "13900001234"))

    def taken(self, asked: Asked, code: str) -> bool:
        """Use the code up, unless that has happened before; then do to the connection what the code says."""
        self.seen.append((asked.path, code))
        fresh = code not in self.used
        self.used.add(code)
        what = code.split(".", maxsplit=1)[0]
        if fresh and what == "lost":
            raise Breaks
        if fresh and what == "late":
            time.sleep(LATE)
        return fresh

    def times(self, code: str) -> int:
        return sum(each == code for _path, each in self.seen)


def behaviour(way: Way, each: Mapping[str, Stranger]) -> type[BaseHTTPRequestHandler]:
    """Return a server with these habits; the first part of a path says for which app it stands in."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0" if way.framing == "close" else "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def answer(self) -> None:
            parts = urlsplit(self.path)
            _, app, path = parts.path.split("/", 2)
            stranger = each[app]
            headers = {name.lower(): value for name, value in self.headers.items()}
            stranger.expect(headers.get("accept-encoding", "identity"), "identity", "accept-encoding")
            body = self.rfile.read(int(headers.get("content-length") or 0))
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            try:
                status, found, *beside = stranger.respond(Asked(self.command, f"/{path}", query, headers, body))
            except Breaks:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            self.write(status, found if isinstance(found, bytes) else way.written(found), *beside)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

        def write(self, status: int, content: bytes, beside: Mapping[str, str] = MappingProxyType({})) -> None:
            self.send_response(status)
            for name, value in beside.items():
                self.header(name, value)
            self.header("Content-Type", way.content_type)
            if way.framing == "chunked":
                self.header("Transfer-Encoding", "chunked")
                content = b"".join(
                    b"%X\r\n%s\r\n" % (len(piece), piece)
                    for piece in (*(content[at : at + 41] for at in range(0, len(content), 41)), b"")
                )
            elif way.framing == "length":
                self.header("Content-Length", str(len(content)))
            if not way.keep:
                self.header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        def header(self, name: str, value: str) -> None:
            self.send_header(name.upper() if way.loud else name, value)

        def log_message(self, *_words: object) -> None:
            pass

    return Answering


def page(status: int) -> bytes:
    """Return what a gateway in front of a platform answers."""
    return f"<html><head><title>{status}</title></head><body>抱歉</body></html>".encode()


# --- sealed data ---


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def sealed(plain: bytes, key: str, iv: bytes, block: int) -> dict[str, str]:
    """Return ``encryptedData`` and ``iv``: AES-CBC of what has been padded to whole blocks."""
    count = block - len(plain) % block
    encryptor = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
    return {"encryptedData": base64_of(ciphertext), "iv": base64_of(iv)}


class WithSessions(Stranger):
    """A platform whose login gives a session_key; each login makes a new one."""

    key_bytes = 16
    id_name = "openid"

    def event(self, user: str, form: str = "", *, nth: int = -1) -> dict[str, str]:
        """Return what the button gives: sealed under the user's latest session_key, or the ``nth``."""
        raise NotImplementedError

    def __init__(self, way: Way = WAYS["plain"]) -> None:
        super().__init__(way)
        self.session_keys: dict[str, list[str]] = {}
        self.keys_of: dict[str, str] = {}

    def login(self, user: str) -> str:
        """Log a user in on the phone: the code that his mini program gets, and a new session_key."""
        keys = self.session_keys.setdefault(user, [])
        code = f"good.login.{user}.{len(keys)}"
        keys.append(self.keys_of.setdefault(code, base64_of(os.urandom(self.key_bytes))))
        return code

    def exchanged(self, code: str) -> dict[str, str]:
        """Return the user's id and the session_key of his login; the user is the third part of the code."""
        user = code.split(".")[2]
        if code not in self.keys_of:
            self.keys_of[code] = base64_of(os.urandom(self.key_bytes))
            self.session_keys.setdefault(user, []).append(self.keys_of[code])
        return {self.id_name: f"o-{user}_openid", "session_key": self.keys_of[code]}

    def key(self, user: str, nth: int = -1) -> str:
        return self.session_keys[user][nth]


# --- Baidu ---


class Baidu(WithSessions):
    """``spapi.baidu.com`` and ``openapi.baidu.com``, and the phone with the mini program."""

    app_key = "4rStrangerAppKey0123456789abcdef"[:32]
    forms: ClassVar[dict[str, str]] = {"mobile": MAINLAND}
    key_bytes = 24

    def __init__(self, way: Way = WAYS["plain"], interface: str = "v1") -> None:
        super().__init__(way)
        self.interface = interface
        self.tokens = ["24.token-0"]
        self.fetched = 0

    def settings(self, url: str) -> dict[str, Any]:
        mine = {"platform": "baidu", "app_key": self.app_key, "app_secret": self.secret, "login": self.interface}
        return mine | {"api_base_url": url, "openapi_base_url": url}

    def frame(self, content: bytes, *, length: int | None = None, app_key: str = "") -> bytes:
        head = os.urandom(16) + struct.pack(">I", len(content) if length is None else length)
        return head + content + (app_key or self.app_key).encode()

    def event(self, user: str, form: str = "", *, nth: int = -1, **frame: Any) -> dict[str, str]:
        content = self.way.written({form or "mobile": "13900001234"})
        return sealed(self.frame(content, **frame), self.key(user, nth), os.urandom(16), 32)

    def respond(self, asked: Asked) -> tuple[int, Any]:
        sent = {**asked.query, **(asked.form if asked.body else {})}
        if asked.body:
            self.expect(asked.headers.get("content-type", "").split(";")[0], FORM, "content-type")
        match asked.path:
            case "/oauth/jscode2sessionkey":
                self.expect(sorted(sent), ["client_id", "code", "sk"], "v1")
                if (sent["client_id"], sent["sk"]) != (self.app_key, self.secret):
                    return 200, {"errno": self.way.code(10010100), "error": "parameter is invalid"}
                return self.session(asked, sent["code"])
            case "/rest/2.0/smartapp/getsessionkey":
                self.expect(sorted(asked.query), ["access_token", "code"], "v2")
                return self.session_v2(asked, asked.query["access_token"], asked.query["code"])
            case "/oauth/2.0/token":
                self.fetched += 1
                self.expect(sent.get("scope"), "smartapp_snsapi_base", "scope")
                self.expect(sent.get("grant_type"), "client_credentials", "grant_type")
                if (sent["client_id"], sent["client_secret"]) != (self.app_key, self.secret):
                    return 401, {"error": "invalid_client", "error_description": self.words(sent["client_secret"])}
                return 200, self.way.object(
                    {
                        "access_token": self.tokens[-1],
                        "expires_in": self.way.code(2592000),
                        "refresh_token": "25",
                        "session_key": "x",
                    }
                )
        self.faults.append(f"no such address: {asked.path}")
        return 404, page(404)

    def session(self, asked: Asked, code: str) -> tuple[int, Any]:
        what, detail = code.split(".")[:2]
        if not self.taken(asked, code):
            return 200, {
                "errno": self.way.code(10010106),
                "error": "code is invalid",
                "error_description": self.words(code, self.secret),
            }
        if what == "status":
            return int(detail), page(int(detail))
        if what == "refuse" and detail.isdigit():
            return 200, {
                "errno": self.way.code(int(detail)),
                "error": self.words(code, self.secret),
                "error_description": self.words(code, self.secret),
            }
        if what == "refuse":
            return 400, {"error": detail, "error_description": self.words(code, self.secret)}
        found = self.exchanged(code)
        if what == "nobody":
            del found["openid"]
        return 200, self.way.object(found)

    def void(self) -> None:
        """Make every token worthless that has been given out so far."""
        self.tokens.append(f"24.token-{len(self.tokens)}")

    def session_v2(self, asked: Asked, token: str, code: str) -> tuple[int, Any]:
        what, detail = code.split(".")[:2]
        if what == "stale" and code not in self.used:
            self.void()
            self.used.add(code)
        if token != self.tokens[-1] or what == "dead":
            self.seen.append((asked.path, code))
            number = int(detail) if detail.isdigit() else 110
            return 200, {"error_code": self.way.code(number), "error_msg": self.words(token, code)}
        if what != "stale" and not self.taken(asked, code):
            return 200, {
                "errno": self.way.code(10010106),
                "msg": self.words(code, self.secret),
                "request_id": "0123456789",
                "data": None,
            }
        self.seen.append((asked.path, code))
        session = self.exchanged(code)
        session["open_id"] = session.pop("openid")
        whole = {"errno": self.way.code(0), "msg": "success", "data": self.way.object(session)}
        return 200, {**whole, "request_id": "0123456789", "timestamp": 1700000000}


# --- Douyin ---


@dataclass(frozen=True)
class KeyPair:
    """What the developer made: the public key is in the console, the private one in the settings."""

    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def pem(self, kind: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> str:
        encoding = serialization.Encoding.PEM
        return self.private.private_bytes(encoding, kind, serialization.NoEncryption()).decode()

    @property
    def pkcs1(self) -> str:
        return self.pem(serialization.PrivateFormat.TraditionalOpenSSL)

    @property
    def bare(self) -> str:
        return "".join(self.pem().splitlines()[1:-1])

    def encrypted(self, plain: bytes) -> str:
        return base64_of(self.private.public_key().encrypt(plain, PKCS1v15()))


_HONGKONG = {"purePhoneNumber": "51234567", "countryCode": "852"}
_MAINLAND = {"purePhoneNumber": "13900001234", "countryCode": "86"}


class Douyin(WithSessions):
    """``developer.toutiao.com`` and ``open.douyin.com``, and the phone with the mini program."""

    app_id = "tt0123456789abcdef01"
    numbers: ClassVar[dict[str, dict[str, Any]]] = {
        "bare": {"phoneNumber": "13900001234", **_MAINLAND},
        "plus": {"phoneNumber": "+8613900001234", **_MAINLAND},
        "joined": {"phoneNumber": "8613900001234", **_MAINLAND},
        "zeros": {"phoneNumber": "008613900001234", **_MAINLAND},
        "number": {"phoneNumber": "13900001234", **_MAINLAND, "countryCode": 86},
        "abroad": {"phoneNumber": "+85251234567", **_HONGKONG},
        "abroad-joined": {"phoneNumber": "85251234567", **_HONGKONG},
        "abroad-zeros": {"phoneNumber": "0085251234567", **_HONGKONG},
    }
    forms: ClassVar[dict[str, str]] = {
        name: ABROAD if name.startswith("abroad") else MAINLAND for name in (*numbers, "wrapped")
    }

    def __init__(self, way: Way = WAYS["plain"], token: str = "stable", pair: KeyPair | None = None) -> None:
        super().__init__(way)
        self.pair = pair or KeyPair()
        self.issuer = token
        self.token_fate: int | None = None  # a code to refuse with; 0: the connection breaks
        self.generation = 0
        self.fetched = 0
        self.stale: set[str] = set()

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "platform": "douyin",
            "app_id": self.app_id,
            "app_secret": self.secret,
            "app_private_key": self.pair.pem(),
            "api_base_url": url,
            "login_base_url": url,
            "token": self.issuer,
            "accept_encrypted_data": True,
        }

    def plain(self, form: str, app_id: str = "") -> bytes:
        # The page prints this timestamp; a block of RSA-2048 takes 245 bytes, so there is little room for more.
        watermark = {"appid": app_id or self.app_id, "timestamp": 15000000000000000}
        found: dict[str, Any] = {**self.numbers["bare" if form == "wrapped" else form], "watermark": watermark}
        if form == "wrapped":
            found = {"phone_info": found}
        return replace(self.way, spaced=False).written(found)

    def event(self, user: str, form: str = "", *, nth: int = -1, app_id: str = "") -> dict[str, str]:
        return sealed(self.plain(form or "bare", app_id), self.key(user, nth), os.urandom(16), 16)

    def respond(self, asked: Asked) -> tuple[int, Any]:
        self.expect(asked.method, "POST", "method")
        self.expect(asked.headers.get("content-type", "").split(";")[0], JSON, "content-type")
        match asked.path:
            case "/api/apps/v2/jscode2session":
                return self.session(asked)
            case "/oauth/stable_client_token/" | "/oauth/client_token/":
                return self.token(asked)
            case "/api/apps/v1/get_phonenumber_info/":
                self.expect(sorted(asked.json), ["code"], "get_phonenumber_info")
                status, found = self.phone(asked, asked.json["code"], asked.headers.get("access-token", ""))
                return status, found if isinstance(found, bytes) else self.way.object(found)
        self.faults.append(f"no such address: {asked.path}")
        return 404, page(404)

    def void(self) -> None:
        """Make every token worthless that has been given out so far."""
        self.generation += 1

    def token(self, asked: Asked) -> tuple[int, Any]:
        self.fetched += 1
        sent = asked.json
        self.expect("stable" in asked.path, self.issuer == "stable", "kind of token")
        self.expect(sorted(sent), ["client_key", "client_secret", "grant_type"], "token")
        self.expect((sent["client_key"], sent["grant_type"]), (self.app_id, "client_credential"), "token")
        if self.token_fate == 0:
            raise Breaks
        if self.token_fate is not None:
            inner = {"description": self.words(self.secret), "error_code": self.way.code(self.token_fate)}
            return 200, {"data": inner, "message": "error"}
        self.expect(sent["client_secret"], self.secret, "client_secret")
        if self.issuer == "plain":
            self.generation += 1  # each call makes a new one
        inner = {"access_token": f"clt.st-{self.generation}", "error_code": self.way.code(0), "description": ""}
        return 200, {"data": {**inner, "expires_in": self.way.code(7200)}, "message": "success"}

    def session(self, asked: Asked) -> tuple[int, Any]:
        sent = asked.json
        self.expect((sent["appid"], sent["secret"]), (self.app_id, self.secret), "login")
        code = sent["code"]
        what, detail = code.split(".")[:2]
        if not self.taken(asked, code):
            return 200, {
                "err_no": self.way.code(40018),
                "err_tips": self.words(code, self.secret),
                "log_id": "2026-log",
                "data": None,
            }
        if what == "refuse":
            return 200, {"err_no": self.way.code(int(detail)), "err_tips": self.words(code, self.secret)}
        inner = {**self.exchanged(code), "unionid": "", "anonymous_openid": ""}
        return 200, {"err_no": self.way.code(0), "err_tips": "success", "data": self.way.object(inner)}

    def phone(self, asked: Asked, code: str, token: str) -> tuple[int, Any]:
        what, detail = code.split(".")[:2]
        if what == "stale" and code not in self.stale:
            self.stale.add(code)
            self.void()
        if token != f"clt.st-{self.generation}":
            self.seen.append((asked.path, code))
            return 200, {
                "err_no": self.way.code(28001008),
                "err_msg": self.words(token, code),
                "log_id": "2026-log",
                "data": "",
            }
        if what in ("refuse", "busy", "busy-then-used"):
            self.seen.append((asked.path, code))
            if what == "refuse" or self.times(code) == 1:
                number = int(detail)
                return 200, {
                    "err_no": self.way.code(number),
                    "err_msg": self.words(token, code),
                    "log_id": "2026-log",
                    "data": "",
                }
        if what == "status" and code not in self.used:
            self.used.add(code)
            return int(detail), page(int(detail))
        if not self.taken(asked, code):
            return 200, {"err_no": self.way.code(28005187), "err_tips": self.words(token, code), "data": ""}
        data = self.pair.encrypted(self.plain(detail if what == "good" else "bare"))
        if what == "foreign":
            data = self.pair.encrypted(self.plain("bare", "tt99999999999999"))
        return 200, {"err_no": self.way.code(0), "err_msg": "", "log_id": "2026-log", "data": data}


# --- Kuaishou ---


class Kuaishou(WithSessions):
    """``open.kuaishou.com``, and the phone with the mini program."""

    app_id = "ks700000000000000001"
    id_name = "open_id"
    numbers: ClassVar[dict[str, dict[str, Any]]] = {
        "bare": {"countryCode": "86", "phoneNumber": "13900001234"},
        "plus": {"countryCode": "86", "phoneNumber": "+8613900001234"},
        "joined": {"countryCode": "86", "phoneNumber": "8613900001234"},
        "number": {"countryCode": 86, "phoneNumber": "13900001234"},
        "abroad": {"countryCode": "852", "phoneNumber": "51234567"},
        "abroad-plus": {"countryCode": "852", "phoneNumber": "+85251234567"},
    }
    forms: ClassVar[dict[str, str]] = {name: ABROAD if name.startswith("abroad") else MAINLAND for name in numbers}

    def settings(self, url: str) -> dict[str, Any]:
        return {"platform": "kuaishou", "app_id": self.app_id, "app_secret": self.secret, "api_base_url": url}

    def event(self, user: str, form: str = "", *, nth: int = -1) -> dict[str, str]:
        plain = self.way.written(self.numbers[form or "bare"])
        return sealed(plain, self.key(user, nth), os.urandom(16), 16)

    def respond(self, asked: Asked) -> tuple[int, Any]:
        self.expect((asked.method, asked.path), ("POST", "/oauth2/mp/code2session"), "address")
        self.expect(asked.headers.get("content-type", "").split(";")[0], FORM, "content-type")
        sent = asked.form
        self.expect(sorted(sent), ["app_id", "app_secret", "js_code"], "code2session")
        self.expect((sent["app_id"], sent["app_secret"]), (self.app_id, self.secret), "code2session")
        code = sent["js_code"]
        what, detail = code.split(".")[:2]
        if not self.taken(asked, code):
            return 200, {
                "result": self.way.code(100200105),
                "error": "invalid_code",
                "error_msg": self.words(code, self.secret),
            }
        if what == "refuse":
            return 200, {
                "error_msg": self.words(code, self.secret),
                "error": "no",
                "result": self.way.code(int(detail)),
            }
        return 200, self.way.object({"result": self.way.code(1), **self.exchanged(code)})


# --- Huawei ---


class Huawei(Stranger):
    """``account-api.cloud.huawei.com``."""

    client_id = "110000001"
    numbers: ClassVar[dict[str, tuple[str, str, str]]] = {
        "zeros": ("008613900001234", "13900001234", "0086"),
        "plus": ("+8613900001234", "13900001234", "+86"),
        "joined": ("8613900001234", "13900001234", "86"),
        "joined-zeros": ("8613900001234", "13900001234", "0086"),
        "joined-plus": ("8613900001234", "13900001234", "+86"),
        "bare": ("13900001234", "13900001234", "0086"),
        "abroad": ("0085251234567", "51234567", "00852"),
    }
    forms: ClassVar[dict[str, str]] = {name: ABROAD if name.startswith("abroad") else MAINLAND for name in numbers}

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "platform": "huawei",
            "client_id": self.client_id,
            "client_secret": self.secret,
            "api_base_url": url,
        }

    def respond(self, asked: Asked) -> tuple[int, Any]:
        self.expect((asked.method, asked.path), ("POST", "/oauth2/v6/quickLogin/getPhoneNumber"), "address")
        self.expect(asked.headers.get("content-type", "").split(";")[0], JSON, "content-type")
        sent = asked.json
        self.expect(sorted(sent), ["clientId", "clientSecret", "code"], "getPhoneNumber")
        self.expect((sent["clientId"], sent["clientSecret"]), (self.client_id, self.secret), "getPhoneNumber")
        code = sent["code"]
        what, detail = code.split(".")[:2]
        if what == "status" and code not in self.used:
            self.used.add(code)
            return int(detail), page(int(detail))
        if what == "busy" and code not in self.used:
            self.used.add(code)
            return 200, {"resultCode": self.way.code(60010001), "resultDesc": self.words(code, self.secret)}
        if not self.taken(asked, code):
            return 200, {"resultCode": self.way.code(60180005), "resultDesc": self.words(code, self.secret)}
        if what == "refuse":
            return 200, {"resultDesc": self.words(code, self.secret), "resultCode": self.way.code(int(detail))}
        whole, pure, abroad = self.numbers[detail if what == "good" else "zeros"]
        user = {"openId": "o-Huawei_openid", "unionId": "u-Huawei_unionid"}
        numbers = {"phoneNumber": whole, "purePhoneNumber": pure, "phoneCountryCode": abroad}
        return 200, self.way.object({**user, **numbers, "phoneNumberValid": 0 if "stale" in code else 1})


class HuaweiScope(Stranger):
    """``oauth-login.cloud.huawei.com`` and ``account.cloud.huawei.com``, for atomic services."""

    client_id = "110000002"
    numbers: ClassVar[dict[str, str]] = {
        "bare": "13900001234",
        "zeros": "008613900001234",
        "plus": "+8613900001234",
    }
    forms: ClassVar[dict[str, str]] = dict.fromkeys(numbers, MAINLAND)

    def __init__(self, way: Way = WAYS["plain"]) -> None:
        super().__init__(way)
        self.codes: dict[str, str] = {}  # by the user's token

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "platform": "huawei",
            "flow": "scope-phone",
            "client_id": self.client_id,
            "client_secret": self.secret,
            "oauth_base_url": url,
            "account_base_url": f"{url}/user",
        }

    def respond(self, asked: Asked) -> tuple[int, Any] | tuple[int, Any, dict[str, str]]:
        self.expect(asked.headers.get("content-type", "").split(";")[0], FORM, "content-type")
        sent = asked.form
        if (asked.method, asked.path) == ("POST", "/user/rest.php"):
            self.expect(asked.query, {"nsp_svc": "GOpen.User.getInfo"}, "query")
            self.expect(sorted(sent), ["access_token", "getNickName"], "getInfo")
            return self.user(asked, sent["access_token"])
        self.expect((asked.method, asked.path), ("POST", "/oauth2/v3/token"), "address")
        code = sent.pop("code")
        wanted = {"grant_type": "authorization_code", "client_id": self.client_id, "client_secret": self.secret}
        self.expect(sent, wanted, "token")
        return self.token(asked, code)

    def token(self, asked: Asked, code: str) -> tuple[int, Any]:
        what, detail = code.split(".")[:2]
        if what == "status" and code not in self.used:
            self.used.add(code)
            return int(detail), page(int(detail))
        if not self.taken(asked, code):
            detail, what = "20156", "refuse"
        if what == "refuse":
            said = {"error": self.way.code(1101), "error_description": self.words(code, self.secret)}
            return 400, self.way.object({**said, "sub_error": self.way.code(int(detail))})
        given = f"{code}+/=="  # what a form has to encode
        self.codes[given] = code
        found = {"access_token": given, "token_type": "Bearer", "expires_in": self.way.code(3600)}
        return 200, self.way.object({**found, "refresh_token": "refresh", "scope": "openid phone"})

    def user(self, asked: Asked, token: str) -> tuple[int, Any] | tuple[int, Any, dict[str, str]]:
        code = self.codes[token]
        what, detail = code.split(".")[:2]
        if what == "half" and (asked.path, code) not in self.seen:
            self.seen.append((asked.path, code))
            raise Breaks
        self.seen.append((asked.path, code))
        if what == "forbidden" and detail != "silently":
            return 200, {"error": self.words(token, code, self.secret)}, {"NSP_STATUS": detail}
        user = {"openID": "o-Huawei_openid", "unionID": "u-Huawei_unionid", "displayNameFlag": self.way.code(0)}
        number = {} if what == "forbidden" else {"mobileNumber": self.numbers[detail if what == "good" else "bare"]}
        return 200, self.way.object({**user, **number}), {"NSP_STATUS": "0"} if self.way.extra else {}


# --- DingTalk ---


class DingTalk(Stranger):
    """``api.dingtalk.com``."""

    client_id = "dingstranger0123456"

    def __init__(self, way: Way = WAYS["plain"]) -> None:
        super().__init__(way)
        self.codes: dict[str, str] = {}  # by the user's token

    numbers: ClassVar[dict[str, dict[str, Any]]] = {
        "mainland": {"mobile": "13900001234", "stateCode": "86"},
        "plus": {"mobile": "13900001234", "stateCode": "+86"},
        "abroad": {"mobile": "51234567", "stateCode": "852"},
    }
    forms: ClassVar[dict[str, str]] = {name: ABROAD if name.startswith("abroad") else MAINLAND for name in numbers}

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "platform": "dingtalk",
            "client_id": self.client_id,
            "client_secret": self.secret,
            "api_base_url": url,
        }

    def respond(self, asked: Asked) -> tuple[int, Any]:
        match asked.method, asked.path:
            case "POST", "/v1.0/oauth2/userAccessToken":
                self.expect(asked.headers.get("content-type", "").split(";")[0], JSON, "content-type")
                sent = asked.json
                wanted = {"clientId": self.client_id, "clientSecret": self.secret, "grantType": "authorization_code"}
                code = sent.pop("code")
                self.expect(sent, wanted, "userAccessToken")
                return self.token(asked, code)
            case "GET", "/v1.0/contact/users/me":
                return self.me(asked, asked.headers["x-acs-dingtalk-access-token"])
        self.faults.append(f"no such address: {asked.method} {asked.path}")
        return 404, page(404)

    def token(self, asked: Asked, code: str) -> tuple[int, Any]:
        what, detail = code.split(".", 1)
        if not self.taken(asked, code):
            native = "invalidParameter.authCode.notFound"
            return 400, {"code": native, "requestid": "8C9B4A01-2026", "message": self.words(code, self.secret)}
        if what == "refuse":
            return 400, {"code": detail.rpartition(".")[0], "message": self.words(code, self.secret), "requestid": code}
        self.codes[f"ding-st-{len(self.codes)}"] = code
        found = {"accessToken": f"ding-st-{len(self.codes) - 1}", "refreshToken": "refresh", "corpId": "ding0123"}
        return 200, self.way.object({**found, "expireIn": self.way.code(7200)})

    def me(self, asked: Asked, token: str) -> tuple[int, Any]:
        code = self.codes[token]
        what, detail = code.split(".")[:2]
        if what == "half" and (asked.path, code) not in self.seen:
            self.seen.append((asked.path, code))
            raise Breaks
        self.seen.append((asked.path, code))
        if what == "forbidden" and detail == "60011":
            return 403, {"code": self.way.code(60011), "message": self.words(token, code), "requestid": token}
        if what == "forbidden" and detail == "errcode":
            return 200, {"errcode": self.way.code(60011), "errmsg": self.words(token, code)}
        user = {"openId": "o-Ding_openid", "unionId": "u-Ding_unionid", "nick": "某某", "avatarUrl": None}
        number = {} if what == "forbidden" else self.numbers[detail if what == "good" else "mainland"]
        return 200, self.way.object({**user, **number})
