"""``inspect``: what a capture is, what is wrong with it, and the one thing to change.

A recogniser takes the capture and returns what it is, or None if the recogniser does not apply.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from haoma import authorization, catalogue, field_names
from haoma.authorization import MAX_CODE
from haoma.authorize import verify_offline
from haoma.doctor.captures import answers, calls, codes, har, keys, log_lines, many, others, unwrap
from haoma.doctor.captures.capture import MAX_BYTES
from haoma.doctor.platforms import all_symptoms, opens_offline, symptoms, usual
from haoma.errors import (
    BadField,
    ButtonFailed,
    HaomaError,
    MissingField,
    NotJson,
    NotUtf8,
    TooLarge,
)
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, is_fine, note, of_error, repeated, warning
from haoma.platforms.base.symptoms import Captured, Looked, meanings, members
from haoma.platforms.registry import PLATFORMS
from haoma.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from haoma.platforms.base.contract import App
    from haoma.settings.model import Settings

_REQUEST_LINE: Final = re.compile(r"\s*(?:(GET|HEAD|POST|PUT)\s+)?((?:https?://|/)[^\s]*\?[^\s]+)")
_NO_TEXT: Final = "[object Object]"
_EMPTY: Final = ("undefined", "null", _NO_TEXT, "")
_PARTS: Final = field_names.PARTS - {"sign"}  # a word of many signed requests
_SURE: Final = _PARTS - {"code"}  # answers have a code as well
_WRITTEN: Final = (*_PARTS, *field_names.SPELLINGS)
_DER: Final = b"\x30\x82"  # the first bytes of keys and certificates
_DENIED: Final = "access_denied"  # the error with which an authorization page redirects
_MESSAGE: Final = re.compile(r"(?:(?:POST|PUT) \S+ HTTP/\d(?:\.\d)?|HTTP/\d(?:\.\d)? (\d{3})[^\r\n]*)\r?\n")
_DEEPEST: Final = 6
_NO_BODY: Final = ("-reply", "-problem", "-results", "log", "key", "back-end", "decrypted", "-sealed")
_UNCLEAR: Final = ("doctor.unrecognised", "doctor.cut-off", "doctor.part-alone", "doctor.code-not-asked")
_FORM: Final = re.compile(r"[A-Za-z_]+(?:\[\w*\])*=")
_OPEN: Final = ("unknown", "back-end")  # kinds that may contain something better known
_ORDER: Final = (Severity.FAULT, Severity.WARNING, Severity.GOOD, Severity.NOTE)


def inspect(
    content: bytes, settings: Settings | None = None, *, app: str = "", session_key: Secret | None = None, now: float
) -> Looked:
    """Return what a capture is, and the findings about it.

    Args:
        content: The exact captured bytes.
        settings: The configuration whose apps are tried.
        app: Name of the app that it was sent to, if known.
        session_key: The user's session_key, if available.
        now: Unix seconds, to check a watermark against.
    """
    if len(content) > MAX_BYTES:
        return Looked("unknown", [of_error(TooLarge(because={"max_bytes": MAX_BYTES}))])
    text, encoding = _text(content)
    configured = tuple(settings.apps.values()) if settings else ()
    captured = Captured(text, verify_offline, configured, app, session_key, now)
    requests = har.exchanges(text)
    # The pieces of one paste belong together. But a service uses no key that is in a body.
    in_a_body = app and (captured.object or _MESSAGE.match(text))
    if session_key is None and not in_a_body and (pasted := keys.SESSION_KEY.search(text)):
        captured = replace(captured, session_key=Secret(unquote(pasted[1])))
    looked = _recognised(captured) if requests is None else _in_a_har(captured, requests)
    several = _of_many(captured) if requests is None and (looked is None or looked.kind != "log") else None
    if several is not None:
        looked = several
    elif requests is None and (looked is None or _may_hold_more(captured, looked)):
        looked = _cut_off(captured) or _inside(captured, ()) or _a_part(captured) or looked
    if looked is not None and looked.kind == "log":
        looked = _with_pieces(captured, looked)
    if looked is None:
        looked = Looked("unknown", [fault("doctor.unrecognised", characters=len(captured.text))])
    if requests is None and session_key is None:
        looked = _as_served(captured, content, looked)
    found = [*looked.found, *(() if looked.kind.endswith("-reply") else _leaked(captured))]
    if encoding and looked.kind not in ("unknown", "log", "key"):
        found.append(note("doctor.inside-something", "", how=encoding))
    beside = looked.kind == "sealed" and not captured.object
    if beside or looked.kind in ("unknown", "log", "secret", "back-end") or looked.kind.endswith("-reply"):
        looked, found = _with_secrets(captured, looked, found)
    safe = found_once(list(map(repeated, found)))
    return Looked(looked.kind, sorted(safe, key=lambda each: _ORDER.index(each.severity)))


def _as_served(captured: Captured, content: bytes, looked: Looked) -> Looked:
    """Return the diagnosis of a body with the refusal that a service gives for its exact bytes, if that is another one.

    Without the app's name only bytes that no service takes are told, and as a guess: the capture may have changed them.
    """
    body = _body_in(captured, content, looked)
    if body is None:
        return looked
    app = captured.named if captured.app else None
    refused = _in_the_address(captured.text) if body else None
    refused = refused or _refusal(app, body)
    said = {each.code for each in looked.found}
    bad = any(each.severity in (Severity.FAULT, Severity.WARNING) for each in looked.found)
    if refused is None:
        kept = [each for each in looked.found if app is None or not _is_contradicted(app, each)]
        return looked if len(kept) == len(looked.found) else Looked(looked.kind, kept)
    if refused.code in said or isinstance(refused, ButtonFailed) or (bad and app is None):
        return looked
    if app is None:
        return Looked(looked.kind, [replace(of_error(refused, severity=Severity.WARNING), guess=True), *looked.found])
    others = [
        each for each in looked.found if not (each.error or each.code in _UNCLEAR or each.severity == Severity.GOOD)
    ]
    return Looked(looked.kind, [of_error(refused), *others])


def _in_the_address(text: str) -> HaomaError | None:
    """Return the error about a part of an authorization in the address of a whole message; None if there is none."""
    line = text.partition("\n")[0]
    try:
        if _MESSAGE.match(text) and "?" in line:
            authorization.refuse_in_address(line.partition("?")[2].partition(" ")[0])
    except BadField as error:
        return error
    return None


def _is_contradicted(app: App, found: Diagnosis) -> bool:
    """Return whether the app's reader, which takes a body, knows better than a finding about it."""
    platform = PLATFORMS[app.platform]
    if found.code == "doctor.login-code-as-phone-code":
        return platform.find_under_key is not None and not platform.phone_code
    return found.code == MissingField.code and "or" not in found.because  # something empty that is not needed


