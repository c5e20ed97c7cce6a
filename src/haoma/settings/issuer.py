"""The tables ``[issuer]`` and ``[audiences.NAME]``: to whom the service issues ID tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from haoma.id_tokens import Audience, Issuer
from haoma.jws import EDDSA, LEAST_RSA_BITS, RS256
from haoma.platforms.base.setting import Kind, Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.jws import PrivateKey
    from haoma.platforms.base.table import Table

ISSUER: Final = (
    Setting("url", Kind.ADDRESS, required=True),
    Setting("keys", Kind.TEXTS, required=True, secret=True, key=True),
    Setting("subject_key", required=True, secret=True),
)
AUDIENCE: Final = (
    Setting("aud"),
    Setting("phone", Kind.WORD, default="masked", choices=("none", "masked", "full")),
    Setting("sub", Kind.WORD, default="pairwise", choices=("pairwise", "public")),
    Setting("alg", Kind.WORD, default=RS256, choices=(RS256, EDDSA)),
    Setting("claims", Kind.WORD, default="oidc", choices=("oidc", "logto")),
    Setting("apps", Kind.LIST),
    Setting("tenant", default="default"),
)
_LEAST_SUBJECT_KEY: Final = 32


def read_issuer(table: Table, audiences: Mapping[str, Table]) -> Issuer | None:
    """Read both tables; faults are left with them. Returns None if there are some."""
    url = table.text("url").rstrip("/")
    if url:
        table.url("url")
    keys = tuple(key for key in [_key(table, text) for text in table.texts("keys")] if key is not None)
    subject_key = table.secret("subject_key")
    if subject_key is not None and len(subject_key.reveal()) < _LEAST_SUBJECT_KEY:
        table.fault("config.wrong-type", "subject_key", needed=f"{_LEAST_SUBJECT_KEY} random characters or more")
    table.finish()
    read = {name: _audience(name, each) for name, each in audiences.items()}
    if table.broken or subject_key is None or any(each.broken for each in audiences.values()):
        return None
    issuer = Issuer(url, keys, subject_key, read)
    for name, audience in read.items():
        if issuer.key_for(audience.algorithm) is None:
            kind = "RSA" if audience.algorithm == RS256 else "Ed25519"
            audiences[name].fault("config.wrong-type", "alg", needed=f"{kind}: [issuer] keys")
            return None
    return issuer


def _audience(name: str, table: Table) -> Audience:
    found = Audience(
        name=name,
        aud=table.text("aud") or name,
        phone=table.choice("phone"),
        pairwise=table.choice("sub") == "pairwise",
        algorithm=table.choice("alg"),
        logto=table.choice("claims") == "logto",
        apps=tuple(table.texts("apps")),
        tenant=table.text("tenant"),
    )
    table.finish()
    return found


def _key(table: Table, text: str) -> PrivateKey | None:
    try:
        key = load_pem_private_key(text.encode("utf-8"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, Ed25519PrivateKey) or (isinstance(key, RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS):
        return key
    table.fault("config.key-unreadable", "keys", needed="RSA of 2048 bits or more, or Ed25519, PEM, without password")
    return None
