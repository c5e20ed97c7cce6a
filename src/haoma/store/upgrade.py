"""Upgrading and downgrading the tables, with Alembic.

Two upgrades at once both end well: each takes a lease first, which is one row of a small table of its own. There is no
advisory lock, because distributed engines have none. Whoever waits finds afterwards that there is nothing left to do.

Everything here blocks, and imports SQLAlchemy and Alembic, which takes half a second: a service never does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from urllib.parse import quote

import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from haoma.errors import SchemaTooNew, StoreUnavailable, UpgradeFailed
from haoma.store.schema import metadata
from haoma.store.version import ACCEPTED, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

LEASE_SECONDS: Final = 30
"""How long others wait for an upgrade that was killed."""
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_CONNECT_SECONDS: Final = 10
_PAUSE: Final = 0.2
_NOW: Final = {
    "sqlite": "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "SELECT CAST(extract(epoch from clock_timestamp()) * 1000 AS bigint)",
    "mysql": "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
}


class Where(Protocol):
    """Which database; `haoma.store.config.StoreSettings` is one."""

    @property
    def database_url(self) -> str:
        """``sqlite:///…``, ``postgresql://…`` or ``mysql://…``."""

    @property
    def table_prefix(self) -> str:
        """Before the name of every table."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the tables are.

    Attributes:
        version: Their version; None if there are none.
        newest: The version that this code's migrations end with.
        accepted: The versions that this code works with.
    """

    version: int | None
    newest: int = SCHEMA
    accepted: tuple[int, ...] = ACCEPTED

    @property
    def pending(self) -> int:
        """How many upgrades there are to run."""
        return max(0, self.newest - (self.version or 0))


def _quiet(_: str, __: int) -> None:
    pass


def upgrade(where: Where, *, tell: Callable[[str, int], None] = _quiet) -> Status:
    """Bring the tables to the newest version.

    Args:
        where: The database.
        tell: Is told of every step: ``waiting``, ``upgrade`` or ``downgrade``, and a version.

    Raises:
        SchemaTooNew: ``config.schema-too-new``: they are newer than this code knows.
        UpgradeFailed: ``config.upgrade-failed``: run it again.
        StoreUnavailable: ``internal.store-unavailable``: the database cannot be reached.
    """

    def work(held: _Held) -> Status:
        before = _known(held.version())
        if before < SCHEMA:
            held.run(command.upgrade, "head")
        return Status(max(before, SCHEMA))

    if where.database_url.startswith("sqlite:"):
        _create_file(_path(where.database_url))
    return _leased(where, work, tell)


def downgrade(where: Where, to: int | None = None, *, tell: Callable[[str, int], None] = _quiet) -> Status:
    """Take the tables back to version ``to``, or else by one; 0 drops all of them. What they hold is lost.

    Raises:
        SchemaTooNew, UpgradeFailed, StoreUnavailable: As `upgrade` does.
        ValueError: There is no version ``to``.
    """

    def work(held: _Held) -> Status:
        before = _known(held.version(), SCHEMA)
        wanted = max(0, before - 1) if to is None else to
        if not 0 <= wanted <= max(before, 0):
            raise ValueError(wanted)
        if wanted < before:
            held.run(command.downgrade, f"{wanted:04}" if wanted else "base")
        return Status(wanted or None)

    return _leased(where, work, tell)


def status(where: Where) -> Status:
    """Return how the tables are.

    Raises:
        StoreUnavailable: ``internal.store-unavailable``.
    """
    if where.database_url.startswith("sqlite:") and not _path(where.database_url).exists():
        return Status(None)
    return _connected(where, lambda engine: Status(_version(engine, where.table_prefix)))


def differences(where: Where) -> list[str]:
    """Return what is not as the newest version has it: names of tables, columns and indexes.

    Raises:
        StoreUnavailable: ``internal.store-unavailable``.
    """
    prefix = where.table_prefix
    ours = {f"{prefix}version", f"{prefix}migrating"}

    def work(engine: sqlalchemy.Engine) -> list[str]:
        def include(name: str | None, kind: str, _: Any) -> bool:
            return kind != "table" or (str(name).startswith(prefix) and name not in ours)

        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_name": include, "compare_type": True})
            return sorted(_told(each) for each in compare_metadata(context, metadata(prefix)))

    return _connected(where, work)


def _told(difference: Any) -> str:
    """Return a difference as a line: ``remove_column haoma_kept.extra``."""
    if isinstance(difference, list):  # several about one column
        return ", ".join(_told(each) for each in difference)
    verb, *rest = difference
    names = [each if isinstance(each, str) else getattr(each, "name", "") for each in rest if each is not None]
    return " ".join([str(verb), ".".join(filter(None, map(str, names[:3])))])


