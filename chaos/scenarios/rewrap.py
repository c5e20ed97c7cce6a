"""``haoma rewrap`` is killed again and again while other processes read and write the same numbers."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaos.rows import Tally
from haoma.accounts import LookUp, Read
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import Conclude, Concluded, Reserve, Reserved
from haoma.store.config import format_key
from haoma.store.keys.config import AccountKeys
from haoma.store.keys.numbers import BlindIndex, NumberSealer
from haoma.store.opening import open_store, records_of, sealer_of
from haoma.store.sealing import StoreKey
from haoma.verified import Assurance, Check, CheckName, Subject, VerifiedPhone
from support.people import number_of, populate
from support.store_rows import run

if TYPE_CHECKING:
    from pathlib import Path

    from haoma.store.config import StoreSettings
    from haoma.store.store import Store

TENANT = "default"
SCOPE = "wechat:wx1"
OLD, NEW = StoreKey(1, b"o" * 32), StoreKey(2, b"n" * 32)
PEPPER, FRESH = StoreKey(1, b"p" * 32), StoreKey(2, b"f" * 32)
AUDIT = StoreKey(1, b"a" * 32)
_PATIENCE = 900.0
_counter = itertools.count(1)


@dataclass
class Crowd:
    """People, and what is known of each: the account never changes, the number is the last one that was acknowledged.

    Attributes:
        reads, writes: How many were answered.
        failed: What was not answered as it had to be.
    """

    accounts: list[bytes]
    numbers: dict[int, str]
    verified: dict[int, int] = field(default_factory=dict)
    reads: int = 0
    writes: int = 0
    failed: list[str] = field(default_factory=list)


class Life(threading.Thread):
    """One process's worth of requests about people of its own, until it is stopped."""

    def __init__(self, crowd: Crowd, people: range, store: Store) -> None:
        super().__init__(daemon=True)
        self.crowd = crowd
        self.people = people
        self.store = store
        self.stopped = threading.Event()

    def run(self) -> None:
        with closing(self.store):
            while not self.stopped.is_set():
                index = random.choice(self.people)
                try:
                    self._live(index, random.random())
                except Exception as error:  # noqa: BLE001 - it is counted
                    self.crowd.failed.append(f"{type(error).__name__}: {error}")

    def _live(self, index: int, chance: float) -> None:
        crowd = self.crowd
        account, number = crowd.accounts[index], crowd.numbers[index]
        if chance < 0.45:
            found = self.store.answer(LookUp(number=PhoneNumber("86", number[3:]), by="chaos"))
            good = found.account is not None and found.account.replace("-", "") == account.hex()  # type: ignore[attr-defined]
            crowd.reads += 1
        elif chance < 0.7:
            read = self.store.answer(Read(account=account, reveal=True, by="chaos"))
            good = read.phone_number == number  # type: ignore[attr-defined]
            crowd.reads += 1
        else:
            if chance > 0.95:
                number = f"+86137{next(_counter):08}"
            before = int(time.time() * 1000)  # as the store writes it
            phone = self._authorize(index, number)
            good = phone.link == "linked" and (phone.account or "").replace("-", "") == account.hex()
            crowd.numbers[index], crowd.verified[index] = number, before
            crowd.writes += 1
        if not good:
            crowd.failed.append(f"{chance:.2f}")

    def _authorize(self, index: int, number: str) -> VerifiedPhone:
        checks = (Check(CheckName.LOGIN_BINDING, True, "chaos"),)
        subject = Subject(openid=f"person-{index}")
        phone = VerifiedPhone(PhoneNumber("86", number[3:]), "wechat", "wx1", subject, checks, Assurance.PLATFORM)
        code = Secret(f"code-{next(_counter)}-{os.getpid()}")
        reserved = self.store.answer(Reserve(SCOPE, "code", code, b"mine", 600))
        assert isinstance(reserved, Reserved), reserved
        concluded = self.store.answer(Conclude(SCOPE, reserved.ref, phone, None))
        assert isinstance(concluded, Concluded), concluded
        assert isinstance(concluded.outcome, VerifiedPhone), concluded.outcome
        return concluded.outcome


def rewrap_under_load(
    settings: StoreSettings, folder: Path, *, people: int, lives: int, kills: int
) -> tuple[Tally, Tally]:
    """Change the key and the pepper of all numbers, then retire the old ones. Returns the figures of both."""
    first = AccountKeys((OLD,), (PEPPER,), (AUDIT,))
    crowd = Crowd(populate(settings, records_of(sealer_of(settings), first, TENANT), people), {})
    crowd.numbers = {index: number_of(index) for index in range(people)}
    both = AccountKeys((NEW, OLD), (PEPPER, FRESH), (AUDIT,))
    changed = _phase(settings, folder, crowd, both, lives=lives, kills=kills)
    _judge(settings, crowd, changed, AccountKeys((NEW,), (PEPPER, FRESH), (AUDIT,)))
    last = AccountKeys((NEW,), (FRESH,), (AUDIT,))
    retired = _phase(settings, folder, crowd, last, lives=lives, kills=0)
    _judge(settings, crowd, retired, last)
    return changed, retired


