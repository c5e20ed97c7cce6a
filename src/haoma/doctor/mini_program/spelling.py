"""Whether a button's event can fire: its type, the exact name of the event, and what its component passes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from haoma.doctor.mini_program.framework import OWN_BUTTON, Framework
from haoma.doctor.mini_program.kits import NO_BUTTONS, Kit, component_of
from haoma.doctor.mini_program.markup import OPEN, PHONE_TYPE, Button
from haoma.doctor.mini_program.sources import BINDS, PAGES, REALTIME
from haoma.platforms.base.diagnosis import Diagnosis, fault, note, warning

_TYPES: Final = {each.lower(): each for each in ("getPhoneNumber", "getRealtimePhoneNumber", "getAuthorize")}
_PROP: Final = re.compile(r"\bprops\b[^;]{0,4000}?\bopenType\b|defineProps[^;]{0,4000}?\bopenType\b")
"""A component whose type is given to it is judged where it is used."""
_OF_VUE: Final = {"getPhoneNumber": "getphonenumber", "getRealtimePhoneNumber": "getrealtimephonenumber"}
_OF_REACT: Final = {
    "getPhoneNumber": "onGetPhoneNumber", "getRealtimePhoneNumber": "onGetRealTimePhoneNumber",
    "getAuthorize": "onGetAuthorize",
}  # fmt: skip
_OF_VUE_IN_JSX: Final = {
    "getPhoneNumber": "onGetphonenumber", "getRealtimePhoneNumber": "onGetrealtimephonenumber",
    "getAuthorize": "onGetAuthorize",
}  # fmt: skip


def findings(button: Button, framework: Framework) -> Iterator[Diagnosis]:
    """Check one button by the rules of its framework."""
    component = component_of(button, framework)
    written_in = framework.of(button.source)
    if component.kit is not None:
        yield from _of_kit(button, component.kit)
    elif not component.own:
        return  # a component of their own may have its own events
    elif button.tag in NO_BUTTONS:
        yield _never(button, f"<{button.tag}>", "<button>")
    elif not button.kind and not OPEN & button.attributes.keys():
        yield _never(button, "no open-type", _type_of(button))
    elif button.source.suffix in PAGES:
        yield from (_of_authorize if button.source.suffix not in BINDS else _of_the_others)(button)
    elif written_in == "uni":
        yield from _of_uni(button, framework)
    else:
        yield from _of_taro(button, framework, written_in)


def _on(button: Button, found: Diagnosis) -> Diagnosis:
    return button.source.on(button.line, found)


def _never(button: Button, found: str, needed: str, *, guess: bool = False) -> Diagnosis:
    return _on(button, fault("doctor.event-never-fires", "", guess=guess, found=found[:60], needed=needed))


def _heard(button: Button) -> str:
    return ", ".join(button.events) or "no event"


def _type_of(button: Button) -> str:
    """Return the type that goes with the events that a button listens to."""
    heard = " ".join(button.events).lower()
    if "authorize" in heard:
        return "getAuthorize"
    return "getRealtimePhoneNumber" if "realtime" in heard else "getPhoneNumber"


def _misspelt(kind: str) -> str:
    """Return the correct spelling of a type with wrong capitals; empty if it is correct or another type."""
    rights = ((part, _TYPES.get(part.lower(), part)) for part in kind.split("|"))
    return next((right for part, right in rights if part != right), "")


def _event(name: str) -> str:
    """Return the event of an attribute, without what makes it a listener and without modifiers."""
    return re.sub(r"^(?:@|v-on:|on(?=[A-Za-z])|bind:?|catch:?|mut-bind:?|capture-\w+:)", "", name).partition(".")[0]


def _asks_for_the_phone(button: Button) -> bool:
    names = ("scope", ":scope", "v-bind:scope")
    scopes = [value.strip("\"'`") for name, value in button.attributes.items() if name in names]
    return any(scope == "phoneNumber" or not scope.isalpha() or ":scope" in button.attributes for scope in scopes)


# --- UI kits ---------------------------------------------------------------------------------------------------------


def _of_kit(button: Button, kit: Kit) -> Iterator[Diagnosis]:
    """Check what the table knows of a kit: whether the event of this type arrives."""
    kind = button.kind
    if right := _misspelt(kind) if PHONE_TYPE.fullmatch(kind) else "":
        yield _never(button, f"open-type={kind}", right)
    elif kind in kit.loses:
        lost = f"open-type={kind}"[:60]
        yield _on(button, warning("doctor.button-of-a-kit", "", found=button.tag, kit=kit.name, lost=lost))
    elif kind in kit.forwards and not button.events and not OPEN & button.attributes.keys():
        yield _never(button, "no event", "getAuthorize" if kind == "getAuthorize" else kind.partition("|")[0].lower())
    elif kind not in kit.forwards:
        yield _on(button, note("doctor.kit-unknown", "", found=button.tag, kit=kit.name, lost=f"open-type={kind}"[:60]))


# --- native pages ----------------------------------------------------------------------------------------------------


def _of_authorize(button: Button) -> Iterator[Diagnosis]:
    """Check a native page with ``getAuthorize``: its type, its ``scope``, and the exact name ``onGetAuthorize``."""
    kind = button.kind
    if kind != "getAuthorize" and not button.is_dynamic:
        yield _never(button, f"open-type={kind}", "getAuthorize")
    elif (scope := button.attributes.get("scope", "")) != "phoneNumber" and "{{" not in scope:
        yield _never(button, f"scope={scope}" if scope else "no scope", 'scope="phoneNumber"')
    elif not {"onGetAuthorize", "catchGetAuthorize", "onGetPhoneNumber"} & button.attributes.keys():
        yield _never(button, _heard(button), "onGetAuthorize")


def _of_the_others(button: Button) -> Iterator[Diagnosis]:
    """Check a native page of other platforms: ``bindgetphonenumber``, in lower case, matching the button's type."""
    kind, realtime = button.kind, button.source.suffix in REALTIME
    if kind == "getAuthorize" or (kind == "getRealtimePhoneNumber" and not realtime):
        yield _never(button, f"open-type={kind}", "getPhoneNumber")
        return
    if right := _misspelt(kind):
        yield _never(button, f"open-type={kind}", right)
        return
    event = f"get{_which(kind) if realtime else ''}phonenumber"
    if not any(re.fullmatch(rf"(?:mut-)?(?:bind|catch):?{event}", name) for name in button.attributes):
        needed = "bindgetrealtimephonenumber" if kind == "getRealtimePhoneNumber" else "bindgetphonenumber"
        yield _never(button, _heard(button), needed)


