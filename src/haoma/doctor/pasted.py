"""A key or certificate: what it is, and where it belongs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto import keys
from haoma.crypto.keys import KeyProblem
from haoma.doctor.captured import Captured, Looked
from haoma.doctor.diagnosis import Diagnosis, fault, note
from haoma.errors import HaomaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_PEM: Final = "-----BEGIN"
_BARE: Final = re.compile(r"MI[IGCH][A-Za-z0-9+/=\s]{60,}")
_AES: Final = re.compile(r"[A-Za-z0-9+/]{22}==")


def look(captured: Captured) -> Looked | None:
    """Look at a key; None if it is none."""
    text = captured.text.strip()
    if _AES.fullmatch(text):
        return Looked("key", [note("doctor.key-recognised", "", kind="AES key", setting="aes_key")])
    if not (text.startswith(_PEM) or _BARE.fullmatch(text)):
        return None
    return Looked("key", list(_key(captured, text)))


def _key(captured: Captured, text: str) -> Iterator[Diagnosis]:
    own = {app.name: key.public_key() for app in captured.apps() for key in _private_keys(app)}
    trusted = {app.name: key for app in captured.apps("alipay") for key in getattr(app, "public_keys", ())}
    if (private := _parsed(keys.parse_private_key, text)) is not None:
        yield note(
            "doctor.key-recognised",
            "",
            kind="private key",
            setting="app_private_key",
            **_whose(private.public_key(), own),
        )
        return
    public, kind, setting = _parsed(keys.parse_public_key, text), "public key", "alipay_public_key"
    more: dict[str, Any] = {}
    if certificates := _parsed(keys.parse_certificates, text):
        found = keys.leaf(certificates)
        kind, setting = "certificate", "alipay_cert | app_cert"
        more = {"until": found.not_valid_after_utc.date().isoformat(), "sn": keys.serial_name(found)}
        public = _parsed(keys.certificate_key, found)
    if public is None:
        yield Diagnosis("config.key-unreadable", fault("").severity)
    elif ours := _whose(public, own):
        yield fault("doctor.app-public-key", "", kind=kind, **ours, **more)
    else:
        yield note("doctor.key-recognised", "", kind=kind, setting=setting, **_whose(public, trusted), **more)


def _private_keys(app: Any) -> list[Any]:
    return [key for key in (getattr(app, "private_key", None), *getattr(app, "private_keys", ())) if key is not None]


def _parsed(parse: Any, pasted: Any) -> Any:
    try:
        return parse(pasted)
    except (KeyProblem, HaomaError):
        return None


def _whose(key: RSAPublicKey, known: dict[str, RSAPublicKey]) -> dict[str, Any]:
    names = [name for name, each in known.items() if keys.same_key(key, each)]
    return {"of": ", ".join(names)} if names else {}
