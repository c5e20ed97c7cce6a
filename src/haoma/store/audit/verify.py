"""Whether anybody has changed the audit log, and where.

Everything is read once, in the order of the key: first the seals, then the rows. So a row that a seal covers must be
there, whatever is written meanwhile.

What was dropped because of its age is what rows of the log say was dropped: the newest of them counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec

from haoma.store.audit.lanes import BEFORE_FIRST, LANE_BYTES, opened_at
from haoma.store.audit.retention import DROPPED, KEEP_MS
from haoma.store.audit.seals import Seal, Statements, seal_of
from haoma.store.days import day_of

if TYPE_CHECKING:
    from haoma.store.audit.lanes import AuditKeys
    from haoma.store.batch import Connection

Progress: TypeAlias = Callable[[float, int], None]
"""Is told which part is done, and how many rows."""

NAMES: Final = (
    *("row-changed", "row-foreign", "rows-missing", "rows-cut", "row-not-sealed-one", "lane-missing", "lane-foreign"),
    *("seal-changed", "seal-foreign", "seals-missing", "seals-cut", "seal-not-shipped-one", "shipped-changed"),
    *("shipped-twice", "dropped-early"),
)
"""What can be wrong."""
_Row: TypeAlias = tuple[bytes, int, bytes, bytes]
_MOST: Final = 1000
_TRIES: Final = 3
_SEAL_PLACE: Final = 8
_ROW_PLACE: Final = 16
_DROPPED: Final = b'{"what":"%b"' % DROPPED.encode()


class Found(NamedTuple):
    """Something that somebody has changed.

    Attributes:
        name: What is wrong: one of `NAMES`.
        lane: The lane; empty if it is about seals.
        first, last: Numbers of rows or of seals.
        seal: The seal that proves it; 0 for none.
        shipped: Whether that is a seal that had left the machine.
    """

    name: str
    lane: bytes = b""
    first: int = 0
    last: int = 0
    seal: int = 0
    shipped: bool = False


class _Entry(msgspec.Struct):
    what: str = ""
    by: str = ""
    app: str = ""
    preview: str = ""


class _Dropping(msgspec.Struct):
    upto: str
    mac: str
    seal: str
    rows: str


@dataclass
class Verified:
    """What was read.

    Attributes:
        found: What somebody has changed; the first thousand.
        more: How many findings there are besides.
        rows, lanes, seals, shipped: How many there are.
        since, until: When the oldest and the newest row were written; 0 for none.
        unsealed, unsealed_since: How many rows no seal covers yet, and when the oldest was written.
        sealed_at: When the newest seal was made; 0 for none.
        dropped: How many rows were dropped because of their age, as far as the log still says so.
        dropped_before: When the lane was opened of which rows were dropped last; 0 for none.
        counts: How many rows say what, by day in China, app and caller, if that was asked. Previews count apart.
    """

    found: list[Found] = field(default_factory=list)
    more: int = 0
    rows: int = 0
    lanes: int = 0
    seals: int = 0
    shipped: int = 0
    since: int = 0
    until: int = 0
    unsealed: int = 0
    unsealed_since: int = 0
    sealed_at: int = 0
    dropped: int = 0
    dropped_before: int = 0
    counts: Counter[tuple[int, str, str, str]] = field(default_factory=Counter)


class _Sealed(NamedTuple):
    """The greatest number of a lane that seals cover."""

    number: int
    mac: bytes
    seal: int


_decode: Final = msgspec.json.Decoder(_Entry).decode
_NOWHERE: Final = _Sealed(0, b"", 0)


def _nothing(_: Any, __: Any) -> None:
    pass


def verify(
    connection: Connection,
    prefix: str,
    keys: AuditKeys,
    shipped: Sequence[Seal] = (),
    progress: Progress = _nothing,
    *,
    counts: bool = False,
) -> Generator[Any, Any, Verified]:
    """Read one tenant's whole log, and return what somebody has changed.

    Args:
        connection: The connection.
        prefix: Before the name of every table.
        keys: The keys.
        shipped: Seals that have left the machine, in any order.
        progress: Is told how far it is.
        counts: Whether to count what the rows say.
    """
    for tries in range(1, _TRIES + 1):
        verifier = Verifier(prefix, keys, shipped, progress, counts=counts)
        if (result := (yield from verifier.run(connection, last_try=tries == _TRIES))) is not None:
            break
    assert result is not None  # noqa: S101
    return result


class Verifier:
    """Verifies one tenant's log.

    Args:
        prefix: Before the name of every table.
        keys: The keys.
        shipped: Seals that have left the machine, in any order.
        progress: Is told how far it is.
        counts: Whether to count what the rows say.
    """

    def __init__(
        self, prefix: str, keys: AuditKeys, shipped: Iterable[Seal], progress: Progress, *, counts: bool
    ) -> None:
        self._statements = Statements(prefix)
        self.keys = keys
        self.counts = counts
        self.result = Verified()
        self._shipped: dict[int, Seal] = {}
        for each in sorted(shipped):
            if self._shipped.setdefault(each.number, each) != each:
                self.note(Found("shipped-twice", first=each.number, last=each.number, shipped=True))
        self.result.shipped = len(self._shipped)
        self._progress = progress
        self.stored: dict[bytes, _Sealed] = {}
        self.abroad: dict[bytes, _Sealed] = {}
        self.last: dict[bytes, int] = {}
        self.suspects: list[Found] = []
        self.first: dict[bytes, int] = {}
        self.fronts: dict[bytes, _Row] = {}
        self._oldest = self._upto = self._mac = b""
        self._anchor = 0

    def run(self, connection: Connection, *, last_try: bool) -> Generator[Any, Any, Verified | None]:
        """Read everything; return None if old rows were dropped meanwhile, and another try may follow."""
        first = yield from self._read_seals(connection)
        yield from self._read_rows(connection)
        oldest = yield connection.select(self._statements.after, [self.keys.tenant, b""])
        if oldest and bytes(oldest[0][0]) > self._oldest and not last_try:
            return None
        self._judge(first)
        return self.result

    # --- seals ---

    def _read_seals(self, connection: Connection) -> Generator[Any, Any, int]:
        """Read the seals; return the number of the first one."""
        after, before = b"", Seal(0, 0, b"", BEFORE_FIRST)
        first, shipped = 0, dict(self._shipped)
        while found := (yield connection.select(self._statements.seals, [self.keys.tenant, after])):
            for row in found:
                each = seal_of(row)
                if len(row[0]) != _SEAL_PLACE:
                    self.note(Found("seal-foreign", first=each.number, last=each.number))
                    continue
                first = first or each.number
                self._check_seal(each, before, is_first=not self.result.seals)
                abroad = shipped.pop(each.number, None)
                if abroad is not None and abroad != each:
                    self.note(Found("seal-not-shipped-one", first=each.number, last=each.number, shipped=True))
                self._cover(self.stored, each)
                before = each
                self.result.seals += 1
            after = bytes(found[-1][0])
        self.result.sealed_at = before.at
        for number, each in self._shipped.items():
            self._check_shipped(each)
            self._cover(self.abroad, each)
            if number > before.number:
                self.note(Found("seals-cut", first=number, last=number, shipped=True))
        return first

    def _check_seal(self, each: Seal, before: Seal, *, is_first: bool) -> None:
        if is_first and each.number > 1:
            return  # whatever is before it was dropped, or `_judge` says that it is missing
        if each.number != before.number + 1:
            self.note(Found("seals-missing", first=before.number + 1, last=each.number - 1))
        elif not self._is_ours(each, before.mac):
            self.note(Found("seal-changed", first=each.number, last=each.number))

    def _check_shipped(self, each: Seal) -> None:
        before = self._shipped.get(each.number - 1)
        if before is None and each.number > 1:
            return  # it cannot be told
        if not self._is_ours(each, BEFORE_FIRST if before is None else before.mac):
            self.note(Found("shipped-changed", first=each.number, last=each.number, shipped=True))

    def _is_ours(self, each: Seal, before: bytes) -> bool:
        return each.key in self.keys.numbers and each.mac == self.keys.seal_mac(
            each.key, before, each.place, each.at, each.heads
        )

    @staticmethod
    def _cover(covered: dict[bytes, _Sealed], each: Seal) -> None:
        for lane, number, mac in each.ends():
            if lane not in covered or covered[lane].number <= number:
                covered[lane] = _Sealed(number, mac, each.number)

    # --- rows ---

    def _read_rows(self, connection: Connection) -> Generator[Any, Any, None]:
        tenant, result = self.keys.tenant, self.result
        end = yield connection.select(self._statements.end, [tenant, b"\xff" * 32])
        if not end:
            return
        until = opened_at(bytes(end[0][0]))
        reading = _Lane(b"", self)
        after = b""
        while rows := (yield connection.select(self._statements.rows, [tenant, after])):
            for place, at, entry, mac in rows:
                if place[:LANE_BYTES] != reading.lane:
                    reading.end()
                    reading = _Lane(bytes(place[:LANE_BYTES]), self)
                reading.take(bytes(place), at, bytes(entry), mac)
            result.rows += len(rows)
            after = bytes(rows[-1][0])
            self._oldest = self._oldest or bytes(rows[0][0])
            first = opened_at(self._oldest)
            self._progress((opened_at(after) - first) / max(1, until - first), result.rows)
        reading.end()
        self._progress(1.0, result.rows)

    def _judge(self, first: int) -> None:
        """Judge what is missing, now that it is known what was dropped because of its age."""
        if first > max(1, self._anchor):
            self.note(Found("seals-missing", first=max(1, self._anchor), last=first - 1))
        elif not first and self._anchor:
            self.note(Found("seals-missing", first=self._anchor, last=self._anchor))
        for each in self.suspects:
            if each.last > self._dropped(each.lane):
                self.note(each._replace(first=self._dropped(each.lane) + 1))
            elif each.last == self._dropped(each.lane) and not self._follows(*self.fronts[each.lane]):
                self.note(Found("row-changed", each.lane, each.last + 1, each.last + 1))
        for lane, number in self.first.items():
            if number <= self._dropped(lane):  # what was dropped, and is there, was put there
                self.note(Found("row-foreign", lane, number, min(self.last[lane], self._dropped(lane))))
        self._judge_ends()
        self.result.lanes = len(self.last)
        self.result.dropped_before = opened_at(self._upto)

    def _judge_ends(self) -> None:
        """Note the ends of lanes that seals cover, and that are not there."""
        for covered, shipped in ((self.stored, False), (self.abroad, True)):
            for lane, sealed in sorted(covered.items()):
                last = self.last.get(lane, 0)
                if max(last, self._dropped(lane)) >= sealed.number:
                    continue
                if shipped and self.stored.get(lane, _NOWHERE).number >= sealed.number:
                    continue  # that was said
                name = "rows-cut" if last else "lane-missing"
                missing = max(last, self._dropped(lane)) + 1
                self.note(Found(name, lane, missing, sealed.number, sealed.seal, shipped))

    def _dropped(self, lane: bytes) -> int:
        """Return the number up to which the rows of a lane were dropped because of their age."""
        if lane == self._upto[:LANE_BYTES]:
            return int.from_bytes(self._upto[LANE_BYTES:])
        return (1 << 64) - 1 if lane < self._upto else 0

    def _follows(self, place: bytes, at: int, entry: bytes, mac: bytes) -> bool:
        """Tell whether a row follows on the last one that was dropped."""
        return any(self.keys.row_mac(key, self._mac, place, at, entry) == mac for key in self.keys.numbers)

    def note(self, found: Found) -> None:
        """Note what was found; what follows on is one finding."""
        result = self.result.found
        before = result[-1] if result else None
        follows = before is not None and before.last + 1 == found.first
        if before is not None and follows and before._replace(first=found.first, last=found.last) == found:
            result[-1] = before._replace(last=found.last)
        elif len(result) < _MOST:
            result.append(found)
        else:
            self.result.more += 1

    def count(self, at: int, entry: bytes) -> None:
        """Count what a row says."""
        try:
            said = _decode(entry)
        except msgspec.MsgspecError:
            said = _Entry()
        what = f"{said.what}.preview" if said.preview else said.what
        self.result.counts[day_of(at), what, said.app, said.by] += 1

    def drop_says(self, at: int, entry: bytes) -> None:
        """Note what a row says that was written when rows were dropped."""
        try:
            said = msgspec.json.decode(entry, type=_Dropping)
            seal, rows = int(said.seal), int(said.rows)
            dropped = bytes.fromhex(said.upto), bytes.fromhex(said.mac)
        except (msgspec.MsgspecError, ValueError):
            return
        self.result.dropped += rows
        self._anchor, (self._upto, self._mac) = max(self._anchor, seal), max((self._upto, self._mac), dropped)
        if at - opened_at(dropped[0]) < KEEP_MS:
            self.note(Found("dropped-early", first=seal, last=seal))


class _Lane:
    """One lane while it is read."""

    def __init__(self, lane: bytes, verifier: Verifier) -> None:
        self.lane = lane
        self._verifier = verifier
        self._number = 0
        self._before: bytes | None = BEFORE_FIRST
        self._keys = verifier.keys.numbers
        self._is_known = False
        self._sealed = verifier.stored.get(lane, _NOWHERE)
        self._abroad = verifier.abroad.get(lane, _NOWHERE)
        self._bad: list[int] = []

    def take(self, place: bytes, at: int, entry: bytes, mac: bytes) -> None:
        """Take the next row."""
        verifier, result = self._verifier, self._verifier.result
        number = int.from_bytes(place[LANE_BYTES:])
        if len(place) != _ROW_PLACE or not number:
            verifier.note(Found("row-foreign", self.lane, number, number))
            return
        if number != self._number + 1:
            self._miss(number, (place, at, entry, mac))
        before = self._before
        fits = before is None or self._fits(before, place, at, entry, mac)
        if not fits:
            self._bad.append(number)
        elif number in (self._sealed.number, self._abroad.number):
            self._compare(number, mac)
        if number == self._sealed.number + 1 and not 0 < result.unsealed_since <= at:
            result.unsealed_since = at
        if fits and before is not None:
            if verifier.counts:
                verifier.count(at, entry)
            if entry.startswith(_DROPPED):
                verifier.drop_says(at, entry)
        result.since = min(result.since or at, at)
        result.until = max(result.until, at)
        if not self._number:
            verifier.first[self.lane] = number
        self._number, self._before = number, mac

    def _fits(self, before: bytes, place: bytes, at: int, entry: bytes, mac: bytes) -> bool:
        for key in self._keys:
            if self._verifier.keys.row_mac(key, before, place, at, entry) == mac:
                if not self._is_known:
                    self._keys, self._is_known = (key,), True
                return True
        return False

    def _miss(self, number: int, row: _Row) -> None:
        """Note that rows are missing before this one. Then it cannot be checked itself."""
        missing = Found("rows-missing", self.lane, self._number + 1, number - 1)
        if self._number:
            self._verifier.note(missing)
        else:
            self._verifier.suspects.append(missing)  # perhaps they were old
            self._verifier.fronts[self.lane] = row
        self._before = None

    def _compare(self, number: int, mac: bytes) -> None:
        for sealed, shipped in ((self._sealed, False), (self._abroad, True)):
            if sealed.number == number and sealed.mac != mac:
                self._verifier.note(Found("row-not-sealed-one", self.lane, number, number, sealed.seal, shipped))

    def end(self) -> None:
        """Note what is only known at its end."""
        if not self._number:
            return
        verifier = self._verifier
        verifier.last[self.lane] = self._number
        verifier.result.unsealed += max(0, self._number - max(self._sealed.number, 0))
        if self._bad and not self._is_known:
            verifier.note(Found("lane-foreign", self.lane, self._bad[0], self._number))
            return
        for number in self._bad:
            verifier.note(Found("row-changed", self.lane, number, number))
