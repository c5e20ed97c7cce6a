"""The rows of one batch, as its decisions see and change them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from haoma.store.rows import ACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from haoma.store.rows import Row, Table


T = TypeVar("T")


class Wait(NamedTuple):
    """An answer that has to be waited for: a row, and seconds until it is given up."""

    table: Table
    place: bytes
    seconds: float


Sought: TypeAlias = "tuple[Table, str, bytes]"
"""Rows that are looked for by a column that has an index: table, column and value."""


class Unread(Exception):
    """Rows that a decision has learned of from other rows. They are read, and all steps are decided again.

    Attributes:
        rows: Their tables and places.
        sought: Or what they have in common.
    """

    def __init__(self, rows: Sequence[tuple[Table, bytes]] = (), sought: Sequence[Sought] = ()) -> None:
        super().__init__()
        self.rows = rows
        self.sought = sought


class View:
    """The rows of one batch, as they were read and as the decisions change them.

    Attributes:
        now: Milliseconds since 1970 by the database's clock.
        asked: The rows that were looked for by their place.
        sought: The places of those that were looked for by another column.
        entries: What goes into the audit log: what happened, who asked, and facts.
        doubtful: A row named another one that is not there, or not as it was said to be.
    """

    def __init__(
        self,
        now: int,
        fence: Callable[[], int],
        rows: dict[tuple[Table, bytes], Row],
        asked: Container[tuple[Table, bytes]] = (),
        sought: Mapping[Sought, tuple[bytes, ...]] = MappingProxyType({}),
    ) -> None:
        self.now = now
        self.read = rows
        self.rows: dict[tuple[Table, bytes], Row | None] = dict(rows)
        self.fence = fence
        self.asked = asked
        self.sought = sought
        self.entries: list[tuple[str, str, dict[str, str]]] = []
        self.doubtful = False
        self._undo: list[tuple[tuple[Table, bytes], Row | None]] = []

    def begin(self) -> None:
        """Begin a decision: from here on `undo` takes back."""
        self._undo.clear()
        self._entries = len(self.entries)

    @property
    def changed(self) -> bool:
        """Whether the decision under way has changed anything."""
        return bool(self._undo)

    def pretend(self) -> None:
        """Take back what the decision has changed: it was only to tell what would happen. That it was told remains."""
        entries = [(what, by, {**facts, "preview": "1"}) for what, by, facts in self.entries[self._entries :]]
        self.undo()
        self.entries += entries

    def undo(self) -> None:
        """Take back what the decision has changed that has just failed."""
        for key, before in reversed(self._undo):
            if before is None and key not in self.read:
                self.rows.pop(key, None)
            else:
                self.rows[key] = before
        self._undo.clear()
        del self.entries[self._entries :]

    def gather(self, *asks: Callable[[], T]) -> list[T]:
        """Return what several functions return that need rows. What they lack is read at once. Raises Unread."""
        found: list[T] = []
        rows: list[tuple[Table, bytes]] = []
        sought: list[Sought] = []
        for ask in asks:
            try:
                found.append(ask())
            except Unread as more:
                rows += more.rows
                sought += more.sought
        if rows or sought:
            raise Unread(rows, sought)
        return found

    def doubt(self) -> None:
        """Say that the rows do not fit together. They may have been read while somebody wrote: they are read again."""
        self.doubtful = True

    def need(self, table: Table, place: bytes) -> Any:
        """Return the row at a place that no `Decision` could name in advance, or None. Raises Unread."""
        if (table, place) not in self.rows and (table, place) not in self.asked and not self._is_new(place):
            raise Unread([(table, place)])
        return self.rows.get((table, place))

    def need_all(self, table: Table, places: Sequence[bytes]) -> list[Any]:
        """Return the rows that there are at these places. Raises Unread."""
        keys = [(table, place) for place in places]
        if missing := [key for key in keys if key not in self.rows and key not in self.asked]:
            raise Unread(missing)
        return [row for row in map(self.rows.get, keys) if row is not None]

    def find(self, table: Table, column: str, value: bytes) -> list[Any]:
        """Return the rows with a value in a column that has an index. Raises Unread."""
        places = self.sought.get((table, column, value))
        if places is None:
            if not self._is_new(value):
                raise Unread(sought=[(table, column, value)])
            places = ()
        before = set(places)
        index = table.columns.index(column)
        added = [place for (of, place), row in self.rows.items() if of is table and place not in before and row]
        found = [self.rows.get((table, place)) for place in (*places, *added)]
        return [row for row in found if row is not None and row[index] == value]

    def _is_new(self, account: bytes) -> bool:
        """Tell whether this batch has made an account: then no row that is not here names it.

        To look for one would have no end: whenever rows are read, all is decided anew, and the account has a new id.
        """
        return (ACCOUNTS, account) in self.rows and (ACCOUNTS, account) not in self.read

    def audit(self, what: str, by: str, **facts: str) -> None:
        """Add a row to the audit log. ``facts`` hold no number and no id of a platform."""
        self.entries.append((what, by, facts))

    def get(self, table: Table, places: tuple[bytes, ...]) -> Any:
        """Return the row at the first of these places that has one, or None."""
        for place in places:
            row = self.rows.get((table, place))
            if row is not None:
                return row
        return None

    def place(self, table: Table, places: tuple[bytes, ...]) -> bytes:
        """Return where to write: a row stays where it is; a new one goes to the first place."""
        row = self.get(table, places)
        return places[0] if row is None else bytes(row.place)

    def put(self, table: Table, row: Row) -> None:
        """Write a row."""
        self._write((table, row.place), row)

    def drop(self, table: Table, place: bytes) -> None:
        """Delete a row."""
        self._write((table, place), None)

    def _write(self, key: tuple[Table, bytes], row: Row | None) -> None:
        self._undo.append((key, self.rows.get(key)))
        self.rows[key] = row