def _body_in(captured: Captured, content: bytes, looked: Looked) -> bytes | None:
    """Return the exact bytes of the body that a capture is; None if it is something else, such as a line of a log."""
    if looked.kind.endswith(_NO_BODY) or content[:2] == _DER:
        return None
    text = captured.text
    if head := _MESSAGE.match(text):
        if head[1]:
            return None
        content = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[-1]
        text = text[len(text) - len(content.decode("utf-8", "replace")) :]
    start = text.strip()
    alone = bool(captured.app) and not re.search(r"\s", start) and len(start) <= MAX_CODE + 2
    if not (alone or start[:1] in ("{", "[", '"') or _FORM.match(start) or start.startswith("--")):
        return None
    wrapped = any(each.code == "doctor.inside-something" and each.severity == Severity.NOTE for each in looked.found)
    if (wrapped and captured.value is not None) or (captured.value is None and "\n{" in start):  # a log in JSON
        return None
    return content


def _refusal(app: App | None, body: bytes) -> HaomaError | None:
    """Return the error that an app's service, or any service, raises for a body before anything is asked."""
    try:
        if app is not None:
            return _refused_by(app, authorization.read(body, PLATFORMS[app.platform].phone_code))
        authorization.read(body)
    except (NotUtf8, NotJson, TooLarge) as error:
        return error
    except HaomaError as error:
        return error if app is not None else None
    return None


def _refused_by(app: App, found: authorization.Authorization) -> HaomaError | None:
    try:
        PLATFORMS[app.platform].read(app, found)
    except HaomaError as error:
        return error.evolve(platform=app.platform)
    return None


