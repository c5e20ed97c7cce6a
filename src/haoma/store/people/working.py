"""The processes of an import: each reads its part of the file's lines, seals, and writes over its own connection.

Sealing takes longer than anything else, so one process would leave the other cores idle. What goes to a process are
lines, and what comes back are counts, and lines with reasons: no number.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from haoma.errors import StoreUnavailable
from haoma.store.batch import Disconnected
from haoma.store.flows import drive, drive_async
from haoma.store.opening import engine_of, records_of, sealer_of
from haoma.store.people.importing import Import, Imported
from haoma.store.people.reading import ImportedApp, NotImported, Reader
from haoma.store.reports import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from haoma.store.config import StoreSettings
    from haoma.store.keys.config import AccountKeys
    from haoma.store.people.reading import Person

_TRIES: Final = 5
_PAUSE: Final = 0.5
_AHEAD: Final = 3
"""Batches that wait for each process, so that none is idle."""


class Lines(NamedTuple):
    """Some lines of a file.

    Attributes:
        header: The columns of CSV; empty for JSON.
        lines: Number and content of each: fields of CSV, or JSON.
        read: How many bytes of the file have been read so far.
    """

    header: tuple[str, ...]
    lines: tuple[tuple[int, Any], ...]
    read: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process has to know.

    Attributes:
        store, keys: Where the accounts are, and what seals them.
        apps, texts, tenant, now, trust_bound, verified_at: See `Reader`.
        dry_run: True to write nothing.
    """

    store: StoreSettings
    keys: AccountKeys = field(repr=False)
    apps: Mapping[str, ImportedApp]
    texts: Mapping[str, bytes]
    tenant: str
    now: int
    trust_bound: bool = False
    verified_at: int = 0
    dry_run: bool = False


class Worker:
    """Imports lines, over one connection."""

    def __init__(self, plan: Plan) -> None:
        self._engine = engine_of(plan.store, plan.tenant)
        records = records_of(sealer_of(plan.store, plan.tenant), plan.keys, plan.tenant)
        self._reader = Reader(
            plan.apps, plan.texts, plan.tenant, plan.now, trust_bound=plan.trust_bound, verified_at=plan.verified_at
        )
        self._import = Import(records, plan.apps, self._engine.prefix, plan.tenant, plan.dry_run)
        self._runner = None if self._engine.blocking else asyncio.Runner()
        self._connection: Any = None

    def work(self, given: Lines) -> Imported:
        """Import some lines.

        Raises:
            StoreUnavailable: ``internal.store-unavailable``.
        """
        people: list[Person] = []
        refused: list[tuple[int, str]] = []
        read = self._reader
        for line, content in given.lines:
            try:
                people.append(read.csv(line, given.header, content) if given.header else read.json(line, content))
            except NotImported as error:
                refused.append((line, error.why.value))
        done = self._written(people) if people else Imported()
        return done.plus(Imported(refused=tuple(refused)))

    def close(self) -> None:
        """Close the connection."""
        self._hang_up()
        if self._runner is not None:
            self._runner.close()

    def _written(self, people: list[Person]) -> Imported:
        for left in reversed(range(_TRIES)):
            try:
                if self._connection is None:
                    self._connect()
                found: Imported = self._run(self._import.run(people, self._connection))
            except Disconnected as error:
                # If it was written after all, the next try finds everybody there.
                self._hang_up()
                if not left:
                    raise StoreUnavailable(because={"reason": error.reason}) from None
                threading.Event().wait(_PAUSE)
            else:
                return found
        raise AssertionError

    def _connect(self) -> None:
        connection = self._engine.connect()
        self._connection = connection if self._runner is None else self._runner.run(_awaited(connection))
        self._run(patiently(self._connection))

    def _run(self, flow: Generator[Any, Any, Any]) -> Any:
        return drive(flow) if self._runner is None else self._runner.run(drive_async(flow))

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                closing = connection.close()
                if self._runner is not None:
                    self._runner.run(_awaited(closing))


async def _awaited(what: Any) -> Any:
    return await what


# --- several processes

_worker: Worker | None = None


def _begin(plan: Plan) -> None:
    global _worker  # noqa: PLW0603 - it is the process's own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends its processes
    _worker = Worker(plan)


def _work(given: Lines) -> Imported:
    assert _worker is not None  # noqa: S101
    return _worker.work(given)


def import_all(plan: Plan, lines: Iterable[Lines], processes: int, tell: Callable[[Imported, int], None]) -> None:
    """Import all lines.

    Args:
        plan: What a process has to know.
        lines: The lines.
        processes: How many processes; with one everything is done in this one.
        tell: Is told what became of each part, and how many bytes of the file have been read.

    Raises:
        StoreUnavailable: ``internal.store-unavailable``: what was written is written; the same file can be imported
            again.
    """
    if processes <= 1:
        worker = Worker(plan)
        try:
            for each in lines:
                tell(worker.work(each), each.read)
        finally:
            worker.close()
        return
    with _alive():
        _share(plan, lines, processes, tell)


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    """Say that a process of the import was killed, as the system does where memory is short."""
    try:
        yield
    except BrokenProcessPool:
        raise StoreUnavailable(because={"reason": "a process of the import was killed"}) from None


def _share(plan: Plan, lines: Iterable[Lines], processes: int, tell: Callable[[Imported, int], None]) -> None:
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (plan,))
    waiting: deque[tuple[Future[Imported], int]] = deque()
    try:
        for each in lines:
            waiting.append((pool.submit(_work, each), each.read))
            while len(waiting) > processes * _AHEAD:
                done, read = waiting.popleft()
                tell(done.result(), read)
        for done, read in waiting:
            tell(done.result(), read)
    finally:
        pool.shutdown(cancel_futures=True)
