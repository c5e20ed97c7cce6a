"""Recognises log lines, and the error messages of other libraries."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final

from haoma import catalogue
from haoma.doctor.platforms import all_symptoms, symptoms
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, warning
from haoma.platforms.base.symptoms import Captured, Looked, has_meaning, meanings
from haoma.platforms.registry import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAID: Final = ("errmsg", "error_msg", "error_description")
_HOPELESS: Final = frozenset({
    "platform.app-mismatch", "platform.credentials-rejected", "platform.ip-not-allowed", "platform.secret-frozen",
    "platform.rate-limited", "platform.quota-exhausted", "platform.permission-missing", "platform.user-blocked",
})  # fmt: skip
"""Refusals that a repeated request gets again, while each try counts against a quota. (Bad codes are not among them:
several in one log most likely come from several users.)"""
_STORM: Final = 3
_GUESSED: Final = ("doctor.garbage-decrypted", "doctor.base64-damaged", "doctor.wrong-public-key")

_MESSAGES: Final = (
    (re.compile(r"Invalid AES key length: (?:[4-9]\d|\d{3,})"), "config.aes-key-is-rsa-key"),
    (re.compile(r"(?:Invalid|Incorrect) AES key length[: (]+[1-3]?\d\b"), "config.aes-key-length"),
    (
        re.compile(r"RSA key format is not supported|at <TagSet|Could not deserialize key|no start line"),
        "config.key-unreadable",
    ),
    (
        re.compile(
            r"pad block corrupted|BadPadding|bad decrypt|Padding is (?:invalid|incorrect)|Invalid padding bytes|"
            r"Expected BEGIN_OBJECT|invalid character '\\x|given payload is invalid|"
            r"UnicodeDecodeError: 'utf-8' codec can't decode byte|Expecting value: line 1 column 1 \(char 0\)|"
            r"Given final block not properly padded|data not multiple of block|wrong final block length",
            re.IGNORECASE,
        ),
        "doctor.garbage-decrypted",
    ),
    (
        re.compile(r"Invalid base64|Incorrect padding|Illegal base64|illegal base64 data", re.IGNORECASE),
        "doctor.base64-damaged",
    ),
    (
        re.compile(
            r"ConnectTimeout|connect timed out|Connection refused|UnknownHostException|Name or service not known"
        ),
        "outside.connect-failed",
    ),
)


def look(captured: Captured) -> Looked | None:
    """Diagnose a text; return None if it contains nothing known."""
    if isinstance(captured.value, dict | list):
        return None
    found = [*_repeated(captured), *_messages(captured.text)]
    return Looked("log", found) if found else None


def _repeated(captured: Captured) -> Iterator[Diagnosis]:
    counted = _counted(captured.text)
    words = _said().findall(captured.text)
    for (platform, code), count in counted.items():
        message = next((each for each in words if len(counted) == 1), "")
        from_token = "secret" in message.lower() and catalogue.find_refusal(platform, code, place="token")
        found = list(meanings(captured, platform, code, message, place="token" if from_token else ""))
        if found[0].code in _HOPELESS and count >= _STORM:
            yield fault("doctor.retry-storm", "", platform_code=code, times=count)
        if code in symptoms(platform).dead_token:
            say = fault if count >= _STORM else warning
            yield say("doctor.token-war", "", guess=count < _STORM, platform_code=code, times=count)
        yield from found


def _counted(text: str) -> Counter[tuple[str, str]]:
    counted: Counter[tuple[str, str]] = Counter()
    for pattern, platforms in _fields():
        for code, count in Counter(pattern.findall(text)).items():
            known = (each for each in platforms if each in _whose(code))
            counted.update({(platform, code): count for platform in [next(known, "")] if platform})
    for name, each in all_symptoms():
        found = re.findall(each.code_words, text) if each.code_words else []
        counted.update((name, code) for code in found if name in _whose(code))
    return counted


@cache
def _said() -> re.Pattern[str]:
    """Return where the words of a refusal stand."""
    own = (word for _name, each in all_symptoms() for word in each.reply_fields.words)
    names = "|".join((*_SAID, *own))
    return re.compile(rf"[\"']?(?:{names})[\"']?\s*[:=]\s*[\"']([^\"'\n]{{0,200}})", re.IGNORECASE)


@cache
def _fields() -> list[tuple[re.Pattern[str], list[str]]]:
    """Return where a code may be, with the platforms to try there; the first one whose table lists it counts."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name, each in all_symptoms():
        for fields, turn in each.code_fields.items():
            found.setdefault(fields, []).append((turn, name))
    return [
        (
            re.compile(rf"(?<![A-Za-z_])[\"']?(?:{fields})[\"']?\s*[:：=]\s*[\"']?(-?\d{{1,12}})"),
            [name for _turn, name in sorted(platforms)],
        )
        for fields, platforms in found.items()
    ]


def _whose(code: str) -> list[str]:
    """Return the platforms whose replies may contain a code."""
    return [platform for platform in PLATFORMS if has_meaning(platform, code)]


def _messages(text: str) -> Iterator[Diagnosis]:
    own = [message for _name, each in all_symptoms() for message in each.messages]
    for pattern, code in (*own, *_MESSAGES):
        found = pattern.search(text)
        if found:
            line = text.count("\n", 0, found.start()) + 1
            yield Diagnosis(code, Severity.FAULT, "", {"words": found[0]}, guess=code in _GUESSED, line=line)
