"""The scenarios by name, in their full and in their short form."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos.bases import KINDS, Base
from chaos.fleet import STORE_KEY
from chaos.needs import NEEDS, is_here
from chaos.rows import Row
from chaos.scenarios.cut import MODES, cut
from chaos.scenarios.database_faults import (
    dead_network,
    disk_full,
    long_transaction,
    no_connections,
    on_small_disk,
    read_only,
    trouble,
)
from chaos.scenarios.database_kills import kill_database
from chaos.scenarios.failover import fail_over
from chaos.scenarios.first_logins import first_logins
from chaos.scenarios.kills import kill_under_load, killed_in_mid_exchange
from chaos.scenarios.oceanbase import oceanbase
from chaos.scenarios.platform_faults import crowded_out, platform_faults
from chaos.scenarios.race import race
from chaos.scenarios.rewrap import rewrap_under_load
from chaos.scenarios.rolling import roll
from chaos.scenarios.stopping import clock_of, faketime, skewed, stop_under_load
from chaos.scenarios.tokens import stampede
from chaos.scenarios.valkey import SERVICE, without_valkey
from chaos.stage import Stage
from haoma.store.config import StoreSettings
from haoma.store.sealing import StoreKey
from support.valkey_server import ValkeyServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Scenario = Callable[[str, bool], AsyncIterator[Row]]

SERVERS = ("postgresql", "mariadb")
SKEWS = ("+600s", "-600s", "+40d")


async def _race(kind: str, short: bool) -> AsyncIterator[Row]:
    async with Stage(kind, 4) as stage:
        clients, codes = (16, 25) if short else (64, 1000)
        tally = await race(stage.fleet, stage.platform, clients=clients, codes=codes)
        yield tally.row(f"race: {clients} clients × {codes} codes × 4 processes", kind)


async def _kills(kind: str, short: bool) -> AsyncIterator[Row]:
    async with Stage(kind, 4) as stage:
        tally = await killed_in_mid_exchange(stage, codes=12, wait=not short)
        yield tally.row("kill -9 in mid exchange", kind)
    async with Stage(kind, 4) as stage:
        seconds = 8 if short else 60
        clients, settle = (8, 0) if short else (32, 31)  # a reservation is given up after 30 s
        tally = await kill_under_load(stage, seconds=seconds, clients=clients, settle=settle)
        yield tally.row(f"kill -9 every 0.5 s for {seconds} s", kind)


async def _database_kills(kind: str, short: bool) -> AsyncIterator[Row]:
    async with Stage(kind, 2) as stage:
        tally = await kill_database(stage, kills=2 if short else 10, clients=8 if short else 32)
        yield tally.row("kill -9 of the database", kind)


async def _cuts(kind: str, short: bool) -> AsyncIterator[Row]:
    async with Stage(kind, 1, through=True) as stage:
        for mode in MODES:
            tally = await cut(stage.base, stage.fleet, stage.platform, mode, rounds=4 if short else 40)
            yield tally.row(f"cut {mode} COMMIT", kind)


async def _tokens(kind: str, short: bool) -> AsyncIterator[Row]:
    requests = 40 if short else 200
    async with Stage(kind, 4, apps=("one", "two")) as stage:
        tally = await stampede(stage.base, stage.fleet, stage.platform, requests=requests, app="one")
        yield tally.row(f"{requests} requests want one token", kind)
        tally = await stampede(
            stage.base, stage.fleet, stage.platform, requests=requests, app="two", kill=True, wait=not short
        )
        yield tally.row("the same, its holder killed", kind)


async def _platform(kind: str, short: bool) -> AsyncIterator[Row]:
    async with Stage(kind, 2, apps=("calm", "sick")) as stage:
        for fate, tally in await platform_faults(stage, seconds=1 if short else 5, calm=8, sick=8 if short else 32):
            yield tally.row(f"platform: {fate}", kind)
    async with Stage(kind, 1, apps=("calm", "sick")) as stage:
        tally = await crowded_out(stage, seconds=3 if short else 6, crowd=150)
        yield tally.row("platform: more requests hang than there are connections", kind)


async def _database(kind: str, short: bool) -> AsyncIterator[Row]:
    del short
    options = {"postgresql": ("max_connections=20",), "mariadb": ("--max-connections=20",)}.get(kind, ())
    async with Stage(kind, 2, through=kind != "sqlite", options=options) as stage:
        yield (await trouble(stage, long_transaction)).row("a long transaction in the way", kind)
        if kind != "sqlite" or is_here("files that are immutable"):
            yield (await trouble(stage, read_only)).row("read-only", kind)
        else:
            yield absent("read-only", kind, "files that are immutable")
        if kind != "sqlite":
            yield (await trouble(stage, no_connections)).row("all connections used up", kind)
            yield (await trouble(stage, dead_network)).row("dead network", kind)
    if not is_here("a small disk"):
        yield absent("disk full", kind, "a small disk")
        return
    async with on_small_disk(kind, 2) as stage:
        yield (await trouble(stage, disk_full)).row("disk full", kind)


async def _stopping(kind: str, short: bool) -> AsyncIterator[Row]:
    async with Stage(kind, 2) as stage:
        yield (await stop_under_load(stage, clients=8 if short else 32)).row("SIGTERM under load", kind)


async def _rolling(kind: str, short: bool) -> AsyncIterator[Row]:
    async with Stage(kind, 2 if short else 4) as stage:
        tally = await roll(stage, clients=8 if short else 32, seconds=0.5 if short else 3)
        yield tally.row("the next version and back, under load", kind)


async def _valkey(kind: str, short: bool) -> AsyncIterator[Row]:
    with ValkeyServer() as server:
        more: dict[str, Any] = {"service": SERVICE, "cache_url": server.url}
        async with Stage(kind, 4, fleet_options=more) as stage:
            seconds, clients = (1, 8) if short else (5, 32)
            for way, tally in await without_valkey(stage, server, clients=clients, seconds=seconds):
                yield tally.row(f"Valkey {way} under load", kind)


async def _clocks(kind: str, short: bool) -> AsyncIterator[Row]:
    library = faketime()
    assert library is not None
    for skew in SKEWS:
        more: dict[str, Any] = {"environ": {1: skewed(library, skew)}}
        async with Stage(kind, 2, apps=("shop", "one"), fleet_options=more) as stage:
            tally = await race(stage.fleet, stage.platform, clients=8, codes=10 if short else 100)
            apart = abs((clock_of(stage, 1) - clock_of(stage, 0)).total_seconds())
            tally.want("clocks differ", apart > 300, True)
            yield tally.row(f"clock of one process {skew}: race", kind)
            tally = await stampede(stage.base, stage.fleet, stage.platform, requests=16, app="one")
            yield tally.row(f"clock of one process {skew}: token", kind)


async def _failover(kind: str, short: bool) -> AsyncIterator[Row]:
    for synchronous in (True, False):
        async with Stage(kind, 2, through=True) as stage:
            seconds = 2 if short else 8
            tally = await fail_over(stage, synchronous=synchronous, clients=8 if short else 32, seconds=seconds)
            name = "synchronous" if synchronous else "asynchronous"
            yield tally.row(f"promotion of a standby, {name}", kind)


async def _first_logins(kind: str, short: bool) -> AsyncIterator[Row]:
    people, clients = (40, 4) if short else (200, 16)
    for seconds in (0, 0.5 if short else 2):
        async with Base(kind) as base:
            tally = await first_logins(base.url, people=people, processes=4, clients=clients, kill_seconds=seconds)
        yield tally.row("first logins, with kills" if seconds else "first logins", kind)


async def _rewrap(kind: str, short: bool) -> AsyncIterator[Row]:
    people, kills = (3_000, 2) if short else (100_000, 5)
    async with Base(kind) as base:
        with tempfile.TemporaryDirectory(prefix="haoma-chaos-") as folder:
            settings = StoreSettings(base.url, keys=(StoreKey(1, STORE_KEY),))
            changed, retired = await asyncio.to_thread(
                rewrap_under_load, settings, Path(folder), people=people, lives=4, kills=kills
            )
        yield changed.row(f"rewrap of {people} numbers, killed {kills} times", kind)
        yield retired.row("the old key and pepper retired", kind)


async def _oceanbase(kind: str, short: bool) -> AsyncIterator[Row]:
    del short
    yield await oceanbase(kind)


SCENARIOS: dict[str, tuple[Scenario, tuple[str, ...]]] = {
    "race": (_race, KINDS),
    "kills": (_kills, KINDS),
    "database-kills": (_database_kills, SERVERS),
    "cuts": (_cuts, SERVERS),
    "tokens": (_tokens, KINDS),
    "platform": (_platform, KINDS),
    "database": (_database, KINDS),
    "stopping": (_stopping, KINDS),
    "rolling": (_rolling, KINDS),
    "valkey": (_valkey, ("postgresql",)),
    "clocks": (_clocks, SERVERS),
    "failover": (_failover, ("postgresql",)),
    "first-logins": (_first_logins, KINDS),
    "rewrap": (_rewrap, KINDS),
    "oceanbase": (_oceanbase, ("oceanbase",)),
}
"""Each with the databases that it is about. SQLite's processes are on one computer, so they have one clock."""

