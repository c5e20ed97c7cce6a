"""What an earlier version has sealed is opened, and what it has indexed is found."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from haoma.store.keys.numbers import BlindIndex, NumberSealer, key_of
from haoma.store.sealing import StoreKey

FROZEN = tomllib.loads(Path(__file__).with_name("frozen_numbers_1.toml").read_text("utf-8"))


def named(table: str) -> tuple[StoreKey, ...]:
    """The keys of one table of the file."""
    return tuple(StoreKey(int(number), bytes.fromhex(secret)) for number, secret in FROZEN[table].items())


@pytest.mark.parametrize("case", FROZEN["number"], ids=lambda case: f"{case['tenant']}-{case['e164'][-4:]}")
def test_a_frozen_record_opens(case: dict[str, Any]) -> None:
    """Under the key that it names, and its number is at its frozen places."""
    record, row, salt = (bytes.fromhex(case[each]) for each in ("sealed", "record_id", "salt"))
    assert key_of(record) == case["key_id"]
    assert NumberSealer(named("keys"), case["tenant"]).unseal(row, salt, record) == case["e164"]
    places = BlindIndex(named("peppers"), case["tenant"]).places(case["e164"])
    assert [place.hex() for place in places] == case["places"]


def test_the_frozen_file_is_whole() -> None:
    """Two keys, two peppers, two tenants, and numbers from the shortest to the longest."""
    assert len(FROZEN["number"]) == 16
    assert {case["key_id"] for case in FROZEN["number"]} == {7, 2**32 - 1}
    assert {len(case["places"]) for case in FROZEN["number"]} == {2}
    assert len({case["tenant"] for case in FROZEN["number"]}) == 2
    assert {len(case["e164"]) for case in FROZEN["number"]} >= {6, 16}
