"""The same people log in for the first time in several processes at once, by two platforms each.

One account for each person, whatever meets whom; with processes that are killed in between, nothing that was answered
is lost, and nobody has two.
"""

from __future__ import annotations

import asyncio
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from chaos.fleet import STORE_KEY
from chaos.rows import Tally
from haoma.errors import HaomaError
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import Conclude, Consent, Reserve, Reserved
from haoma.store.config import StoreSettings
from haoma.store.keys.config import AccountKeys
from haoma.store.opening import open_store
from haoma.store.sealing import StoreKey
from haoma.verified import Check, CheckName, Subject, VerifiedPhone
from support.store_rows import run

if TYPE_CHECKING:
    from haoma.store.store import AsyncStore

_KEYS: Final = AccountKeys((StoreKey(1, b"n" * 32),), (StoreKey(1, b"p" * 32),), (StoreKey(1, b"a" * 32),))
_CHECKS: Final = (Check(CheckName.LOGIN_BINDING, True, "the platform ties them together"),)
_PLATFORMS: Final = ("wechat", "douyin")
_CONSENT: Final = Consent("2026-01", "chaos")


async def first_logins(url: str, *, people: int, processes: int, clients: int, kill_seconds: float = 0) -> Tally:
    """Let every client of every process log every person in, twice."""
    settings = StoreSettings(url, keys=(StoreKey(1, STORE_KEY),))
    answers: list[tuple[int, str]] = []
    lives = await asyncio.gather(*(_live(url, people, clients, kill_seconds, answers) for _ in range(processes)))
    return await asyncio.to_thread(_count, settings, people, answers, sum(lives) if kill_seconds else None)


def _count(settings: StoreSettings, people: int, answers: list[tuple[int, str]], killed: int | None) -> Tally:
    accounts: dict[int, set[str]] = collections.defaultdict(set)
    for person, account in answers:
        accounts[person].add(account)
    tally = Tally()
    if killed is not None:
        tally.say("killed", killed)
    tally.say("answered", len(answers))
    tally.want("people with one account", sum(len(found) == 1 for found in accounts.values()), people)
    for table, wanted in (("accounts", 1), ("numbers", 1), ("phones", 1), ("salts", 1), ("identities", 2)):
        ((count,),) = run(settings, "SELECT COUNT(*) FROM {0}{1}", table=table)
        tally.want(table, int(count), people * wanted)
    astray = (
        "SELECT COUNT(*) FROM {0}{1} t WHERE NOT EXISTS "
        "(SELECT 1 FROM {0}accounts a WHERE a.tenant = t.tenant AND a.place = t.account)"
    )
    tally.want("astray", sum(int(run(settings, astray, table=table)[0][0]) for table in ("identities", "numbers")), 0)
    ((consents,),) = run(settings, "SELECT COUNT(*) FROM {0}{1}", table="consents")
    tally.want("answers without consent", max(0, len(answers) - int(consents)), 0)
    ((audited,),) = run(settings, "SELECT COUNT(*) FROM {0}{1}", table="audit")
    tally.want("answers without audit", max(0, len(answers) - int(audited)), 0)
    return tally


async def _live(url: str, people: int, clients: int, kill_seconds: float, answers: list[tuple[int, str]]) -> int:
    """Run one process after another until one has come to its end; return how many were killed."""
    killed = 0
    while True:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chaos.scenarios.first_logins", url, str(people), str(clients)),
            stdout=subprocess.PIPE,
            limit=1 << 24,
        )
        assert process.stdout is not None
        killer: asyncio.Task[None] | None = None
        while line := await process.stdout.readline():
            if killer is None and kill_seconds and killed < _LIVES:  # now that it works
                killer = asyncio.create_task(_kill(process, kill_seconds))
            if line.endswith(b"\n"):
                answers.append(tuple(json.loads(line)))
        if killer is not None:
            killer.cancel()
        if await process.wait() == 0:
            return killed
        killed += 1


_LIVES: Final = 6


async def _kill(process: asyncio.subprocess.Process, seconds: float) -> None:
    await asyncio.sleep(random.random() * seconds)
    process.send_signal(signal.SIGKILL)


# --- one process


async def _work(url: str, people: int, clients: int) -> None:
    settings = StoreSettings(url, keys=(StoreKey(1, STORE_KEY),))
    store = open_store(settings, _KEYS)
    assert store is not None
    face = store.asynchronous(in_loop=True)
    await asyncio.gather(*(_client(face, people, number) for number in range(clients)))
    await face.aclose()


async def _client(store: AsyncStore, people: int, number: int) -> None:
    platform = _PLATFORMS[number % 2]
    # The same order for all, or they would seldom meet; a few places to and fro, or the first one would always win.
    for person in sorted(range(people), key=lambda place: place + random.random() * 8):
        account = await _log_in(store, platform, person)
        sys.stdout.write(json.dumps([person, account]) + "\n")
        sys.stdout.flush()


async def _log_in(store: AsyncStore, platform: str, person: int) -> str:
    number = PhoneNumber("86", f"139{person:08}")
    phone = VerifiedPhone(number, platform, platform, Subject(openid=f"person-{person}"), _CHECKS)
    until = time.monotonic() + 60
    while True:
        try:
            code = Secret(os.urandom(16).hex())
            reserved: Any = await store.answer(Reserve(f"{platform}:1", "code", code, b"mine", 600), [])  # type: ignore[misc]
            assert isinstance(reserved, Reserved)
            concluded: Any = await store.answer(Conclude(f"{platform}:1", reserved.ref, phone, _CONSENT), [])  # type: ignore[misc]
        except HaomaError:
            if time.monotonic() > until:
                raise
        else:
            account: str = concluded.outcome.account
            return account


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
