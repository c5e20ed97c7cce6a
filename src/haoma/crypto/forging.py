"""The platform's side of the cryptography, for mirrors and tests: it seals what ``opening`` opens.

Production code never imports this module; an import contract enforces it. The module does not use the code that it
tests: it writes its own padding and uses the ciphers of ``cryptography`` directly.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey


def forge_cbc(key: bytes, iv: bytes, plain: bytes, block: int = 16) -> str:
    """Return ``plain`` encrypted with AES-CBC and PKCS#7 padding to ``block`` bytes, as base64."""
    missing = block - len(plain) % block
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
    return base64.b64encode(sealed).decode("ascii")


def forge_signature(key: RSAPrivateKey, message: str, *, sha1: bool = False) -> str:
    """Return the RSASSA-PKCS1-v1_5 signature of ``message`` as base64; SHA-256 unless ``sha1``."""
    digest = SHA1() if sha1 else SHA256()
    return base64.b64encode(key.sign(message.encode("utf-8"), PKCS1v15(), digest)).decode("ascii")


def forge_rsa(key: RSAPublicKey, plain: bytes, random_bytes: Callable[[int], bytes], *, kind: bytes = b"\x02") -> str:
    """Return one RSAES-PKCS1-v1_5 block as base64. A block type other than 2 must not open."""
    size = (key.key_size + 7) // 8
    missing = size - 3 - len(plain)
    if missing < 8:
        raise ValueError("too long for one block")
    filler = bytes(1 + byte % 255 for byte in random_bytes(missing))
    numbers = key.public_numbers()
    sealed = pow(int.from_bytes(b"\0" + kind + filler + b"\0" + plain), numbers.e, numbers.n)
    return base64.b64encode(sealed.to_bytes(size)).decode("ascii")
