"""Recognises a key, a certificate or another bare value, and says where it belongs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto import keys
from haoma.crypto.keys import KeyProblem
from haoma.crypto.strict import decode_base64
from haoma.doctor.platforms import all_symptoms, of_app
from haoma.errors import HaomaError
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, note
from haoma.platforms.base.symptoms import Captured, Looked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from haoma.platforms.base.contract import App

_NEAR: Final = re.compile(r"[^\r\n{]{0,100}(?:\r?\n[^\r\n{]{0,100}){0,2}-----BEGIN|ssh-(?:rsa|ed25519|dss) AAAA")
_HEAD: Final = re.compile(r"[^\w\r\n]{0,10}BEGIN ")
_BARE: Final = re.compile(r"(?:MI[IGCH]|LS0tLS1CRUdJTi)[A-Za-z0-9+/=\s]{60,}")
_AES: Final = re.compile(r"[A-Za-z0-9+/]{22}==")
_SETTING: Final = re.compile(r"(?:export\s+)?[\w.-]{2,40}\s*[:=]\s*(?=[\"']?(?:-----BEGIN|MI[IGCH]))")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{20,4000}={0,2}")

SECRETS: Final = {
    "secret": "AppSecret", "appsecret": "AppSecret", "clientsecret": "AppSecret", "sessionkey": "session_key",
    "accesstoken": "access_token", "refreshtoken": "refresh_token", "authorizerrefreshtoken": "refresh_token",
}  # fmt: skip
NAMED: Final = re.compile(
    r"(?i)(?<![a-z])(secret|app_?secret|client_?secret|session_?key|access_?token|(?:authorizer_)?refresh_?token)"
    r"[\\\"'\]]{0,8}\s*(?:=>?|:)\s*[\\\"']{0,8}(?:clt\.)?[A-Za-z0-9+/_=-]{16,}"
)
SESSION_KEY: Final = re.compile(
    r"(?i)session_?key[\\\"'\]]{0,4}\s*(?:=>?|[:=])\s*(?:string\(\d+\)\s*)?[\\\"']{0,4}"
    r"([A-Za-z0-9+/]{4,64}(?:={1,2}|(?:%3d){1,2})|[A-Za-z0-9+/]{32})(?![\w+/=%])"
)


def look(captured: Captured) -> Looked | None:
    """Diagnose a key; return None if the capture is not one."""
    text = captured.text.strip()
    if setting := _SETTING.match(text):
        text = text[setting.end() :]
    text = text.strip("\"';,").strip()
    if _AES.fullmatch(text):
        found = note("doctor.key-recognised", "", kind="AES key", setting="aes_key", or_else="session_key, iv")
        return Looked("key", [found])
    if not (_NEAR.match(text) or _BARE.fullmatch(text) or (_HEAD.match(text) and keys.damaged_line(text))):
        return None
    return Looked("key", list(_key(captured, text)))


def _key(captured: Captured, text: str) -> Iterator[Diagnosis]:
    own = {app.name: key.public_key() for app in captured.apps() for key in of_app(app).private_keys(app)}
    trusted = {app.name: key for app in captured.apps() for key in _platform_keys(app)}
    if (private := _parsed(keys.parse_private_key, text)) is not None:
        yield note(
            "doctor.key-recognised",
            "",
            kind="private key",
            setting="app_private_key",
            **_whose(private.public_key(), own),
        )
        return
    public, kind = _parsed(keys.parse_public_key, text), "public key"
    more: dict[str, Any] = {}
    if certificates := _parsed(keys.parse_certificates, text):
        found = keys.leaf(certificates)
        kind = "certificate"
        more = {"until": found.not_valid_after_utc.date().isoformat(), "sn": keys.serial_name(found)}
        public = _parsed(keys.certificate_key, found)
    if public is None:
        yield _unreadable(text)
    elif ours := _whose(public, own):
        yield fault("doctor.app-public-key", "", kind=kind, **ours, **more)
    else:
        yield note(
            "doctor.key-recognised", "", kind=kind, setting=_settings_of(kind), **_whose(public, trusted), **more
        )


def _unreadable(text: str) -> Diagnosis:
    try:
        (keys.parse_private_key if "PRIVATE" in text else keys.parse_public_key)(text)
    except KeyProblem as problem:
        return Diagnosis(problem.code, Severity.FAULT, because=problem.because)
    return fault("config.key-unreadable")


def look_at_a_value(text: str) -> Looked | None:
    """Diagnose a bare value without its name: a code, a token, a ciphertext; return None if it has no known shape."""
    text = text.strip("\"',; ")
    for _name, each in all_symptoms():
        if (looked := each.value(text)) is not None:
            return looked
    try:
        raw = decode_base64(text, "value") if _BASE64.fullmatch(text) else b""
    except HaomaError:
        return None
    if 16 < len(raw) <= 32:
        return Looked("key", [fault("config.aes-key-length", "", guess=True, bytes=len(raw), needed=16)])
    if len(raw) >= 48 and len(raw) % 16 == 0:
        return Looked("part", [fault("doctor.part-alone", "", guess=True, looks_like="ciphertext", bytes=len(raw))])
    return None


def _platform_keys(app: App) -> tuple[RSAPublicKey, ...]:
    declared = of_app(app)
    found = declared.platform_keys(app, ()) if declared.key_settings else None
    return found.keys if found is not None else ()


def _settings_of(kind: str) -> str:
    return " | ".join(each.key_settings[kind] for _name, each in all_symptoms() if kind in each.key_settings)


def _parsed(parse: Any, pasted: Any) -> Any:
    try:
        return parse(pasted)
    except (KeyProblem, HaomaError):
        return None


def _whose(key: RSAPublicKey, known: dict[str, RSAPublicKey]) -> dict[str, Any]:
    names = [name for name, each in known.items() if keys.same_key(key, each)]
    return {"of": ", ".join(names)} if names else {}
