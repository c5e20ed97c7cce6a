"""People who are imported: once each, by the same rules as those who come by themselves."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec
import pytest

from haoma.accounts import Erase
from haoma.errors import NumberTaken
from haoma.ids import parsed
from haoma.link import LinkPolicy
from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.people.importing import Import
from haoma.store.people.reading import NotImported, Reader
from haoma.store.rows import ACCOUNTS, NUMBERS
from haoma.store.sealing import StoreKey
from support.accounts import PEPPERS, Town, records
from support.crowd import Desk, apps, checked, exported, rows_of
from support.store_rows import run

pytest_plugins = ["support.store_fixtures"]

DAY = 86_400.0
OLD = "2026-12-01"  # a town begins in January 2027
OLDER = "2025-06-01"
AT = {"verified_at": OLD}
ONE = {"phone_number": "13800138000", "user": "u-1", "app": "shop", "openid": "o-1", "unionid": "n-1", **AT}


sqlite_alone = pytest.mark.parametrize("emptied", ["sqlite"], indirect=True)
"""For what is decided, and not what the database does."""


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied)
    yield found
    found.close()


def person(index: int, **more: Any) -> dict[str, Any]:
    return {"phone_number": f"+86139{index:08}", "app": "shop", "openid": f"o-{index}", **AT, **more}


def refusals(*found: tuple[int, str]) -> tuple[tuple[int, str], ...]:
    return found


def test_everything_of_a_person_is_there_and_twice_is_once(town: Town) -> None:
    """Number, logins, the team's own id and consent are found again; the same line again changes no row."""
    agreed = {"consent_policy": "2026-01", "consent_scene": "order", "consent_at": "2026-12-01T08:00:00Z"}
    desk = Desk(town)
    assert desk.take({**ONE, **agreed}).new == 1
    (found,) = exported(town)
    assert (found.phone_number, found.user, found.bound_at, found.assurance) == (
        "+8613800138000", "u-1", None, "imported",
    )  # fmt: skip
    assert {(each.kind, each.app_id, each.value) for each in found.logins} == {
        ("openid", "wx1", "o-1"), ("unionid", "", "n-1"),
    }  # fmt: skip
    (consent,) = found.consents
    assert (consent.app, consent.policy, consent.scene) == ("wechat:wx1", "2026-01", "order")
    before = rows_of(town.settings)
    again = desk.take({**ONE, **agreed})
    assert (again.new, again.added, again.known, again.refused) == (0, 0, 1, ())
    assert rows_of(town.settings) == before
    assert checked(town) == []


@sqlite_alone
def test_who_is_imported_is_linked_afterwards(town: Town) -> None:
    """The login that was imported has its account; another login only with a number that was bound, on both sides."""
    Desk(town).take(ONE)
    (before,) = exported(town)
    assert isinstance(town.authorize("d-1", platform="douyin", app="tt1"), NumberTaken)
    back = town.linked("o-1", unionid="n-1")
    assert (back.link, back.account) == ("linked", before.account)
    assert town.linked("d-1", platform="douyin", app="tt1").account == before.account  # tied to both logins by now


@sqlite_alone
@pytest.mark.parametrize("trusted, joined", [(True, True), (False, False)])
def test_bound_is_believed_only_if_asked_for(town: Town, trusted: bool, joined: bool) -> None:
    """A file that says "bound" joins others only with --trust-bound: or whoever writes the file gives accounts away."""
    Desk(town, trust_bound=trusted).take({**ONE, "bound": "yes"})
    found = town.authorize("d-1", platform="douyin", app="tt1")
    assert (not isinstance(found, NumberTaken)) is joined


@sqlite_alone
@pytest.mark.parametrize(
    "row, link, reason",
    [
        ({"bound": "no"}, {}, "unbound"),
        ({"bound": "yes"}, {}, None),
        ({"bound": "yes", "verified_at": OLDER}, {}, "stale"),
        ({"bound": "no"}, {"link_unbound_numbers": True}, None),
    ],
)
def test_a_number_of_somebody_else_is_decided_as_everywhere(
    town: Town, row: dict[str, str], link: dict[str, Any], reason: str | None
) -> None:
    """Joined where a login would be joined, refused otherwise. Nothing is moved, and no dispute is opened."""
    holder = town.linked("o-1")
    desk = Desk(town, trust_bound=True, link=LinkPolicy(**link))
    done = desk.take({"phone_number": "13800138000", "app": "till", "openid": "d-1", **AT, **row})
    assert done.refused == (() if reason is None else refusals((1, reason)))
    (account,) = exported(town)
    assert account.account == holder.account
    assert len(account.logins) == (2 if reason is None else 1)
    assert run(town.settings, "SELECT COUNT(*) FROM {0}disputes")[0][0] == 0


