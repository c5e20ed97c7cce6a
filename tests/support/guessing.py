"""Whoever has a copy of the database and none of the keys, and tries every number there is."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable

_EMPTY = bytes(32)
_LABELS = (b"", b"default", b"haoma/number/index/v1", b"haoma", _EMPTY)

GUESSES: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("sha256", lambda text: hashlib.sha256(text).digest()),
    ("sha1", lambda text: hashlib.sha1(text, usedforsecurity=False).digest()),
    ("md5", lambda text: hashlib.md5(text, usedforsecurity=False).digest()),
    ("blake2b", lambda text: hashlib.blake2b(text, digest_size=32).digest()),
    ("blake2b login", lambda text: hashlib.blake2b(text, person=b"login", digest_size=32).digest()),
    *((f"hmac {label!r}", lambda text, key=label: hmac.digest(key, text, "sha256")) for label in _LABELS),
)
"""What somebody without the pepper can compute of a number."""


def forms(e164: str) -> tuple[bytes, ...]:
    """How a number may be written."""
    return e164.encode(), e164[1:].encode(), e164.removeprefix("+86").encode()


def guessed(numbers: Iterable[str], stored: Iterable[bytes]) -> list[tuple[str, str]]:
    """Return the guesses that are there: which digest, of which number.

    ``stored`` are the values that are looked for; a guess counts if the whole of one, or 16 bytes of its beginning, is in
    one of them at any of the usual places: its beginning, or behind 4 bytes.
    """
    heads = {value[start : start + 16] for value in stored for start in (0, 1, 4, 6) if len(value) >= start + 16}
    return [
        (name, e164)
        for e164 in numbers
        for text in forms(e164)
        for name, digest in GUESSES
        if digest(text)[:16] in heads
    ]
