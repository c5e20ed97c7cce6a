"""The tables ``[accounts]`` and ``[accounts.vault]``."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from haoma.platforms.base.setting import Kind, Setting
from haoma.secret import Secret
from haoma.store.keys.config import (
    DAY_SECONDS,
    STALE_AFTER,
    TRANSIT,
    AccountSettings,
    Vault,
    WrappedKey,
    parse_account_key,
)
from haoma.store.sealing import StoreKey

if TYPE_CHECKING:
    from haoma.platforms.base.table import Table
    from haoma.store.config import StoreSettings
    from haoma.store.keys.config import AccountKey

_KEYS: Final = ("keys", "peppers", "audit_keys")
_MOST_PEPPERS: Final = 2
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-]|[A-Za-z0-9]")
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")
_MOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(/[A-Za-z0-9][A-Za-z0-9_-]{0,63}){0,7}")

ACCOUNTS: Final = (
    *(Setting(name, Kind.TEXTS, required=True, secret=True) for name in _KEYS),
    Setting("stale_after", Kind.NUMBER, default=STALE_AFTER / DAY_SECONDS, least=1, most=3650, whole=True, unit="days"),
    Setting("on_stale", Kind.WORD, default="review", choices=("review", "reject", "move")),
)
VAULT: Final = (
    Setting("address", Kind.ADDRESS, required=True),
    Setting("token", required=True, secret=True),
    Setting("key", required=True),
    Setting("mount", default=TRANSIT),
    Setting("ca_file", Kind.FILE),
)


def read_accounts(table: Table, vault: Vault | None, store: StoreSettings, *, wrapped: bool) -> AccountSettings | None:
    """Read the table ``[accounts]``; faults are left with it. Returns None if there are some.

    Args:
        table: The table, without ``vault``.
        vault: What ``[accounts.vault]`` says; None if there is none, or if it has faults.
        store: The store, whose keys are others.
        wrapped: Whether there is a table ``[accounts.vault]``.
    """
    found = {name: _keys(table, name) for name in _KEYS}
    keys, peppers, audit_keys = found.values()
    if len(peppers) > _MOST_PEPPERS:
        table.fault("config.wrong-type", "peppers", found=len(peppers), needed="one or two keys")
    for name in _KEYS:
        if not wrapped and any(isinstance(key, WrappedKey) for key in found[name]):
            table.fault("config.vault-missing", name)
    taken = {key.secret: "store.keys" for key in store.keys}
    for name in _KEYS:
        for secret in {key.secret for key in found[name] if isinstance(key, StoreKey)}:
            if secret in taken:
                table.fault("config.key-in-two-places", name, other=taken[secret])
            taken[secret] = f"accounts.{name}"
    days = table.number("stale_after")
    on_stale = table.choice("on_stale")
    table.finish()
    if table.broken:
        return None
    return AccountSettings(keys, peppers, audit_keys, days * DAY_SECONDS, on_stale, vault)


def read_vault(table: Table, ca_file: str | None) -> Vault | None:
    """Read the table ``[accounts.vault]``; faults are left with it. ``ca_file``: its authorities, if there are some."""
    # A proxy of Vault on this machine takes plain http, and nothing of it reaches a network.
    insecure = table.allow_insecure_upstreams = table.allow_insecure_upstreams or _is_here(table.text("address"))
    address = table.url("address") if "address" in table else ""
    token, key, mount = table.text("token"), table.text("key"), table.text("mount").strip("/")
    for name, value, fits in (("key", key, _NAME), ("mount", mount, _MOUNT)):
        if value and not fits.fullmatch(value):
            table.fault("config.wrong-type", name, needed="letters, digits, - and _")
    if not _TOKEN.fullmatch(token) and token:
        table.fault("config.wrong-type", "token", needed="visible ASCII characters without spaces")
    table.finish()
    return None if table.broken else Vault(address, Secret(token), key, mount, ca_file, insecure)


def _keys(table: Table, name: str) -> tuple[AccountKey, ...]:
    texts = table.texts(name)
    keys = tuple(key for key in map(parse_account_key, texts) if key is not None)
    if len(keys) != len(texts) or len({key.number for key in keys}) != len(keys):
        table.fault("config.bad-store-key", name)
    return keys


def _is_here(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback  # a name is no address: ValueError
    except ValueError:
        return False
