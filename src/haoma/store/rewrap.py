"""Sealing all numbers under the current key, and giving each its places under the current peppers, while others write.

It goes through the records in the order of their ids and changes only those that are not as they should be, so it can
be killed at any moment and begun again. Each batch is one transaction, in which a row is written only if its version is
the one that was read: what another process has written meanwhile is read again, never overwritten.

A new index row is a copy of one that is there. That one is written as well, with nothing changed but its version:
whoever verifies the number at the same moment has read the old version, fails, and then sees both rows.

Rows of a retired pepper are removed in a second round, so that a reader who has just read a record finds at least one
of its index rows.
"""

from __future__ import annotations

import contextlib
import random
import secrets
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma.errors import StoreUnavailable
from haoma.store.accounts.records import split
from haoma.store.batch import LANES, Changes, Conflict, Fences
from haoma.store.keys.numbers import key_of, pepper_of
from haoma.store.rows import NUMBERS, PHONES, SALTS
from haoma.store.sealing import CannotUnseal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from haoma.store.batch import Connection
    from haoma.store.keys.numbers import BlindIndex, NumberSealer
    from haoma.store.rows import Number, Row, Table

Work: TypeAlias = Generator[Any, Any, "tuple[Rewrapped, Changes]"]
"""What one transaction reads; returns what it is to write."""

