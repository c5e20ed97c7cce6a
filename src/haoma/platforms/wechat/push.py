"""Reads what WeChat pushes to a mini program's own address, or to its third-party platform.

A push is a flat document, XML or JSON, usually encrypted (WXBizMsgCrypt). Anybody can post to the address. So every
failure is the one refusal `CannotOpen`, and the order of checks matters:

1. ``timestamp`` is within five minutes of now. This alone does not stop old pushes: the signed values are sorted, so
   ``nonce``, which also looks like a time, may take its place. See `TICKET_AWAY`.
2. ``msg_signature`` is the SHA-1 of the sorted token, timestamp, nonce and ciphertext, compared in constant time. The
   token is its secret. ``signature`` does not cover the ciphertext and is ignored.
3. Only then is it decrypted: AES-256-CBC, the IV is the start of the key, PKCS#7 in blocks of 32, then 16 random bytes,
   a length, the message and the id of the receiver, which must be our mini program or component. The previous key is
   tried as well.
4. The XML, read by expat, consists of elements with text or CDATA under one root, each name once. An element that
   contains elements, as in the push about a registration (``notify_third_fasteregister``), counts as empty, and none is
   deeper than `_DEEPEST`. All else is refused: a DTD, an entity, a processing instruction, a comment, an attribute.
   JSON is a strict object; a member that is neither text nor an integer counts as empty.

In plain mode there is no ciphertext, and ``signature`` covers only the token, ``timestamp`` and ``nonce``.
Whoever sees one such address, as in the log of a proxy, could send any message to it. So `read_plain_push` is only for
apps without a key, and ``callback.py`` accepts one message per signature.

Pages: https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/component_verify_ticket.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Register_Mini_Programs/Fast_Registration_Interface_document.html
(read 2026-11).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from haoma.crypto.opening import aes_cbc
from haoma.crypto.strict import decode_base64, decode_utf8, parse_json_object
from haoma.errors import CannotOpen, EnvelopeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.secret import Secret

TICKET_AWAY: Final = 12 * 3600
EVENT_AWAY: Final = 3600
"""Most seconds between now and ``CreateTime``, which is inside the ciphertext; ``callback.py`` checks it.

