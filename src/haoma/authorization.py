"""What the front end sent: untouched, size-capped, untrusted.

Every team posts something else: the body of our front-end kit, the bare object of the platform's sample, the whole
event, a string inside a string, a form. `read` finds the parts without believing any of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from haoma.crypto.strict import decode_utf8, parse_json, parse_json_object
from haoma.errors import BadField, MissingField, NotJson, TooLarge, UnknownShape
from haoma.secret import Secret

MAX_BYTES: Final = 32 * 1024
"""Largest authorization in bytes. Real ones are below two kilobytes."""
MAX_CODE: Final = 512
"""Longest login code, phone code or session handle in characters. Real ones have 32 to 64."""

_ALIPAY: Final = frozenset({"response", "sign", "subCode", "sub_code", "subMsg", "sub_msg"})
_FORM: Final = re.compile(r"[A-Za-z_]+=")
_SPELLINGS: Final = {
    "encrypted_data": "encryptedData",
    "loginCode": "login_code",
    "phoneCode": "code",
    "phone_code": "code",
    "err_msg": "errMsg",
}
_in_one_order: Final = json.JSONEncoder(sort_keys=True).encode
_VISIBLE: Final = re.compile(r"[!-~]+")


class Authorization(msgspec.Struct, frozen=True, gc=False):
    """What the front end sent, taken apart.

    Attributes:
        claimed: The platform's fields, whatever they are.
        login_code: What ``login()`` gave, taken before the button was tapped.
        session: Handle that the login route gave.
        consent: What the user agreed to, as the front end tells it.
    """

    claimed: dict[str, Any]
    login_code: Secret | None = None
    session: Secret | None = None
    consent: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<Authorization with {', '.join(map(repr, self.claimed))}>"

    def fingerprint(self, caller: str) -> bytes:
        """Return a digest of everything that was sent, and of who sent it."""
        parts = [
            caller,
            self.login_code.reveal() if self.login_code else "",
            self.session.reveal() if self.session else "",
            self.claimed,
        ]
        return hashlib.sha256(_in_one_order(parts).encode("ascii")).digest()

    def text(self, name: str, limit: int, *, platform: str) -> str | None:
        """Return a field that has to be a short text of visible ASCII characters, or None if it is not there.

        Raises:
            BadField: ``envelope.bad-field``.
        """
        value = self.claimed.get(name)
        if value is None or value == "":
            return None
        return _visible(value, name, limit, platform)

    def refuse_alipay(self, needed: str) -> None:
        """Refuse Alipay's envelope, the one that gets sent to other platforms' apps; say what is needed instead.

        Raises:
            UnknownShape: ``envelope.unknown-shape``.
        """
        if not _ALIPAY.isdisjoint(self.claimed):
            raise UnknownShape(because={"looks_like": "alipay", "needed": needed})

    def missing(self, name: str) -> MissingField:
        """Return the error for a field without which nothing can be done; it names those that are there."""
        return MissingField(because={"field": name, "found": ", ".join(sorted(map(str, self.claimed))[:8])[:120]})


def _visible(value: object, name: str, limit: int, platform: str = "") -> str:
    if not isinstance(value, str):
        raise BadField(platform=platform, because={"field": name, "type": type(value).__name__, "needed": "string"})
    if len(value) > limit or not _VISIBLE.fullmatch(value):
        raise BadField(platform=platform, because={"field": name, "characters": len(value), "max": limit})
    return value


def read(sent: str | bytes | Mapping[str, Any]) -> Authorization:
    """Take apart what the front end sent.

    Accepts JSON text or bytes, a parsed object, one level of JSON inside a JSON string, a URL-encoded document, and a
    form; the body of the front-end kit (``authorization``, ``login_code``, ``session``, ``consent``), a bare
    authorization, and a whole event with ``detail``.

    Raises:
        TooLarge: ``envelope.too-large``: more than 32 KiB, or nested too deep.
        NotUtf8: ``envelope.not-utf8``.
        NotJson: ``envelope.not-json``.
        UnknownShape: ``envelope.unknown-shape``: JSON, but not an object.
        BadField: ``envelope.bad-field``: a code or handle that cannot be one.
    """
    found = _object(sent)
    return Authorization(found) if _WIRE.isdisjoint(found) else _wire(found)


_WIRE: Final = frozenset({"authorization", "login_code", "session", "consent", "detail", *_SPELLINGS})
_TEXT: Final = (str, bytes)


def _object(sent: object) -> dict[str, Any]:
    if not isinstance(sent, _TEXT):
        sent = _document(sent)
    if len(sent) > MAX_BYTES:
        raise TooLarge(because={"max_bytes": MAX_BYTES})
    if sent[:1] in ("{", b"{"):
        return parse_json_object(sent)
    text = decode_utf8(sent) if isinstance(sent, bytes) else sent
    return _unwrapped(text.strip(" \t\r\n"))


def _document(sent: object) -> str | bytes:
    if isinstance(sent, bytearray | memoryview):
        return bytes(sent)
    if not isinstance(sent, Mapping):
        raise UnknownShape(because={"type": type(sent).__name__})
    try:
        return json.dumps(dict(sent))
    except (TypeError, ValueError, RecursionError):
        raise NotJson(because={"reason": "an object that JSON cannot hold"}) from None


def _unwrapped(text: str) -> dict[str, Any]:
    if text[:3].lower() in ("%7b", "%22") and text.isascii():
        text = decode_utf8(unquote_to_bytes(text))
    if _FORM.match(text):
        return _form(text)
    value = parse_json(text)
    if isinstance(value, str):  # JSON inside a JSON string, one level
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


def _spelt(found: Mapping[str, Any]) -> dict[str, Any]:
    spelt: dict[str, Any] = {}
    for name, value in found.items():
        usual = _SPELLINGS.get(name, name)
        if usual in spelt:
            raise BadField(because={"field": usual, "reason": "given twice in two spellings"})
        spelt[usual] = value
    return spelt


def _wire(found: dict[str, Any]) -> Authorization:
    outer = _spelt(found)
    login_code, session, consent = (outer.pop(name, None) for name in ("login_code", "session", "consent"))
    claimed = outer.pop("authorization", outer)
    if isinstance(claimed, str):
        claimed = _object(claimed)
    if not isinstance(claimed, dict):
        raise BadField(because={"field": "authorization", "type": type(claimed).__name__, "needed": "object"})
    claimed = _event(_spelt(claimed))
    login_code = claimed.pop("login_code", None) or login_code  # kept inside by some front ends
    if consent is not None and not isinstance(consent, dict):
        raise BadField(because={"field": "consent", "type": type(consent).__name__, "needed": "object"})
    return Authorization(
        claimed=claimed,
        login_code=Secret(_visible(login_code, "login_code", MAX_CODE)) if login_code not in (None, "") else None,
        session=Secret(_visible(session, "session", MAX_CODE)) if session not in (None, "") else None,
        consent=consent,
    )


def _event(claimed: dict[str, Any]) -> dict[str, Any]:
    """Unwrap ``event.detail``; Skyline nests it twice, and one WeChat release put ``code`` beside it."""
    for _ in range(2):
        detail = claimed.get("detail")
        if not isinstance(detail, dict):
            break
        code = claimed.get("code")
        claimed = _spelt(detail)
        if code is not None:
            claimed.setdefault("code", code)
    return claimed
