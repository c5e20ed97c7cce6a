"""MPFlutter, in Dart: its button is a view over a widget, with a callback for each event. Text is searched, not parsed.

There is no grammar of Dart among the packages that install everywhere, and MPFlutter has one button with one spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from haoma.platforms.base.diagnosis import Diagnosis, fault, note

if TYPE_CHECKING:
    from haoma.doctor.mini_program.sources import Source

_BUTTON: Final = re.compile(r"\bMPFlutter_Wechat_Button\s*\(")
_COMMENT: Final = re.compile(r"/\*.{0,20000}?\*/|(?<![:\w\"'])//[^\n]*", re.DOTALL)
_BUTTONS: Final = 200
_CALLBACK: Final = re.compile(r"\bonGet(?:Realtime)?PhoneNumber\s*:\s*(?P<name>[A-Za-z_]\w*)?")
_LOGIN: Final = re.compile(r"\bwx\s*\.\s*login\s*\(")
_SENDS: Final = re.compile(r"\b(?:post|put|request|fetch|send)\w*\s*\(")
_SEALED: Final = re.compile(r"encryptedData")
_GET: Final = re.compile(r"\b(?:http|dio)\s*\.\s*get\s*\(")
_NEAR: Final = 2000


def findings(source: Source) -> Iterator[Diagnosis]:
    """Check the type and the callback of each button, a login before the data is sent, and a GET."""
    if source.suffix != ".dart" or "Phone" not in source.text:
        return
    code = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), source.text)
    for found in islice(_BUTTON.finditer(code), _BUTTONS):
        arguments = code[found.end() : found.end() + _NEAR]
        kind = re.search(r"openType\s*:\s*[\"'](get(?:Realtime)?PhoneNumber)", arguments)
        if kind is None:
            continue
        needed = f"on{kind[1][0].upper()}{kind[1][1:]}"
        if not re.search(rf"\b{needed}\s*:", arguments):
            heard = re.search(r"\bonGet\w+(?=\s*:)", arguments, re.IGNORECASE)
            name = heard[0] if heard else "no event"
            yield source.at(found.start(), fault("doctor.event-never-fires", "", found=name[:60], needed=needed))
    for found in islice(_GET.finditer(code), _BUTTONS):
        if _SEALED.search(code[found.end() : found.end() + 300].partition(";")[0]):
            yield source.at(found.start(), fault("doctor.sent-with-get", "", method="GET"))
    yield from _logins(source, code)


def _logins(source: Source, code: str) -> Iterator[Diagnosis]:
    for found in islice(_CALLBACK.finditer(code), _BUTTONS):
        body, start = code[found.end() : found.end() + _NEAR], found.end()
        if found["name"]:
            declared = re.search(rf"\b{found['name']}\s*\([^)]{{0,200}}\)\s*(?:async\s*)?\{{", code)
            if declared is None:
                continue
            body, start = code[declared.end() : declared.end() + _NEAR], declared.end()
        body = body.partition("\n}")[0]
        login, sends = _LOGIN.search(body), _SENDS.search(body)
        if login and (sends is None or login.start() < sends.start()):
            say = fault if _SEALED.search(body) else note
            yield source.at(
                start + login.start(),
                say("doctor.login-in-callback", "", guess=True, handler=found["name"] or "inline"),
            )
