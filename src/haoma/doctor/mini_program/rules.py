"""The findings: what was seen on the way from the button to the server, judged.

What is certain is a fault. What could not be followed is listed as such and never becomes a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, ParamSpec

from haoma.doctor.mini_program import syntax
from haoma.doctor.mini_program.syntax import text
from haoma.doctor.mini_program.values import (
    AUTHORIZATION,
    BASE64,
    EVENTS,
    NUMBER_NAME,
    NUMBERS,
    Leaf,
    Tag,
    all_tags,
    leaves,
)
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, note, warning

if TYPE_CHECKING:
    from tree_sitter import Node

    from haoma.doctor.mini_program.follow import Followed, Handled
    from haoma.doctor.mini_program.machine import LoggedIn, Place, Seen, Send
    from haoma.doctor.mini_program.modules import Modules
    from haoma.doctor.mini_program.sources import Source

_PHONE_CODE: Final = frozenset({"phone_code", "phoneCode"})
_LOGIN_CODE: Final = frozenset({"login_code", "loginCode", "js_code", "jsCode"})
_PROVEN_AGAIN: Final = re.compile(r"sms|captcha|verif\w{0,9}code|v_?code|check_?code|password", re.IGNORECASE)
_TYPED: Final = re.compile(
    r"(?!\w*(?:country|area|nation|region|zip|post|invit|promo|channel|shop|role|type|qr))\w{0,20}code|otp|pin|pass_?word|pwd",
    re.IGNORECASE,
)
_SIGNED: Final = re.compile(r"\w{0,20}(?:sign|signature|ticket|proof|hmac|nonce|sealed)|sig", re.IGNORECASE)
_HOST: Final = re.compile(r"^https?://[^/?]*/?", re.IGNORECASE)
_DELIVERED: Final = re.compile(
    r"order|address|cart|deliver|express|invoice|contact|consignee|apply|appoint|reserv|feedback|"
    r"sms|captcha|verif|send_?code|(?:^|[/_])(?:pre_?)?pay",
    re.IGNORECASE,
)
_IDENTIFIES: Final = re.compile(r"log_?in|sign|auth|bind|regist|phone|mobile|user|member|account|token", re.IGNORECASE)
_SEVERITIES: Final = {Severity.FAULT: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def findings(followed: Followed) -> Iterator[Diagnosis]:
    """Judge what was followed."""
    for handled in followed.handled:
        yield from surely(handled.button.source, _of_handler, handled, followed)
    yield from of_sends(followed.rest)
    yield from _lost(followed.rest)
    for button in followed.unheard:
        yield button.source.on(button.line, note("doctor.kit-unknown", "", found=button.tag[:60]))
    yield from _nothing_posted(followed)


_Given = ParamSpec("_Given")


def surely(
    source: Source, find: Callable[_Given, Iterator[Diagnosis]], *given: _Given.args, **named: _Given.kwargs
) -> Iterator[Diagnosis]:
    """Yield what is found in a file; if the analysis itself fails, say that the file was not understood."""
    try:
        yield from find(*given, **named)
    except Exception:  # noqa: BLE001 - one file that nobody thought of must not hide what is wrong in the others
        yield source.on(1, not_understood("analysis failed"))


def _of_handler(handled: Handled, followed: Followed) -> Iterator[Diagnosis]:
    source, line = handled.button.source, handled.button.line
    if handled.tap:
        yield from _login_at_the_tap(handled, followed)
        return
    if not handled.found:
        yield source.on(line, not_understood("handler not found", handled.name))
    yield from of_sends(handled.seen)
    yield from _missed(handled, followed)
    for send in handled.shim.sends:
        for found in _sign(send):
            yield _at(send.origin, found)
    yield from _logins(handled)
    yield from _lost(handled.seen)


def not_understood(what: str, name: str = "") -> Diagnosis:
    """Return the note about something that was not understood."""
    facts: dict[str, object] = {"name": name[:60]} if name else {}
    return Diagnosis("doctor.not-understood", Severity.NOTE, "", {"what": what} | facts)


def _lost(seen: Seen) -> Iterator[Diagnosis]:
    for place, what, name in seen.lost:
        yield _at(place, not_understood(what, name))


def _at(place: Place, found: Diagnosis) -> Diagnosis:
    return replace(found, file=place.path, line=place.line)


# --- what is sent, and how -------------------------------------------------------------------------------------------


def of_sends(seen: Seen) -> Iterator[Diagnosis]:
    """Judge the requests that were seen."""
    for send in seen.sends:
        for found in _get(send):
            yield _at(send.place, found)
        for rule in (_sign, _codes, _number, _session_key):
            for found in rule(send):
                yield _at(send.origin, found)


def _get(send: Send) -> Iterator[Diagnosis]:
    """Report data sent with GET: in an address every ``+`` of base64 becomes a space, and every log keeps it."""
    tags = send.tags & AUTHORIZATION
    if send.to or not tags:
        return
    if all_tags(send.url) & BASE64 and send.method not in ("GET", "?"):
        yield fault("doctor.sent-with-get", "", method=send.method, in_address=True)
    elif send.method == "GET":
        say = fault if tags & (BASE64 | EVENTS) else warning
        facts = {"by_default": True} if send.by_default else {}
        facts |= {"in_address": True} if all_tags(send.url) & AUTHORIZATION else {}
        yield say("doctor.sent-with-get", "", method="GET", **facts)
    elif send.method == "?":
        yield not_understood("method of a request")


def _sign(send: Send) -> Iterator[Diagnosis]:
    """Report an envelope whose inner ``response`` is sent alone: without its sign nothing can be verified."""
    tags = send.tags
    whole = {Tag.SIGN, Tag.ENVELOPE, Tag.ENVELOPE_OBJECT, Tag.ENVELOPE_REPLY}
    if (
        Tag.CIPHERTEXT in tags
        and not tags & whole
        and not any(leaf.value.open for leaf in leaves(send.body) if not leaf.path)
    ):
        yield fault("doctor.sign-lost", "", found="JSON.parse(res.response).response", needed="res.response")


def _codes(send: Send) -> Iterator[Diagnosis]:
    """Report a code under the name of the other one."""
    swapped = list[Diagnosis]()
    for leaf in leaves(send.body):
        named = leaf.name in _PHONE_CODE or (leaf.name == "code" and leaf.path[-2:-1] == ("authorization",))
        if leaf.value.tags == {Tag.LOGIN_CODE} and named and not leaf.value.open:
            yield fault("doctor.login-code-as-phone-code", "", sent_as=".".join(leaf.path))
            return
        if leaf.value.tags == {Tag.PHONE_CODE} and leaf.name in _LOGIN_CODE and not leaf.value.open:
            swapped.append(fault("doctor.phone-code-as-login-code", "", sent_as=".".join(leaf.path)))
    yield from swapped[:1]


def _number(send: Send) -> Iterator[Diagnosis]:
    """Report a number that the server opens and returns to the phone, which then sends it as its user's number.

    A number that is typed, proven by a new message or by the button itself, that a message is sent to, that pays or
    where something is delivered to, is not reported. One that the server signed is not understood.
    """
    parts = leaves(send.body)
    address = " ".join(_HOST.sub("", each) for each in send.url.texts)
    if any(map(_proves, parts)) or _DELIVERED.search(address) or send.tags & AUTHORIZATION:
        return
    answers = NUMBERS | {Tag.REPLY_TO_PHONE, Tag.KEPT_REPLY}
    signed = any(_SIGNED.fullmatch(leaf.name) and leaf.value.tags & answers for leaf in parts)
    for leaf in parts:
        if not _is_number(leaf):
            continue
        elsewhere = Tag.KEPT_NUMBER in leaf.value.tags and not _IDENTIFIES.search(address)
        if elsewhere and address:
            return
        if send.to or leaf.value.open or signed or elsewhere:
            yield not_understood("number that comes from the server", leaf.name)
        else:
            yield fault("doctor.number-from-the-phone", "", sent_as=leaf.name)
        return


def _proves(leaf: Leaf) -> bool:
    """Return whether a part of a request proves the number beside it anew: what the user typed, of a message say."""
    known = leaf.value.tags - {Tag.MISSING} or leaf.value.texts
    return bool(_PROVEN_AGAIN.search(leaf.name) or (_TYPED.fullmatch(leaf.name) and not known))


def _is_number(leaf: Leaf) -> bool:
    named = NUMBER_NAME.fullmatch(leaf.name) is not None
    if leaf.value.tags & NUMBERS:
        return bool(leaf.path) and (named or Tag.NUMBER in leaf.value.tags)
    return named and Tag.REPLY_TO_PHONE in leaf.value.tags


def _session_key(send: Send) -> Iterator[Diagnosis]:
    """Report a session_key that goes along with the data. A handle of their own may be called ``sessionKey``."""
    if not send.tags & AUTHORIZATION:
        return
    names = {leaf.name for leaf in leaves(send.body)}
    if Tag.SESSION_KEY in send.tags or "session_key" in names:
        yield fault("doctor.session-key-in-front-end")
    elif {"sessionKey", "SessionKey"} & names and send.tags & {Tag.SEALED, Tag.IV}:
        yield warning("doctor.session-key-in-front-end", "", guess=True)


def _missed(handled: Handled, followed: Followed) -> Iterator[Diagnosis]:
    """Report a field that the event does not have. A handler may serve two buttons, of which one gives it."""
    if not handled.seen.missed:
        return
    page, name = handled.button.source.stem, handled.name
    same = [each for each in followed.handled if (each.button.source.stem, each.name) == (page, name)]
    for missed in handled.seen.missed:
        if missed.of_nothing and any(send.tags & AUTHORIZATION for each in same for send in each.seen.sends):
            continue
        code = "doctor.button-of-a-kit" if missed.of_kit else "doctor.field-not-given"
        yield _at(missed.place, fault(code, "", found=missed.found, needed=missed.needed))


# --- when it is sent -------------------------------------------------------------------------------------------------


def _logins(handled: Handled) -> Iterator[Diagnosis]:
    """Report a login in the button's callback before the data is sent: it may replace the key of that very data."""
    worst: dict[LoggedIn, Diagnosis] = {}
    for (login, send), sure in handled.seen.before.items():
        found = _too_late(login, send, handled.name, sure=sure)
        if found and (login not in worst or _SEVERITIES[found.severity] < _SEVERITIES[worst[login].severity]):
            worst[login] = found
    for login, found in worst.items():
        yield _at(login.place, found)


