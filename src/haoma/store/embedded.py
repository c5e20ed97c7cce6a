"""The file of the embedded store, made without SQLAlchemy: a service starts faster than those are imported.

The statements are what the migrations make; a test compares the two.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Final

from haoma.store.rows import KEPT, LEASES, LEDGER, TABLES, TRIES, USAGE
from haoma.store.version import SCHEMA
from haoma.store.version import TABLES as FIND

if TYPE_CHECKING:
    from pathlib import Path

_COLUMNS: Final = {
    KEPT: "owner TEXT NOT NULL, kind TEXT NOT NULL, value BLOB NOT NULL, expires_at INTEGER NOT NULL",
    LEASES: "fence INTEGER NOT NULL, lease_until INTEGER NOT NULL, ended INTEGER NOT NULL, failure BLOB",
    TRIES: "moments BLOB NOT NULL, expires_at INTEGER NOT NULL",
    LEDGER: (
        "app TEXT NOT NULL, kind TEXT NOT NULL, state INTEGER NOT NULL, first INTEGER NOT NULL, "
        "fingerprint BLOB NOT NULL, lease_until INTEGER NOT NULL, remember_until INTEGER NOT NULL, "
        "repeat_ms INTEGER NOT NULL, answer_until INTEGER NOT NULL, after_unknown INTEGER NOT NULL, outcome BLOB, "
        "error TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL"
    ),
    USAGE: (
        "app TEXT NOT NULL, kind TEXT NOT NULL, state INTEGER NOT NULL, day INTEGER NOT NULL, total INTEGER NOT NULL"
    ),
}
_INDEXES: Final = (
    "kept_by_end ON {prefix}kept (expires_at, tenant)",
    "leases_by_end ON {prefix}leases (lease_until, tenant)",
    "tries_by_end ON {prefix}tries (expires_at, tenant)",
    "ledger_by_end ON {prefix}ledger (remember_until, tenant)",
    "ledger_by_answer ON {prefix}ledger (answer_until, tenant)",
)


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
        f"CREATE TABLE {prefix}{table.name} ({key}, {_COLUMNS[table]}, PRIMARY KEY (tenant, place)) "
        "STRICT, WITHOUT ROWID"
        for table in TABLES
    ]
    return made + [f"CREATE INDEX {prefix}{index.format(prefix=prefix)}" for index in _INDEXES]
