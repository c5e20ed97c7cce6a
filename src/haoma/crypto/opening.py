"""AES-CBC with full PKCS#7 check, opened into a JSON object: the one place where ciphertext becomes text.

CBC has no MAC. Whoever can tell a wrong padding from wrong JSON learns the plain text byte by byte and can write any
text of his own (Vaudenay, 2002). So nothing here raises before everything was looked at: the padding is compared
without exceptions, the text is parsed whether or not the padding is right, and what was wrong first is a word in
`Opened` for the operator. A wrong padding and a wrong text take the same path, and about the same time; what is left of
a difference is measured by ``make bench``.

Some platforms put the JSON into a frame, with the app's id behind it, and pad to 32 bytes: `read_framed_json`.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from haoma.crypto.strict import parse_json_object
from haoma.errors import CannotOpen, EnvelopeError

_BLOCK: Final = 16
_FRAME_BLOCK: Final = 32
_FRAME_HEAD: Final = 20  # 16 random bytes, 4 bytes of length


def _paddings(block: int) -> tuple[tuple[int, int], ...]:
    """For each last byte: the bits of the last block that have to be padding, and how they have to be set.

    A byte that is no size of a padding has a pair that nothing fits.
    """
    sized = ((2 ** (8 * size) - 1, int.from_bytes(bytes([size]) * size)) for size in range(1, block + 1))
    return ((0, 1), *sized, *((0, 1),) * (255 - block))


_PADDINGS: Final = {block: _paddings(block) for block in (_BLOCK, _FRAME_BLOCK)}


class Opened(NamedTuple):
    """What a ciphertext holds.

    Attributes:
        found: The JSON object, or what looks like one; None if the text is none.
        fault: The first thing that is wrong, for the operator alone: ``length``, ``padding``, ``frame``, ``app-key``,
            ``text``. Empty if nothing is; only then does ``found`` mean anything.
    """

    found: dict[str, Any] | None
    fault: str


def aes_cbc(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    """Return the AES-CBC cipher of a key (16, 24 or 32 bytes) and an IV (16 bytes). It may be kept and used again."""
    return Cipher(algorithms.AES(key), modes.CBC(iv))


def _padded(cipher: Cipher[modes.CBC], ciphertext: bytes) -> bytes:
    if not ciphertext or len(ciphertext) % _BLOCK:
        raise CannotOpen(diagnosis="length")
    return cipher.decryptor().update(ciphertext)  # of whole blocks: nothing is left to finalize


def _is_padded(padded: bytes, block: int) -> bool:
    bits, wanted = _PADDINGS[block][padded[-1]]
    return int.from_bytes(padded[-block:]) & bits == wanted


def parse(raw: bytes) -> tuple[dict[str, Any] | None, bool]:
    """Return the strict JSON object of a text, or None if it is none; and whether the text is UTF-8.

    What is not UTF-8 is parsed all the same, with something else in its place: an error of the decoder would come
    sooner than one of the parser.
    """
    text = raw.decode("utf-8", "replace")
    try:
        found = parse_json_object(text)
    except EnvelopeError:
        found = None
    return found, text.encode() == raw


def decrypt(cipher: Cipher[modes.CBC], ciphertext: bytes) -> bytes:
    """Return the plain text.

    Raises:
        CannotOpen: ``trust.cannot-open``: not whole blocks, or the padding is not PKCS#7.
    """
    padded = _padded(cipher, ciphertext)
    if not _is_padded(padded, _BLOCK):
        raise CannotOpen(diagnosis="padding")
    return padded[: -padded[-1]]


def read_json(cipher: Cipher[modes.CBC], ciphertext: bytes) -> Opened:
    """Return the JSON object inside ``ciphertext``, and what is wrong with it.

    Raises:
        CannotOpen: ``trust.cannot-open``: not whole blocks, which whoever sent it can count.
    """
    padded = _padded(cipher, ciphertext)
    whole = _is_padded(padded, _BLOCK)
    found, is_text = parse(padded[: -padded[-1] if whole else len(padded)])
    return Opened(found, "padding" if not whole else "" if is_text and found is not None else "text")


def open_json(cipher: Cipher[modes.CBC], ciphertext: bytes) -> dict[str, Any]:
    """Return the JSON object inside ``ciphertext``.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong between ciphertext and JSON.
    """
    found, fault = read_json(cipher, ciphertext)
    if found is None or fault:
        raise CannotOpen(diagnosis=fault)
    return found


def read_framed_json(cipher: Cipher[modes.CBC], ciphertext: bytes, app_id: bytes) -> Opened:
    """Return the JSON object inside a frame: 16 random bytes, its length as 4 bytes (big-endian), itself, the app's id.

    The padding is PKCS#7 in blocks of 32 bytes, 1 to 32 of them, which no reader for blocks of 16 takes. The length is
    believed only if the id and the padding, whole, are what follows.

    Raises:
        CannotOpen: ``trust.cannot-open``: not whole blocks, which whoever sent it can count.
    """
    frame = _padded(cipher, ciphertext)
    whole = _is_padded(frame, _FRAME_BLOCK) and not len(frame) % _FRAME_BLOCK
    end = _FRAME_HEAD + int.from_bytes(frame[_FRAME_HEAD - 4 : _FRAME_HEAD])
    inside = len(frame) - frame[-1]
    fits = compare_digest(frame[end:inside], app_id)
    found, is_text = parse(frame[_FRAME_HEAD:end])
    if not whole:
        return Opened(found, "padding")
    if end > inside:
        return Opened(found, "frame")
    if not fits:
        return Opened(found, "app-key")
    return Opened(found, "" if is_text and found is not None else "text")
