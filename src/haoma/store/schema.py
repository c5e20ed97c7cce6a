"""The tables as they are now. Tests compare them with `haoma.store.rows` and with what the migrations make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Index, MetaData, Table

from haoma.store.columns import OPTIONS, moment, place, row_key, sealed, small, text

if TYPE_CHECKING:
    from collections.abc import Sequence

# The tenant comes last: an index that begins with it would be taken for the look-up of a row, on a table of which
# PostgreSQL knows nothing yet, and it would keep that plan.
INDEXES: Final = (
    ("kept_by_end", "kept", ("expires_at", "tenant")),
    ("leases_by_end", "leases", ("lease_until", "tenant")),
    ("tries_by_end", "tries", ("expires_at", "tenant")),
    ("ledger_by_end", "ledger", ("remember_until", "tenant")),
    ("ledger_by_answer", "ledger", ("answer_until", "tenant")),
)
"""What the sweep looks for: name, table and columns."""


def metadata(prefix: str) -> MetaData:
    """Return the tables. ``prefix`` stands before each name, also of indexes."""
    found = MetaData()
    for name, columns in _columns().items():
        Table(prefix + name, found, *row_key(), *columns, **OPTIONS)
    for name, table, names in INDEXES:
        columns_of = found.tables[prefix + table].c
        Index(prefix + name, *(columns_of[each] for each in names))
    return found


def _columns() -> dict[str, Sequence[Column[Any]]]:
    return {
        "kept": (text("owner", 128), text("kind", 64), sealed("value"), moment("expires_at")),
        "leases": (moment("fence"), moment("lease_until"), small("ended"), sealed("failure", nullable=True)),
        "tries": (sealed("moments"), moment("expires_at")),
        "ledger": (
            *(text("app", 128), text("kind", 32), small("state"), moment("first"), place("fingerprint")),
            *(moment("lease_until"), moment("remember_until"), moment("repeat_ms"), moment("answer_until")),
            *(small("after_unknown"), sealed("outcome", nullable=True), text("error", 64)),
            *(moment("started_at"), moment("ended_at")),
        ),
        "usage": (text("app", 128), text("kind", 32), small("state"), moment("day"), moment("total")),
    }
