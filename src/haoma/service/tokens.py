"""Session tokens, which a publishable key gets instead of the number.

A token is a JWT (EdDSA) that anybody can verify with the published keys (`haoma.tokens`). It contains the masked number
and, in the private claim ``sealed``, the whole result encrypted with AES-256-GCM under a key derived from the signing
key. Any worker can open it for a server key, so nothing has to be stored.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import jwt
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from haoma.errors import TokenUnusable
from haoma.jws import EDDSA, base64url, from_base64url, jwk
from haoma.tokens import ISSUER, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from haoma.id_tokens import Audience, Issuer
    from haoma.tokens import SessionToken

SECONDS: Final = 600
_NONCE: Final = 12


class _Key:
    """One signing key, and what is derived from it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self.private = key
        self.public = key.public_key()
        sealing_key = HKDF(SHA256(), 32, salt=None, info=b"haoma session token: sealed result, v1")
        self.cipher = AESGCM(sealing_key.derive(key.private_bytes_raw()))
        self.jwk = jwk(self.public)
        self.id = self.jwk["kid"]


class Tokens:
    """Issues session tokens and reveals their content.

    Args:
        keys: The signing keys. The first one signs; tokens of all of them are accepted.

    Attributes:
        jwks: The public keys, as JSON.
        published: The public keys as JWKs.
        keys: The public keys by their ids.
    """

    def __init__(self, keys: Sequence[Ed25519PrivateKey]) -> None:
        found = [_Key(key) for key in keys]
        self._first = found[0]
        self._by_id = {key.id: key for key in found}
        self.published: Final = [key.jwk for key in found]
        self.jwks: Final = msgspec.json.encode({"keys": self.published})
        self.keys: Final[dict[str, Ed25519PublicKey]] = {key.id: key.public for key in found}

    def issue(self, app: str, whole: dict[str, object], masked: dict[str, Any], now: float) -> str:
        """Return a token for ``app`` that shows ``masked`` and contains ``whole`` encrypted."""
        key = self._first
        token_id = secrets.token_urlsafe(16)
        nonce = secrets.token_bytes(_NONCE)
        sealed = key.cipher.encrypt(nonce, msgspec.json.encode(whole), _bound_to(token_id, app))
        subject = masked.get("subject") or {}
        user = masked.get("account") or subject.get("openid") or subject.get("user_id")
        claims = {
            **{name: value for name, value in masked.items() if name != "subject"},
            **({"sub": user} if user else {}),
            "iss": ISSUER,
            "aud": app,
            "iat": int(now),
            "exp": int(now) + SECONDS,
            "jti": token_id,
            "sealed": base64url(nonce + sealed),
        }
        return jwt.encode(claims, key.private, algorithm=EDDSA, headers={"kid": key.id})

    def read(self, token: str, app: str | None = None) -> SessionToken:
        """Return a token that is ours.

        Raises:
            TokenUnusable: ``caller.token-unusable``: not ours, not for this app, altered or expired.
        """
        return verify(token, self.keys, app=app)

    def sign_id(self, issuer: Issuer, audience: Audience, claims: dict[str, Any]) -> str:
        """Return an ID token with ``claims``, signed for its audience."""
        key = issuer.key_for(audience.algorithm)
        if key is None:
            raise LookupError(audience.algorithm)  # the settings have made sure of it
        return jwt.encode(claims, key, algorithm=audience.algorithm, headers={"kid": jwk(key.public_key())["kid"]})

    def reveal(self, app: str, token: str) -> dict[str, Any]:
        """Return the encrypted result in a token.

        Raises:
            TokenUnusable: ``caller.token-unusable``: not ours, not for this app, altered or expired.
        """
        session = self.read(token, app)
        key = self._by_id[jwt.get_unverified_header(token)["kid"]]
        try:
            sealed = from_base64url(str(session.claims.get("sealed")))
            whole = key.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound_to(session.id, app))
            return msgspec.json.decode(whole, type=dict[str, Any])
        except (InvalidTag, ValueError) as error:
            reason = type(error).__name__
        raise TokenUnusable(diagnosis=reason)


def _bound_to(token_id: str, app: str) -> bytes:
    return f"{token_id}|{app}".encode()
