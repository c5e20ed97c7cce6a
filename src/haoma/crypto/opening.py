"""AES-CBC decryption of a JSON object, with a full PKCS#7 check. Ciphertext is decrypted only here.

CBC has no MAC. An attacker who can tell wrong padding from wrong JSON learns the plaintext byte by byte, and can forge
any message (Vaudenay, 2002). So nothing here raises before all checks are done: the padding is compared without
exceptions, the text is parsed whether or not the padding is right, and `Opened` names the first fault for the operator
only. Wrong padding and wrong text take the same path and about the same time; ``make bench`` measures the remaining
difference.

Some platforms put the JSON into a frame, followed by the app's id, and pad to 32 bytes: see `read_framed_json`.
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
    """Return, for each last byte, a mask of the last block's padding bits and the value that they must have.

    A last byte that is not a valid padding size has a pair that never matches.
    """
    sized = ((2 ** (8 * size) - 1, int.from_bytes(bytes([size]) * size)) for size in range(1, block + 1))
    return ((0, 1), *sized, *((0, 1),) * (255 - block))


_PADDINGS: Final = {block: _paddings(block) for block in (_BLOCK, _FRAME_BLOCK)}


class Opened(NamedTuple):
    """The content of a ciphertext.

    Attributes:
        found: The JSON object; None if the text is not one. Meaningless unless ``fault`` is empty.
        fault: The first fault, for the operator only: ``length``, ``padding``, ``frame``, ``app-key``, ``text``. Empty
            if there is none.
        is_text: Whether the text is UTF-8.
        ciphertext: The ciphertext.
    """

    found: dict[str, Any] | None
    fault: str
    is_text: bool
    ciphertext: bytes


def aes_cbc(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    """Return the AES-CBC cipher of a key (16, 24 or 32 bytes) and an IV (16 bytes). The cipher is reusable."""
    return Cipher(algorithms.AES(key), modes.CBC(iv))


def _padded(cipher: Cipher[modes.CBC], ciphertext: bytes) -> bytes:
    if not ciphertext or len(ciphertext) % _BLOCK:
        raise CannotOpen(diagnosis="length")
    return cipher.decryptor().update(ciphertext)  # whole blocks only, so there is nothing to finalize


def _is_padded(padded: bytes, block: int) -> bool:
    bits, wanted = _PADDINGS[block][padded[-1]]
    return int.from_bytes(padded[-block:]) & bits == wanted


def parse(raw: bytes) -> tuple[dict[str, Any] | None, bool]:
    """Return the strict JSON object in ``raw``, or None, and whether ``raw`` is UTF-8.

    Invalid UTF-8 is replaced and parsed as well. A decoder error would come sooner than a parser error, and an attacker
    could measure the difference.
    """
    text = raw.decode("utf-8", "replace")
    try:
        found = parse_json_object(text)
    except EnvelopeError:
        found = None
    return found, text.encode() == raw


def decrypt(cipher: Cipher[modes.CBC], ciphertext: bytes) -> bytes:
    """Return the plaintext.

    Raises:
        CannotOpen: ``trust.cannot-open``: not whole blocks, or the padding is not PKCS#7.
    """
    padded = _padded(cipher, ciphertext)
    if not _is_padded(padded, _BLOCK):
        raise CannotOpen(diagnosis="padding")
    return padded[: -padded[-1]]


def read_json(cipher: Cipher[modes.CBC], ciphertext: bytes, most: int = _BLOCK) -> Opened:
    """Return the JSON object in ``ciphertext`` and its first fault.

    Args:
        cipher: The cipher.
        ciphertext: The ciphertext.
        most: The longest padding: 16 bytes, or 32 if the platform's own sample accepts so many.

    Raises:
        CannotOpen: ``trust.cannot-open``: not whole blocks. The sender knows the length, so this reveals nothing.
    """
    padded = _padded(cipher, ciphertext)
    whole = _is_padded(padded, most)
    found, is_text = parse(padded[: -padded[-1] if whole else len(padded)])
    fault = "padding" if not whole else "" if is_text and found is not None else "text"
    return Opened(found, fault, is_text, ciphertext)


def open_json(cipher: Cipher[modes.CBC], ciphertext: bytes) -> dict[str, Any]:
    """Return the JSON object in ``ciphertext``.

    Raises:
        CannotOpen: ``trust.cannot-open``, for any failure of decryption or parsing.
    """
    found, fault, *_ = read_json(cipher, ciphertext)
    if found is None or fault:
        raise CannotOpen(diagnosis=fault)
    return found


def read_framed_json(cipher: Cipher[modes.CBC], ciphertext: bytes, app_id: bytes) -> Opened:
    """Return the JSON object in a frame: 16 random bytes, the JSON's length (4 bytes, big-endian), the JSON, app id.

    The padding is PKCS#7 with blocks of 32 bytes, so 1 to 32 bytes long; a reader for blocks of 16 bytes rejects it.
    The length is accepted only if exactly the app id and the padding follow the JSON.

    Raises:
        CannotOpen: ``trust.cannot-open``: not whole blocks. The sender knows the length, so this reveals nothing.
    """
    frame = _padded(cipher, ciphertext)
    whole = _is_padded(frame, _FRAME_BLOCK) and not len(frame) % _FRAME_BLOCK
    end = _FRAME_HEAD + int.from_bytes(frame[_FRAME_HEAD - 4 : _FRAME_HEAD])
    inside = len(frame) - frame[-1]
    fits = compare_digest(frame[end:inside], app_id)
    found, is_text = parse(frame[_FRAME_HEAD:end])
    if not whole:
        return Opened(found, "padding", is_text, ciphertext)
    if end > inside:
        return Opened(found, "frame", is_text, ciphertext)
    if not fits:
        return Opened(found, "app-key", is_text, ciphertext)
    return Opened(found, "" if is_text and found is not None else "text", is_text, ciphertext)
