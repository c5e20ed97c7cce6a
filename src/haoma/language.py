"""Chooses Chinese or English by the caller's ``Accept-Language``."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_LONGEST: Final = 200  # real headers have less than 100 bytes; longer ones must not fill the cache


def negotiate(header: bytes) -> str:
    """Return ``zh`` if the header prefers Chinese to English, else ``en``."""
    return _negotiate(header) if 0 < len(header) <= _LONGEST else "en"


@lru_cache(maxsize=256)
def _negotiate(header: bytes) -> str:
    wanted = {"zh": 0.0, "en": 0.0}
    first = "en"
    anything = 0.0
    for part in header.decode("latin-1").lower().split(","):
        tag, *parameters = (each.strip() for each in part.split(";"))
        quality = _quality(parameters)
        language = tag.partition("-")[0]
        if language == "*":
            anything = max(anything, quality)
        elif language in wanted:
            if not any(wanted.values()) and quality > 0:
                first = language
            wanted[language] = max(wanted[language], quality)
    zh, en = wanted["zh"], wanted["en"] or (anything if wanted["zh"] < anything else 0.0)
    return "zh" if zh > en or (zh == en > 0 and first == "zh") else "en"


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0
