"""Reads a mini program's folder for mistakes that the server cannot see.

Text is searched, not parsed, because the files are in eight languages and three frameworks. So a finding that follows
from a habit more than from a rule is marked as a guess. Each rule is one function.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program.calls import Calls, Login
from haoma.doctor.mini_program.sources import API, BINDS, PAGES, PHONE_TYPE, REALTIME, Source, Span, read
from haoma.doctor.platforms import all_symptoms
from haoma.platforms.base.diagnosis import Diagnosis, fault, good, note, warning

if TYPE_CHECKING:
    from haoma.doctor.configuration.secrets import Known
    from haoma.settings.model import ServiceKey

_VUE: Final = frozenset({".vue", ".nvue", ".uvue"})
_CALLS: Final = 200
"""Most calls of one kind that are examined in a file. No file written by people has more."""
_LOGIN: Final = re.compile(API + r"\s*\.\s*(?:login|getAuthCode|getLoginCode)\s*\(")
_TYPES: Final = {each.lower(): each for each in ("getPhoneNumber", "getRealtimePhoneNumber", "getAuthorize")}
_OF_VUE: Final = {"getPhoneNumber": "getphonenumber", "getRealtimePhoneNumber": "getrealtimephonenumber"}
_OF_REACT: Final = {
    "getPhoneNumber": "onGetPhoneNumber", "getRealtimePhoneNumber": "onGetRealTimePhoneNumber",
    "getAuthorize": "onGetAuthorize",
}  # fmt: skip
_OF_VUE_IN_JSX: Final = {
    "getPhoneNumber": "onGetphonenumber", "getRealtimePhoneNumber": "onGetrealtimephonenumber",
    "getAuthorize": "onGetAuthorize",
}  # fmt: skip
_OPEN: Final = frozenset({"...", "v-bind", "v-on"})
"""Spread attributes, which may pass on more than the text shows."""
_OWN_BUTTON: Final = re.compile("|".join(each.own_button for _name, each in all_symptoms() if each.own_button))
"""What shows that something is built for a platform whose button is ``getAuthorize``."""
_MPFLUTTER: Final = re.compile(r"\bMPFlutter_Wechat_Button\s*\(")


@dataclass(frozen=True)
class Project:
    """The whole mini program."""

    sources: Sequence[Source]
    known: Sequence[Known] = ()
    server_keys: Sequence[ServiceKey] = ()

    def _says(self, pattern: str) -> bool:
        return any(re.search(pattern, source.text) for source in self.sources)

    @cached_property
    def is_taro(self) -> bool:
        """True if it uses Taro."""
        return self._says(r"@tarojs/")

    @cached_property
    def _frameworks(self) -> frozenset[str]:
        """The frameworks that the project as a whole uses with Taro."""
        vue = r"plugin-framework-vue|[\"']?framework[\"']?\s*:\s*[\"']vue|[\"']vue[\"']\s*:\s*[\"']"
        react = r"plugin-framework-react|[\"']?framework[\"']?\s*:\s*[\"']p?react|[\"']p?react[\"']\s*:\s*[\"']"
        found = {"vue"} if self._says(vue) or any(each.suffix in _VUE for each in self.sources) else set[str]()
        return frozenset(found | ({"react"} if self._says(react) else set()))

    @cached_property
    def is_vue2(self) -> bool:
        """True if something shows that it uses Vue 2."""
        return self._says(
            r"plugin-framework-vue2|[\"']?framework[\"']?\s*:\s*[\"']vue[\"']|[\"']vue[\"']\s*:\s*[\"'][\^~>=\s]*2\b"
        )

    def framework(self, source: Source) -> str:
        """Return the framework of a Taro file, ``vue`` or ``react``; empty if nothing shows it."""
        if source.suffix in _VUE:
            return "vue"
        return source.framework or (next(iter(self._frameworks)) if len(self._frameworks) == 1 else "")

    @cached_property
    def for_authorize(self) -> bool:
        """True if something shows that it is also built for a platform whose button is ``getAuthorize``."""
        return any(source.suffix == ".axml" for source in self.sources) or self._says(_OWN_BUTTON.pattern)

    @cached_property
    def calls(self) -> Calls:
        """The call graph."""
        return Calls(self.sources)

    @cached_property
    def _by_stem(self) -> Mapping[str, Sequence[Source]]:
        found = defaultdict[str, list[Source]](list)
        for source in self.sources:
            found[source.stem].append(source)
        return found

    def beside(self, source: Source) -> Sequence[Source]:
        """Return the files of the page that a file belongs to, including the file itself."""
        return self._by_stem[source.stem]


def scan(folder: Path, known: Sequence[Known] = (), server_keys: Sequence[ServiceKey] = ()) -> Iterator[Diagnosis]:
    """Read a folder and yield the findings.

    Args:
        folder: The mini program.
        known: Values of the configuration that must not be in it.
        server_keys: Digests of keys that must not be in it.
    """
    sources, left_out = read(folder)
    project = Project(
        sources, [each for each in known if each.secret], [key for key in server_keys if key.kind == "server"]
    )
    codes = set[str]()
    told = set[tuple[str, str, int, str]]()
    for source in sources:
        for rule in RULES if not source.is_plain else (secrets,):
            for found in rule(source, project):
                place = found.code, found.file, found.line, str(found.because)
                if place not in told:  # two pages may lead to the same place
                    told.add(place)
                    codes.add(found.code)
                    yield found
    for whole in PROJECT_RULES:
        for found in whole(project, codes):
            codes.add(found.code)
            yield found
    if left_out:
        yield note("doctor.not-all-read", "", left_out=left_out)
    program = [source for source in sources if not source.is_plain]
    if program and not codes:
        yield good("doctor.front-end-clean", "", files=len(sources))
    elif not program:
        yield warning("doctor.not-all-read", "", files=0)


# --- what must not be in it ------------------------------------------------------------------------------------------

_SET_TO: Final = r"(?::\s*\w{1,20}\s*)?[:=]\s*[\"'`]"  # TypeScript puts the type between name and value
_UNQUOTED: Final = r"(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{32,80}(?![\w-])"
_SHAPES: Final = (
    (re.compile(r"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----"), "private key"),
    (re.compile(r"\bMII[CEJ][A-Za-z0-9+/]{780,}"), "private key"),
    (re.compile(r"\bhk_server_[A-Za-z0-9_-]{20,}"), "server key of haoma"),
    (
        # WeChat, Baidu and Kuaishou have 32 characters, Douyin 40, Huawei and DingTalk 64. Words have no digits.
        re.compile(r"(?i)secret[\"']?\s*" + _SET_TO + r"(?=[a-z_-]*\d)(?=[\d_-]*[a-z])[0-9a-z_-]{32,80}[\"'`]"),
        "AppSecret",
    ),
    # Unquoted, in a .env file or an address.
    (re.compile(r"(?i)secret\s*=\s*" + _UNQUOTED), "AppSecret"),
    (re.compile(r"(?i)aes_?key[\"']?\s*" + _SET_TO + r"[A-Za-z0-9+/]{22}==[\"'`]"), "AES key"),
)
_OF_A_LIST: Final = ((re.compile(r"(?im)secret\s*:\s*" + _UNQUOTED), "AppSecret"),)
"""In YAML. In a program it would be a name."""
_OF_A_PROGRAM: Final = (
    (
        re.compile(
            r"/sns/jscode2session|/cgi-bin/(?:stable_)?token\b|/oauth/(?:stable_)?client_token|"
            r"/api/apps/(?:v2/)?jscode2session|/api/apps/v2/token\b|/oauth/jscode2sessionkey|/nalogin/getSessionKeyByCode|"
            r"/rest/2\.0/smartapp/getsessionkey|/oauth2/mp/code2session|/oauth2/v6/quickLogin|"
            r"/v1\.0/oauth2/userAccessToken"
        ),
        "call that needs the AppSecret",
    ),
)
_LITERAL: Final = re.compile(r"[\"'`]([!-&(-_a-~]{16,512})[\"'`]")


def secrets(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Report a secret in a package that every user downloads. Comments count too."""
    told: set[int] = set()
    for each in project.known:
        # All private keys start alike. The middle is unique, and is on one line however the key is wrapped.
        needle = each.compact[80:120] if len(each.compact) > 200 else each.compact
        position = source.text.find(needle) if len(needle) >= 12 else -1
        if position >= 0:
            told.add(source.line(position))
            yield source.at(position, fault("doctor.secret-in-front-end", each.where, what=each.setting))
    for shape, what in (*_SHAPES, *(_OF_A_LIST if source.is_plain else _OF_A_PROGRAM)):
        for found in shape.finditer(source.text):
            if source.line(found.start()) not in told:
                told.add(source.line(found.start()))
                yield source.at(found.start(), fault("doctor.secret-in-front-end", "", what=what))
    digests = {key.digest for key in project.server_keys}
    for found in _LITERAL.finditer(source.text) if digests else ():
        if hashlib.sha256(found[1].encode("ascii")).digest() in digests and source.line(found.start()) not in told:
            yield source.at(
                found.start(), fault("doctor.secret-in-front-end", "service.server_keys", what="server_keys")
            )


