"""Recognises replies of platforms that are not supported, without the address that was asked: ``others.toml``.

Only replies are listed that have names of their own. Some platforms copy the replies of another, names and all.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from haoma import field_names
from haoma.platforms.base.diagnosis import fault
from haoma.platforms.base.symptoms import Captured, Looked, members

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

KIND: Final = "other-reply"


@dataclass(frozen=True, slots=True)
class Reply:
    """One entry of the table.

    Attributes:
        platform: Who sends it.
        holds: Names that all have to be in it.
        pattern: What one name has to match; None if ``holds`` says enough.
        source: The public page that shows it.
    """

    platform: str
    holds: frozenset[str]
    pattern: re.Pattern[str] | None
    source: str

    def fits(self, names: AbstractSet[str]) -> bool:
        """Return whether a reply with these names is this one."""
        return self.holds <= names and (self.pattern is None or any(map(self.pattern.fullmatch, names)))


@cache
def table() -> tuple[Reply, ...]:
    """Return all entries."""
    path = resources.files("haoma.doctor.captures") / "others.toml"
    return tuple(
        Reply(
            entry["platform"],
            frozenset(entry.get("holds", ())),
            re.compile(entry["pattern"]) if "pattern" in entry else None,
            entry["source"],
        )
        for entry in tomllib.loads(path.read_text("utf-8"))["reply"]
    )


def look(captured: Captured) -> Looked | None:
    """Say that a reply is of a platform that is not supported; return None if it is not, or if a front end sent it."""
    found = captured.object
    if not found or field_names.holds(found, field_names.PARTS - {"code"}):
        return None
    names = {name for name, _value in members(found)}
    known = next((each for each in table() if each.fits(names)), None)
    return Looked(KIND, [fault("doctor.platform-not-supported", "", looks_like=known.platform)]) if known else None