def _too_late(login: LoggedIn, send: Send, handler: str, *, sure: bool) -> Diagnosis | None:
    tags = send.tags
    sealed = tags & {Tag.SEALED, Tag.IV}
    if not sealed and not tags & (EVENTS | {Tag.PHONE_CODE}):
        return None  # an envelope, which no session_key opens
    if not sure and login.calls:
        return None  # a wrapper that logs in if there is no token yet
    facts = {"handler": handler[:60] if re.fullmatch(r"[\w.$]+", handler) else "inline"}
    facts |= {name: each for name, each in (("calls", login.calls), ("defined_in", login.defined_in)) if each}
    severity, guess = Severity.FAULT, False
    if not sure or not (sealed or tags & EVENTS):
        severity, guess = Severity.NOTE, not sure
    elif tags & (EVENTS | {Tag.PHONE_CODE}):
        severity, guess = Severity.WARNING, True
    return Diagnosis("doctor.login-in-callback", severity, "", facts, guess)


def _login_at_the_tap(handled: Handled, followed: Followed) -> Iterator[Diagnosis]:
    """Report a login at the tap on the button itself. Whether it ends before the data is made is luck."""
    others = [each for each in followed.handled if each.button == handled.button and not each.tap]
    tags = frozenset[Tag]().union(*(send.tags for each in others for send in each.seen.sends)) & AUTHORIZATION
    harmless = tags and not tags & ({Tag.SEALED, Tag.IV} | EVENTS)
    for login in handled.seen.logins:
        if not tags & BASE64 or tags & {Tag.SEALED, Tag.IV}:
            severity = Severity.NOTE if harmless else Severity.WARNING
            facts = {"handler": handled.name[:60], "event": handled.tap}
            yield _at(login.place, Diagnosis("doctor.login-in-callback", severity, "", facts, guess=True))


