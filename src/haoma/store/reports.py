"""What ``haoma ledger`` and ``haoma db check`` ask the store, in portable statements."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from haoma.store.days import CHINA_MS, DAY_MS
from haoma.store.rows import (
    ACCOUNTS,
    AUDIT,
    CONSENTS,
    DISPUTES,
    ERASURES,
    KEPT,
    LEASES,
    LEDGER,
    OUTBOX,
    PHONES,
    SALTS,
    SEALS,
    STARTED,
    STATES,
    TABLES,
    TRIES,
    UNKNOWN,
    USAGE,
)
from haoma.store.sealing import CannotUnseal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from haoma.store.batch import Connection
    from haoma.store.sealing import Sealer

_SAMPLE: Final = 500
_LATE_MS: Final = 60_000
_AHEAD_MS: Final = 600_000


class Line(NamedTuple):
    """How many values of one app, day, kind and state.

    Attributes:
        day: When the day began in China, milliseconds since 1970.
        state: ``started`` is under way; one whose lease is over counts as ``unknown``.
    """

    app: str
    day: int
    kind: str
    state: str
    total: int


def counts(connection: Connection, prefix: str, tenant: str, since: int) -> Generator[Any, Any, list[Line]]:
    """Return what the ledger has counted since a moment: rows that the sweep has deleted, and those that are there."""
    yield from patiently(connection)
    now = (yield connection.now()) // 1000
    found = yield connection.select(count_text(prefix), [tenant, since, now, tenant, since])
    totals: Counter[tuple[str, int, str, str]] = Counter()
    for app, kind, state, day, total in found:
        totals[app, int(day), kind, STATES[state]] += int(total)
    return [Line(*key, total) for key, total in sorted(totals.items())]


def patiently(connection: Connection) -> Generator[Any, Any, None]:
    """Let statements read a whole table, which takes longer than any that answers a request."""
    yield connection.be_patient()


def count_text(prefix: str) -> str:
    """Return the statement of `counts`. It is one, so that no sweep comes between its halves."""
    return (
        f"SELECT app, kind, state, day, total FROM {prefix}usage WHERE tenant = ? AND day >= ? "  # noqa: S608
        "UNION ALL SELECT app, kind, state, day, COUNT(*) FROM ("
        f"SELECT app, kind, CASE WHEN state = {STARTED} AND lease_until <= ? THEN {UNKNOWN} ELSE state END AS state, "
        f"started_at - (started_at + {CHINA_MS}) % {DAY_MS} AS day "
        f"FROM {prefix}ledger WHERE tenant = ? AND started_at >= ?) AS live GROUP BY app, kind, state, day"
    )


@dataclass(frozen=True, slots=True)
class Oddity:
    """Rows that should not be.

    Attributes:
        name: What is odd about them: a name in ``CHECKS``, or ``unreadable``.
        table: Where they are.
        count: How many.
        detail: The numbers of the keys that sealed them; empty otherwise.
    """

    name: str
    table: str
    count: int
    detail: str = ""


_BYTES: Final = {
    **dict.fromkeys((ACCOUNTS, PHONES, SALTS, CONSENTS, DISPUTES, AUDIT, OUTBOX, ERASURES), 16),
    SEALS: 8,
}  # fmt: skip
"""How long the places of a table are that are no digests."""

# Name, table, condition, and how many milliseconds before (or after) now its one parameter is; None for no parameter.
CHECKS: Final = (
    *(("place", table.name, f"LENGTH(place) <> {_BYTES.get(table, 32)}", None) for table in TABLES),
    ("state", LEDGER.name, f"(state < 0 OR state >= {len(STATES)})", None),
    ("order", LEDGER.name, "((ended_at > 0 AND ended_at < started_at) OR first > version)", None),
    ("outcome", LEDGER.name, f"state = {STARTED} AND outcome IS NOT NULL", None),
    ("lease", LEASES.name, "(ended < 0 OR ended > 1 OR fence > version)", None),
    ("total", USAGE.name, "total <= 0", None),
    ("future", LEDGER.name, "started_at > ?", _AHEAD_MS),
    ("answer-late", LEDGER.name, "answer_until > 0 AND answer_until <= ?", -_LATE_MS),
    ("row-late", LEDGER.name, "remember_until <= ? AND lease_until <= ?", -10 * _LATE_MS),
    ("row-late", KEPT.name, "expires_at <= ?", -10 * _LATE_MS),
    ("row-late", TRIES.name, "expires_at <= ?", -10 * _LATE_MS),
)
_SEALED: Final = ((KEPT.name, "value", "expires_at"), (LEDGER.name, "outcome", "answer_until"))


def check(connection: Connection, prefix: str, tenant: str, sealer: Sealer) -> Generator[Any, Any, list[Oddity]]:
    """Return what is odd about the rows, and what cannot be opened with the keys that are configured.

    Of what is sealed only the newest rows are tried, of each table.
    """
    yield from patiently(connection)
    now = (yield connection.now()) // 1000
    found = []
    for name, table_name, condition, shift in CHECKS:
        moments = [] if shift is None else [now + shift] * condition.count("?")
        ((count,),) = yield connection.select(check_text(prefix, table_name, condition), [tenant, *moments])
        found.append(Oddity(name, table_name, int(count)))
    for table in TABLES:
        # Two ranges of the key: `<>` would read the whole table.
        ((below,),) = yield connection.select(strangers_text(prefix, table.name, "<"), [tenant])
        ((above,),) = yield connection.select(strangers_text(prefix, table.name, ">"), [tenant])
        found.append(Oddity("tenant", table.name, int(below) + int(above)))
    for table_name, column, end in _SEALED:
        rows = yield connection.select(sealed_text(prefix, table_name, column, end), [tenant, now])
        found.append(_unreadable(table_name, column.encode(), rows, sealer))
    return [each for each in found if each.count]


def check_text(prefix: str, table: str, condition: str) -> str:
    """Return the statement of one check."""
    return f"SELECT COUNT(*) FROM {prefix}{table} WHERE tenant = ? AND {condition}"  # noqa: S608


def strangers_text(prefix: str, table: str, than: str) -> str:
    """Return the statement that counts rows of tenants that are not configured."""
    return f"SELECT COUNT(*) FROM {prefix}{table} WHERE tenant {than} ?"  # noqa: S608


def sealed_text(prefix: str, table: str, column: str, end: str) -> str:
    """Return the statement that finds sealed values that are still in use."""
    return (
        f"SELECT place, {column} FROM {prefix}{table} WHERE tenant = ? AND {end} > ? "  # noqa: S608
        f"AND {column} IS NOT NULL ORDER BY {end} DESC LIMIT {_SAMPLE}"
    )


def statements(prefix: str) -> list[str]:
    """Return every statement of this module."""
    return [
        count_text(prefix),
        *(check_text(prefix, table, condition) for _, table, condition, _ in CHECKS),
        *(strangers_text(prefix, table.name, than) for table in TABLES for than in "<>"),
        *(sealed_text(prefix, *each) for each in _SEALED),
    ]


def _unreadable(table: str, name: bytes, rows: Iterable[tuple[bytes, bytes]], sealer: Sealer) -> Oddity:
    keys: Counter[int] = Counter()
    for place, sealed in rows:
        try:
            sealer.unseal(place, name, sealed)
        except CannotUnseal:
            keys[int.from_bytes(sealed[2:6])] += 1
    return Oddity("unreadable", table, keys.total(), " ".join(map(str, sorted(keys))))