def _known(version: int | None, newest: int = ACCEPTED[-1]) -> int:
    if version is not None and version > newest:
        because = {"found": f"{version:04}", "accepted": " ".join(f"{each:04}" for each in ACCEPTED)}
        raise SchemaTooNew(because=because)
    return version or 0


def _version(engine: sqlalchemy.Engine, prefix: str) -> int | None:
    name = f"{prefix}version"
    with engine.connect() as connection:
        if not sqlalchemy.inspect(connection).has_table(name):
            return None
        found = connection.execute(sqlalchemy.text(f"SELECT version_num FROM {name}")).scalar()  # noqa: S608
    return None if found is None else int(found)


# --- the lease ---


class _Lost(Exception):
    """Somebody else has taken the lease over."""


class _Held:
    """The lease of one upgrade.

    Attributes:
        lost: Set once somebody else has it.
    """

    def __init__(self, engine: sqlalchemy.Engine, prefix: str, tell: Callable[[str, int], None]) -> None:
        self._engine = engine
        self._prefix = prefix
        self._tell = tell
        self._owner = secrets.token_hex(8)
        self._table = sqlalchemy.Table(
            f"{prefix}migrating",
            sqlalchemy.MetaData(),
            sqlalchemy.Column("tenant", sqlalchemy.String(64), primary_key=True),
            sqlalchemy.Column("owner", sqlalchemy.String(32), nullable=False),
            sqlalchemy.Column("lease_until", sqlalchemy.BigInteger, nullable=False),
        )
        self.lost = threading.Event()

    def version(self) -> int | None:
        """Return the version of the tables."""
        return _version(self._engine, self._prefix)

    def run(self, verb: Callable[[Config, str], None], to: str) -> None:
        """Run migrations."""
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))

        def applied(*, step: Any, **_: Any) -> None:
            if self.lost.is_set():
                raise _Lost
            if step.is_upgrade:
                self._tell("upgrade", int(step.up_revision_id))
            else:
                self._tell("downgrade", max(map(int, step.down_revision_ids), default=0))

        with self._engine.connect() as connection:
            config.attributes.update(connection=connection, prefix=self._prefix, applied=applied)
            verb(config, to)

    def take(self) -> bool:
        """Take the lease; False if somebody else has it."""
        table = self._table.c
        mine = {"owner": self._owner, "lease_until": 0}
        with contextlib.suppress(IntegrityError), self._engine.begin() as connection:
            now = self._now(connection)
            mine["lease_until"] = now + LEASE_SECONDS * 1000
            row = connection.execute(sqlalchemy.select(table.owner, table.lease_until)).one_or_none()
            if row is None:
                connection.execute(sqlalchemy.insert(self._table).values(tenant="", **mine))
                return True
            if row.lease_until > now:
                return False
            same = (table.tenant == "") & (table.owner == row.owner) & (table.lease_until == row.lease_until)
            return bool(connection.execute(sqlalchemy.update(self._table).where(same).values(**mine)).rowcount)
        return False

    def renew(self, seconds: int = LEASE_SECONDS) -> None:
        """Keep the lease for so long; 0 ends it."""
        mine = (self._table.c.tenant == "") & (self._table.c.owner == self._owner)
        with self._engine.begin() as connection:
            until = self._now(connection) + seconds * 1000
            changed = connection.execute(sqlalchemy.update(self._table).where(mine).values(lease_until=until)).rowcount
        if not changed:
            self.lost.set()

    def create(self) -> None:
        """Create the table of the lease if it is not there."""
        try:
            self._table.create(self._engine, checkfirst=True)
        except SQLAlchemyError:
            with self._engine.connect() as connection:
                if not sqlalchemy.inspect(connection).has_table(self._table.name):
                    raise  # nobody else has made it at the same moment

    def _now(self, connection: sqlalchemy.Connection) -> int:
        return int(connection.execute(sqlalchemy.text(_NOW[connection.dialect.name])).scalar_one())


