"""The audit log: who writes it, what is noticed when it was changed, and what cannot be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
import pytest

from haoma.store.audit import lanes
from haoma.store.audit.lanes import opened_at
from haoma.store.config import StoreSettings
from support.accounts import Town
from support.auditing import FIRST, SECOND, Log, audit_keys

pytest_plugins = ["support.store_fixtures"]


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied, audit=audit_keys())
    yield found
    found.close()


@pytest.fixture
def log(town: Town) -> Log:
    return Log(town, audit_keys())


def said(log: Log) -> list[dict[str, str]]:
    return [msgspec.json.decode(row[2]) for row in log.rows()]


def test_each_authorization_is_a_row_of_its_lane(town: Town, log: Log) -> None:
    first = town.linked("o-1")
    town.linked("o-1")
    opened, one, two = said(log)
    assert opened == {"what": "audit.lane", "by": "haoma", "key": "1", "why": "started"}
    assert one == {"what": "authorize", "by": "caller-1", "app": "wechat:wx1", "account": first.account, "link": "new"}
    assert (two["account"], two["link"]) == (first.account, "linked")
    places = [row[0] for row in log.rows()]
    assert len({place[:8] for place in places}) == 1
    assert [int.from_bytes(place[8:]) for place in places] == [1, 2, 3]
    assert opened_at(places[0]) == town.wall * 1000
    done = log.verify()
    assert (done.found, done.rows, done.lanes, done.unsealed) == ([], 3, 1, 3)
    assert (done.since, done.until) == (town.wall * 1000, town.wall * 1000)
    assert "138" not in str(log.rows())
