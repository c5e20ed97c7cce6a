"""Parsing of what the front end sent. Nothing in it is trusted or changed, and its size is limited.

Front ends send different shapes: the body of our front-end kit, the bare object of the platform's sample code, the
whole event, JSON inside a JSON string, a form. `read` finds the parts and verifies none of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, unquote_to_bytes

import msgspec

from haoma import field_names
from haoma.crypto.strict import decode_utf8, parse_json, parse_json_object
from haoma.errors import BadField, BareCode, HaomaError, MissingField, NotJson, TooLarge, UnknownShape, wrong_argument
from haoma.secret import MASK, Secret

MAX_BYTES: Final = 32 * 1024
"""Maximum size of an authorization in bytes. Real ones are smaller than 2 KB."""
MAX_CODE: Final = 512
"""Maximum length of a login code, phone code or session handle in characters. Real ones have 32 to 64."""

LOGIN_NAMES: Final = field_names.LOGIN
PHONE_NAMES: Final = field_names.PHONE

_A_NAME: Final = re.compile(r"[A-Za-z_]{1,24}")
_FORM: Final = re.compile(r"[A-Za-z_]+=")
_CODE_ALONE: Final = re.compile(r"(?!undefined$)[A-Za-z0-9_.-]{4,512}")
_RESULT: Final = re.compile(r"[0-9]{1,8}")
"""Matches a ``code`` that is a platform's result, such as 10000 or 40001, and not a login code."""
_in_one_order: Final = json.JSONEncoder(sort_keys=True).encode
_VISIBLE: Final = re.compile(r"[!-~]+")
_PLACEHOLDER: Final = re.compile(r"undefined|null|NaN|\[object [A-Za-z]{1,24}\]")
"""What JavaScript writes into a string if there is no value, or an object."""
_MOCK_CODE: Final = "the code is a mock one"
"""The login code of developer tools for a project without an app id of its own."""


class Authorization(msgspec.Struct, frozen=True):
    """The parts of what the front end sent.

    Attributes:
        claimed: The platform's fields, unverified.
        login_code: The code from ``login()``, called before the button was tapped.
        session: The handle from the login route. Never set together with ``login_code``.
        consent: What the user agreed to, according to the front end.
        login_name: Path of the login's field, such as ``login_code`` or ``authorization.authCode``; empty if none.
    """

    claimed: dict[str, Any]
    login_code: Secret | None = None
    session: Secret | None = None
    consent: dict[str, Any] | None = None
    login_name: str = ""

    def __repr__(self) -> str:
        return f"<Authorization with {', '.join(map(_shown, self.claimed))}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("claimed", list(map(_shown, self.claimed)))]

    def fingerprint(self, caller: str) -> bytes:
        """Return a digest of everything that was sent, and of the caller."""
        parts = [
            caller,
            self.login_code.reveal() if self.login_code else "",
            self.session.reveal() if self.session else "",
            self.claimed,
        ]
        return hashlib.sha256(_in_one_order(parts).encode("ascii")).digest()

    def text(self, name: str, limit: int, *, platform: str) -> str | None:
        """Return a field that must be a short text of visible ASCII characters, or None if it is missing.

        Raises:
            BadField: ``envelope.bad-field``.
        """
        value = self.claimed.get(name)
        if value is None or value == "":
            return None
        return _visible(value, name, limit, platform)

    def one_text(self, names: tuple[str, ...], limit: int, *, platform: str) -> str | None:
        """Return the short text that stands under one or more of these names; None if under none.

        Raises:
            BadField: ``envelope.bad-field``: it is no such text, or there are two different ones.
        """
        given = [(name, value) for name in names if (value := self.text(name, limit, platform=platform)) is not None]
        return str(_only(given, "codes")) if given else None

    def refuse(self, fields: frozenset[str], **because: object) -> None:
        """Refuse a body with any of these fields, which only another platform's front end sends.

        Raises:
            UnknownShape: ``envelope.unknown-shape``, with ``because``.
        """
        if not fields.isdisjoint(self.claimed):
            raise UnknownShape(because=because)

    def missing(self, name: str) -> MissingField:
        """Return the error for a missing required field. It lists the names of the fields that are present."""
        there = sorted({*map(_shown, self.claimed), *filter(None, (self.login_name,))})
        return MissingField(because={"field": name, "found": ", ".join(there[:8])[:120]})


def _shown(name: object) -> str:
    """Return a field name, or a mask if it does not look like one.

    A name may be a secret. A framework that parses JSON as a form turns the whole body, including its codes, into the
    name of an empty value, and a form without names is a code.
    """
    return name if isinstance(name, str) and _A_NAME.fullmatch(name) else MASK


