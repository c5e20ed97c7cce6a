"""``haoma db check`` finds rows of accounts that do not fit together, each kind by its name, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.orphans import check_accounts
from support.accounts import Town, records
from support.crowd import Desk, checked
from support.store_rows import run

pytest_plugins = ["support.store_fixtures"]

FIRST = "(SELECT place FROM (SELECT place FROM {0}%s ORDER BY place LIMIT 1) AS x)"


sqlite_alone = pytest.mark.parametrize("emptied", ["sqlite"], indirect=True)
"""For what is decided, and not what the database does."""


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied)
    for index in range(3):
        found.linked(f"o-{index}", f"139{index:08}", unionid=f"n-{index}")
    yield found
    found.close()


def with_first(text: str) -> str:
    """Return a statement in which ``<accounts>`` and such stand for the place of the first row."""
    return re.sub("<([a-z]+)>", lambda found: FIRST % found[1], text)


@sqlite_alone
@pytest.mark.parametrize(
    "change, expected",
    [
        (
            "DELETE FROM {0}accounts WHERE place = <accounts>",
            {
                ("no-account", "identities", 2), ("no-account", "numbers", 1), ("no-account", "phones", 1),
                ("unnamed", "identities", 2), ("unnamed", "phones", 1),
            },
        ),
        ("DELETE FROM {0}identities WHERE place = <identities>", {("absent", "identities", 1)}),
        ("DELETE FROM {0}numbers WHERE place = <numbers>", {("absent", "numbers", 1)}),
        (
            "DELETE FROM {0}phones WHERE place = <phones>",
            {("no-phone", "numbers", 1), ("no-phone", "salts", 1), ("unnamed", "numbers", 1), ("absent", "phones", 1)},
        ),
        ("DELETE FROM {0}salts WHERE place = <salts>", {("no-salt", "phones", 1)}),
        ("UPDATE {0}accounts SET identities = SUBSTR(identities, 1, 32) WHERE place = <accounts>",
         {("unnamed", "identities", 1)}),
        (
            "UPDATE {0}identities SET account = <accounts>",
            {("not-theirs", "identities", 4)},
        ),
        ("UPDATE {0}salts SET salt = (SELECT salt FROM (SELECT salt FROM {0}salts ORDER BY place LIMIT 1) AS x)", {("closed", "phones", 2)}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_found(town: Town, change: str, expected: set[tuple[str, str, int]]) -> None:
    """Each change by hand has its names; before it nothing is odd."""
    assert checked(town) == []
    run(town.settings, with_first(change))
    assert {(each.name, each.table, each.count) for each in checked(town)} == expected


@sqlite_alone
def test_an_index_that_is_not_the_numbers_own(town: Town) -> None:
    """A number under another pepper is looked for in vain, so the check says so."""
    other = Town(town.settings)
    assert checked(other) == []
    from haoma.store.sealing import StoreKey

    wrong = records("default", (StoreKey(1, bytes(range(32))),))
    found = ask_blocking(
        town.engine, lambda connection: check_accounts(connection, town.engine.prefix, town.tenant, wrong)
    )
    assert [(each.name, each.table, each.count) for each in found] == [("mismatch", "numbers", 3)]
    other.close()


def test_more_than_a_page(town: Town) -> None:
    """Every account is looked at."""
    Desk(town).take(*(
        {"phone_number": f"138{index:08}", "app": "shop", "openid": f"p-{index}", "verified_at": "2026-12-01"}
        for index in range(600)
    ))  # fmt: skip
    assert checked(town) == []
    run(town.settings, "DELETE FROM {0}numbers")
    assert {(each.name, each.table, each.count) for each in checked(town)} == {("absent", "numbers", 603)}
