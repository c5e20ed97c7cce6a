"""The outbox: events that wait to be sent to the application's webhook.

An event is written in the transaction of what happened, so none is lost and none is invented. It is sent at least once:

* A process *takes* events that are due: it writes when they are due again if nothing more is heard of them. So several
  processes share the work, and what a process had taken that is killed is sent by another.
* After a failure an event waits, each time four times as long, at most six hours. After three days it is *parked*:
  it is only sent again if somebody says so (``haoma events replay``).
* Of one account only the first event that waits is sent. So its events arrive in order, unless one is parked.

Sent events are deleted after seven days, parked ones after ninety.
"""

from __future__ import annotations

import contextlib
import random
import secrets
from collections.abc import Generator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from haoma.store.batch import LANES, Conflict, Disconnected, Fences
from haoma.store.rows import OUTBOX, PARKED, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haoma.store.batch import Connection

DAY_MS: Final = 86_400_000
SENT_MS: Final = 7 * DAY_MS
PARKED_MS: Final = 90 * DAY_MS
_PAGE: Final = 256
_TURNS: Final = 10
_PAUSE: Final = 0.005
_LOOK_AGAIN_MS: Final = 1000
_FIRST, _GROWTH, _LONGEST = 5.0, 4, 6 * 3600.0
_GIVE_UP: Final = 3 * 86_400.0


