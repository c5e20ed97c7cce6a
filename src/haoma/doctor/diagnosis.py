"""What the doctor finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue

if TYPE_CHECKING:
    from haoma.catalogue import Words
    from haoma.errors import Fault, HaomaError

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_ADDRESS: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4})(?![\w:])", re.IGNORECASE
)
_RUN: Final = re.compile(
    r"(?<![A-Za-z0-9+/_=-])(?![0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4,12})+(?![\w-]))"  # the platforms' ids of requests stay
    r"(?=[A-Za-z+/_-]*[\d=])[A-Za-z0-9+/_=-]{24,}|"  # base64 of 16 bytes has 24; words have no digits
    r"[A-Za-z0-9+/_=-]{40,}|(?<!\d)\+?\d{11,15}(?!\d)"
)
_OURS: Final = frozenset({"sn", "our_address", "page"})
"""Facts that we have worked out ourselves, and that are long."""


class Severity(StrEnum):
    """How much a diagnosis matters."""

    FAULT = "fault"  # it cannot work, or it gives something away
    WARNING = "warning"  # it works, but should be looked at
    NOTE = "note"  # good to know; also what cannot be known
    GOOD = "good"  # looked at, and found in order


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was found.

    Attributes:
        code: ``doctor.…``, or the code of the fault or refusal that it is.
        severity: How much it matters.
        where: A setting, an app or a field; empty when there is none.
        because: Safe facts. Never a secret, a plain text or a full number.
        guess: True if it follows from a shape or a habit, not from a proof.
        file, line: Where it stands; empty and 0 when in no file.
        error: The refusal that it is, whose words are the most precise.
    """

    code: str
    severity: Severity
    where: str = ""
    because: Mapping[str, object] = field(default_factory=dict)
    guess: bool = False
    file: str = ""
    line: int = 0
    error: HaomaError | None = field(default=None, compare=False)

    def words(self, lang: str) -> Words:
        """Return title, cause, remedy and page in ``zh`` or ``en``."""
        return self.error.explain(lang) if self.error else catalogue.words(self.code, lang)

    def to_dict(self, lang: str) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        words = self.words(lang)
        found = {
            "code": self.code,
            "severity": self.severity.value,
            "title": words.title,
            "cause": words.cause,
            "remedy": words.remedy,
            "page": words.page,
            "see": words.see,
            "where": self.where,
            "file": self.file,
            "line": self.line,
            "guess": self.guess,
            "because": {
                name: each if isinstance(each, int | bool | float) else str(each) for name, each in self.because.items()
            },
        }
        return {name: value for name, value in found.items() if value not in ("", 0, {}, False)}


def fault(code: str, where: str = "", *, guess: bool = False, **because: object) -> Diagnosis:
    """Return a diagnosis of something that cannot work."""
    return Diagnosis(code, Severity.FAULT, where, because, guess)


def warning(code: str, where: str = "", *, guess: bool = False, **because: object) -> Diagnosis:
    """Return a diagnosis of something that should be looked at."""
    return Diagnosis(code, Severity.WARNING, where, because, guess)


def note(code: str, where: str = "", *, guess: bool = False, **because: object) -> Diagnosis:
    """Return something that is good to know."""
    return Diagnosis(code, Severity.NOTE, where, because, guess)


def good(code: str, where: str = "", **because: object) -> Diagnosis:
    """Return something that was found in order."""
    return Diagnosis(code, Severity.GOOD, where, because)


def of_fault(found: Fault) -> Diagnosis:
    """Return the diagnosis that a fault of the settings is."""
    severity = Severity.WARNING if found.warning else Severity.FAULT
    return Diagnosis(found.code, severity, found.where, found.because, file=found.file, line=found.line)


def of_error(error: HaomaError, where: str = "", *, severity: Severity = Severity.FAULT, **more: object) -> Diagnosis:
    """Return the diagnosis that a refusal is.

    The platform's own words go along, because they hold what a remedy needs, such as our outgoing address.
    """
    because: dict[str, object] = dict(error.because) | more
    native = masked("/".join(filter(None, (error.platform_code, error.platform_sub_code))))
    facts = {
        "platform_code": native,
        "platform_says": masked(error.platform_message),
        "our_address": our_address(error.platform_message) if error.code == "platform.ip-not-allowed" else "",
        "failed_at": error.diagnosis,
        "unlisted": ", ".join(error.unlisted),
    }
    because |= {name: value for name, value in facts.items() if value}
    return Diagnosis(error.code, severity, where or (f"apps.{error.app}" if error.app else ""), because, error=error)


def our_address(said: str) -> str:
    """Return the address in a platform's "not in whitelist": the one that our requests come from."""
    found = _ADDRESS.search(said)
    return found[0] if found else ""


def masked(text: str) -> str:
    """Return text of others without long runs of characters, which may be tokens, keys or numbers."""
    return _RUN.sub("***", text)


def repeated(found: Diagnosis) -> Diagnosis:
    """Return a diagnosis of something captured, whose facts may hold any text, without what must not be seen."""
    because = {name: each if name in _OURS else _masked(each) for name, each in found.because.items()}
    return replace(found, because=because, where=masked(found.where))


def _masked(fact: object) -> object:
    text = str(fact)
    hidden = masked(text)
    return fact if hidden == text else hidden


def is_fine(found: Iterable[Diagnosis]) -> bool:
    """Tell whether nothing has to be done."""
    return all(each.severity in (Severity.NOTE, Severity.GOOD) for each in found)
