"""What ``haoma db check`` looks for in the rows of accounts: those that do not fit together.

No table has a foreign key, because it would cost a lock with each write. All rows of a person are written in one
transaction, so none of this happens unless somebody has changed the tables by hand, or restored a part of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

from haoma.store.accounts.records import split
from haoma.store.keys.numbers import pepper_of
from haoma.store.people.exporting import accounts_text
from haoma.store.people.importing import rows_at
from haoma.store.reports import Oddity, patiently
from haoma.store.rows import ACCOUNTS, IDENTITIES, NUMBERS, PHONES, SALTS, Account
from haoma.store.sealing import CannotUnseal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haoma.store.accounts.records import Records
    from haoma.store.batch import Connection
    from haoma.store.rows import Phone, Table

_PARENTS: Final = (
    ("no-account", IDENTITIES, "account", ACCOUNTS),
    ("no-account", NUMBERS, "account", ACCOUNTS),
    ("no-account", PHONES, "account", ACCOUNTS),
    ("no-phone", NUMBERS, "phone", PHONES),
    ("no-phone", SALTS, "place", PHONES),
    ("no-salt", PHONES, "place", SALTS),
)
"""What is odd, rows, and the column that names a row of another table."""
_NAMED: Final = (
    ("unnamed", IDENTITIES, ACCOUNTS, "identities", 32),
    ("unnamed", NUMBERS, PHONES, "indexes", 32),
    ("unnamed", PHONES, ACCOUNTS, "phone", 16),
)
"""Rows that a column of another table has to name, each by so many bytes."""

NAMES: Final = frozenset({*(each[0] for each in (*_PARENTS, *_NAMED)), "absent", "not-theirs", "mismatch", "closed"})
"""What may be odd."""


def check_accounts(
    connection: Connection, prefix: str, tenant: str, records: Records
) -> Generator[Any, Any, list[Oddity]]:
    """Return what is odd about the rows of accounts. Every number is unsealed and looked for in the index."""
    yield from patiently(connection)
    found = []
    for name, table, column, parent in _PARENTS:
        text = orphans_text(prefix, table, column, parent)
        ((count,),) = yield connection.select(text, [tenant, tenant])
        found.append(Oddity(name, table.name, int(count)))
    for name, table, parent, column, size in _NAMED:
        text = unnamed_text(prefix, table, parent, column, size)
        ((count,),) = yield connection.select(text, [tenant, tenant])
        found.append(Oddity(name, table.name, max(0, int(count))))
    found += yield from _walk(connection, prefix, tenant, records)
    return [each for each in found if each.count]


def orphans_text(prefix: str, table: Table, column: str, parent: Table) -> str:
    """Return the statement that counts rows which name a row of another table that is not there."""
    name, other = prefix + table.name, prefix + parent.name
    return (
        f"SELECT COUNT(*) FROM {name} WHERE tenant = ? AND NOT EXISTS "  # noqa: S608
        f"(SELECT 1 FROM {other} WHERE tenant = ? AND {other}.place = {name}.{column})"
    )


def unnamed_text(prefix: str, table: Table, parent: Table, column: str, size: int) -> str:
    """Return the statement that counts how many more rows there are than another table names.

    It is one statement, so that no write comes between its halves.
    """
    return (
        f"SELECT COUNT(*) - (SELECT COALESCE(SUM(LENGTH({column})), 0) FROM {prefix}{parent.name} WHERE tenant = ?) "  # noqa: S608
        f"/ {size} FROM {prefix}{table.name} WHERE tenant = ?"
    )


def statements(prefix: str) -> list[str]:
    """Return every statement of this module."""
    return [
        *(orphans_text(prefix, *each[1:]) for each in _PARENTS),
        *(unnamed_text(prefix, *each[1:]) for each in _NAMED),
        accounts_text(prefix),
    ]


def _walk(connection: Connection, prefix: str, tenant: str, records: Records) -> Generator[Any, Any, list[Oddity]]:
    """Go through all accounts, and look whether what they name is there and is theirs."""
    counts: Counter[tuple[str, str]] = Counter()
    text, last = accounts_text(prefix), b""
    while found := (yield connection.select(text, [tenant, last])):
        rows = [Account(*each) for each in found]
        last = rows[-1].place
        odd = yield from _look(rows, connection, records)
        if odd:  # or something was written between two reads
            _, again = yield connection.read(ACCOUNTS, sorted({row.place for row, _ in odd}))
            odd = yield from _look(again, connection, records)
        counts.update(what for _, what in odd)
    return [Oddity(name, table, count) for (name, table), count in sorted(counts.items())]


def _look(
    rows: Sequence[Account], connection: Connection, records: Records
) -> Generator[Any, Any, list[tuple[Account, tuple[str, str]]]]:
    """Return the accounts that do not fit, each with what is odd and the table."""

    def read(table: Table, places: Sequence[bytes]) -> Generator[Any, Any, dict[bytes, Any]]:
        found = yield from rows_at(table, places, connection)
        return {row.place: row for row in found}

    identities = yield from read(IDENTITIES, [place for row in rows for place in split(row.identities)])
    phones = yield from read(PHONES, [row.phone for row in rows if row.phone])
    salts = yield from read(SALTS, list(phones))
    numbers = yield from read(NUMBERS, [place for phone in phones.values() for place in split(phone.indexes)])
    odd: list[tuple[Account, tuple[str, str]]] = []
    for row in rows:
        named = [(IDENTITIES, identities.get(place)) for place in split(row.identities)]
        phone = phones.get(row.phone)
        named += [(PHONES, phone)] if row.phone else []
        indexes = [] if phone is None else split(phone.indexes)
        named += [(NUMBERS, numbers.get(place)) for place in indexes]
        odd += [(row, what) for what in (_oddity(table, each, row) for table, each in named) if what]
        if phone is not None and phone.place in salts:
            odd += [(row, what) for what in _unsealed(phone, salts[phone.place], indexes, records)]
    return odd


def _oddity(table: Table, found: Any, row: Account) -> tuple[str, str] | None:
    if found is None:
        return "absent", table.name
    if found.account != row.place or (table is NUMBERS and found.phone != row.phone):
        return "not-theirs", table.name
    return None


def _unsealed(phone: Phone, salt: Any, indexes: Sequence[bytes], records: Records) -> list[tuple[str, str]]:
    """Say what is odd about a number: it cannot be opened, or is not where the index says."""
    try:
        places = records.places_of_number(records.unseal_number(phone, salt))
    except (CannotUnseal, ValueError):
        return [("closed", PHONES.name)]
    peppers = {pepper_of(place) for place in places}
    wrong = [place for place in indexes if pepper_of(place) in peppers and place not in places]
    return [("mismatch", NUMBERS.name)] if wrong else []
