"""A copy of the database tells nobody a number."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from haoma.accounts import Erase
from haoma.ids import parsed
from haoma.link import LinkPolicy, OnConflict
from haoma.store.audit.lanes import AuditKeys
from haoma.store.config import StoreSettings
from haoma.store.keys.numbers import BlindIndex
from haoma.store.rows import TABLES
from haoma.store.sealing import StoreKey
from haoma.store.upgrade import upgrade
from support.accounts import PEPPERS, Town
from support.crowd import Desk, rows_of
from support.guessing import GUESSES, forms, guessed
from support.stores import KEYS

pytest_plugins = ["support.store_fixtures"]

PEOPLE = [f"+86139{index * 7919:08}" for index in range(200)]
GUESSED = 2000


def fill(town: Town) -> list[str]:
    """People by every way in which a number gets into the tables; return everything that must not be seen."""
    rows = [
        {"phone_number": e164, "user": f"canary-user-{index}", "app": "shop", "openid": f"canary-openid-{index}",
         "verified_at": "2026-12-01"}
        for index, e164 in enumerate(PEOPLE[:150])
    ]  # fmt: skip
    Desk(town).take(*rows)
    for index, e164 in enumerate(PEOPLE[150:], 150):
        town.linked(f"canary-openid-{index}", e164[3:], unionid=f"canary-unionid-{index}")
    town.linked("canary-openid-x", PEOPLE[150][3:], policy=LinkPolicy(on_conflict=OnConflict.REVIEW), bound=False)
    town.linked("canary-openid-y", PEOPLE[151][3:], policy=LinkPolicy(on_conflict=OnConflict.MOVE), app="wx9")
    town.authorize("canary-openid-z", PEOPLE[152][3:], bound=False)
    erased = town.linked("canary-openid-e", "13311112222").account
    town.ask(Erase(account=parsed(erased or "") or b""))
    return [*(e164[3:] for e164 in PEOPLE), "13311112222", "canary-user", "canary-openid", "canary-unionid"]


sqlite_alone = pytest.mark.parametrize("emptied", ["sqlite"], indirect=True)
"""For what is decided, and not what the database does."""


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied, audit=AuditKeys((StoreKey(9, b"canary-audit-key-of-32-bytes-now"),), "default"))
    yield found
    found.close()


def values(settings: StoreSettings) -> list[bytes]:
    """Every value of every row, as bytes."""
    found = (value for rows in rows_of(settings, *TABLES).values() for row in rows for value in row)
    return [value if isinstance(value, bytes) else str(value).encode() for value in found]


def disguises(text: str) -> set[bytes]:
    """How a text may lie in a dump: as it is, in hexadecimal, in base64 at each of its three phases."""
    raw = text.encode()
    coded = {base64.b64encode(bytes(shift) + raw)[4 if shift else 0 : -4] for shift in range(3)}
    return {raw, raw.hex().encode(), raw.hex().upper().encode(), raw[::-1], text.encode("utf-16-le"), *coded} - {b""}


def test_a_dump_holds_no_number_in_clear(town: Town) -> None:
    """No value of any table has a number, a login or a user in it, however it may be written."""
    canaries = fill(town)
    dump = b"\x00".join(values(town.settings))
    seen = [text for text in canaries for each in disguises(text) if each in dump]
    assert seen == []
    assert b"wechat:wx1" in dump  # what is no secret is found: the search works


@sqlite_alone
def test_guesses_without_the_pepper_find_nothing(town: Town) -> None:
    """All numbers that are there, and thousands more, hashed in every way that needs no key: none is in the tables.

    ``make bench-large`` makes ten million guesses. With the pepper the same search finds everybody.
    """
    fill(town)
    stored = values(town.settings)
    some = random.Random(7)
    tried = [*PEOPLE, *(f"+861{some.randrange(3 * 10**9, 10**10)}" for _ in range(GUESSED))]
    assert guessed(tried, stored) == []
    index = BlindIndex(PEPPERS, "default")
    assert {index.places(e164)[0] for e164 in PEOPLE} <= set(stored)


@pytest.mark.parametrize("name", [name for name, _ in GUESSES])
def test_the_guesser_sees(name: str) -> None:
    """Every way of guessing finds a number that is stored in that way, also behind a key's number."""
    digest = dict(GUESSES)[name]
    for text in forms(PEOPLE[3]):
        assert (name, PEOPLE[3]) in guessed(PEOPLE, [digest(text)])
        assert (name, PEOPLE[3]) in guessed(PEOPLE, [bytes(4) + digest(text)[:28]])


def test_the_file_of_sqlite_holds_none(tmp_path: Path) -> None:
    """Nor do its free pages and its log: what was erased is not left there in clear either."""
    settings = StoreSettings(database_url=f"sqlite:///{tmp_path / 'own.db'}", keys=KEYS)
    upgrade(settings)
    town = Town(settings)
    canaries = fill(town)
    raw = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("own.db*")))
    town.close()
    assert [text for text in canaries for each in disguises(text) if each in raw] == []
    assert hashlib.sha256(PEOPLE[0].encode()).digest()[:16] not in raw
