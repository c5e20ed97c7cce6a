"""The keys of accounts, all of them unwrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.store.keys.config import AccountKeys, WrappedKey
from haoma.store.keys.vault import unwrap
from haoma.store.sealing import StoreKey

if TYPE_CHECKING:
    from haoma.store.keys.config import AccountKey, AccountSettings, Vault


def account_keys(settings: AccountSettings) -> AccountKeys:
    """Return the keys of the settings. If some are wrapped, the first call in a process asks for them over the network.

    Raises:
        ConfigFaults: ``config.vault-refused``: a key could not be unwrapped.
    """
    found = settings.keys, settings.peppers, settings.audit_keys
    return AccountKeys(*(tuple(_opened(key, settings.vault) for key in keys) for keys in found))


def _opened(key: AccountKey, vault: Vault | None) -> StoreKey:
    if not isinstance(key, WrappedKey):
        return key
    assert vault is not None  # noqa: S101 - the settings are not read without it
    return StoreKey(key.number, unwrap(vault, key.wrapped))
