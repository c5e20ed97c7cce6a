"""RSA decryption, RSAES-PKCS1-v1_5 (RFC 8017, 7.2), of one block into a JSON object.

Whoever can tell a bad padding from a good one decrypts anything under the key, and signs with it (Bleichenbacher,
1998). OpenSSL 3.2 and later answer a bad padding with pseudo-random bytes ("implicit rejection"), so that there is
nothing to tell; an older one raises, and then the same work follows on the way to the same refusal, `CannotOpen`.

Use it on what a platform replied over our own TLS connection, never on what a client sent: a client must not be able to
ask what opens.
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
    """Return the plain text of a block, or bytes that mean nothing if it is not one of this key.

    Raises:
        CannotOpen: ``trust.cannot-open``: not one block of the size of the modulus, or OpenSSL can tell.
    """
    if len(block) != (key.key_size + 7) // 8:
        raise CannotOpen(diagnosis="length")
    try:
        return key.decrypt(block, _PADDING)
    except ValueError:  # a number above the modulus; before OpenSSL 3.2 also any bad padding
        with suppress(EnvelopeError):
            parse_json_object(block)
        raise CannotOpen(diagnosis="padding") from None


def open_json_rsa(key: RSAPrivateKey, block: bytes) -> dict[str, Any]:
    """Return the JSON object inside a block.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong between block and JSON.
    """
    try:
        return parse_json_object(decrypt_rsa(key, block))
    except EnvelopeError:
        raise CannotOpen(diagnosis="text") from None
