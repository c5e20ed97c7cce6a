"""JSON Web Signatures: one spelling per token, and one algorithm per key.

A key decides the algorithm, never the token: an Ed25519 key verifies ``EdDSA``, an RSA key ``RS256``. So neither
``none`` nor a MAC with a public key as its secret (RFC 8725, 2.1) is ever tried.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError, TokenUnusable, wrong_argument

PublicKey: TypeAlias = Ed25519PublicKey | RSAPublicKey
PrivateKey: TypeAlias = Ed25519PrivateKey | RSAPrivateKey
Keys: TypeAlias = str | bytes | Mapping[str, Any]
"""A JWKS as text, as bytes or parsed; or its keys by their ids."""

LONGEST: Final = 8192
EDDSA: Final = "EdDSA"
RS256: Final = "RS256"
LEAST_RSA_BITS: Final = 2048
_PARTS: Final = 3


def claims(token: str, keys: Mapping[str, PublicKey]) -> dict[str, Any]:
    """Return what a token claims.

    1. It has three parts in canonical base64url (RFC 7515) and at most 8 KiB. So a token has one spelling, and a list
       of revoked or used ones holds.
    2. Its header names one of the keys, and that key's algorithm. It has no critical extensions.
    3. That key has signed it.

    Raises:
        TokenUnusable: ``caller.token-unusable``.
    """
    # 1
    parts = token.split(".") if token.isascii() else []
    if len(parts) != _PARTS or len(token) > LONGEST:
        raise TokenUnusable(diagnosis="not a token")
    try:
        header, payload, signature = map(from_base64url, parts)
        # 2
        head = parse_json_object(header)
        key = keys.get(str(head.get("kid")))
        if key is None or head.get("alg") != algorithm(key) or "crit" in head:
            raise TokenUnusable(diagnosis="another key")
        # 3
        signed = token.rpartition(".")[0].encode("ascii")
        if isinstance(key, RSAPublicKey):
            key.verify(signature, signed, PKCS1v15(), SHA256())
        else:
            key.verify(signature, signed)
        return parse_json_object(payload)
    except InvalidSignature:
        reason = "signature"
    except (EnvelopeError, ValueError):
        reason = "malformed"
    raise TokenUnusable(diagnosis=reason)


def algorithm(key: PublicKey | PrivateKey) -> str:
    """Return the one algorithm of a key."""
    return RS256 if isinstance(key, RSAPublicKey | RSAPrivateKey) else EDDSA


def jwk(key: PublicKey) -> dict[str, str]:
    """Return a public key as a JWK (RFC 7517). Its id is the thumbprint (RFC 7638)."""
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        members = {"e": _number(numbers.e), "kty": "RSA", "n": _number(numbers.n)}
    else:
        members = {"crv": "Ed25519", "kty": "OKP", "x": base64url(key.public_bytes_raw())}
    # Members in alphabetical order, without white space.
    text = ",".join(f'"{name}":"{value}"' for name, value in members.items())
    kid = base64url(hashlib.sha256(f"{{{text}}}".encode("ascii")).digest())
    return {**members, "kid": kid, "use": "sig", "alg": algorithm(key)}


def public_keys(keys: Keys) -> Mapping[str, PublicKey]:
    """Return the keys of a JWKS by their ids. Keys of other kinds are left out.

    Raises:
        WrongArgument: ``config.wrong-argument``: the keys are no JWKS.
    """
    try:
        found: Any = parse_json_object(keys) if isinstance(keys, str | bytes) else keys
        if not all(isinstance(key, Ed25519PublicKey | RSAPublicKey) for key in found.values()):
            read = ((key["kid"], _public_key(key)) for key in found["keys"])
            found = {kid: key for kid, key in read if key is not None}
    except (EnvelopeError, ValueError, LookupError, TypeError, AttributeError):
        found = None
    if not isinstance(found, Mapping):
        raise wrong_argument("keys", keys, "what /.well-known/jwks.json answers")
    return found


def _public_key(key: Mapping[str, Any]) -> PublicKey | None:
    if key.get("kty") == "OKP" and key.get("crv") == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(from_base64url(key["x"]))
    if key.get("kty") == "RSA":
        n, e = (int.from_bytes(from_base64url(key[name])) for name in ("n", "e"))
        if n.bit_length() >= LEAST_RSA_BITS:
            return RSAPublicNumbers(e, n).public_key()
    return None


def base64url(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Return the bytes of canonical base64url (RFC 7515): no padding, no unused bits.

    Raises:
        ValueError: The text is not canonical.
    """
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(raw) != text:
        raise ValueError("not base64url")
    return raw


def _number(value: int) -> str:
    return base64url(value.to_bytes((value.bit_length() + 7) // 8))
