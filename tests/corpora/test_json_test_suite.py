"""JSONTestSuite through the strict reader: what must be rejected is rejected, what is accepted means what json says."""

from __future__ import annotations

import json

import pytest

from conftest import corpus
from haoma import authorization
from haoma.crypto.strict import MAX_DEPTH, parse_json, parse_json_object
from haoma.errors import EnvelopeError, HaomaError

# Documents that must be accepted by a JSON parser, and that we refuse on purpose: equal keys.
_OUR_LIMITS = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def test_must_reject() -> None:
    """None of the documents that are not JSON is accepted, neither bare nor inside a string of an authorization."""
    files = sorted(corpus("json-test-suite").glob("n_*.json"))
    assert len(files) == 188
    for file in files:
        raw = file.read_bytes()
        with pytest.raises(EnvelopeError):
            parse_json(raw)
        with pytest.raises(EnvelopeError):
            authorization.read(raw)


def test_must_accept() -> None:
    """Every document that is JSON is read as the standard library reads it, save for our documented limits."""
    files = sorted(corpus("json-test-suite").glob("y_*.json"))
    assert len(files) == 95
    for file in files:
        raw = file.read_bytes()
        if file.name in _OUR_LIMITS:
            with pytest.raises(EnvelopeError):
                parse_json(raw)
        else:
            assert parse_json(raw) == json.loads(raw), file.name


def test_either_way() -> None:
    """Documents that a parser may take or leave never raise anything but our errors, and never mean two things."""
    for file in sorted(corpus("json-test-suite").glob("i_*.json")):
        raw = file.read_bytes()
        try:
            found = parse_json(raw)
        except HaomaError:
            continue
        assert found == json.loads(raw), file.name


def test_depth() -> None:
    """Nesting is accepted to the documented depth and not one level deeper."""
    assert parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(EnvelopeError):
        parse_json("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    with pytest.raises(EnvelopeError):
        parse_json_object('{"a":' * 5000 + "1" + "}" * 5000)
