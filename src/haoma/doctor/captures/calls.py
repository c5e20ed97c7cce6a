"""What a pasted request to a platform shows: which call it is, and what is wrong with its parameters."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from haoma.crypto.strict import decode_base64
from haoma.doctor.captures import messages
from haoma.doctor.platforms import all_symptoms, symptoms
from haoma.errors import HaomaError
from haoma.platforms.base.diagnosis import fault, of_error, warning
from haoma.platforms.base.refusal import refusal

if TYPE_CHECKING:
    from haoma.platforms.base.diagnosis import Diagnosis
    from haoma.platforms.base.symptoms import Captured

_KEY_BYTES: Final = 16
_UNBROKEN: Final = re.compile(r"\S{0,2000}")
_MOST: Final = 64
"""Most addresses of a kind that are looked at."""
_BEFORE: Final = 8 * 1024
_AFTER: Final = 1024
"""Characters between an address and the code that it decides about."""
_NAMES: Final = (
    "component_verify_ticket|component_access_token|component_appsecret|component_appid|authorizer_refresh_token|"
    "access_token|js_code|appid|app_id|app_key|client_id|client_key|client_secret|app_secret|secret|grant_type|auth_code|code"
)
_EMPTY: Final = re.compile(
    rf"(?<!\w)(?P<name>{_NAMES})(?:[\"']?\s*[:=]\s*[\"']?(?P<found>null|undefined|None|nil|NaN)\b"
    rf"|[\"']?\s*:\s*(?:\"\"|'')|=(?=&|[\"']?\s+-|[\"']?[ \t]*$))",
    re.MULTILINE,
)
_TOKEN: Final = re.compile(  # in an address, or as Python, Java, PHP and Node print it
    r"(?i)(?<![a-z])(?:[a-z]{1,20}_)?access_?token[\\\"'\]]{0,4}\s{0,4}(?:=>|[:=])\s{0,4}(?:string\(\d+\)\s)?[\\\"'(]{0,3}"
    r"([A-Za-z0-9+/]{22}(?:==|%3[dD]%3[dD]))(?![A-Za-z0-9+/%=])"
)
_APP_ID: Final = r"(?<![A-Za-z])(?:app_?id|client_?id|client_key|app_?key)[\"']?\s*[:=]\s*[\"']?({shape})(?!\w)"


class Call(NamedTuple):
    """A call of a platform that a text names with its address or interface.

    Attributes:
        at: Where in the text.
        platform: Name of the platform; empty for a call that is not ours.
        place: The place of its answers in the platform's table.
    """

    at: int
    platform: str
    place: str


def calls_in(text: str) -> list[Call]:
    """Return the calls that a text names, in order. Of several in one address, that of the most telling platform."""
    lowered = text.lower()
    spans = [span for each in messages.table() if each.address and (span := each.found_in(text, lowered))]
    found = [Call(start, "", "") for start, _end in spans]
    ends = {start: _rest(text, end) for start, end in spans}
    for platform, each in all_symptoms():
        for pattern, place in each.interfaces.items():
            for match in islice(re.finditer(pattern, text), _MOST):
                if not any(start < match.end() and match.start() < end for start, end in ends.items()):
                    ends[match.start()] = _rest(text, match.end())
                    found.append(Call(match.start(), platform, place))
    return sorted(found)


def _rest(text: str, end: int) -> int:
    """Return where an address ends that is there up to ``end``."""
    found = _UNBROKEN.match(text, end)
    return found.end() if found else end


def beside(named: list[Call], at: int) -> Call | None:
    """Return the call that a code at this place of the text answers: the last one before it, or else the next one."""
    before = [each for each in named if 0 <= at - each.at <= _BEFORE]
    after = [each for each in named if 0 < each.at - at <= _AFTER]
    return before[-1] if before else after[0] if after else None


def called(text: str) -> str:
    """Return the platform whose call a text names first; empty if none."""
    return next((each.platform for each in calls_in(text) if each.platform), "")


def cause_in(captured: Captured) -> Diagnosis | None:
    """Return what is wrong with the parameters of a pasted request, whatever was answered; None if nothing is."""
    text = captured.text
    if (token := _TOKEN.search(text)) and _is_session_key(unquote(token[1])):
        return fault("doctor.session-key-as-token", "access_token")
    empty = None if isinstance(captured.value, dict | list) else _EMPTY.search(text)
    if empty is None or not (platform := called(text)):
        return None
    name, found = empty["name"], empty["found"] or "nothing"
    if native := symptoms(platform).missing.get(name):
        code, _, place = native.partition("@")
        return of_error(refusal(platform, code, place=place), field=name, found=found)
    return fault("doctor.parameter-empty", name, field=name, found=found)


def stranger_in(captured: Captured, platform: str) -> Diagnosis | None:
    """Return that a request names an app id that is not configured; None if it names none, or one of ours."""
    apps = captured.apps(platform)
    shape = symptoms(platform).app_id
    if not apps or shape is None:
        return None
    known = {app.app_id for app in apps}
    named = re.findall(_APP_ID.format(shape=shape.pattern), captured.text, re.IGNORECASE)
    if not named or known & set(named):
        return None
    return warning("doctor.app-not-configured", "", appid=named[0])


def _is_session_key(value: str) -> bool:
    try:
        return len(decode_base64(value, "access_token")) == _KEY_BYTES
    except HaomaError:
        return False
