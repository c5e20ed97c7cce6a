"""What a pasted request to a platform shows: which call it is, and what is wrong with its parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from haoma.crypto.strict import decode_base64
from haoma.doctor.platforms import all_symptoms, symptoms
from haoma.errors import HaomaError
from haoma.platforms.base.diagnosis import fault, of_error, warning
from haoma.platforms.base.refusal import refusal

if TYPE_CHECKING:
    from haoma.platforms.base.diagnosis import Diagnosis
    from haoma.platforms.base.symptoms import Captured

_KEY_BYTES: Final = 16
_NAMES: Final = (
    "component_verify_ticket|component_access_token|component_appsecret|component_appid|authorizer_refresh_token|"
    "access_token|js_code|appid|app_id|client_id|client_key|client_secret|secret|grant_type|auth_code|code"
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


def place_in(text: str, platform: str) -> str:
    """Return the call that a text names with its address or interface; empty if none, or several with other answers."""
    named = symptoms(platform).interfaces
    places = {place for pattern, place in named.items() if re.search(pattern, text)}
    return places.pop() if len(places) == 1 else ""


def called(text: str) -> str:
    """Return the platform whose call a text names; empty if none."""
    named = ((name, pattern) for name, each in all_symptoms() for pattern in each.interfaces)
    return next((name for name, pattern in named if re.search(pattern, text)), "")


def cause_in(captured: Captured) -> Diagnosis | None:
    """Return what is wrong with the parameters of a pasted request, whatever was answered; None if nothing is."""
    text = captured.text
    if (token := _TOKEN.search(text)) and _is_session_key(unquote(token[1])):
        return fault("doctor.session-key-as-token", "access_token")
    if isinstance(captured.value, dict | list) or not (platform := called(text)):
        return None
    empty = _EMPTY.search(text)
    if empty is None:
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
