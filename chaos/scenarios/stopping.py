"""A process is told to stop while it works; and processes whose clocks differ."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.load import CUT, Load
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
    # A port that no longer listens has taken nothing. What was taken has to be answered.
    tally.want("cut off", load.refusals[CUT], 0)
    tally.say("told meanwhile", dict(load.refusals) or "nothing")
    return tally


def clock_of(stage: Stage, number: int) -> datetime:
    """Return the time of the last line in the log of a process."""
    lines = [json.loads(line) for line in stage.fleet.log(number).splitlines() if line.startswith("{")]
    return datetime.fromisoformat(lines[-1]["timestamp"])


def faketime() -> Path | None:
    """Return the library that gives a process another clock, from the package libfaketime, or None."""
    spec = importlib.util.find_spec("libfaketime")
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.rglob("libfaketime.so*"))), None)


def skewed(library: Path, skew: str) -> dict[str, str]:
    """Return the environment of a process whose clock is wrong by ``skew``, such as ``+600s``. Time still passes."""
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": skew,
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
