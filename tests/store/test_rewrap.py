"""Keys and peppers of numbers are changed while others write: no number is lost, and none is found twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from haoma.link import STANDARD, LinkPolicy, OnConflict
from haoma.steps import Consent
from haoma.store.accounts.records import Records
from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.key_counts import count
from haoma.store.keys.numbers import BlindIndex, NumberSealer, pepper_of
from haoma.store.rewrap import BATCH, Rewrap, Rewrapped
from haoma.store.rows import NUMBERS, PHONES, SALTS, TABLES
from haoma.store.sealing import Sealer, StoreKey
from haoma.store.store import Store
from support.accounts import NUMBER_KEYS, PEPPERS, Town
from support.people import number_of, populate
from support.store_rows import engine_at, run
from support.stores import KEYS

pytest_plugins = ["support.store_fixtures"]

(OLD,), (SALT,) = NUMBER_KEYS, PEPPERS
NEW, FRESH = StoreKey(2, b"n" * 32), StoreKey(2, b"p" * 32)


class Keyed(Town):
    """A tenant whose processes have these keys and peppers."""

    def __init__(
        self,
        settings: StoreSettings,
        keys: tuple[StoreKey, ...] = (OLD,),
        peppers: tuple[StoreKey, ...] = (SALT,),
        tenant: str = "default",
    ) -> None:
        super().__init__(settings, tenant)
        self.sealer, self.index = NumberSealer(keys, tenant), BlindIndex(peppers, tenant)
        self.records = Records(Sealer(KEYS, tenant), self.sealer, self.index, tells=True)
        self.store.close()
        self.store = Store(self.engine, Sealer(KEYS, tenant), self.records)

    def rewrap(self, **options: Any) -> Rewrapped:
        """Run it with the keys of this process."""

        def flow(connection: Any) -> Generator[Any, Any, Rewrapped]:
            return Rewrap(connection, self.settings.table_prefix, self.tenant, self.sealer, self.index, **options).run()

        return ask_blocking(engine_at(self.settings, tenant=self.tenant), flow)

    def rows(self, table: str) -> int:
        text = "SELECT COUNT(*) FROM {0}{1} WHERE tenant = ?"
        return int(run(self.settings, text, self.tenant, table=table)[0][0])

    def e164_of(self, account: str | None) -> str:
        """The number of an account, opened with the keys of this process."""
        text = "SELECT p.place, p.sealed, s.salt FROM {0}phones p, {0}salts s WHERE p.tenant = s.tenant AND p.place = s.place AND p.account = ?"
        ((place, sealed, salt),) = run(self.settings, text, uuid.UUID(account).bytes)
        return self.sealer.unseal(place, salt, sealed)

    def counted(self) -> tuple[dict[int, int], dict[int, int]]:
        found = ask_blocking(
            engine_at(self.settings), lambda connection: count(connection, self.settings.table_prefix, self.tenant)
        )
        return dict(found.keys), dict(found.peppers)


@pytest.fixture
def keyed(emptied: StoreSettings) -> Iterator[Callable[..., Keyed]]:
    made: list[Keyed] = []

    def make(*arguments: Any, **named: Any) -> Keyed:
        made.append(Keyed(emptied, *arguments, **named))
        return made[-1]

    yield make
    for each in made:
        each.close()


def number(index: int) -> str:
    return f"138{index:08}"


def test_a_key_is_changed(keyed: Callable[..., Keyed]) -> None:
    """Add, promote, rewrap, retire: whoever has the new key alone then finds everybody, and nobody is new."""
    people = 2 * BATCH + 3
    before = keyed()
    populate(before.settings, before.records, people)
    assert before.counted() == ({1: people}, {1: people})
    both = keyed((NEW, OLD))
    told: list[int] = []
    assert both.rewrap(dry_run=True) == Rewrapped(records=people, sealed=people)
    assert both.counted() == ({1: people}, {1: people})
    assert both.rewrap(tell=told.append) == Rewrapped(records=people, sealed=people)
    assert (sum(told), both.counted()) == (people, ({2: people}, {1: people}))
    assert both.rewrap() == Rewrapped(records=people)
    after = keyed((NEW,))
    for index in (0, BATCH, people - 1):
        found = after.linked(f"d-{index}", number_of(index)[3:], platform="douyin", app="tt1")
        assert (found.link, after.e164_of(found.account)) == ("joined", number_of(index))


def test_a_pepper_is_changed(keyed: Callable[..., Keyed]) -> None:
    """Two places for each number, then one: whoever has the new pepper alone finds everybody."""
    before = keyed()
    first = before.linked("o-1").account
    during = keyed(peppers=(SALT, FRESH))
    second = during.linked("o-2", "13900139000").account
    assert during.counted() == ({1: 2}, {1: 2, 2: 1})
    assert during.rewrap(dry_run=True) == Rewrapped(records=2, added=1)
    assert during.rewrap() == Rewrapped(records=2, added=1)
    assert during.counted() == ({1: 2}, {1: 2, 2: 2})
    after = keyed(peppers=(FRESH,))
    joined = [after.linked(f"d-{n}", n, platform="douyin", app="tt").account for n in ("13800138000", "13900139000")]
    assert joined == [first, second]
    assert after.rewrap() == Rewrapped(records=2, removed=2)
    assert after.counted() == ({1: 2}, {2: 2})
    assert after.rewrap() == Rewrapped(records=2)
    assert after.e164_of(first) == "+8613800138000"


def test_a_new_index_row_says_what_the_old_one_says(keyed: Callable[..., Keyed]) -> None:
    """Whether the number is tied to the login decides who joins, so it is copied, with its time."""
    before = keyed()
    before.linked("victim", bound=False)
    keyed(peppers=(SALT, FRESH)).rewrap()
    rows = run(before.settings, "SELECT place, account, phone, verified_at, bound_at, assurance FROM {0}numbers")
    one, other = sorted(rows)
    assert one[1:] == other[1:]
    assert (pepper_of(one[0]), pepper_of(other[0]), one[4]) == (1, 2, 0)


def test_both_at_once_and_a_pepper_that_was_never_backfilled(keyed: Callable[..., Keyed]) -> None:
    """Even if somebody forgets the step between, one run makes it right."""
    account = keyed().linked("o-1").account
    after = keyed((NEW, OLD), (FRESH,))
    assert after.rewrap() == Rewrapped(records=1, sealed=1, added=1, removed=1)
    assert after.counted() == ({2: 1}, {2: 1})
    assert after.linked("d-1", platform="douyin", app="tt").account == account


def test_no_table_holds_a_number_in_clear(keyed: Callable[..., Keyed]) -> None:
    """Nor a login: not with a conflict, a move or a change of number, and not while keys are changed."""
    town = keyed((NEW, OLD), (SALT, FRESH))
    numbers = ["13711112222", "13733334444", "13755556666"]
    policy = LinkPolicy(on_conflict=OnConflict.MOVE)
    consent = Consent("2026-01", "sign-up")
    for openid, number, how in (
        ("canary-1", numbers[0], STANDARD), ("canary-2", numbers[1], STANDARD), ("canary-1", numbers[2], STANDARD),
        ("canary-2", numbers[2], policy), ("canary-3", numbers[2], LinkPolicy(on_conflict=OnConflict.REVIEW)),
    ):  # fmt: skip
        town.linked(openid, number, unionid=f"u-{openid}", policy=how, consent=consent)
    town.rewrap()
    cells = [
        cell if isinstance(cell, bytes) else str(cell).encode()
        for table in TABLES
        for row in run(town.settings, "SELECT * FROM {0}{1}", table=table.name)
        for cell in row
    ]
    assert len(cells) > 200
    for secret in ("canary", *numbers):
        assert not [cell for cell in cells if secret.encode() in cell]
        assert not [cell for cell in cells if secret.encode().hex().encode() in cell]


def test_tenants_are_left_alone(keyed: Callable[..., Keyed]) -> None:
    """A run is for one tenant."""
    one, other = keyed(), keyed(tenant="other")
    one.linked("o-1")
    other.linked("o-1")
    assert keyed((NEW, OLD)).rewrap() == Rewrapped(records=1, sealed=1)
    assert (one.counted()[0], other.counted()[0]) == ({2: 1}, {1: 1})


def test_what_cannot_be_opened_stays(keyed: Callable[..., Keyed]) -> None:
    """A record of a key that is gone, without its salt, or without its index row: counted and not touched; others go on."""
    before = keyed()
    for index in range(4):
        before.linked(f"o-{index}", number(index))
    places = sorted(row[0] for row in run(before.settings, "SELECT place FROM {0}phones"))
    keyed((StoreKey(9, b"9" * 32), OLD)).linked("o-9", number(9))

    def damage(connection: Any) -> Generator[Any, Any, None]:
        prefix = before.settings.table_prefix
        for table, column, place in (("salts", "place", places[0]), ("numbers", "phone", places[1])):
            yield connection.change(f"DELETE FROM {prefix}{table} WHERE {column} = ?", [place])  # noqa: S608

    ask_blocking(engine_at(before.settings), damage)
    raw = run(before.settings, "SELECT place, sealed, version FROM {0}phones")
    after = keyed((NEW, OLD))
    assert after.rewrap() == Rewrapped(records=5, sealed=3, unreadable=3)
    left = {row for row in run(before.settings, "SELECT place, sealed, version FROM {0}phones") if row in raw}
    assert len(left) == 2  # that without an index row is sealed again
    assert after.counted()[0] == {1: 1, 2: 3, 9: 1}


def test_a_place_that_another_record_has(keyed: Callable[..., Keyed]) -> None:
    """It is never taken away: two processes have had no pepper in common, and a person has to decide."""
    keyed().linked("o-1")
    keyed(peppers=(FRESH,)).linked("o-2")
    both = keyed((NEW, OLD), (SALT, FRESH))
    assert both.rewrap() == Rewrapped(records=2, sealed=2, taken=2)
    assert both.counted() == ({2: 2}, {1: 1, 2: 1})


@pytest.mark.parametrize("emptied", ["postgresql", "mysql", "portable"], indirect=True)  # SQLite lets nobody between
@pytest.mark.parametrize("table", [PHONES, NUMBERS])
def test_what_another_process_writes_meanwhile_stays(keyed: Callable[..., Keyed], table: Any) -> None:
    """Whatever is written between reading and writing is read again, never overwritten."""
    before = keyed()
    before.linked("o-1", bound=False)
    both = keyed((NEW, OLD), (SALT, FRESH))
    meanwhile = iter([True])

    def flow(connection: Any) -> Generator[Any, Any, Rewrapped]:
        steps = Rewrap(connection, both.settings.table_prefix, "default", both.sealer, both.index).run()
        read = connection.read

        async def interrupted(which: Any, places: Any) -> Any:
            found = await read(which, places)
            if which is NUMBERS and next(meanwhile, False):
                if table is NUMBERS:
                    before.wall += 5_000
                    before.linked("o-1", bound=True)  # verified again, and now tied to the login
                else:
                    before.linked("o-1", "13900139000")  # another number: the record is gone
            return found

        connection.read = interrupted
        return steps

    done = ask_blocking(engine_at(both.settings), flow)
    assert next(meanwhile, None) is None
    assert done.unreadable == 0
    if table is NUMBERS:
        assert done == Rewrapped(records=1, sealed=1, added=1)
        found = run(both.settings, "SELECT verified_at, bound_at FROM {0}numbers")
        assert set(found) == {(round(before.wall * 1000), round(before.wall * 1000))}
        assert len(found) == 2
    else:
        assert both.rows("phones") == both.rows("salts") == 1
        done = done.plus(both.rewrap())  # the new record may lie behind the one that is gone, or before it
        assert (done.sealed, done.added) == (1, 1)
    assert both.counted() == ({2: 1}, {1: 1, 2: 1})
    assert [both.rows(each.name) for each in (PHONES, SALTS, NUMBERS)] == [1, 1, 2]
