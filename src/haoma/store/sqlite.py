"""SQLite, by the standard library's driver, for one thread.

WAL, so that readers do not stop the writer; FULL, so that what was acknowledged survives a power cut; BEGIN IMMEDIATE,
because a transaction that reads first and then writes cannot wait for another one's end.

Sources: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous, sqlite.org/lang_transaction.html.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

from haoma.io import clock
from haoma.store.batch import Conflict, Disconnected
from haoma.store.sql import Portable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from haoma.store.batch import Part
    from haoma.store.rows import Row, Table

BUSY_SECONDS: Final = 5.0
"""How long another process may write."""
_PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL", "journal_size_limit = 67108864")


class SqliteConnection:
    """A connection; every method blocks.

    Args:
        path: The file. It must be there.
        prefix, tenant: See `Portable`.
        clock_us: Microseconds since 1970; the computer's own, because all processes that open the file share it.
    """

    kind: Final = "sqlite"
    locks: Final = True

    def __init__(self, path: Path, prefix: str, tenant: str, clock_us: Callable[[], int] | None = None) -> None:
        self._portable = Portable(prefix, tenant, "?")
        self._now = clock_us or _now
        try:
            # `uri` with mode=rw: a file that is not there is not made.
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                uri=True,
            )
            for pragma in _PRAGMAS:
                _execute_patiently(self._connection, f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            raise _disconnected(error) from None

    def read(self, table: Table, places: Sequence[bytes]) -> tuple[int, list[Row]]:
        """See `Connection.read`."""
        found = self._execute(*self._portable.read(table, places)).fetchall()
        return self._now(), [table.row(*each) for each in found]

    def now(self) -> int:
        """See `Connection.now`."""
        return self._now()

    def begin(self) -> None:
        """See `Connection.begin`."""
        self._execute("BEGIN IMMEDIATE")

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Connection.insert`."""
        self._execute(*self._portable.insert(table, rows))

    def load(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Connection.load`. One row a statement: binding many to a long one takes longer."""
        text, (tenant, *_) = self._portable.insert(table, rows[:1])
        try:
            self._connection.executemany(text, [(tenant, *row) for row in rows])
        except sqlite3.IntegrityError:
            raise Conflict from None
        except sqlite3.Error as error:
            raise _disconnected(error) from None

    def update(self, table: Table, rows: Sequence[Row], versions: Sequence[int]) -> None:
        """See `Connection.update`."""
        self.delete(table, [row.place for row in rows], versions)
        self.insert(table, rows)

    def delete(self, table: Table, places: Sequence[bytes], versions: Sequence[int]) -> None:
        """See `Connection.delete`."""
        if self._execute(*self._portable.delete(table, places, versions)).rowcount != len(places):
            raise Conflict

    def write(self, parts: Sequence[Part]) -> None:
        """See `Connection.write`."""
        for part in parts:
            part.alone(self)

    def commit(self) -> None:
        """See `Connection.commit`."""
        self._execute("COMMIT")

    def rollback(self) -> None:
        """See `Connection.rollback`."""
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def find(self, table: Table, column: str, value: bytes) -> list[Row]:
        """See `Connection.find`."""
        return [table.row(*each) for each in self.select(*self._portable.find(table, column, value))]

    def select(self, text: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """See `Connection.select`."""
        return self._execute(text, arguments).fetchall()

    def change(self, text: str, arguments: Sequence[Any]) -> int:
        """See `Connection.change`."""
        return self._execute(text, arguments).rowcount

    def be_patient(self) -> None:
        """See `Connection.be_patient`. Nothing limits a statement here."""

    def pause(self, seconds: float) -> None:
        """See `Connection.pause`."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _execute(self, text: str, arguments: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(text, arguments)
        except sqlite3.IntegrityError:
            raise Conflict from None
        except sqlite3.Error as error:
            raise _disconnected(error) from None


def _execute_patiently(connection: sqlite3.Connection, text: str) -> None:
    """Run a statement. SQLite does not wait for other processes when it changes the journal of a new file."""
    until = clock.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(text)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or clock.monotonic() >= until:
                raise
            time.sleep(0.02)
        else:
            return


def _now() -> int:
    return round(clock.now() * 1e6)


def _disconnected(error: sqlite3.Error) -> Disconnected:
    """Return why SQLite cannot be used: the name of its error code, which holds no path."""
    return Disconnected(getattr(error, "sqlite_errorname", type(error).__name__))
