"""The doctor's findings."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
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
# Text of a capture is repeated, except for numbers in any spelling and runs that are not made of words. Kept as well:
_BYTE: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_KEPT: Final = "|".join(
    (
        r"(?=[\d-]*[a-fA-F])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4,12}){2,4}(?![\w-])",  # request ids of platforms
        rf"{_BYTE}(?:\.{_BYTE}){{3}}(?![\w.])",
        r"(?=[\d:]*[a-fA-F])(?=[0-9a-fA-F:]*::|(?:[0-9a-fA-F]+:){7})(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:])",
    )
)
_NUMERAL: Final = r"[\d〇零一二三四五六七八九]"
_BETWEEN: Final = r"(?:[^\S\n]|[-‐-―−－._~*()（）/\u200b-\u200f\u2060\ufeff]){1,3}|[^\w\n]"
_RUN: Final = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
_SHOWN: Final = (
    r"(?<![\w.:-])(?P<kept>{kept})"
    r"|(?P<name>(?:secret|token|passw(?:or)?d|pwd|session_?key|aes_?key|open_?id|union_?id|密钥|密码)[\"']?\s*[:=：]\s*[\"']?)"
    r"(?-i:(?=[a-z]*[^\sa-z\"',;&}]))[^\s\"',;&}]{4,}"
    rf"|{_NUMERAL}(?:(?:{_BETWEEN})?{_NUMERAL}){{6,}}"
    rf"|(?P<run>{_RUN.pattern})"
)
_PIECES: Final = re.compile(r"[-_/=]+")
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VOWEL: Final = re.compile(r"[aeiouy]|http", re.IGNORECASE)
_UNSPOKEN: Final = re.compile(
    r"(?!http)[^aeiouy]{5}|(?!ngth|http)[^aeiouy]{4}$|[jqvwx][bcdfghjkpqtvwxz]|uu|q[^u]", re.IGNORECASE
)
_LONGEST_WORD: Final = 15
_USUAL_WORD: Final = 4
_OURS: Final = frozenset({"sn", "our_address", "page", "until", "max_bytes", "characters"})
"""Long facts that haoma computed itself."""


class Severity(StrEnum):
    """How much a diagnosis matters."""

    FAULT = "fault"  # it cannot work, or it leaks something
    WARNING = "warning"  # it works, but should be looked at
    NOTE = "note"  # good to know; also what cannot be known
    GOOD = "good"  # checked and in order


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One finding.

    Attributes:
        code: ``doctor.…``, or the code of a fault or refusal.
        severity: How much it matters.
        where: A setting, an app or a field; empty if there is none.
        because: Safe facts. Never a secret, a plain text or a full number.
        guess: True if it follows from a shape or a habit, not from a proof.
        file, line: Where it is; empty and 0 if it is in no file.
        error: The refusal that it reports, whose words are the most precise.
        place: Which of several causes the code has.
    """

    code: str
    severity: Severity
    where: str = ""
    because: Mapping[str, object] = field(default_factory=dict)
    guess: bool = False
    file: str = ""
    line: int = 0
    error: HaomaError | None = field(default=None, compare=False)
    place: str = ""

    def words(self, lang: str) -> Words:
        """Return title, cause, remedy and page in ``zh`` or ``en``."""
        return self.error.explain(lang) if self.error else catalogue.words(self.code, lang, place=self.place)

    def to_dict(self, lang: str) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        words = self.words(lang)
        found = {
            "code": self.code,
            "severity": self.severity.value,
            "title": words.title,
            "cause": words.cause,
            "remedy": words.remedy,
            "who": str(words.who),
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
    """Return a diagnosis of something that is good to know."""
    return Diagnosis(code, Severity.NOTE, where, because, guess)


def good(code: str, where: str = "", **because: object) -> Diagnosis:
    """Return a diagnosis of something that is in order."""
    return Diagnosis(code, Severity.GOOD, where, because)


def of_fault(found: Fault) -> Diagnosis:
    """Convert a settings fault to a diagnosis."""
    severity = Severity.WARNING if found.warning else Severity.FAULT
    return Diagnosis(found.code, severity, found.where, found.because, file=found.file, line=found.line)


def of_error(error: HaomaError, where: str = "", *, severity: Severity = Severity.FAULT, **more: object) -> Diagnosis:
    """Convert a refusal to a diagnosis.

    It includes the platform's own words, because they hold what a remedy needs, such as our outgoing address.
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
    """Return our outgoing address from a platform's "not in whitelist" message."""
    for found in _ADDRESS.finditer(said):
        try:
            ipaddress.ip_address(found[0])
        except ValueError:
            continue
        return found[0]
    return ""


def masked(text: str) -> str:
    """Return text of others without tokens, keys, user ids and numbers, so that it may be repeated.

    A number counts as one with anything between its digits, and in the digits of any script. A run of sixteen or more
    characters stays only if it is made of words, as error codes and API names are.
    """
    return _searched().sub(_shown, text)


@cache
def _searched() -> re.Pattern[str]:
    """Return what is looked at, with what the platforms let be repeated: their codes and the ids of their apps."""
    kept = [_KEPT]
    for platform in catalogue.platforms():
        shapes = catalogue.shapes(platform)
        kept += [rf"(?:{shape})(?!\W?\d)" for shape in shapes.get("codes", ())]  # no part of a number
        kept += [rf"(?:{shape})(?!\w)" for shape in shapes.get("app_ids", ())]
    return re.compile(_SHOWN.replace("{kept}", "|".join(kept)), re.IGNORECASE)


def _shown(found: re.Match[str]) -> str:
    run = found["run"]
    if found["kept"] or found[0] in _known() or (run and _is_words(run)):
        return found[0]
    return (found["name"] or "") + "***"


@cache
def _known() -> frozenset[str]:
    """Return all codes, haoma's and the platforms', and the long runs in them."""
    natives = [entry.native for platform in catalogue.platforms() for entry in catalogue.refusals(platform).values()]
    runs = (run for code in (*catalogue.codes(), *natives) for run in _RUN.findall(code))
    return frozenset([*runs, *(part for native in natives for part in re.split("[/@]", native))])


def _is_words(run: str) -> bool:
    pieces = [piece for piece in _PIECES.split(run) if piece]
    if run.endswith("=") or not all(piece.isalpha() or (piece.isdigit() and len(piece) < 7) for piece in pieces):
        return False
    words = [word for piece in pieces if piece.isalpha() for word in _WORDS.findall(piece)]
    if not words or sum(piece.isdigit() for piece in pieces) > 1:
        return False
    return sum(map(len, words)) >= _USUAL_WORD * len(words) and all(map(_is_word, words))


def _is_word(text: str) -> bool:
    """Return whether letters look like a word. Random ones have many capitals, few vowels and no pattern."""
    if not 1 < len(text) <= _LONGEST_WORD:
        return False
    return len(text) < _USUAL_WORD or (_VOWEL.search(text) is not None and not _UNSPOKEN.search(text))


def repeated(found: Diagnosis) -> Diagnosis:
    """Return a diagnosis of a capture with its facts masked, because they may hold any text."""
    because = {name: each if name in _OURS else _masked(each) for name, each in found.because.items()}
    return replace(found, because=because, where=masked(found.where))


def _masked(fact: object) -> object:
    text = str(fact)
    hidden = masked(text)
    return fact if hidden == text else hidden


def is_fine(found: Iterable[Diagnosis]) -> bool:
    """Return whether no action is needed."""
    return all(each.severity in (Severity.NOTE, Severity.GOOD) for each in found)
