"""Which database holds what has to outlive a process, and which keys seal it."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from haoma.crypto.strict import decode_base64
from haoma.errors import HaomaError
from haoma.store.sealing import KEY_BYTES, StoreKey

MEMORY: Final = "memory"
"""What ``database_url`` says if nothing shall outlive the process."""
PREFIX: Final = "haoma_"
_DATABASE: Final = "haoma.db"
_KEY_FILE: Final = "haoma.keys"
_MOST_KEYS: Final = 999_999_999
_KEY: Final = re.compile(r"([1-9][0-9]{0,8}):([A-Za-z0-9+/]{43}=)")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where what has to outlive a process is kept.

    Attributes:
        database_url: ``sqlite:///…``, ``postgresql://…`` or ``mysql://…``; empty for memory alone.
        table_prefix: Before the name of every table.
        cache_url: ``redis://…``; empty for none.
        portable: True to use only the portable statements, for engines that speak PostgreSQL's protocol.
        keys: The first one seals, all of them open. Empty for the embedded store, whose keys are in ``key_file``.
        key_file: The file of the embedded store's keys. It is made at the first start.
        embedded: True if nobody has configured a store: the service has one of its own.
    """

    database_url: str = field(default="", repr=False)
    table_prefix: str = PREFIX
    cache_url: str = field(default="", repr=False)
    portable: bool = False
    keys: tuple[StoreKey, ...] = field(default=(), repr=False)
    key_file: Path | None = None
    embedded: bool = False

    @property
    def kind(self) -> str:
        """``sqlite``, ``postgresql``, ``mysql`` or ``memory``."""
        return urlsplit(self.database_url).scheme or MEMORY

    @property
    def path(self) -> Path:
        """The file of SQLite."""
        return Path(self.database_url.removeprefix("sqlite:///"))


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where events are sent.

    Attributes:
        url: The address of the receiver.
        secrets: Each of them signs; the first one is the newest.
        timeout: Seconds that the receiver has to answer.
    """

    url: str
    secrets: tuple[bytes, ...] = field(repr=False)
    timeout: float = 15.0


def embedded_store(folder: Path) -> StoreSettings:
    """Return the store that the service has when nobody has configured one."""
    return StoreSettings(
        database_url=f"sqlite:///{(folder / _DATABASE).absolute()}",
        key_file=(folder / _KEY_FILE).absolute(),
        embedded=True,
    )


def existing(store: StoreSettings) -> StoreSettings:
    """Return the store for a command that runs next to a service: its embedded store if it has made one, else none."""
    if not store.embedded:
        return store
    made = store.key_file is not None and store.key_file.is_file() and store.path.is_file()
    return replace(store, embedded=False) if made else StoreSettings()


def parse_key(text: str) -> StoreKey | None:
    """Return the key that ``1:base64`` is, or None."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    try:
        secret = decode_base64(match[2], "keys")
    except HaomaError:
        return None
    return StoreKey(int(match[1]), secret) if len(secret) == KEY_BYTES else None


def new_key() -> StoreKey:
    """Return a random key. Its number is random too: two people who each add a key add two."""
    return StoreKey(secrets.randbelow(_MOST_KEYS) + 1, secrets.token_bytes(KEY_BYTES))


def format_key(key: StoreKey) -> str:
    """Return a key as it stands in the settings."""
    return f"{key.number}:{base64.b64encode(key.secret).decode('ascii')}"
