"""Ids of accounts, records and events: UUIDv7, so that what is made together lies together in an index.

Source: section 5.7 of RFC 9562.
"""

from __future__ import annotations

import os
import uuid


def new_id(now: int) -> bytes:
    """Return a new id, 16 bytes.

    Args:
        now: Unix milliseconds.
    """
    random = bytearray(os.urandom(10))
    random[0] = 0x70 | random[0] & 0x0F
    random[2] = 0x80 | random[2] & 0x3F
    return now.to_bytes(6) + bytes(random)


def written(found: bytes) -> str:
    """Return an id as people see it."""
    return str(uuid.UUID(bytes=found))


def parsed(text: str) -> bytes | None:
    """Return the id that a text is, or None. Only the usual form is one."""
    try:
        found = uuid.UUID(text)
    except ValueError:
        return None
    return found.bytes if str(found) == text else None