class End(StrEnum):
    """How a try to send an event ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    PARKED = "parked"
    NOT_TRIED = "not-tried"  # nothing was sent


class Ended(NamedTuple):
    """The end of one try.

    Attributes:
        event: As it was taken.
        end: How it ended.
        seconds: The receiver or the circuit asks to wait for so long; 0 if not.
    """

    event: Event
    end: End
    seconds: float = 0.0


class Statements:
    """The statements of the outbox, all of them portable. ``tests/store/test_sql.py`` holds them to the rules.

    Args:
        prefix: Before the name of every table.
    """

    def __init__(self, prefix: str) -> None:
        over = f"FROM {prefix}outbox WHERE tenant = ?"
        self.due = f"SELECT place, account {over} AND sent_at = 0 AND due_at <= ? ORDER BY due_at, place LIMIT "
        self._waiting = f"SELECT place, account {over} AND sent_at = 0 AND account IN "
        self.page = f"SELECT place {over} AND place > ? ORDER BY place LIMIT {_PAGE}"

    def waiting(self, count: int) -> str:
        """Return the statement that finds what waits of so many accounts."""
        return f"{self._waiting}({', '.join('?' * count)})"

    def all(self) -> list[str]:
        """Return every statement."""
        return [f"{self.due}32", self.waiting(3), self.page]


class Outbox:
    """The outbox of one tenant, over one connection.

    Args:
        connection: The connection.
        prefix, tenant: See `haoma.store.sql.Portable`.
    """

    def __init__(self, connection: Connection, prefix: str, tenant: str) -> None:
        self._connection = connection
        self._statements = Statements(prefix)
        self._tenant = tenant
        self._fences = Fences(secrets.randbelow(LANES))

    def take(self, most: int, seconds: float) -> Generator[Any, Any, list[Event]]:
        """Take events that are due, the oldest first; of an account those that no other one stands before.

        Args:
            most: How many at most.
            seconds: When they are due again if nothing more is heard of them.
        """
        connection, statements = self._connection, self._statements

        def take(row: Event, now: int) -> Event:
            return row._replace(due_at=now + round(seconds * 1000), tries=row.tries + 1)

        with contextlib.suppress(Conflict):  # distributed engines refuse reads as well
            now = (yield connection.now()) // 1000
            if not (yield connection.select(f"{statements.due}1", [self._tenant, now])):
                return []  # as most of the time: no transaction, and on SQLite no lock
        for turn in range(_TURNS):
            if turn:
                yield connection.pause(random.random() * _PAUSE * turn)  # noqa: S311 - to get out of step
            yield connection.begin()
            try:
                now = (yield connection.now()) // 1000
                due = yield connection.select(f"{statements.due}{most}", [self._tenant, now])
                accounts = sorted({bytes(account) for _, account in due if account})
                waiting = []
                if accounts:
                    waiting = yield connection.select(statements.waiting(len(accounts)), [self._tenant, *accounts])
                taken, behind = _sorted_out(due, waiting)

                taking = yield from self._change(sorted(taken), take, _still_due())
                # Or those that wait for others would be all that is found.
                yield from self._change(sorted(behind), _put_off, _still_due())
                yield connection.commit()
            except Conflict:
                yield connection.rollback()
            else:
                return taking
        return []

    def end(self, tries: Sequence[Ended]) -> Generator[Any, Any, list[Ended]]:
        """Write how tries ended; return those that nobody else has taken meanwhile, with what became of them."""
        connection = self._connection
        versions = {each.event.place: each.event.version for each in tries}
        ended = {each.event.place: _last(each) for each in tries}
        for turn in range(_TURNS):
            if turn:
                yield connection.pause(random.random() * _PAUSE * turn)  # noqa: S311 - to get out of step
            yield connection.begin()
            try:
                rows = yield from self._change(
                    sorted(versions),
                    lambda row, now: _after(row, ended[row.place], now),
                    lambda row, _: row.version == versions[row.place],
                )
                yield connection.commit()
            except Conflict:
                yield connection.rollback()
            else:
                return [ended[row.place] for row in rows]
        return []

    def find(self, since: int, most: int, fits: Callable[[Event], bool]) -> Generator[Any, Any, list[Event]]:
        """Return some events of a moment (Unix milliseconds) and later, the oldest first."""
        found: list[Event] = []
        after = _before(since)
        while len(found) < most and (rows := (yield from self._page(after))):
            found += filter(fits, rows)
            after = rows[-1].place
        return found[:most]

    def replay(
        self, *, since: int = 0, places: Sequence[bytes] | None = None, parked: bool = False, dry_run: bool = False
    ) -> Generator[Any, Any, int]:
        """Make events due, as if they had never been sent; return how many there are.

        Args:
            since: Those of this moment (Unix milliseconds) and later.
            places: These alone.
            parked: Those alone that are parked.
            dry_run: Only count them.
        """
        count, after = 0, _before(since)
        if places is not None:
            _, rows = yield self._connection.read(OUTBOX, places)
            return (yield from self._again(rows, parked=parked, dry_run=dry_run))
        while rows := (yield from self._page(after)):
            after = rows[-1].place
            count += yield from self._again(rows, parked=parked, dry_run=dry_run)
        return count

    def _page(self, after: bytes) -> Generator[Any, Any, list[Event]]:
        places = yield self._connection.select(self._statements.page, [self._tenant, after])
        if not places:
            return []
        _, rows = yield self._connection.read(OUTBOX, [bytes(place) for (place,) in places])
        return sorted(rows) or (yield from self._page(bytes(places[-1][0])))  # the sweep was faster

    def _again(self, rows: Sequence[Event], *, parked: bool, dry_run: bool) -> Generator[Any, Any, int]:
        def fits(row: Event, _now: int) -> bool:
            return row.sent_at == PARKED or not parked

        chosen = sorted({row.place for row in rows if fits(row, 0)})
        if dry_run or not chosen:
            return len(chosen)
        connection = self._connection
        for turn in range(_TURNS):
            if turn:
                yield connection.pause(random.random() * _PAUSE * turn)  # noqa: S311 - to get out of step
            yield connection.begin()
            try:
                changed = yield from self._change(chosen, _anew, fits)
                yield connection.commit()
            except Conflict:
                yield connection.rollback()
            else:
                return len(changed)
        raise Disconnected("busy")

    def _change(
        self, places: Sequence[bytes], change: Callable[[Event, int], Event], fits: Callable[[Event, int], bool]
    ) -> Generator[Any, Any, list[Event]]:
        """Change rows that are as they have to be; return them as they are then."""
        if not places:
            return []
        now_us, rows = yield self._connection.read(OUTBOX, places)
        self._fences.begin(now_us, rows)
        now = now_us // 1000
        before: list[Event] = [row for row in sorted(rows) if fits(row, now)]  # in order: no deadlocks
        after = [change(row, now)._replace(version=self._fences.next()) for row in before]
        if after:
            yield self._connection.update(OUTBOX, after, [row.version for row in before])
        return after


def _sorted_out(due: Sequence[Any], waiting: Sequence[Any]) -> tuple[set[bytes], set[bytes]]:
    """Return which events may be sent, and which have to wait for another one of their account.

    Args:
        due: Those that are due: place and account.
        waiting: All of these accounts that were not sent yet.
    """
    free = {bytes(place) for place, account in due if not account}
    bound = {bytes(place) for place, account in due if account}
    blocked = set()
    for place, account in sorted((bytes(place), bytes(account)) for place, account in waiting):
        if place in bound and account not in blocked:
            free.add(place)
        else:
            blocked.add(account)
    return free, bound - free


def _anew(row: Event, now: int) -> Event:
    return row._replace(due_at=now, tries=0, sent_at=0)


def _before(moment: int) -> bytes:
    """Return what sorts before the ids of a moment and after those of earlier ones."""
    return max(moment, 0).to_bytes(6)


def _still_due() -> Callable[[Event, int], bool]:
    """Return what tells of events, in their order, whether nobody has taken them since they were found."""
    blocked = set()

    def fits(row: Event, now: int) -> bool:
        if row.sent_at or row.account in blocked:
            return False
        if row.due_at > now and row.account:
            blocked.add(row.account)
        return row.due_at <= now

    return fits


def _put_off(row: Event, now: int) -> Event:
    return row._replace(due_at=now + max(_LOOK_AGAIN_MS, (now - row.at) // 4))


def pause_after(tries: int) -> float | None:
    """Return how many seconds after so many tries the next one comes, without jitter; None if it does not come."""
    pauses = [min(_FIRST * _GROWTH**number, _LONGEST) for number in range(tries)]
    return pauses[-1] if sum(pauses) <= _GIVE_UP else None


def _last(ended: Ended) -> Ended:
    """Return the end of a try, which is `End.PARKED` if there is no further one."""
    parked = ended.end is End.FAILED and pause_after(ended.event.tries) is None
    return ended._replace(end=End.PARKED) if parked else ended


def _after(row: Event, ended: Ended, now: int) -> Event:
    match ended.end:
        case End.DELIVERED:
            return row._replace(sent_at=now, due_at=now + SENT_MS)
        case End.PARKED:
            return row._replace(sent_at=PARKED, due_at=now + PARKED_MS)
        case End.NOT_TRIED:
            return row._replace(tries=row.tries - 1, due_at=now + round(max(ended.seconds, 1.0) * 1000))
    pause = (pause_after(row.tries) or 0.0) * (0.8 + 0.4 * random.random())  # noqa: S311 - to get out of step
    return row._replace(due_at=now + round(max(pause, ended.seconds) * 1000))
