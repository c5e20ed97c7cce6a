"""Unwraps captures: a curl command, a log line, HTML, or an object as another language prints it.

Few people paste the original bytes. Each kind of wrapping has one function, which yields what may be inside; the caller
decides whether that is anything known. Nothing is evaluated.
"""

from __future__ import annotations

import html
import json
import re
import shlex
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from haoma import catalogue, field_names
from haoma.crypto.strict import parse_json
from haoma.doctor.platforms import all_symptoms
from haoma.errors import HaomaError
from haoma.platforms.base.diagnosis import masked
from haoma.platforms.base.symptoms import TOO_OFTEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MAX_CHARACTERS: Final = 128 * 1024
_TRIES: Final = 64
_DEEPEST: Final = 64
FIELDS: Final = (
    *field_names.SEALED,
    "encrypted_data",
    "code",
    *field_names.PHONE,
    *field_names.LOGIN,
    "authorizationCode",
    "errMsg",
)
_NAMES: Final = "|".join(FIELDS)

_ENTITY: Final = re.compile(r"&(?:quot|#34|#x22|#39|amp);", re.IGNORECASE)
_PERCENT_TWICE: Final = re.compile(r"%25(?:7[bB]|22)")
_CURL: Final = re.compile(r"\s*(?:\$\s*)?curl(?:\.exe)?\s")
_BODY_OPTIONS: Final = ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json")
_ANSI_QUOTED: Final = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}
_FETCH_BODY: Final = re.compile(r"[\"']?(?:body|data)[\"']?\s*:\s*(\"(?:[^\"\\]|\\.)*\")", re.DOTALL)
_FORM_PART: Final = re.compile(r"name=\"(\w+)\"[^\r\n]*\r?\n(?:[A-Za-z-]+:[^\r\n]*\r?\n)*\r?\n(.*?)\r?\n--", re.DOTALL)
_GET_LINE: Final = re.compile(r"\b(?:GET|HEAD)\s+[^\s\"]+\?[^\s\"]+")
_ALL_NAMES: Final = "|".join((*FIELDS, *field_names.SPELLINGS))
_PRINTED: Final = re.compile(
    rf"(?<![\w&?])[\"']?({_ALL_NAMES})[\"']?\]?\s*(?:=>?|:)\s*(?:string\(\d+\)\s*)?[\"']?"
    r"([A-Za-z0-9+/]{1,4000}(?: [A-Za-z0-9+/]{1,4000}){1,64}={0,2}(?=[\"']?\s*(?:[\r\n,;&)}]|$))"
    r"|[A-Za-z0-9+/=%_-]{16,4000})"
)
_SHORTEST: Final = 16
_SEALED: Final = frozenset({"encryptedData", "encrypted_data", "iv", "response", "sign"})
_FAILED: Final = re.compile(
    r"\b((?:getPhoneNumber|getRealtimePhoneNumber|getAuthorize|getAuthCode|login)\s*:\s*fail[^\"'\r\n},]{0,200})"
)
_ERRNO: Final = re.compile(r"\berrno[\"']?\s*[:=]\s*(\d{1,9})")
_OURS: Final = re.compile(r"(?<![\w.])((?:envelope|trust|platform|outside|caller|config)\.[a-z0-9]+(?:-[a-z0-9]+)*)")
_STEP: Final = re.compile(r"[0-9]{1,2}")
_FACT: Final = re.compile(r"\b(platform|app|step|platform_code|platform_sub_code)=([\w./-]+)")
_TOKEN: Final = re.compile(
    r"\s+|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<sign>[{}\[\]:,])|(?P<bare>[^\s{}\[\]:,\"']+)", re.DOTALL
)
_CONSTANTS: Final = {"None": "null", "undefined": "null", "null": "null", "nil": "null",
                     "True": "true", "true": "true", "False": "false", "false": "false"}  # fmt: skip
_OPENING: Final = re.compile(r"\{\s*(?:\"\w+\"|'\w+'|\w+)\s*:")
_STRICT: Final = json.JSONDecoder()
_JSON: Final = json.JSONDecoder(strict=False)  # accepts line breaks inside strings
# Neither decides anything: the strict reader reads again what they accept.
_PRINTED_BY_PROGRAMS: Final = "an object as a program prints it, not JSON"
_FIELDS_PRINTED: Final = "fields as a program prints them, not JSON"
_MEMBER: Final = "inside "
_OF_A_LOG: Final = frozenset({"level", "severity", "time", "ts", "timestamp", "@timestamp", "logger", "msg"})
_SAID: Final = ("msg", "message", "error", "errorMsg", "error_msg", "errMessage", "reason")
_NUMBERED: Final = re.compile(r"\d{1,4}|\d{6,12}")  # five digits are a platform's code
_NO_ANSWER: Final = frozenset(
    {*FIELDS, "detail", "authorization", "level", "severity", "sub_code", "subCode"} - {"code"}
)
_ANSWER: Final = "an answer of a back end"
_TWICE: Final = "percent-encoded twice"
_MANGLED: Final = frozenset({"HTML entities", _TWICE, _PRINTED_BY_PROGRAMS, _FIELDS_PRINTED, TOO_OFTEN})