def _with_pieces(captured: Captured, looked: Looked) -> Looked:
    """Return what the data in a log shows, if it shows more than the messages beside it, which name only a symptom."""
    if (several := _of_many(captured)) is not None:
        return Looked(looked.kind, [*looked.found, *several.found])
    inner = _inside(captured, ())
    if inner is not None and inner.kind == "event":
        return inner
    if inner is None or inner.kind != "sealed":
        return looked
    found = [each for each in map(_of_a_log, inner.found) if each is not None]
    bad = (Severity.FAULT, Severity.WARNING)
    proven = any(each.severity == Severity.GOOD or (each.severity in bad and not each.guess) for each in found)
    return Looked("sealed", [*found, *([] if proven else looked.found)])


def _of_a_log(found: Diagnosis) -> Diagnosis | None:
    """Return a finding about data in a log, which need not have the login, and may be old; None if it means nothing."""
    if found.code == MissingField.code:
        return None
    if found.because.get("failed_at") != "watermark-age":
        return found
    return replace(found, severity=Severity.NOTE) if found.error is None else None


def _may_hold_more(captured: Captured, looked: Looked) -> bool:
    """Return whether the capture may contain something known. A body with a wrong login may not: it is refused."""
    if any("also" in each.because or (each.error and each.error.place) for each in looked.found):
        return False  # two values that differ, or something in place of a value
    if captured.app and any(each.error for each in looked.found) and field_names.holds(captured.object, _SURE):
        return False  # it is what the app was sent, and the app refuses it
    said = [(each.code, each.because.get("field")) for each in looked.found]
    if len(said) == 1 and said[0][0] == BadField.code:
        return said[0][1] == "code"  # of a log line, or of an answer
    return looked.kind in _OPEN or [code for code, _field in said] == [MissingField.code]


def _text(content: bytes) -> tuple[str, str]:
    """Return the text, and its encoding if that is not plain UTF-8.

    PowerShell redirects output as UTF-16, and Chinese Windows writes GB 18030.
    """
    if content[:2] == _DER:
        return b2a_base64(content, newline=False).decode("ascii"), "DER"
    if sixteen := _sixteen_bits(content):
        return content.decode(sixteen, "replace"), "UTF-16"
    text = content.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        return text[1:], "UTF-8 with a byte order mark"
    if text.count("\ufffd") < 3:  # a log may cut one character in two
        return text, ""
    try:
        return content.decode("gb18030"), "GB 18030"
    except UnicodeDecodeError:
        return text, ""