def _nothing_posted(followed: Followed) -> Iterator[Diagnosis]:
    """Report a button whose data is sent nowhere, if all that its handler does was understood."""
    seen = [followed.rest, *(each.seen for each in followed.handled)]
    if any(each.sends or each.lost or each.missed or each.passed_on for each in seen[1:]) or followed.unheard:
        return
    if any(send.tags & AUTHORIZATION for send in followed.rest.sends) or followed.rest.lost:
        return
    found = [each for each in followed.handled if each.found and not each.tap]
    if not found or len(found) != sum(not each.tap for each in followed.handled):
        return
    said = warning("doctor.nothing-posted", "", guess=True)
    if followed.keeps:
        said = not_understood("kept, and not seen to be sent")
    elif any(each.seen.skipped for each in found):
        said = not_understood("branch that was not taken")
    yield found[0].button.source.on(found[0].button.line, said)


# --- session_key -----------------------------------------------------------------------------------------------------

_KEY: Final = re.compile(r"\b(?:session_?[kK]ey|SessionKey)\b")
_OWN: Final = re.compile(
    r"(?:^|\.)(?:this|that|self|vm|state|globalData|\$store|app|config|store|props|user|session)$|(?:this|that|self)\.data$"
)


def session_keys(source: Source, modules: Modules) -> Iterator[Diagnosis]:
    """Report a session_key in the front end: anyone who has it can write any phone number.

    ``sessionKey`` is also what teams call a handle of their own: a warning, and only if it is read from an answer.
    """
    if not _KEY.search(source.text) or source.suffix == ".json":
        return
    for module in modules.of(source):
        for node in syntax.walk(module.root):
            name = text(node) if node.type in _READS and node.child_count == 0 else ""
            if name in ("session_key", "sessionKey", "SessionKey") and (say := _says(node, name)):
                yield source.on(module.line(node), say("doctor.session-key-in-front-end"))
                return


_READS: Final = frozenset({
    "property_identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern", "string_fragment",
})  # fmt: skip


def _says(node: Node, name: str) -> Callable[..., Diagnosis] | None:
    around = node.parent
    if around is None or node.type == "string_fragment":
        return None
    if around.type == "member_expression":
        of = text(around.child_by_field_name("object"))
        above = around.parent
        assigned = above.child_by_field_name("left") if above and above.type == "assignment_expression" else None
        if assigned == around or _OWN.search(of):
            return None
        return fault if name == "session_key" else warning
    if name == "session_key" and around.type in ("object_pattern", "pair_pattern", "pair", "object"):
        return fault
    return warning if around.type in ("object_pattern", "pair_pattern") else None