def is_mangled(path: Sequence[str]) -> bool:
    """Return whether a service would refuse a body wrapped like this. Otherwise the capture added the wrapping."""
    return any(each in _MANGLED or each.startswith(_MEMBER) for each in path)


def unwrapped(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a capture may be wrapped in, and what would be inside, most certain first."""
    if len(text) > MAX_CHARACTERS:
        return
    try:
        _STRICT.decode(text)
    except (ValueError, RecursionError):
        for wrapping in _WRAPPINGS:
            yield from wrapping(text)
    else:
        yield from _inside_json(text)


def is_of_a_back_end(value: Mapping[str, Any]) -> bool:
    """Return whether the user's own program gave this answer: a number and a message, as in nearly all frameworks."""
    code = value.get("code")
    numbered = isinstance(code, int) or (isinstance(code, str) and _NUMBERED.fullmatch(code) is not None)
    if not numbered or not {"msg", "message"} & value.keys() or _NO_ANSWER & value.keys():
        return False
    # Errors of some buttons have the same two field names.
    return not any(each.is_of_the_button(str(code)) for _name, each in all_symptoms())


def is_cut_off(text: str) -> bool:
    """Return whether an object with one of the known fields is cut off."""
    opening = _OPENING.search(text[:MAX_CHARACTERS])
    if opening is None or not re.search(rf"[\"'](?:{_NAMES}|authorization|detail)\\*[\"']", text):
        return False
    return _as_json(text, opening.start()) is None


def _inside_json(text: str) -> Iterator[tuple[str, str]]:
    """Yield the members of an object or list, each as its original bytes, because a signature covers those."""
    try:
        parsed = parse_json(text)
        value = msgspec.json.decode(text, type=dict[str, msgspec.Raw] | list[msgspec.Raw] | str)
    except (HaomaError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return
    if isinstance(value, str):
        yield TOO_OFTEN, value
        return
    is_log = isinstance(value, dict) and bool(_OF_A_LOG & value.keys())
    answered = isinstance(value, dict) and is_of_a_back_end(parsed)
    named = value.items() if isinstance(value, dict) else (("a list", each) for each in value)
    for name, raw in islice(named, _TRIES):
        inner = bytes(raw).decode("utf-8")
        how = _ANSWER if answered else "a line of a log" if is_log else f"{_MEMBER}{masked(name)[:40]}"
        if inner[:1] in "{[":
            yield how, inner
        # JSON, a form, PEM, or a program's message. Other bare values say too little.
        elif inner[:1] == '"' and (inner[1:2] in "{[%-\\&" or name in _SAID):
            yield how, msgspec.json.decode(raw, type=str)


def _html(text: str) -> Iterator[tuple[str, str]]:
    if _ENTITY.search(text):
        yield "HTML entities", html.unescape(text)


def _percent(text: str) -> Iterator[tuple[str, str]]:
    if _PERCENT_TWICE.search(text):
        yield _TWICE, unquote(text)


def _query_dict(text: str) -> Iterator[tuple[str, str]]:
    """Yield a form as Django prints it, with a list for each field."""
    start = text.find("<QueryDict: {")
    written = _as_json(text, text.index("{", start)) if start >= 0 else None
    fields = _STRICT.decode(written) if written else {}
    if fields and all(isinstance(each, list) and len(each) == 1 for each in fields.values()):
        yield "a form as Django prints it", json.dumps({name: each for name, (each,) in fields.items()})


def _curl(text: str) -> Iterator[tuple[str, str]]:
    if not _CURL.match(text):
        return
    text = re.sub(r"[\\^]\r?\n", " ", text)
    if '^"' in text:  # "copy as cURL (cmd)" writes one caret before every quote, and two before a quote inside
        text = re.sub(r"\^(.)", r"\1", text)
    text = _ANSI_QUOTED.sub(lambda found: shlex.quote(_unescaped(found[1])), text)
    try:
        words = shlex.split(text)
    except ValueError:
        return
    bodies = [after for word, after in pairwise(words) if word in _BODY_OPTIONS]
    bodies += [word.partition("=")[2] for word in words if word.startswith(("--data=", "--data-raw=", "--json="))]
    for body in bodies:
        yield "a command of curl", body
    if not bodies:
        yield from (("a command of curl", f"GET {word}") for word in words if "?" in word and "://" in word)


def _unescaped(text: str) -> str:
    """Undo the escapes of bash's ``$'...'``, as far as browsers write them."""
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[2], found[2]) if found[2] else chr(int(found[1], 16)), text)


