"""Service processes are killed: under load, and in the middle of an exchange.

What a process has acknowledged is in the database. Of what it had sent to the platform nobody knows what became of it,
and that is what the same request is told: outcome unknown. "Bad code" would be a lie.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

from chaos.fleet import Answer, Broken
from chaos.rows import Tally
from chaos.wechat import new_code, number_of
from haoma.store.rows import DONE

if TYPE_CHECKING:
    from chaos.stage import Stage
    from chaos.wechat import Arrival

UNKNOWN = "outside.outcome-unknown"
_BAD_CODE = "platform.code-rejected"
_USED = "trust.already-used"
_LATER = frozenset({"caller.too-slow", "internal.store-unavailable", "caller.draining"})


async def killed_in_mid_exchange(stage: Stage, *, codes: int, app: str = "shop", wait: bool = True) -> Tally:
    """Kill a process when the platform has used the codes up and has not answered yet.

    Args:
        stage: The stage.
        codes: How many codes.
        app: The app.
        wait: False to let the leases expire at once instead of waiting for them, and not to start the process again.
    """
    base, fleet, platform = stage.base, stage.fleet, stage.platform
    fresh = [new_code() for _ in range(codes)]
    victim, second, third = (fleet.alive * 2)[:3]
    arrived = asyncio.Semaphore(0)
    never = asyncio.Event()

    async def hold(_: Arrival) -> None:
        arrived.release()
        await never.wait()

    warm = fleet.client(second)
    await warm.send(new_code(), app)  # there is a token
    platform.on_code = hold
    sent = [asyncio.ensure_future(_send_once(stage, victim, code, app)) for code in fresh]
    for _ in fresh:
        await arrived.acquire()
    fleet.kill(victim)
    await asyncio.gather(*sent)
    platform.on_code = None
    never.set()
    began = time.monotonic()
    if not wait:
        await base.pass_leases()
    others = [await warm.send(code, app, key=1) for code in fresh]
    again = await asyncio.gather(*(_until_answered(stage, second, code, app) for code in fresh))
    took = time.monotonic() - began
    once_more = await asyncio.gather(*(_send_once(stage, third, code, app) for code in fresh))
    warm.close()
    if wait:
        fleet.start(victim)
        await fleet.ready(victim)
    tally = Tally()
    tally.want("codes", codes, codes)
    tally.want("outcome unknown", sum(each.code == UNKNOWN for each in again), codes)
    tally.want("bad code", sum(each.code == _BAD_CODE for each in again), 0)
    tally.want("the same once more", sum(each is not None and each.code == UNKNOWN for each in once_more), codes)
    tally.want("another caller: used", sum(each.code == _USED for each in others), codes)
    tally.want("platform asked twice", sum(platform.calls[code] == 2 for code in fresh), codes)
    if wait:
        tally.say("told after", f"{took:.0f} s")
    return tally


async def kill_under_load(stage: Stage, *, seconds: float, clients: int, every: float = 0.5, settle: float = 30) -> Tally:
    """Kill a random process again and again while clients send codes."""
    base, fleet, platform = stage.base, stage.fleet, stage.platform
    acknowledged: set[str] = set()
    ends: Counter[str] = Counter()
    repeated = 0
    until = time.monotonic() + seconds
    platform.seconds = 0.02

    async def live(number: int) -> None:
        nonlocal repeated
        while time.monotonic() < until:
            code = new_code()
            answer, tries = await _insist(stage, random.randrange(number + 1000), code)
            repeated += tries > 1
            if answer.code == "" and answer.number == number_of(code):
                acknowledged.add(code)
            ends[answer.code or "number"] += 1

    kills = 0

    async def kill() -> None:
        nonlocal kills
        while time.monotonic() < until:
            alive = [number for number in range(len(fleet.ports)) if fleet.runs(number)]
            victim = random.choice(alive)
            fleet.kill(victim)
            kills += 1
            fleet.start(victim)
            await asyncio.sleep(every)

    await asyncio.gather(kill(), *(live(number) for number in range(clients)))
    ended = time.monotonic()
    for number in range(len(fleet.ports)):
        await fleet.ready(number)
    while await base.overdue() and time.monotonic() - ended < settle:
        await sweep(stage)
        await asyncio.sleep(0.5)
    states = await base.states()
    platform.seconds = 0.0
    tally = Tally()
    tally.say("kills", kills)
    tally.say("acknowledged", len(acknowledged))
    tally.say("broken and sent again", repeated)
    tally.want("acknowledged and lost", sum(states.get(fleet.place(code)) != DONE for code in acknowledged), 0)
    tally.want("number given away twice", sum(platform.calls[code] > 1 for code in acknowledged), 0)
    tally.want("bad code", ends[_BAD_CODE], 0)
    tally.say("outcome unknown", ends[UNKNOWN])
    known = {"number", UNKNOWN, "outside.connect-failed"}
    tally.want("other ends", ", ".join(sorted(set(ends) - known)) or 0, 0)
    tally.want(f"overdue after {settle:g} s", await base.overdue(), 0)
    return tally


async def sweep(stage: Stage) -> None:
    """Ask for a sweep, where there is one."""


async def _send_once(stage: Stage, number: int, code: str, app: str) -> Answer | None:
    client = stage.fleet.client(number)
    try:
        return await client.send(code, app)
    except Broken:
        return None
    finally:
        client.close()


async def _until_answered(stage: Stage, number: int, code: str, app: str) -> Answer:
    while True:
        answer = await _send_once(stage, number, code, app)
        if answer is not None and answer.code not in _LATER:
            return answer


async def _insist(stage: Stage, number: int, code: str) -> tuple[Answer, int]:
    """Send a code until there is an answer that says more than "later"; each time to another process."""
    tries = 0
    while True:
        number += 1
        if not stage.fleet.runs(number % len(stage.fleet.ports)):
            continue
        answer = await _send_once(stage, number, code, "shop")
        if answer is None:
            await asyncio.sleep(0.05)  # nothing listens there yet, or it was killed
            tries += 1
        elif answer.code not in _LATER:
            return answer, tries + 1