def placeholder(value: object, name: str) -> MissingField | None:
    """Return the error for a text that stands where a value is missing, such as ``undefined``; else None."""
    text = value.strip() if isinstance(value, str) and len(value) < 64 else ""
    if text == _MOCK_CODE:
        return MissingField(place="mock-code", because={"field": name, "found": text})
    if _PLACEHOLDER.fullmatch(text):
        return MissingField(place="placeholder", because={"field": name, "found": text})
    return None


def _visible(value: object, name: str, limit: int, platform: str = "") -> str:
    if not isinstance(value, str):
        raise BadField(platform=platform, because={"field": name, "type": type(value).__name__, "needed": "string"})
    if missing := placeholder(value, name):
        raise missing.evolve(platform=platform)
    if len(value) > limit or not _VISIBLE.fullmatch(value):
        raise BadField(platform=platform, because={"field": name, "characters": len(value), "max": limit})
    return value


def read(sent: object, phone_code: tuple[str, ...] = field_names.ANY_PHONE) -> Authorization:
    """Parse what the front end sent.

    Encodings: JSON as text or bytes, a parsed object, one level of JSON inside a JSON string, a URL-encoded document,
    a form as text, and a web framework's multi-dict of a form. Shapes: the body of the front-end kit
    (``authorization``, ``login_code``, ``session``, ``consent``), a bare authorization, and a whole event with
    ``detail``.

    A login is found at any place and under any of its names. Two different logins are refused: a back end that adds
    the login of its own session must not be overruled by what the client put elsewhere in the body.

    Args:
        sent: The body that the front end sent.
        phone_code: Names of the platform's phone code (``Platform.phone_code``); empty if it has none.

    Raises:
        TooLarge: ``envelope.too-large``: more than 32 KiB, or nested too deep.
        NotUtf8: ``envelope.not-utf8``.
        NotJson: ``envelope.not-json``.
        BareCode: ``envelope.bare-code``: a code, and nothing says which.
        MissingField: ``envelope.missing-field``: JavaScript's ``undefined`` or the like in place of a value.
        UnknownShape: ``envelope.unknown-shape``: JSON, but not an object.
        BadField: ``envelope.bad-field``: an invalid code or handle, or two different ones.
        WrongArgument: ``config.wrong-argument``: an object that no front end can have sent.
    """
    found = bare = _object(sent)
    if len(found) == 1 and type(inner := found.get("authorization")) is dict:
        bare = inner  # the front-end kit's body, without a login
    return Authorization(bare) if _is_bare(bare, phone_code) else _wire(found, phone_code)


def _is_bare(found: dict[str, Any], phone_code: tuple[str, ...]) -> bool:
    """Return True if an object has only the platform's fields, so that nothing has to be taken apart."""
    # A nested object or list may contain a login.
    return _wire_names(phone_code).isdisjoint(found) and _NESTED.isdisjoint(map(type, found.values()))


def with_login(found: Authorization, login_code: object) -> Authorization:
    """Return ``found`` with the login code that the back end supplies. The body must not contain a different login.

    Raises:
        BadField: ``envelope.bad-field``: the code is invalid, or the body contains a different login.
    """
    login = Secret(_visible(login_code, "login_code", MAX_CODE))
    if any(each is not None and each != login for each in (found.login_code, found.session)):
        raise _differ("login_code=", found.login_name, "logins")
    return msgspec.structs.replace(found, login_code=login, session=None, login_name="login_code=")


def refuse_in_address(query: str) -> None:
    """Refuse a part of an authorization in the address of a POST. It would be ignored there, and addresses are logged.

    Raises:
        BadField: ``envelope.bad-field``.
    """
    for pair in query.split("&"):
        name = unquote_plus(pair.partition("=")[0])
        if field_names.usual(name) in _NOT_IN_ADDRESSES:
            raise BadField(because={"field": f"query.{name}", "needed": "in the body, not in the address"})


_NOT_IN_ADDRESSES: Final = field_names.PARTS | {"session"}
_LOGINS: Final = frozenset(LOGIN_NAMES)
_WIRE: Final = frozenset({
    "session", "consent", *LOGIN_NAMES, *PHONE_NAMES, *field_names.AROUND, *field_names.SPELLINGS,
}) - {"data"}  # fmt: skip
_NESTED: Final = frozenset({dict, list})
_JSON: Final = (type(None), bool, int, float, list, tuple)


@cache
def _wire_names(phone_code: tuple[str, ...]) -> frozenset[str]:
    """Return the names of which a bare authorization without a login has none."""
    return (_WIRE | {"code"}).difference(phone_code)


def _object(sent: object) -> dict[str, Any]:
    text = sent if type(sent) is str or type(sent) is bytes else _document(sent)
    if len(text) > MAX_BYTES:
        raise TooLarge(because={"max_bytes": MAX_BYTES})
    if text[:1] in ("{", b"{"):
        return parse_json_object(text)
    return _unwrapped((decode_utf8(text) if isinstance(text, bytes) else text).strip(" \t\r\n"))


