"""Reading everybody out of the store, for whoever leaves haoma."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from haoma.store.accounts.records import split
from haoma.store.accounts.telling import told
from haoma.store.people.importing import consents_of, rows_at
from haoma.store.reports import patiently
from haoma.store.rows import ACCOUNTS, IDENTITIES, NUMBERS, PHONES, SALTS, Account
from haoma.store.sealing import CannotUnseal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haoma import accounts
    from haoma.store.accounts.records import Records
    from haoma.store.batch import Connection

PAGE: Final = 500
_TRIES: Final = 3


def export_all(
    connection: Connection, prefix: str, tenant: str, records: Records, tell: Callable[[list[accounts.Account]], None]
) -> Generator[Any, Any, list[bytes]]:
    """Tell all accounts of a tenant, some at a time; return the ids of those that cannot be read.

    An account that changes meanwhile is read again. One that is made while the export runs may be missing.
    """
    yield from patiently(connection)
    text, last, broken = accounts_text(prefix), b"", []
    while found := (yield connection.select(text, [tenant, last])):
        rows = [Account(*each) for each in found]
        last = rows[-1].place
        for left in reversed(range(_TRIES)):
            done, again = yield from _read(rows, connection, prefix, tenant, records)
            tell(done)
            if not again:
                break
            if not left:
                broken += again
                break
            _, rows = yield connection.read(ACCOUNTS, sorted(again))
            if not rows:  # erased meanwhile
                break
    return broken


def accounts_text(prefix: str) -> str:
    """Return the statement that finds the next accounts."""
    columns = ", ".join(ACCOUNTS.columns)
    return f"SELECT {columns} FROM {prefix}accounts WHERE tenant = ? AND place > ? ORDER BY place LIMIT {PAGE}"  # noqa: S608


def _read(
    rows: Sequence[Account], connection: Connection, prefix: str, tenant: str, records: Records
) -> Generator[Any, Any, tuple[list[accounts.Account], list[bytes]]]:
    """Return accounts as they are told, and the ids of those whose rows do not fit together."""
    places = [row.place for row in rows]
    identities = yield from _by_place(
        IDENTITIES, [place for row in rows for place in split(row.identities)], connection
    )
    phones = yield from _by_place(PHONES, [row.phone for row in rows if row.phone], connection)
    salts = yield from _by_place(SALTS, list(phones), connection)
    indexes = [place for phone in phones.values() for place in split(phone.indexes)]
    numbers = yield from _by_place(NUMBERS, indexes, connection)
    consents: dict[bytes, list[Any]] = {}
    for each in (yield from consents_of(connection, prefix, tenant, places)):
        consents.setdefault(each.account, []).append(each)
    done, again = [], []
    for row in rows:
        try:
            number = None
            if row.phone:
                phone = phones[row.phone]
                index = next(numbers[place] for place in split(phone.indexes) if place in numbers)
                number = records.unseal_number(phone, salts[row.phone]), index
            logins = [identities[place] for place in split(row.identities)]
            agreed = sorted(consents.get(row.place, []), key=lambda each: each.at)
            done.append(told(records, row, number, logins, agreed, reveal=True))
        except (CannotUnseal, KeyError, StopIteration):
            again.append(row.place)
    return done, again


def _by_place(table: Any, places: Sequence[bytes], connection: Connection) -> Generator[Any, Any, dict[bytes, Any]]:
    found = yield from rows_at(table, places, connection)
    return {row.place: row for row in found}
