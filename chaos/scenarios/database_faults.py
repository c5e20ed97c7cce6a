"""The database is there and cannot be used: full, read-only, locked, out of connections, or behind a dead network.

Each has a name, with its reason; the platform is not asked meanwhile; nothing is lost; and when it is over the service
goes on without a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaos.bases import maria
from chaos.load import LATER, UNAVAILABLE, UNKNOWN, send_once
from chaos.rows import Tally
from chaos.stage import Stage
from chaos.wechat import new_code, number_of
from haoma.store.rows import DONE
from support.databases import _PASSWORD as PASSWORD
from support.databases import MariaDB

if TYPE_CHECKING:
    from chaos.bases import Base
    from chaos.fleet import Answer

Trouble = Callable[[Stage], AbstractAsyncContextManager[object]]
_CODES = 8
_CROWD = 150
_PATIENCE = 15.0
_BACK = 2.0
_LEASE = 90.0
_MEGABYTE = 1 << 20


async def trouble(stage: Stage, cause: Trouble) -> Tally:
    """Cause a trouble, send codes meanwhile, and again afterwards."""
    fleet, platform = stage.fleet, stage.platform
    before, during = ([new_code() for _ in range(_CODES)] for _ in range(2))
    first = [await send_once(stage, n, code) for n, code in enumerate(before)]
    async with cause(stage):
        began = time.monotonic()
        crowd = [asyncio.ensure_future(send_once(stage, n, new_code())) for n in range(_CROWD)]
        met = await asyncio.gather(*(send_once(stage, n, code) for n, code in enumerate(during)))
        met += [each for each in await asyncio.gather(*crowd) if each is None or not each.number]
        took = time.monotonic() - began
        asked = sum(platform.calls[code] for code in during)
    over = time.monotonic()
    after: list[Answer | None] = []
    back = 0.0
    for n, code in enumerate(during):
        while (answer := await send_once(stage, n, code)) is None or answer.code in LATER:
            if time.monotonic() - over > _LEASE:
                break
        after.append(answer)
        back = time.monotonic() - over if n == 0 else back
    states = await stage.base.states()
    tally = Tally()
    tally.want("told", ", ".join(sorted({"none" if each is None else each.code for each in met})), UNAVAILABLE)
    reasons = sorted({each.reason for each in met if each is not None})
    tally.say("because of", ", ".join(reasons))
    tally.want("without a reason", sum(not each for each in reasons), 0)
    tally.at_most("after", took, _PATIENCE, " s")
    # A row that was there can be found too small for its outcome. Then the platform was asked, and it cost a code.
    (tally.say if cause is disk_full else tally.want)("platform asked", asked, *(() if cause is disk_full else (0,)))
    answered = {code: a for code, a in zip([*before, *during], [*first, *after], strict=True) if a is not None}
    good = {code for code, answer in answered.items() if answer.number == number_of(code)}
    unknown = {code for code, answer in answered.items() if answer.code == UNKNOWN}
    tally.want("number, or outcome unknown if it was asked", len(good) + len(unknown), 2 * _CODES)
    tally.at_most("outcome unknown", len(unknown), asked)
    tally.want("done", sum(states.get(fleet.place(code)) == DONE for code in good), len(good))
    tally.want("called once", sum(platform.calls[code] == 1 for code in good), len(good))
    tally.at_most("back", back, _BACK, " s")
    return tally


# --- what can be wrong ---


@asynccontextmanager
async def long_transaction(stage: Stage) -> AsyncIterator[None]:
    """Somebody has locked the ledger, and thinks."""
    base = stage.base
    if base.kind == "sqlite":
        other = sqlite3.connect(base.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()
    elif base.kind == "postgresql":
        import asyncpg

        assert base.server is not None
        connection = await asyncpg.connect(base.server.url)
        await connection.execute("BEGIN; LOCK TABLE haoma_ledger IN ACCESS EXCLUSIVE MODE")
        try:
            yield
        finally:
            await connection.close()
    else:
        assert isinstance(base.server, MariaDB)
        async with maria(base.server) as cursor:
            await cursor.execute("LOCK TABLES haoma_ledger WRITE")
            yield


@asynccontextmanager
async def read_only(stage: Stage) -> AsyncIterator[None]:
    """It answers, and takes nothing: as a standby does that nobody has promoted, or a file that nobody may write."""
    base = stage.base
    if base.kind == "sqlite":
        # Not the file of the shared memory: whoever writes to that through its map is killed by the system, if the
        # whole file system has become read-only. What he had acknowledged is on the disk.
        with _immutable(base.path, Path(f"{base.path}-wal")):
            yield
    elif base.kind == "postgresql":
        await _set_read_only(base, "on")
        try:
            yield
        finally:
            await _set_read_only(base, "off")
    else:
        assert isinstance(base.server, MariaDB)
        async with maria(base.server) as cursor:
            await cursor.execute("FLUSH TABLES WITH READ LOCK")
            yield


@contextlib.contextmanager
def _immutable(*files: Path) -> Iterator[None]:
    """Let nobody write to files, not even the superuser, and not even who has opened them before."""
    subprocess.run(["chattr", "+i", *files], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)


def can_be_immutable(folder: Path) -> bool:
    """Tell whether files in a folder can be made so: on ext4 and the like, by root."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        try:
            with _immutable(Path(file.name)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


async def _set_read_only(base: Base, value: str) -> None:
    import asyncpg

    assert base.server is not None
    connection = await asyncpg.connect(base.server.url)
    await connection.execute("SET default_transaction_read_only = off")
    await connection.execute(f"ALTER DATABASE postgres SET default_transaction_read_only = {value}")
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'haoma'")
    await connection.close()


@asynccontextmanager
async def no_connections(stage: Stage) -> AsyncIterator[None]:
    """Others hold all connections."""
    base = stage.base
    assert base.server is not None
    held: list[Any] = []
    try:
        if base.kind == "postgresql":
            import asyncpg

            with contextlib.suppress(asyncpg.TooManyConnectionsError):
                while True:
                    held.append(await asyncpg.connect(base.server.url))
            # The service's own are ended, and taken at once.
            await held[0].execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'haoma'"
            )
            while await held[0].fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'haoma'"):
                await asyncio.sleep(0.01)
            with contextlib.suppress(asyncpg.TooManyConnectionsError):
                while True:
                    held.append(await asyncpg.connect(base.server.url))
            yield
        else:
            assert isinstance(base.server, MariaDB)
            import asyncmy

            port = base.server.port

            async def take() -> None:
                while True:
                    connecting = asyncmy.connect(
                        host="127.0.0.1", port=port, user="haoma", password=PASSWORD, db="haoma"
                    )
                    held.append(await connecting)

            with contextlib.suppress(asyncmy.errors.MySQLError):
                await take()
            own = {each.thread_id() for each in held}
            async with held[0].cursor() as cursor:
                await cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'haoma'")
                for (number,) in await cursor.fetchall():
                    if number not in own:
                        await cursor.execute(f"KILL {number}")
            await asyncio.sleep(0.1)
            with contextlib.suppress(asyncmy.errors.MySQLError):
                await take()
            yield
    finally:
        for each in held:
            closed = each.close()
            if closed is not None:
                await closed