@sqlite_alone
def test_two_accounts_are_never_merged(town: Town) -> None:
    """A login of one account with the number of another, and a line with the logins of two, are refused."""
    town.linked("o-1")
    town.linked("o-2", "13900139000", unionid="n-2")
    before = rows_of(town.settings)
    desk = Desk(town, trust_bound=True)
    done = desk.take({**ONE, "openid": "o-2", "unionid": "", "bound": "yes"}, {**ONE, "unionid": "n-2"})
    assert done.refused == refusals((1, "other-account"), (2, "other-account"))
    assert rows_of(town.settings) == before


def test_the_newer_number_is_kept(town: Town) -> None:
    """A file replaces a number that was verified earlier, and never one that was verified later."""
    desk = Desk(town)
    desk.take({**ONE, "verified_at": OLDER})
    assert desk.take({**ONE, "phone_number": "13900139000"}).added == 1
    assert desk.take({**ONE, "phone_number": "13700137000", "verified_at": OLDER}).refused == refusals((1, "older"))
    (found,) = exported(town)
    assert found.phone_number == "+8613900139000"
    assert checked(town) == []
    # The old number is nobody's, so the next one who has it starts anew.
    assert desk.take({"phone_number": "13800138000", "app": "shop", "openid": "o-9", **AT}).new == 1


@sqlite_alone
def test_what_is_news_is_added(town: Town) -> None:
    """An account that is there gets the team's id, a login and a consent that it does not have; another id is refused."""
    town.linked("o-1")
    desk = Desk(town)
    agreed = {"consent_policy": "2026-01", "consent_at": OLD}
    assert desk.take({**ONE, **agreed}).added == 1
    (found,) = exported(town)
    assert (found.user, len(found.logins), len(found.consents)) == ("u-1", 2, 1)
    assert found.bound_at is not None  # what a platform has said stays
    assert desk.take({**ONE, "user": "u-2"}).refused == refusals((1, "other-user"))
    assert desk.take({**ONE, **agreed}).known == 1


@sqlite_alone
def test_people_without_logins(town: Town) -> None:
    """A number with the team's own id makes an account; it is found again by both, and nobody else's id gets into it."""
    desk = Desk(town, trust_bound=True)
    row = {"phone_number": "13800138000", "user": "u-1", "verified_at": OLD, "bound": "yes"}
    assert desk.take(row).new == 1
    assert desk.take(row).known == 1
    assert desk.take({**row, "user": ""}).known == 1
    assert desk.take({**row, "user": "u-2"}).refused == refusals((1, "unbound"))
    assert exported(town)[0].bound_at is None  # there is no login that it could be bound to


@sqlite_alone
def test_the_same_person_twice_in_a_file(town: Town) -> None:
    """In one batch the first line counts; a second number, or a second login with the same number, is a conflict."""
    done = Desk(town).take(ONE, ONE, {**ONE, "openid": "o-2", "unionid": "", "user": ""}, {**ONE, "user": "u-2"})
    assert (done.new, done.known, done.refused) == (1, 1, ((3, "unbound"), (4, "other-user")))
    assert len(exported(town)) == 1
    assert checked(town) == []


@sqlite_alone
def test_a_dry_run_writes_nothing(town: Town) -> None:
    """It counts what would be done."""
    town.linked("o-1")
    before = rows_of(town.settings)
    done = Desk(town).take(ONE, person(7), person(7, openid="o-8"), dry_run=True)
    assert (done.new, done.added, done.refused) == (1, 1, ((3, "unbound"),))
    assert rows_of(town.settings) == before


