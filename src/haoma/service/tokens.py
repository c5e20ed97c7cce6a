"""Session tokens, which a publishable key gets instead of the number.

A token is a JWT (EdDSA) that anybody can verify with the published keys. It contains the masked number and, in the
private claim ``sealed``, the whole result encrypted with AES-256-GCM under a key derived from the signing key. Any
worker can open it for a server key, so nothing has to be stored.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any, Final

import jwt
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from haoma.errors import TokenUnusable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECONDS: Final = 600
_ISSUER: Final = "haoma"
_ALGORITHM: Final = "EdDSA"
_LONGEST: Final = 8192
_NONCE: Final = 12
_CLAIMS: Final = ["iss", "aud", "iat", "exp", "jti", "sealed"]


class Tokens:
    """Issues session tokens and reveals their content.

    Args:
        key: The signing key. Tokens signed with another key cannot be revealed.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key()
        sealing_key = HKDF(SHA256(), 32, salt=None, info=b"haoma session token: sealed result, v1")
        self._cipher = AESGCM(sealing_key.derive(key.private_bytes_raw()))
        x = _base64url(self._public.public_bytes_raw())
        # RFC 7638: members in this order, without white space.
        thumbprint = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode("ascii")
        self._key_id = _base64url(hashlib.sha256(thumbprint).digest())
        public = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self._key_id, "use": "sig", "alg": _ALGORITHM}
        self.jwks: Final = msgspec.json.encode({"keys": [public]})

    def issue(self, app: str, whole: dict[str, object], masked: dict[str, Any], now: float) -> str:
        """Return a token for ``app`` that shows ``masked`` and contains ``whole`` encrypted."""
        token_id = secrets.token_urlsafe(16)
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._cipher.encrypt(nonce, msgspec.json.encode(whole), _bound_to(token_id, app))
        subject = masked.get("subject") or {}
        user = subject.get("openid") or subject.get("user_id")
        claims = {
            **{name: value for name, value in masked.items() if name != "subject"},
            **({"sub": user} if user else {}),
            "iss": _ISSUER,
            "aud": app,
            "iat": int(now),
            "exp": int(now) + SECONDS,
            "jti": token_id,
            "sealed": _base64url(nonce + sealed),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"kid": self._key_id})

    def reveal(self, app: str, token: str) -> dict[str, Any]:
        """Return the encrypted result in a token.

        Raises:
            TokenUnusable: ``caller.token-unusable``: not ours, not for this app, altered or expired.
        """
        if len(token) > _LONGEST:
            raise TokenUnusable(diagnosis="too long")
        try:
            # A token must have exactly one spelling; otherwise a revocation list could be bypassed.
            for part in token.split("."):
                _from_base64url(part)
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[_ALGORITHM],
                audience=app,
                issuer=_ISSUER,
                options={"require": _CLAIMS, "strict_aud": True},
            )
            sealed = _from_base64url(str(claims["sealed"]))
            whole = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound_to(str(claims["jti"]), app))
            return msgspec.json.decode(whole, type=dict[str, Any])
        except (jwt.InvalidTokenError, InvalidTag, ValueError) as error:
            reason = type(error).__name__  # the message may quote the token
        raise TokenUnusable(diagnosis=reason)


def _bound_to(token_id: str, app: str) -> bytes:
    return f"{token_id}|{app}".encode()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _from_base64url(text: str) -> bytes:
    """Return the bytes of canonical base64url (RFC 7515): no padding, no unused bits.

    Raises:
        ValueError: The text is not canonical.
    """
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64url(raw) != text:
        raise ValueError("not base64url")
    return raw