BATCH: Final = 128
_TURNS: Final = 40
"""How often a batch starts again, at most. Each time another process has written, so somebody gets on."""
_PAUSE: Final = 0.005  # between two batches, so that requests get their turn on SQLite


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What was done, or would be.

    Attributes:
        records: Records that were looked at.
        sealed: Records sealed again, under the current key.
        added, removed: Index rows of new peppers, and of retired ones.
        unreadable: Records that none of the keys opens, or that have no salt or no index row. They stay as they are.
        taken: Records whose new place another record has. They stay as they are.
    """

    records: int = 0
    sealed: int = 0
    added: int = 0
    removed: int = 0
    unreadable: int = 0
    taken: int = 0

    def plus(self, other: Rewrapped) -> Rewrapped:
        """Return both together."""
        return Rewrapped(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


class Rewrap:
    """Rewraps the numbers of one tenant, over one connection.

    Args:
        connection: The connection.
        prefix, tenant: See `haoma.store.sql.Portable`.
        sealer, index: The current keys and peppers.
        dry_run: True to change nothing.
        tell: Is told after each batch how many records it was.
    """

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        tenant: str,
        sealer: NumberSealer,
        index: BlindIndex,
        *,
        dry_run: bool = False,
        tell: Callable[[int], object] = int,
    ) -> None:
        self._connection = connection
        self._find = find_text(prefix)
        self._tenant = tenant
        self._sealer = sealer
        self._index = index
        self._dry_run = dry_run
        self._tell = tell
        self._fences = Fences(secrets.randbelow(LANES))
        self._retired = False

    def run(self) -> Generator[Any, Any, Rewrapped]:
        """Rewrap.

        Raises:
            Disconnected: The database cannot be used now. What was done is done.
            StoreUnavailable: ``internal.store-unavailable``: others wrote the same rows again and again.
        """
        done = yield from self._round(self._renew, self._is_old, self._tell)
        if self._retired:
            second = yield from self._round(self._clean, self._is_retired, int)
            done = replace(done.plus(second), records=done.records)
        return done

    def _round(
        self,
        work: Callable[[list[bytes]], Work],
        wrong: Callable[[int, bytes], bool],
        tell: Callable[[int], object],
    ) -> Generator[Any, Any, Rewrapped]:
        """Go through all records, and do ``work`` on those that are wrong."""
        done, last = Rewrapped(), b""
        while found := (yield self._connection.select(self._find, [self._tenant, last])):
            last = found[-1][0]
            self._retired |= any(self._is_retired(key_id, indexes) for _, key_id, indexes in found)
            places = [place for place, key_id, indexes in found if wrong(key_id, indexes)]
            if places:
                done = done.plus((yield from self._transaction(work, places)))
                yield self._connection.pause(_PAUSE)
            done = done.plus(Rewrapped(records=len(found)))
            tell(len(found))
        return done

    def _is_old(self, key_id: int, indexes: bytes) -> bool:
        return key_id != self._sealer.current or not self._index.numbers <= _peppers(indexes)

    def _is_retired(self, _key_id: int, indexes: bytes) -> bool:
        return not _peppers(indexes) <= self._index.numbers

    def _transaction(self, work: Callable[[list[bytes]], Work], places: list[bytes]) -> Generator[Any, Any, Rewrapped]:
        connection = self._connection
        for turn in range(_TURNS):
            if turn:
                yield connection.pause(random.random() * 0.002 * min(turn, 25))  # noqa: S311 - to get out of step
            if self._dry_run:
                return (yield from work(places))[0]
            yield connection.begin()
            try:
                done, changes = yield from work(places)
                yield from changes.write(connection)
                yield connection.commit()
            except Conflict:
                yield connection.rollback()
                if len(places) > 1:  # one record that is written all the time must not keep the others
                    half = len(places) // 2
                    first = yield from self._transaction(work, places[:half])
                    return first.plus((yield from self._transaction(work, places[half:])))
            else:
                return done
        raise StoreUnavailable(because={"reason": "busy"})

    def _renew(self, places: list[bytes]) -> Work:
        """Seal records under the current key, and add index rows under the current peppers."""
        # Salts first: one that is gone was gone before its record was read, and not erased together with it just now.
        _, salts = yield self._connection.read(SALTS, places)
        now, phones = yield self._connection.read(PHONES, places)
        salt_of = {row.place: row.salt for row in salts}
        opened = {}
        for phone in sorted(phones):
            with contextlib.suppress(CannotUnseal):
                opened[phone] = self._sealer.unseal(phone.place, salt_of.get(phone.place, b""), phone.sealed)
        wanted = {phone: self._index.places(e164) for phone, e164 in opened.items()}
        known = yield from self._numbers(*(split(phone.indexes) for phone in phones), *wanted.values())
        self._fences.begin(now, [*phones, *known.values()])
        done, writes = Rewrapped(), _Writes(self._fences)
        wrong = [phone for phone in phones if phone not in opened]
        for phone, e164 in opened.items():
            have = split(phone.indexes)
            missing = [place for place in wanted[phone] if place not in have]
            rows = {place: known[place] for place in (*have, *missing) if place in known}
            source = next((row for place, row in rows.items() if place in have and row.phone == phone.place), None)
            if source is None:
                wrong.append(phone)
            elif any(row.phone != phone.place for row in rows.values()):
                done = done.plus(Rewrapped(taken=1))
                source = None
            changes: dict[str, object] = {}
            if source is not None and missing:
                new = [place for place in missing if place not in rows]
                writes.add(NUMBERS, [source._replace(place=place) for place in new])
                if new:
                    writes.change(NUMBERS, source)
                changes["indexes"] = b"".join((*have, *missing))
                done = done.plus(Rewrapped(added=len(new)))
            if key_of(phone.sealed) != self._sealer.current:
                sealed, key_id = self._sealer.seal(phone.place, salt_of[phone.place], e164)
                changes.update(sealed=sealed, key_id=key_id)
                done = done.plus(Rewrapped(sealed=1))
            if changes:
                writes.change(PHONES, phone, **changes)
        if wrong:  # what was changed or erased since it was read is not wrong
            _, again = yield self._connection.read(PHONES, [phone.place for phone in wrong])
            versions = {(row.place, row.version) for row in again}
            done = done.plus(Rewrapped(unreadable=sum((row.place, row.version) in versions for row in wrong)))
        return done, writes.sorted()

    def _clean(self, places: list[bytes]) -> Work:
        """Remove the index rows of retired peppers."""
        now, phones = yield self._connection.read(PHONES, places)
        known = yield from self._numbers(*(split(phone.indexes) for phone in phones))
        self._fences.begin(now, [*phones, *known.values()])
        done, writes = Rewrapped(), _Writes(self._fences)
        for phone in sorted(phones):
            have = split(phone.indexes)
            left = [place for place in have if pepper_of(place) in self._index.numbers]
            if left == have or not any(place in known for place in left):  # its only row is never removed
                continue
            gone = [known[place] for place in have if place not in left and place in known]
            gone = [row for row in gone if row.phone == phone.place]
            writes.remove(NUMBERS, gone)
            writes.change(PHONES, phone, indexes=b"".join(left))
            done = done.plus(Rewrapped(removed=len(gone)))
        return done, writes.sorted()

    def _numbers(self, *places: Iterable[bytes]) -> Generator[Any, Any, dict[bytes, Number]]:
        wanted = sorted({place for each in places for place in each})
        if not wanted:
            return {}
        _, rows = yield self._connection.read(NUMBERS, wanted)
        return {row.place: row for row in rows}


class _Writes:
    """Collects what a transaction writes. Every row gets a new version."""

    def __init__(self, fences: Fences) -> None:
        self._fences = fences
        self._changes = Changes({}, {}, {})

    def add(self, table: Table, rows: Iterable[Any]) -> None:
        added = [row._replace(version=self._fences.next()) for row in rows]
        if added:
            self._changes.inserted.setdefault(table, []).extend(added)

    def change(self, table: Table, row: Any, **changes: object) -> None:
        changed = row._replace(version=self._fences.next(), **changes)
        self._changes.updated.setdefault(table, []).append((changed, row.version))

    def remove(self, table: Table, rows: Iterable[Row]) -> None:
        gone = [(row.place, row.version) for row in rows]
        if gone:
            self._changes.deleted.setdefault(table, []).extend(gone)

    def sorted(self) -> Changes:
        """Return all of it, in order: no two transactions wait for each other."""
        for tables in (self._changes.inserted, self._changes.updated, self._changes.deleted):
            for rows in tables.values():
                rows.sort()
        return self._changes


def find_text(prefix: str) -> str:
    """Return the statement that finds the next records."""
    return (
        f"SELECT place, key_id, indexes FROM {prefix}phones WHERE tenant = ? AND place > ? "  # noqa: S608
        f"ORDER BY place LIMIT {BATCH}"
    )


def _peppers(indexes: bytes) -> set[int]:
    return {pepper_of(place) for place in split(indexes)}
