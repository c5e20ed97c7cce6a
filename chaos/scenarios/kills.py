"""Service processes are killed: under load, and in the middle of an exchange.

What a process has acknowledged is in the database. Of what it had sent to the platform nobody knows what became of it,
and that is what the same request is told: outcome unknown. "Bad code" would be a lie.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from chaos.load import BAD_CODE, GONE, LATER, UNKNOWN, USED, Load, send_once
from chaos.rows import Tally
from chaos.wechat import new_code
from haoma.store.rows import STARTED

if TYPE_CHECKING:
    from chaos.fleet import Answer
    from chaos.stage import Stage
    from chaos.wechat import Arrival


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
    sent = [asyncio.ensure_future(send_once(stage, victim, code, app)) for code in fresh]
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
    once_more = await asyncio.gather(*(send_once(stage, third, code, app) for code in fresh))
    warm.close()
    if wait:
        fleet.start(victim)
        await fleet.ready(victim)
    tally = Tally()
    tally.want("codes", codes, codes)
    tally.want("outcome unknown", sum(each.code == UNKNOWN for each in again), codes)
    tally.want("bad code", sum(each.code == BAD_CODE for each in again), 0)
    tally.want("the same once more", sum(each is not None and each.code == UNKNOWN for each in once_more), codes)
    tally.want("another caller: used", sum(each.code == USED for each in others), codes)
    tally.want("platform asked twice", sum(platform.calls[code] == 2 for code in fresh), codes)
    if wait:
        tally.say("told after", f"{took:.0f} s")
    return tally


async def kill_under_load(
    stage: Stage, *, seconds: float, clients: int, every: float = 0.5, settle: float = 30
) -> Tally:
    """Kill a random process again and again while clients send codes."""
    base, fleet = stage.base, stage.fleet
    load = Load(stage, clients, leaving=4)
    stage.platform.seconds = 0.02
    running = asyncio.ensure_future(load.run())
    until, kills = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        await asyncio.sleep(every)
        serving = await fleet.serving()
        if len(serving) > 1:  # a start takes a second of a processor: a slow machine would do nothing else
            victim = random.choice(serving)
            fleet.kill(victim)
            fleet.start(victim)
            kills += 1
    load.stop()
    ended = time.monotonic()
    await running
    for number in range(len(fleet.ports)):
        await fleet.ready(number)
    left = sum(state == STARTED for state in (await base.states()).values())
    if settle:
        await asyncio.sleep(max(0.0, settle - (time.monotonic() - ended)))
    else:
        await base.pass_leases()
    await fleet.sweep()
    started = sum(state == STARTED for state in (await base.states()).values())
    stage.platform.seconds = 0.0
    tally = Tally()
    tally.say("kills", kills)
    await load.judge(tally)
    tally.say("clients gone", load.ends[GONE])
    tally.say("rows under way at the end", left)
    tally.want(f"{settle:g} s and a sweep later", started, 0)
    return tally


async def _until_answered(stage: Stage, number: int, code: str, app: str) -> Answer:
    while True:
        answer = await send_once(stage, number, code, app)
        if answer is not None and answer.code not in LATER:
            return answer