def _which(kind: str) -> str:
    """Return a pattern for the part of the event between ``get`` and ``phonenumber``: a platform may have two types."""
    parts = kind.split("|")
    if "getPhoneNumber" in parts:
        return ""
    return "realtime" if "getRealtimePhoneNumber" in parts else "(?:realtime)?"  # chosen at run time


# --- uni-app ---------------------------------------------------------------------------------------------------------


def _of_uni(button: Button, framework: Framework) -> Iterator[Diagnosis]:
    """Check uni-app: what its compiler maps for ``getAuthorize``, and what it silently drops."""
    kind = "" if button.is_dynamic else button.kind
    events = {_event(name) for name in button.events if name.startswith(("@", "v-on:"))}
    if framework.for_authorize and button.is_compiled(OWN_BUTTON):
        if button.is_dynamic and "getAuthorize" not in events and not _PROP.search(button.source.text):
            if re.fullmatch(r"[\w$]+", button.kind) or PHONE_TYPE.search(button.kind):
                yield _on(button, fault("doctor.dynamic-open-type", "", found=":open-type"))
            else:  # an entry of a list, say
                yield _on(button, note("doctor.not-understood", "", what="open-type chosen at run time"))
        if kind in ("getRealtimePhoneNumber", "getPhoneNumber|agreePrivacyAuthorization"):
            yield _on(button, fault("doctor.open-type-unmapped", "", found=kind))
    heard = ", ".join(sorted(events)) or _heard(button)
    if right := _misspelt(kind):
        yield _never(button, f"open-type={kind}", right)
    elif kind == "getAuthorize" and "getAuthorize" not in events:
        yield _never(button, heard, "@getAuthorize")
    elif kind == "getAuthorize" and not _asks_for_the_phone(button):
        yield _never(button, "no scope", 'scope="phoneNumber"')
    elif kind in _OF_VUE and _OF_VUE[kind] not in events and not OPEN & button.attributes.keys():
        yield _never(button, heard, f"@{_OF_VUE[kind]}", guess=True)


# --- Taro ------------------------------------------------------------------------------------------------------------


def _of_taro(button: Button, framework: Framework, written_in: str) -> Iterator[Diagnosis]:
    """Check Taro: it passes ``openType`` through unchanged, so ``getAuthorize`` must be chosen where it is meant."""
    if "TARO_ENV" not in button.source.text and framework.for_authorize and PHONE_TYPE.search(button.kind):
        yield _on(button, fault("doctor.taro-open-type", "", found=button.kind[:40]))
    dead = list(_dead_spelling(button, framework, written_in))
    yield from dead or _dead_in_taro(button, written_in)


def _dead_spelling(button: Button, framework: Framework, written_in: str) -> Iterator[Diagnosis]:
    """Find wrong capitals in JSX. Taro for React ignores them; Vue 3 makes ``get-phone-number`` of them, and is deaf.

    In a template Vue keeps them (Vue 3 since 3.2.38), as Vue 2 does everywhere, and Taro compares in small letters. Vue
    treats an attribute as a listener only if a capital, or no letter, follows ``on``. ``getAuthorize`` works in both
    spellings.
    """
    if written_in == "react" or (written_in == "taro" and button.tag == "Button"):
        return  # in Vue's JSX the buttons are lower case
    if not button.is_jsx or framework.is_vue2:
        return
    for name in button.events:
        event = re.sub(r"^(?:@|v-on:|on)", "", name).partition(".")[0]
        right = {f"on{event.capitalize()}"}
        written = name.partition(".")[0]
        if "authorize" in event.lower() or written in right or not written.startswith(("@", "v-on:", "on")):
            continue
        if written_in == "vue":
            yield _never(button, written, f"on{event.capitalize()}")
        else:
            yield _on(button, note("doctor.taro-framework-unknown", "", found=written))


def _dead_in_taro(button: Button, written_in: str) -> Iterator[Diagnosis]:
    kind = button.kind
    if not button.is_jsx:
        names = _OF_VUE | {"getAuthorize": "getAuthorize"}
    else:
        names = _OF_VUE_IN_JSX if written_in == "vue" else _OF_REACT
    needed = names.get(kind, "")
    events = {_event(name).lower() for name in button.events if name.startswith(("@", "v-on:", "on"))}
    usable = {needed.removeprefix("on").lower(), *(["getphonenumber"] if kind == "getAuthorize" else [])}
    if right := _misspelt(kind) if PHONE_TYPE.fullmatch(kind) else "":
        yield _never(button, f"openType={kind}", right)
    elif OPEN & button.attributes.keys():
        return
    elif kind == "getAuthorize" and not _asks_for_the_phone(button):
        yield _never(button, "no scope", "scope='phoneNumber'")
    elif needed and not usable & events:
        yield _never(button, _heard(button), needed)
