"""Whatever is done to accounts, in whatever order, the rows fit together afterwards; and a preview says what happens."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from haoma.accounts import (
    Action,
    Change,
    Erase,
    Merge,
    Proof,
    ReadDispute,
    Resolve,
    RevokeSessions,
    SetUser,
    Unlink,
    Withdraw,
)
from haoma.errors import HaomaError, InternalFault, StoreUnavailable, StoreUnreadable
from haoma.ids import parsed
from haoma.link import LinkPolicy, Login, OnConflict
from haoma.steps import Consent
from haoma.store.config import StoreSettings
from haoma.store.rows import MOVED, OPEN
from haoma.store.upgrade import upgrade
from haoma.verified import Assurance, VerifiedPhone
from support.accounts import Town
from support.stores import KEYS

DAY = 86_400.0
STEPS = 60
NUMBERS = ("13800138000", "13900139000", "13700137000")
USERS = (("wechat", "wx1"), ("wechat", "wx2"), ("douyin", "tt1"), ("alipay", "2021"))


pytest_plugins = ["support.store_fixtures"]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    settings = StoreSettings(database_url=f"sqlite:///{tmp_path / 'haoma.db'}", keys=KEYS)
    upgrade(settings)
    found = Town(settings)
    yield found
    found.close()


class Life:
    """Things that happen to a few people, drawn by a seed."""

    def __init__(self, town: Town, seed: int) -> None:
        self._town = town
        self._draw = random.Random(seed)
        self._disputes: list[bytes] = []
        self.done: Counter[str] = Counter()

    def go_on(self, *, alone: bool = True) -> None:
        """Do something. If nobody else does, ask for a preview first, and see afterwards whether everything fits."""
        draw = self._draw
        self._town.wall += draw.choice((1, 1, 1, DAY, 40 * DAY)) if alone else 0
        if draw.random() < 0.45:
            self._authorize()
        else:
            self._verb(alone=alone)
        if alone:
            fits(self._town.dump())

    def _login(self) -> Login:
        platform, app = self._draw.choice(USERS)
        kind = self._draw.choice(("openid", "unionid"))
        return Login(platform, "" if kind == "unionid" else f"{platform}:{app}", kind, self._user(kind))

    def _user(self, kind: str = "openid") -> str:
        return f"{kind}-{self._draw.randrange(3)}"

    def _authorize(self) -> None:
        draw = self._draw
        platform, app = draw.choice(USERS)
        policy = LinkPolicy(draw.choice([*OnConflict]), draw.choice([*OnConflict]), draw.random() < 0.1)
        found = self._town.authorize(
            self._user(), draw.choice(NUMBERS), unionid=draw.choice(("", self._user("unionid"))), platform=platform,
            app=app, bound=draw.random() < 0.6, policy=policy, assurance=draw.choice([*Assurance]),
            consent=draw.choice((None, Consent("2026-01", "checkout"))),
        )  # fmt: skip
        if isinstance(found, VerifiedPhone):
            self.done[f"link {found.link}"] += 1
            if found.dispute is not None:
                self._disputes.append(_id(found.dispute))
        else:
            self.done[found.code] += 1

    def _verb(self, *, alone: bool) -> None:
        draw = self._draw
        accounts = [row[1] for row in self._town.dump()["accounts"]] or [bytes(16)]
        account, other = draw.choice(accounts), draw.choice(accounts)
        proofs = tuple(self._proof(each) for each in (account, other) if draw.random() < 0.8)
        about: Any = {"account": account, "by": "test"}
        verbs = [
            Unlink(login=self._login(), **about),
            Merge(other=other, proofs=proofs, keep_other=draw.random() < 0.5, **about),
            Erase(later=draw.random() < 0.2, **about),
            SetUser(user=draw.choice(("", "u-1", "u-2")), **about),
            Withdraw(scene=draw.choice((None, "checkout")), **about),
            RevokeSessions(**about),
        ]
        if self._disputes:
            dispute = draw.choice(self._disputes[-4:])
            action = draw.choice([*Action])
            claims = Proof(tuple(self._login() for _ in range(6)), self._town.wall)
            verbs += 12 * [Resolve(dispute=dispute, action=action, proofs=(*proofs, claims), by="test")]
            verbs.append(ReadDispute(dispute=dispute, by="test"))
        verb = draw.choice(verbs)
        name = type(verb).__name__
        if isinstance(verb, Resolve):
            name += f" {verb.action}"
        told = self._told(verb) if alone else None
        found = self._asked(verb)
        self.done[f"{name}: {found.code}" if isinstance(found, HaomaError) else name] += 1
        if told is not None:
            assert type(told) is type(found)
            if isinstance(told, Change) and isinstance(found, Change):
                assert (told.other, told.masked, told.removed, told.logins) == (
                    found.other, found.masked, found.removed, found.logins,
                )  # fmt: skip

    def _told(self, verb: Any) -> Any:
        """What a preview says; it changes nothing."""
        if not hasattr(verb, "preview"):
            return None
        before = self._town.dump()
        names = [name for name in type(verb).__dataclass_fields__ if name != "preview"]
        told = self._asked(type(verb)(**{name: getattr(verb, name) for name in names}, preview=True))
        assert self._town.dump() == before
        return told

    def _asked(self, verb: Any) -> Any:
        try:
            return self._town.ask(verb)
        except (StoreUnavailable, StoreUnreadable, InternalFault):
            raise
        except HaomaError as error:
            return error

    def _proof(self, account: bytes) -> Proof:
        """What a session of one of the account's logins proves."""
        rows = [row for row in self._town.dump()["identities"] if row[3] == account]
        if not rows:
            return Proof((self._login(),), self._town.wall)
        _, _, _, _, platform, app, kind, *_ = self._draw.choice(rows)
        values = [f"{kind}-{number}" for number in range(3)]
        return Proof(tuple(Login(platform, app, kind, value) for value in values), self._town.wall)


