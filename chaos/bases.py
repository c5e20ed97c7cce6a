"""The databases: real ones, with the tables in them, that can be killed, cut off and looked into."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from chaos.cutting import Cutter
from haoma.store.config import StoreSettings
from haoma.store.upgrade import upgrade
from support.databases import MariaDB, PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("sqlite", "postgresql", "mariadb")


class Base:
    """One database, for the length of an ``async with`` block.

    Attributes:
        kind: One of `KINDS`.
        url: For ``[store]``.
        server: The server, if it is one.
        cutter: The proxy in front of it, if one was asked for.
    """

    def __init__(
        self, kind: str, *, through: bool = False, options: Sequence[str] = (), folder: Path | None = None
    ) -> None:
        self.kind = kind
        self.server: PostgreSQL | MariaDB | None = None
        self.cutter: Cutter | None = None
        self._through = through
        self._options = options
        self._folder = folder

    async def __aenter__(self) -> Self:
        if self.kind == "sqlite":
            self._temporary = tempfile.TemporaryDirectory(prefix="haoma-chaos-")
            self.path = (self._folder or Path(self._temporary.name)) / "haoma.db"
            self.url = f"sqlite:///{self.path}"
            await self.create()
            return self
        options = self._options
        server = self.server = PostgreSQL(None, *options) if self.kind == "postgresql" else MariaDB(*options)
        await asyncio.to_thread(server.__enter__)
        self.url = server.url
        await self.create()
        if self._through:
            self.cutter = await Cutter(server.port, self.kind).__aenter__()
            self.url = server.url.replace(f":{server.port}/", f":{self.cutter.port}/")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.cutter is not None:
            await self.cutter.__aexit__()
        if self.server is not None:
            await asyncio.to_thread(self.server.__exit__)
        else:
            self._temporary.cleanup()

    async def create(self) -> None:
        """Make the tables, as ``haoma db upgrade`` does."""
        await asyncio.to_thread(upgrade, StoreSettings(self.url))

    async def do(self, text: str) -> list[tuple[Any, ...]]:
        """Run one statement over a connection of its own, and return its rows. No proxy is in the way."""
        if self.server is None:
            return await asyncio.to_thread(self._do_sqlite, text)
        if self.kind == "postgresql":
            import asyncpg

            connection = await asyncpg.connect(self.server.url)
            try:
                return [tuple(each) for each in await connection.fetch(text)]
            finally:
                await connection.close()
        async with maria(self.server) as cursor:
            await cursor.execute(text)
            return list(await cursor.fetchall()) if cursor.description else []

    def _do_sqlite(self, text: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=10)) as connection:
            return connection.execute(text).fetchall()

    async def states(self) -> dict[bytes, int]:
        """Return the state of each row of the ledger by its place."""
        return {bytes(place): state for place, state in await self.do("SELECT place, state FROM haoma_ledger")}

    async def pass_leases(self) -> None:
        """Let all leases expire, as if their time had passed."""
        await self.do("UPDATE haoma_ledger SET lease_until = 0 WHERE state = 0")
        await self.do("UPDATE haoma_leases SET lease_until = 0")


@contextlib.asynccontextmanager
async def maria(server: PostgreSQL | MariaDB) -> Any:
    """Yield a cursor of a connection of its own."""
    import asyncmy

    from support.databases import _PASSWORD

    connection = await asyncmy.connect(
        host="127.0.0.1", port=server.port, user="haoma", password=_PASSWORD, db="haoma", autocommit=True
    )
    try:
        async with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
