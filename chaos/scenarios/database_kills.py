"""The database is killed under load, and starts again on its files. The service is not restarted."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from chaos.load import Load
from chaos.rows import Tally

if TYPE_CHECKING:
    from chaos.stage import Stage

_BACK = 2.0


async def kill_database(stage: Stage, *, kills: int, clients: int) -> Tally:
    """Kill the server again and again."""
    server = stage.base.server
    assert server is not None
    load = Load(stage, clients)
    running = asyncio.ensure_future(load.run())
    pauses: list[float] = []
    for _ in range(kills):
        await _next(load, time.monotonic())
        await asyncio.sleep(0.3 + random.random() * 0.7)
        server.kill()
        await asyncio.to_thread(server.start)
        back = time.monotonic()
        await _next(load, back)
        pauses.append(time.monotonic() - back)
    load.stop()
    await running
    tally = Tally()
    tally.want("kills", len(pauses), kills)
    await load.judge(tally)
    tally.at_most("longest pause after its return", max(pauses), _BACK, " s")
    tally.say("told meanwhile", dict(load.refusals) or "nothing")
    return tally


async def _next(load: Load, since: float) -> None:
    """Wait until a number is answered that was asked for at any time."""
    while not load.acknowledged or next(reversed(load.acknowledged.values())) < since:
        await asyncio.sleep(0.005)
