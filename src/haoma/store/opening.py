"""From settings to a store. The keys and the file of the embedded one are made here, at its first start."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haoma.errors import ConfigFaults, Fault
from haoma.steps import DEFAULT_TENANT
from haoma.store.accounts.records import Records
from haoma.store.audit.lanes import AuditKeys
from haoma.store.config import MEMORY, StoreSettings, format_key, parse_key
from haoma.store.engines import ServerEngine, SqliteEngine
from haoma.store.keys.numbers import BlindIndex, NumberSealer
from haoma.store.sealing import KEY_BYTES, Sealer, StoreKey
from haoma.store.store import Store
from haoma.store.writer import NOBODY

if TYPE_CHECKING:
    from haoma.store.keys.config import AccountKeys
    from haoma.store.store import Engine
    from haoma.store.writer import Watch

_WHERE: Final = "store"


def open_store(
    settings: StoreSettings,
    accounts: AccountKeys | None = None,
    tenant: str = DEFAULT_TENANT,
    *,
    tells: bool = False,
    watch: Watch = NOBODY,
) -> Store | None:
    """Return the store of a tenant, or None if memory alone was asked for. It connects when it is first used.

    Args:
        settings: Where it is.
        accounts: The keys of numbers and of the audit log, if accounts are kept.
        tenant: Whose it is.
        tells: Whether events are written for the application's webhook.
        watch: Told of each batch, for metrics.

    Raises:
        ConfigFaults: ``config.store-folder``: the embedded store cannot be made where it belongs;
            ``config.store-driver``: the driver of the database is not installed.
    """
    if settings.kind == MEMORY:
        return None
    if settings.embedded:
        prepare(settings)
    sealer = sealer_of(settings, tenant)
    records = None if accounts is None else records_of(sealer, accounts, tenant, tells=tells)
    return Store(engine_of(settings, tenant), sealer, records, audit_of(accounts, tenant), watch=watch)


def records_of(sealer: Sealer, keys: AccountKeys, tenant: str, *, tells: bool = False) -> Records:
    """Return the rows of a tenant's accounts."""
    return Records(sealer, NumberSealer(keys.keys, tenant), BlindIndex(keys.peppers, tenant), tells=tells)


def audit_of(keys: AccountKeys | None, tenant: str) -> AuditKeys | None:
    """Return the keys of a tenant's audit log, or None if there is none."""
    return None if keys is None or not keys.audit_keys else AuditKeys(keys.audit_keys, tenant)


def sealer_of(settings: StoreSettings, tenant: str = DEFAULT_TENANT) -> Sealer:
    """Return what seals, with the configured keys or those in the key file.

    Raises:
        ConfigFaults: The key file cannot be read.
    """
    return Sealer(settings.keys or _read_keys(settings), tenant)


def engine_of(settings: StoreSettings, tenant: str = DEFAULT_TENANT) -> Engine:
    """Return the database.

    Raises:
        ConfigFaults: ``config.store-driver``.
    """
    if settings.kind == "sqlite":
        return SqliteEngine(settings.path, settings.table_prefix, tenant)
    engine = ServerEngine(settings.database_url, settings.table_prefix, tenant, portable=settings.portable)
    if importlib.util.find_spec(engine.driver) is None:
        extra = {"asyncpg": "postgres", "asyncmy": "mysql"}[engine.driver]
        because = {"install": f"pip install haoma[{extra}]"}
        raise ConfigFaults([Fault("config.store-driver", "store.database_url", because=because)])
    return engine


def check_cache(settings: StoreSettings) -> None:
    """Check that there can be a connection to Valkey, if one is configured. Nothing is sent.

    Raises:
        ConfigFaults: ``config.cache-driver``: its client is not installed; ``config.bad-url``: the address is invalid.
    """
    from haoma.store.cache import connection_to

    if not settings.cache_url:
        return
    if importlib.util.find_spec("valkey") is None:
        because = {"install": "pip install haoma[valkey]"}
        raise ConfigFaults([Fault("config.cache-driver", "store.cache_url", because=because)])
    try:
        connection_to(settings.cache_url)
    except (ValueError, TypeError):
        fault = Fault("config.bad-url", "store.cache_url")
    else:
        return
    raise ConfigFaults([fault])  # outside `except`: the cause quotes the address, which may have a password


def prepare(settings: StoreSettings) -> bool:
    """Make the keys and the file of the embedded store if they are not there yet; return True if they were made.

    Any number of processes may do so at once: the first one's keys are everybody's.

    Raises:
        ConfigFaults: ``config.store-folder``.
    """
    from haoma.store.embedded import create

    assert settings.key_file is not None  # noqa: S101
    try:
        settings.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = _make_keys(settings.key_file)
        create(settings.path, settings.table_prefix)
    except OSError as error:
        reason = type(error).__name__ if error.errno is None else os.strerror(error.errno)
        raise ConfigFaults([Fault("config.store-folder", _WHERE, because={"reason": reason})]) from None
    return made


def _make_keys(path: Path) -> bool:
    if path.exists():
        return False
    key = StoreKey(1, secrets.token_bytes(KEY_BYTES))
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(format_key(key) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)  # whole, or not at all, and never over another one
            return True
    finally:
        Path(name).unlink(missing_ok=True)
    return False


def _read_keys(settings: StoreSettings) -> tuple[StoreKey, ...]:
    assert settings.key_file is not None  # noqa: S101
    try:
        lines = settings.key_file.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFaults([Fault("config.store-folder", _WHERE, because={"reason": type(error).__name__})]) from None
    keys = tuple(key for key in map(parse_key, lines) if key is not None)
    if not keys or len(keys) != len(lines):
        raise ConfigFaults([Fault("config.bad-store-key", _WHERE, because={"file": settings.key_file.name})])
    return keys
