"""How values are sealed, and how places are named.

Two keys that are not in the database. What is kept is sealed with AES-256-GCM; where it is kept is a keyed BLAKE2b
digest, so that neither codes nor handles nor user ids can be found out from a copy of the database.

* A sealed value is ``1 | algorithm | key id (4) | nonce (12) | ciphertext | tag (16)``.
* Its associated data is a length-prefixed label, the tenant, the place and the field: a value that is moved to another
  row, another field or another tenant does not open.

Source: section 5 of NIST SP 800-38D for the nonce (random, 96 bits, at most 2^32 values a key).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT: Final = 1
_AES_256_GCM: Final = 1
_HEAD: Final = 6
_NONCE: Final = 12
KEY_BYTES: Final = 32


class CannotUnseal(ValueError):
    """These bytes were not sealed by us, for this place, with a key that we have."""


@dataclass(frozen=True, slots=True)
class StoreKey:
    """One key of the store.

    Attributes:
        number: Its id, 1 to 2^32 - 1: written beside everything that it sealed.
        secret: 32 random bytes.
    """

    number: int
    secret: bytes = field(repr=False)


class Sealer:
    """Seals values, and names places.

    Args:
        keys: The keys. The first one seals; all of them open.
        tenant: The tenant, a part of what is sealed.

    Attributes:
        tenant: The same.

    Raises:
        ValueError: There is no key, or one has not 32 bytes.
    """

    def __init__(self, keys: tuple[StoreKey, ...], tenant: str) -> None:
        if not keys or any(len(key.secret) != KEY_BYTES or not 0 < key.number < 1 << 32 for key in keys):
            raise ValueError("a key of the store has 32 bytes")
        self._sealers = {key.number: AESGCM(_derived(key, b"haoma seal")) for key in keys}
        self._current = keys[0].number
        self._head = bytes((_FORMAT, _AES_256_GCM)) + self._current.to_bytes(4)
        self._indexes = tuple(_derived(key, b"haoma index") for key in keys)
        self.tenant: Final = tenant
        label, of = b"haoma/store/v1", tenant.encode()
        self._label = len(label).to_bytes(2) + label + len(of).to_bytes(2) + of

    def places(self, purpose: bytes, *parts: str | bytes) -> tuple[bytes, ...]:
        """Return the keyed digests of what a row is about, 32 bytes each: under the current key first.

        A row that was written under an older key is found, and stays, at its place under that one.

        Args:
            purpose: At most 16 bytes.
            parts: What the row is about. As Python writes a tuple, no two are the same.
        """
        text = ascii(parts).encode()
        return tuple(
            hashlib.blake2b(text, key=index, person=purpose, digest_size=32).digest() for index in self._indexes
        )

    def seal(self, place: bytes, name: bytes, value: bytes) -> bytes:
        """Return ``value``, sealed for the field ``name`` of the row at ``place``."""
        nonce = os.urandom(_NONCE)
        sealed = self._sealers[self._current].encrypt(nonce, value, self._bound(place, name, self._head))
        return self._head + nonce + sealed

    def unseal(self, place: bytes, name: bytes, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            CannotUnseal: It was changed, moved, or sealed with a key that we do not have.
        """
        head = sealed[:_HEAD]
        sealer = self._sealers.get(int.from_bytes(head[2:]))
        if head[:2] != self._head[:2] or sealer is None:
            raise CannotUnseal
        nonce, body = sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        try:
            return sealer.decrypt(nonce, body, self._bound(place, name, head))
        except (InvalidTag, ValueError):
            raise CannotUnseal from None

    def _bound(self, place: bytes, name: bytes, head: bytes) -> bytes:
        return b"".join(
            (self._label, len(place).to_bytes(2), place, len(name).to_bytes(2), name, len(head).to_bytes(2), head)
        )


def _derived(key: StoreKey, purpose: bytes) -> bytes:
    return hashlib.blake2b(key=key.secret, person=purpose, digest_size=32).digest()
