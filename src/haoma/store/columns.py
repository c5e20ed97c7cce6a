"""The kinds of columns of the store, for every database. The tables and the migrations are made of them.

A migration that has been released must go on making what it made, so a kind is never changed: a new one is added.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import VARBINARY, BigInteger, Column, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects import mysql, sqlite

PLACE_BYTES: Final = 32
OPTIONS: Final[dict[str, Any]] = {
    "sqlite_with_rowid": False,
    "sqlite_strict": True,
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
"""Of every table. Openids are case-sensitive, so MySQL compares bytes."""


def described(name: str, kind: str) -> Column[Any]:
    """Return a column of a kind of `haoma.store.rows.Table`."""
    word, _, length = kind.partition(":")
    if word == "text":
        return text(name, int(length))
    makers = {"place": place, "moment": moment, "small": small, "bytes": sealed}
    return sealed(name, nullable=True) if kind == "bytes?" else makers[word](name)


def row_key() -> tuple[Column[Any], ...]:
    """Return the columns that every table begins with: the tenant and the place are its key."""
    return Column("tenant", _words(64), primary_key=True), Column("place", _raw(), primary_key=True), moment("version")


def text(name: str, length: int) -> Column[Any]:
    """Return a column of text."""
    return Column(name, _words(length), nullable=False)


def place(name: str) -> Column[Any]:
    """Return a column for a keyed digest."""
    return Column(name, _raw(), nullable=False)


def sealed(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column for bytes of any length."""
    long = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb").with_variant(sqlite.BLOB(), "sqlite")
    return Column(name, long, nullable=nullable)


def moment(name: str) -> Column[Any]:
    """Return a column for milliseconds since 1970, or another large whole number."""
    return Column(name, BigInteger().with_variant(sqlite.INTEGER(), "sqlite"), nullable=False)


def small(name: str) -> Column[Any]:
    """Return a column for a small whole number."""
    return Column(name, SmallInteger().with_variant(sqlite.INTEGER(), "sqlite"), nullable=False)


def _words(length: int) -> Any:
    return (
        Text()
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
        .with_variant(sqlite.TEXT(), "sqlite")
    )


def _raw() -> Any:
    return LargeBinary().with_variant(VARBINARY(PLACE_BYTES), "mysql", "mariadb").with_variant(sqlite.BLOB(), "sqlite")