WeChat does not say how long it repeats a push, or whether a repeated one keeps its CreateTime. The limits are the
lifetimes of what is pushed, so nothing usable is refused: WeChat accepts a ticket for twelve hours, and the code of a
grant for one.
"""
AWAY: Final = 300
"""Most seconds between now and ``timestamp``."""

_BLOCK: Final = 32
_HEAD: Final = 20  # 16 random bytes and a 4-byte length
_TIME: Final = re.compile(r"[0-9]{1,12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{40}")
_ECHO: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_REFUSED: Final = (
    "StartDoctypeDeclHandler", "EntityDeclHandler", "ProcessingInstructionHandler", "CommentHandler", "XmlDeclHandler",
    "ExternalEntityRefHandler", "SkippedEntityHandler",
)  # fmt: skip
_DEEPEST: Final = 4
_CHARACTERS: Final = 32 * 1024
_SIGNS: Final = 300
"""Most ``<`` signs of a push, at two or three per element. The longest documented push has some twenty elements."""


def read_push(
    query: Mapping[str, str],
    body: bytes,
    *,
    token: Secret,
    keys: tuple[bytes, ...],
    receiver: str,
    now: float,
    may_be_json: bool = False,
) -> dict[str, str]:
    """Return the fields of a push.

    Args:
        query: The query of the request.
        body: Its body.
        token: The token of the console.
        keys: The keys of the console, newest first.
        receiver: The app id of the receiver: the component, or a mini program without one.
        now: Unix seconds.
        may_be_json: Whether JSON is accepted. A third-party platform gets XML only.

    Raises:
        CannotOpen: ``trust.cannot-open``, for any failure.
    """
    # (1)
    _check_time(query, now)
    # (2)
    encrypted = _read(_text_of(body), may_be_json=may_be_json).get("Encrypt", "")
    _check_signature(query, "msg_signature", token, encrypted)
    # (3) (4)
    for key in keys:
        if (message := open_message(key, encrypted, receiver)) is not None:
            return _read(message, may_be_json=may_be_json)
    raise CannotOpen(step=1, diagnosis="sealed")


def read_plain_push(query: Mapping[str, str], body: bytes, *, token: Secret, now: float) -> dict[str, str]:
    """Return the fields of a push in plain mode, which the signature does not cover.

    Raises:
        CannotOpen: ``trust.cannot-open``, for any failure.
    """
    _check_time(query, now)
    found = _read(_text_of(body), may_be_json=True)
    _check_signature(query, "signature", token)
    return found


def read_echo(query: Mapping[str, str], *, token: Secret, now: float) -> str:
    """Return what WeChat wants to hear when the address is entered in the console.

    Raises:
        CannotOpen: ``trust.cannot-open``, for any failure.
    """
    _check_time(query, now)
    _check_signature(query, "signature", token)
    echo = query.get("echostr", "")
    if not _ECHO.fullmatch(echo):
        raise CannotOpen(step=1, diagnosis="echostr")
    return echo


def _check_time(query: Mapping[str, str], now: float) -> None:
    if not is_near(query.get("timestamp", ""), now, AWAY):
        raise CannotOpen(step=1, diagnosis="time")


def _check_signature(query: Mapping[str, str], name: str, token: Secret, *more: str) -> None:
    signature, expected = query.get(name, ""), sign(token, query["timestamp"], query.get("nonce", ""), *more)
    if not _DIGEST.fullmatch(signature) or not hmac.compare_digest(signature, expected):
        raise CannotOpen(step=1, diagnosis="signature")


def _text_of(body: bytes) -> str:
    try:
        return decode_utf8(body)
    except EnvelopeError:
        raise CannotOpen(step=1, diagnosis="text") from None


def is_near(time: str, now: float, away: float) -> bool:
    """Return whether a text is a time in Unix seconds, at most ``away`` seconds from now."""
    return _TIME.fullmatch(time) is not None and abs(now - int(time)) <= away


def sign(token: Secret, *parts: str) -> str:
    """Return ``msg_signature``; without a ciphertext among the parts, ``signature``."""
    joined = "".join(sorted((token.reveal(), *parts)))
    return hashlib.sha1(joined.encode("utf-8", "surrogatepass")).hexdigest()  # noqa: S324 - WeChat's choice


def open_message(key: bytes, encrypted: str, receiver: str) -> str | None:
    """Return the message inside a ciphertext, or None if it is not one for this receiver under this key."""
    try:
        sealed = decode_base64(encrypted, "Encrypt")
    except EnvelopeError:
        return None
    if not sealed or len(sealed) % _BLOCK:
        return None
    decryptor = aes_cbc(key, key[:16]).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    missing = padded[-1]
    if not 1 <= missing <= _BLOCK or padded[-missing:] != bytes([missing]) * missing:
        return None
    plain = padded[:-missing]
    end = _HEAD + int.from_bytes(plain[16:_HEAD])
    if len(plain) < _HEAD or not hmac.compare_digest(plain[end:], receiver.encode()):
        return None
    try:
        return decode_utf8(plain[_HEAD:end])
    except EnvelopeError:
        return None


class _NotFlat(Exception):
    """The document is XML, but contains something that no push does."""


@dataclass(slots=True)
class _Element:
    """An element being read: its text, its CDATA if any, and whether it contains elements."""

    name: str
    text: str = ""
    cdata: str | None = None
    nested: bool = False

    def value(self) -> str:
        """Return its content: CDATA unchanged, text stripped of white space, or nothing if it contains elements."""
        if (self.nested and self.cdata is not None) or ((self.nested or self.cdata is not None) and self.text.strip()):
            raise _NotFlat
        return self.text.strip() if self.cdata is None else self.cdata


class _Reader:
    """Reads a document with expat, and refuses everything but elements of text or CDATA.

    Attributes:
        found: The contents of the elements directly under the root.
    """

    def __init__(self, document: bytes) -> None:
        self.found: dict[str, str] = {}
        self._document = document
        self._open: list[_Element] = []
        self._in_cdata = False
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_cdata
        for name in _REFUSED:
            setattr(parser, name, _refuse)

    def read(self) -> dict[str, str]:
        """Return the elements. Raises ExpatError, _NotFlat."""
        self._parser.Parse(self._document, True)
        return self.found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        around = self._open[-1] if self._open else None
        if attributes or not _NAME.fullmatch(name) or len(self._open) > _DEEPEST or (around is None and name != "xml"):
            raise _NotFlat
        if len(self._open) == 1 and name in self.found:  # two readers might pick different ones
            raise _NotFlat
        if around is not None:
            around.nested = True
        self._open.append(_Element(name))

    def _end(self, name: str) -> None:
        value = self._open.pop().value()
        if len(self._open) == 1:
            self.found[name] = value
        elif not self._open and value:
            raise _NotFlat  # text under the root

    def _characters(self, text: str) -> None:
        element = self._open[-1]
        if self._in_cdata:
            element.cdata = (element.cdata or "") + text
        elif self._document.startswith(b"&", self._parser.CurrentByteIndex):
            raise _NotFlat  # an entity, even a predefined one
        else:
            element.text += text

    def _start_cdata(self) -> None:
        if self._open[-1].cdata is not None:
            raise _NotFlat
        self._in_cdata, self._open[-1].cdata = True, ""

    def _end_cdata(self) -> None:
        self._in_cdata = False


def _refuse(*_: object) -> None:
    raise _NotFlat


def _read(text: str, *, may_be_json: bool) -> dict[str, str]:
    """Return the fields of a document, XML or JSON.

    Raises:
        CannotOpen: ``trust.cannot-open``: it is neither, or JSON where that is not accepted.
    """
    if text.lstrip()[:1] != "{":
        return read_flat_xml(text)
    found = read_flat_json(text)  # also where it is not accepted: the time must not tell for which apps it is
    if not may_be_json:
        raise CannotOpen(step=1, diagnosis="xml")
    return found


def read_flat_json(text: str) -> dict[str, str]:
    """Return the members of a JSON object, numbers as text.

    Raises:
        CannotOpen: ``trust.cannot-open``: it is not strict JSON, or not an object.
    """
    if len(text) > _CHARACTERS:
        raise CannotOpen(step=1, diagnosis="json")
    try:
        found = parse_json_object(text)
    except EnvelopeError:
        raise CannotOpen(step=1, diagnosis="json") from None
    return {name: _text(value) for name, value in found.items()}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""


def read_flat_xml(text: str) -> dict[str, str]:
    """Return the elements under ``<xml>``, their text stripped of white space.

    Raises:
        CannotOpen: ``trust.cannot-open``: it is not XML of that form.
    """
    # This runs before the signature can be checked, so it must be cheap.
    if len(text) > _CHARACTERS or text.count("<") > _SIGNS:
        raise CannotOpen(step=1, diagnosis="xml")
    try:
        return _Reader(text.strip().encode()).read()
    except (expat.ExpatError, _NotFlat):
        raise CannotOpen(step=1, diagnosis="xml") from None
