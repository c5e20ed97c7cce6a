"""Recognises log lines, and the error messages of other libraries."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final

from haoma import catalogue
from haoma.doctor.captures import calls, messages
from haoma.doctor.platforms import all_symptoms, symptoms
from haoma.platforms.base.diagnosis import Diagnosis, fault, warning
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
_NEAR: Final = 1024
"""Characters between an address and a code that its platform's table does not list."""


def look(captured: Captured) -> Looked | None:
    """Diagnose a text; return None if it contains nothing known."""
    cause = calls.cause_in(captured)
    if cause is not None:  # an answer to such a request says nothing more
        return Looked("log", [cause])
    if isinstance(captured.value, dict | list):
        return None
    found = [*_repeated(captured)]
    refused = [each for each in found if each.error is not None]
    found += _messages(captured, refused)
    return Looked("log", found) if found else None


def _repeated(captured: Captured) -> Iterator[Diagnosis]:
    counted = _counted(captured)
    words = _said().findall(captured.text)
    for (platform, code, called), count in counted.items():
        message = next((quoted or bare for quoted, bare in words if len(counted) == 1), "")
        from_token = "secret" in message.lower() and catalogue.find_refusal(platform, code, place="token")
        place = "token" if from_token else called
        found = list(meanings(captured, platform, code, message, place=place))
        if found[0].code in _HOPELESS and count >= _STORM:
            yield fault("doctor.retry-storm", "", platform_code=code, times=count)
        if code in symptoms(platform).dead_token:
            say = fault if count >= _STORM else warning
            yield say("doctor.token-war", "", guess=count < _STORM, platform_code=code, times=count)
        yield from found
        if (stranger := calls.stranger_in(captured, platform)) is not None:
            yield stranger


def _counted(captured: Captured) -> Counter[tuple[str, str, str]]:
    """Count the codes of a text by platform, code and the call that answered (empty if unknown).

    The named app overrules what a code looks like; else the address beside it does, else the first table that lists it.
    """
    text = captured.text
    counted: Counter[tuple[str, str, str]] = Counter()
    ours = captured.named.platform if captured.app and captured.named else ""
    named: list[calls.Call] | None = None
    for pattern, platforms, only_beside in _fields():
        for found in pattern.finditer(text):
            named = calls.calls_in(text) if named is None else named
            code, call = found[1], calls.beside(named, found.start())
            known = _whose(code)
            if call is not None and not call.platform:
                continue  # the answer of a product that is not ours
            if ours in platforms and not only_beside:
                platform = ours
            elif call is not None and call.platform in platforms and (call.platform in known or not only_beside):
                near = call.platform in known or abs(call.at - found.start()) <= _NEAR
                platform = call.platform if near and code not in symptoms(call.platform).success else ""
            else:
                platform = "" if only_beside else next((each for each in platforms if each in known), "")
            if platform:
                place = call.place if call is not None and call.platform == platform else ""
                counted[platform, code, place] += 1
    for name, each in all_symptoms():
        for found in re.finditer(each.code_words, text) if each.code_words else ():
            named = calls.calls_in(text) if named is None else named
            call = calls.beside(named, found.start())
            beside = call is not None and call.platform == name
            if name in _whose(found[0]) and (beside or not each.words_beside):
                counted[name, found[0], call.place if call is not None and beside else ""] += 1
    return counted


@cache
def _said() -> re.Pattern[str]:
    """Return where the words of a refusal stand."""
    own = (word for _name, each in all_symptoms() for word in each.reply_fields.words)
    names = "|".join((*_SAID, *own))
    return re.compile(
        rf"[\"']?(?:{names})\\*[\"']?\s*[:=]\s*(?:\\*[\"']([^\"'\n]{{0,200}})|([^\"'\n,}}]{{1,200}}))", re.IGNORECASE
    )


@cache
def _fields() -> list[tuple[re.Pattern[str], list[str], bool]]:
    """Return where a code may be, the platforms to try there in order, and whether only beside an address of theirs."""
    found: dict[tuple[str, bool], list[tuple[int, str]]] = {}
    for name, each in all_symptoms():
        for fields, turn in each.code_fields.items():
            found.setdefault((fields, False), []).append((turn, name))
        if each.fields_beside:
            found.setdefault((each.fields_beside, True), []).append((0, name))
    return [
        (
            re.compile(
                rf"(?<![A-Za-z_])[\"']?(?:{fields})(?:\\*[\"']?\s*[:：=]\s*\\*[\"']?(?:ErrorCode_)?|(?<=[码_]))(-?\d{{1,12}})"
            ),
            [name for _turn, name in sorted(platforms)],
            only_beside,
        )
        for (fields, only_beside), platforms in found.items()
    ]


@cache
def _whose(code: str) -> list[str]:
    """Return the platforms whose replies may contain a code."""
    return [platform for platform in PLATFORMS if has_meaning(platform, code)]


def _messages(captured: Captured, refused: list[Diagnosis]) -> Iterator[Diagnosis]:
    """Yield what the words of other libraries mean.

    A code is more precise than words of a platform, and of several words in one line the first ones are.
    """
    text = captured.text
    said = {each.code for each in refused}
    lines = set[int]()
    heard = list(messages.found_in(text))
    if foreign := [each for each in heard if each[0].address]:
        heard = foreign  # what was answered there means what its own documentation says
    elsewhere = {text.count("\n", 0, start) + 1 for message, start, _end in heard if message.of_another_product}
    for message, start, end in heard:
        line = text.count("\n", 0, start) + 1
        if line in elsewhere and not message.of_another_product:
            continue
        found = list(messages.diagnoses(message, text[start:end], line))
        of_a_platform = any(each.code.startswith("platform.") for each in found)
        if (of_a_platform and (refused or line in lines)) or not said.isdisjoint(each.code for each in found):
            continue
        lines |= {line} if of_a_platform else set()
        yield from found
