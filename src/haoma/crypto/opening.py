"""AES-CBC with full PKCS#7 check, opened into a JSON object: the one place where ciphertext becomes text.

CBC has no MAC. Whoever can tell a wrong padding from wrong JSON learns the plain text byte by byte and can write any
text of his own (Vaudenay, 2002). So there is one refusal, `CannotOpen`, whatever went wrong, and the same work is done
on the way to it: wrong padding goes on to the JSON parser as well.

Some platforms put the JSON into a frame, with the app's id behind it, and pad to 32 bytes: `open_framed_json`.
"""

from __future__ import annotations

from contextlib import suppress
from hmac import compare_digest
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from haoma.crypto.strict import parse_json_object
from haoma.errors import CannotOpen, EnvelopeError

_BLOCK: Final = 16
_PADDING: Final = PKCS7(128)
_FRAME_BLOCK: Final = 32
_FRAME_PADDING: Final = PKCS7(8 * _FRAME_BLOCK)
_PADDINGS: Final = tuple(bytes([size]) * size for size in range(_FRAME_BLOCK + 1))
_FRAME_HEAD: Final = 20  # 16 random bytes, 4 bytes of length


def aes_cbc(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    """Return the AES-CBC cipher of a key (16, 24 or 32 bytes) and an IV (16 bytes). It may be kept and used again."""
    return Cipher(algorithms.AES(key), modes.CBC(iv))


def decrypt(cipher: Cipher[modes.CBC], ciphertext: bytes) -> bytes:
    """Return the plain text.

    Raises:
        CannotOpen: ``trust.cannot-open``: not whole blocks, or the padding is not PKCS#7.
    """
    if not ciphertext or len(ciphertext) % _BLOCK:
        raise CannotOpen(diagnosis="length")
    decryptor = cipher.decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = _PADDING.unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        with suppress(EnvelopeError):
            parse_json_object(padded)
        raise CannotOpen(diagnosis="padding") from None


def open_json(cipher: Cipher[modes.CBC], ciphertext: bytes) -> dict[str, Any]:
    """Return the JSON object inside ``ciphertext``.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong between ciphertext and JSON.
    """
    try:
        return parse_json_object(decrypt(cipher, ciphertext))
    except EnvelopeError:
        raise CannotOpen(diagnosis="text") from None


def open_framed_json(cipher: Cipher[modes.CBC], ciphertext: bytes, app_id: bytes) -> dict[str, Any]:
    """Return the JSON object inside a frame: 16 random bytes, its length as 4 bytes (big-endian), itself, the app's id.

    The padding is PKCS#7 in blocks of 32 bytes, 1 to 32 of them, which no reader for blocks of 16 takes. The length is
    believed only if the id and the padding, whole, are what follows. Everything is looked at, whatever was found wrong
    before.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong between ciphertext and JSON.
    """
    if not ciphertext or len(ciphertext) % _BLOCK:
        raise CannotOpen(diagnosis="length")
    frame = cipher.decryptor().update(ciphertext)  # of whole blocks: nothing is left to finalize
    end = _FRAME_HEAD + int.from_bytes(frame[_FRAME_HEAD - 4 : _FRAME_HEAD])
    padding = len(frame) - end - len(app_id)
    framed = 0 < padding <= _FRAME_BLOCK and not len(frame) % _FRAME_BLOCK
    fits = compare_digest(frame[end:], app_id + _PADDINGS[padding if framed else 0])
    try:
        found = parse_json_object(frame[_FRAME_HEAD:end])
    except EnvelopeError:
        found = None
    if found is None or not fits or not framed:
        raise CannotOpen(diagnosis=_wrong_in(frame, end, app_id))
    return found


def _wrong_in(frame: bytes, end: int, app_id: bytes) -> str:
    """Name the first thing that is wrong with a frame, for the operator."""
    unpadder = _FRAME_PADDING.unpadder()
    try:
        frame = unpadder.update(frame) + unpadder.finalize()
    except ValueError:
        return "padding"
    if end > len(frame):
        return "frame"
    return "text" if compare_digest(frame[end:], app_id) else "app-key"
