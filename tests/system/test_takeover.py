"""Nobody gets somebody else's account: every pair of platforms and ways, with what an attacker can get hold of.

The attacker has a login of their own, and the victim's envelope, code, ciphertext or session. The victim's account was
made by one way, the attack goes another. Afterwards the number is still the victim's, and whoever logs in gets their own
account and no other.

DingTalk and Huawei have no login beside the code: whoever sends one is its user. So no login of one's own can be sent
with somebody else's code there, and theirs are ways of victims alone.
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from haoma import Client, HaomaError, VerifiedPhone, accounts
from haoma.authorize import take_push
from haoma.errors import NumberTaken
from haoma.platforms.base.mirroring import Person, Tap
from haoma.settings.reader import from_mapping
from haoma.simulator import Simulator
from haoma.store.config import StoreSettings
from haoma.store.upgrade import upgrade
from support.accounts import key
from support.stores import KEYS

WAYS: Final = {
    "alipay": ("alipay", "ok"),
    "alipay, third-party application": ("alipay", "isv-login"),
    "baidu": ("baidu", "ok"),
    "dingtalk": ("dingtalk", "ok"),
    "douyin, code": ("douyin", "ok"),
    "douyin, encryptedData": ("douyin", "sealed-ok"),
    "huawei": ("huawei", "ok"),
    "huawei, scope phone": ("huawei", "scope-ok"),
    "kuaishou": ("kuaishou", "ok"),
    "xiaohongshu": ("xiaohongshu", "ok"),
    "wechat, code": ("wechat", "ok"),
    "wechat, cloud call": ("wechat", "cloud-ok"),
    "wechat, signed and sealed API": ("wechat", "secured"),
    "wechat, encryptedData": ("wechat", "sealed-ok"),
    "wechat, encryptedData checked": ("wechat", "sealed-checked"),
    "wechat, third-party platform": ("wechat", "component-granted"),
}
BOUND: Final = {way for way in WAYS if not way.startswith("alipay") and way != "douyin, code"}
"""Ways by which the platform itself ties the number to the login; ``platforms/*/README.md`` say so."""
ATTACKS: Final = sorted(WAYS.keys() - {"dingtalk", "huawei", "huawei, scope phone"})
_numbers = itertools.count(13_100_000_000)


class World:
    """The simulator, and a client that keeps accounts."""

    def __init__(self, simulator: Simulator, client: Client) -> None:
        self.simulator = simulator
        self.client = client

    def tap(self, way: str, person: Person) -> Tap:
        """Let a person log in and tap the button."""
        platform, scene = WAYS[way]
        tap = self.simulator.tap(platform, scene, person=person)
        for push in tap.pushes:
            self.client.run(take_push(self.client.apps[push.app], push.query, push.body, now=time.time()))
        return tap

    def come(self, way: str, person: Person) -> VerifiedPhone:
        """Let a person share their number honestly."""
        tap = self.tap(way, person)
        return self.client.get_phone_number(tap.app, tap.body or {}, caller=person.user)

    def send(self, tap: Tap, **changes: Any) -> VerifiedPhone | HaomaError:
        """Send what was tapped with other members."""
        body = {name: value for name, value in {**(tap.body or {}), **changes}.items() if value is not None}
        try:
            return self.client.get_phone_number(tap.app, body, caller="attacker")
        except HaomaError as error:
            return error

    def owner(self, number: str) -> str | None:
        """Return the account that has a number."""
        return self.client.run(accounts.look_up(phone_number=f"+86{number}", by="test")).account


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("takeover")
    with Simulator() as simulator, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Client(from_mapping(configuration(simulator, folder))) as client:
            yield World(simulator, client)


def configuration(simulator: Simulator, folder: Path) -> dict[str, Any]:
    """Return the settings of the simulator's apps, with a store that keeps accounts."""
    upgrade(StoreSettings(database_url=f"sqlite:///{folder / 'haoma.db'}", keys=KEYS))
    found = simulator.stage.settings(simulator.url)
    return {
        **found,
        "store": {"database_url": f"sqlite:///{folder / 'haoma.db'}", "keys": [key("store", KEYS[0].secret)]},
        "accounts": {name: [key(name)] for name in ("keys", "peppers", "audit_keys")},
    }


def people() -> tuple[Person, Person]:
    """Return a victim and an attacker whom nobody has seen."""
    one, two = str(next(_numbers)), str(next(_numbers))
    return Person(user=f"victim-{one}", number=one), Person(user=f"attacker-{two}", number=two)


def ids(phone: VerifiedPhone) -> set[str]:
    """Return the ids of the user; a unionid is the same in all apps of a developer."""
    subject = phone.subject
    assert subject is not None
    return {subject.openid, subject.unionid, subject.user_id} - {""}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("known_by", WAYS)
def test_a_known_victim_keeps_the_account(world: World, known_by: str, attack: str) -> None:
    """The attacker sends the victim's authorization with their own login, and the victim's session with their own."""
    victim, attacker = people()
    mine = world.come(known_by, victim).account
    assert mine
    theirs, own = world.tap(attack, victim), world.tap(attack, attacker)
    assert theirs.body is not None
    login = {"login_code": own.login_code}
    spliced = world.send(own, **login, authorization=theirs.body["authorization"])
    assert isinstance(spliced, HaomaError) or (spliced.account, spliced.link) == (None, "review"), spliced
    assert world.owner(victim.number) == mine
    again = world.tap(attack, victim)
    handle = world.client.log_in(again.app, again.login_code).handle
    own = world.tap(attack, attacker)
    assert own.body is not None
    world.send(own, login_code=None, session=handle, authorization=own.body["authorization"])
    assert world.owner(victim.number) in {mine, None}  # the session's account may have another number now
    honest = world.send(world.tap(attack, attacker))
    assert isinstance(honest, NumberTaken) or (isinstance(honest, VerifiedPhone) and honest.account != mine), honest


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_unknown_victim_does_not_join_the_attacker(world: World, attack: str) -> None:
    """An attacker who comes first with somebody else's number waits in vain for its owner."""
    victim, attacker = people()
    theirs, own = world.tap(attack, victim), world.tap(attack, attacker)
    assert theirs.body is not None
    taken = world.send(own, login_code=own.login_code, authorization=theirs.body["authorization"])
    account = taken.account if isinstance(taken, VerifiedPhone) else None
    for way in WAYS:
        tap = world.tap(way, victim)
        honest = world.send(tap)
        if isinstance(honest, VerifiedPhone):
            assert honest.account not in {account, None}
        else:
            assert isinstance(honest, NumberTaken), honest  # to be resolved with proof of both sides


@pytest.mark.parametrize("first", WAYS)
def test_two_ways_join_only_where_both_are_bound(world: World, first: str) -> None:
    """The same honest person by two ways: one account if both platforms tie number and login, else a conflict."""
    for second in WAYS:
        person = Person(user=f"honest-{next(_numbers)}", number=str(next(_numbers)))
        one, two = world.come(first, person), world.send(world.tap(second, person))
        if isinstance(two, VerifiedPhone):
            same = two.platform == one.platform and not ids(one).isdisjoint(ids(two))
            assert two.account == one.account
            assert same or {first, second} <= BOUND, (first, second)
        else:
            assert not {first, second} <= BOUND, (first, second)
            assert two.because["reason"] == "unbound"


def test_what_is_tied_is_what_the_check_says(world: World) -> None:
    """The list above is that of the results themselves."""
    found = set()
    for way in WAYS:
        person, _ = people()
        if world.come(way, person).proves("login-binding"):
            found.add(way)
    assert found == BOUND
