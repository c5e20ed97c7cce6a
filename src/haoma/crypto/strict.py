"""Readers that refuse ambiguity: UTF-8, JSON and base64.

Two parsers that read the same bytes differently are an attack (JSON: duplicate keys, NaN, lone surrogates; base64:
characters that one decoder drops, bits that one decoder ignores). These refuse whatever another reader could take
differently. Wycheproof and JSONTestSuite run through them in the tests.
"""

from __future__ import annotations

import binascii
import json
import math
from typing import Any, Final, NoReturn

import msgspec

from haoma.errors import BadBase64, NotJson, NotUtf8, TooLarge

MAX_DEPTH: Final = 16
"""Deepest nesting of JSON. The deepest authorization has four levels."""

_CANONICAL_BEFORE_PAD: Final = {1: frozenset("AEIMQUYcgkosw048"), 2: frozenset("AQgw")}
# Last character before one or two "=" whose unused bits are zero. Others decode to the same bytes (RFC 4648, 3.5).


def decode_utf8(raw: bytes) -> str:
    """Return ``raw`` as text.

    Raises:
        NotUtf8: ``envelope.not-utf8``.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8(because={"at_byte": error.start}) from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson(because={"reason": "duplicate key"})
    return found


def _refuse_constant(_name: str) -> NoReturn:
    raise NotJson(because={"reason": "NaN or Infinity"})


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson(because={"reason": "number out of range"})
    return number


_decode: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_refuse_constant, parse_float=_finite).decode


def parse_json(text: str | bytes) -> Any:
    """Return the value of strict JSON (RFC 8259, and no more than that).

    Args:
        text: The document. Bytes have to be UTF-8 without a byte order mark.

    Raises:
        NotUtf8: ``envelope.not-utf8``.
        NotJson: ``envelope.not-json``: syntax, duplicate key, NaN or Infinity, lone surrogate.
        TooLarge: ``envelope.too-large``: nested deeper than `MAX_DEPTH`.
    """
    if isinstance(text, bytes):
        text = decode_utf8(text)
    try:
        value = _decode(text)
    except RecursionError:
        raise TooLarge(because={"max_depth": MAX_DEPTH}) from None
    except ValueError as error:  # JSONDecodeError, and integers beyond Python's limit
        at = error.pos if isinstance(error, json.JSONDecodeError) else 0
        raise NotJson(because={"reason": "syntax", "at": at}) from None
    _check(value)
    return value


def _check(value: Any) -> None:
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, str):
            if not node.isascii():
                _check_surrogates(node)
            continue
        if not isinstance(node, dict | list):
            continue
        if depth > MAX_DEPTH:
            raise TooLarge(because={"max_depth": MAX_DEPTH})
        children = [*node.keys(), *node.values()] if isinstance(node, dict) else node
        waiting.extend((child, depth + 1) for child in children)


def _check_surrogates(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotJson(because={"reason": "lone surrogate"}) from None


def parse_json_object(text: str | bytes) -> dict[str, Any]:
    """Return a strict JSON object; see `parse_json`.

    Raises:
        NotJson: ``envelope.not-json``: also when it is JSON, but not an object.
    """
    if (flat := _flat(text)) is not None:
        return flat
    value = parse_json(text)
    if not isinstance(value, dict):
        raise NotJson(because={"reason": "not an object"})
    return value


_decode_flat: Final = msgspec.json.Decoder(dict[str, str]).decode


def _flat(text: str | bytes) -> dict[str, Any] | None:
    """Return an object of strings that is written without white space and escapes, or None to go the long way.

    Most envelopes and payloads are like that, and a C parser is five times faster. It keeps the last of two equal
    keys and unescapes; in both cases the document is longer than the shortest writing of what was found, so the
    length proves that nothing was dropped: two braces, n - 1 commas, and four quotes and a colon for each pair.
    """
    try:
        found = _decode_flat(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    shortest = 1 + 6 * len(found) + sum(map(len, found)) + sum(map(len, found.values()))
    return found if len(text) == shortest and found else None


def repair_base64(text: str) -> str:
    """Undo what transport does to base64: ``+`` became a space, line breaks crept in, the padding was cut off.

    Nothing else is touched. A repair is a guess; the signature or the decryption that follows proves it right.
    """
    if " " in text or "\n" in text or "\r" in text or "\t" in text:
        text = text.strip("\r\n\t").translate(_REPAIRS)
    if len(text) % 4 in (2, 3) and not text.endswith("="):
        text += "=" * (-len(text) % 4)
    return text


_REPAIRS: Final = str.maketrans({" ": "+", "\r": None, "\n": None, "\t": None})


def decode_base64(text: str, field: str) -> bytes:
    """Return the bytes of canonical standard base64.

    Args:
        text: The base64 text, already repaired.
        field: Name of the field, for the error.

    Raises:
        BadBase64: ``envelope.bad-base64``: another alphabet, wrong padding, trailing bits, or empty.
    """
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii.Error, and non-ASCII text
        raise BadBase64(because={"field": field, "characters": len(text)}) from None
    padding = 2 if text.endswith("==") else text.endswith("=")
    if not raw or (padding and text[-padding - 1] not in _CANONICAL_BEFORE_PAD[padding]):
        raise BadBase64(because={"field": field, "characters": len(text)})
    return raw
