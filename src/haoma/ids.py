"""Ids of accounts, records and events: UUIDv7, so that what is made together lies together in an index.

Source: section 5.7 of RFC 9562.
"""

from __future__ import annotations

import os
import uuid
from typing import Final

_SPARE_BITS: Final = 11
"""A UUIDv7 has 74 bits beside the time, and a fence 63."""


def new_id(now: int) -> bytes:
    """Return a new id, 16 bytes.

    Args:
        now: Unix milliseconds.
    """
    random = bytearray(os.urandom(10))
    random[0] = 0x70 | random[0] & 0x0F
    random[2] = 0x80 | random[2] & 0x3F
    return now.to_bytes(6) + bytes(random)


def ordered_id(now: int, fence: int) -> bytes:
    """Return an id that sorts after those of the same millisecond with a smaller fence.

    The fence takes the place of random bits (section 6.2 of RFC 9562). No two writes have the same.

    Args:
        now: Unix milliseconds.
        fence: See `haoma.store.batch.Fences`.
    """
    low = fence << _SPARE_BITS | int.from_bytes(os.urandom(2)) >> 16 - _SPARE_BITS
    return now.to_bytes(6) + (0x7000 | low >> 62).to_bytes(2) + (0b10 << 62 | low & (1 << 62) - 1).to_bytes(8)


def written(found: bytes) -> str:
    """Return an id as people see it."""
    text = found.hex()  # `uuid` takes three times as long, and every authorization writes some
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def parsed(text: str | None) -> bytes | None:
    """Return the id that a text is, or None. Only the usual form is one."""
    try:
        found = uuid.UUID(text or "")
    except (ValueError, AttributeError):  # AttributeError: it is no text
        return None
    return found.bytes if str(found) == text else None
