"""The portable statements: the same text for every engine but for how a parameter is written.

Their rules (docs/decisions/0024) keep distributed engines possible: the tenant leads every key; no RETURNING, no
upsert, no FOR UPDATE, no SKIP LOCKED, no advisory lock, no sequence. ``tests/store/test_sql.py`` holds them to it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haoma.store.rows import Row, Table


MOST: Final = 10_000
"""Most rows that are found by another column than the place."""


class Portable:
    """Writes statements for one tenant.

    Args:
        prefix: Before the name of every table.
        tenant: The first part of every key.
        mark: How a parameter is written: ``?``, ``%s`` or ``$`` (numbered).
    """

    def __init__(self, prefix: str, tenant: str, mark: str) -> None:
        self._prefix = prefix
        self._tenant = tenant
        self._mark = mark
        self._texts: dict[tuple[str, str, int], str] = {}

    def read(self, table: Table, places: Sequence[bytes]) -> tuple[str, list[Any]]:
        """Return a SELECT of rows by place."""
        count = _padded(len(places))
        text = self._text("read", table, count)
        return text, [self._tenant, *places, *[places[-1]] * (count - len(places))]

    def insert(self, table: Table, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """Return an INSERT of many rows."""
        return self._text("insert", table, len(rows)), [each for row in rows for each in (self._tenant, *row)]

    def delete(self, table: Table, places: Sequence[bytes], versions: Sequence[int]) -> tuple[str, list[Any]]:
        """Return a DELETE of rows that have these versions."""
        pairs = [each for pair in zip(places, versions, strict=True) for each in pair]
        # The first list is for the index; MariaDB does not look pairs up in one.
        return self._text("delete", table, len(places)), [self._tenant, *places, *pairs]

    def find(self, table: Table, column: str, value: bytes) -> tuple[str, list[Any]]:
        """Return a SELECT of rows by a column that has an index."""
        return found_by(self._prefix, table, column), [self._tenant, value]

    def _text(self, verb: str, table: Table, count: int) -> str:
        key = (verb, table.name, count)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = numbered(_write(verb, self._prefix, table, count), self._mark)
        return text


@cache
def _write(verb: str, prefix: str, table: Table, count: int) -> str:
    name, columns = prefix + table.name, ", ".join(table.columns)
    places = ", ".join("?" * count)
    if verb == "read":
        return f"SELECT {columns} FROM {name} WHERE tenant = ? AND place IN ({places})"  # noqa: S608
    if verb == "insert":
        row = "(" + ", ".join("?" * (len(table.columns) + 1)) + ")"
        return f"INSERT INTO {name} (tenant, {columns}) VALUES {', '.join([row] * count)}"  # noqa: S608
    pairs = " OR ".join(["(place = ? AND version = ?)"] * count)
    return f"DELETE FROM {name} WHERE tenant = ? AND place IN ({places}) AND ({pairs})"  # noqa: S608


@cache
def found_by(prefix: str, table: Table, column: str) -> str:
    """Return a SELECT of rows by a column that has an index; its parameters are the tenant and the value."""
    columns = ", ".join(table.columns)
    return f"SELECT {columns} FROM {prefix}{table.name} WHERE tenant = ? AND {column} = ? ORDER BY place LIMIT {MOST}"  # noqa: S608


def numbered(text: str, mark: str) -> str:
    """Return ``text`` with its parameters written another way than ``?``."""
    if mark == "?":
        return text
    if mark == "%s":
        return text.replace("%", "%%").replace("?", "%s")
    first, *rest = text.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def _padded(count: int) -> int:
    """Return the next power of two: so that there are few texts, and each is prepared once."""
    return 1 << (count - 1).bit_length()
