"""The platform's side of the cryptography, for mirrors and tests: seals what ``opening`` opens.

Production code never imports this module (an import contract keeps it so). It does not use the code that it is there
to test: it writes its own padding and takes its ciphers from ``cryptography`` directly.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def forge_cbc(key: bytes, iv: bytes, plain: bytes, block: int = 16) -> str:
    """Return base64 of AES-CBC over ``plain`` padded to whole blocks of ``block`` bytes (PKCS#7)."""
    missing = block - len(plain) % block
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
    return base64.b64encode(sealed).decode("ascii")


def forge_signature(key: RSAPrivateKey, message: str, *, sha1: bool = False) -> str:
    """Return base64 of the RSASSA-PKCS1-v1_5 signature of ``message``, SHA-256 unless ``sha1``."""
    digest = SHA1() if sha1 else SHA256()
    return base64.b64encode(key.sign(message.encode("utf-8"), PKCS1v15(), digest)).decode("ascii")
