"""Platforms as a stranger would write them from the official pages: haoma must not depend on its own simulator.

These stand-ins share no code with the mirrors. Each variation is something that real replies, documentation or usual
HTTP servers differ in.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import trustme
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from typer.testing import CliRunner

from haoma.cli import app as command_line
from support.live import Service, serving, tables

APP_ID = "wx00aa11bb22cc33dd"
APP_SECRET = "fedcba9876543210fedcba9876543210"
OPENID = "oStranger-0123456789abcdefgh"
ALIPAY_APP_ID = "2021009999999999"


@dataclass(frozen=True)
class Way:
    """How a stand-in answers.

    Attributes:
        content_type: Of every reply.
        framing: ``length``, ``chunked``, or ``close`` (HTTP/1.0: the end of the connection is the end of the body).
        keep: Whether the connection stays open.
        errcode: Whether a success has ``errcode`` and ``errmsg``.
        expires_in: Of the token.
        country_code, phone, pure: The fields of the number.
        extra: Whether there are fields that no page mentions.
        spaced: Whether JSON is written with spaces and line breaks.
        ids: Alipay's ids in the reply to a login.
    """

    content_type: str = "application/json; charset=utf-8"
    framing: str = "length"
    keep: bool = True
    errcode: bool = True
    expires_in: Any = 7200
    country_code: Any = "86"
    phone: str = "13900001234"
    pure: str = "13900001234"
    extra: bool = False
    spaced: bool = False
    ids: tuple[str, ...] = ("user_id",)
    number: str = field(default="+8613900001234")


def written(value: object, way: Way) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2 if way.spaced else None).encode()


def handler(way: Way, respond: Any) -> type[BaseHTTPRequestHandler]:
    class Stranger(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0" if way.framing == "close" else "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = written(respond(self, body), way)
            self.send_response(200)
            self.send_header("Content-Type", way.content_type)
            if way.framing == "chunked":
                self.send_header("Transfer-Encoding", "chunked")
            elif way.framing == "length":
                self.send_header("Content-Length", str(len(content)))
            if not way.keep:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(chunked(content) if way.framing == "chunked" else content)
            self.wfile.flush()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_words: object) -> None:
            pass

    return Stranger


def chunked(content: bytes) -> bytes:
    pieces = [content[at : at + 37] for at in range(0, len(content), 37)] + [b""]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


# --- WeChat ---


class WeChat:
    """``api.weixin.qq.com``, as its pages describe it."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.used: set[str] = set()
        self.session_key = base64.b64encode(os.urandom(16)).decode()

    def settings(self, url: str) -> dict[str, Any]:
        return {"platform": "wechat", "app_id": APP_ID, "app_secret": APP_SECRET, "api_base_url": url}

    def respond(self, request: BaseHTTPRequestHandler, body: bytes) -> dict[str, Any]:  # noqa: PLR0911 - one per refusal
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        more = {"a_new_field": [1, {"deep": None}]} if self.way.extra else {}
        match request.command, parts.path:
            case "POST", "/cgi-bin/stable_token":
                asked = json.loads(body)
                if (asked["grant_type"], asked["appid"], asked["secret"]) != ("client_credential", APP_ID, APP_SECRET):
                    return {"errcode": 40125, "errmsg": "invalid appsecret"}
                return {"access_token": "ACCESS_TOKEN", "expires_in": self.way.expires_in, **more}
            case "GET", "/sns/jscode2session":
                if (query["appid"], query["secret"], query["grant_type"]) != (APP_ID, APP_SECRET, "authorization_code"):
                    return {"errcode": 40013, "errmsg": "invalid appid"}
                if not self.fresh(query["js_code"]):
                    return {"errcode": 40163, "errmsg": "code been used"}
                return {"session_key": self.session_key, "openid": OPENID, **self.success(), **more}
            case "POST", "/wxa/business/getuserphonenumber":
                if query.get("access_token") != "ACCESS_TOKEN":
                    return {"errcode": 40001, "errmsg": "invalid credential"}
                asked = json.loads(body)
                if not self.fresh(asked["code"]) or asked.get("openid", OPENID) != OPENID:
                    return {"errcode": 40029, "errmsg": "invalid code"}
                return {"phone_info": {**self.phone_info(), **more}, **self.success(), **more}
        return {"errcode": 404, "errmsg": "no such address"}

    def fresh(self, code: str) -> bool:
        fresh = code not in self.used and code.startswith("good-")
        self.used.add(code)
        return fresh

    def success(self) -> dict[str, Any]:
        return {"errcode": 0, "errmsg": "ok"} if self.way.errcode else {}

    def phone_info(self) -> dict[str, Any]:
        numbers = {"phoneNumber": self.way.phone, "purePhoneNumber": self.way.pure}
        watermark = {"timestamp": 1700000000, "appid": APP_ID}
        return {**numbers, "countryCode": self.way.country_code, "watermark": watermark}


