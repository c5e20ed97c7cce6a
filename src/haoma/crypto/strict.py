"""Readers that refuse ambiguity: UTF-8, JSON and base64.

Two parsers that read the same bytes differently are an attack (JSON: duplicate keys, NaN, lone surrogates; base64:
characters that one decoder drops, bits that one decoder ignores). These refuse whatever another reader could take
differently. Wycheproof and JSONTestSuite run through them in the tests.
"""

from __future__ import annotations

import json
import math
from binascii import a2b_base64
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from haoma.errors import BadBase64, NotJson, NotUtf8, TooLarge

MAX_DEPTH: Final = 16
"""Deepest nesting of JSON. The deepest authorization has four levels."""


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


# No fractions, whose many spellings would seldom come out the same, and no lists, which would have no end.
_Plain: TypeAlias = str | int | bool | None
_Inner: TypeAlias = dict[str, _Plain | dict[str, _Plain]]
_decode_plain: Final = msgspec.json.Decoder(dict[str, _Plain | _Inner]).decode
_encode: Final = msgspec.json.Encoder().encode


def parse_json_object(text: str | bytes) -> dict[str, Any]:
    """Return a strict JSON object; see `parse_json`.

    Most bodies, envelopes, payloads and replies are objects of strings and whole numbers, or of such objects, and
    written the shortest way; for these a C parser is five times faster. It would keep the last of two equal keys, but
    then writing what it found does not give the same bytes again.

    Raises:
        NotJson: ``envelope.not-json``: also when it is JSON, but not an object.
    """
    try:
        raw = text.encode("utf-8") if isinstance(text, str) else text
        plain = _decode_plain(raw)
        if _encode(plain) == raw:
            return plain
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError):  # the last: a number of 65 bits
        pass
    value = parse_json(text)
    if not isinstance(value, dict):
        raise NotJson(because={"reason": "not an object"})
    return value


_REPAIRS: Final = str.maketrans({" ": "+", "\r": None, "\n": None, "\t": None})
# The last character before the padding has bits that mean nothing; if they are not zero, it is a second way to write
# the same bytes (RFC 4648, 3.5).
_ONE_PAD: Final = frozenset(f"{last}=" for last in "AEIMQUYcgkosw048")
_TWO_PADS: Final = frozenset(f"{last}==" for last in "AQgw")


def repair_base64(text: str) -> str:
    """Undo what transport does to base64: ``+`` became a space, line breaks crept in, the padding was cut off.

    Nothing else is touched. A repair is a guess; the signature or the decryption that follows proves it right.
    """
    text = text.strip("\r\n\t").translate(_REPAIRS)
    if len(text) % 4 in (2, 3) and not text.endswith("="):
        text += "=" * (-len(text) % 4)
    return text


def decode_base64(text: str, field: str) -> bytes:
    """Return the bytes of canonical standard base64.

    Args:
        text: The base64 text.
        field: Name of the field, for the error.

    Raises:
        BadBase64: ``envelope.bad-base64``: another alphabet, wrong padding, trailing bits, or empty.
    """
    try:
        raw = a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii.Error, and non-ASCII text
        raise BadBase64(because={"field": field, "characters": len(text)}) from None
    if text[-1:] == "=":
        # Python 3.11 takes padding behind four whole characters as well.
        if len(text) % 4 or (text[-3:] not in _TWO_PADS and text[-2:] not in _ONE_PAD):
            raise BadBase64(because={"field": field, "reason": "trailing bits"})
    elif not raw:
        raise BadBase64(because={"field": field, "reason": "empty"})
    return raw


def read_base64(text: str, field: str) -> tuple[str, bytes]:
    """Return base64 text as it must have been before transport, and its bytes.

    Raises:
        BadBase64: ``envelope.bad-base64``: not even after `repair_base64`.
    """
    try:
        return text, decode_base64(text, field)
    except BadBase64:
        text = repair_base64(text)
        return text, decode_base64(text, field)
