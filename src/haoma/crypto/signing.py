"""RSA signatures (RFC 8017, 8): PKCS1-v1_5 and PSS. The caller chooses the hash, never the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_PADDING: Final = PKCS1v15()
_SHA256: Final = SHA256()
_PSS: Final = PSS(mgf=MGF1(_SHA256), salt_length=32)
_SHA1: Final = SHA1()  # noqa: S303 - Alipay's legacy RSA, only behind allow_sha1_signatures


def is_rsa2(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    """Return True if ``signature`` is ``key``'s RSA2 (SHA-256) signature of ``message``.

    It returns a boolean instead of raising, because key rotation tries one key after another. ``verify.py`` turns False
    into a refusal.
    """
    try:
        key.verify(signature, message, _PADDING, _SHA256)
    except InvalidSignature:
        return False
    return True


def is_rsa_sha1(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    """Return the same for Alipay's legacy ``RSA`` type. SHA-1 is broken, so the app must have opted in."""
    try:
        key.verify(signature, message, _PADDING, _SHA1)
    except InvalidSignature:
        return False
    return True


def sign_rsa2(key: RSAPrivateKey, message: bytes) -> bytes:
    """Return the RSA2 (SHA-256) signature of ``message``."""
    return key.sign(message, _PADDING, _SHA256)


def is_pss(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    """Return True if ``signature`` is ``key``'s PSS signature of ``message`` (SHA-256 throughout, 32 bytes of salt)."""
    try:
        key.verify(signature, message, _PSS, _SHA256)
    except InvalidSignature:
        return False
    return True


def sign_pss(key: RSAPrivateKey, message: bytes) -> bytes:
    """Return the PSS signature of ``message``. ``cryptography`` draws the salt."""
    return key.sign(message, _PSS, _SHA256)
