"""Who could be affected by an incident: account ids and counts, never a number.

By a key: whose rows it has sealed. By a span of time: whose rows the audit log speaks of.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.ids import written
from haoma.store.audit.lanes import LANE_BYTES, LANE_MS, opened_at
from haoma.store.audit.seals import SLACK_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from haoma.store.batch import Connection

    Tell = Callable[[int], None]

EXPORTED_ALL: Final = "export-all"
"""What the log says of an export of everybody. It names no account."""
_PAGE: Final = 2000
_STORE_KEY: Final = slice(2, 6)
"""Where the number of the key is in what `haoma.store.sealing.Sealer` has sealed."""
_SEALED: Final = {
    "accounts": ("external", "place"),
    "identities": ("value", "account"),
    "disputes": ("details", "claimant", "holder"),
    "outbox": ("body", "account"),
    "ledger": ("outcome",),
}
"""What the keys of the store seal, and the columns that say whose it is. The ledger names nobody."""


@dataclass
class Affected:
    """Who could be affected.

    Attributes:
        accounts: The ids of accounts, as people see them.
        rows: How many rows, by table, or by what the audit log says.
        nobody: How many of them name no account.
    """

    accounts: set[str] = field(default_factory=set)
    rows: Counter[str] = field(default_factory=Counter)
    nobody: int = 0

    @property
    def everybody(self) -> bool:
        """Whether somebody has exported everybody."""
        return EXPORTED_ALL in self.rows

    def add(self, name: str, *accounts: str) -> None:
        """Add a row."""
        self.rows[name] += 1
        found = [each for each in accounts if each]
        self.accounts.update(found)
        self.nobody += not found


class _Entry(msgspec.Struct):
    what: str = ""
    account: str = ""
    holder: str = ""
    other: str = ""


def by_number_key(
    connection: Connection, prefix: str, tenant: str, key: int, tell: Tell
) -> Generator[Any, Any, Affected]:
    """Return whose numbers a key of ``[accounts]`` has sealed."""
    found = Affected()

    def see(_place: bytes, account: bytes, key_id: int) -> None:
        if key_id == key:
            found.add("phones", written(bytes(account)))

    yield from _each(connection, statement(prefix, "phones", ("account", "key_id")), tenant, see, tell)
    return found


def by_store_key(
    connection: Connection, prefix: str, tenant: str, key: int, tell: Tell
) -> Generator[Any, Any, Affected]:
    """Return whose logins and answers a key of ``[store]`` has sealed."""
    found, wanted = Affected(), key.to_bytes(4)
    for table, (sealed, *owners) in _SEALED.items():

        def see(_place: bytes, value: bytes | None, *accounts: bytes, table: str = table) -> None:
            if value is not None and value[_STORE_KEY] == wanted:
                found.add(table, *(written(bytes(each)) for each in accounts if each))

        yield from _each(connection, statement(prefix, table, (sealed, *owners)), tenant, see, tell)
    return found


def by_time(
    connection: Connection, prefix: str, tenant: str, since: int, until: int, tell: Tell
) -> Generator[Any, Any, Affected]:
    """Return of whom the audit log speaks between two moments, milliseconds since 1970."""
    found = Affected()
    decode = msgspec.json.Decoder(_Entry).decode

    def see(_place: bytes, at: int, entry: bytes) -> None:
        if since <= at < until:
            try:
                said = decode(entry)
            except msgspec.MsgspecError:
                said = _Entry("?")
            found.add(said.what, said.account, said.holder, said.other)

    def is_over(place: bytes) -> bool:
        return opened_at(place[:LANE_BYTES]) >= until

    text = statement(prefix, "audit", ("at", "entry"))
    after = max(0, since - LANE_MS - SLACK_MS).to_bytes(6)
    yield from _each(connection, text, tenant, see, tell, after, is_over)
    return found


def statement(prefix: str, table: str, columns: tuple[str, ...]) -> str:
    """Return the statement that reads a table page by page."""
    names = ", ".join(("place", *columns))
    return f"SELECT {names} FROM {prefix}{table} WHERE tenant = ? AND place > ? ORDER BY place LIMIT {_PAGE}"  # noqa: S608


def statements(prefix: str) -> list[str]:
    """Return every statement of this module."""
    return [
        statement(prefix, "phones", ("account", "key_id")),
        statement(prefix, "audit", ("at", "entry")),
        *(statement(prefix, table, columns) for table, columns in _SEALED.items()),
    ]


def _each(
    connection: Connection,
    text: str,
    tenant: str,
    see: Callable[..., None],
    tell: Tell,
    after: bytes = b"",
    is_over: Callable[[bytes], bool] = lambda _: False,
) -> Generator[Any, Any, None]:
    """Show every row of a table."""
    count = 0
    while rows := (yield connection.select(text, [tenant, after])):
        for row in rows:
            see(*row)
        count += len(rows)
        tell(count)
        after = bytes(rows[-1][0])
        if is_over(after):
            return
