"""The kinds of capture."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from haoma.doctor.platforms import all_symptoms
from haoma.words import text

MAX_BYTES: Final = 1024 * 1024
"""Most bytes of a capture, enough for a piece of a log."""

_OF_ANY: Final = (
    "phone-code",
    "login-code",
    "sealed",
    "event",
    "back-end",
    "haoma-problem",
    "haoma-results",
    "key",
    "secret",
    "part",
    "piece",
    "decrypted",
    "log",
    "other-reply",
    "unknown",
)


@cache
def kinds() -> Mapping[str, str]:
    """Return the kinds of capture, general ones and each platform's, with the room of their names."""
    own = {kind: f"platforms/{platform}" for platform, each in all_symptoms() for kind in each.kinds}
    return MappingProxyType({**own, **dict.fromkeys(_OF_ANY, "doctor")})


def kind_name(kind: str, lang: str) -> str:
    """Return the name of a kind in ``zh`` or ``en``."""
    return text(kinds()[kind], f"kinds.{kind}", lang)
