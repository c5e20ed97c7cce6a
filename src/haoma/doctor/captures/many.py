"""A log with many authorizations, a line each: what is wrong with them, and how many were read."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from haoma.doctor.captures.unwrap import FIELDS
from haoma.platforms.base.diagnosis import Diagnosis, note
from haoma.platforms.base.symptoms import Looked

if TYPE_CHECKING:
    from collections.abc import Callable

MANY: Final = 4
"""Fewer lines are read as one capture: the pieces of one authorization, or a login and a number."""
MOST: Final = 200
"""Most lines that are read. All of them are counted."""
_LONGEST: Final = 16 * 1024
_NAMES: Final = "|".join((*FIELDS, "detail", "authorization"))
_LINE: Final = re.compile(rf"^.{{0,400}}?[{{\[?]\W{{0,6}}(?:{_NAMES})\b", re.MULTILINE)
_NOTHING: Final = ("unknown", "log", "back-end", "piece", "part", "secret")
_WRAPPED: Final = "doctor.inside-something"


def look(text: str, one: Callable[[str], Looked | None]) -> Looked | None:
    """Diagnose the lines of a log that have an authorization each; return None if they are not many.

    Args:
        text: The log.
        one: Diagnoses one line.
    """
    if text.count("\n") < MANY - 1:
        return None
    places = [found.start() for found in _LINE.finditer(text)]
    if len(places) < MANY:
        return None
    looked: list[tuple[int, Looked]] = []
    for start in islice(places, MOST):
        line = text[start : text.find("\n", start) % (len(text) + 1)]
        found = one(line.strip()) if len(line) <= _LONGEST else None
        if found is not None and found.kind not in _NOTHING:
            looked.append((text.count("\n", 0, start) + 1, found))
    if len(looked) < MANY:
        return None
    (kind, _times), *_others = Counter(each.kind for _line, each in looked).most_common(1)
    count = note("doctor.many-captures", "", found=len(places), read=min(len(places), MOST), recognised=len(looked))
    return Looked(kind, [*_together(looked), count])


def _together(looked: list[tuple[int, Looked]]) -> list[Diagnosis]:
    """Return each kind of finding once: how often it is there, the first line of it, and the facts that all share."""
    kinds: dict[tuple[str, str, str, str], list[tuple[int, Diagnosis]]] = {}
    for line, each in looked:
        for found in each.found:
            words = found.error.place if found.error else ""
            if found.code != _WRAPPED:
                kinds.setdefault((found.code, found.where, found.severity, words), []).append((line, found))
    return [_shared(found) for found in kinds.values()]


def _shared(found: list[tuple[int, Diagnosis]]) -> Diagnosis:
    line, first = found[0]
    same = {
        name: value
        for name, value in first.because.items()
        if all(each.because.get(name) == value for _line, each in found)
    }
    return replace(
        first, because={**same, "times": len(found), "in_line": line}, guess=all(each.guess for _line, each in found)
    )