def test_two_imports_at_once_make_everybody_once(town: Town) -> None:
    """Two that import the same people at the same time, in another order, while these people also come themselves."""
    people = [person(index, user=f"u-{index}") for index in range(120)]

    def work(rows: list[dict[str, Any]]) -> int:
        return sum(Desk(town).take(*rows[start : start + 40]).new for start in range(0, 120, 40))

    with ThreadPoolExecutor(3) as pool:
        made = [pool.submit(work, people), pool.submit(work, people[::-1])]
        coming = [pool.submit(town.linked, f"o-{index}", f"139{index:08}") for index in range(0, 120, 4)]
        mine = sum(each.result().link == "new" for each in coming)
    assert sum(each.result() for each in made) + mine == 120
    everybody = exported(town)
    assert len({each.phone_number for each in everybody}) == len(everybody) == 120
    assert all(each.user for each in everybody)
    assert checked(town) == []


def test_what_was_exported_can_be_imported_elsewhere(town: Town, emptied: StoreSettings) -> None:
    """Under other keys the same people have the same accounts, with everything that was known of them."""
    town.linked("o-1", unionid="n-1")
    town.wall += DAY
    town.linked("d-1", platform="douyin", app="tt1")
    Desk(town).take(person(5, user="u-5", consent_policy="2026-01", consent_at=OLD), {"app": "shop", "openid": "bare"})
    before = exported(town)
    lines = [msgspec.json.encode(each).decode() for each in before]
    other = Town(emptied, "elsewhere")
    other.wall = town.wall
    try:
        desk = Desk(other, trust_bound=True)
        assert desk.take(*lines).new == 3
        assert exported(other) == before
        again = desk.take(*lines)
        assert (again.known, again.added, again.new) == (3, 0, 0)
        assert exported(other) == before
        assert checked(other) == []
        # Without trust nothing of it joins others.
        third = Town(emptied, "third")
        third.wall = town.wall
        Desk(third).take(*lines)
        assert all(each.bound_at is None for each in exported(third))
        third.close()
    finally:
        other.close()


@sqlite_alone
def test_an_erased_account_does_not_come_back(town: Town) -> None:
    """A line of an old export is refused if its account was erased since."""
    town.linked("o-1")
    (found,) = exported(town)
    line = msgspec.json.encode(found).decode()
    town.ask(Erase(account=parsed(found.account) or b""))
    assert Desk(town).take(line).refused == refusals((1, "erased"))
    assert exported(town) == []


@pytest.mark.parametrize("emptied", ["postgresql", "mysql", "portable"], indirect=True)
def test_an_account_that_is_erased_while_it_is_imported_does_not_come_back(town: Town) -> None:
    """Whichever comes first, at any moment between two statements of the import that read; SQLite lets nobody in."""
    for after in range(1, 12):
        town.linked(f"o-{after}", f"1370013{after:04}")
        (found,) = [each for each in exported(town) if each.logins[0].value == f"o-{after}"]
        # A line of an older export: the account has had another number and another login since.
        line = msgspec.json.encode(msgspec.structs.replace(found, phone_number="+8613600136000", logins=()))
        erase = partial(town.ask, Erase(account=parsed(found.account) or b""))
        done = beside(town, [Desk(town).reader().json(1, line)], after, erase)
        assert found.account not in {each.account for each in exported(town)}, after
        if not done:
            return


def beside(town: Town, people: list[Any], after: int, meanwhile: Callable[[], object]) -> bool:
    """Import, and let another process get its turn after some reading statements; return whether it got it."""
    importing = Import(town.records, apps(town.tenant), town.engine.prefix, town.tenant)
    reads = 0

    def flow(connection: Any) -> Generator[Any, Any, None]:
        nonlocal reads
        batch = importing.run(people, connection)
        answer, failure = None, None
        while True:
            try:
                asked = batch.send(answer) if failure is None else batch.throw(failure)
            except StopIteration:
                return
            answer, failure = None, None
            name = getattr(asked, "__name__", "")
            try:
                answer = yield asked
            except Exception as error:  # noqa: BLE001 - the import decides what it means
                failure = error
            if name == "read":
                reads += 1
                if reads == after:
                    meanwhile()

    ask_blocking(town.engine, flow)
    if reads < after:
        meanwhile()
    return reads >= after