def _leased(where: Where, work: Callable[[_Held], R], tell: Callable[[str, int], None]) -> R:
    """Do ``work`` while nobody else upgrades or downgrades."""
    held: list[_Held] = []

    def begin(engine: sqlalchemy.Engine) -> bool:
        if not held:
            held.append(_Held(engine, where.table_prefix, tell))
            held[0].create()
        return held[0].take()

    def run(_: sqlalchemy.Engine) -> R:
        try:
            return work(held[0])
        except _Lost:
            raise UpgradeFailed(because={"reason": "taken over"}) from None
        except SQLAlchemyError as error:
            raise UpgradeFailed(because={"reason": _reason(error)}) from None
        finally:
            with contextlib.suppress(SQLAlchemyError):
                held[0].renew(0)

    def renew() -> None:
        held[0].renew()

    return _connected(where, run, begin=begin, waiting=lambda: tell("waiting", 0), renew=renew)


# --- connections ---


def _connected(
    where: Where,
    work: Callable[[sqlalchemy.Engine], R],
    *,
    begin: Callable[[sqlalchemy.Engine], bool] = lambda _: True,
    waiting: Callable[[], None] = lambda: None,
    renew: Callable[[], None] | None = None,
) -> R:
    """Wait until ``begin`` says yes, then do ``work``, and ``renew`` meanwhile."""
    try:
        if where.database_url.startswith("sqlite:"):
            return _on_file(where.database_url, work, begin, waiting)
        return asyncio.run(_on_server(where.database_url, work, begin, waiting, renew))
    except (OSError, SQLAlchemyError) as error:
        raise StoreUnavailable(because={"reason": _reason(error)}) from None


def _on_file(
    url: str,
    work: Callable[[sqlalchemy.Engine], R],
    begin: Callable[[sqlalchemy.Engine], bool],
    waiting: Callable[[], None],
) -> R:
    # Nothing is renewed: a migration holds the lock of the whole file, and nobody could take the lease over.
    address = f"sqlite:///file:{quote(str(_path(url)))}?mode=rw&uri=true"
    engine = sqlalchemy.create_engine(address, poolclass=NullPool, connect_args={"timeout": _CONNECT_SECONDS})

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # or the driver would commit before DDL

    @event.listens_for(engine, "begin")
    def _begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    told = False
    while not _patient(begin, engine):
        if not told:
            waiting()
            told = True
        threading.Event().wait(_PAUSE)
    return work(engine)


def _patient(begin: Callable[[sqlalchemy.Engine], bool], engine: sqlalchemy.Engine) -> bool:
    try:
        return begin(engine)
    except OperationalError as error:
        if "locked" in str(error.orig):  # another upgrade holds the file
            return False
        raise


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///")).absolute()


def _create_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailable(because={"reason": type(error).__name__}) from None


async def _on_server(
    url: str,
    work: Callable[[sqlalchemy.Engine], R],
    begin: Callable[[sqlalchemy.Engine], bool],
    waiting: Callable[[], None],
    renew: Callable[[], None] | None,
) -> R:
    if url.startswith("mysql:"):
        # It logs what MySQL only notes: that the name of a primary key is not kept.
        logging.getLogger("asyncmy").setLevel(logging.ERROR)
        address = sqlalchemy.make_url(url).set(drivername="mysql+asyncmy", query={"charset": "utf8mb4"})
        engine = create_async_engine(address, poolclass=NullPool, isolation_level="READ COMMITTED")
    else:
        import asyncpg

        async def connect() -> Any:
            # A step that waits for a lock holds up everybody who comes after it.
            settings = {"lock_timeout": "5000", "application_name": "haoma db"}
            return await asyncpg.connect(url, timeout=_CONNECT_SECONDS, server_settings=settings)

        engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=connect)

    async def in_step(what: Callable[[], R]) -> R:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda _: what())

    async def keep() -> None:
        while renew is not None:
            await asyncio.sleep(LEASE_SECONDS / 4)
            with contextlib.suppress(DBAPIError, OSError):
                await in_step(renew)  # type: ignore[arg-type]

    told = False
    while not await in_step(lambda: begin(engine.sync_engine)):  # type: ignore[arg-type, return-value]
        if not told:
            waiting()
            told = True
        await asyncio.sleep(_PAUSE)
    keeping = asyncio.create_task(keep())
    try:
        return await in_step(lambda: work(engine.sync_engine))
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await engine.dispose()


def _reason(error: BaseException) -> str:
    """Return why, without a statement, an address or a value: a class, and the number or state of the database."""
    origin = getattr(error, "orig", None)
    origin = getattr(origin, "__cause__", None) or origin or error
    code = getattr(origin, "sqlstate", None) or getattr(origin, "sqlite_errorname", None)
    if code is None and origin.args and isinstance(origin.args[0], int):
        code = origin.args[0]
    return " ".join(str(part) for part in (type(origin).__name__, code) if part)
