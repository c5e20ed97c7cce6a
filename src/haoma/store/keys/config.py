"""Which keys seal the numbers, find them and sign the audit log, and who keeps these keys."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from haoma.store.config import parse_key
from haoma.store.sealing import StoreKey

if TYPE_CHECKING:
    from haoma.secret import Secret

DAY_SECONDS: Final = 86_400.0
STALE_AFTER: Final = 180 * DAY_SECONDS
TRANSIT: Final = "transit"
_WRAPPED: Final = re.compile(r"([1-9][0-9]{0,8}):(vault:v[1-9][0-9]{0,8}:[A-Za-z0-9+/]{40,400}={0,2})")


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key that Vault or OpenBao has wrapped. Only there it can be unwrapped.

    Attributes:
        number: Its id, as of a `StoreKey`.
        wrapped: ``vault:v1:…``.
    """

    number: int
    wrapped: str


AccountKey: TypeAlias = StoreKey | WrappedKey


@dataclass(frozen=True, slots=True)
class Vault:
    """The transit engine of a Vault or an OpenBao.

    Attributes:
        address: ``https://vault.example:8200``.
        token: Its token.
        key: Name of the key in the engine.
        mount: Where the engine is mounted.
        ca_file: PEM file with the authorities to trust instead of the system's, or None.
        insecure: Whether plain http is permitted: to this machine, or to a fake.
    """

    address: str
    token: Secret
    key: str
    mount: str = TRANSIT
    ca_file: str | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """The table ``[accounts]``: numbers and accounts are kept only where it is.

    Attributes:
        keys: Data keys of the numbers. The first one seals, all of them open.
        peppers: Keys of the blind index: one, or two while it is changed.
        audit_keys: Keys of the audit log. The first one signs, all of them verify.
        stale_after: Seconds after which a number that was not verified again joins nobody.
        on_stale: What happens then: ``review``, ``reject`` or ``move``.
        vault: Who unwraps keys; None if none is wrapped.
    """

    keys: tuple[AccountKey, ...] = field(repr=False)
    peppers: tuple[AccountKey, ...] = field(repr=False)
    audit_keys: tuple[AccountKey, ...] = field(repr=False)
    stale_after: float = STALE_AFTER
    on_stale: str = "review"
    vault: Vault | None = None


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The keys of `AccountSettings`, all of them unwrapped."""

    keys: tuple[StoreKey, ...] = field(repr=False)
    peppers: tuple[StoreKey, ...] = field(repr=False)
    audit_keys: tuple[StoreKey, ...] = field(repr=False)


def parse_account_key(text: str) -> AccountKey | None:
    """Return the key that ``1:base64`` or ``1:vault:v1:…`` is, or None."""
    match = _WRAPPED.fullmatch(text)
    return WrappedKey(int(match[1]), match[2]) if match else parse_key(text)
