"""Lanes: each process writes rows of the audit log one after the other, and each row authenticates all before it.

``mac = HMAC-SHA-256-128(K, mac of the row before | tenant | lane | number | at | entry)``

The key is not in the database, so whoever can write there can change, insert or reorder nothing unnoticed. A lane has
no natural gaps: a row gets its number when its transaction is written, and the next number is given out only once the
database has acknowledged the commit.

* A lane is named by the moment when it was opened and a random number. So the rows lie in the table in the order of
  time, and whatever is old lies together.
* Its first row names the key.
* It ends after an hour, after 100,000 rows, or if nobody can tell whether a commit has reached the database.

Sources: RFC 4868 for the truncated HMAC; measured in docs/decisions/0026.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from haoma.store.rows import Audited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from haoma.store.sealing import StoreKey

    Said: TypeAlias = tuple[str, str, Mapping[str, str]]

LANE_MS: Final = 3_600_000
MOST_ROWS: Final = 100_000
LANE_BYTES: Final = 8
MAC_BYTES: Final = 16
BEFORE_FIRST: Final = bytes(MAC_BYTES)
OPENED: Final = "audit.lane"
"""What the first row of a lane says."""

_NUMBER: Final = re.compile(r"\+?(?<!\d)\d(?:[ -]?\d){9,14}(?!\d)")
_encode: Final = msgspec.json.Encoder().encode


class AuditKeys:
    """The keys of a tenant's audit log.

    Args:
        keys: The first one signs; all of them verify.
        tenant: The tenant. It is a part of what is authenticated.

    Attributes:
        current: Number of the key that signs.
        numbers: The numbers of all keys.
        tenant: As given.
    """

    def __init__(self, keys: Sequence[StoreKey], tenant: str) -> None:
        self.tenant = tenant
        self.current = keys[0].number
        self._tenant = len(tenant.encode()).to_bytes(2) + tenant.encode()
        self._lanes = {key.number: _derived(key, b"haoma lane") for key in keys}
        self._seals = {key.number: _derived(key, b"haoma seal") for key in keys}

    @property
    def numbers(self) -> tuple[int, ...]:
        """See above."""
        return tuple(self._lanes)

    def row_mac(self, number: int, before: bytes, place: bytes, at: int, entry: bytes) -> bytes:
        """Return the MAC of a row under the key of a number."""
        text = b"%b%b%b%b%b" % (before, self._tenant, place, at.to_bytes(8, signed=True), entry)
        return hmac.digest(self._lanes[number], text, "sha256")[:MAC_BYTES]

    def seal_mac(self, number: int, before: bytes, place: bytes, at: int, heads: bytes) -> bytes:
        """Return the MAC of a seal under the key of a number."""
        text = b"%b%b%b%b%b" % (before, self._tenant, place, at.to_bytes(8, signed=True), heads)
        return hmac.digest(self._seals[number], text, "sha256")[:MAC_BYTES]


class Lane:
    """The lane of one writer. Only the writer uses it.

    Args:
        keys: The keys.
    """

    def __init__(self, keys: AuditKeys) -> None:
        self._keys = keys
        self._place = b""
        self._mac = BEFORE_FIRST
        self._why = "started"
        self._next = b""

    def rows(self, now: int, fence: Callable[[], int], said: Sequence[Said]) -> list[Audited]:
        """Return the rows of what is said. Nothing is noted until they are `done`.

        Args:
            now: Milliseconds since 1970 by the database's clock.
            fence: Makes the versions.
            said: What happened, who asked, and facts.
        """
        if not said:
            return []
        place, before = self._place, self._mac
        entries = [_encode({"what": what, "by": by, **_masked(facts)}) for what, by, facts in said]
        if not place or self._is_over(now, len(entries)):
            lane = self._next = self._next or new_lane(now)
            place, before = lane + bytes(8), BEFORE_FIRST
            first = {"what": OPENED, "by": "haoma", "key": str(self._keys.current), "why": self._why}
            entries.insert(0, _encode(first))
        lane, number = place[:LANE_BYTES], int.from_bytes(place[LANE_BYTES:])
        mac, key = self._keys.row_mac, self._keys.current
        found = []
        for number, entry in enumerate(entries, number + 1):  # noqa: B020 - it goes on where the lane is
            place = lane + number.to_bytes(8)
            before = mac(key, before, place, now, entry)
            found.append(Audited(place, fence(), now, entry, before))
        return found

    def done(self, rows: Sequence[Audited]) -> None:
        """Note that rows are committed."""
        if rows:
            self._place, self._mac = rows[-1].place, rows[-1].mac
            self._next = b""

    def refused(self) -> None:
        """Note that nothing was committed. Perhaps another process's lane has the name that the next one was to have.

        It is not called while a commit may still reach the database: then the next try has the same name, and the
        second of both finds the first there.
        """
        self._next = b""

    def end(self) -> None:
        """End the lane: nobody knows whether its last rows are committed."""
        self._place = self._next = b""
        self._why = "unknown-outcome"

    def _is_over(self, now: int, more: int) -> bool:
        """Tell whether the lane takes no more rows, and note why."""
        if not 0 <= now - opened_at(self._place) < LANE_MS:
            self._why = "time"
        elif int.from_bytes(self._place[LANE_BYTES:]) + more > MOST_ROWS:
            self._why = "full"
        else:
            return False
        return True


def _masked(facts: Mapping[str, str]) -> Mapping[str, str]:
    """Return the facts without the numbers that somebody has typed into a reason."""
    reason = facts.get("reason")
    return facts if reason is None else {**facts, "reason": _NUMBER.sub("***", reason)}


def new_lane(now: int) -> bytes:
    """Return the name of a lane that is opened now."""
    return now.to_bytes(6) + os.urandom(2)


def opened_at(lane: bytes) -> int:
    """Return when a lane was opened, in milliseconds since 1970."""
    return int.from_bytes(lane[:6])


def _derived(key: StoreKey, purpose: bytes) -> bytes:
    return hashlib.blake2b(key=key.secret, person=purpose, digest_size=32).digest()
