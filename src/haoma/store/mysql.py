"""MySQL and MariaDB by asyncmy, with the portable statements.

READ COMMITTED: under REPEATABLE READ, the default, a row that another transaction has inserted meanwhile is not seen
by the read that follows the duplicate. A connection on which a statement was cancelled is thrown away.

Source: dev.mysql.com/doc/refman/8.4/en/innodb-transaction-isolation-levels.html.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import asyncmy
from asyncmy import errors

from haoma.store.batch import PATIENT_SECONDS, STATEMENT_SECONDS, Conflict, Disconnected
from haoma.store.sql import Portable, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haoma.store.batch import Part
    from haoma.store.rows import Row, Table

_NOW: Final = "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"
_LOADED: Final = 500
"""Rows of one statement, which is far shorter than the longest that a server takes."""
# Not among them: 1205, a lock that was waited for in vain. Its holder keeps it for longer than a request may take.
_AGAIN: Final = frozenset(
    {
        1062,  # duplicate key
        1213,  # deadlock
        1020,  # changed since it was read (MariaDB, snapshot isolation)
        8028,  # TiDB: the schema has changed
        9007,  # TiDB: write conflict
    }
)


class MySqlConnection:
    """A connection; every method is a coroutine. See `Connection`."""

    kind: Final = "mysql"
    locks: Final = False

    def __init__(self, connection: Any, prefix: str, tenant: str, clock_us: Callable[[], int] | None = None) -> None:
        self._connection = connection
        self._portable = Portable(prefix, tenant, "%s")
        self._clock_us = clock_us
        self._seconds = STATEMENT_SECONDS

    @classmethod
    async def open(
        cls, url: str, prefix: str, tenant: str, seconds: float, clock_us: Callable[[], int] | None = None
    ) -> MySqlConnection:
        """Connect.

        Raises:
            Disconnected: It cannot be reached, or does not let us in.
        """
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(seconds):
                connection = await asyncmy.connect(
                    host=parts.hostname or "127.0.0.1",
                    port=parts.port or 3306,
                    user=unquote(parts.username or ""),
                    password=unquote(parts.password or ""),
                    db=unquote(parts.path.lstrip("/")),
                    charset="utf8mb4",
                    autocommit=True,
                )
                self = cls(connection, prefix, tenant, clock_us)
                await self._execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                # The first for rows, the second for whole tables: ALTER, LOCK TABLES, FLUSH. Its default is a day.
                await self._execute("SET SESSION innodb_lock_wait_timeout = 5, lock_wait_timeout = 5")
        except (OSError, TimeoutError, errors.MySQLError) as error:
            raise _disconnected(error) from None
        return self

    async def read(self, table: Table, places: Sequence[bytes]) -> tuple[int, list[Row]]:
        """See `Connection.read`."""
        now = await self.now()
        _, found = await self._execute(*self._portable.read(table, places))
        return now, [table.row(*each) for each in found]

    async def now(self) -> int:
        """See `Connection.now`."""
        if self._clock_us is not None:
            return self._clock_us()
        _, found = await self._execute(_NOW)
        return int(found[0][0])

    async def begin(self) -> None:
        """See `Connection.begin`."""
        await self._execute("BEGIN")

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Connection.insert`."""
        await self._execute(*self._portable.insert(table, rows))

    async def load(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Connection.load`. The values stand in the text, in hexadecimal: escaping takes longer."""
        head, (tenant, *_) = self._portable.insert(table, rows[:1])
        head = head.partition(" VALUES ")[0]
        for start in range(0, len(rows), _LOADED):
            values = ", ".join(_literals((tenant, *row)) for row in rows[start : start + _LOADED])
            await self._execute(f"{head} VALUES {values}")

    async def update(self, table: Table, rows: Sequence[Row], versions: Sequence[int]) -> None:
        """See `Connection.update`."""
        await self.delete(table, [row.place for row in rows], versions)
        await self.insert(table, rows)

    async def delete(self, table: Table, places: Sequence[bytes], versions: Sequence[int]) -> None:
        """See `Connection.delete`."""
        count, _ = await self._execute(*self._portable.delete(table, places, versions))
        if count != len(places):
            raise Conflict

    async def write(self, parts: Sequence[Part]) -> None:
        """See `Connection.write`."""
        for part in parts:
            await part.alone(self)

    async def commit(self) -> None:
        """See `Connection.commit`."""
        await self._execute("COMMIT")

    async def rollback(self) -> None:
        """See `Connection.rollback`."""
        await self._execute("ROLLBACK")

    async def find(self, table: Table, column: str, value: bytes) -> list[Row]:
        """See `Connection.find`."""
        return [table.row(*each) for each in await self.select(*self._portable.find(table, column, value))]

    async def select(self, text: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Connection.select`."""
        _, found = await self._execute(numbered(text, "%s"), arguments)
        return [tuple(each) for each in found]

    async def change(self, text: str, arguments: Sequence[Any]) -> int:
        """See `Connection.change`."""
        count, _ = await self._execute(numbered(text, "%s"), arguments)
        return count

    async def be_patient(self) -> None:
        """See `Connection.be_patient`."""
        self._seconds = PATIENT_SECONDS

    async def pause(self, seconds: float) -> None:
        """See `Connection.pause`."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close it, at once: whatever was under way is undone by the server."""
        self._connection.close()

    async def _execute(self, text: str, arguments: Sequence[Any] = ()) -> tuple[int, Sequence[Any]]:
        try:
            async with asyncio.timeout(self._seconds), self._connection.cursor() as cursor:
                await cursor.execute(text, arguments or None)
                return cursor.rowcount, (await cursor.fetchall() if cursor.description else ())
        except errors.MySQLError as error:
            if error.args and error.args[0] in _AGAIN:
                raise Conflict from None
            raise _disconnected(error) from None
        except (OSError, TimeoutError) as error:
            raise _disconnected(error) from None


def _literals(row: Sequence[Any]) -> str:
    return "(" + ",".join(map(_literal, row)) + ")"


def _literal(value: Any) -> str:
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return f"_utf8mb4 x'{value.encode().hex()}'"
    return "NULL" if value is None else str(int(value))


def _disconnected(error: Exception) -> Disconnected:
    """Return why MySQL cannot be used: a class and its number, which hold no address and no value."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else ""
    return Disconnected(f"{type(error).__name__} {number}".strip())
