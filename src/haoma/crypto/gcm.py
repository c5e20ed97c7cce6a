"""AES-GCM with the tag separate from the ciphertext, as platforms send it."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from haoma.errors import CannotOpen

IV_BYTES: Final = 12
TAG_BYTES: Final = 16


def seal_gcm(key: bytes, iv: bytes, plain: bytes, beside: bytes) -> tuple[bytes, bytes]:
    """Return the ciphertext and the tag. Never use an IV twice with the same key.

    Args:
        key: 16, 24 or 32 bytes.
        iv: 12 bytes.
        plain: The plaintext.
        beside: Additional data: authenticated, not encrypted.
    """
    sealed = AESGCM(key).encrypt(iv, plain, beside)
    return sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]


def open_gcm(key: bytes, iv: bytes, sealed: bytes, tag: bytes, beside: bytes) -> bytes:
    """Return the plaintext.

    Raises:
        CannotOpen: ``trust.cannot-open``: the tag does not verify, or the IV or the tag has the wrong length.
    """
    if len(iv) != IV_BYTES or len(tag) != TAG_BYTES:
        raise CannotOpen(diagnosis="length")
    try:
        return AESGCM(key).decrypt(iv, sealed + tag, beside)
    except InvalidTag:
        raise CannotOpen(diagnosis="tag") from None
