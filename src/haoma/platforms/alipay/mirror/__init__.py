r"""The simulated Alipay: the phone that shows the button, and the gateway.

It shares no code with ``read``, ``verify``, ``open`` and ``login``, not even for certificate serial names, so that only
a mistake made twice goes unnoticed. It keeps Alipay's quirks: HTTP 200 and ``text/html`` for every reply,
``error_response`` instead of the method's node, a success without ``code``, ``\/`` inside signed text, numbers that are
sometimes text. The README of this folder lists the sources.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from haoma.crypto.forging import forge_cbc, forge_signature
from haoma.platforms.base.mirroring import (
    ANYBODY,
    Answer,
    Button,
    Call,
    Fate,
    Mirror,
    Person,
    Push,
    RandomBytes,
    Scene,
    Tap,
    Visit,
    drawn,
    replies,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PATH: Final = "/gateway.do"
_LOGIN: Final = "alipay.system.oauth.token"
_DOWNLOAD: Final = "alipay.open.app.alipaycert.download"
_KEY_GET, _KEY_SET = "alipay.open.auth.app.aes.get", "alipay.open.auth.app.aes.set"
_METHODS: Final = frozenset({_LOGIN, _DOWNLOAD, _KEY_GET, _KEY_SET})
_BEIJING: Final = timezone(timedelta(hours=8))
_CLOCK_SKEW: Final = 900.0  # seconds; Alipay does not publish its limit, but eight hours exceed it
_CODE_LIVES: Final = 86400.0
_CODES_KEPT: Final = 10_000
_ZERO_IV: Final = bytes(16)
_STARTS, _ENDS = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)

ALIPAY, CERT, OTHER = "alipay", "alipay-cert", "alipay-other"
ISV, MERCHANT, MERCHANT_2 = "alipay-isv", "alipay-merchant", "alipay-merchant-2"
_APP_IDS: Final = {
    ALIPAY: "2021000000000001", CERT: "2021000000000002", OTHER: "2021000000000003",
    MERCHANT: "2021000000000004", MERCHANT_2: "2021000000000005",
}  # fmt: skip
_ISV_APP_ID: Final = "2021000000000099"
_MERCHANTS: Final = (MERCHANT, MERCHANT_2)

_OVERSEAS: Final = "852-51234567"
_REFUSED: Final = {
    "40001-missing-encrypt-key": ("40001", "Missing Required Arguments", "isv.missing-encrypt-key"),
    "40001-missing-default-signature-type": (
        "40001", "Missing Required Arguments", "isv.missing-default-signature-type",
    ),
    "40002": ("40002", "Invalid Arguments", "isv.invalid-encrypt"),
    "40003": ("40003", "Insufficient Conditions", "isv.invalid-auth-relations"),
    "40006": (
        "40006", "Insufficient Permissions", "isv.insufficient-isv-permissions",
    ),
    "20000": ("20000", "Service Currently Unavailable", "aop.unknow-error"),
    "isv-id-missing": ("40001", "Missing Required Arguments", "isv.missing-encrypt-key"),
    "40001-unlisted": ("40001", "Missing Required Arguments", "isv.missing-something-new"),
    "40002-unlisted": ("40002", "Invalid Arguments", "isv.invalid-something-new"),
    "40003-unlisted": ("40003", "Insufficient Conditions", "isv.not-in-any-list"),
    "40006-unlisted": ("40006", "Insufficient Permissions", "isv.not-in-any-list"),
    "unknown-code": ("49999", "Something New", "isv.not-in-any-list"),
}  # fmt: skip
_CLEAR: Final = frozenset(
    {"40001-missing-encrypt-key", "40001-missing-default-signature-type", "40002", "isv-id-missing", "40001-unlisted"}
)
_TOKEN, _MISSING, _INVALID = "Insufficient Token Permissions", "Missing Required Arguments", "Invalid Arguments"
_REFUSED_AT_LOGIN: Final = {
    "login-busy": ("20000", "Service Currently Unavailable", "isp.unknow-error"),
    "login-token-invalid": ("20001", _TOKEN, "aop.invalid-auth-token"),
    "login-token-time-out": ("20001", _TOKEN, "aop.auth-token-time-out"),
    "login-token-unlisted": ("20001", _TOKEN, "aop.not-in-any-list"),
    "isv-grant-withdrawn": ("20001", _TOKEN, "aop.invalid-app-auth-token"),
    "isv-grant-time-out": ("20001", _TOKEN, "aop.app-auth-token-time-out"),
    "isv-grant-without-login": ("20001", _TOKEN, "aop.invalid-app-auth-token-no-api"),
    "login-no-public-key-40001": ("40001", _MISSING, "isv.missing-signature-key"),
    "login-no-public-key": ("40002", _INVALID, "isv.missing-signature-key"),
    "login-argument-missing": ("40001", _MISSING, "isv.missing-app-cert-sn"),
    "login-argument-invalid": ("40002", _INVALID, "isv.not-in-any-list"),
    "login-refresh-token": ("40002", _INVALID, "isv.refresh-token-invalid"),
    "login-wrong-key": ("40002", _INVALID, "isv.invalid-signature"),
    "login-clock": ("40002", _INVALID, "isv.invalid-timestamp"),
}
_ROTATED: Final = frozenset({"cert-rotated", "cert-rotated-untrusted", "cert-rotated-to-another-company"})

SCENES: Final = (
    Scene("ok", "ok", ALIPAY),
    Scene("without-login", "ok", ALIPAY),
    Scene("overseas", "ok", ALIPAY),
    Scene("plus-became-space", "ok", ALIPAY),
    Scene("cert-ok", "ok", CERT),
    Scene("no-phone-bound", "platform.no-phone-bound", ALIPAY),
    Scene("denied", "envelope.user-declined", ALIPAY),
    Scene("no-sign", "trust.signature-missing", ALIPAY),
    Scene("40001-missing-encrypt-key", "platform.encryption-not-configured", ALIPAY),
    Scene("40001-missing-default-signature-type", "platform.signing-not-configured", ALIPAY),
    Scene("40002", "platform.encryption-not-configured", ALIPAY),
    Scene("40003", "platform.user-not-authorized", ALIPAY),
    Scene("40006", "platform.permission-missing", ALIPAY),
    Scene("20000", "platform.busy", ALIPAY),
    Scene("40001-unlisted", "platform.request-rejected", ALIPAY),
    Scene("40002-unlisted", "platform.request-rejected", ALIPAY),
    Scene("40003-unlisted", "platform.user-not-authorized", ALIPAY),
    Scene("40006-unlisted", "platform.permission-missing", ALIPAY),
    Scene("unknown-code", "platform.refused", ALIPAY),
    Scene("tampered", "trust.signature-mismatch", ALIPAY),
    Scene("signed-by-another-key", "trust.signature-mismatch", ALIPAY),
    Scene("wrong-aes-key", "trust.cannot-open", ALIPAY),
    Scene("other-apps-envelope", "trust.cannot-open", ALIPAY),
    Scene("clear-text-success", "trust.clear-text-success", ALIPAY),
    Scene("used-login-code", "platform.login-code-rejected", ALIPAY),
    Scene("expired-login-code", "platform.login-code-rejected", ALIPAY),
    Scene("other-apps-login-code", "platform.app-mismatch", ALIPAY),
    Scene("login-busy", "platform.busy", ALIPAY),
    Scene("login-token-invalid", "platform.token-rejected", ALIPAY),
    Scene("login-token-time-out", "platform.token-rejected", ALIPAY),
    Scene("login-token-unlisted", "platform.token-rejected", ALIPAY),
    Scene("login-no-public-key-40001", "platform.signing-not-configured", ALIPAY),
    Scene("login-no-public-key", "platform.signing-not-configured", ALIPAY),
    Scene("login-argument-missing", "platform.request-rejected", ALIPAY),
    Scene("login-argument-invalid", "platform.request-rejected", ALIPAY),
    Scene("login-refresh-token", "platform.login-code-rejected", ALIPAY),
    Scene("login-wrong-key", "platform.credentials-rejected", ALIPAY),
    Scene("login-clock", "platform.request-rejected", ALIPAY),
    Scene("login-unsigned", "trust.reply-unsigned", ALIPAY),
    Scene("login-forged", "trust.reply-signature-mismatch", ALIPAY),
    Scene("login-reset", "outside.outcome-unknown", ALIPAY),
    Scene("cert-rotated", "ok", CERT),
    Scene("cert-rotated-untrusted", "trust.certificate-not-trusted", CERT),
    Scene("cert-rotated-to-another-company", "trust.certificate-not-trusted", CERT),
    Scene("isv-ok", "ok", MERCHANT),
    Scene("isv-login", "ok", MERCHANT),
    Scene("isv-other-merchants-envelope", "trust.cannot-open", MERCHANT),
    Scene("isv-other-merchants-login-code", "platform.app-mismatch", MERCHANT),
    Scene("isv-grant-withdrawn", "platform.credentials-rejected", MERCHANT),
    Scene("isv-grant-time-out", "platform.credentials-rejected", MERCHANT),
    Scene("isv-grant-without-login", "platform.permission-missing", MERCHANT),
    Scene("isv-id-missing", "platform.encryption-not-configured", MERCHANT),
)
_WITHOUT_LOGIN: Final = frozenset({"without-login", "isv-ok"})


@dataclass(slots=True)
class _Issued:
    """A login code that the phone has received."""

    app: str
    scene: str
    user: str = field(repr=False)
    expires: float
    used: bool = False


class AlipayMirror(Mirror):
    """The simulated Alipay, with five mini programs.

    One uses public keys, one uses certificates, one belongs to another company, and two belong to merchants of a
    third-party application. RSA keys are generated by ``cryptography`` on first use.

    Args:
        random_bytes: Source of AES keys, numbers and codes.
    """

    name = "alipay"
    scenes: tuple[Scene, ...] = SCENES
    demo: tuple[str, ...] = (
        "ok",
        "without-login",
        "overseas",
        "cert-ok",
        "no-phone-bound",
        "denied",
        "no-sign",
        "40001-missing-encrypt-key",
        "40006",
        "tampered",
        "signed-by-another-key",
        "wrong-aes-key",
        "used-login-code",
    )
    counted = ""
    button = Button("my.getAuthCode", "getAuthorize", "phoneNumber")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._aes = {app: random_bytes(16) for app in _APP_IDS}
        self._stale_aes = random_bytes(16)
        self._isv_aes = random_bytes(16)
        self._grants = {app: "202101BB" + random_bytes(16).hex() for app in _MERCHANTS}
        self._issued: dict[str, _Issued] = {}

    # --- keys

    @cached_property
    def alipay_key(self) -> rsa.RSAPrivateKey:
        """Alipay's signing key."""
        return _new_key()

    @cached_property
    def app_key(self) -> rsa.RSAPrivateKey:
        """The key with which the mini programs sign their requests."""
        return _new_key()

    @cached_property
    def another_key(self) -> rsa.RSAPrivateKey:
        """A key that no one trusts."""
        return _new_key()

    @cached_property
    def next_key(self) -> rsa.RSAPrivateKey:
        """Alipay's signing key after a change of its certificate."""
        return _new_key()

    @cached_property
    def _certificates(self) -> _Certificates:
        return _Certificates(self.alipay_key, self.app_key)

    @cached_property
    def _successors(self) -> dict[str, tuple[str, str]]:
        return self._certificates.successors(self.next_key, self.another_key)

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables for this mirror, served at ``base_url``."""
        spki = self.alipay_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pkcs8 = self.app_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        by_key = {"alipay_public_key": _base64(spki)}
        by_cert = {
            "alipay_cert": self._certificates.alipay_file,
            "app_cert": self._certificates.app_file,
            "alipay_root_cert": self._certificates.root_file,
        }
        return {
            app: {
                "platform": "alipay",
                "app_id": app_id,
                **(by_cert if app == CERT else by_key),
                "aes_key": _base64(self._aes[app]),
                "app_private_key": _base64(pkcs8),
                "gateway_url": base_url + _PATH,
                **(self._isv_settings(app) if app in _MERCHANTS else {}),
            }
            for app, app_id in _APP_IDS.items()
        }

    def _isv_settings(self, app: str) -> dict[str, str]:
        return {
            "isv_app_id": _ISV_APP_ID,
            "app_auth_token": self._grants[app],
            "isv_aes_key": _base64(self._isv_aes),
        }

    # --- the phone

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device: ``my.getAuthCode``.

        Raises:
            KeyError: The scene does not exist.
        """
        played = {each.name: each for each in SCENES}[scene]
        return Visit(played, person, self._issue(played, now, person))

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the button, and ``my.getPhoneNumber`` if the user agrees."""
        del now  # the envelope has no time
        scene, person, app, expect = visit.scene.name, visit.person, visit.scene.app, visit.scene.expect
        login_code = "" if scene in _WITHOUT_LOGIN else visit.login_code
        if not allow or scene == "denied":
            event: dict[str, Any] = {"type": "error", "detail": {"errorMessage": replies("alipay")["user-cancelled"]}}
            return Tap(scene, app, event, login_code, _body(login_code, event), "envelope.user-declined", failed=True)
        mobile = {"overseas": _OVERSEAS, "no-phone-bound": ""}.get(scene, person.mobile("1381111", self._random))
        event = {"response": self.envelope(scene, mobile, app=app), "ariverRpcTraceId": "21" + self._random(15).hex()}
        sent = event["response"].replace("+", " ") if scene == "plus-became-space" else event["response"]
        number = ("+" + mobile.replace("-", "") if "-" in mobile else "+86" + mobile) if expect == "ok" else ""
        body = _body(login_code, {"response": sent})
        return Tap(scene, app, event, login_code, body, expect, number, failed=scene in _CLEAR)

    def envelope(self, scene: str, mobile: str = "13811112222", *, app: str = ALIPAY) -> str:
        """Return ``res.response`` of ``my.getPhoneNumber``: a string that contains JSON."""
        if scene in _CLEAR:
            body = _escaped(_refused(*_REFUSED[scene]))
            return body if scene == "40001-missing-default-signature-type" else f'{{"response":{body}}}'
        refused = _REFUSED.get(scene)
        plain = _escaped(_refused(*refused) if refused else {"code": "10000", "msg": "Success", "mobile": mobile})
        if scene == "clear-text-success":
            return f'{{"response":{plain}}}'
        aes_key = {
            "wrong-aes-key": self._stale_aes,
            "other-apps-envelope": self._aes[OTHER],
            "isv-other-merchants-envelope": self._aes[MERCHANT_2],
        }.get(scene, self._aes[app])
        sealed = forge_cbc(aes_key, _ZERO_IV, plain.encode("utf-8"))
        if scene == "no-sign":
            return json.dumps({"response": sealed})
        signer = self.another_key if scene == "signed-by-another-key" else self.alipay_key
        sign = forge_signature(signer, f'"{sealed}"')
        if scene == "tampered":
            sealed = ("B" if sealed[30] == "A" else "A").join((sealed[:30], sealed[31:]))
        return json.dumps({"response": sealed, "sign": sign}, separators=(",", ":"))

    def _issue(self, scene: Scene, now: float, person: Person) -> str:
        code = self._random(16).hex()
        others = {"other-apps-login-code": OTHER, "isv-other-merchants-login-code": MERCHANT_2}
        app = others.get(scene.name, scene.app)
        expires = now - 1 if scene.name == "expired-login-code" else now + _CODE_LIVES
        used = scene.name == "used-login-code"
        self._issued[code] = _Issued(app, scene.name, drawn(person.user, self._random)(8).hex(), expires, used)
        if len(self._issued) > _CODES_KEPT:
            del self._issued[next(iter(self._issued))]
        return code

    def _below(self, limit: int) -> int:
        return int.from_bytes(self._random(8)) % limit

    # --- the messages

    def withdraw(self, app: str, user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Return the message about a user who cancels the authorization. Alipay has none about a closed account."""
        if account:
            return ()
        ids = {"openid": "open_id", "unionid": "union_id", "user_id": "user_id"}
        content = {
            "cancel_time": int(now * 1000),
            **{ids[kind]: value for kind, value in user.items()},
            "app_id": _APP_IDS[app],
        }
        return (self.message(app, content, now),)

    def message(
        self,
        app: str,
        content: object,
        now: float,
        *,
        sealed: bool = False,
        signs_type: bool = False,
        key: rsa.RSAPrivateKey | None = None,
        **changed: str,
    ) -> Push:
        """Return a message to an application's gateway.

        Args:
            app: The app.
            content: What ``biz_content`` holds, as JSON or as text.
            now: Unix seconds.
            sealed: Whether it is encrypted with the app's content key.
            signs_type: Whether ``sign_type`` is part of the signed text.
            key: The key that signs, if it is not Alipay's.
            changed: Other values of fields.
        """
        text = content if isinstance(content, str) else _escaped(content)
        fields = {
            "app_id": _ISV_APP_ID if app in _MERCHANTS else _APP_IDS[app],
            "biz_content": forge_cbc(self._aes[app], _ZERO_IV, text.encode()) if sealed else text,
            "charset": "UTF-8",
            **({"encrypt_type": "AES"} if sealed else {}),
            "msg_method": "alipay.open.auth.userauth.cancelled",
            "notify_id": f"{datetime.fromtimestamp(now, _BEIJING):%Y%m%d}{self._below(10**26):026d}",
            "sign_type": "RSA2",
            "utc_timestamp": str(int(now * 1000)),
            "version": "1.1",
            **changed,
        }
        signed = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if signs_type or name != "sign_type")
        whole = {**fields, "sign": forge_signature(key or self.alipay_key, signed)}
        return Push(app, f"/v1/apps/{app}/callback", {}, urlencode(whole).encode("ascii"))

    # --- the gateway

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if the platform has no such path."""
        if call.path != _PATH:
            return None
        try:
            form = dict(parse_qsl(call.body.decode("utf-8"), keep_blank_values=True))
        except UnicodeDecodeError:
            form = {}
        parameters = {**call.query, **form}
        app = self._caller(parameters)
        refused = self._refuse_request(app, parameters, now)
        if refused:
            return self._reply(app, "error_response", refused)
        method = parameters["method"]
        if method == _DOWNLOAD:
            return self._download(parameters["biz_content"])
        if method in (_KEY_GET, _KEY_SET):
            return self._tell_key(parameters)
        return self._exchange(app, parameters, now)

    def _caller(self, parameters: dict[str, str]) -> str:
        """Return the mini program that the call is for. Without a grant, a third-party application calls for itself."""
        app_id = parameters.get("app_id")
        if app_id == _ISV_APP_ID:
            return next((app for app, grant in self._grants.items() if grant == parameters.get("app_auth_token")), ISV)
        return next((name for name, each in _APP_IDS.items() if each == app_id and name not in _MERCHANTS), "")

    def _refuse_request(self, app: str, parameters: dict[str, str], now: float) -> dict[str, str] | None:
        """Return the refusal of an invalid request. The checks are in the gateway's order."""
        needed = {"method": "method", "app_id": "app-id", "timestamp": "timestamp", "version": "version",
                  "sign_type": "signature-type", "sign": "signature"}  # fmt: skip
        if app == CERT:
            needed |= {"app_cert_sn": "app-cert-sn", "alipay_root_cert_sn": "alipay-root-cert-sn"}
        missing = next((sub for name, sub in needed.items() if not parameters.get(name)), "")
        if missing:
            return _gateway_error("40001", "Missing Required Arguments", f"isv.missing-{missing}")
        in_order: tuple[tuple[str, Callable[[], bool]], ...] = (
            ("isv.invalid-method", lambda: parameters["method"] in _METHODS),
            ("isv.invalid-app-id", lambda: bool(app)),
            ("isv.invalid-signature-type", lambda: parameters["sign_type"] == "RSA2"),
            ("isv.invalid-timestamp", lambda: _on_time(parameters["timestamp"], now)),
            (
                "isv.invalid-app-cert-sn",
                lambda: app != CERT or self._knows_certificates(parameters),
            ),
            ("isv.invalid-signature", lambda: self._is_signed(parameters)),
        )
        if parameters["method"] == _LOGIN:
            in_order += (
                ("isv.invalid-parameter", lambda: parameters.get("grant_type") == "authorization_code"),
                ("isv.code-invalid", lambda: bool(parameters.get("code"))),
            )
        else:
            in_order += (("isv.invalid-parameter", lambda: bool(parameters.get("biz_content"))),)
        for sub_code, holds in in_order:
            if not holds():
                return _gateway_error("40002", "Invalid Arguments", sub_code)
        return None

    def _knows_certificates(self, parameters: dict[str, str]) -> bool:
        sent = parameters["app_cert_sn"], parameters["alipay_root_cert_sn"]
        return sent == (self._certificates.app_sn, self._certificates.root_sn)

    def _is_signed(self, parameters: dict[str, str]) -> bool:
        named = sorted((name, value) for name, value in parameters.items() if value and name != "sign")
        signed = "&".join("=".join(pair) for pair in named).encode("utf-8")
        try:
            sign = base64.b64decode(parameters["sign"], validate=True)  # noqa: TID251 - not with the code under test
            self.app_key.public_key().verify(sign, signed, PKCS1v15(), SHA256())
        except (ValueError, InvalidSignature):
            return False
        return True

    def _download(self, biz_content: str) -> Answer:
        """Return a certificate, unsigned as the gateway's replies are."""
        by_sn = dict(self._successors.values())
        content = next((file for sn, file in by_sn.items() if biz_content == f'{{"alipay_cert_sn":"{sn}"}}'), "")
        node = {"code": "10000", "msg": "Success", "alipay_cert_content": _base64(content.encode("ascii"))}
        name = _DOWNLOAD.replace(".", "_") + "_response"
        return Answer(headers={"content-type": "text/html;charset=utf-8"}, body=_escaped({name: node}).encode())

    def _tell_key(self, parameters: dict[str, str]) -> Answer:
        """Return a merchant's content key, or make a new one. Request and reply are sealed for the application."""
        cipher = Cipher(algorithms.AES(self._isv_aes), modes.CBC(_ZERO_IV)).decryptor()
        try:
            sealed = base64.b64decode(parameters["biz_content"], validate=True)  # noqa: TID251
            padded = cipher.update(sealed) + cipher.finalize()
        except ValueError:
            padded = b"\0"
        asked = padded[: -padded[-1]].decode("utf-8", "replace")
        app = next((each for each in _MERCHANTS if asked == f'{{"merchant_app_id":"{_APP_IDS[each]}"}}'), "")
        if not app:
            refused = _gateway_error("40002", "Invalid Arguments", "isv.invalid-encrypt")
            return self._reply(ISV, "error_response", refused)
        if parameters["method"] == _KEY_SET:
            self._aes[app] = self._random(16)
        node = {"code": "10000", "msg": "Success", "aes_key": _base64(self._aes[app])}
        name = parameters["method"].replace(".", "_") + "_response"
        return self._reply(ISV, name, forge_cbc(self._isv_aes, _ZERO_IV, _escaped(node).encode("utf-8")))

    def _exchange(self, app: str, parameters: dict[str, str], now: float) -> Answer:
        issued = self._issued.get(parameters["code"])
        if issued is None or issued.used or issued.expires < now:
            refused = _gateway_error("40002", "Invalid Arguments", "isv.code-invalid")
            return self._reply(app, "error_response", refused)
        trouble = "isv-grant-withdrawn" if app == ISV else issued.scene
        if trouble in _REFUSED_AT_LOGIN and app in (ISV, issued.app):
            return self._reply(app, "error_response", _gateway_error(*_REFUSED_AT_LOGIN[trouble]))
        if issued.app != app:
            refused = _gateway_error("40002", "Invalid Arguments", "isv.invalid-app-id")
            return self._reply(app, "error_response", refused)
        issued.used = True
        if issued.scene == "login-reset":
            return Answer(fate=Fate.RESET)
        granted: dict[str, object] = {
            "access_token": "authusrB" + self._random(16).hex(),
            "auth_start": datetime.fromtimestamp(now, _BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
            "expires_in": "1296000" if app == CERT else 1296000,
            "re_expires_in": 2592000,
            "refresh_token": "authusrB" + self._random(16).hex(),
        }
        # New apps get only open_id and union_id, apps in transition get both, old apps get only user_id.
        if app != OTHER:
            granted |= {"open_id": f"0{issued.user}-{_APP_IDS[app][-1]}", "union_id": f"u{issued.user}"}
        if app != ALIPAY:
            granted["user_id"] = f"2088{int(issued.user, 16) % 10**12:012d}"
        return self._reply(app, _LOGIN.replace(".", "_") + "_response", granted, scene=issued.scene)

    def _reply(self, app: str, name: str, node: dict[str, object] | dict[str, str] | str, *, scene: str = "") -> Answer:
        # A sealed node is signed like an envelope: in quotes, with its slashes unescaped.
        text = f'"{node}"' if isinstance(node, str) else _escaped(node)
        key = self.another_key if scene == "login-forged" else self.next_key if scene in _ROTATED else self.alipay_key
        parts = [f'"{name}":{text}']
        if app == CERT:
            sn = self._successors[scene][0] if scene in _ROTATED else self._certificates.alipay_sn
            parts.append(f'"alipay_cert_sn":"{sn}"')
        if scene != "login-unsigned":
            parts.append(f'"sign":"{forge_signature(key, text)}"')
        return Answer(headers={"content-type": "text/html;charset=utf-8"}, body=f"{{{','.join(parts)}}}".encode())


MIRROR: Final = AlipayMirror


class _Certificates:
    """A root, an intermediate and two leaves, in the layout of the files that Alipay's console offers."""

    def __init__(self, alipay_key: rsa.RSAPrivateKey, app_key: rsa.RSAPrivateKey) -> None:
        authority = _new_key()
        elder = ec.generate_private_key(ec.SECP256R1())
        root_name, class_2, class_1 = "Simulated Root CA", "Simulated Class 2 CA", "Simulated Class 1 CA"
        root = _certify(root_name, 11, authority.public_key(), root_name, authority)
        # Alipay's bundle starts with an SM2 root, which is left out of the root's serial name.
        elder_root = _certify("Simulated EC Root CA", 12, elder.public_key(), "Simulated EC Root CA", elder)
        middle = _certify(class_2, 21, authority.public_key(), root_name, authority)
        alipay = _certify("Simulated Alipay", 1001, alipay_key.public_key(), class_2, authority)
        app = _certify("Simulated Mini Program", 1002, app_key.public_key(), class_1, authority)
        self.alipay_file = _pem(alipay) + _pem(middle)
        self.app_file = _pem(app)
        self.root_file = _pem(elder_root) + _pem(root)
        self.alipay_sn = _serial_name(class_2, 1001)
        self.app_sn = _serial_name(class_1, 1002)
        self.root_sn = _serial_name(root_name, 11)
        self._authority, self._middle = authority, _pem(middle)

    def successors(self, key: rsa.RSAPrivateKey, stranger: rsa.RSAPrivateKey) -> dict[str, tuple[str, str]]:
        """Return, for each rotation scene, serial name and file of the certificate that replaces Alipay's."""
        class_2, public = "Simulated Class 2 CA", key.public_key()
        good = _certify("Simulated Alipay", 1003, public, class_2, self._authority)
        forged = _certify("Simulated Alipay", 1004, public, class_2, stranger)
        another = _certify("Simulated Other Company", 1005, public, class_2, self._authority)
        return {
            "cert-rotated": (_serial_name(class_2, 1003), _pem(good) + self._middle),
            "cert-rotated-untrusted": (_serial_name(class_2, 1004), _pem(forged) + self._middle),
            "cert-rotated-to-another-company": (_serial_name(class_2, 1005), _pem(another) + self._middle),
        }


def _certify(
    subject: str,
    serial: int,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(_distinguished(subject))
        .issuer_name(_distinguished(issuer))
        .serial_number(serial)
        .public_key(key)
        .not_valid_before(_STARTS)
        .not_valid_after(_ENDS)
        .add_extension(x509.BasicConstraints(ca=serial < 1000, path_length=None), critical=True)
        .sign(issuer_key, SHA256())
    )


def _distinguished(common_name: str) -> x509.Name:
    oid = x509.NameOID
    parts = ((oid.COUNTRY_NAME, "CN"), (oid.ORGANIZATION_NAME, "haoma"), (oid.ORGANIZATIONAL_UNIT_NAME, "Simulator"),
             (oid.COMMON_NAME, common_name))  # fmt: skip
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def _serial_name(issuer: str, serial: int) -> str:
    named = f"CN={issuer},OU=Simulator,O=haoma,C=CN{serial}"
    return hashlib.md5(named.encode("ascii"), usedforsecurity=False).hexdigest()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _escaped(node: object) -> str:
    r"""Return JSON as Alipay's servers write it: Chinese unescaped, ``/`` as ``\/``."""
    return json.dumps(node, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")


def _body(login_code: str, authorization: dict[str, Any]) -> dict[str, Any]:
    return {**({"login_code": login_code} if login_code else {}), "authorization": authorization}


def _refused(code: str, msg: str, sub_code: str) -> dict[str, str]:
    return {"code": code, "msg": msg, "subCode": sub_code, "subMsg": _says(code, sub_code)}


def _gateway_error(code: str, msg: str, sub_code: str) -> dict[str, str]:
    return {"msg": msg, "code": code, "sub_msg": _says(code, sub_code), "sub_code": sub_code}


def _says(code: str, sub_code: str) -> str:
    says = replies("alipay")
    return next(says[name] for name in (f"{code}/{sub_code}", sub_code, "isv.missing") if name in says)


def _on_time(timestamp: str, now: float) -> bool:
    try:
        sent = datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_BEIJING)
    except ValueError:
        return False
    return abs(sent.timestamp() - now) <= _CLOCK_SKEW
