"""Numbers as people type them."""

from __future__ import annotations

from typing import Final

from haoma.phone import MAINLAND, PhoneNumber, from_parts, is_digits, parse_e164

_LENGTH: Final = 11
_BETWEEN: Final = str.maketrans("", "", " -()\uff08\uff09\u2010\u2011\u3000")


def parse_number(typed: str) -> PhoneNumber | None:
    """Return the number that somebody has typed."""
    text = typed.translate(_BETWEEN)
    if text.startswith("00"):
        text = f"+{text[2:]}"
    if is_digits(text) and len(text) == _LENGTH and text.startswith("1"):
        return from_parts(MAINLAND, text)
    return parse_e164(text)
