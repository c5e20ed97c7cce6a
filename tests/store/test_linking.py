"""Who has a number: every rule of `haoma.link`, on real databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from haoma.errors import NumberTaken
from haoma.link import LinkPolicy, OnConflict
from haoma.store.config import StoreSettings
from haoma.verified import Assurance
from support.accounts import Town
from support.store_rows import run

pytest_plugins = ["support.store_fixtures"]

DAY = 86_400.0
MOVE = LinkPolicy(on_conflict=OnConflict.MOVE)
REVIEW = LinkPolicy(on_conflict=OnConflict.REVIEW)


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied)
    yield found
    found.close()


def count(town: Town, table: str) -> int:
    return int(run(town.settings, "SELECT COUNT(*) FROM {0}{1} WHERE tenant = ?", town.tenant, table=table)[0][0])


def test_a_new_person_and_the_same_again(town: Town) -> None:
    """A login and a number that nobody has make an account; the same again are linked to it."""
    first = town.linked("o-1", unionid="u-1")
    assert (first.link, bool(first.account)) == ("new", True)
    again = town.linked("o-1", unionid="u-1")
    assert (again.link, again.account) == ("linked", first.account)
    assert [count(town, each) for each in ("accounts", "identities", "numbers", "phones", "salts")] == [1, 2, 1, 1, 1]


def test_a_unionid_joins_the_apps_of_one_developer(town: Town) -> None:
    """A login of another app with a known unionid has the account of that unionid, whatever its number."""
    first = town.linked("o-1", unionid="u-1")
    second = town.linked("o-2", "13900139000", unionid="u-1", app="wx2")
    assert (second.link, second.account) == ("linked", first.account)
    assert count(town, "identities") == 3


def test_numbers_join_logins_that_platforms_tie_to_them(town: Town) -> None:
    """Two platforms that both tie the number to a login: one account."""
    first = town.linked("o-1")
    second = town.linked("d-1", platform="douyin", app="tt1")
    assert (second.link, second.account) == ("joined", first.account)


@pytest.mark.parametrize("first, second", [(False, True), (True, False), (False, False)])
def test_a_number_that_is_not_tied_joins_nobody(town: Town, first: bool, second: bool) -> None:
    """On either side it is enough that no platform ties the number to the login."""
    town.linked("victim", bound=first)
    found = town.authorize("attacker", platform="alipay", app="2021", bound=second)
    assert isinstance(found, NumberTaken)
    assert found.because["reason"] == "unbound"
    assert count(town, "accounts") == 1


def test_a_loud_option_joins_also_what_is_not_tied(town: Town) -> None:
    """``link_unbound_numbers`` does what it says."""
    first = town.linked("o-1", bound=False)
    second = town.linked(
        "2088", platform="alipay", app="2021", bound=False, policy=LinkPolicy(link_unbound_numbers=True)
    )
    assert (second.link, second.account) == ("joined", first.account)


def test_a_stale_number_never_joins(town: Town) -> None:
    """Verified by its owner half a year ago, the number may be somebody else's now. An unbound repeat keeps it stale."""
    first = town.linked("o-1")
    town.wall += 100 * DAY
    town.linked("o-1", bound=False)
    town.wall += 100 * DAY
    found = town.linked("d-1", platform="douyin", app="tt1")
    assert (found.link, found.account) == ("review", None)
    town.linked("o-1")
    joined = town.linked("d-1", platform="douyin", app="tt1")
    assert (joined.link, joined.account) == ("joined", first.account)


def test_a_platform_that_calls_a_number_stale_does_not_tie_it(town: Town) -> None:
    """Huawei says of a number that it did not reach its user lately: it joins nobody."""
    town.linked("o-1", assurance=Assurance.STALE)
    assert isinstance(town.authorize("d-1", platform="douyin", app="tt1"), NumberTaken)


def test_a_new_number_replaces_the_old_one(town: Town) -> None:
    """The old number is nobody's afterwards, with its record and its salt; the next one who has it starts anew."""
    first = town.linked("o-1")
    second = town.linked("o-1", "13900139000")
    assert (second.link, second.account) == ("linked", first.account)
    assert [count(town, each) for each in ("numbers", "phones", "salts")] == [1, 1, 1]
    other = town.linked("o-2")
    assert other.link == "new"
    assert other.account != first.account


@pytest.mark.parametrize("known", [True, False])
def test_conflicts_are_refused_reviewed_or_moved(town: Town, known: bool) -> None:
    """What the policy says happens to a number of another account, and nothing else."""
    holder = town.linked("o-1", bound=False)
    mine = town.linked("o-2", "13900139000").account if known else None
    refused = town.authorize("o-2")
    assert isinstance(refused, NumberTaken)
    review = town.linked("o-2", policy=REVIEW)
    assert (review.link, review.account) == ("review", mine)
    assert review.dispute
    assert isinstance(town.authorize("o-2", bound=False, policy=MOVE), NumberTaken)
    moved = town.linked("o-2", policy=MOVE)
    assert moved.link == "moved"
    assert moved.account not in {holder.account, None}
    assert mine is None or moved.account == mine
    again = town.linked("o-1", "13700137000")
    assert (again.link, again.account) == ("linked", holder.account)
    assert [count(town, each) for each in ("accounts", "numbers", "phones", "salts", "disputes")] == [2, 2, 2, 2, 2]


def test_no_look_up_crosses_tenants(emptied: StoreSettings) -> None:
    """The same login and number are two people in two tenants."""
    one, two = Town(emptied, "one"), Town(emptied, "two")
    try:
        first, second = one.linked("o-1"), two.linked("o-1")
        assert first.link == second.link == "new"
        assert first.account != second.account
    finally:
        one.close()
        two.close()
