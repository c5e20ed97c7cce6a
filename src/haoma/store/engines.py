"""Which database: from an address to connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class SqliteEngine:
    """A file of SQLite."""

    path: Path
    prefix: str = "haoma_"
    tenant: str = "default"
    clock_us: Callable[[], int] | None = None
    blocking: bool = True

    def connect(self) -> Any:
        """Open a connection."""
        from haoma.store.sqlite import SqliteConnection

        return SqliteConnection(self.path, self.prefix, self.tenant, self.clock_us)


@dataclass(frozen=True, slots=True)
class ServerEngine:
    """PostgreSQL or MySQL.

    Attributes:
        url: ``postgresql://…`` or ``mysql://…``; it holds a password.
        portable: True to use only the portable statements on PostgreSQL's protocol.
    """

    url: str = field(repr=False)
    prefix: str = "haoma_"
    tenant: str = "default"
    clock_us: Callable[[], int] | None = None
    portable: bool = False
    blocking: bool = False

    @property
    def driver(self) -> str:
        """The package that has to be installed."""
        return "asyncmy" if self.url.startswith("mysql:") else "asyncpg"

    def connect(self) -> Any:
        """Return an awaitable of a connection."""
        if self.driver == "asyncmy":
            from haoma.store.mysql import MySqlConnection

            return MySqlConnection.open(self.url, self.prefix, self.tenant, CONNECT_SECONDS, self.clock_us)
        from haoma.store.postgres import PortableConnection, PostgresConnection

        kind = PortableConnection if self.portable else PostgresConnection
        return kind.open(self.url, self.prefix, self.tenant, CONNECT_SECONDS, self.clock_us)
