"""Verifies the signature. Nothing is decrypted before that.

The steps; the code blocks and errors carry the same numbers:

1. The configuration, never the message, decides which keys and which hash count: RSA2, which is RSASSA-PKCS1-v1_5 with
   SHA-256. ``sign_type``, ``charset`` and ``encrypt_type`` in the envelope come from the client and are ignored.
2. There is a signature. A missing one has an error of its own, because a client can delete the field.
3. Ciphertext and signature are canonical base64, after the usual transport damage has been repaired.
4. The signature over ``"`` + ciphertext + ``"`` (the JSON string token with its quotes) verifies under one of the keys.

Pages: https://opendocs.alipay.com/common/02mriz, https://opendocs.alipay.com/common/02mse3 (read 2026-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.crypto.signing import is_rsa2, is_rsa_sha1
from haoma.crypto.strict import read_base64
from haoma.errors import SignatureMismatch, SignatureMissing
from haoma.platforms.base.contract import Redacted

if TYPE_CHECKING:
    from haoma.platforms.alipay.app import AlipayApp
    from haoma.platforms.alipay.read import SealedMessage

_RSA2: Final = "RSA2"


class SignedMessage(Redacted, frozen=True, gc=False):
    """Ciphertext that Alipay has signed. Only `verify` builds one."""

    ciphertext: bytes


def verify(app: AlipayApp, message: SealedMessage) -> SignedMessage:
    """Return the message if its signature verifies.

    Raises:
        SignatureMissing: ``trust.signature-missing`` (step 2).
        BadBase64: ``envelope.bad-base64`` (step 3).
        SignatureMismatch: ``trust.signature-mismatch`` (step 4).
    """
    # (2)
    if message.claimed_sign is None:
        raise SignatureMissing(step=2, place="whole-string" if message.whole else "taken-apart")
    # (3)
    ciphertext, raw = read_base64(message.claimed_ciphertext, "response")
    _, signature = read_base64(message.claimed_sign, "sign")
    # (4)
    signed = b'"' + ciphertext.encode("ascii") + b'"'
    for key in app.public_keys:
        if is_rsa2(key, signature, signed) or (app.allow_sha1_signatures and is_rsa_sha1(key, signature, signed)):
            return SignedMessage(raw)
    raise SignatureMismatch(step=4, because={"signature_bytes": len(signature), "keys_tried": len(app.public_keys)})