def session_key(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Report a session_key in the front end: anyone who has it can write any phone number."""
    del project
    found = re.search(r"\bsession_?[kK]ey\b", source.code)
    if found and source.suffix != ".json":
        yield source.at(found.start(), fault("doctor.session-key-in-front-end"))


# --- when things are called ------------------------------------------------------------------------------------------

_HANDLER: Final = re.compile(
    r"(?:bind:?|catch:?|@|on|v-on:)[Gg]et(?:realtime|RealTime)?(?:[Pp]hone[Nn]umber|[Aa]uthorize)\s*=\s*"
    r"[\"'{]+\s*(?:this\.|_ctx\.)?([A-Za-z_$][\w$]*)",
    re.IGNORECASE,
)
_INLINE: Final = re.compile(
    r"(?:bind:?|catch:?|@|on|v-on:)get(?:realtime)?(?:phonenumber|authorize)\s*+[=:]\s*+(?:[\"'{]\s*+)?"
    r"(?:async\s*+)?(?:function\s*+)?(?:\([^()]*+\)|\w++)\s*+(?:async\s*+)?(?:=>\s*+)?\{",
    re.IGNORECASE,
)
_OF_DART: Final = re.compile(r"\bonGet(?:Realtime)?PhoneNumber\s*:\s*([A-Za-z_]\w*)\s*[,)]")
_TAP: Final = re.compile(r"(?:bind:?|catch:?|@|v-on:|on)(?:tap|click)(?:\.\w+)*", re.IGNORECASE)
_NAMED: Final = re.compile(r"(?:this\.)?([A-Za-z_$][\w$]*)(?:\(.*\))?")


def login_in_callback(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Report a login in the button's callback before the data is sent: it may replace the key of that very data."""
    called = set[str]()
    for name, body in _handlers(source, project):
        called.add(name)
        if found := project.calls.login(source, body):
            yield source.at(found.position, _too_late(found, fault, handler=name))
    for name, event in _taps(source, project):
        for body in source.functions.get(name, ())[:1] if name not in called else ():
            if found := project.calls.login(source, body):
                # It runs while the platform asks the user. Whether it ends before the data is made is luck.
                yield source.at(found.position, _too_late(found, warning, handler=name, event=event))


def _too_late(found: Login, say: Callable[..., Diagnosis], **facts: str) -> Diagnosis:
    facts |= {name: each for name, each in (("calls", found.calls), ("defined_in", found.path)) if each}
    return say("doctor.login-in-callback", "", guess=bool(found.path) or say is warning, **facts)


def _taps(source: Source, project: Project) -> Iterator[tuple[str, str]]:
    """Yield handler and event for taps on the phone button itself."""
    for page in project.beside(source):
        for _position, _tag, attributes in page.buttons[:_CALLS]:
            for event, value in attributes.items():
                named = _NAMED.fullmatch(value) if _TAP.fullmatch(event) else None
                if named:
                    yield named[1], event


def _handlers(source: Source, project: Project) -> Iterator[tuple[str, Span]]:
    """Yield name and body of the functions that the button calls.

    The file's own markup or that of its page names them, or they are written in the attribute itself.
    """
    pattern = _OF_DART if source.suffix == ".dart" else _HANDLER
    names = [found for page in project.beside(source) for found in pattern.findall(page.code)]
    for name in list(dict.fromkeys(names))[:_CALLS]:
        for body in source.functions.get(name, ())[:1]:
            yield name, body
    for found in islice(_INLINE.finditer(source.code), _CALLS):
        yield "inline", source.braced(found.end() - 1)


# --- how it is sent --------------------------------------------------------------------------------------------------

_ENVELOPE: Final = re.compile(
    r"encryptedData|encrypted_data|(?<!data)\.response\b|\bdetail\.(?:code|iv|sign)|phone_?[cC]ode|authorization\s*:"
)
_CALL: Final = re.compile(r"(?:" + API + r")\s*\.\s*(?:request|httpRequest)\s*\(\s*\{")
_METHOD: Final = re.compile(r"\bmethod\s*:\s*([\"'`]\s*(\w+)|[^,}\s])", re.IGNORECASE)
_ELSEWHERE: Final = re.compile(r"\.\.\.|(?:^|[,{])\s*method\s*(?=[,}]|$)", re.IGNORECASE)
"""Spread options, and ``{ url, method, data }``."""
_POSTING: Final = re.compile(r"\bmethod\b[^,;(){}=]{0,60}=\s*[\"'`](?:POST|PUT)", re.IGNORECASE)
_WRAPPED: Final = re.compile(r"(?<![\w$])(?<!wx\.)(?:\$?http|\$?request|\$?ajax|axios|req)\s*\(\s*\{")
_GET: Final = re.compile(r"(?<![\w.$])get\s*\([^(){};]{1,160},\s*\{")
_IN_QUERY: Final = re.compile(
    r"[?&](?:encryptedData|encrypted_data|response|iv|sign|authorization)=[\"'`]?\s*(?:\+|\$\{|\{\{)"
)
_GETTER: Final = re.compile(r"(?:axios|http|dio|\$u|\$http|request|api)\s*\.\s*get\s*\(")


def sent_with_get(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Report data sent with GET: in an address every ``+`` of base64 becomes a space, and every log keeps it."""
    told = set[tuple[str, int]]()
    for found in (*_gets(source, project), *_gets_of_their_own(source, project)):
        if (found.file, found.line) not in told:  # a call and the address in it are one mistake
            told.add((found.file, found.line))
            yield found


def _gets(source: Source, project: Project) -> Iterator[Diagnosis]:
    handlers = [source.before_sending(body) for _name, body in _handlers(source, project)]
    for call in islice(_CALL.finditer(source.code), _CALLS):
        options = source.code[slice(*source.braced(call.end() - 1))]
        # The first request of a handler carries the button's data. Later ones may fetch anything.
        inside = any(start <= call.start() <= sent for start, sent in handlers)
        if _ENVELOPE.search(options) or (inside and "login" not in options.lower()):
            yield from _judged(source, call, options)
    for found in _IN_QUERY.finditer(source.code):
        yield source.at(found.start(), fault("doctor.sent-with-get", "", method="GET", in_address=True))
    for found in islice(_GETTER.finditer(source.code), _CALLS):
        if _ENVELOPE.search(source.code[found.end() : found.end() + 300].partition(";")[0]):
            yield source.at(found.start(), fault("doctor.sent-with-get", "", method="GET"))


def _gets_of_their_own(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Find requests made through the project's own functions, which only their names reveal."""
    for call in islice(_WRAPPED.finditer(source.code), _CALLS):
        options = source.code[slice(*source.braced(call.end() - 1))]
        if _ENVELOPE.search(options) and _method(options) == "GET":
            yield source.at(call.start(), fault("doctor.sent-with-get", "", method="GET"))
    for found in islice(_GET.finditer(source.code), _CALLS):
        if _ENVELOPE.search(source.code[slice(*source.braced(found.end() - 1))]):
            yield source.at(found.start(), fault("doctor.sent-with-get", "", guess=True, method="GET"))
    for _name, body in _handlers(source, project):
        yield from _given_to_a_get(source, body, project)


def _given_to_a_get(source: Source, body: Span, project: Project) -> Iterator[Diagnosis]:
    """Find a callback that passes the detail to a function that uses GET. That it is this request is a guess."""
    for where, taker in project.calls.takers(source, body):
        sent = where.before_sending(taker).end
        call = _CALL.search(where.code, max(taker.start, sent - 12), taker.end)
        if call and call.start() <= sent < call.end():
            options = where.code[slice(*where.braced(call.end() - 1))]
            if not _ENVELOPE.search(options):  # otherwise the other file reports it
                yield from (replace(found, guess=True) for found in _judged(where, call, options))


def _judged(source: Source, call: re.Match[str], options: str) -> Iterator[Diagnosis]:
    method = _method(options)
    if method == "?":
        if not _POSTING.search(source.code):
            unknown = warning("doctor.sent-with-get", "", guess=True, method="?")
            yield source.at(call.start(), unknown)
    elif method in ("", "GET"):
        facts = {} if method else {"by_default": True}
        yield source.at(call.start(), fault("doctor.sent-with-get", "", method="GET", **facts))


def _method(options: str) -> str:
    """Return the method of a request; ``?`` if something else sets it, empty if nothing does."""
    named: list[str] = [found[2] or "" for found in _METHOD.finditer(options)]
    if any(named):  # an unquoted one then belongs to something inside the options
        return next(filter(None, named)).upper()
    return "?" if named or _ELSEWHERE.search(options) else ""


def login_code_as_phone_code(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Report a ``login()`` code that is posted in place of the phone code."""
    del project
    for call in islice(_LOGIN.finditer(source.code), _CALLS):
        opening = source.code.find("{", call.end() - 1, call.end() + 40)
        body = source.code[slice(*source.braced(opening))] if opening >= 0 else ""
        named = re.search(r"\b(?:phoneCode|phone_code)\s*:\s*\w+\.(?:code|authCode)\b", body)
        posted = re.search(r"authorization\s*:\s*\{\s*code\s*:\s*\w+\.code\b", body)
        to_phone = re.search(r"url\s*:[^,\n]*phone", body, re.IGNORECASE) and re.search(
            r"\bcode\s*:\s*\w+\.code\b", body
        )
        if named or posted or (to_phone and "detail" not in body and "login_code" not in body):
            yield source.at(call.start(), fault("doctor.login-code-as-phone-code", "", guess=True))


# --- what is sent ----------------------------------------------------------------------------------------------------

_SENDS: Final = re.compile(
    r"(?<![\w$])\$?[A-Za-z_]{0,40}?(?:request|post|fetch|ajax|http|axios|api)\w{0,40}\s*\(", re.IGNORECASE
)
_NUMBER: Final = r"(?:pure_?)?(?:user_?)?(?:phone|mobile|telephone|tel|cell)(?:_?(?:number|no|num))?"
_NUMBER_SENT: Final = re.compile(
    rf"(?<![\w$.])(?P<name>{_NUMBER})[\"']?\s*:\s*(?P<of>[A-Za-z_$][\w$]*)(?P<path>(?:\s*\??\.\s*\w+){{0,6}}?)"
    rf"\s*\??\.\s*{_NUMBER}(?![\w$])(?!\s*[.(\[])",
    re.IGNORECASE,
)
_NUMBER_NAMED: Final = re.compile(
    rf"[{{,]\s*(?P<name>{_NUMBER})\s*(?::\s*(?P<of>{_NUMBER})\s*)?(?=[,}}])", re.IGNORECASE
)
_CHOSEN: Final = re.compile(
    r"detail|form|address|contact|order|shop|store|seller|input|this|that|self|event|props|state", re.IGNORECASE
)
_PROVEN_AGAIN: Final = re.compile(r"sms|captcha|verif\w{0,9}code|v_?code|check_?code", re.IGNORECASE)
_OPENED: Final = re.compile(r"decrypt|get_?phone|phone_?number|encrypt", re.IGNORECASE)
_NEAR: Final = 4000


def number_from_the_phone(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Report a number that the server opens and returns to the phone, which then posts it as its user's number.

    The first request sends the envelope or the code. A later one in the same file sends a number taken from an answer.
    A number that was typed, chosen, or proven by a new message is not reported.
    """
    del project
    calls = [
        (found, source.code[slice(*source.braced(found.end() - 1))][:_NEAR])
        for found in islice(_SENDS.finditer(source.code), _CALLS)
    ]
    sent = [found.start() for found, arguments in calls if _ENVELOPE.search(arguments) or _OPENED.search(arguments)]
    for call, arguments in calls:
        first = next((position for position in sent if 0 < call.start() - position < _NEAR), -1)
        number = _out_of_an_answer(source, call, arguments, first) if first >= 0 else None
        # A call nested in this one, as in its callback, is examined separately.
        within = number and any(call.start() < other.start() < call.end() + number.start() for other, _ in calls)
        if number and not within and not _PROVEN_AGAIN.search(arguments):
            found = fault("doctor.number-from-the-phone", "", sent_as=number["name"])
            yield source.at(call.end() + number.start("name"), found)


def _out_of_an_answer(source: Source, call: re.Match[str], arguments: str, first: int) -> re.Match[str] | None:
    """Return where an answer's number is passed to a call; None if none is, or if it comes from elsewhere."""
    since = source.code[source.code.rfind("\n", 0, first) + 1 : call.start()]
    if number := _NUMBER_SENT.search(arguments):
        if _CHOSEN.search(number["of"] + number["path"]) or number["of"].lower() in ("e", "ev", "evt"):
            return None
        return number if _is_answer(number["of"], since) else None
    for number in islice(_NUMBER_NAMED.finditer(arguments), 8):
        name = re.escape(number["of"] or number["name"])
        made = re.search(rf"(?<![\w$.]){name}\s*=\s*(?P<of>\w+)(?P<path>(?:\??\.\w+){{0,6}}?)\??\.{_NUMBER}\b", since)
        if made and not _CHOSEN.search(made["of"] + made["path"]) and _is_answer(made["of"], since):
            return number
    return None


def _is_answer(name: str, since: str) -> bool:
    """Return whether a name is an argument of a callback, or was awaited or parsed."""
    name = re.escape(name)
    argument = rf"(?:\(\s*|\{{[^{{}}()]{{0,80}})?(?<![\w$.]){name}\b[^(){{}}]{{0,80}}\}}?\s*\)?\s*=>"
    function = rf"\b(?:function|success|then)\s*\w{{0,40}}\s*\(\s*{name}\s*\)"
    made = rf"(?<![\w$.]){name}\s*\}}?\s*=\s*(?:await\b|JSON\s*\.\s*parse\s*\(|\w+\??\.(?:data|result)\b)"
    return re.search(f"{argument}|{function}|{made}", since) is not None


# --- the button ------------------------------------------------------------------------------------------------------


def _events(attributes: dict[str, str]) -> list[str]:
    return [
        name
        for name in attributes
        if re.search(r"getphonenumber|getauthorize|getrealtimephonenumber", name, re.IGNORECASE)
    ]


def event_of_authorize(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Check a native page with ``getAuthorize``: its type, its ``scope``, and the exact name ``onGetAuthorize``."""
    del project
    for position, _tag, attributes in source.buttons if source.suffix == ".axml" else ():
        kind = attributes.get("open-type", "")
        if kind != "getAuthorize" and "{{" not in kind:
            yield source.at(
                position, fault("doctor.event-never-fires", "", found=f"open-type={kind}"[:60], needed="getAuthorize")
            )
        elif attributes.get("scope") != "phoneNumber" and "{{" not in attributes.get("scope", ""):
            yield source.at(
                position, fault("doctor.event-never-fires", "", found="no scope", needed='scope="phoneNumber"')
            )
        elif not {"onGetAuthorize", "catchGetAuthorize", "onGetPhoneNumber"} & attributes.keys():
            found = ", ".join(_events(attributes)) or "no event"
            yield source.at(position, fault("doctor.event-never-fires", "", found=found[:60], needed="onGetAuthorize"))


def event_of_the_others(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Check a native page of other platforms: ``bindgetphonenumber``, in lower case, matching the button's type."""
    del project
    for position, _tag, attributes in source.buttons if source.suffix in BINDS else ():
        kind = attributes.get("open-type", "")
        realtime = source.suffix in REALTIME
        if kind == "getAuthorize" or (kind == "getRealtimePhoneNumber" and not realtime):
            yield _never(source, position, f"open-type={kind}", "getPhoneNumber")
            continue
        if right := _misspelt(kind):
            yield _never(source, position, f"open-type={kind}", right)
            continue
        event = f"get{_which(kind) if realtime else ''}phonenumber"
        if not any(re.fullmatch(rf"(?:bind|catch):?{event}", name) for name in attributes):
            needed = "bindgetrealtimephonenumber" if kind == "getRealtimePhoneNumber" else "bindgetphonenumber"
            yield _never(source, position, _heard(attributes), needed)


def _which(kind: str) -> str:
    """Return a pattern for the part of the event between ``get`` and ``phonenumber``: WeChat has two types."""
    parts = kind.split("|")
    if "getPhoneNumber" in parts:
        return ""
    return "realtime" if "getRealtimePhoneNumber" in parts else "(?:realtime)?"  # chosen at run time


def _misspelt(kind: str) -> str:
    """Return the correct spelling of a type with wrong capitals; empty if it is correct or another type."""
    rights = ((part, _TYPES.get(part.lower(), part)) for part in kind.split("|"))
    return next((right for part, right in rights if part != right), "")


def _heard(attributes: dict[str, str]) -> str:
    return ", ".join(_events(attributes)) or "no event"


def _never(source: Source, position: int, found: str, needed: str, *, guess: bool = False) -> Diagnosis:
    return source.at(position, fault("doctor.event-never-fires", "", guess=guess, found=found[:60], needed=needed))


def event_of_uni(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Check uni-app: what its compiler maps for ``getAuthorize``, and what it silently drops."""
    for position, tag, attributes in source.buttons if source.suffix in _VUE and not project.is_taro else ():
        static, dynamic = (
            attributes.get("open-type", ""),
            attributes.get(":open-type") or attributes.get("v-bind:open-type"),
        )
        events = {re.sub(r"^(?:@|v-on:)", "", name).partition(".")[0] for name in _events(attributes)}
        for_authorize = project.for_authorize and source.is_compiled(position, _OWN_BUTTON)
        if for_authorize and dynamic and "getAuthorize" not in events:
            yield source.at(position, fault("doctor.dynamic-open-type", "", found=":open-type"))
        if for_authorize and static in ("getRealtimePhoneNumber", "getPhoneNumber|agreePrivacyAuthorization"):
            yield source.at(position, fault("doctor.open-type-unmapped", "", found=static))
        heard = ", ".join(events) or "no event"
        if right := _misspelt(static):
            yield _never(source, position, f"open-type={static}", right)
        elif static == "getAuthorize" and "getAuthorize" not in events:
            yield _never(source, position, heard, "@getAuthorize")
        elif static == "getAuthorize" and not _asks_for_the_phone(attributes):
            yield _never(source, position, "no scope", 'scope="phoneNumber"')
        elif tag != "button" and _OF_VUE.get(static) in {event.lower() for event in events}:
            continue  # a custom component may have its own events
        elif static in _OF_VUE and _OF_VUE[static] not in events:
            yield _never(source, position, heard, f"@{_OF_VUE[static]}", guess=True)


def _asks_for_the_phone(attributes: dict[str, str]) -> bool:
    scopes = [value.strip("\"'") for name, value in attributes.items() if name in ("scope", ":scope", "v-bind:scope")]
    return any(scope == "phoneNumber" or not scope.isalpha() or ":scope" in attributes for scope in scopes)


def open_type_of_taro(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Check Taro: it passes ``openType`` through unchanged, so ``getAuthorize`` must be chosen where it is meant."""
    native = source.suffix in PAGES
    for position, tag, attributes in source.buttons if project.is_taro and not native else ():
        kind = attributes.get("openType") or attributes.get("open-type") or ""
        if tag.lower() not in ("button", "view") and re.fullmatch(r"At[A-Z]\w*|at-[\w-]+", tag):
            yield source.at(position, warning("doctor.button-of-a-kit", "", found=tag))
        if not source.asks_where_it_runs and project.for_authorize and PHONE_TYPE.search(kind):
            yield source.at(position, fault("doctor.taro-open-type", "", found=kind[:40]))
        dead = list(_dead_spelling(source, project, position, tag, attributes))
        yield from dead or _dead_in_taro(source, project, position, tag, attributes)


def _dead_spelling(
    source: Source, project: Project, position: int, tag: str, attributes: dict[str, str]
) -> Iterator[Diagnosis]:
    """Find wrong capitals. Taro for React ignores them; Vue turns them into ``get-phone-number``, which no button has.

    In a template Vue keeps them, since 3.2.38, and Taro ignores them. Vue treats an attribute as a listener only if a
    capital, or no letter, follows ``on``. A custom component may have its own events, and ``getAuthorize`` works in
    both spellings.
    """
    of_jsx = source.suffix not in _VUE
    framework = project.framework(source)
    if tag.lower() != "button" or framework == "react" or (not framework and tag == "Button"):
        return  # in Vue's JSX the buttons are lower case
    if not of_jsx and not project.is_vue2:
        return
    for name in _events(attributes):
        event = re.sub(r"^(?:@|v-on:|on)", "", name).partition(".")[0]
        right = {f"on{event.capitalize()}"} if of_jsx else {f"{sign}{event.lower()}" for sign in ("@", "v-on:")}
        written = name.partition(".")[0]
        if "authorize" in event.lower() or written in right or not written.startswith(("@", "v-on:", "on")):
            continue
        if framework:
            needed = f"on{event.capitalize()}" if of_jsx else f"@{event.lower()}"
            yield _never(source, position, written, needed)
        else:
            yield source.at(position, note("doctor.taro-framework-unknown", "", found=written))


def _dead_in_taro(
    source: Source, project: Project, position: int, tag: str, attributes: dict[str, str]
) -> Iterator[Diagnosis]:
    guess = tag.lower() != "button"  # a custom component may have its own names
    kind = (attributes.get("openType") or attributes.get("open-type") or "").strip("\"'`")
    if source.suffix in _VUE:
        names = _OF_VUE | {"getAuthorize": "getAuthorize"}
    else:
        names = _OF_VUE_IN_JSX if project.framework(source) == "vue" else _OF_REACT
    needed = names.get(kind, "")
    events = {re.sub(r"^(?:@|v-on:|on(?=[Gg]))", "", name).partition(".")[0].lower() for name in _events(attributes)}
    usable = {needed.removeprefix("on").lower(), *(["getphonenumber"] if kind == "getAuthorize" else [])}
    if right := _misspelt(kind):
        yield _never(source, position, f"openType={kind}", right, guess=guess)
    elif _OPEN & attributes.keys():
        return
    elif kind == "getAuthorize" and not _asks_for_the_phone(attributes):
        yield _never(source, position, "no scope", "scope='phoneNumber'", guess=guess)
    elif needed and not usable & events:
        yield _never(source, position, _heard(attributes), needed, guess=guess)


def event_of_mpflutter(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Check MPFlutter, which supports only WeChat: its button is a view over a widget, with a callback per event."""
    del project
    for found in islice(_MPFLUTTER.finditer(source.code), _CALLS) if source.suffix == ".dart" else ():
        arguments = source.code[found.end() : found.end() + 2000]
        kind = re.search(r"openType\s*:\s*[\"'](get(?:Realtime)?PhoneNumber)", arguments)
        if kind is None:
            continue
        needed = f"on{kind[1][0].upper()}{kind[1][1:]}"
        if not re.search(rf"\b{needed}\s*:", arguments):
            heard = re.search(r"\bonGet\w+(?=\s*:)", arguments, re.IGNORECASE)
            name = heard[0] if heard else "no event"
            yield source.at(found.start(), fault("doctor.event-never-fires", "", found=name[:60], needed=needed))


def button_of_a_kit(source: Source, project: Project) -> Iterator[Diagnosis]:
    """Report a button of a UI kit that does not pass the events on."""
    for position, tag, _attributes in source.buttons if not project.is_taro else ():
        if re.fullmatch(r"At[A-Z]\w*|at-[\w-]+", tag):
            yield source.at(position, warning("doctor.button-of-a-kit", "", found=tag))


def nothing_posted(project: Project, told: Container[str]) -> Iterator[Diagnosis]:
    """Report a button without any POST request. If a GET was found, that is the same mistake and reported already."""
    buttons = [(source, button) for source in project.sources for button in source.buttons]
    posts = re.compile(r"[\"'`]POST[\"'`]|\.post\s*\(|callFunction|callContainer", re.IGNORECASE)
    if (
        buttons
        and "doctor.sent-with-get" not in told
        and not any(posts.search(source.code) for source in project.sources)
    ):
        source, button = buttons[0]
        yield source.at(button[0], warning("doctor.nothing-posted", "", guess=True))


RULES: Final[tuple[Callable[[Source, Project], Iterator[Diagnosis]], ...]] = (
    secrets, session_key, login_in_callback, sent_with_get, login_code_as_phone_code, number_from_the_phone,
    event_of_authorize,
    event_of_the_others, event_of_uni, open_type_of_taro, event_of_mpflutter, button_of_a_kit,
)  # fmt: skip
PROJECT_RULES: Final[tuple[Callable[[Project, Container[str]], Iterator[Diagnosis]], ...]] = (nothing_posted,)
