"""Requests to erase, and the erase list.

A request has a day when it is due. What is due soon is erased by every process that sweeps: through the store, as if
somebody had asked for it now, so that it is written to the audit log, and told to the application. Whoever comes second
finds nothing.

A backup brings erased people back. So the list of who was erased is exported, kept outside, and replayed after a
restore. It names accounts alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.accounts import Erase, Replay
from haoma.errors import HaomaError, NoSuchAccount
from haoma.ids import parsed, written
from haoma.store.flows import ask
from haoma.store.reports import patiently
from haoma.store.rows import ERASURES, Erasure
from haoma.store.version import reaching

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from haoma.accounts import Change
    from haoma.steps import Step
    from haoma.store.batch import Connection
    from haoma.store.store import AsyncStore, Engine

EARLY_MS: Final = 86_400_000
"""How long before it is due a request is done: a day, in which somebody can see to it if that fails."""
EVERY_SECONDS: Final = 30.0
_PAGE: Final = 500
_AT_ONCE: Final = 32
_BY: Final = "sweep"

Answer = Callable[["Step[Any]"], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Erasures:
    """How it stands with the requests.

    Attributes:
        erased: How many were erased just now.
        pending: How many wait for their day.
        overdue: How many are not done though their day is over.
        failed: Why some of them could not be done just now; empty if none failed.
    """

    erased: int = 0
    pending: int = 0
    overdue: int = 0
    failed: str = ""


class Entry(msgspec.Struct, frozen=True):
    """One line of the exported list.

    Attributes:
        account: The id of the account.
        asked_at, due_at, done_at: ``due_at`` is None once it is done, ``done_at`` until then.
    """

    account: str
    asked_at: datetime
    due_at: datetime | None
    done_at: datetime | None


class _End(msgspec.Struct, frozen=True):
    """The last line of the exported list: without it the file was cut off."""

    entries: int


class NotAList(Exception):
    """This file is no erase list, or not the whole of one."""


# --- statements


def due_text(prefix: str) -> str:
    """Return the statement that finds what is due."""
    return f"SELECT place FROM {prefix}erasures WHERE tenant = ? AND due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT {_PAGE}"  # noqa: E501, S608


def count_text(prefix: str) -> str:
    """Return the statement that counts what is not done."""
    return f"SELECT COUNT(*) FROM {prefix}erasures WHERE tenant = ? AND due_at > 0 AND due_at <= ?"  # noqa: S608


def list_text(prefix: str) -> str:
    """Return the statement that lists all, page by page."""
    columns = ", ".join(ERASURES.columns)
    return f"SELECT {columns} FROM {prefix}erasures WHERE tenant = ? AND place > ? ORDER BY place LIMIT {_PAGE}"  # noqa: S608


def statements(prefix: str) -> list[str]:
    """Return every statement of this module."""
    return [due_text(prefix), count_text(prefix), list_text(prefix)]


# --- what is due


def counted(connection: Connection, prefix: str, tenant: str) -> Generator[Any, Any, Erasures]:
    """Count what is not done."""
    now = (yield connection.now()) // 1000
    ((overdue,),) = yield connection.select(count_text(prefix), [tenant, now])
    ((pending,),) = yield connection.select(count_text(prefix), [tenant, (1 << 63) - 1])
    return Erasures(pending=int(pending) - int(overdue), overdue=int(overdue))


async def erase_due(engine: Engine, answer: Answer, *, everything: bool = False) -> Erasures:
    """Erase what is due soon, or all that was asked for; return how it stands then.

    Args:
        engine: The database.
        answer: Answers steps.
        everything: True to erase also what is not due yet.

    Raises:
        StoreUnavailable: ``internal.store-unavailable``.
    """

    def due(connection: Connection) -> Generator[Any, Any, list[bytes]]:
        now = (yield connection.now()) // 1000
        until = (1 << 63) - 1 if everything else now + EARLY_MS
        found = yield connection.select(due_text(engine.prefix), [engine.tenant, until])
        return [row[0] for row in found]

    erased, failed = 0, ""
    while True:
        with reaching():
            places = await ask(engine, due)
        done = 0
        for start in range(0, len(places), _AT_ONCE):
            steps = [Erase(account=place, by=_BY, reason="due") for place in places[start : start + _AT_ONCE]]
            for code in await asyncio.gather(*(_done(answer, step) for step in steps)):
                done += code is None
                failed = code or failed
        erased += done
        if not done or len(places) < _PAGE:
            break
    with reaching():
        left = await ask(engine, lambda connection: counted(connection, engine.prefix, engine.tenant))
    return Erasures(erased, left.pending, left.overdue, failed)


async def _done(answer: Answer, step: Erase) -> str | None:
    """Erase an account; return None if it was done, "" if another process did it, or the code of an error."""
    try:
        await answer(step)
    except NoSuchAccount:
        return ""
    except HaomaError as error:
        return error.code
    return None


async def keep_erased(store: AsyncStore, tell: Callable[[Erasures | HaomaError], None]) -> None:
    """Erase what is due every half minute until the task is cancelled. Every process may run it."""

    async def answer(step: Step[Any]) -> Any:
        return await store.answer(step, [])  # type: ignore[misc]

    while True:
        # At different moments in different processes, from the first one on.
        await asyncio.sleep(EVERY_SECONDS * (0.7 + 0.4 * random.random()))  # noqa: S311
        try:
            tell(await erase_due(store.engine, answer))
        except HaomaError as error:
            tell(error)


# --- the list


def listed(
    connection: Connection, prefix: str, tenant: str, tell: Callable[[list[Erasure]], object]
) -> Generator[Any, Any, None]:
    """Tell all requests, done or not, some at a time."""
    yield from patiently(connection)
    last = b""
    while found := (yield connection.select(list_text(prefix), [tenant, last])):
        tell([Erasure(*row) for row in found])
        last = found[-1][0]


def entry(row: Erasure) -> Entry:
    """Return a row as it is told."""
    moments = (None if not each else datetime.fromtimestamp(each / 1000, UTC) for each in row[2:])
    asked, due, done = moments
    return Entry(written(row.place), asked or datetime.fromtimestamp(0, UTC), due, done)


class ListWriter:
    """Writes the list to a file: a line an entry, and one that says how many."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.count = 0
        self._write = write
        self._json = msgspec.json.Encoder()

    def rows(self, rows: Iterable[Erasure]) -> None:
        """Write some entries."""
        for row in rows:
            self._line(entry(row))
            self.count += 1

    def end(self) -> None:
        """Write the last line."""
        self._line(_End(self.count))

    def _line(self, value: Any) -> None:
        self._write(self._json.encode(value).decode() + "\n")


