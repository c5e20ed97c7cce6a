"""Strict parsers for UTF-8, JSON and base64 that refuse ambiguous input.

If two parsers read the same bytes differently, an attacker can use the difference (JSON: duplicate keys, NaN, lone
surrogates; base64: characters that one decoder drops, bits that one decoder ignores). These parsers refuse anything
that another parser could read differently. The tests run Wycheproof and JSONTestSuite through them.
"""

from __future__ import annotations

import json
import math
from binascii import a2b_base64
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from haoma.errors import BadBase64, NotJson, NotUtf8, TooLarge

MAX_DEPTH: Final = 16
"""Maximum nesting of JSON. The deepest real authorization has four levels."""


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
    """Return the value of a strict JSON document (RFC 8259, without extensions).

    Args:
        text: The document. Bytes must be UTF-8 without a byte order mark.

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
    except ValueError as error:  # JSONDecodeError, or an integer beyond Python's limit
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


# No fractions: they have many spellings, which rarely survive the round trip. No lists: the type would be recursive.
_Plain: TypeAlias = str | int | bool | None
_Inner: TypeAlias = dict[str, _Plain | dict[str, _Plain]]
_decode_plain: Final = msgspec.json.Decoder(dict[str, _Plain | _Inner]).decode
_encode: Final = msgspec.json.Encoder().encode


def parse_json_object(text: str | bytes) -> dict[str, Any]:
    """Return a strict JSON object; see `parse_json`.

    Most documents are compact objects of strings and integers, or of such objects. For these a C parser is five times
    faster. It keeps the last of two equal keys, but then encoding the result does not give the original bytes, and the
    strict parser is used instead.

    Raises:
        NotJson: ``envelope.not-json``: also for JSON that is not an object.
    """
    try:
        raw = text.encode("utf-8") if isinstance(text, str) else text
        plain = _decode_plain(raw)
        if _encode(plain) == raw:
            return plain
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError):  # OverflowError: a 65-bit number
        pass
    value = parse_json(text)
    if not isinstance(value, dict):
        raise NotJson(because={"reason": "not an object"})
    return value


_REPAIRS: Final = str.maketrans({" ": "+", "\r": None, "\n": None, "\t": None})
# The last character before the padding has unused bits. If they are not zero, the text is a second encoding of the same
# bytes (RFC 4648, 3.5).
_ONE_PAD: Final = frozenset(f"{last}=" for last in "AEIMQUYcgkosw048")
_TWO_PADS: Final = frozenset(f"{last}==" for last in "AQgw")


def repair_base64(text: str) -> str:
    """Undo transport damage to base64: ``+`` turned into a space, added line breaks, missing padding.

    Nothing else is changed. The repair is a guess, which the signature or the decryption then confirms.
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
        # Python 3.11 also accepts padding after a complete group of four characters.
        if len(text) % 4 or (text[-3:] not in _TWO_PADS and text[-2:] not in _ONE_PAD):
            raise BadBase64(because={"field": field, "reason": "trailing bits"})
    elif not raw:
        raise BadBase64(because={"field": field, "reason": "empty"})
    return raw


def read_base64(text: str, field: str) -> tuple[str, bytes]:
    """Return base64 text, repaired if necessary, and its bytes.

    Raises:
        BadBase64: ``envelope.bad-base64``: invalid even after `repair_base64`.
    """
    try:
        return text, decode_base64(text, field)
    except BadBase64:
        text = repair_base64(text)
        return text, decode_base64(text, field)
