"""WeChat's open platform, Cloud Run, API security mode and Alipay's gateway, as another team would write them.

Nothing here shares code with haoma or with its mirrors: what is not in the standard library comes from ``cryptography``.
Each class is one side of the wire, and answers real HTTP by way of ``support.live.platform``.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from support.live import Asked, Reply

WEIXIN = "https://api.weixin.qq.com"
PHONE = "/wxa/business/getuserphonenumber"
NUMBER = "13900001234"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """Return the key of this name: to make one takes longer than most tests."""
    return rsa.generate_private_key(65537, 2048)


def random_app_id() -> str:
    return "wx" + os.urandom(8).hex()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def as_json(value: object, *, seqid: str = "") -> Reply:
    named = {"content-type": "text/plain", **({"x-openapi-seqid": seqid} if seqid else {})}
    return 200, named, json.dumps(value, ensure_ascii=False).encode()


def query_of(asked: Asked) -> dict[str, str]:
    return dict(parse_qsl(asked.query, keep_blank_values=True))


def phone_info(app_id: str, number: str = NUMBER, **more: Any) -> dict[str, Any]:
    watermark = {"timestamp": int(time.time()), "appid": app_id}
    return {"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86", "watermark": watermark, **more}


class Counted:
    """Counts what is asked, and can be told to answer a path otherwise: once for each answer in the list."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.asked: list[Asked] = []
        self.says: dict[str, list[Any]] = {}
        self.slow = 0.0
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Reply:
        if self.slow:
            time.sleep(self.slow)
        with self._lock:
            self.calls[asked.path] += 1
            self.asked.append(asked)
            waiting = self.says.get(asked.path)
            if waiting:
                said = waiting.pop(0)
                said = said(asked) if callable(said) else said
                return said if isinstance(said, tuple) else as_json(said)
            return self.respond(asked)

    def respond(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def last(self, path: str) -> Asked:
        return [each for each in self.asked if each.path == path][-1]


# --- WeChat: third-party platform ---


def seal_push(key: bytes, message: bytes, receiver: str, *, pad: int | None = None, head: bytes | None = None) -> str:
    """WXBizMsgCrypt: 16 random bytes, length, message, receiver, padded to 32.

    Args:
        pad: How many bytes of padding there shall be; the message is filled up with white space until it is so.
    """
    if pad is not None:
        message += b" " * ((-(20 + len(message) + len(receiver)) - pad) % 32)
    plain = (os.urandom(16) if head is None else head) + len(message).to_bytes(4, "big") + message + receiver.encode()
    missing = 32 - len(plain) % 32
    assert pad in (None, missing)
    return seal_raw(key, plain + bytes([missing]) * missing)


def seal_raw(key: bytes, padded: bytes) -> str:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return b64(encryptor.update(padded) + encryptor.finalize())


def push_signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's choice


@dataclass
class Merchant:
    """A mini program that has granted its rights."""

    app_id: str = field(default_factory=random_app_id)
    refresh: str = field(default_factory=lambda: "refreshtoken@" + os.urandom(12).hex())
    tokens: list[str] = field(default_factory=list)
    openid: str = field(default_factory=lambda: "o" + os.urandom(13).hex())
    granted: bool = True
    sets: tuple[int, ...] = (17, 18, 25)
    used: set[str] = field(default_factory=set)


class OpenPlatform(Counted):
    """``api.weixin.qq.com`` towards a third-party platform, and the pushes of the open platform.

    Attributes:
        rotates: Whether each renewal gives another refresh token and kills the one before.
    """

    def __init__(self, merchants: int = 2, *, rotates: bool = False) -> None:
        super().__init__()
        self.app_id = random_app_id()
        self.secret = os.urandom(16).hex()
        self.token = "pushToken" + os.urandom(6).hex()
        self.encoding_key = self.new_key()
        self.ticket = ""
        self.tokens: list[str] = []
        self.merchants = {merchant.app_id: merchant for merchant in (Merchant() for _ in range(merchants))}
        self.codes: dict[str, str] = {}
        self.rotates = rotates
        self.expires_in: Any = 7200

    @staticmethod
    def new_key() -> str:
        """An EncodingAESKey: 43 characters, whose last one may have any of its two free bits set."""
        return b64(os.urandom(32))[:43]

    def settings(self, merchant: Merchant, url: str, **more: Any) -> dict[str, Any]:
        return {
            "platform": "wechat",
            "app_id": merchant.app_id,
            "api_base_url": url,
            "component_app_id": self.app_id,
            "component_app_secret": self.secret,
            "component_token": self.token,
            "component_aes_key": self.encoding_key,
            **more,
        }

    # pushes

    def push(self, xml: str, *, key: str = "", receiver: str = "", pad: int | None = None) -> tuple[str, bytes]:
        """Query and body of a push with this message inside."""
        raw = base64.b64decode((key or self.encoding_key) + "=")
        return self.posted(seal_push(raw, xml.encode(), receiver or self.app_id, pad=pad))

    def posted(self, encrypted: str, *, body: str = "", away: int = 0, **more: str) -> tuple[str, bytes]:
        timestamp, nonce = str(int(time.time()) + away), str(int.from_bytes(os.urandom(4), "big"))
        query = {
            "signature": push_signature(self.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "encrypt_type": "aes",
            "msg_signature": push_signature(self.token, timestamp, nonce, encrypted),
            **more,
        }
        whole = (
            body
            or f"<xml>\n    <AppId><![CDATA[{self.app_id}]]></AppId>\n    <Encrypt><![CDATA[%s]]></Encrypt>\n</xml>\n"
        )
        return urlencode(query), whole.replace("%s", encrypted).encode()

    def ticket_xml(self, ticket: str = "", created: int | None = None) -> str:
        self.ticket = ticket or "ticket@" + os.urandom(12).hex()
        return (
            f"<xml><AppId><![CDATA[{self.app_id}]]></AppId><CreateTime>{created or int(time.time())}</CreateTime>"
            "<InfoType><![CDATA[component_verify_ticket]]></InfoType>"
            f"<ComponentVerifyTicket><![CDATA[{self.ticket}]]></ComponentVerifyTicket></xml>"
        )

    def event_xml(self, kind: str, merchant: Merchant, created: int, code: str = "") -> str:
        given = (
            f"<AuthorizationCode><![CDATA[{code}]]></AuthorizationCode>"
            f"<AuthorizationCodeExpiredTime>{created + 3600}</AuthorizationCodeExpiredTime>"
            "<PreAuthCode><![CDATA[preauth]]></PreAuthCode>"
            if code
            else ""
        )
        return (
            f"<xml>\n<AppId>{self.app_id}</AppId>\n<CreateTime>{created}</CreateTime>\n<InfoType>{kind}</InfoType>\n"
            f"<AuthorizerAppid>{merchant.app_id}</AuthorizerAppid>\n{given}</xml>"
        )

    def grant(self, merchant: Merchant) -> str:
        """A merchant scans: a new refresh token, which the code is exchanged for."""
        merchant.refresh, merchant.granted = "refreshtoken@" + os.urandom(12).hex(), True
        merchant.tokens.clear()
        code = "queryauthcode@" + os.urandom(12).hex()
        self.codes[code] = merchant.app_id
        return code

    # the API

    def respond(self, asked: Asked) -> Reply:
        query, path = query_of(asked), asked.path
        content = json.loads(asked.body) if asked.body else {}
        if path.startswith("/cgi-bin/component/"):
            return as_json(self._component(path.rpartition("/")[2], query, content))
        if path == "/sns/component/jscode2session":
            return as_json(self._login(query))
        if path == PHONE:
            return as_json(self._phone(query, content))
        if path == "/wxa/business/checkencryptedmsg":
            owner = self._owner(query.get("access_token", ""))
            return as_json({"errcode": 1 if owner else 40001, "errmsg": "no"})
        return as_json({"errcode": 61024 if path == "/cgi-bin/stable_token" else 40066, "errmsg": "invalid url"})

    def _component(self, name: str, query: dict[str, str], content: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911
        if content["component_appid"] != self.app_id:
            return {"errcode": 61011, "errmsg": "invalid component"}
        if name == "api_start_push_ticket":
            good = content["component_secret"] == self.secret
            return {"errcode": 0 if good else 40125, "errmsg": "ok" if good else "invalid appsecret"}
        if name == "api_component_token":
            if content["component_appsecret"] != self.secret:
                return {"errcode": 40125, "errmsg": "invalid appsecret"}
            if content["component_verify_ticket"] != self.ticket:
                return {"errcode": 61006, "errmsg": "component ticket is invalid"}
            self.tokens.append("componentToken-" + os.urandom(16).hex())
            return {"component_access_token": self.tokens[-1], "expires_in": self.expires_in}
        if query.get("component_access_token", query.get("access_token")) not in self.tokens[-1:]:
            return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest rid: 6512-a"}
        if name == "api_query_auth":
            merchant = self.merchants.get(self.codes.pop(content["authorization_code"], ""))
            if merchant is None:
                return {"errcode": 61010, "errmsg": "code is expired"}
            return {"authorization_info": self._granted(merchant, self._token(merchant))}
        merchant = self.merchants.get(content["authorizer_appid"])
        if merchant is None or not merchant.granted:
            return {"errcode": 61003, "errmsg": "component is not authorized by this account rid: 6512-b"}
        if name == "api_get_authorizer_info":
            info = {"nick_name": "a shop", "service_type_info": {"id": 0}, "MiniProgramInfo": {"network": {}}}
            return {"authorizer_info": info, "authorization_info": self._granted(merchant)}
        assert name == "api_authorizer_token", name
        if content["authorizer_refresh_token"] != merchant.refresh:
            return {"errcode": 61023, "errmsg": "refresh_token is invalid rid: 6512-c"}
        if self.rotates:
            merchant.refresh = "refreshtoken@" + os.urandom(12).hex()
        found = {"authorizer_access_token": self._token(merchant), "expires_in": self.expires_in}
        return {**found, "authorizer_refresh_token": merchant.refresh}

    def _granted(self, merchant: Merchant, token: str = "") -> dict[str, Any]:
        sets = [{"funcscope_category": {"id": each}, "confirm_info": {"need_confirm": 0}} for each in merchant.sets]
        found = {"authorizer_appid": merchant.app_id, "authorizer_refresh_token": merchant.refresh, "func_info": sets}
        return {**found, "authorizer_access_token": token, "expires_in": self.expires_in} if token else found

    @staticmethod
    def _token(merchant: Merchant) -> str:
        merchant.tokens.append("merchantToken-" + os.urandom(16).hex())
        return merchant.tokens[-1]

    def _login(self, query: dict[str, str]) -> dict[str, Any]:
        if query["component_access_token"] not in self.tokens[-1:]:
            return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest rid: 6512-d"}
        merchant = self.merchants.get(query["appid"])
        if merchant is None or not merchant.granted:
            return {"errcode": 61003, "errmsg": "component is not authorized by this account"}
        assert (query["component_appid"], query["grant_type"]) == (self.app_id, "authorization_code")
        assert "secret" not in query
        if not query["js_code"].startswith("good-") or query["js_code"] in merchant.used:
            return {"errcode": 40029, "errmsg": "invalid code"}
        merchant.used.add(query["js_code"])
        return {"session_key": b64(os.urandom(16)), "openid": merchant.openid, "unionid": "u-" + merchant.openid}

    def _owner(self, token: str) -> Merchant | None:
        return next((each for each in self.merchants.values() if token and token in each.tokens[-1:]), None)

    def _phone(self, query: dict[str, str], content: dict[str, Any]) -> dict[str, Any]:
        merchant = self._owner(query.get("access_token", ""))
        if merchant is None:
            return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest rid: 6512-e"}
        if 18 not in merchant.sets:
            return {"errcode": 61007, "errmsg": "api is unauthorized to component rid: 6512-f"}
        code = content["code"]
        if (
            not code.startswith("good-")
            or code in merchant.used
            or content.get("openid", merchant.openid) != merchant.openid
        ):
            return {"errcode": 40029, "errmsg": "invalid code"}
        merchant.used.add(code)
        return {"errcode": 0, "errmsg": "ok", "phone_info": phone_info(merchant.app_id)}


# --- WeChat: a mini program of our own ---


class Own(Counted):
    """What WeChat answers about sessions and quota; each login and each reset makes a new session_key."""

    def __init__(self) -> None:
        super().__init__()
        self.app_id, self.secret = random_app_id(), os.urandom(16).hex()
        self.openid = "o" + os.urandom(13).hex()
        self.session_key = ""
        self.total: Any = "5000"
        self.used: Any = "4500"

    def settings(self, url: str, **more: Any) -> dict[str, Any]:
        own = {"platform": "wechat", "app_id": self.app_id, "app_secret": self.secret, "api_base_url": url}
        return {**own, "accept_encrypted_data": True, **more}

    def signature(self) -> str:
        """The key is the text of the session_key, not what it decodes to."""
        return hmac.new(self.session_key.encode(), b"", hashlib.sha256).hexdigest()

    def respond(self, asked: Asked) -> Reply:  # noqa: PLR0911 - one for each interface
        query, path = query_of(asked), asked.path
        if path == "/cgi-bin/stable_token":
            assert json.loads(asked.body)["secret"] == self.secret
            return as_json({"access_token": "ACCESS", "expires_in": 7200})
        if path == "/sns/jscode2session":
            if not query["js_code"].startswith("good-"):
                return as_json({"errcode": 40029, "errmsg": "invalid code"})
            self.session_key = b64(os.urandom(16))
            return as_json({"openid": self.openid, "session_key": self.session_key})
        assert query["access_token"] == "ACCESS"
        if path == "/wxa/business/checkencryptedmsg":
            return as_json({"errcode": 1, "errmsg": "unknown"})
        if path == "/wxa/charge/usage/get":
            assert query["spuId"] in ("10000077", "10000086")
            return as_json({"errcode": 0, "errmsg": "ok", "all": self.total, "effectiveUse": self.used})
        assert (query["openid"], query["sig_method"]) == (self.openid, "hmac_sha256")
        if query["signature"] != self.signature():
            return as_json({"errcode": 87009, "errmsg": "invalid signature"})
        if path == "/wxa/checksession":
            return as_json({"errcode": 0, "errmsg": "ok"})
        assert path == "/wxa/resetusersessionkey", path
        self.session_key = b64(os.urandom(16))
        return as_json({"errcode": 0, "errmsg": "ok", "openid": self.openid, "session_key": self.session_key})


# --- WeChat Cloud Run ---


class CloudRun(Counted):
    """The sidecar of the open-interface service, and what WeChat says to the token of a mounted file."""

    def __init__(self) -> None:
        super().__init__()
        self.app_id = random_app_id()
        self.valid: set[str] = set()

    def respond(self, asked: Asked) -> Reply:
        query = query_of(asked)
        assert asked.path == PHONE
        assert "access_token" not in query
        token = query.get("cloudbase_access_token")
        if token is not None and token not in self.valid:
            return as_json({"errcode": 40001, "errmsg": "invalid credential"})
        if query.get("from_appid", self.app_id) != self.app_id:
            return as_json({"errcode": 48001, "errmsg": "API unauthorized"})
        said = {"errcode": 0, "errmsg": "ok", "phone_info": phone_info(self.app_id)}
        return as_json(said, seqid="" if token else "seq-4711")


# --- WeChat: API security mode ---


_PSS = PSS(mgf=MGF1(hashes.SHA256()), salt_length=32)


def sign_pss(key: rsa.RSAPrivateKey, lines: bytes) -> str:
    return b64(key.sign(lines, _PSS, hashes.SHA256()))


class Sealed(Counted):
    """WeChat in API security mode: opens and verifies what comes, seals and signs what goes.

    Attributes:
        damage: What is done to the parts of a reply: gets and returns a dict of ``inside``, ``app_id``, ``timestamp``,
            ``iv``, ``tag``, ``body``, ``signature``, ``headers``; called before each stage with its name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.app_id = random_app_id()
        self.secret = os.urandom(16).hex()
        self.sym_key, self.sym_sn, self.serial = os.urandom(32), os.urandom(16).hex(), os.urandom(16).hex()
        self.client_key, self.key, self.old_key = rsa_key("client"), rsa_key("wechat"), rsa_key("wechat before")
        self.damage: Callable[[str, dict[str, Any]], None] = lambda _stage, _parts: None
        self.nonces: list[str] = []

    def certificate(self, key: rsa.RSAPrivateKey) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wxd930ea5d5a258f4f")])
        return pem(certificate(name, name, key.public_key(), key))

    def settings(self, url: str, **more: Any) -> dict[str, Any]:
        return {
            "platform": "wechat",
            "app_id": self.app_id,
            "app_secret": self.secret,
            "api_base_url": url,
            "api_sym_key": b64(self.sym_key),
            "api_sym_sn": self.sym_sn,
            "api_private_key": private_pem(self.client_key),
            "api_certificate": self.certificate(self.key),
            **more,
        }

    def respond(self, asked: Asked) -> Reply:
        if asked.path == "/cgi-bin/stable_token":
            return as_json({"access_token": "ACCESS-sealed", "expires_in": 7200})
        assert asked.path == PHONE
        url, timestamp = WEIXIN + PHONE, asked.headers["wechatmp-timestamp"]
        assert asked.headers["wechatmp-appid"] == self.app_id
        lines = f"{url}\n{self.app_id}\n{timestamp}\n".encode() + asked.body
        signature = base64.b64decode(asked.headers["wechatmp-signature"], validate=True)
        self.client_key.public_key().verify(signature, lines, _PSS, hashes.SHA256())
        sent = {name: base64.b64decode(value, validate=True) for name, value in json.loads(asked.body).items()}
        assert len(sent["iv"]) == 12
        beside = f"{url}|{self.app_id}|{timestamp}|{self.sym_sn}".encode()
        inside = json.loads(AESGCM(self.sym_key).decrypt(sent["iv"], sent["data"] + sent["authtag"], beside))
        assert (inside["_appid"], inside["_timestamp"]) == (self.app_id, int(timestamp))
        assert 16 <= len(base64.b64decode(inside["_n"], validate=True)) <= 32
        assert "access_token" not in inside
        self.nonces.append(inside["_n"])
        if not inside["code"].startswith("good-"):
            return self.seal({"errcode": 40029, "errmsg": "invalid code rid: 6512-a"})
        return self.seal({"errcode": 0, "errmsg": "ok", "phone_info": phone_info(self.app_id)})

    def seal(self, said: dict[str, Any]) -> Reply:
        parts: dict[str, Any] = {"timestamp": int(time.time()), "app_id": self.app_id, "iv": os.urandom(12)}
        parts |= {"url": WEIXIN + PHONE, "sym_key": self.sym_key, "key": self.key, "headers": {}}
        self.damage("start", parts)
        parts["inside"] = {"_n": b64(os.urandom(16)), "_appid": self.app_id, "_timestamp": parts["timestamp"], **said}
        self.damage("inside", parts)
        plain = parts.get("plain") or json.dumps(parts["inside"]).encode()
        beside = f"{parts['url']}|{parts['app_id']}|{parts['timestamp']}|{self.sym_sn}".encode()
        sealed = AESGCM(parts["sym_key"]).encrypt(parts["iv"], plain, beside)
        parts["sent"] = {"iv": b64(parts["iv"]), "data": b64(sealed[:-16]), "authtag": b64(sealed[-16:])}
        self.damage("sent", parts)
        parts["body"] = parts.get("body") or json.dumps(parts["sent"]).encode()
        lines = f"{parts['url']}\n{parts['app_id']}\n{parts['timestamp']}\n".encode() + parts["body"]
        headers = {
            "content-type": "application/json",
            "Wechatmp-Appid": parts["app_id"],
            "Wechatmp-TimeStamp": str(parts["timestamp"]),
            "Wechatmp-Serial": self.serial,
            "Wechatmp-Signature": sign_pss(parts["key"], lines),
            **parts["headers"],
        }
        parts.update(lines=lines, headers=headers)
        self.damage("headers", parts)
        return 200, {name: value for name, value in parts["headers"].items() if value is not None}, parts["body"]


# --- certificates ---


def private_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_text(key: rsa.RSAPrivateKey) -> str:
    """As Alipay's console shows it: one line of base64."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return b64(key.public_key().public_bytes(serialization.Encoding.DER, form))


def pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


def name_of(common: str, unit: str = "") -> x509.Name:
    found = [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ant")]
    found += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)] if unit else []
    return x509.Name([*found, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: Any,
    signer: Any,
    *,
    ca: bool = False,
    from_: int = -30,
    to: int = 700,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=from_))
        .not_valid_after(now + dt.timedelta(days=to))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


def alipay_sn(found: x509.Certificate) -> str:
    names = {"countryName": "C", "organizationName": "O", "organizationalUnitName": "OU", "commonName": "CN"}
    issuer = ",".join(f"{names[each.oid._name]}={each.value!s}" for each in reversed(list(found.issuer)))
    return hashlib.md5(f"{issuer}{found.serial_number}".encode(), usedforsecurity=False).hexdigest()


class Authority:
    """A root, two intermediates (Alipay's own keys, and those of apps), and a bundle with a root that is not RSA."""

    def __init__(self, name: str = "") -> None:
        self.key, self.middle_key = rsa_key(f"{name} root"), rsa_key(f"{name} intermediate")
        root, self.middle_name = name_of("Ant Financial R1"), name_of("Ant Class 2 R1", "Class 2")
        self.apps_name = name_of("Ant Class 1 R1", "Class 1")
        self.root = certificate(root, root, self.key.public_key(), self.key, ca=True)
        self.middle = certificate(self.middle_name, root, self.middle_key.public_key(), self.key, ca=True)
        self.apps = certificate(self.apps_name, root, self.middle_key.public_key(), self.key, ca=True)
        odd, odd_name = ec.generate_private_key(ec.SECP256R1()), name_of("Not RSA")
        self.bundle = pem(certificate(odd_name, odd_name, odd.public_key(), odd, ca=True), self.root)

    def alipay(self, key: rsa.RSAPrivateKey, common: str = "Alipay (China)", **dates: Any) -> x509.Certificate:
        return certificate(name_of(common, "Alipay"), self.middle_name, key.public_key(), self.middle_key, **dates)

    def app(self, key: rsa.RSAPrivateKey, common: str = "2021009999999999-2088", **dates: Any) -> x509.Certificate:
        return certificate(name_of(common), self.apps_name, key.public_key(), self.middle_key, **dates)


# --- Alipay ---


def pkcs7(plain: bytes) -> bytes:
    missing = 16 - len(plain) % 16
    return plain + bytes([missing]) * missing


def aes_zero_iv(key: bytes, plain: bytes) -> str:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return b64(encryptor.update(pkcs7(plain)) + encryptor.finalize())


def aes_zero_iv_open(key: bytes, text: str) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    padded = decryptor.update(base64.b64decode(text, validate=True)) + decryptor.finalize()
    return padded[: -padded[-1]]


@dataclass
class Shop:
    """A merchant's mini program."""

    app_id: str = field(default_factory=lambda: "2021" + str(int.from_bytes(os.urandom(5), "big")).zfill(13)[:12])
    aes_key: bytes = field(default_factory=lambda: os.urandom(16))
    app_auth_token: str = field(default_factory=lambda: "202611BB" + os.urandom(12).hex())


class Gateway(Counted):
    """``openapi.alipay.com/gateway.do``, towards an app of its own or a third-party application.

    Attributes:
        write: From the name of the node, its raw text and its signature to the whole reply.
        raw: Changes the text of the node of a login before it is signed.
        serial: ``alipay_cert_sn`` of replies, in certificate mode.
        successors: Certificates that can be downloaded, by that name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.key, self.caller_key = rsa_key("gateway"), rsa_key("caller")
        self.caller_id = "2021" + "".join(str(each % 10) for each in os.urandom(12))
        self.caller_aes_key = os.urandom(16)
        self.shops = [Shop(), Shop()]
        self.used: set[str] = set()
        self.methods: Counter[str] = Counter()
        self.expected: dict[str, str] = {}
        self.serial = ""
        self.successors: dict[str, str] = {}
        self.signs = True
        self.write: Callable[[str, str, str], str] = self.plainly
        self.says_method: dict[str, dict[str, Any]] = {}
        self.raw: Callable[[str], str] = str

    def plainly(self, name: str, node: str, sign: str) -> str:
        serial = f',"alipay_cert_sn":"{self.serial}"' if self.serial else ""
        return f'{{"{name}":{node}{serial},"sign":"{sign}"}}' if sign else f'{{"{name}":{node}{serial}}}'

    def envelope(self, shop: Shop, mobile: str = NUMBER, **more: str) -> dict[str, str]:
        plain = json.dumps({"code": "10000", "msg": "Success", "mobile": mobile}, separators=(",", ":")).encode()
        response = aes_zero_iv(shop.aes_key, plain)
        return {"response": response, "sign": self.sign(f'"{response}"'), **more}

    def sign(self, text: str) -> str:
        return b64(self.key.sign(text.encode(), PKCS1v15(), hashes.SHA256()))

    def respond(self, asked: Asked) -> Reply:
        assert asked.path == "/gateway.do"
        sent = query_of(asked) | dict(parse_qsl(asked.body.decode(), keep_blank_values=True, strict_parsing=True))
        signature = base64.b64decode(sent.pop("sign"), validate=True)
        text = "&".join(f"{name}={sent[name]}" for name in sorted(sent) if sent[name])
        self.caller_key.public_key().verify(signature, text.encode(), PKCS1v15(), hashes.SHA256())
        assert (sent["app_id"], sent["version"], sent["sign_type"]) == (self.caller_id, "1.0", "RSA2")
        assert {name: sent.get(name, "") for name in self.expected} == self.expected
        at = dt.datetime.strptime(sent["timestamp"] + " +0800", "%Y-%m-%d %H:%M:%S %z").timestamp()
        assert abs(at - time.time()) < 60
        self.methods[sent["method"]] += 1
        name, node = self._node(sent)
        return 200, {"content-type": "text/html;charset=utf-8"}, self.write(name, node, self._signed(node)).encode()

    def _signed(self, node: str) -> str:
        return self.sign(node) if self.signs else ""

    def _node(self, sent: dict[str, str]) -> tuple[str, str]:
        method = sent["method"]
        node_name = method.replace(".", "_") + "_response"
        said = self.says_method.get(method)
        if said is not None:
            return said.get("_name", "error_response"), json.dumps(
                {name: value for name, value in said.items() if name != "_name"}, ensure_ascii=False
            )
        if method == "alipay.system.oauth.token":
            return self._token(sent, node_name)
        if method == "alipay.open.app.alipaycert.download":
            wanted = json.loads(sent["biz_content"])["alipay_cert_sn"]
            content = b64(self.successors[wanted].encode())
            return node_name, json.dumps({"code": "10000", "msg": "Success", "alipay_cert_content": content})
        assert method in ("alipay.open.auth.app.aes.get", "alipay.open.auth.app.aes.set"), method
        assert "app_auth_token" not in sent
        assert sent["encrypt_type"] == "AES"
        asked = json.loads(aes_zero_iv_open(self.caller_aes_key, sent["biz_content"]))
        shop = next(each for each in self.shops if each.app_id == asked["merchant_app_id"])
        if method.endswith("set"):
            shop.aes_key = os.urandom(16)
        plain = json.dumps({"code": "10000", "msg": "Success", "aes_key": b64(shop.aes_key)}).encode()
        return node_name, f'"{aes_zero_iv(self.caller_aes_key, plain)}"'

    def _token(self, sent: dict[str, str], node_name: str) -> tuple[str, str]:
        assert (sent["grant_type"], "biz_content" in sent) == ("authorization_code", False)
        shop = next((each for each in self.shops if each.app_auth_token == sent.get("app_auth_token")), self.shops[0])
        if sent["code"] in self.used or not sent["code"].startswith(f"good-{shop.app_id}"):
            refused = {
                "code": "40002",
                "msg": "Invalid Arguments",
                "sub_code": "isv.code-invalid",
                "sub_msg": "授权码code无效",
            }
            return "error_response", json.dumps(refused, ensure_ascii=False)
        self.used.add(sent["code"])
        found = {
            "access_token": "authusrB",
            "refresh_token": "authusrC",
            "expires_in": 1296000,
            "open_id": "open-" + shop.app_id,
        }
        return node_name, self.raw(json.dumps(found))
