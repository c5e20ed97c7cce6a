"""Answers of a platform, of a back end, and of haoma itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue
from haoma.crypto.strict import parse_json
from haoma.doctor.captures.unwrap import is_of_a_back_end
from haoma.doctor.platforms import all_symptoms, opens_offline, symptoms
from haoma.errors import BY_CODE, HaomaError
from haoma.platforms.base.diagnosis import Diagnosis, Severity, good, masked, note, of_error, warning
from haoma.platforms.base.symptoms import Captured, Looked, has_meaning, meanings, place_of
from haoma.platforms.registry import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator

_WELL: Final = ("0", "200")
_SHORT: Final = 4  # digits: HTTP statuses, and counters whose meaning differs everywhere


# --- a platform's ---


def of_a_platform(captured: Captured) -> Looked | None:
    """Diagnose an answer of a platform's API; return None if no known platform sends it."""
    return next(filter(None, (each.reply(captured) for _name, each in all_symptoms())), None)


def bare_value(captured: Captured) -> Looked | None:
    """Diagnose a bare value of one platform, such as a sealed number; return None if the capture is not one."""
    return next(filter(None, (each.bare(captured) for _name, each in all_symptoms())), None)


# --- a back end's ---


def of_a_back_end(captured: Captured) -> Looked | None:
    """Recognise an answer of the user's own program; return None if it is not one. Others diagnose its contents."""
    found = captured.object
    if not is_of_a_back_end(found):
        return None
    code, words = str(found["code"]), str(found.get("msg") or found.get("message") or "")
    known = [platform for platform in PLATFORMS if len(code) > _SHORT and has_meaning(platform, code)]
    handed_on = meanings(captured, known[0], code, words) if len(known) == 1 else ()
    say = note if code in _WELL else warning
    itself = say("doctor.own-back-end", "", answered=code[:12], says=masked(words)[:120])
    return Looked("back-end", [*(replace(each, guess=True) for each in handed_on), itself])


# --- haoma's own ---


def problem(captured: Captured) -> Looked | None:
    """Diagnose a refusal that haoma returned; return None if the capture is not one."""
    found = captured.object
    code = found.get("code")
    if not isinstance(code, str) or code not in catalogue.codes():
        return None
    cls = BY_CODE.get(code)
    platform, native = str(found.get("platform", "")), str(found.get("platform_code", ""))
    if cls is None or code == "config.faults":
        return Looked("haoma-problem", [Diagnosis(code, Severity.FAULT)])
    error = cls(
        platform=platform,
        app=str(found.get("app", "")),
        step=int(step) if isinstance(step := found.get("step"), int) else 0,
        platform_code=native,
        place=place_of(platform, native, code),
        platform_sub_code=str(found.get("platform_sub_code", "")),
        platform_message=masked(str(found.get("platform_message", "")))[:300],
    )
    if code == "platform.ip-not-allowed":
        error = error.evolve(platform_message=str(found.get("platform_message", ""))[:300])
    return Looked("haoma-problem", [of_error(error), *_behind(code, platform, error.step)])


def _behind(code: str, platform: str, step: int) -> Iterator[Diagnosis]:
    """Yield the usual meaning of a refusal that tells callers little."""
    if code == "platform.token-rejected":
        yield warning("doctor.token-war", "", guess=True)
    elif code == "platform.code-rejected":
        yield warning("doctor.login-code-as-phone-code", "", guess=True)
    elif code == "trust.cannot-open" and (behind := symptoms(platform).behind_cannot_open.get(step)):
        yield warning(behind, "", guess=True)
    elif code == "trust.cannot-open" and not opens_offline(platform):
        yield warning("doctor.session-key-stale", "", guess=True)
    elif code == "trust.signature-mismatch":
        yield warning("doctor.wrong-public-key", "", guess=True)


def results(captured: Captured) -> Looked | None:
    """Diagnose haoma's results, one per line or in a list; return None if the capture has none.

    If one number has several users, one person may end up with two accounts, or two people with one.
    """
    given: Iterable[object] = captured.value if isinstance(captured.value, list) else [captured.value]
    if captured.value is None:
        given = (_line(line) for line in captured.text.splitlines() if line.strip())
    listed: list[Mapping[str, Any]] = []
    for each in given:
        if not isinstance(each, Mapping) or not {"masked", "checks"} <= each.keys():
            return None
        listed.append(each)
    return Looked("haoma-results", list(_duplicates(listed))) if listed else None


def _line(text: str) -> object:
    try:
        return parse_json(text)
    except HaomaError:
        return None


def _duplicates(listed: list[Mapping[str, Any]]) -> Iterator[Diagnosis]:
    users: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
    shown: dict[str, str] = {}
    for each in listed:
        number = str(each.get("phone_number") or each["masked"])
        shown[number] = str(each["masked"])
        subject = each.get("subject")
        place = str(each.get("platform", "")), str(each.get("app", ""))
        if isinstance(subject, Mapping):
            users[number][place].add(str(subject.get("openid") or subject.get("user_id") or ""))
        else:
            yield note("doctor.no-login", f"apps.{place[1]}", number=shown[number])
    clean = True
    for number, places in users.items():
        count = sum(len(ids) for ids in places.values())
        if count > 1:
            clean = False
            apps = ", ".join(dict.fromkeys(app for _platform, app in places))
            yield warning("doctor.account-duplicate", "", number=shown[number], users=count, apps=apps)
    if clean:
        yield good("doctor.reply-good", "", results=len(listed))
