"""PostgreSQL with a streaming standby. The primary is killed under load, the standby is promoted, and a port moves.

With synchronous replication nothing that was acknowledged may be missing. Without it, what the standby had not received
is lost, and that is printed: here the standby hears nothing during the last half second.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from chaos.load import Load
from chaos.rows import Tally
from haoma.store.rows import DONE
from support.databases import PostgreSQL, _run

if TYPE_CHECKING:
    from chaos.stage import Stage

_DEAF = 0.5


class Standby(PostgreSQL):
    """A copy of a running server that follows it."""

    def __init__(self, primary: PostgreSQL) -> None:
        super().__init__(None, "hot_standby=on")
        self._primary = primary

    def prepare(self) -> None:
        """Copy the primary."""
        self.own(self.folder / "sockets")
        data = self.own(self.folder / "data")
        data.chmod(0o700)
        command = [self.programs / "pg_basebackup", "-d", self._primary.url, "-D", data, "-R", "-X", "stream", "-c", "fast"]
        _run(command)


async def fail_over(stage: Stage, *, synchronous: bool, clients: int, seconds: float) -> Tally:
    """Kill the primary and promote the standby."""
    primary, cutter = stage.base.server, stage.base.cutter
    assert isinstance(primary, PostgreSQL)
    assert cutter is not None
    standby = Standby(primary)
    await asyncio.to_thread(standby.__enter__)
    try:
        await _until(primary.url, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
        if synchronous:
            await stage.base.do("ALTER SYSTEM SET synchronous_standby_names = '*'")
            await stage.base.do("SELECT pg_reload_conf()")
            await _until(primary.url, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
        load = Load(stage, clients)
        running = asyncio.ensure_future(load.run())
        await asyncio.sleep(seconds)
        if not synchronous:
            for pid in _receivers(standby):
                os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(_DEAF)
        primary.kill()
        cutter.closed = True
        cutter.cut_all()
        killed = time.monotonic()
        before = dict(load.acknowledged)
        for pid in _receivers(standby):
            os.kill(pid, signal.SIGCONT)
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
    finally:
        stage.base.server = primary
        await asyncio.to_thread(standby.__exit__)


async def _until(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    for _ in range(600):
        if await connection.fetchval(text):
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError(text)
    await connection.close()


def _receivers(server: PostgreSQL) -> list[int]:
    """Return the processes of a standby that receive from the primary."""
    parent = server._process.pid if server._process is not None else 0
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                ppid = int((folder / "stat").read_text().rpartition(") ")[2].split()[1])
                if ppid == parent and b"walreceiver" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found
