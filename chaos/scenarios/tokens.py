"""Many requests in several processes need a token, and there is none: one of them fetches it for all.

If its process is killed meanwhile, one other fetches a second one. The platform holds its answer back until every
request is known to the ledger, so that all of them wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

from chaos.fleet import Answer, Broken
from chaos.rows import Tally
from chaos.wechat import app_id, new_code, number_of

if TYPE_CHECKING:
    from chaos.bases import Base
    from chaos.fleet import Fleet
    from chaos.wechat import Arrival, WeChat


async def stampede(
    base: Base, fleet: Fleet, platform: WeChat, *, requests: int, app: str, kill: bool = False, wait: bool = True
) -> Tally:
    """Let so many requests need the token of an app that has none yet.

    Args:
        base, fleet, platform: The stage.
        requests: How many, all processes together.
        app: The app.
        kill: Kill the process that fetches the token.
        wait: False to let the lease expire at once instead of waiting for it, and not to start the process again.
    """
    fresh = [new_code() for _ in range(requests)]
    places = {fleet.place(code, app) for code in fresh}
    dead: list[int] = []
    alive = fleet.alive
    died = second = 0.0

    async def hold(arrival: Arrival) -> None:
        nonlocal died, second
        if arrival.app_id != app_id(app):
            return
        second = time.monotonic()
        if platform.tokens[arrival.app_id] > 1:
            return
        while len(places & (await base.states()).keys()) < requests:
            await asyncio.sleep(0.02)
        if kill:
            dead.append(fleet.number_at(arrival.port))
            fleet.kill(dead[0])
            died = time.monotonic()
            if not wait:
                await base.pass_leases()

    async def live(number: int) -> Answer | None:
        client = fleet.client(alive[number % len(alive)])
        until = time.monotonic() + 150
        try:
            while True:
                answer = await client.send(fresh[number], app)
                if answer.code != "caller.too-slow" or time.monotonic() > until:
                    return answer
        except Broken:
            return None
        finally:
            client.close()

    platform.on_token = hold
    answers = await asyncio.gather(*(live(number) for number in range(requests)))
    platform.on_token = None
    if kill and wait:
        fleet.start(dead[0])
        await fleet.ready(dead[0])
    good = sum(answer is not None and answer.number == number_of(fresh[n]) for n, answer in enumerate(answers))
    left = requests - sum(alive[n % len(alive)] in dead for n in range(requests))
    tally = Tally()
    tally.want("token fetched", platform.tokens[app_id(app)], 2 if kill else 1)
    tally.want("of those whose process lives, served", good, left)
    others = Counter(answer.code for answer in answers if answer is not None and answer.code)
    tally.want("other answers", dict(others) or 0, 0)
    if kill:
        tally.say("second fetch after", f"{second - died:.1f} s")
    return tally
