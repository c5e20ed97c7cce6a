"""RSA decryption (RSAES-PKCS1-v1_5, RFC 8017, 7.2) of one block that holds a JSON object.

An attacker who can tell bad padding from good can decrypt anything under the key, and sign with it (Bleichenbacher,
1998). OpenSSL 3.2 and later return pseudo-random bytes for bad padding ("implicit rejection"), so there is no
difference to see. Older versions raise; the code then does the same work and raises the same error, `CannotOpen`.

Use this only for replies that a platform sent over our own TLS connection. Never use it for data from a client, which
must not be able to learn what decrypts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from haoma.crypto.strict import parse_json_object
from haoma.errors import CannotOpen, EnvelopeError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_PADDING: Final = PKCS1v15()


def decrypt_rsa(key: RSAPrivateKey, block: bytes) -> bytes:
    """Return the plaintext of a block, or meaningless bytes if it was not encrypted for this key.

    Raises:
        CannotOpen: ``trust.cannot-open``: not one block of the modulus's size, or OpenSSL reports bad padding.
    """
    if len(block) != (key.key_size + 7) // 8:
        raise CannotOpen(diagnosis="length")
    try:
        return key.decrypt(block, _PADDING)
    except ValueError:  # a number above the modulus, or before OpenSSL 3.2 any bad padding
        with suppress(EnvelopeError):
            parse_json_object(block)
        raise CannotOpen(diagnosis="padding") from None


def open_json_rsa(key: RSAPrivateKey, block: bytes) -> dict[str, Any]:
    """Return the JSON object in a block.

    Raises:
        CannotOpen: ``trust.cannot-open``, for any failure of decryption or parsing.
    """
    try:
        return parse_json_object(decrypt_rsa(key, block))
    except EnvelopeError:
        raise CannotOpen(diagnosis="text") from None
