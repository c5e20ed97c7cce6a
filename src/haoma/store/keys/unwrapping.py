"""The keys of accounts, all of them unwrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.store.keys.config import AccountKeys
from haoma.store.sealing import StoreKey

if TYPE_CHECKING:
    from haoma.store.keys.config import AccountSettings


def account_keys(settings: AccountSettings) -> AccountKeys:
    """Return the keys of the settings."""
    found = [
        tuple(key for key in keys if isinstance(key, StoreKey))
        for keys in (settings.keys, settings.peppers, settings.audit_keys)
    ]
    return AccountKeys(*found)