def _id(text: str) -> bytes:
    found = parsed(text)
    assert found is not None
    return found


def fits(rows: dict[str, list[tuple[Any, ...]]]) -> None:
    """Everything that an account names is there and names it, and there is nothing else."""
    accounts = {row[1]: row for row in rows["accounts"]}
    named: list[tuple[bytes, bytes]] = []
    for place, row in accounts.items():
        named += [(row[4][start : start + 32], place) for start in range(0, len(row[4]), 32)]
    assert sorted(named) == sorted((row[1], row[3]) for row in rows["identities"])
    assert all(row[4] for row in accounts.values()), "an account without a login"
    numbers = {row[3]: place for place, row in accounts.items() if row[3]}
    assert numbers == {row[1]: row[3] for row in rows["phones"]}
    assert numbers.keys() == {row[1] for row in rows["salts"]}
    assert sorted((row[6], row[3], row[1]) for row in rows["phones"]) == sorted(
        (row[1], row[3], row[4]) for row in rows["numbers"]
    )
    assert all(0 <= row[6] <= row[5] for row in rows["numbers"])
    for row in rows["disputes"]:
        assert row[6] in accounts, "a dispute whose holder is gone"
        assert row[3] not in {OPEN, MOVED} or not row[5] or row[5] in accounts, "a dispute whose claimant is gone"
    assert not {row[1] for row in rows["erasures"] if row[5]} & accounts.keys()


@pytest.mark.parametrize("seed", range(12))
def test_the_rows_fit_whatever_happens(town: Town, seed: int) -> None:
    """Sixty things, one after the other."""
    life = Life(town, seed)
    for _ in range(STEPS):
        life.go_on()
    assert len(life.done) > 10, life.done


def test_the_rows_fit_whatever_several_do_at_once(emptied: StoreSettings) -> None:
    """Three processes with a connection each, about the same people."""
    towns = [Town(emptied) for _ in range(3)]
    lives = [Life(town, seed) for seed, town in enumerate(towns, 100)]

    def live(life: Life) -> None:
        for _ in range(STEPS // 2):
            life.go_on(alone=False)

    try:
        with ThreadPoolExecutor(len(lives)) as pool:
            list(pool.map(live, lives))
        fits(towns[0].dump())
    finally:
        for town in towns:
            town.close()