WECHAT_WAYS = {
    "json": Way(),
    "text": Way(content_type="text/plain"),
    "html": Way(content_type="text/html; charset=GBK", spaced=True),
    "without-errcode": Way(errcode=False),
    "country-code-int": Way(country_code=86),
    "plus-86": Way(phone="+8613900001234"),
    "86": Way(phone="8613900001234"),
    "overseas": Way(country_code="852", phone="+85251234567", pure="51234567", number="+85251234567"),
    "overseas-int": Way(country_code=1, phone="12025550123", pure="2025550123", number="+12025550123"),
    "unknown-fields": Way(extra=True),
    "expires-in-text": Way(expires_in="7200"),
    "expires-soon": Way(expires_in=60),
    "chunked": Way(framing="chunked"),
    "http-1-0": Way(framing="close"),
    "connection-close": Way(keep=False),
}


# --- Alipay ---


class Alipay:
    """``openapi.alipay.com/gateway.do``, and the phone with the mini program."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.key = rsa.generate_private_key(65537, 2048)
        self.app_key = rsa.generate_private_key(65537, 2048)
        self.aes_key = os.urandom(16)
        self.used: set[str] = set()

    def settings(self, url: str) -> dict[str, Any]:
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        private = self.app_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        return {
            "platform": "alipay",
            "app_id": ALIPAY_APP_ID,
            "alipay_public_key": public.decode(),
            "aes_key": base64.b64encode(self.aes_key).decode(),
            "app_private_key": private.decode(),
            "gateway_url": f"{url}/gateway.do",
        }

    def sign(self, text: str) -> str:
        return base64.b64encode(self.key.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()

    def envelope(self, mobile: str) -> dict[str, str]:
        padder = padding.PKCS7(128).padder()
        plain = json.dumps({"code": "10000", "msg": "Success", "mobile": mobile}).encode()
        encryptor = Cipher(algorithms.AES(self.aes_key), modes.CBC(bytes(16))).encryptor()
        sealed = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
        response = base64.b64encode(sealed).decode()
        return {"response": response, "sign": self.sign(f'"{response}"'), "sign_type": "RSA2", "charset": "UTF-8"}

    def respond(self, request: BaseHTTPRequestHandler, body: bytes) -> Any:
        """Answer from the parameters of the POST body, wherever the official clients put the others."""
        sent = dict(parse_qsl(urlsplit(request.path).query)) | dict(parse_qsl(body.decode()))
        signature = base64.b64decode(sent.pop("sign"))
        text = "&".join(f"{name}={sent[name]}" for name in sorted(sent) if sent[name])
        self.app_key.public_key().verify(signature, text.encode(), PKCS1v15(), hashes.SHA256())
        assert sent["method"] == "alipay.system.oauth.token"
        assert (sent["app_id"], sent["grant_type"], sent["version"]) == (ALIPAY_APP_ID, "authorization_code", "1.0")
        if sent["code"] in self.used:
            refused = {"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.code-invalid", "sub_msg": "无效"}
            return {"error_response": refused}
        self.used.add(sent["code"])
        found: dict[str, Any] = {"access_token": "publicpB1", "refresh_token": "publicpB2", "expires_in": "300"}
        found |= {name: f"{name}-0123" for name in self.way.ids} | (
            {"auth_start": "now", "x": {}} if self.way.extra else {}
        )
        return {"alipay_system_oauth_token_response": found, "sign": self.sign(written_part(found, self.way))}


def written_part(found: dict[str, Any], way: Way) -> str:
    """Return the node as it stands in the reply: nested one level deep, if the reply is indented."""
    whole = written({"node": found}, way).decode()
    return whole[whole.index(":") + 1 : -1].strip()


ALIPAY_WAYS = {
    "user-id": Way(),
    "open-id": Way(ids=("open_id",), content_type="text/html;charset=utf-8"),
    "both": Way(ids=("user_id", "open_id"), extra=True),
    "with-union-id": Way(ids=("open_id", "union_id")),
    "indented": Way(spaced=True),
    "chunked": Way(framing="chunked"),
    "http-1-0": Way(framing="close"),
    "connection-close": Way(keep=False),
}


def alipay_bodies(alipay: Alipay, login: str) -> list[Any]:
    """Return bodies of several shapes; the last three bring a login code."""
    envelope = alipay.envelope("13900001234")
    text = json.dumps(envelope)
    return [
        envelope,
        {"response": text},
        {"authorization": {"response": text}},
        {"login_code": f"{login}-1", "authorization": {"response": text}},
        {"loginCode": f"{login}-2", "response": text},
        {"loginCode": f"{login}-3", "encryptedData": envelope["response"], "sign": envelope["sign"]},
    ]


def wechat_bodies(name: str) -> list[Any]:
    """Return bodies of several shapes; two of them bring a login code."""
    return [
        {"code": f"good-phone-{name}-1"},
        {"authorization": {"code": f"good-phone-{name}-2"}},
        {"type": "getphonenumber", "detail": {"errMsg": "getPhoneNumber:ok", "code": f"good-phone-{name}-3"}},
        {"login_code": f"good-login-{name}-4", "authorization": {"code": f"good-phone-{name}-4"}},
        {"loginCode": f"good-login-{name}-5", "phoneCode": f"good-phone-{name}-5"},
    ]


# --- the tests ---


@dataclass(frozen=True)
class Strangers:
    """All stand-ins, the service that asks them, and the folder with a configuration for each."""

    alipays: dict[str, Alipay]
    service: Service
    folder: Path

    def bodies(self, app: str, login: str) -> list[Any]:
        platform, _, name = app.partition("-")
        return alipay_bodies(self.alipays[name], login) if platform == "alipay" else wechat_bodies(login)


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strangers]:
    folder = tmp_path_factory.mktemp("strangers")
    authority = folder / "ca.pem"  # to load the system's takes longer than a request
    trustme.CA().cert_pem.write_to_path(str(authority))
    alipays = {name: Alipay(way) for name, way in ALIPAY_WAYS.items()}
    wechats = {name: WeChat(way) for name, way in WECHAT_WAYS.items()}
    with ExitStack() as stack:
        apps = {
            f"alipay-{name}": alipay.settings(stack.enter_context(serving(handler(alipay.way, alipay.respond))))
            for name, alipay in alipays.items()
        } | {
            f"wechat-{name}": wechat.settings(stack.enter_context(serving(handler(wechat.way, wechat.respond))))
            for name, wechat in wechats.items()
        }
        service = stack.enter_context(Service(folder, tables(apps)))
        top = f"allow_insecure_upstreams = true\nca_file = {json.dumps(str(authority))}\n"
        for app, table in apps.items():
            (folder / f"{app}.toml").write_text(top + tables({app: table}), "utf-8")
        yield Strangers(alipays, service, folder)


EXPECTED = {f"alipay-{name}": way.number for name, way in ALIPAY_WAYS.items()} | {
    f"wechat-{name}": way.number for name, way in WECHAT_WAYS.items()
}


def assert_found(app: str, body: dict[str, Any], found: dict[str, Any]) -> None:
    """The number is right, and with a login code the ids of the login are there; WeChat binds the number to them."""
    assert found.get("phone_number") == EXPECTED[app], found
    bound = {check["name"]: check["proven"] for check in found["checks"]}["login-binding"]
    logged_in = "login_code" in body or "loginCode" in body
    assert bound == (logged_in and app.startswith("wechat"))
    subject = found["subject"]
    if not logged_in:
        assert subject is None
    elif app.startswith("wechat"):
        assert subject == {"openid": OPENID}
    else:
        ids = ALIPAY_WAYS[app.partition("-")[2]].ids
        assert subject == {name.replace("n_i", "ni"): f"{name}-0123" for name in ids}


@pytest.mark.parametrize("app", EXPECTED)
def test_service(app: str, strangers: Strangers) -> None:
    """The service finds the number, whatever the shape of the body and the habits of the platform's server."""
    for body in strangers.bodies(app, f"http-{app}"):
        answer = strangers.service.post(app, body)
        assert answer.status == 200, answer.json
        assert_found(app, body, answer.json)
        again = strangers.service.post(app, body)
        once = app.startswith("wechat") or "login_code" in body or "loginCode" in body
        assert again.json == {**answer.json, "repeated": once}  # remembered: the stand-in would refuse the code


