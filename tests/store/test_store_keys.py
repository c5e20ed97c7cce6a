"""The keys of the store: what is sealed stays with its row, and keys are changed without forgetting anything."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from answerers.contract import PHONE, key, place, wanted
from haoma.errors import AlreadyUsed, StoreUnreadable
from haoma.steps import (
    Conclude,
    Concluded,
    EndLease,
    Keep,
    Lease,
    Recall,
    Reserved,
    TakeLease,
    TakeTry,
    UnderWay,
    Watch,
)
from haoma.store import embedded
from haoma.store.engines import SqliteEngine
from haoma.store.sealing import CannotUnseal, Sealer, StoreKey
from haoma.store.store import Store

OLD, NEW = StoreKey(1, b"o" * 32), StoreKey(2, b"n" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    embedded.create(tmp_path / "haoma.db", "haoma_")
    return tmp_path / "haoma.db"


@pytest.fixture
def opened(path: Path) -> Iterator[object]:
    stores: list[Store] = []

    def open_with(*keys: StoreKey) -> Store:
        stores.append(Store(SqliteEngine(path), Sealer(keys, "default")))
        return stores[-1]

    yield open_with
    for store in stores:
        store.close()


def test_a_new_key_forgets_nothing(opened) -> None:
    """Used values, answers, values, tries and leases are found under both keys, by all processes that know both."""
    before = opened(OLD)
    reserved = before.answer(wanted(repeat_seconds=300))
    before.answer(Conclude("shop", reserved.ref, PHONE, None))
    before.answer(Keep(place("token"), "t1", 100))
    assert before.answer(TakeTry(key("k"), 1, 100))
    held = before.answer(TakeLease(key("l")))
    waiting = before.answer(wanted("code-2"))
    for after in (opened(OLD, NEW), opened(NEW, OLD)):
        assert after.answer(wanted(repeat_seconds=300)) == Concluded(PHONE)
        with pytest.raises(AlreadyUsed):
            after.answer(wanted(fingerprint=b"other"))
        assert after.answer(Recall(place("token"))).value == "t1"
        assert not after.answer(TakeTry(key("k"), 1, 100))
        assert after.answer(TakeLease(key("l"))).by == held
        assert isinstance(after.answer(wanted("code-2")), UnderWay)
    after, both = opened(NEW, OLD), opened(OLD, NEW)
    version = after.answer(Recall(place("token"))).version
    assert after.answer(Keep(place("token"), "t2", 100, expect=version, lease=held))
    assert both.answer(Recall(place("token"))).value == "t2"
    after.answer(EndLease(held, AlreadyUsed()))
    assert isinstance(both.answer(Watch(UnderWay(held, 1))), AlreadyUsed)
    assert isinstance(both.answer(TakeLease(key("l"))), Lease)
    both.answer(Conclude("shop", waiting.ref, PHONE, None))
    assert after.answer(wanted("code-2")) == Concluded(PHONE)
    assert isinstance(after.answer(wanted("code-3")), Reserved)
    assert isinstance(both.answer(wanted("code-3")), UnderWay)
    after.answer(Keep(place("fresh"), "t3", 100))
    for each in (both, opened(NEW)):  # what is new needs the new key alone
        assert each.answer(Recall(place("fresh"))).value == "t3"
        assert isinstance(each.answer(wanted("code-3")), UnderWay)


def test_a_key_that_is_gone_is_named(opened, path: Path) -> None:
    """What another key has sealed is not read as absent where it is found: the error says what is wrong."""
    opened(OLD, NEW).answer(Keep(place("token"), "t1", 100))
    twin = Sealer((StoreKey(3, OLD.secret),), "default")
    broken = Store(SqliteEngine(path), twin)
    with pytest.raises(StoreUnreadable):
        broken.answer(Recall(place("token")))
    broken.close()


@pytest.mark.parametrize("change", ["place", "name", "tenant", "byte", "key", "short"])
def test_what_is_sealed_stays_where_it_is(change: str) -> None:
    """A value opens in its own row, field and tenant, whole, with the key that its number names."""
    sealer = Sealer((OLD,), "default")
    (where,) = sealer.places(b"place", "a")
    sealed = sealer.seal(where, b"value", b"canary")
    assert sealer.unseal(where, b"value", sealed) == b"canary"
    assert b"canary" not in sealed
    name = b"outcome" if change == "name" else b"value"
    if change == "place":
        (where,) = sealer.places(b"place", "b")
    if change == "tenant":
        sealer = Sealer((OLD,), "other")
    if change == "byte":
        for index in range(len(sealed)):
            damaged = sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :]
            with pytest.raises(CannotUnseal):
                sealer.unseal(where, name, damaged)
        return
    if change == "key":
        sealer = Sealer((NEW,), "default")
    with pytest.raises(CannotUnseal):
        sealer.unseal(where, name, sealed[:-1] if change == "short" else sealed)


def _derived(key: StoreKey, purpose: bytes) -> bytes:
    return hashlib.blake2b(key=key.secret, person=purpose, digest_size=32).digest()


def _written(key: StoreKey, head: bytes) -> bytes:
    """What the format says, put together without the code that writes it."""
    parts = (b"haoma/store/v1", b"default", b"where", b"value", head)
    bound = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return head + b"twelve-bytes" + AESGCM(_derived(key, b"haoma seal")).encrypt(b"twelve-bytes", b"canary", bound)


def test_the_format_is_the_one_that_databases_have() -> None:
    """A value and a place that an earlier version has written are read by every later one."""
    first, second = StoreKey(0x01020304, b"a" * 32), StoreKey((1 << 32) - 1, b"b" * 32)
    sealer = Sealer((first, second), "default")
    head = b"\x01\x01\x01\x02\x03\x04"
    assert sealer.unseal(b"where", b"value", _written(first, head)) == b"canary"
    assert sealer.unseal(b"where", b"value", _written(second, b"\x01\x01\xff\xff\xff\xff")) == b"canary"
    sealed = sealer.seal(b"where", b"value", b"canary")
    assert (sealed[:6], len(sealed)) == (head, len(_written(first, head)))
    for other in (b"\x02\x01", b"\x01\x02"):  # of a later version: it is not guessed what it means
        with pytest.raises(CannotUnseal):
            sealer.unseal(b"where", b"value", _written(first, other + head[2:]))
    assert sealer.places(b"place", "a", b"b") == tuple(
        hashlib.blake2b(b"('a', b'b')", key=_derived(key, b"haoma index"), person=b"place", digest_size=32).digest()
        for key in (first, second)
    )


def test_a_key_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        OLD.secret = b"n" * 32  # type: ignore[misc]


def test_a_store_needs_a_key() -> None:
    """Of 32 bytes, with a number."""
    for keys in ((), (StoreKey(1, b"k" * 31),), (StoreKey(0, b"k" * 32),), (StoreKey(1 << 32, b"k" * 32),)):
        with pytest.raises(ValueError, match="a key of the store has 32 bytes"):
            Sealer(keys, "default")
    assert "kkk" not in repr(StoreKey(1, b"k" * 32))