def _document(sent: object) -> str | bytes:
    # The C parser rejects subclasses of str, such as a framework's "safe" text.
    if isinstance(sent, str):
        return str.__str__(sent)
    if isinstance(sent, bytes | bytearray | memoryview):
        return bytes(memoryview(sent))
    if isinstance(sent, _JSON):
        raise UnknownShape(because={"type": type(sent).__name__})
    if not isinstance(sent, Mapping):
        raise wrong_argument("body", sent, _instead_of(sent))
    try:
        return json.dumps(_copied(sent))
    except HaomaError:
        raise
    except Exception:  # noqa: BLE001 - the application's own mapping runs its code
        raise NotJson(because={"reason": "an object that JSON cannot hold"}) from None


def _copied(sent: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a mapping as a plain dictionary. Each name of a multi-dict must have a single value.

    The method that returns all values is ``getlist`` in Django, werkzeug and Starlette, ``getall`` in multidict and
    WebOb.
    """
    values = getattr(sent, "getlist", None) or getattr(sent, "getall", None)
    if not callable(values):
        return {name: sent[name] for name in sent}
    copied = {}
    for name in sent:
        first, *others = values(name)
        if any(each != first for each in others):
            raise BadField(because={"field": _shown(name), "reason": "given twice"})
        copied[name] = first
    return copied


def _instead_of(sent: object) -> str:
    """Return a hint about what to pass instead of an object that no front end can have sent."""
    if hasattr(type(sent), "__await__"):
        return "the bytes that it gives: await request.body()"
    if hasattr(sent, "model_dump"):
        return "request.body, or .model_dump() of the model"
    if is_dataclass(sent):
        return "request.body, or dataclasses.asdict() of the object"
    return "the body as it came: request.body (Django), await request.body() (FastAPI), request.get_data() (Flask)"


def _unwrapped(text: str) -> dict[str, Any]:
    if text != "null" and (missing := placeholder(text.strip('"'), "body")):
        raise missing
    if text[:3].lower() in ("%7b", "%22") and text.isascii():
        text = decode_utf8(unquote_to_bytes(text))
    if _FORM.match(text):
        return _form(text)
    try:
        value = parse_json(text)
    except NotJson:
        if _CODE_ALONE.fullmatch(text):
            raise BareCode(because={"characters": len(text)}) from None
        raise
    if isinstance(value, str):  # JSON inside a JSON string, one level
        if _CODE_ALONE.fullmatch(value):
            raise BareCode(because={"characters": len(value)})
        return parse_json_object(value)
    if not isinstance(value, dict):
        raise UnknownShape(because={"type": type(value).__name__})
    return value


def _form(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=16)
    except ValueError:  # also UnicodeDecodeError
        raise NotJson(because={"reason": "neither JSON nor a form"}) from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson(because={"reason": "duplicate key"})
    return found


def _differ(field: str, also: str, what: str) -> BadField:
    return BadField(because={"field": field, "also": also, "reason": f"two different {what}"})


class _Given:
    """The logins, session handles and phone codes of a body, each with its path."""

    def __init__(self, found: dict[str, Any], phone_code: tuple[str, ...]) -> None:
        self.logins: list[tuple[str, Any]] = []
        self.sessions: list[tuple[str, Any]] = []
        self.phones: list[tuple[str, Any]] = []
        self.codes: dict[str, list[tuple[str, Any]]] = {}
        self._take("", found, phone_code)

    def _take(self, place: str, layer: dict[str, Any], phone_code: tuple[str, ...]) -> None:
        for name, value in layer.items():
            if value is None or value == "":
                continue
            usual = field_names.usual(name)
            into = self._list_for(usual, layer, phone_code)
            if into is not None:
                into.append((place + name, value))
            elif usual in _WRAPPERS and type(value) is dict:
                self._take(f"{place}{name}.", value, phone_code)
            else:
                self.logins += _deeper(f"{place}{'consent' if usual == 'consent' else '*'}.", value, phone_code)

    def _list_for(self, name: str, layer: dict[str, Any], phone_code: tuple[str, ...]) -> list[tuple[str, Any]] | None:
        if name in phone_code:
            return self.codes.setdefault(name, [])
        if name in PHONE_NAMES:
            return self.phones
        if name in _LOGINS or (name == "code" and not _is_result(layer)):
            return self.logins
        return self.sessions if name == "session" else None


def _wire(found: dict[str, Any], phone_code: tuple[str, ...]) -> Authorization:
    found = _parsed(found)
    given = _Given(found, phone_code)
    parts = frozenset({*field_names.SEALED, *field_names.EVENT, *PHONE_NAMES, *phone_code})
    try:
        path, inner = field_names.innermost(found, parts)
    except field_names.Several as several:
        place, other = several.names
        failure = _differ(place, other, "authorizations")
    else:
        return _taken(found, given, path, inner, phone_code)
    raise failure


def _taken(
    found: dict[str, Any], given: _Given, path: list[str], inner: Mapping[str, Any], phone_code: tuple[str, ...]
) -> Authorization:
    claimed = _without(_spelt(inner), phone_code)
    if given.phones:
        phone = _only(given.phones, "phone codes")
        given.logins += [each for each in given.codes.pop("code", ()) if each[1] != phone]
        claimed["code"] = phone
    for name, codes in given.codes.items():
        claimed[name] = _only(codes, "codes", "the login's code under the name login_code")
    logins = given.logins + given.sessions
    for place, value in logins:
        _visible(value, place, MAX_CODE)
    login = Secret(_only(logins, "logins")) if logins else None
    consent = _consent(found, path)
    if consent is not None and not isinstance(consent, dict):
        raise BadField(because={"field": "consent", "type": type(consent).__name__, "needed": "object"})
    return Authorization(
        claimed=claimed,
        login_code=login if given.logins else None,
        session=None if given.logins else login,
        consent=consent,
        login_name=logins[0][0] if logins else "",
    )


_WRAPPERS: Final = frozenset({*field_names.AROUND, "response"})
"""Objects in which a ``code`` may be a login. ``response`` is one that a platform opens itself."""


def _consent(found: dict[str, Any], path: list[str]) -> Any:
    """Return the consent of our kit's body, which may be inside other objects."""
    layer: Mapping[str, Any] = found
    for name in ("", *path):
        if field_names.usual(name) in field_names.AROUND[:2]:
            break
        layer = layer[name] if name else layer
        for each, value in layer.items():
            if field_names.usual(each) == "consent" and value is not None:
                return value
    return None


def _parsed(layer: dict[str, Any]) -> dict[str, Any]:
    """Return the body with ``authorization``, if present, as a parsed object."""
    names = [name for name in layer if field_names.usual(name) == "authorization"]
    parsed = {name: _parsed(layer[name]) for name in field_names.inside(layer) if name not in names}
    for name in names:
        inner = layer[name]
        if missing := placeholder(inner, name):
            raise missing
        if isinstance(inner, str):
            inner = _object(inner)
        if not isinstance(inner, dict):
            raise BadField(because={"field": name, "type": type(inner).__name__, "needed": "object"})
        parsed[name] = inner
    return {**layer, **parsed} if parsed else layer


def _deeper(place: str, value: object, phone_code: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Find logins in other objects. None belongs there, but code that reads the body before us may use one."""
    if isinstance(value, dict):
        for name, each in value.items():
            if (
                field_names.usual(name) in _LOGINS
                and field_names.usual(name) not in phone_code
                and each is not None
                and each != ""
            ):
                yield place + name, each
            else:
                yield from _deeper(place, each, phone_code)
    elif isinstance(value, list):
        for each in value:
            yield from _deeper(place, each, phone_code)


def _only(given: list[tuple[str, Any]], what: str, needed: str = "") -> Any:
    """Return the value that all these places share.

    Args:
        given: The places and their values.
        what: What the values are.
        needed: What to do if one of two values means something else.

    Raises:
        BadField: ``envelope.bad-field``: two values differ. The error names both places, but no value.
    """
    place, value = given[0]
    for other, another in given:
        if type(another) is not type(value) or another != value:
            differ = _differ(place, other, what)
            raise differ.evolve(because={"needed": needed}) if needed else differ
    return value


def _is_result(layer: dict[str, Any]) -> bool:
    """Return True if ``code`` is a platform's result, not a login code. For platforms without phone codes."""
    code = layer["code"] if "code" in layer else layer["Code"]
    return not isinstance(code, str) or "msg" in layer or _RESULT.fullmatch(code) is not None


def _spelt(layer: Mapping[str, Any]) -> dict[str, Any]:
    spelt: dict[str, Any] = {}
    for name, value in layer.items():
        usual = field_names.usual(name)
        if usual in spelt:
            _only([(usual, spelt[usual]), (name, value)], "values")
        spelt[usual] = value
    return spelt


def _without(layer: dict[str, Any], phone_code: tuple[str, ...]) -> dict[str, Any]:
    """Return the platform's fields: the innermost object without our own fields and without codes."""
    ours = _ours(phone_code)
    fields = {name: value for name, value in layer.items() if name not in ours}
    if not phone_code and "code" in fields and not _is_result(fields):
        del fields["code"]
    return fields


@cache
def _ours(phone_code: tuple[str, ...]) -> frozenset[str]:
    return frozenset({"session", "consent", *LOGIN_NAMES, *PHONE_NAMES}.difference(phone_code))
