"""Damage to base64 in transit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.crypto.strict import decode_base64, repair_base64
from haoma.errors import BadBase64
from haoma.platforms.base.diagnosis import Diagnosis, fault, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEXADECIMAL: Final = "hexadecimal, not base64"
_HEX: Final = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}")
_DAMAGES: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("percent-encoded", lambda text: re.search(r"%(?:2[bBfF]|3[dD]|0[aAdD])", text) is not None),
    ("each + became a space", lambda text: " " in text.strip()),
    ("line breaks inside", lambda text: re.search(r"[\r\n\t]", text.strip()) is not None),
    (
        "URL-safe alphabet (- and _)",
        lambda text: re.search(r"[-_]", text) is not None and re.search(r"[+/]", text) is None,
    ),
    ("JSON or quotes inside", lambda text: text[:1] in "{\"'["),
    (_HEXADECIMAL, lambda text: _HEX.fullmatch(text) is not None),
    ("not characters of base64", lambda text: re.search(r"[^A-Za-z0-9+/=\s%_-]", text) is not None),
    ("cut off", lambda text: len(text.rstrip("=")) % 4 == 1),
    ("padding lost", lambda text: len(text) % 4 in (2, 3) and not text.endswith("=")),
)


def examine_base64(field: str, text: str) -> Iterator[Diagnosis]:
    """Yield the damage to a field: a warning if haoma repairs it, a fault if it cannot be repaired."""
    if not text:
        return
    if _HEX.fullmatch(text):  # complete hex blocks are valid base64 too, but of other bytes
        yield fault("doctor.base64-damaged", field, how=_HEXADECIMAL, characters=len(text))
        return
    try:
        decode_base64(text, field)
    except (BadBase64, ValueError):
        how = next((name for name, holds in _DAMAGES if holds(text)), "not whole")
    else:
        return
    try:
        decode_base64(repair_base64(text), field)
    except (BadBase64, ValueError):
        yield fault("doctor.base64-damaged", field, how=how, characters=len(text))
    else:
        yield warning("doctor.base64-damaged", field, how=how, characters=len(text), repaired=True)