_NEEDS = {"clocks": ("libfaketime",), "oceanbase": ("oceanbase",), "valkey": ("valkey",)}
"""What a scenario needs besides the database; see `NEEDS`."""


def absent(scenario: str, kind: str, *needed: str) -> Row:
    """Return the line of what cannot be run here."""
    return Row(scenario, kind, "not run", "; ".join(f"{each}: {NEEDS[each][1]}" for each in needed), None)


async def run(names: list[str], kinds: list[str], *, short: bool, tell: Callable[[Row], None]) -> list[Row]:
    """Run scenarios, and return their lines; ``tell`` gets each as soon as it is there."""
    rows: list[Row] = []

    def note(row: Row) -> None:
        rows.append(row)
        tell(row)

    for name in names:
        scenario, fitting = SCENARIOS[name]
        for kind in fitting:
            if kind not in kinds:
                continue
            missing = [each for each in (kind, *_NEEDS.get(name, ())) if not is_here(each)]
            if missing:
                note(absent(name, kind, *missing))
                continue
            try:
                async for row in scenario(kind, short):
                    note(row)
            except Exception as error:  # noqa: BLE001 - the others run, and this one has failed
                import traceback

                traceback.print_exc()
                note(Row(name, kind, f"{type(error).__name__}: {error}"[:300], "no exception", False))
    return rows
