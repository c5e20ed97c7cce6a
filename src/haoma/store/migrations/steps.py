"""What a migration does, one statement a step, each of which may be run again.

MySQL commits after every statement that changes a table. A migration that fails half way there is run again from its
beginning, so each step looks first whether it has been done.

Rules for a new version (docs/store.md): it adds, and nothing that the version before it reads or writes is changed or
dropped, so that both run at the same time. One operation for each ALTER, or distributed engines refuse it.

SQLite and MySQL replace a row that changes. So a column that is added to a table of the version before has its default
again as soon as that one has written the row: what must not be lost needs a table of its own.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import sqlalchemy
from alembic import context, op
from sqlalchemy.exc import SAWarning

from haoma.store.columns import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column


def create_table(name: str, *columns: Column[Any]) -> None:
    """Create a table."""
    name = _prefix() + name
    if not _inspector().has_table(name):
        op.create_table(name, *columns, **OPTIONS)


def drop_table(name: str) -> None:
    """Drop a table and its indexes."""
    name = _prefix() + name
    if _inspector().has_table(name):
        op.drop_table(name)


def create_index(name: str, table: str, columns: Sequence[str]) -> None:
    """Create an index."""
    name, table = _prefix() + name, _prefix() + table
    with warnings.catch_warnings():
        # OceanBase says how large the blocks of an index are, which SQLAlchemy does not know.
        warnings.filterwarnings("ignore", "Unknown schema content", SAWarning)
        there = _inspector().get_indexes(table)
    if all(index["name"] != name for index in there):
        op.create_index(name, table, list(columns))


def _prefix() -> str:
    return str(context.config.attributes["prefix"])


def _inspector() -> sqlalchemy.Inspector:
    return sqlalchemy.inspect(op.get_bind())
