"""Facts of errors and diagnoses, as a person reads them.

Names and values of facts are identifiers and short English phrases, which JSON output keeps. In Chinese output they
are translated: ``names`` has the names, ``phrases`` the values, in ``facts.toml``, and in the ``words.toml`` of a
platform what it alone has. What a platform or a user wrote is never translated.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from haoma.words import entries, rooms_of_platforms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_AS_IT_IS: Final = frozenset({"app", "platform_message", "platform_says", "request_id", "says", "sent_as", "words"})
_PLACEHOLDER: Final = re.compile(r"\\\{(\w+)\\\}")


def shown(facts: Iterable[tuple[str, object]], lang: str) -> str:
    """Return facts on one line, in ``zh`` or ``en``: ``step=5 field=code``."""
    if lang != "zh":
        return " ".join(f"{name}={value}" for name, value in facts)
    names = {entry["en"]: entry["zh"] for entry in _of("names.")}
    pairs = ((names.get(name, name), value if name in _AS_IT_IS else phrase(value, lang)) for name, value in facts)
    return " ".join(f"{name}={value}" for name, value in pairs)


def phrase(value: object, lang: str) -> str:
    """Return a value, or each part of a list of values, in ``zh`` or ``en``."""
    told = str(value)
    if lang != "zh":
        return told
    whole = _translated(told)
    return ", ".join(_translated(part) or part for part in told.split(", ")) if whole is None else whole


def _translated(told: str) -> str | None:
    exact, patterns = _phrases()
    if told in exact:
        return exact[told]
    for pattern, chinese in patterns:
        if found := pattern.fullmatch(told):
            return chinese.format_map({name: exact.get(part, part) for name, part in found.groupdict().items()})
    return None


@cache
def _of(prefix: str) -> list[Mapping[str, str]]:
    rooms = ("facts", *rooms_of_platforms())
    return [entry for room in rooms for key, entry in entries(room).items() if key.startswith(prefix)]


@cache
def _phrases() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Return the phrases by their English text, and those with placeholders as patterns."""
    exact, patterns = {}, []
    for entry in _of("phrases."):
        if "{" in entry["en"]:
            pattern = _PLACEHOLDER.sub(r"(?P<\1>[^,]{1,80})", re.escape(entry["en"]))
            patterns.append((re.compile(pattern), entry["zh"]))
        else:
            exact[entry["en"]] = entry["zh"]
    return exact, patterns
