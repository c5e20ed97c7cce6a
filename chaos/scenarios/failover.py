"""PostgreSQL with a streaming standby. The primary is killed under load, the standby is promoted, and a port moves.

With synchronous replication nothing that was acknowledged may be missing. Without it, what the standby had not received
is lost, and that is printed: here the standby hears nothing during the last half second.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import asyncpg

from chaos.cutting import Cutter
from chaos.load import Load
from chaos.rows import Tally
from haoma.store.rows import DONE
from support.databases import PostgreSQL, _run

if TYPE_CHECKING:
    from chaos.stage import Stage

_DEAF = 0.5


class Standby(PostgreSQL):
    """A copy of a running server that follows it. ``through``: the port at which it asks for the primary."""

    def __init__(self, primary: PostgreSQL, through: int) -> None:
        super().__init__(None, "hot_standby=on")
        self._primary = primary
        self._through = through

    def prepare(self) -> None:
        """Copy the primary."""
        self.own(self.folder / "sockets")
        data = self.own(self.folder / "data")
        data.chmod(0o700)
        url = self._primary.url.replace(f":{self._primary.port}/", f":{self._through}/")
        _run([self.programs / "pg_basebackup", "-d", url, "-D", data, "-R", "-X", "stream", "-c", "fast"])


async def fail_over(stage: Stage, *, synchronous: bool, clients: int, seconds: float) -> Tally:
    """Kill the primary and promote the standby."""
    primary = stage.base.server
    assert isinstance(primary, PostgreSQL)
    async with Cutter(primary.port, "postgresql") as line:
        standby = Standby(primary, line.port)
        await asyncio.to_thread(standby.__enter__)
        try:
            load = Load(stage, clients)
            return await _fail_over(stage, primary, standby, line, synchronous=synchronous, load=load, seconds=seconds)
        finally:
            stage.base.server = primary
            await asyncio.to_thread(standby.__exit__)


async def _fail_over(
    stage: Stage,
    primary: PostgreSQL,
    standby: PostgreSQL,
    line: Cutter,
    *,
    synchronous: bool,
    load: Load,
    seconds: float,
) -> Tally:
    cutter = stage.base.cutter
    assert cutter is not None
    await _until(primary.url, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
    if synchronous:
        await stage.base.do("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await stage.base.do("SELECT pg_reload_conf()")
        await _until(primary.url, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
    running = asyncio.ensure_future(load.run())
    await asyncio.sleep(seconds)
    if not synchronous:
        line.holes = True
        await asyncio.sleep(_DEAF)
    primary.kill()
    cutter.closed = True
    cutter.cut_all()
    killed = time.monotonic()
    before = dict(load.acknowledged)
    line.cut_all()
    connection = await asyncpg.connect(standby.url)
    await connection.execute("SELECT pg_promote()")
    await connection.close()
    stage.base.server = standby
    cutter.target = standby.port
    cutter.closed = False
    promoted = time.monotonic()
    while not load.acknowledged or next(reversed(load.acknowledged.values())) < promoted:
        await asyncio.sleep(0.01)
    pause = time.monotonic() - promoted
    await asyncio.sleep(seconds)
    load.stop()
    await running
    states = await stage.base.states()
    lost = sum(states.get(stage.fleet.place(code)) != DONE for code in load.acknowledged)
    tally = Tally()
    tally.say("acknowledged before", len(before))
    tally.say("after", len(load.acknowledged) - len(before))
    if synchronous:
        tally.want("acknowledged and lost", lost, 0)
    else:
        tally.say(f"acknowledged and lost (standby deaf for {_DEAF:g} s)", lost)
    tally.want("done twice", sum(stage.platform.calls[code] > 1 for code in load.acknowledged), 0)
    tally.say("promoted in", f"{promoted - killed:.1f} s")
    tally.at_most("answers after", pause, 2.0, " s")
    tally.say("told meanwhile", dict(load.refusals) or "nothing")
    return tally


async def _until(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    for _ in range(600):
        if await connection.fetchval(text):
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError(text)
    await connection.close()
