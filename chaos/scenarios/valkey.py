"""Valkey is killed, emptied and cut off under load. It counts requests; the truth is in the database.

While it is well all processes count together: of one address exactly `_BURST` requests are served. Without it each
process counts by itself, so that at most as many as that are served by each. No request fails because of it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

from chaos.load import CUT, Load, percentile
from chaos.rows import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chaos.stage import Stage
    from support.valkey_server import ValkeyServer

PUBLIC = "chaos_publishable_key_0123456789"
SERVICE = {
    "publishable_keys": [PUBLIC],
    "trusted_proxies": ["127.0.0.1"],
    "key_limit": "10000/s",
    "address_limit": "1/h burst 5",
}
"""Of ``[service]``: every request is counted. The load uses none of its limits up."""
_BURST = 5
_ASKED = 12  # by one address, of each process
_SLOWER = 2.0
_AGAIN = 30.0


async def without_valkey(
    stage: Stage, server: ValkeyServer, *, clients: int, seconds: float
) -> list[tuple[str, Tally]]:
    """Take Valkey away in each way, for so long, while clients send codes; and give it back."""

    def empty() -> None:
        server.ask("FLUSHALL")
        server.ask("SCRIPT", "FLUSH")

    addresses = (f"192.0.2.{number}" for number in itertools.count(1))
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "killed": (server.kill, server.start),
        "emptied": (empty, int),
        "silent": (lambda: server.hang(True), lambda: server.hang(False)),
    }
    found = []
    for way, (take, give) in ways.items():
        tally = Tally()
        before = await _measure(stage, clients, seconds)
        tally.want("served of one address", await _together(stage, addresses), _BURST)
        load = Load(stage, clients)
        running = asyncio.ensure_future(load.run())
        await asyncio.sleep(0.3)
        await asyncio.to_thread(take)
        served = await _served(stage, next(addresses))
        tally.say("meanwhile", served)
        tally.want("by each process at most so many", _BURST <= served <= _BURST * len(stage.fleet.ports), True)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(give)
        tally.want("once it is back", await _together(stage, addresses), _BURST)
        load.stop()
        await running
        await load.judge(tally)
        tally.want("cut off", load.refusals[CUT], 0)
        tally.want("told meanwhile", dict(load.refusals) or "nothing", "nothing")
        tally.say("p99", f"{percentile(load.seconds, 0.99):.0f} ms (before {percentile(before, 0.99):.0f})")
        tally.at_most("p50 against before", percentile(load.seconds, 0.5) / percentile(before, 0.5), _SLOWER, " ×")
        found.append((way, tally))
    return found


async def _measure(stage: Stage, clients: int, seconds: float) -> list[float]:
    load = Load(stage, clients)
    running = asyncio.ensure_future(load.run())
    await asyncio.sleep(seconds)
    load.stop()
    await running
    return load.seconds


async def _together(stage: Stage, addresses: Iterator[str]) -> int:
    """Return how many are served of one address, as soon as the processes count together.

    On a machine where Valkey does not answer in time, they do not.
    """
    until = time.monotonic() + _AGAIN
    while (served := await _served(stage, next(addresses))) != _BURST and time.monotonic() < until:
        await asyncio.sleep(0.2)
    return served


async def _served(stage: Stage, address: str) -> int:
    """Return how many requests of one address are served, over all processes. They are bad, and count."""
    head = (
        f"POST /v1/apps/shop/phone-number HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {PUBLIC}\r\n"
        f"x-forwarded-for: {address}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
    ).encode()

    async def ask(number: int) -> int:
        client = stage.fleet.client(number)
        statuses = [(await client.ask(head)).status for _ in range(_ASKED)]
        client.close()
        assert set(statuses) <= {400, 429}, statuses
        return statuses.count(400)

    return sum(await asyncio.gather(*map(ask, range(len(stage.fleet.ports)))))
