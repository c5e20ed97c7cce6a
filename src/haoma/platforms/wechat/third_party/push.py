"""What WeChat pushes to a third-party platform: signed, encrypted XML (WXBizMsgCrypt).

Anybody can post to the address, so that every failure is one refusal, `CannotOpen`, and the order matters:

1. ``timestamp`` is within five minutes of now. That alone stops no old push: what is signed is sorted, and ``nonce``,
   which looks like a time as well, may take its place. See `TICKET_AWAY`.
2. ``msg_signature`` is SHA-1 of the sorted token, timestamp, nonce and ciphertext, compared in constant time. The token
   is the secret in it; ``signature``, which does not cover the ciphertext, is not looked at.
3. Only then is it decrypted: AES-256-CBC, the IV is the start of the key, PKCS#7 in blocks of 32, then 16 random bytes,
   a length, the message and the id of the receiver, which has to be our component. The key before is tried as well.
4. The XML is elements of text or CDATA under one root, each name once. One that holds further elements, as in the push
   about a registration (``notify_third_fasteregister``), counts as empty, and none is deeper than `_DEEPEST`. Anything
   else is refused, which leaves no room for a DTD, an entity, a processing instruction or an attribute.

Pages: https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/component_verify_ticket.html,
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Register_Mini_Programs/Fast_Registration_Interface_document.html
(read 2026-11).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from haoma.crypto.opening import aes_cbc
from haoma.crypto.strict import decode_base64, decode_utf8
from haoma.errors import CannotOpen, EnvelopeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.secret import Secret

TICKET_AWAY: Final = 12 * 3600
EVENT_AWAY: Final = 3600
"""How far ``CreateTime``, which is inside the ciphertext, may be from now; ``callback.py`` looks.

WeChat does not say how long it repeats a push, nor whether a repeated one keeps its CreateTime. These are the lives of
what is pushed, so that nothing is refused that could still be used: WeChat takes a ticket back for twelve hours, and
the code of a grant for one.
"""

_AWAY: Final = 300
_BLOCK: Final = 32
_HEAD: Final = 20  # 16 random bytes, 4 of length
_TIME: Final = re.compile(r"[0-9]{1,12}")
_DIGEST: Final = re.compile(r"[0-9a-f]{40}")
_NAME: Final = r"([A-Za-z][A-Za-z0-9_]{0,63})"
_ROOT: Final = re.compile(r"\s*<xml>")
_ROOT_ENDS: Final = re.compile(r"\s*</xml>\s*")
_STARTS: Final = re.compile(rf"\s*<{_NAME}(/?)>")
_ENDS: Final = re.compile(rf"\s*</{_NAME}>")
_LEAF: Final = re.compile(r"(?:\s*<!\[CDATA\[((?:(?!\]\]>).)*)\]\]>\s*|((?:(?!\]\]>)[^<&])*))(?=</)", re.DOTALL)
_DEEPEST: Final = 4
_CHARACTERS: Final = 32 * 1024
_SIGNS: Final = 300
"""Most signs ``<`` of a push, two or three an element. The longest that is documented has some twenty elements."""


def read_push(
    query: Mapping[str, str], body: bytes, *, token: Secret, keys: tuple[bytes, ...], receiver: str, now: float
) -> dict[str, str]:
    """Return the fields of a push.

    Args:
        query: The query of the request.
        body: Its body.
        token: The token of the console.
        keys: The keys of the console, newest first.
        receiver: The app id of the component.
        now: Unix seconds.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong.
    """
    timestamp, signature = query.get("timestamp", ""), query.get("msg_signature", "")
    # (1)
    if not is_near(timestamp, now, _AWAY):
        raise CannotOpen(step=1, diagnosis="time")
    # (2)
    try:
        encrypted = read_flat_xml(decode_utf8(body)).get("Encrypt", "")
    except EnvelopeError:
        raise CannotOpen(step=1, diagnosis="text") from None
    expected = sign(token, timestamp, query.get("nonce", ""), encrypted)
    if not _DIGEST.fullmatch(signature) or not hmac.compare_digest(signature, expected):
        raise CannotOpen(step=1, diagnosis="signature")
    # (3) (4)
    for key in keys:
        if (message := open_message(key, encrypted, receiver)) is not None:
            return read_flat_xml(message)
    raise CannotOpen(step=1, diagnosis="sealed")


def is_near(time: str, now: float, away: float) -> bool:
    """Tell whether a text is Unix seconds, and no further from now than it may be."""
    return _TIME.fullmatch(time) is not None and abs(now - int(time)) <= away


def sign(token: Secret, *parts: str) -> str:
    """Return ``msg_signature``."""
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


def read_flat_xml(text: str) -> dict[str, str]:
    """Return the elements under ``<xml>``, without white space around what they hold.

    Raises:
        CannotOpen: ``trust.cannot-open``: it is not XML of such elements.
    """
    # It is read before the signature can be looked at, so it must not be much work.
    root = _ROOT.match(text) if len(text) <= _CHARACTERS and text.count("<") <= _SIGNS else None
    if root is None:
        raise CannotOpen(step=1, diagnosis="xml")
    found, place = _read_elements(text, root.end(), 1)
    if not _ROOT_ENDS.fullmatch(text, place):
        raise CannotOpen(step=1, diagnosis="xml")
    return found


def _read_elements(text: str, place: int, depth: int) -> tuple[dict[str, str], int]:
    """Return the elements from a place on, and where they end."""
    found: dict[str, str] = {}
    while start := _STARTS.match(text, place):
        name, place = start[1], start.end()
        if depth > _DEEPEST or (depth == 1 and name in found):
            raise CannotOpen(step=1, diagnosis="xml")
        found[name] = ""
        if start[2]:
            continue
        if leaf := _LEAF.match(text, place):
            found[name] = leaf[1] if leaf[1] is not None else leaf[2].strip()
            place = leaf.end()
        else:
            _, place = _read_elements(text, place, depth + 1)
        end = _ENDS.match(text, place)
        if end is None or end[1] != name:
            raise CannotOpen(step=1, diagnosis="xml")
        place = end.end()
    return found, place
