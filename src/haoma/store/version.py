"""Which versions of the tables this code works with. No SQLAlchemy and no Alembic here: a service starts faster.

A version adds and takes nothing away, so the code that was written for one also works with the next: in a rolling
upgrade the tables go first, and the old processes run on until they are replaced.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import SchemaMissing, SchemaTooNew, SchemaTooOld, StoreUnavailable
from haoma.store.batch import Disconnected
from haoma.store.flows import ask, ask_blocking

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from haoma.store.batch import Connection
    from haoma.store.store import Engine

SCHEMA: Final = 2
"""The version that this code was written for, and that its migrations end with."""
ACCEPTED: Final = (SCHEMA, SCHEMA + 1)

TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?",
    "postgresql": "SELECT to_regclass(?)::text WHERE to_regclass(?) IS NOT NULL",
    "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
}
"""Whether there is a table, for each kind of database."""


async def require_schema(engine: Engine) -> int:
    """Return the version of the tables.

    Raises:
        SchemaMissing, SchemaTooOld, SchemaTooNew: ``config.schema-…``: not a version that this code works with.
        StoreUnavailable: ``internal.store-unavailable``: the database cannot be reached.
    """
    with reaching():
        found = await ask(engine, lambda connection: read_version(connection, engine.prefix))
    return accepted(found)


def require_schema_blocking(engine: Engine) -> int:
    """Do as `require_schema` does, where no event loop runs."""
    with reaching():
        found = ask_blocking(engine, lambda connection: read_version(connection, engine.prefix))
    return accepted(found)


@contextmanager
def reaching() -> Iterator[None]:
    """Say of a database that cannot be used: ``internal.store-unavailable``."""
    try:
        yield
    except Disconnected as error:
        raise StoreUnavailable(because={"reason": error.reason}) from None


def accepted(version: int | None) -> int:
    """Return the version if this code works with it; raise what `require_schema` raises if not."""
    if version is None:
        raise SchemaMissing
    because = {"found": f"{version:04}", "accepted": " ".join(f"{each:04}" for each in ACCEPTED)}
    if version < ACCEPTED[0]:
        raise SchemaTooOld(because=because)
    if version > ACCEPTED[-1]:
        raise SchemaTooNew(because=because)
    return version


def read_version(connection: Connection, prefix: str) -> Generator[Any, Any, int | None]:
    """Return the version of the tables, or None if there are none."""
    name = f"{prefix}version"
    text = TABLES[connection.kind]
    if not (yield connection.select(text, [name] * text.count("?"))):
        return None
    found = yield connection.select(f"SELECT version_num FROM {name}", ())  # noqa: S608 - the prefix is checked
    # A downgrade to the beginning leaves the table of the version without a row.
    return int(found[0][0]) if found else None
