"""A process is told to stop while it works; and processes whose clocks differ."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.load import Load
from chaos.rows import Tally

if TYPE_CHECKING:
    from chaos.stage import Stage


async def stop_under_load(stage: Stage, *, clients: int) -> Tally:
    """Send SIGTERM to one process after the other, and start each again."""
    fleet = stage.fleet
    load = Load(stage, clients)
    stage.platform.seconds = 0.1
    running = asyncio.ensure_future(load.run())
    codes = []
    for number in range(len(fleet.ports)):
        await asyncio.sleep(1)
        codes.append(await fleet.stop(number))
        fleet.start(number)
        await fleet.ready(number)
    load.stop()
    await running
    stage.platform.seconds = 0.0
    tally = Tally()
    tally.want("exit codes", str(codes), str([0] * len(codes)))
    await load.judge(tally)
    # A code that reached the platform and got no answer: the client sends it again, and is told that it is a repetition.
    calls = stage.platform.calls
    tally.want("cut off in mid exchange", sum(count > 1 for count in calls.values()), 0)
    tally.say("told meanwhile", dict(load.refusals) or "nothing")
    return tally


def faketime() -> Path | None:
    """Return the library that gives a process another clock, from the package libfaketime, or None."""
    spec = importlib.util.find_spec("libfaketime")
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.rglob("libfaketime.so*"))), None)


def skewed(library: Path, skew: str) -> dict[str, str]:
    """Return the environment of a process whose clock is wrong by ``skew``, such as ``+600s``. Time still passes."""
    return {"LD_PRELOAD": str(library), "FAKETIME": skew, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
