"""The tables as SQLAlchemy sees them. Tests compare them with what the migrations make."""

from __future__ import annotations

from sqlalchemy import Index, MetaData, Table

from haoma.store.columns import OPTIONS, described, row_key
from haoma.store.rows import INDEXES, TABLES


def metadata(prefix: str) -> MetaData:
    """Return the tables. ``prefix`` stands before each name, also of indexes."""
    found = MetaData()
    for table in TABLES:
        Table(prefix + table.name, found, *row_key(), *(described(*each) for each in table.described), **OPTIONS)
    for name, table, column in INDEXES:
        columns = found.tables[prefix + table.name].c
        Index(prefix + name, columns[column], columns["tenant"])
    return found