def _fetch(text: str) -> Iterator[tuple[str, str]]:
    for found in islice(_FETCH_BODY.finditer(text), 4) if re.match(r"\s*(?:await\s+)?fetch\(", text) else ():
        try:
            yield "a call of fetch", str(_JSON.decode(found[1]))
        except ValueError:
            continue


def _form_data(text: str) -> Iterator[tuple[str, str]]:
    parts = dict(_FORM_PART.findall(text)) if "form-data" in text else {}
    if parts:
        yield "multipart/form-data", json.dumps(parts)


def _request_lines(text: str) -> Iterator[tuple[str, str]]:
    for found in islice(_GET_LINE.finditer(text), 4):
        if found[0] != text.strip():
            yield "a line of a log", found[0]


def _json_in_text(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    for _ in range(_TRIES):
        start = text.find("{", position)
        if start < 0:
            return
        try:
            _value, end = _JSON.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        if text[:start].strip(" \r\n\t\ufeff") or text[end:].strip():
            yield "a line of a log", text[start:end]
        position = end


def _literals(text: str) -> Iterator[tuple[str, str]]:
    """Yield objects as Python, JavaScript and people write them: single quotes, None, bare names, trailing commas."""
    for found in islice(_OPENING.finditer(text), 4):
        written = _as_json(text, found.start())
        if written:
            yield _PRINTED_BY_PROGRAMS, written


def _as_json(text: str, position: int) -> str | None:
    """Return the object that starts at ``position`` as JSON; empty if it is not one, None if it has no end."""
    parts: list[str] = []
    depth = 0
    while found := _TOKEN.match(text, position):
        position = found.end()
        if found["text"]:
            if parts and parts[-1] in ('"b"', '"u"', '"r"'):
                parts.pop()
            parts.append(_quoted(found["text"]))
        elif found["bare"]:
            parts.append(_bare(found["bare"]))
        elif found["sign"]:
            if found["sign"] in "}]" and parts and parts[-1] == ",":
                parts.pop()
            parts.append(found["sign"])
            depth += (found["sign"] in "{[") - (found["sign"] in "}]")
            if depth > _DEEPEST:
                return ""
            if depth == 0:
                return _checked("".join(parts))
    return None


def _quoted(text: str) -> str:
    inner = text[1:-1]
    if text[0] == "'":
        inner = re.sub(r"(?<!\\)\"", '\\\\"', inner.replace("\\'", "'"))
    inner = re.sub(r"\\x([0-9a-fA-F]{2})", r"\\u00\1", inner)
    return '"' + inner.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t") + '"'


def _bare(text: str) -> str:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return text if re.fullmatch(r"-?(?:0|[1-9]\d{0,15})(?:\.\d+)?", text) else json.dumps(text)


def _checked(text: str) -> str:
    try:
        return text if isinstance(_STRICT.decode(text), dict) else ""
    except (ValueError, RecursionError):
        return ""


def _printed(text: str) -> Iterator[tuple[str, str]]:
    """Yield fields as Java, Go and PHP print a map."""
    printed = []
    for written, value in _PRINTED.findall(text)[:_TRIES]:
        name = field_names.usual(written)
        whole = value if name in _SEALED and len(value) % 4 == 0 else value.partition(" ")[0]  # each + became a blank
        if len(whole) >= _SHORTEST:
            printed.append((name, whole))
    fields = dict(reversed(printed))  # if a log has several objects, the first one wins
    if fields.keys() - {"sign", "iv"}:
        yield _FIELDS_PRINTED, json.dumps(fields)


def _error_message(text: str) -> Iterator[tuple[str, str]]:
    failed = _FAILED.search(text)
    if failed is None:
        return
    found = _ERRNO.search(text)
    event: dict[str, str | int] = {"errMsg": failed[1].strip()}
    yield "an error message", json.dumps(event | ({"errno": int(found[1])} if found else {}), ensure_ascii=False)


def _our_line(text: str) -> Iterator[tuple[str, str]]:
    code = next((found[1] for found in islice(_OURS.finditer(text), _TRIES) if found[1] in catalogue.codes()), "")
    if code:
        facts: dict[str, str | int] = dict(_FACT.findall(text))
        if _STEP.fullmatch(str(facts.get("step", ""))):
            facts["step"] = int(facts["step"])
        yield "a line of haoma", json.dumps({"code": code, **facts})


_WRAPPINGS: Final[tuple[Callable[[str], Iterator[tuple[str, str]]], ...]] = (
    _html, _percent, _query_dict, _curl, _fetch, _form_data, _request_lines, _json_in_text, _literals, _printed,
    _our_line, _error_message,
)  # fmt: skip