def _sixteen_bits(content: bytes) -> str:
    """Return which UTF-16 it is, if any: by its byte order mark, or by the zeros next to mostly ASCII characters."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if content[:2] == b"\0\0" or content.count(0) <= len(content) // 3:
        return ""
    return "utf-16-be" if content[0] == 0 else "utf-16-le"


def _recognised(captured: Captured) -> Looked | None:
    return next(filter(None, (recognise(captured) for recognise in RECOGNISERS)), None)


def _inside(captured: Captured, around: tuple[str, ...]) -> Looked | None:
    """Return what is inside a log, a command, HTML or the like, and what it was inside; None if nothing is known."""
    answer: Looked | None = None
    for how, text in unwrap.unwrapped(captured.text):
        inner, path = replace(captured, text=text), (*around, how)
        looked = _recognised(inner)
        if (looked is None or looked.kind in _OPEN) and len(path) < _DEEPEST and (deeper := _inside(inner, path)):
            return deeper
        if looked is not None and looked.kind != "unknown":
            mangled = unwrap.is_mangled(path)
            say = warning if mangled else note
            wrapping = say("doctor.inside-something", "", guess=mangled, how=", ".join(path))
            found = Looked(looked.kind, [*looked.found, *_leaked(inner), wrapping])
            if not looked.kind.endswith("-reply") or not is_fine(looked.found):
                return found
            answer = answer or found  # of a login, say; what was sent with it says more
    return answer


def _in_a_har(captured: Captured, requests: list[tuple[str, str]]) -> Looked | None:
    """Return the request of a page that is about a number, with its answer. Prefer one with a proven fault."""
    found = []
    for sent, answered in requests:
        answer = _one_of_many(captured, answered)
        if answer is not None and not answer.kind.endswith(("-reply", "-problem", "-results")):
            answer = None  # most answers of a page are about something else
        if both := [each for each in (_one_of_many(captured, sent), answer) if each is not None]:
            found.append(Looked(both[0].kind, [diagnosis for each in both for diagnosis in each.found]))
    return min(found, key=_doubt, default=None)


def _of_many(captured: Captured) -> Looked | None:
    """Return what is wrong with the authorizations of a log that has many; None if it has not."""
    if captured.value is not None:
        return None

    def one(line: str) -> Looked | None:
        inner = replace(captured, text=line)
        looked = _recognised(inner)
        return _inside(inner, ()) or looked if looked is None or looked.kind in _OPEN else looked

    return many.look(captured.text, one)


def _one_of_many(captured: Captured, text: str) -> Looked | None:
    inner, around = replace(captured, text=text), ("a HAR file",)
    looked = _recognised(inner)
    if looked is None or looked.kind in _OPEN:
        return _inside(inner, around)
    return Looked(looked.kind, [*looked.found, *_leaked(inner), note("doctor.inside-something", "", how=around[0])])


def _doubt(looked: Looked) -> int:
    """Rank by certainty: 0 with a proven fault, 1 if all is well, 2 with only guesses, such as about a mere login."""
    wrong = [each for each in looked.found if each.severity in (Severity.FAULT, Severity.WARNING)]
    return 1 if not wrong else 2 * all(each.guess for each in wrong)


def _cut_off(captured: Captured) -> Looked | None:
    cut = unwrap.is_cut_off(captured.text)
    return Looked("piece", [fault("doctor.cut-off", characters=len(captured.text))]) if cut else None


def _a_part(captured: Captured) -> Looked | None:
    """Return what an isolated value is, or that there is nothing."""
    text = captured.text.strip()
    if text in (*_EMPTY, "{}"):
        missing = of_error(MissingField(because={"field": "body", "found": text or "nothing"}))
        return Looked("unknown", [missing])
    return keys.look_at_a_value(text)


def _with_secrets(captured: Captured, looked: Looked, found: list[Diagnosis]) -> tuple[Looked, list[Diagnosis]]:
    what = sorted({keys.SECRETS[name.lower().replace("_", "")] for name in keys.NAMED.findall(captured.text)})
    if not what:
        return looked, found
    pasted_secret = warning("doctor.secret-pasted", "", what=", ".join(what))
    if looked.kind == "unknown":
        return Looked("secret", []), [pasted_secret]
    return looked, [*found, pasted_secret]


def found_once(found: list[Diagnosis]) -> Iterator[Diagnosis]:
    """Yield each diagnosis once. Two with the same code, place and facts count as one."""
    seen: set[tuple[str, str, str]] = set()
    for each in found:
        key = each.code, each.where, str(dict(each.because))
        if key not in seen:
            seen.add(key)
            yield each


def in_a_message(captured: Captured) -> Looked | None:
    """Diagnose a whole HTTP message by its body, or by its status if it is an answer without a body."""
    head = _MESSAGE.match(captured.text)
    if head is None:
        return None
    body = re.split(r"\r?\n\r?\n", captured.text, maxsplit=1)[1:]
    inner = replace(captured, text=body[0] if body else "")
    if (looked := _in_a_header(inner, captured.text[: len(captured.text) - len(inner.text)])) is not None:
        return looked
    for recognise in RECOGNISERS[1:]:
        looked = recognise(inner)
        if looked is not None:
            return looked
    native, app = f"http-{head[1]}", captured.named
    if app is not None and catalogue.find_refusal(app.platform, native):
        return Looked(f"{app.platform}-reply", list(meanings(captured, app.platform, native)))
    return None


def _in_a_header(captured: Captured, head: str) -> Looked | None:
    """Diagnose an answer by a code in its header, which says more than its body."""
    for name, each in all_symptoms():
        line = rf"(?im)^{each.code_header}:[ \t]*0*([1-9]\d{{0,11}})[ \t\r]*$"
        if each.code_header and (found := re.search(line, head)):
            words = str(captured.object.get("error", ""))
            return Looked(f"{name}-reply", list(meanings(captured, name, found[1], words)))
    return None


def in_an_address(captured: Captured) -> Looked | None:
    """Diagnose a request line or an address with a query, sent with GET."""
    found = _REQUEST_LINE.match(captured.text)
    if found is None or "\n\n" in captured.text.strip() or found[1] in ("POST", "PUT"):
        return None
    try:
        query = urlsplit(found[2]).query
        pairs = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=64))
    except ValueError:  # not a valid address, or more fields than anybody sends
        return None
    # A server's request to its platform, such as jscode2session, has the secret in its address.
    of_a_server = any(keys.SECRETS.get(name.lower().replace("_", "")) == "AppSecret" for name in pairs)
    named = calls.calls_in(found[2])
    of_a_server = of_a_server or bool(named and ("grant_type" in pairs or not named[0].platform))
    if of_a_server or (not _PARTS & pairs.keys() and pairs.get("error") != _DENIED):
        return None
    if pairs.get("error") == _DENIED:
        return _authorization(captured, {"error": _DENIED})
    looked = _authorization(
        captured, {name: value for name, value in pairs.items() if name in _PARTS | {"sign", "session"}}
    )
    fields = sorted(_PARTS & pairs.keys())
    if fields == ["authCode"] and "state" in pairs:  # the redirect of an authorization page
        return looked
    return Looked(looked.kind, [fault("doctor.sent-with-get", "", fields=", ".join(fields)), *looked.found])


def posted(captured: Captured) -> Looked | None:
    """Diagnose what a front end posts: JSON, JSON in JSON, or a form."""
    value = captured.value
    if isinstance(value, dict) and not (field_names.holds(value, _PARTS) or value.get("error") == _DENIED):
        return None
    text = captured.text.strip()
    if not isinstance(value, dict | str) and not re.match(r"[{\"]|%7[bB]|%22|[A-Za-z_]+=", text):
        return None
    if value is None and text[:1] not in '{"%' and not any(f"{name}=" in text for name in _WRITTEN):
        return None
    return _authorization(captured, text)


def _authorization(captured: Captured, sent: str | dict[str, str]) -> Looked:
    try:
        named = captured.named  # its platform decides what `code` means
        if named and opens_offline(named.platform) and not captured.app:
            named = None  # it may belong to another platform, for which no app is configured
        found = authorization.read(sent, *([PLATFORMS[named.platform].phone_code] if named else []))
        if named is None and _is_of_a_platform_without_phone_codes(captured, found):
            found = authorization.read(sent, ())
    except HaomaError as error:
        return Looked("unknown", [of_error(error)])
    looked = _by_shape(captured, found)
    undefined = [of_error(gone) for name in found.claimed if name in _PARTS and (gone := _missing(found, name))]
    if undefined and (_is_good(looked) or (named and _refused_by(named, found) is None)):
        return looked  # what is empty is not needed
    return Looked(looked.kind, undefined or looked.found)


def _is_good(looked: Looked) -> bool:
    return any(each.severity == Severity.GOOD for each in looked.found)


def _is_of_a_platform_without_phone_codes(captured: Captured, found: authorization.Authorization) -> bool:
    """Return whether sealed data came with a login's code, to an app whose button returns no code."""
    code = found.claimed.get("code")
    if "encryptedData" not in found.claimed or not isinstance(code, str) or not symptoms(usual()).is_login_code(code):
        return False
    platforms = [PLATFORMS[app.platform] for app in captured.apps()]
    return any(each.find_under_key is not None and not each.phone_code for each in platforms)


