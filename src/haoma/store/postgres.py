"""PostgreSQL by asyncpg, with statements for whole arrays.

Three settings of the connection keep a young table from a plan that reads all of it: statistics are missing until the
first ANALYZE, and a generic plan that was made then would stay (measured in docs/decisions/0024).

Sources: magicstack.github.io/asyncpg, postgresql.org/docs/current/sql-prepare.html.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg

from haoma.store.batch import PATIENT_SECONDS, STATEMENT_SECONDS, Conflict, Disconnected
from haoma.store.sql import Portable, found_by, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haoma.store.batch import Part
    from haoma.store.rows import Row, Table

_NOW: Final = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
_TYPES: Final = {"text": "text", "place": "bytea", "bytes": "bytea", "moment": "bigint", "small": "smallint"}
SETTINGS: Final = {
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "5000",
    "idle_in_transaction_session_timeout": "10000",
    "application_name": "haoma",
}
_AGAIN: Final = (
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.SerializationError,
    asyncpg.exceptions.UniqueViolationError,
)


LOAD_SECONDS: Final = 60.0
_LOADED: Final = 256


class PostgresConnection:
    """A connection; every method is a coroutine.

    Args:
        connection: An open connection.
        prefix: Before the name of every table.
        tenant: The first part of every key.
        clock_us: Microseconds since 1970 instead of the database's, for tests.
    """

    kind: Final = "postgresql"
    locks: Final = False

    def __init__(
        self, connection: asyncpg.Connection, prefix: str, tenant: str, clock_us: Callable[[], int] | None = None
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._tenant = tenant
        self._clock_us = clock_us
        self._texts: dict[tuple[str, str], str] = {}
        self._together: dict[tuple[tuple[str, Table], ...], str] = {}
        self._seconds: float | None = None  # the connection's own limit

    @classmethod
    async def open(
        cls, url: str, prefix: str, tenant: str, seconds: float, clock_us: Callable[[], int] | None = None
    ) -> Self:
        """Connect.

        Raises:
            Disconnected: It cannot be reached, or does not let us in.
        """
        try:
            connection = await asyncpg.connect(
                url, timeout=seconds, command_timeout=STATEMENT_SECONDS, server_settings=SETTINGS
            )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _disconnected(error) from None
        return cls(connection, prefix, tenant, clock_us)

    async def read(self, table: Table, places: Sequence[bytes]) -> tuple[int, list[Row]]:
        """See `Connection.read`."""
        found = await self._fetch(self._text("read", table), self._tenant, places)
        now = found[0][0] if self._clock_us is None else self._clock_us()
        return now, [table.row(*tuple(each)[1:]) for each in found if each[1] is not None]

    async def now(self) -> int:
        """See `Connection.now`."""
        if self._clock_us is not None:
            return self._clock_us()
        return int((await self._fetch(f"SELECT {_NOW}"))[0][0])

    async def begin(self) -> None:
        """See `Connection.begin`."""
        await self._execute("BEGIN")

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Connection.insert`."""
        await self._count(len(rows), self._text("insert", table), self._tenant, *zip(*rows, strict=True))

    async def load(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Connection.load`."""
        await self._guarded(
            self._connection.copy_records_to_table(
                self._prefix + table.name,
                records=[(self._tenant, *row) for row in rows],
                columns=("tenant", *table.columns),
                timeout=LOAD_SECONDS,
            )
        )

    async def update(self, table: Table, rows: Sequence[Row], versions: Sequence[int]) -> None:
        """See `Connection.update`."""
        columns = zip(*rows, strict=True)
        await self._count(len(rows), self._text("update", table), self._tenant, *columns, versions)

    async def delete(self, table: Table, places: Sequence[bytes], versions: Sequence[int]) -> None:
        """See `Connection.delete`."""
        await self._count(len(places), self._text("delete", table), self._tenant, places, versions)

    async def write(self, parts: Sequence[Part]) -> None:
        """See `Connection.write`. It is one statement: each one more costs as much as several rows."""
        arguments: list[Any] = [self._tenant]
        for part in parts:
            columns = [part.places] if part.verb == "delete" else zip(*part.rows, strict=True)
            arguments += [*columns, *([] if part.verb == "insert" else [part.versions])]
        key = tuple((part.verb, part.table) for part in parts)
        text = self._together.get(key)
        if text is None:
            text = self._together[key] = together(self._prefix, key)
        (found,) = await self._fetch(text, *arguments)
        if any(count != part.wanted for count, part in zip(found, parts, strict=True)):
            raise Conflict

    async def commit(self) -> None:
        """See `Connection.commit`."""
        await self._execute("COMMIT")

    async def rollback(self) -> None:
        """See `Connection.rollback`."""
        if self._connection.is_in_transaction():
            await self._execute("ROLLBACK")

    async def find(self, table: Table, column: str, value: bytes) -> list[Row]:
        """See `Connection.find`."""
        found = await self.select(found_by(self._prefix, table, column), [self._tenant, value])
        return [table.row(*each) for each in found]

    async def select(self, text: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Connection.select`."""
        return [tuple(each) for each in await self._fetch(numbered(text, "$"), *arguments)]

    async def change(self, text: str, arguments: Sequence[Any]) -> int:
        """See `Connection.change`."""
        status = await self._guarded(self._connection.execute(numbered(text, "$"), *arguments, timeout=self._seconds))
        return int(status.rpartition(" ")[2])

    async def be_patient(self) -> None:
        """See `Connection.be_patient`."""
        self._seconds = PATIENT_SECONDS
        await self._execute(f"SET statement_timeout = {round(PATIENT_SECONDS * 1000)}")

    async def pause(self, seconds: float) -> None:
        """See `Connection.pause`."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close it, at once: whatever was under way is undone by the server."""
        self._connection.terminate()

    def _text(self, verb: str, table: Table) -> str:
        text = self._texts.get((verb, table.name))
        if text is None:
            text = self._texts[verb, table.name] = statement(verb, self._prefix, table)
        return text

    async def _count(self, wanted: int, text: str, *arguments: Any) -> None:
        status = await self._guarded(self._connection.execute(text, *arguments))
        if int(status.rpartition(" ")[2]) != wanted:
            raise Conflict

    async def _execute(self, text: str) -> None:
        await self._guarded(self._connection.execute(text, timeout=self._seconds))

    async def _fetch(self, text: str, *arguments: Any) -> list[Any]:
        return list(await self._guarded(self._connection.fetch(text, *arguments, timeout=self._seconds)))

    async def _guarded(self, running: Any) -> Any:
        try:
            return await running
        except _AGAIN:
            raise Conflict from None
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as e:
            raise _disconnected(e) from None


class PortableConnection(PostgresConnection):
    """The same over the portable statements: for engines that speak PostgreSQL's protocol and are another database."""

    def __init__(
        self, connection: asyncpg.Connection, prefix: str, tenant: str, clock_us: Callable[[], int] | None = None
    ) -> None:
        super().__init__(connection, prefix, tenant, clock_us)
        self._portable = Portable(prefix, tenant, "$")

    async def read(self, table: Table, places: Sequence[bytes]) -> tuple[int, list[Row]]:
        """See `Connection.read`."""
        text, arguments = self._portable.read(table, places)
        found = await self._fetch(text, *arguments)
        return await self.now(), [table.row(*each) for each in found]

    async def write(self, parts: Sequence[Part]) -> None:
        """See `Connection.write`."""
        for part in parts:
            await part.alone(self)

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Connection.insert`."""
        text, arguments = self._portable.insert(table, rows)
        await self._count(len(rows), text, *arguments)

    async def load(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Connection.load`."""
        for start in range(0, len(rows), _LOADED):
            await self.insert(table, rows[start : start + _LOADED])

    async def update(self, table: Table, rows: Sequence[Row], versions: Sequence[int]) -> None:
        """See `Connection.update`."""
        await self.delete(table, [row.place for row in rows], versions)
        await self.insert(table, rows)

    async def delete(self, table: Table, places: Sequence[bytes], versions: Sequence[int]) -> None:
        """See `Connection.delete`."""
        text, arguments = self._portable.delete(table, places, versions)
        await self._count(len(places), text, *arguments)


def together(prefix: str, parts: Sequence[tuple[str, Table]]) -> str:
    """Return one statement that does what those of several verbs do, and finds how many rows each has written.

    Its parameters are the tenant and then those of each verb. The parts see the same rows and not each other's, which
    are of other places.
    """
    texts, first = [], 2
    for number, (verb, table) in enumerate(parts):
        texts.append(f"w{number} AS ({statement(verb, prefix, table, first)} RETURNING 1)")
        first += 2 if verb == "delete" else len(table.columns) + (verb == "update")
    counts = ", ".join(f"(SELECT count(*) FROM w{number})" for number in range(len(parts)))  # noqa: S608
    return f"WITH {', '.join(texts)} SELECT {counts}"


def statement(verb: str, prefix: str, table: Table, first: int = 2) -> str:
    """Return the statement of a verb: ``read``, ``insert``, ``update`` or ``delete``.

    ``first`` is the number of its first parameter after the tenant, which is the first of all.
    """
    name, columns = prefix + table.name, table.columns
    types = "bytea", "bigint", *(_TYPES[kind.rstrip("?").partition(":")[0]] for kind in table.kinds)
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, first))
    names = ", ".join(columns)
    match verb:
        case "read":
            # LATERAL with LIMIT: a plain join reads a whole table that was never analysed.
            return (
                f"SELECT {_NOW}, t.* FROM unnest($2::bytea[]) AS k(place) LEFT JOIN LATERAL "  # noqa: S608
                f"(SELECT {names} FROM {name} WHERE tenant = $1 AND place = k.place LIMIT 1) t ON true"
            )
        case "insert":
            return (
                f"INSERT INTO {name} (tenant, {names}) SELECT $1, u.* FROM unnest({arrays}) AS u({names}) "  # noqa: S608
                "ON CONFLICT DO NOTHING"
            )
        case "update":
            changes = ", ".join(f"{column} = u.{column}" for column in columns if column != "place")
            return (
                f"UPDATE {name} AS t SET {changes} "  # noqa: S608
                f"FROM unnest({arrays}, ${len(types) + first}::bigint[]) AS u({names}, expected), {_found(name)}"
            )
    places = f"unnest(${first}::bytea[], ${first + 1}::bigint[]) AS u(place, expected)"
    return f"DELETE FROM {name} AS t USING {places}, {_found(name)}"  # noqa: S608


def _found(name: str) -> str:
    """Return how the row of each place is found, on a table of which PostgreSQL knows nothing yet: by its key.

    A row that another transaction changes meanwhile has another version then, and is not written.
    """
    return (
        f"LATERAL (SELECT f.ctid FROM {name} AS f WHERE f.tenant = $1 AND f.place = u.place LIMIT 1) AS found "  # noqa: S608
        "WHERE t.ctid = found.ctid AND t.version = u.expected"
    )


def _disconnected(error: Exception) -> Disconnected:
    """Return why PostgreSQL cannot be used: a class and an SQLSTATE, which hold no address and no value."""
    return Disconnected(" ".join(filter(None, (type(error).__name__, getattr(error, "sqlstate", "") or ""))))