@asynccontextmanager
async def dead_network(stage: Stage) -> AsyncIterator[None]:
    """No byte gets through, and nobody says so."""
    cutter = stage.base.cutter
    assert cutter is not None
    cutter.holes = True
    try:
        yield
    finally:
        cutter.cut_all()
        cutter.holes = False


@asynccontextmanager
async def disk_full(stage: Stage) -> AsyncIterator[None]:
    """There is no room for another page. The file system is the stage's folder."""
    folder = stage.folder
    assert folder is not None
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    if stage.base.kind != "sqlite":
        # Pages that are there have room left.
        postgres = stage.base.kind == "postgresql"
        place = "sha256(random()::text::bytea)" if postgres else "UNHEX(SHA2(RAND(), 256))"
        columns = f"'default', {place}, 1, '', '', 1, 1, '', 0, 0, 0, 0, 0, NULL, '', 0, 0"
        for rows in (100, 1):
            numbers = f"generate_series(1, {rows})" if postgres else f"seq_1_to_{rows}"
            with contextlib.suppress(Exception):
                while True:
                    await stage.base.do(f"INSERT INTO haoma_ledger SELECT {columns} FROM {numbers}")
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def small_disk(megabytes: int, at: Path | None = None) -> Iterator[Path | None]:
    """Yield a folder on a file system of its own, or None if this user may not mount one. ``at``: an empty folder."""
    with tempfile.TemporaryDirectory(prefix="haoma-disk-") as name:
        folder = at or Path(name)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "haoma-chaos", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
            yield None
            return
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


@asynccontextmanager
async def on_small_disk(kind: str, size: int) -> AsyncIterator[Stage]:
    """Yield a stage whose tables are on a small disk. A server's log is not: without room for it the server stops."""
    if kind == "mariadb":
        async with Stage(kind, size) as stage:
            server = stage.base.server
            assert server is not None
            server.kill()
            tables = server.folder / "data" / "haoma"
            kept = tables.rename(server.folder / "kept")
            with small_disk(16, server.own(tables)) as stage.folder:
                await asyncio.to_thread(subprocess.run, ["cp", "-a", f"{kept}/.", str(tables)], check=True)
                await asyncio.to_thread(server.start)
                yield stage
            return
    with small_disk(2 if kind == "sqlite" else 16) as folder:
        async with Stage(kind, size, folder=folder) as stage:
            if kind == "postgresql":
                await _move(stage)
            yield stage


async def _move(stage: Stage) -> None:
    server, folder = stage.base.server, stage.folder
    assert server is not None
    assert folder is not None
    await stage.base.do(f"CREATE TABLESPACE small LOCATION '{server.own(folder / 'tables')}'")
    for what in ("TABLE", "INDEX"):
        await stage.base.do(f"ALTER {what} ALL IN TABLESPACE pg_default SET TABLESPACE small")
