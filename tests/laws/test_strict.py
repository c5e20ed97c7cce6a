"""Laws of the strict readers over random input."""

from __future__ import annotations

import base64
import binascii
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from haoma.crypto.strict import decode_base64, parse_json, parse_json_object, read_base64
from haoma.errors import BadBase64, HaomaError, NotJson, NotUtf8, TooLarge

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(_values)
def test_json_round_trip(value: Any) -> None:
    """What json writes, compact or not, escaped or not, is read back, unless it nests too deep."""
    for options in ({}, {"ensure_ascii": False}, {"indent": 1}, {"separators": (",", ":")}):
        text = json.dumps(value, **options)
        with suppress(TooLarge):
            assert parse_json(text) == value
            assert parse_json(text.encode()) == value


@given(st.dictionaries(st.text(), st.text(), max_size=4), st.booleans(), st.booleans())
def test_short_and_long_way_agree(value: dict[str, str], compact: bool, escaped: bool) -> None:
    """An object of strings is read the same whether or not it takes the fast way."""
    text = json.dumps(value, separators=(",", ":") if compact else None, ensure_ascii=escaped)
    assert parse_json_object(text) == parse_json(text) == value
    assert parse_json_object(text.encode()) == value


@given(st.text(min_size=1), st.text(), st.text(), st.text())
@example("a", "a", "b", "")
def test_equal_keys_are_refused(key: str, one: str, two: str, other: str) -> None:
    """Two equal keys are refused wherever they stand and however they are written."""
    pairs = [(key, one), (key, two)] + ([(other, "x")] if other != key else [])
    for ordered, escaped in ((pairs, False), (pairs[::-1], True)):
        written = [f"{json.dumps(name, ensure_ascii=escaped)}:{json.dumps(text)}" for name, text in ordered]
        text = "{" + ",".join(written) + "}"
        with pytest.raises(NotJson):
            parse_json_object(text)
        with pytest.raises(NotJson):
            parse_json_object(text.encode())


@given(st.binary(min_size=1, max_size=80))
def test_base64_round_trip(raw: bytes) -> None:
    """Canonical base64 is read."""
    assert decode_base64(base64.b64encode(raw).decode(), "x") == raw


@given(st.text(alphabet="ABCDwxyz0189+/=- _\n*", max_size=16) | st.text(max_size=12))
@example("YWJ=")
@example("YWI=")
@example("YQ==YQ==")
@example("Y=Q=")
@example("YQ=")
@example("AAAA=")
@example("AAAA==")
@example("AAAA====")
def test_base64_has_one_spelling(text: str) -> None:
    """Whatever is accepted is exactly what the bytes are written as."""
    try:
        raw = decode_base64(text, "x")
    except BadBase64:
        try:
            lenient = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return
        assert not lenient or base64.b64encode(lenient).decode() != text, "a canonical text was refused"
        return
    assert base64.b64encode(raw).decode() == text


@given(st.binary(min_size=1, max_size=60), st.data())
def test_transport_damage_is_repaired(raw: bytes, data: st.DataObject) -> None:
    """A plus that became a space, line breaks and lost padding are undone."""
    text = base64.b64encode(raw).decode()
    damaged = text.replace("+", " ") if data.draw(st.booleans()) else text
    if data.draw(st.booleans()):
        damaged = damaged.rstrip("=")
    if not damaged.startswith(" ") and not damaged.endswith(" ") and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(damaged)))
        damaged = damaged[:at] + "\r\n" + damaged[at:]
    assert read_base64(damaged, "x") == (text, raw)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_only_our_errors(junk: bytes | str) -> None:
    """Whatever goes in, only our errors come out."""
    try:
        parse_json(junk)
    except HaomaError:
        return


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "\\udc00\\ud800"])
@pytest.mark.parametrize(
    "document",
    ['{{"{0}":1}}', '{{"a":{{"{0}":"x"}}}}', '{{"a":"{0}"}}', '[{{"a":["{0}"]}}]', '"{0}"', '{{"é{0}":"x"}}'],
)
def test_half_a_character(document: str, half: str) -> None:
    """Half of a surrogate pair is refused in a name as in a value; a whole pair is a character."""
    with pytest.raises(NotJson) as caught:
        parse_json(document.format(half))
    assert caught.value.because["reason"] == "lone surrogate"
    assert parse_json(document.format("\\ud83d\\ude00")) == json.loads(document.format("\U0001f600"))


@pytest.mark.parametrize(
    ("document", "refusal", "because"),
    [
        ("[1e999]", NotJson, {"reason": "number out of range"}),
        ('{"a":-1e999}', NotJson, {"reason": "number out of range"}),
        ("[NaN]", NotJson, {"reason": "NaN or Infinity"}),
        ("[-Infinity]", NotJson, {"reason": "NaN or Infinity"}),
        ('[{"a":1,"a":1}]', NotJson, {"reason": "duplicate key"}),
        ("[1", NotJson, {"reason": "syntax", "at": 2}),
        ("[1] 1", NotJson, {"reason": "syntax", "at": 4}),
        ("9" * 5000, NotJson, {"reason": "syntax", "at": 0}),
        (b"\xef\xbb\xbf{}", NotJson, {"reason": "syntax", "at": 0}),
        (b'{"a":"\xc3("}', NotUtf8, {"at_byte": 6}),
        ("[" * 17 + "]" * 17, TooLarge, {"max_depth": 16}),
        ("[" * 200_000, TooLarge, {"max_depth": 16}),
    ],
    ids=range(12),
)
def test_why_a_document_is_refused(
    document: str | bytes, refusal: type[HaomaError], because: dict[str, object]
) -> None:
    """By the short way and by the long one; and what is no object is no document at all."""
    for read in (parse_json, parse_json_object):
        with pytest.raises(refusal) as caught:
            read(document)
        assert caught.value.because == because
    for other in ("[]", b"1", "null", '"a"', b"[{}]"):
        with pytest.raises(NotJson) as caught:
            parse_json_object(other)
        assert caught.value.because == {"reason": "not an object"}


def test_fractions_are_read() -> None:
    """A number that can be told is no reason to refuse a document."""
    assert parse_json("[1.5,-2e3,0.0]") == parse_json_object('{"a":[1.5,-2e3,0.0]}')["a"] == [1.5, -2000.0, 0.0]


@pytest.mark.parametrize(("text", "characters"), [("YQ=", 3), ("Y", 1), ("YWJjY", 5), ("YW=", 3), ("YQ===", 5)])
def test_what_is_not_repaired(text: str, characters: int) -> None:
    """Padding is lost as a whole, or it was not lost on the way; and no row of bytes leaves a single character."""
    with pytest.raises(BadBase64) as caught:
        read_base64(text, "x")
    assert caught.value.because == {"field": "x", "characters": characters}


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", {"field": "x", "reason": "empty"}),
        ("YWJ=", {"field": "x", "reason": "trailing bits"}),
        ("YR==", {"field": "x", "reason": "trailing bits"}),
        ("Y", {"field": "x", "characters": 1}),
        ("YW", {"field": "x", "characters": 2}),
        ("YW*=", {"field": "x", "characters": 4}),
        ("YWé=", {"field": "x", "characters": 4}),
        ("YQ", {"field": "x", "characters": 2}),
    ],
)
def test_why_base64_is_refused(text: str, because: dict[str, object]) -> None:
    """The field is named, and never a part of its text."""
    with pytest.raises(BadBase64) as caught:
        decode_base64(text, "x")
    assert caught.value.because == because
