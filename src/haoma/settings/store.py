"""The table ``[store]``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from haoma.platforms.base.setting import Kind, Setting
from haoma.store.config import MEMORY, PREFIX, StoreSettings, parse_key

if TYPE_CHECKING:
    from haoma.platforms.base.table import Table

_SCHEMES: Final = ("sqlite", "postgresql", "mysql")
_CACHES: Final = ("redis", "rediss", "valkey", "valkeys")
_PREFIX: Final = re.compile(r"[a-z][a-z0-9_]{0,23}")


STORE: Final = (
    Setting("database_url", required=True, secret=True),
    Setting("table_prefix", default=PREFIX),
    Setting("cache_url", secret=True),
    Setting("sql", Kind.WORD, default="auto", choices=("auto", "portable")),
    Setting("keys", Kind.TEXTS, secret=True),
)


def read_store(table: Table, base: Path) -> StoreSettings:
    """Read the table ``[store]``; faults are left with it. ``base``: where a relative path of SQLite begins."""
    url = _database_url(table, base)
    prefix = table.text("table_prefix")
    if not _PREFIX.fullmatch(prefix):
        table.fault("config.wrong-type", "table_prefix", needed="lower-case letters, digits and _, at most 24")
    cache = table.text("cache_url")
    if cache and urlsplit(cache).scheme not in _CACHES:
        table.fault("config.bad-url", "cache_url")
    portable = table.choice("sql") == "portable"
    keys = tuple(key for key in (parse_key(text) for text in table.texts("keys")) if key is not None)
    if len(keys) != len(table.texts("keys")) or len({key.number for key in keys}) != len(keys):
        table.fault("config.bad-store-key", "keys")
    elif not keys and url and not table.broken:
        table.fault("config.missing-setting", "keys")
    table.finish()
    return StoreSettings(url, prefix, cache, portable, keys)


def _database_url(table: Table, base: Path) -> str:
    url = table.text("database_url")
    if url == MEMORY or not url:
        return ""
    try:
        parts = urlsplit(url)
        known = parts.scheme in _SCHEMES and parts.port != 0
    except ValueError:
        known = False
    if not known:
        table.fault("config.bad-database-url", "database_url", known=" | ".join((*_SCHEMES, MEMORY)))
        return ""
    if parts.scheme == "sqlite":
        path = url.removeprefix("sqlite:///")
        if path == url or not path:
            table.fault("config.bad-database-url", "database_url", needed="sqlite:///haoma.db")
            return ""
        return f"sqlite:///{(base / path).absolute()}"
    if not parts.hostname or not parts.path.strip("/"):
        table.fault("config.bad-database-url", "database_url", needed=f"{parts.scheme}://user:password@host/database")
        return ""
    return url
