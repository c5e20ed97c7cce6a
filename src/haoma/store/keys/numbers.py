"""How a phone number is sealed, and how it is found without being opened.

A record is ``version | algorithm | key id (4) | nonce (12) | ciphertext | tag (16)``, 50 bytes for every number.

* Each record has its own key: HKDF-SHA256 of the data key, with the record's salt and id. A salt that is deleted takes
  the number with it, even from copies of the records.
* The associated data is a label, the tenant, the record id, the algorithm and the key id, each with its length: a
  record that is moved to another row or tenant does not open.
* The algorithm byte is 1, AES-256-GCM. No other is known yet, and what is not known is refused.

The index is ``pepper's number (4) | HMAC-SHA256 of the number (28)``, 32 bytes: all that a place holds. 224 bits of the
digest leave no two numbers in one place. The pepper's number stands in front so that the rows of a retired pepper can
be counted and removed: nobody could tell them otherwise once it is gone.

Sources: RFC 5869 for HKDF; section 8.2 of NIST SP 800-38D for the nonce. A record's key seals that record alone, so its
nonces are few however many numbers there are.
"""

from __future__ import annotations

import hmac
import os
import re
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from haoma.store.sealing import KEY_BYTES, CannotUnseal, StoreKey

SALT_BYTES: Final = 16
RECORD_BYTES: Final = 50
PLACE_BYTES: Final = 32
_VERSION: Final = 1
_AES_256_GCM: Final = 1
_HEAD: Final = 6
_NONCE: Final = 12
_NUMBER: Final = 4
_LONGEST: Final = 16  # a plus sign and the 15 digits of E.164
_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)


class NumberSealer:
    """Seals the numbers of one tenant.

    Args:
        keys: The data keys. The first one seals; all of them open.
        tenant: The tenant, a part of every key and of what is sealed.

    Attributes:
        current: The id of the key that seals.

    Raises:
        ValueError: There is no key, one has not 32 bytes, or two have one number.
    """

    def __init__(self, keys: tuple[StoreKey, ...], tenant: str) -> None:
        self._keys = _derived(keys, b"haoma/number/key/v1", tenant)
        self.current = keys[0].number
        self._head = bytes((_VERSION, _AES_256_GCM)) + self.current.to_bytes(_NUMBER)
        self._tenant = tenant.encode()

    def seal(self, record_id: bytes, salt: bytes, e164: str) -> tuple[bytes, int]:
        """Return the record of a number, and the id of the key that sealed it.

        Args:
            record_id: The id of the row. Records of one row may be sealed again, with the same salt.
            salt: 16 random bytes, which are kept elsewhere.
            e164: The number, as ``+8613800138000``.

        Raises:
            ValueError: That is no number, or the salt has not 16 bytes.
        """
        if len(salt) != SALT_BYTES:
            raise ValueError("a salt has 16 bytes")
        # Every record is as long as the longest: the length of a number would give its country away.
        text = _checked(e164).ljust(_LONGEST, b"\x00")
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(_record_key(self._keys[self.current], record_id, salt))
        sealed = cipher.encrypt(nonce, text, self._bound(record_id, self._head))
        return self._head + nonce + sealed, self.current

    def unseal(self, record_id: bytes, salt: bytes, record: bytes) -> str:
        """Return the number of a record.

        Raises:
            CannotUnseal: It was changed, moved, or sealed with a key or in a way that we do not have.
        """
        head, nonce, body = record[:_HEAD], record[_HEAD : _HEAD + _NONCE], record[_HEAD + _NONCE :]
        key = self._keys.get(int.from_bytes(head[2:]))
        # HMAC fills a short key with zeros, so that a salt without its last zeros would be the same salt.
        whole = len(record) == RECORD_BYTES and len(salt) == SALT_BYTES
        if not whole or head[:2] != self._head[:2] or key is None:
            raise CannotUnseal
        try:
            text = AESGCM(_record_key(key, record_id, salt)).decrypt(nonce, body, self._bound(record_id, head))
        except InvalidTag:
            raise CannotUnseal from None
        return text.rstrip(b"\x00").decode("ascii")

    def _bound(self, record_id: bytes, head: bytes) -> bytes:
        return _joined(b"haoma/number/v1", self._tenant, record_id, head[1:2], head[2:])


class BlindIndex:
    """Names the places of numbers: equal numbers of one tenant have equal places, and nobody else can find them.

    Args:
        peppers: The peppers: one, or two while it is changed.
        tenant: The tenant, a part of every place.

    Attributes:
        numbers: The numbers of the peppers.

    Raises:
        ValueError: There is no pepper, one has not 32 bytes, or two have one number.
    """

    def __init__(self, peppers: tuple[StoreKey, ...], tenant: str) -> None:
        self._peppers = _derived(peppers, b"haoma/number/index/v1", tenant)
        self.numbers = frozenset(self._peppers)

    def places(self, e164: str) -> tuple[bytes, ...]:
        """Return the place of a number under every pepper, in the order of the settings.

        Raises:
            ValueError: That is no number.
        """
        text = _checked(e164)
        return tuple(
            number.to_bytes(_NUMBER) + hmac.digest(pepper, text, "sha256")[: PLACE_BYTES - _NUMBER]
            for number, pepper in self._peppers.items()
        )


def key_of(record: bytes) -> int:
    """Return the id of the key that sealed a record, as the record says."""
    return int.from_bytes(record[2:_HEAD])


def pepper_of(place: bytes) -> int:
    """Return the number of the pepper that named a place."""
    return int.from_bytes(place[:_NUMBER])


def _checked(e164: str) -> bytes:
    if not _E164.fullmatch(e164):
        raise ValueError("not a number in E.164 form")  # the number itself is not told
    return e164.encode("ascii")


def _derived(keys: tuple[StoreKey, ...], label: bytes, tenant: str) -> dict[int, bytes]:
    """Return the keys of a tenant by their numbers, in their order."""
    fit = all(len(key.secret) == KEY_BYTES and 0 < key.number < 1 << 32 for key in keys)
    found = {key.number: _hkdf(key.secret, None, _joined(label, tenant.encode())) for key in keys if fit}
    if not keys or len(found) != len(keys):
        raise ValueError("a key has 32 bytes and a number of its own")
    return found


def _record_key(key: bytes, record_id: bytes, salt: bytes) -> bytes:
    return _hkdf(key, salt, record_id)


def _hkdf(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, info).derive(secret)


def _joined(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(2) + part for part in parts)