def read_list(lines: Sequence[bytes], *, preview: bool = False) -> list[Replay]:
    """Return the steps that replay a list.

    Raises:
        NotAList: It is none, or the end is missing.
    """
    try:
        end = msgspec.json.decode(lines[-1], type=_End)
        entries = [msgspec.json.decode(line, type=Entry) for line in lines[:-1]]
    except (IndexError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotAList from None
    steps = []
    for each in entries:
        account = parsed(each.account)
        if account is None or (each.due_at is None) == (each.done_at is None):
            raise NotAList
        asked, due, done = (0 if each is None else _ms(each) for each in (each.asked_at, each.due_at, each.done_at))
        steps.append(Replay(account=account, asked_at=asked, due_at=due, done_at=done, by="replay", preview=preview))
    if len(steps) != end.entries:
        raise NotAList
    return steps


async def replay(answer: Answer, steps: Sequence[Replay], tell: Callable[[Change], None]) -> None:
    """Replay a list; tell what each entry did."""
    for start in range(0, len(steps), _AT_ONCE):
        for change in await asyncio.gather(*(answer(step) for step in steps[start : start + _AT_ONCE])):
            tell(change)


def _ms(moment: datetime) -> int:
    with contextlib.suppress(OverflowError, ValueError):
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    raise NotAList