@pytest.mark.parametrize("app", EXPECTED)
def test_command_line(app: str, strangers: Strangers) -> None:
    """``haoma open`` does the same."""
    command = ["open", "--config", str(strangers.folder / f"{app}.toml"), "--app", app, "--json", "-"]
    for body in strangers.bodies(app, f"command-{app}"):
        told = CliRunner().invoke(command_line, command, input=json.dumps(body))
        assert told.exit_code == 0, told.output
        assert_found(app, body, json.loads(told.stdout))


@pytest.mark.parametrize("app", ["alipay-both", "wechat-overseas"])
def test_installed_command(app: str, strangers: Strangers) -> None:
    """The same as a command of its own, with the login code beside the file."""
    body = strangers.bodies(app, f"installed-{app}")[0]
    login_code = f"good-login-of-{app}"
    command = [
        "open",
        "--config",
        str(strangers.folder / f"{app}.toml"),
        "--app",
        app,
        "--json",
        "--login-code",
        login_code,
        "-",
    ]
    told = subprocess.run(
        [sys.executable, "-m", "haoma", *command], input=json.dumps(body).encode(), capture_output=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert_found(app, body | {"login_code": login_code}, json.loads(told.stdout))


@pytest.mark.parametrize("app", ["alipay-user-id", "wechat-text"])
def test_refusals(app: str, strangers: Strangers) -> None:
    """What these stand-ins refuse is named as it is with the simulator: used codes, and codes that they do not know."""
    first, second = strangers.bodies(app, "refused")[3:5]
    assert strangers.service.post(app, first).status == 200
    if app.startswith("alipay"):
        second = strangers.alipays[app.removeprefix("alipay-")].envelope("13900005678")
    used = {**second, "loginCode": first["login_code"]}
    assert strangers.service.post(app, used, route="login").code == "platform.login-code-rejected"
    assert strangers.service.post(app, used).code in {"platform.login-code-rejected", "trust.already-used"}
    if app.startswith("wechat"):
        assert strangers.service.post(app, {"code": "bad-phone"}).code == "platform.code-rejected"
    else:
        forged = {**second, "sign": "A" * 342 + "=="}
        assert strangers.service.post(app, forged).code == "trust.signature-mismatch"
