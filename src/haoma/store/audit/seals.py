"""Seals: every few seconds the ends of all lanes that have grown are written down, chained and authenticated.

A lane alone does not show that its last rows were cut off, or that the whole of it is gone. A seal that covers them
does. Each seal is also written to the log and may be shipped: from then on not even somebody who has the key can change
what it covers.

Lanes are found by their rows, which are ordered by the moment when a lane was opened: there is no list of open lanes
that somebody could shorten. The number of a seal is the key of its row, so of two processes that seal at the same time
one finds that it is done.

``heads``: number of the key (4), then for each lane its name (8), the number of its last row (8) and the MAC (16).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from haoma.errors import HaomaError, StoreUnavailable
from haoma.io import clock
from haoma.store.audit.lanes import BEFORE_FIRST, LANE_BYTES, LANE_MS, MAC_BYTES
from haoma.store.batch import LANES, Conflict, Fences
from haoma.store.flows import ask
from haoma.store.rows import SEALS, Sealing
from haoma.store.version import reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from haoma.store.audit.lanes import AuditKeys
    from haoma.store.batch import Connection
    from haoma.store.store import Engine

EVERY_SECONDS: Final = 9.0
"""How old the newest seal may be; another second may pass until the next one is written."""
SLACK_MS: Final = 600_000
"""How long after its hour a lane may still grow: longer than any transaction lasts."""
_MOST_KNOWN: Final = 10_000
_END_SECONDS: Final = 3.0
_HEAD: Final = LANE_BYTES + 8 + MAC_BYTES
_KEY: Final = 4
_LAST: Final = b"\xff" * 8


class Head(NamedTuple):
    """The end of a lane."""

    lane: bytes
    number: int
    mac: bytes


class Seal(NamedTuple):
    """A seal, as its row says.

    Attributes:
        number: 1, 2, …
        at: When it was made, in milliseconds since 1970.
    """

    number: int
    at: int
    heads: bytes
    mac: bytes

    @property
    def place(self) -> bytes:
        """The place of its row."""
        return self.number.to_bytes(8)

    @property
    def key(self) -> int:
        """Number of the key."""
        return int.from_bytes(self.heads[:_KEY])

    def ends(self) -> Iterator[Head]:
        """Yield the ends of lanes."""
        for start in range(_KEY, len(self.heads) - _HEAD + 1, _HEAD):
            each = self.heads[start : start + _HEAD]
            yield Head(each[:LANE_BYTES], int.from_bytes(each[LANE_BYTES : LANE_BYTES + 8]), each[-MAC_BYTES:])


class Statements:
    """The statements about rows and seals, all of them portable.

    Args:
        prefix: Before the name of every table.
    """

    def __init__(self, prefix: str) -> None:
        audit, seals = f"{prefix}audit WHERE tenant = ? AND place", f"{prefix}seals WHERE tenant = ?"
        seal = f"SELECT place, at, heads, mac FROM {seals}"  # noqa: S608
        self.newest = f"{seal} ORDER BY place DESC LIMIT 1"
        self.recent = f"{seal} ORDER BY place DESC LIMIT 500"
        self.seals = f"{seal} AND place > ? ORDER BY place LIMIT 5000"
        self.after = f"SELECT place FROM {audit} > ? ORDER BY place LIMIT 1"  # noqa: S608
        # Somebody else may have put in a row that is no lane's.
        self.last = (
            f"SELECT place, mac FROM {audit} > ? AND place <= ? AND LENGTH(place) = 16 "  # noqa: S608
            "ORDER BY place DESC LIMIT 1"
        )
        self.rows = f"SELECT place, at, entry, mac FROM {audit} > ? ORDER BY place LIMIT 5000"  # noqa: S608
        self.end = f"SELECT place FROM {audit} <= ? ORDER BY place DESC LIMIT 1"  # noqa: S608
        self.old = f"SELECT place, mac FROM {audit} < ? ORDER BY place LIMIT 1 OFFSET ?"  # noqa: S608
        self.oldest = f"SELECT place, mac FROM {audit} < ? ORDER BY place DESC LIMIT 1"  # noqa: S608
        self.count = f"SELECT COUNT(*) FROM {audit} < ?"  # noqa: S608
        self.count_of_seals = f"SELECT COUNT(*) FROM {seals} AND at < ?"  # noqa: S608
        self.drop = f"DELETE FROM {audit} <= ?"  # noqa: S608
        self.moments = f"SELECT place, at FROM {seals} ORDER BY place LIMIT 5000"  # noqa: S608
        self.drop_seals = f"DELETE FROM {seals} AND place < ?"  # noqa: S608

    def all(self) -> list[str]:
        """Return every statement."""
        return list(vars(self).values())


def seal_of(row: tuple[Any, ...]) -> Seal:
    """Return a seal from the columns of its row."""
    place, at, heads, mac = row
    return Seal(int.from_bytes(place), int(at), bytes(heads), bytes(mac))


def seals_after(connection: Connection, prefix: str, tenant: str, number: int) -> Generator[Any, Any, list[Seal]]:
    """Return the seals after a number."""
    after, found = number.to_bytes(8), []
    while rows := (yield connection.select(Statements(prefix).seals, [tenant, after])):
        found += [seal_of(row) for row in rows if len(row[0]) == len(after)]
        after = bytes(rows[-1][0])
    return found


class SealWriter:
    """Makes the seals of one process.

    Args:
        prefix: Before the name of every table.
        keys: The keys.
        at_once: Whether to seal although the newest seal is new.

    Attributes:
        lost: The number of a seal that this process has seen, and that is no longer there; 0 for none.
    """

    def __init__(self, prefix: str, keys: AuditKeys, *, at_once: bool = False) -> None:
        self.lost = 0
        self._at_once = at_once
        self._statements = Statements(prefix)
        self._keys = keys
        self._fences = Fences(secrets.randbelow(LANES))
        self._seen: Seal | None = None
        self._seen_at = 0.0
        self._known: set[Head] = set()

    def seal(self, connection: Connection) -> Generator[Any, Any, tuple[Seal | None, float]]:
        """Seal what has grown, unless that was done a moment ago.

        Returns:
            The seal, or None if there was nothing to do; and for how many seconds there is nothing to do.
        """
        try:
            return (yield from self._seal(connection))
        except Conflict:  # another process has done it
            yield connection.rollback()
            return None, EVERY_SECONDS

    def _seal(self, connection: Connection) -> Generator[Any, Any, tuple[Seal | None, float]]:
        now_us = yield connection.now()
        self._fences.begin(now_us, [])
        now = now_us // 1000
        text = self._statements.recent if self._seen is None else self._statements.newest
        found = yield connection.select(text, [self._keys.tenant])
        last = seal_of(found[0]) if found else None
        for row in found[1:]:
            self._known |= set(seal_of(row).ends())
        due = self._due(last, now)
        if due > 0 and not self._at_once:
            return None, due
        since = 0 if last is None else min(last.at, now)  # the clock may have been set back
        heads = yield from self._heads(connection, since)
        grown = [head for head in heads if head not in self._known]
        if not grown:
            return None, EVERY_SECONDS
        made = self._make(last, now, grown)
        yield connection.begin()
        yield connection.insert(SEALS, [Sealing(made.place, self._fences.next(), now, made.heads, made.mac)])
        yield connection.commit()
        self._see(made)
        self._known = set(heads)
        return made, EVERY_SECONDS

    def _due(self, last: Seal | None, now: int) -> float:
        """Return in how many seconds the next seal is due, and note what is the newest one."""
        before = self._seen
        if before is not None and last != before and (last is None or last.number <= before.number):
            self.lost, self._known = before.number, set()
        if last is None:
            self._seen = None
            return 0
        if last != before:
            self._see(last)
            self._known = {*(self._known if len(self._known) < _MOST_KNOWN else ()), *last.ends()}
        # Whoever can write the database can also make the newest seal look new for ever.
        age = max((now - last.at) / 1000, clock.monotonic() - self._seen_at)
        return 0 if now < last.at else EVERY_SECONDS - 1 - age

    def _see(self, found: Seal) -> None:
        self._seen, self._seen_at = found, clock.monotonic()

    def _make(self, last: Seal | None, now: int, heads: Sequence[Head]) -> Seal:
        keys, number = self._keys, 1 if last is None else (last.number + 1) % (1 << 64)
        packed = keys.current.to_bytes(_KEY) + b"".join(lane + row.to_bytes(8) + mac for lane, row, mac in heads)
        before = BEFORE_FIRST if last is None else last.mac
        mac = keys.seal_mac(keys.current, before, number.to_bytes(8), now, packed)
        return Seal(number, now, packed, mac)

    def _heads(self, connection: Connection, since: int) -> Generator[Any, Any, list[Head]]:
        """Return the ends of the lanes that may have grown since a moment.

        Nothing but the key of a row decides which those are: what else it says may be somebody else's word.
        """
        statements, tenant = self._statements, self._keys.tenant
        after = max(0, since - LANE_MS - SLACK_MS).to_bytes(6)
        heads = []
        while found := (yield connection.select(statements.after, [tenant, after])):
            first = bytes(found[0][0])
            lane = first[:LANE_BYTES]
            until = lane + _LAST
            last = yield connection.select(statements.last, [tenant, after, until])
            if last and len(last[0][1]) == MAC_BYTES:
                heads.append(Head(lane, int.from_bytes(last[0][0][LANE_BYTES:]), bytes(last[0][1])))
            after = max(until, first)
        return heads


async def seal_now(engine: Engine, keys: AuditKeys) -> Seal | None:
    """Seal once, whenever the newest seal was made.

    Raises:
        StoreUnavailable: ``internal.store-unavailable``.
    """
    with reaching():
        made, _ = await ask(engine, SealWriter(engine.prefix, keys, at_once=True).seal)
    return made


async def keep_sealed(engine: Engine, keys: AuditKeys, tell: Callable[[Seal | HaomaError | int], None]) -> None:
    """Seal every ten seconds until the task is cancelled. Every process may run it.

    Args:
        engine: The database.
        keys: The keys.
        tell: Is told of each seal that this process has made, of the number of one that has gone, or why there is none.
    """
    writer = SealWriter(engine.prefix, keys)
    wait = EVERY_SECONDS
    while True:
        # At different moments in different processes: the first one makes the seal, and the others see that it is new.
        await asyncio.sleep(max(wait, 0.5) - random.random() / 2)  # noqa: S311
        try:
            with reaching():
                made, wait = await ask(engine, writer.seal)
        except StoreUnavailable as error:
            wait = EVERY_SECONDS
            tell(error)
            continue
        if writer.lost:
            tell(writer.lost)
            writer.lost = 0
        if made is not None:
            tell(made)


async def seal_the_rest(engine: Engine, keys: AuditKeys, tell: Callable[[Seal], None]) -> None:
    """Seal what was written since, at the end of a process, if the database is there."""
    with contextlib.suppress(StoreUnavailable, TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            made = await seal_now(engine, keys)
        if made is not None:
            tell(made)
