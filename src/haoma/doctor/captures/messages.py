"""The messages that people paste, with the causes that each can have: ``messages.toml``.

A message is found by its literal words, in any case. Causes are codes of the catalogue, or a platform's codes,
with the platform's name and the place; the most likely is first.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from haoma.errors import BY_CODE
from haoma.platforms.base.diagnosis import Diagnosis, Severity, of_error
from haoma.platforms.base.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_GUESSED: Final = ("doctor.garbage-decrypted", "doctor.base64-damaged", "doctor.wrong-public-key")
_SHORTEST: Final = 4
"""Characters of a part of a message that is enough to look it up."""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the table.

    Attributes:
        says: The literal words, in lower case.
        pattern: A pattern, where words alone say too little; else None.
        causes: What may be behind it, most likely first.
        source: The public page that shows it.
        address: Whether it is the address of a call that is not ours, so that a code beside it has no meaning of ours.
    """

    says: tuple[str, ...]
    pattern: re.Pattern[str] | None
    causes: tuple[str, ...]
    source: str
    address: bool = False

    @property
    def of_another_product(self) -> bool:
        """Whether it is of a product or a platform that is not ours."""
        return self.causes[0].startswith(("doctor.other-product", "doctor.platform-not-supported"))

    def found_in(self, text: str, lowered: str) -> tuple[int, int] | None:
        """Return where a text has this message; None if it has not."""
        if self.pattern is not None:
            found = self.pattern.search(text)
            return found.span() if found else None
        for words in self.says:
            start = lowered.find(words)
            while start >= 0:
                if _stands_alone(lowered, start, words):
                    return start, start + len(words)
                start = lowered.find(words, start + 1)
        return None


def _stands_alone(text: str, start: int, words: str) -> bool:
    """Return whether the words are no part of a longer one, such as -41003 of -410030."""
    end = start + len(words)
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (_in_a_word(words[0]) and _in_a_word(before)) and not (_in_a_word(words[-1]) and _in_a_word(after))


def _in_a_word(character: str) -> bool:
    return character.isascii() and character.isalnum()


@cache
def table() -> tuple[Message, ...]:
    """Return all messages, the most telling first."""
    path = resources.files("haoma.doctor.captures") / "messages.toml"
    return tuple(
        Message(
            tuple(words.lower() for words in entry.get("says", ())),
            re.compile(entry["pattern"]) if "pattern" in entry else None,
            tuple(entry["causes"]),
            entry["source"],
            entry.get("address", False),
        )
        for entry in tomllib.loads(path.read_text("utf-8"))["message"]
    )


def found_in(text: str) -> Iterator[tuple[Message, int, int]]:
    """Yield the messages of a text, with where they are. One that shares a cause with an earlier one says no more."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters of other scripts grow
        lowered = text
    taken: set[str] = set()
    for message in table():
        if taken.isdisjoint(message.causes) and (place := message.found_in(text, lowered)):
            taken.update(message.causes)
            yield message, *place


def like(words: str) -> list[Message]:
    """Return the messages that somebody looks up: those in the words, or those that the words are a part of."""
    words = words.strip()
    whole = [message for message, _start, _end in found_in(words)]
    if whole or len(words) < _SHORTEST:
        return whole
    part = words.lower()
    return [message for message in table() if any(part in each for each in message.says)][:3]


def diagnoses(message: Message, words: str, line: int) -> Iterator[Diagnosis]:
    """Yield what may be behind a message: the most likely cause as a fault, the others as notes."""
    for number, cause in enumerate(message.causes):
        found = _diagnosis(cause, words)
        if number:
            yield replace(found, severity=Severity.NOTE, guess=True, line=line)
        else:
            yield replace(found, guess=cause in _GUESSED or len(message.causes) > 1, line=line)


def _diagnosis(cause: str, words: str) -> Diagnosis:
    cause, _, place = cause.partition("@")
    platform, colon, native = cause.partition(":")
    if not colon:
        if place and cause in BY_CODE:
            return of_error(BY_CODE[cause](place=place), words=words)
        return Diagnosis(cause, Severity.FAULT, "", {"words": words}, place=place)
    native, _, sub = native.partition("/")
    return of_error(refusal(platform, native, sub=sub, place=place), words=words)