@sqlite_alone
def test_an_account_id_is_nobody_elses(town: Town) -> None:
    """A line that names an account which others have is refused."""
    town.linked("o-1")
    (found,) = exported(town)
    stranger = msgspec.structs.replace(found, phone_number="+8613700137000", logins=(), bound_at=None)
    assert Desk(town).take(msgspec.json.encode(stranger).decode()).refused == refusals((1, "account"))


@sqlite_alone
def test_two_peppers(town: Town) -> None:
    """While the pepper is changed, an import writes both index rows, and a process that knows one of them finds it."""
    new = StoreKey(2, b"canary-second-pepper-of-32-bytes")
    town.records = records("default", (*PEPPERS, new))
    assert Desk(town).take(ONE).new == 1
    for peppers in (PEPPERS, (new,)):
        town.records = records("default", peppers)
        assert Desk(town).take({**ONE, "openid": "", "unionid": "", "app": ""}).known == 1
    assert checked(town) == []


def test_tenants_do_not_meet(town: Town, emptied: StoreSettings) -> None:
    """The same people in two tenants have two accounts, and an app of one is none of the other."""
    other = Town(emptied, "other")
    try:
        assert (Desk(town).take(ONE).new, Desk(other).take(ONE).new) == (1, 1)
        assert exported(town)[0].account != exported(other)[0].account
        places = rows_of(town.settings, NUMBERS, ACCOUNTS)
        assert all(len({row[1] for row in rows}) == len(rows) for rows in places.values())
    finally:
        other.close()


READ = Reader(apps(), {"2026-01": b"h" * 32}, "default", 1_800_000_000_000)


@pytest.mark.parametrize(
    "row, why",
    [
        ({**ONE, "phone_number": "1.38E+10"}, "number"),
        ({**ONE, "phone_number": "8613800138000"}, "number"),
        ({**ONE, "phone_number": "+999123456"}, "number"),
        ({**ONE, "phone_number": "１３８００１３８０００"}, "number"),
        ({"user": "u"}, "nothing"),
        ({**ONE, "app": ""}, "app"),
        ({**ONE, "app": "nobody"}, "app"),
        ({**ONE, "openid": "o" * 129}, "length"),
        ({**ONE, "openid": "o\x1b[2J"}, "length"),
        ({**ONE, "user": "u" * 129}, "length"),
        ({**ONE, "verified_at": "yesterday"}, "date"),
        ({**ONE, "verified_at": ""}, "no-date"),
        ({**ONE, "verified_at": "2099-01-01"}, "future"),
        ({**ONE, "bound": "perhaps"}, "bound"),
        ({**ONE, "consent_policy": "2099-01", "consent_at": OLD}, "policy"),
        ({**ONE, "consent_policy": "2026-01"}, "no-date"),
        ({**ONE, "name": "x"}, "columns"),
        ({**ONE, "user": ["u"]}, "not-json"),
        ('{"logins": [', "not-json"),
        ('{"logins": 1}', "not-json"),
        ({**ONE, "user": "张三"}, "not-json"),
        ('{"logins": [], "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "not-json"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused(row: Any, why: str) -> None:
    """Each has its reason, and no reason repeats the line. Chinese names come in an older encoding."""
    text = row if isinstance(row, str) else msgspec.json.encode(row).decode()
    with pytest.raises(NotImported) as caught:
        READ.json(1, text.encode("gbk" if "张" in text else "utf-8"))
    assert caught.value.why == why


def test_another_tenants_app_is_refused() -> None:
    """An app belongs to one tenant."""
    with pytest.raises(NotImported) as caught:
        Reader(apps("other"), {}, "default", 1_800_000_000_000).json(1, msgspec.json.encode(ONE))
    assert caught.value.why == "tenant"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2026-12-01T08:00:00Z", 1796112000000),
        ("2026-12-01T16:00:00+08:00", 1796112000000),
        ("2026-12-01 16:00:00", 1796112000000),  # without a zone it is that of China
        ("1796112000", 1796112000000),
        ("1796112000000", 1796112000000),
        ("2026-12-01", 1796054400000),
    ],
)
def test_dates(text: str, expected: int) -> None:
    """Each way of writing one that teams have."""
    assert READ.moment(text) == expected
