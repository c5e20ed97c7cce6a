"""A sealed number opens in its own row, with its own salt, for its own tenant, whole; its place is found by nobody else."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from haoma.store.keys.numbers import PLACE_BYTES, RECORD_BYTES, BlindIndex, NumberSealer, key_of, pepper_of
from haoma.store.sealing import CannotUnseal, StoreKey

IDS = st.binary(min_size=16, max_size=16)
SECRETS = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(10, 10**15 - 1).map(lambda digits: f"+{digits}")
TENANTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
OLD, NEW = StoreKey(1, b"o" * 32), StoreKey(2, b"n" * 32)
SALT, ROW, NUMBER = b"s" * 16, b"r" * 16, "+8613800138000"


@st.composite
def keys(draw: st.DrawFn) -> tuple[StoreKey, ...]:
    """One to three keys of different numbers."""
    numbers = draw(st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=3, unique=True))
    return tuple(StoreKey(number, draw(SECRETS)) for number in numbers)


@given(keys(), TENANTS, IDS, IDS, NUMBERS)
def test_a_number_comes_back(given_keys: tuple[StoreKey, ...], tenant: str, row: bytes, salt: bytes, e164: str) -> None:
    """Under the first key, for everybody who has that key; all records are of one length and say which key it was."""
    record, key_id = NumberSealer(given_keys, tenant).seal(row, salt, e164)
    assert (len(record), key_of(record), key_id) == (RECORD_BYTES, given_keys[0].number, given_keys[0].number)
    assert NumberSealer(tuple(reversed(given_keys)), tenant).unseal(row, salt, record) == e164
    assert e164.encode()[1:] not in record or len(e164) < 4


@given(st.integers(0, RECORD_BYTES * 8 - 1), IDS, IDS, NUMBERS)
def test_no_bit_can_be_flipped(bit: int, row: bytes, salt: bytes, e164: str) -> None:
    """Not of the version, the algorithm, the key id, the nonce, the ciphertext or the tag; and all are refused alike."""
    sealer = NumberSealer((NEW, OLD), "default")
    record = bytearray(sealer.seal(row, salt, e164)[0])
    record[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CannotUnseal) as caught:
        sealer.unseal(row, salt, bytes(record))
    assert not str(caught.value)
    assert caught.value.__cause__ is None


@given(IDS, IDS, IDS, IDS, TENANTS, TENANTS)
def test_a_record_opens_nowhere_else(
    row: bytes, other_row: bytes, salt: bytes, other_salt: bytes, tenant: str, other_tenant: str
) -> None:
    """Not under another row, salt, tenant or key, even one of the same number."""
    sealer = NumberSealer((OLD,), tenant)
    record, _ = sealer.seal(row, salt, NUMBER)
    tries = [
        (sealer, other_row, salt, row != other_row),
        (sealer, row, other_salt, salt != other_salt),
        (sealer, row, salt.rstrip(b"\x00")[:15], True),
        (NumberSealer((OLD,), other_tenant), row, salt, tenant != other_tenant),
        (NumberSealer((StoreKey(1, NEW.secret),), tenant), row, salt, True),
        (NumberSealer((StoreKey(2, OLD.secret),), tenant), row, salt, True),
    ]
    for opening, at, with_salt, differs in tries:
        if differs:
            with pytest.raises(CannotUnseal):
                opening.unseal(at, with_salt, record)


@given(st.binary(max_size=60))
def test_rubbish_is_refused(record: bytes) -> None:
    """Whatever stands in the row."""
    with pytest.raises(CannotUnseal):
        NumberSealer((OLD,), "default").unseal(ROW, SALT, record)


@pytest.mark.parametrize("cut", [slice(0, 0), slice(0, 5), slice(0, 10), slice(0, 18), slice(0, 49), slice(1, 50)])
def test_a_piece_is_refused(cut: slice) -> None:
    """A record is whole, or nothing."""
    sealer = NumberSealer((OLD,), "default")
    with pytest.raises(CannotUnseal):
        sealer.unseal(ROW, SALT, sealer.seal(ROW, SALT, NUMBER)[0][cut])


@given(SECRETS, st.integers(1, 2**32 - 1), st.lists(TENANTS, min_size=2, max_size=2, unique=True), NUMBERS, NUMBERS)
def test_two_tenants_have_no_common_place(secret: bytes, number: int, tenants: list[str], one: str, other: str) -> None:
    """With one pepper: whoever sees both tables cannot tell that one person is in both."""
    first, second = (BlindIndex((StoreKey(number, secret),), tenant) for tenant in tenants)
    assert {*first.places(one), *first.places(other)}.isdisjoint({*second.places(one), *second.places(other)})


@given(keys(), TENANTS, NUMBERS, NUMBERS)
def test_a_place_is_of_one_number(peppers: tuple[StoreKey, ...], tenant: str, one: str, other: str) -> None:
    """One place for each pepper, whose number it says; equal for equal numbers alone, in whatever order peppers stand."""
    index = BlindIndex(peppers, tenant)
    places = index.places(one)
    assert [pepper_of(place) for place in places] == [pepper.number for pepper in peppers]
    assert {len(place) for place in places} == {PLACE_BYTES}
    assert set(BlindIndex(tuple(reversed(peppers)), tenant).places(one)) == set(places)
    assert (set(index.places(other)) & set(places) == set()) is (one != other)


def test_one_secret_under_two_numbers_is_one_place() -> None:
    """But of two numbers: the rows of a pepper that is retired are told from those of the one that takes its place."""
    places = BlindIndex((OLD, StoreKey(2, OLD.secret)), "default").places(NUMBER)
    assert [pepper_of(place) for place in places] == [1, 2]
    assert len(set(places)) == 2


def test_the_same_secret_for_everything() -> None:
    """Whoever gives one secret to numbers and pepper has other keys all the same."""
    (place,) = BlindIndex((OLD,), "default").places(NUMBER)
    record, _ = NumberSealer((OLD,), "default").seal(ROW, SALT, NUMBER)
    assert place[4:] not in record
    assert place[4:] != hmac.digest(OLD.secret, NUMBER.encode(), sha256)[:28]


def test_an_independent_hand_opens_a_record() -> None:
    """HKDF by the words of RFC 5869, and AES-256-GCM: what the module says is what it does."""

    def extract_and_expand(secret: bytes, salt: bytes, info: bytes) -> bytes:
        return hmac.digest(hmac.digest(salt, secret, sha256), info + b"\x01", sha256)

    def joined(*parts: bytes) -> bytes:
        return b"".join(len(part).to_bytes(2) + part for part in parts)

    record, _ = NumberSealer((OLD,), "default").seal(ROW, SALT, NUMBER)
    data_key = extract_and_expand(OLD.secret, b"\x00" * 32, joined(b"haoma/number/key/v1", b"default"))
    bound = joined(b"haoma/number/v1", b"default", ROW, record[1:2], record[2:6])
    opened = AESGCM(extract_and_expand(data_key, SALT, ROW)).decrypt(record[6:18], record[18:], bound)
    assert opened == b"+8613800138000\x00\x00"
    pepper = extract_and_expand(NEW.secret, b"\x00" * 32, joined(b"haoma/number/index/v1", b"default"))
    (place,) = BlindIndex((NEW,), "default").places(NUMBER)
    assert place == b"\x00\x00\x00\x02" + hmac.digest(pepper, NUMBER.encode(), sha256)[:28]


@pytest.mark.parametrize(
    "e164",
    ["", "+", "+0138", "13800138000", "+86 13800138000", "+8613800138000\n", "+1" + "0" * 15, "+86138001380\x00"],
)
def test_what_is_no_number_is_not_sealed(e164: str) -> None:
    """The error does not repeat it."""
    for make in (BlindIndex((OLD,), "t").places, lambda each: NumberSealer((OLD,), "t").seal(ROW, SALT, each)):
        with pytest.raises(ValueError, match=r"^not a number in E\.164 form$"):
            make(e164)


@pytest.mark.parametrize("salt", [b"", b"s" * 15, b"s" * 17])
def test_a_salt_has_16_bytes(salt: bytes) -> None:
    """An empty one would be a key that nobody can take away."""
    with pytest.raises(ValueError, match="a salt has 16 bytes"):
        NumberSealer((OLD,), "t").seal(ROW, salt, NUMBER)


@pytest.mark.parametrize(
    "bad", [(), (StoreKey(1, b"k" * 31),), (StoreKey(0, b"k" * 32),), (StoreKey(1 << 32, b"k" * 32),), (OLD, OLD)]
)
def test_keys_that_are_none(bad: tuple[StoreKey, ...]) -> None:
    """Of 32 bytes, with a number, each with its own."""
    for kind in (NumberSealer, BlindIndex):
        with pytest.raises(ValueError, match="a key has 32 bytes and a number of its own"):
            kind(bad, "default")
