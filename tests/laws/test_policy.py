"""What an app requires: a result passes if every check that is required is proven, whatever the others are."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from haoma.authorize import authorize
from haoma.errors import NotProven, Spent
from haoma.io.blocking import run
from haoma.link import LinkPolicy, OnConflict
from haoma.platforms.base.setting import SHARED
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.policy import STANDARD, Policy
from haoma.verified import ALL_CHECKS, CheckName
from support.stage import Stage

pytest_plugins = ["support.stage_fixtures"]
SETS = [set(names) for size in range(len(ALL_CHECKS) + 1) for names in combinations(ALL_CHECKS, size)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_required_decides(stage: Stage, platform: str) -> None:
    """Every set of checks, over every scene that ends well: refused if one of them is not proven, and not otherwise."""
    passed = refused = 0
    for scene in stage.mirrors[platform].scenes:
        if scene.expect != "ok":
            continue
        tap = stage.tap(platform, scene.name)
        phone = stage.authorize(tap.app, tap.body)
        proven = {check.name for check in phone.checks if check.proven}
        for names in SETS:
            policy = Policy(require=frozenset(names))
            if names <= proven:
                assert policy.apply(phone) is phone
                passed += 1
                continue
            with pytest.raises(NotProven) as caught:
                policy.apply(phone)
            said = str(caught.value.because["not_proven"]).split(", ")
            assert (set(said), caught.value.spent) == ({each.value for each in names - proven}, Spent.YES)
            refused += 1
        app = replace(stage.apps[tap.app], policy=Policy(require=frozenset(proven)))
        again = stage.tap(platform, scene.name)
        flow = authorize(app, again.body or {}, now=stage.now)
        assert run(flow, stage.world).e164 == again.phone_number
        for name in set(ALL_CHECKS) - proven:
            app = replace(app, policy=Policy(require=frozenset({name})))
            again = stage.tap(platform, scene.name)
            with pytest.raises(NotProven):
                run(authorize(app, again.body or {}, now=stage.now), stage.world)
    assert passed
    assert refused or platform == "huawei"  # which proves everything


def test_the_setting() -> None:
    """`require` lists the names of checks; each of them is known."""
    table = Table("shop", {"require": [name.value for name in CheckName]}, now=0)
    table.declare(SHARED)
    assert table.policy().require == frozenset(ALL_CHECKS)
    assert table.faults == []


def test_what_an_app_without_settings_demands() -> None:
    """The times and limits that the reference documents, as numbers."""
    assert {name: getattr(STANDARD, name) for name in STANDARD.__dataclass_fields__} == {
        "require": frozenset(),
        "max_age": 300.0,
        "code_seconds": 600.0,
        "repeat_seconds": 30.0,
        "refused_limit": 30,
        "refused_seconds": 600.0,
        "session_seconds": 7200.0,
        "accept_members": frozenset(),
        "link": LinkPolicy(OnConflict.REJECT, OnConflict.REVIEW, False, 180 * 86_400.0),
        "consent_texts": {},
        "on_withdrawn": "unlink",
    }
