"""An audit log that a test writes, seals, tampers with and verifies."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from haoma.store.audit.lanes import AuditKeys
from haoma.store.audit.seals import Seal, SealWriter, Statements, seal_of
from haoma.store.audit.verify import Found, Verified, verify
from haoma.store.flows import ask_blocking
from haoma.store.rows import AUDIT, SEALS, Audited, Sealing
from haoma.store.sealing import StoreKey
from support.accounts import Town

FIRST = StoreKey(1, b"canary-audit-key-of-32-bytes-one")
SECOND = StoreKey(2, b"canary-audit-key-of-32-bytes-two")


def audit_keys(*keys: StoreKey, tenant: str = "default") -> AuditKeys:
    """Return keys of the audit log."""
    return AuditKeys(keys or (FIRST,), tenant)


class Log:
    """The log of a town."""

    def __init__(self, town: Town, keys: AuditKeys) -> None:
        self._engine = town.engine
        self.prefix = town.engine.prefix
        self.keys = keys

    def seal(self) -> Seal | None:
        """Seal what has grown."""
        made, _ = self.ask(SealWriter(self.prefix, self.keys, at_once=True).seal)
        return made  # type: ignore[no-any-return]

    def writer(self) -> SealWriter:
        """Return what makes the seals of a process."""
        return SealWriter(self.prefix, self.keys)

    def ask(self, flow: Any) -> Any:
        """Run a flow over a connection of its own."""
        return ask_blocking(self._engine, flow)

    def verify(self, *shipped: Seal, keys: AuditKeys | None = None, counts: bool = False) -> Verified:
        """Verify it."""
        keys = keys or self.keys
        return ask_blocking(
            self._engine, lambda connection: verify(connection, self.prefix, keys, shipped, counts=counts)
        )

    def found(self, *shipped: Seal) -> list[Found]:
        """Return what is wrong with it."""
        return self.verify(*shipped).found

    def rows(self) -> list[tuple[bytes, int, bytes, bytes]]:
        """Return place, moment, entry and MAC of every row, in order."""
        return [
            (bytes(place), int(at), bytes(entry), bytes(mac))
            for place, at, entry, mac in self.select(Statements(self.prefix).rows, self.keys.tenant, b"")
        ]

    def seals(self) -> list[Seal]:
        """Return the seals, in order."""
        return [seal_of(row) for row in self.select(Statements(self.prefix).seals, self.keys.tenant, b"")]

    def insert(self, rows: Sequence[tuple[bytes, int, bytes, bytes]], seals: Sequence[Seal]) -> None:
        """Insert rows and seals."""

        def flow(connection: Any) -> Generator[Any, Any, None]:
            if rows:
                yield connection.insert(AUDIT, [Audited(row[0], 1, *row[1:]) for row in rows])
            if seals:
                yield connection.insert(SEALS, [Sealing(each.place, 1, *each[1:]) for each in seals])

        self.ask(flow)

    def select(self, text: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run a statement; return what it finds."""

        def flow(connection: Any) -> Generator[Any, Any, list[tuple[Any, ...]]]:
            return (yield connection.select(text.format(self.prefix), arguments))  # type: ignore[no-any-return]

        return ask_blocking(self._engine, flow)

    def change(self, text: str, *arguments: Any) -> int:
        """Run a statement that changes rows, with ``{0}`` for the prefix; return how many."""

        def flow(connection: Any) -> Generator[Any, Any, int]:
            return (yield connection.change(text.format(self.prefix), arguments))  # type: ignore[no-any-return]

        return ask_blocking(self._engine, flow)


def entries(rows: Sequence[tuple[bytes, int, bytes, bytes]], lane: bytes) -> list[tuple[bytes, int, bytes, bytes]]:
    """Return the rows of one lane."""
    return [row for row in rows if row[0][:8] == lane]
