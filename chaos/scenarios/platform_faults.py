"""The platform fails for one app, in every way we know. Each has a name, and other apps do not notice."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from chaos.load import BAD_CODE, Load, percentile, send_once
from chaos.rows import Tally
from chaos.wechat import FATES, app_id, new_code

if TYPE_CHECKING:
    from chaos.stage import Stage

_PAUSE = 0.5
_CALM_PAUSE = 0.1
_FEW = 4
_GATE = 3.0  # the aim is 1.2; on a machine that others use as well it would say little


async def platform_faults(stage: Stage, *, seconds: float, calm: int, sick: int) -> list[tuple[str, Tally]]:
    """Play every fate for the app ``sick``, while the app ``calm`` goes on.

    Args:
        stage: The stage; it has both apps.
        seconds: How long each fate lasts, at least.
        calm, sick: How many clients each has.
    """
    found = []
    await _measure(stage, calm, seconds / 2)
    for fate, expected in FATES.items():
        codes: list[str] = []
        ends: list[str] = []
        stopped = fails = False

        async def live(number: int) -> None:
            while not stopped:  # noqa: B023 - it is awaited within this turn
                code, counts = new_code(), fails  # noqa: B023
                answer = await send_once(stage, number, code, "sick")
                if counts:
                    codes.append(code)  # noqa: B023
                    ends.append("none" if answer is None else answer.code)  # noqa: B023
                # Without a pause those that fail fast would want all of the processor, which is another question.
                await asyncio.sleep(_PAUSE * random.random() * 2)

        clients = [asyncio.ensure_future(live(number)) for number in range(sick)]
        healthy = await _measure(stage, calm, seconds)  # the same load, a moment before
        stage.platform.fates[app_id("sick")] = fate
        fails = True
        together = await _measure(stage, calm, seconds)
        stopped = True
        await asyncio.gather(*clients)
        stage.platform.fates.clear()
        once_more = [await send_once(stage, 0, code, "sick") for code in codes[:8]]
        tally = Tally()
        tally.say("sent", len(ends))
        tally.want("told", ", ".join(sorted(set(ends))), expected)
        told = {"none" if answer is None else answer.code or "number" for answer in once_more}
        tally.want("once more: bad code", BAD_CODE in told, False)
        tally.say("once more", ", ".join(sorted(told)))
        tally.say("other app's p50", f"{percentile(together, 0.5):.0f} ms (before {percentile(healthy, 0.5):.0f})")
        tally.at_most("its p99 against before", percentile(together, 0.99) / percentile(healthy, 0.99), _GATE, " ×")
        found.append((fate, tally))
    return found


async def crowded_out(stage: Stage, *, seconds: float, crowd: int) -> Tally:
    """Let one app hang with more requests than a process has connections, while another app goes on."""
    await _measure(stage, _FEW, seconds / 2)
    alone = await _measure(stage, _FEW, seconds)
    stage.platform.fates[app_id("sick")] = "hang"
    sick = [asyncio.ensure_future(send_once(stage, 0, new_code(), "sick")) for _ in range(crowd)]
    await asyncio.sleep(0.5)
    together = await _measure(stage, _FEW, seconds)
    ends = {"none" if answer is None else answer.code for answer in await asyncio.gather(*sick)}
    stage.platform.fates.clear()
    tally = Tally()
    tally.want("hanging", crowd, crowd)
    tally.say("told", ", ".join(sorted(ends)))
    tally.say("other app's p50", f"{percentile(together, 0.5):.0f} ms (alone {percentile(alone, 0.5):.0f})")
    tally.at_most("its p99 against alone", percentile(together, 0.99) / percentile(alone, 0.99), _GATE, " ×")
    return tally


async def _measure(stage: Stage, clients: int, seconds: float) -> list[float]:
    load = Load(stage, clients, "calm", pause=_CALM_PAUSE)
    running = asyncio.ensure_future(load.run())
    await asyncio.sleep(seconds)
    load.stop()
    await running
    return load.seconds