def _phase(settings: StoreSettings, folder: Path, crowd: Crowd, keys: AccountKeys, *, lives: int, kills: int) -> Tally:
    """Rewrap with these keys, and kill it ``kills`` times, while others live with the same keys."""
    crowd.reads = crowd.writes = 0
    people, tally = len(crowd.accounts), Tally()
    share = people // lives
    living = []
    for number in range(lives):
        store = open_store(settings, keys, TENANT)
        assert store is not None
        living.append(Life(crowd, range(number * share, (number + 1) * share), store))
    config = folder / "haoma.toml"
    config.write_text(_toml(settings, keys), "utf-8")
    for each in living:
        each.start()
    began, killed, alive = time.monotonic(), 0, True
    for turn in range(kills):
        # It is killed in the middle: by what it has done, not by a clock.
        if _begin(config, lambda turn=turn: _done(settings) >= people * (turn + 1) // (kills + 1), people):
            killed += 1
    alive = not _begin(config, lambda: False, people)
    for each in living:
        each.stopped.set()
    for each in living:
        each.join(60)
    took = time.monotonic() - began
    tally.say("records", people)
    tally.want("killed", killed, kills)
    tally.want("ended well", alive, True)
    tally.say("reads", crowd.reads)
    tally.say("writes", crowd.writes)
    tally.say("per second", round((crowd.reads + crowd.writes) / took))
    tally.say("seconds", round(took, 1))
    tally.want("failed", len(crowd.failed), 0)
    return tally


def _begin(config: Path, enough: Any, people: int) -> bool:
    """Run the command; kill it as a power cut would once that is enough. Returns whether it was killed."""
    command = [sys.executable, "-m", "haoma", "rewrap", "--config", str(config), "--json"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HAOMA_")}
    log = config.with_name("rewrap.log")
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ)
        until = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < until:
            if enough():
                process.kill()
                process.wait()
                return True
            time.sleep(0.02 + people / 1_000_000)  # it reads a whole table
    assert process.poll() == 0, log.read_text("utf-8", "replace")[-2000:]
    return False


def _done(settings: StoreSettings) -> int:
    return int(run(settings, f"SELECT COUNT(*) FROM {{0}}phones WHERE key_id = {NEW.number}")[0][0])


def _judge(settings: StoreSettings, crowd: Crowd, tally: Tally, keys: AccountKeys) -> None:
    """Read everything with the new keys alone, and compare it with what was acknowledged."""
    sealer, index = NumberSealer(keys.keys, TENANT), BlindIndex(keys.peppers, TENANT)
    text = (
        "SELECT p.account, p.place, p.sealed, p.indexes, s.salt FROM {0}phones p, {0}salts s "
        "WHERE p.tenant = s.tenant AND p.place = s.place"
    )
    found: dict[bytes, list[str]] = {}
    places: dict[bytes, bytes] = {}
    for account, place, sealed, indexes, salt in run(settings, text):
        e164 = sealer.unseal(place, salt, sealed)
        found.setdefault(account, []).append(e164)
        if sorted(index.places(e164)) == sorted(indexes[at : at + 32] for at in range(0, len(indexes), 32)):
            places.update(dict.fromkeys(index.places(e164), account))
    wrong = sum(found.get(account) != [crowd.numbers[at]] for at, account in enumerate(crowd.accounts))
    tally.want("numbers that are not the last ones", wrong, 0)
    rows = run(settings, "SELECT place, account, verified_at, bound_at FROM {0}numbers")
    tally.want("index rows", len(rows), len(crowd.accounts) * len(keys.peppers))
    tally.want("of another account", sum(places.get(place) != account for place, account, *_ in rows), 0)
    number_of_account = {account: at for at, account in enumerate(crowd.accounts)}
    older = sum(verified < crowd.verified.get(number_of_account[account], 0) for _, account, verified, _ in rows)
    tally.want("index rows older than an acknowledged write", older, 0)


def _toml(settings: StoreSettings, keys: AccountKeys) -> str:
    def listed(found: tuple[StoreKey, ...]) -> str:
        return "[" + ", ".join(f'"{format_key(key)}"' for key in found) + "]"

    return (
        '[apps.shop]\nplatform = "wechat"\napp_id = "wx0123456789abcdef"\n'
        'app_secret = "0123456789abcdef0123456789abcdef"\n'
        f'[store]\ndatabase_url = "{settings.database_url}"\ntable_prefix = "{settings.table_prefix}"\n'
        f"keys = {listed(settings.keys)}\n"
        f"[accounts]\nkeys = {listed(keys.keys)}\npeppers = {listed(keys.peppers)}\n"
        f"audit_keys = {listed(keys.audit_keys)}\n"
    )
