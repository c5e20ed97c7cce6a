"""How many numbers each key has sealed, and how many each pepper has indexed, in portable statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haoma.store.keys.numbers import pepper_of
from haoma.store.reports import patiently

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from haoma.store.batch import Connection


@dataclass(frozen=True, slots=True)
class Counts:
    """What a tenant has.

    Attributes:
        keys: Records, by the id of the key that sealed them.
        peppers: Index rows, by the number of the pepper that named them.
    """

    keys: Mapping[int, int]
    peppers: Mapping[int, int]

    @property
    def records(self) -> int:
        """How many numbers there are."""
        return sum(self.keys.values())


def tenants(connection: Connection, prefix: str) -> Generator[Any, Any, list[str]]:
    """Return the tenants that have numbers, also those that no app has any more."""
    found, last = [], ""
    while rows := (yield connection.select(tenant_text(prefix), [last])):
        last = rows[0][0]
        found.append(last)
    return found


def count(connection: Connection, prefix: str, tenant: str) -> Generator[Any, Any, Counts]:
    """Count them. Only the records are read as a whole; of the index, a range for each pepper."""
    yield from patiently(connection)
    keys = yield connection.select(keys_text(prefix), [tenant])
    peppers: dict[int, int] = {}
    last = b""
    while found := (yield connection.select(next_text(prefix), [tenant, last])):
        number = pepper_of(found[0][0])
        first, last = number.to_bytes(4), number.to_bytes(4) + b"\xff" * 29  # longer than any place
        ((peppers[number],),) = yield connection.select(range_text(prefix), [tenant, first, last])
    return Counts({int(key): int(total) for key, total in keys}, {key: int(total) for key, total in peppers.items()})


def tenant_text(prefix: str) -> str:
    """Return the statement that finds the next tenant."""
    return f"SELECT tenant FROM {prefix}phones WHERE tenant > ? ORDER BY tenant LIMIT 1"  # noqa: S608


def keys_text(prefix: str) -> str:
    """Return the statement that counts records by key."""
    return f"SELECT key_id, COUNT(*) FROM {prefix}phones WHERE tenant = ? GROUP BY key_id"  # noqa: S608


def next_text(prefix: str) -> str:
    """Return the statement that finds the next index row."""
    return f"SELECT place FROM {prefix}numbers WHERE tenant = ? AND place > ? ORDER BY place LIMIT 1"  # noqa: S608


def range_text(prefix: str) -> str:
    """Return the statement that counts the index rows of a pepper."""
    return f"SELECT COUNT(*) FROM {prefix}numbers WHERE tenant = ? AND place > ? AND place < ?"  # noqa: S608