def _missing(found: authorization.Authorization, name: str) -> MissingField | None:
    value = found.claimed[name]
    if isinstance(value, str) and not value.strip():
        return MissingField(because={"field": name, "found": "nothing"})
    return authorization.placeholder(value, name)


def _by_shape(captured: Captured, found: authorization.Authorization) -> Looked:
    for _name, each in all_symptoms():
        if (looked := each.event(captured, found)) is not None:
            return looked
    return codes.look(captured, found)


def _leaked(captured: Captured) -> Iterator[Diagnosis]:
    """Report a request that contains a session_key or a secret, which must not be there."""
    if not field_names.holds(captured.object, _PARTS):
        return
    names = {name.lower() for name, _value in members(captured.object)}
    if {"session_key", "sessionkey"} & names:
        yield fault("doctor.session-key-in-front-end", "session_key")
    if {"app_secret", "appsecret", "secret", "client_secret", "clientsecret"} & names:
        yield fault("doctor.secret-in-front-end", "app_secret", what="AppSecret")


RECOGNISERS: Final[tuple[Callable[[Captured], Looked | None], ...]] = (
    in_a_message, keys.look, in_an_address, answers.problem, answers.results, others.look, answers.of_a_platform,
    answers.bare_value, log_lines.look, answers.of_a_back_end, posted,
)  # fmt: skip
