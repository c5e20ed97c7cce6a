"""The file of the embedded store, made without SQLAlchemy: a service starts faster than those are imported.

The statements are what the migrations make; a test compares the two.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Final

from haoma.store.rows import INDEXES, TABLES
from haoma.store.version import SCHEMA
from haoma.store.version import TABLES as FIND

if TYPE_CHECKING:
    from pathlib import Path

    from haoma.store.rows import Table

_KINDS: Final = {"text": "TEXT", "place": "BLOB", "bytes": "BLOB", "moment": "INTEGER", "small": "INTEGER"}


def create(path: Path, prefix: str) -> None:
    """Make the file and its tables if they are not there yet.

    Raises:
        OSError: The folder cannot be written.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            connection.execute("BEGIN IMMEDIATE")  # the first process makes them, and the others wait for it
            if connection.execute(FIND["sqlite"], (f"{prefix}version",)).fetchone() is None:
                for statement in statements(prefix):
                    connection.execute(statement)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise OSError(getattr(error, "sqlite_errorname", type(error).__name__)) from None


def statements(prefix: str) -> list[str]:
    """Return the statements that make the tables."""
    key = "tenant TEXT NOT NULL, place BLOB NOT NULL, version INTEGER NOT NULL"
    only = f"CONSTRAINT {prefix}version_pkc PRIMARY KEY (version_num)"
    made = [
        f"CREATE TABLE {prefix}version (version_num VARCHAR(32) NOT NULL, {only})",
        f"INSERT INTO {prefix}version (version_num) VALUES ('{SCHEMA:04}')",  # noqa: S608
    ]
    made += [
        f"CREATE TABLE {prefix}{table.name} ({key}, {_columns(table)}, PRIMARY KEY (tenant, place)) "
        "STRICT, WITHOUT ROWID"
        for table in TABLES
    ]
    return made + [
        f"CREATE INDEX {prefix}{name} ON {prefix}{table.name} ({column}, tenant)" for name, table, column in INDEXES
    ]


def _columns(table: Table) -> str:
    return ", ".join(
        f"{name} {_KINDS[kind.rstrip('?').partition(':')[0]]}{'' if kind.endswith('?') else ' NOT NULL'}"
        for name, kind in table.described
    )
