"""The one writer of a process: takes what waits, and answers it in one batch.

There is no timer. A batch is what came while the last one was under way, so that a lonely request waits for nobody.

`ThreadWriter` has a thread of its own (SQLite). `LoopWriter` runs in an event loop: that of the service, or one in a
thread of the store's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import secrets
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol

from haoma.errors import HaomaError, StoreUnavailable
from haoma.io import clock
from haoma.io.answers import Waiting
from haoma.steps import Conclude, EndLease, Lease, Ref, Reserved, Settle
from haoma.store.audit.lanes import Lane
from haoma.store.batch import LANES, LARGEST, Disconnected, Fences, Job, Uncertain, run
from haoma.store.flows import drive, drive_async
from haoma.store.version import accepted, read_version
from haoma.store.view import Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from haoma.store.audit.lanes import AuditKeys
    from haoma.store.rows import Table
    from haoma.store.store import Engine
    from haoma.store.view import View

GIVE_UP_SECONDS: Final = 4.0
"""How long a step waits for a database that cannot be reached."""
_POLL_SECONDS: Final = 0.1
"""How soon a waiter looks again for what another process may have written."""
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_ENDS: Final = (Conclude, Settle, EndLease)
ENDS_SECONDS: Final = 12.0
"""How long the end of something waits: what the platform has answered has cost a code. Within the time of a request."""


class Desk:
    """What a process knows of its own steps: who waits here, and what was taken here and has not ended.

    Only the writer changes it.

    Attributes:
        open: The reservations and leases that were taken and have not ended.
    """

    def __init__(self) -> None:
        self.open: set[Ref | Lease] = set()
        self._waiting: dict[tuple[Table, bytes], list[tuple[float, Future[None]]]] = {}

    def wait(self, wait: Wait) -> Waiting:
        """Return a future that is resolved when this process writes the row, and when to look for others' writes."""
        now, seconds, future = clock.monotonic(), min(_POLL_SECONDS, wait.seconds), Future[None]()
        waiting = self._waiting.setdefault((wait.table, wait.place), [])
        waiting[:] = [each for each in waiting if each[0] > now and not each[1].cancelled()]
        waiting.append((now + seconds, future))
        return Waiting(future, seconds)

    def note(self, job: Job) -> Ref | Lease | None:
        """Note what a job has taken or ended; return what it has taken."""
        match job.step, job.answer:
            case _, Reserved(taken) | (Lease() as taken):
                self.open.add(taken)
                return taken
            case ((EndLease(ended) | Settle(ended) | Conclude(_, Ref() as ended)), _):
                self.open.discard(ended)
        return None

    def ring(self, view: View) -> None:
        """Wake everybody who waits for one of the rows that were written."""
        if not self._waiting:
            return
        for key, row in view.rows.items():
            if row is not view.read.get(key):
                for _, future in self._waiting.pop(key, ()):
                    if future.set_running_or_notify_cancel():
                        future.set_result(None)


class Watch(Protocol):
    """Whoever keeps metrics of a store. Any thread may call it."""

    def batch(self, steps: int, seconds: float, outcome: str) -> None:
        """Note a batch: its steps, and the time from when the first one was asked. ``answered`` or ``refused``."""

    def lost(self) -> None:
        """Note that the connection to the database was lost, or could not be made."""


class _Nobody:
    def batch(self, steps: int, seconds: float, outcome: str) -> None:
        """Nothing is noted."""

    def lost(self) -> None:
        """Nothing is noted."""


NOBODY: Final[Watch] = _Nobody()


class _Batches:
    """What both writers do with a batch.

    Args:
        desk: The process's.
        undo: Lets go of a reservation or lease that its taker no longer waits for.
        audit: The keys of the audit log, if there is one.
        watch: Told of each batch.
    """

    def __init__(self, desk: Desk, undo: Callable[[Ref | Lease], None], audit: AuditKeys | None, watch: Watch) -> None:
        self.watch = watch
        self.fences = Fences(secrets.randbelow(LANES))
        self.lane = None if audit is None else Lane(audit)
        self._desk = desk
        self._undo = undo

    def resolve(self, jobs: Sequence[Job], view: View) -> None:
        """Tell everybody their answer."""
        self._note(jobs, "answered")
        for job in jobs:
            if job.failure is None:
                taken = self._desk.note(job)
                if taken is not None:
                    job.held.append(taken)
                if isinstance(job.answer, Wait):
                    job.answer = self._desk.wait(job.answer)
            if not job.future.set_running_or_notify_cancel():
                if job.failure is None and taken is not None:
                    self._undo(taken)
            elif job.failure is not None:
                job.future.set_exception(job.failure)
            else:
                job.future.set_result(job.answer)
        self._desk.ring(view)

    def refuse(self, jobs: Sequence[Job], error: Exception) -> None:
        """Tell everybody that there is no answer. What became of the batch is not looked for any more."""
        if self.lane is not None:
            self.lane.end()
        self._note(jobs, "refused")
        for job in jobs:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(error.again() if isinstance(error, HaomaError) else error)

    def _note(self, jobs: Sequence[Job], outcome: str) -> None:
        if jobs:
            self.watch.batch(len(jobs), clock.monotonic() - jobs[0].since, outcome)

    def give_up(self, jobs: Iterable[Job], lost: Disconnected) -> list[Job]:
        """Refuse what waits for a database that is away; return what goes on waiting.

        If each batch waited in turn, the last of a hundred requests would wait for the patience of all.
        """
        long_ago = clock.monotonic() - ENDS_SECONDS
        ends: list[Job] = []
        refused: list[Job] = []
        for job in jobs:
            (ends if isinstance(job.step, _ENDS) and job.since > long_ago else refused).append(job)
        self.refuse(refused, StoreUnavailable(because={"reason": lost.reason}))
        return ends


class ThreadWriter:
    """Answers in a thread of its own, over a connection that blocks.

    Args:
        engine: The database. It is connected to in that thread.
        desk, undo, audit, watch: See `_Batches`.
    """

    def __init__(
        self,
        engine: Engine,
        desk: Desk,
        undo: Callable[[Ref | Lease], None],
        audit: AuditKeys | None,
        watch: Watch = NOBODY,
    ) -> None:
        self._engine = engine
        self._is_checked = False
        self._batches = _Batches(desk, undo, audit, watch)
        self._waiting: queue.SimpleQueue[Sequence[Job] | None] = queue.SimpleQueue()
        self._connection: Any = None
        self._thread = threading.Thread(target=self._work, name="haoma-store", daemon=True)
        self._thread.start()

    def submit(self, *jobs: Job) -> None:
        """Answer jobs soon. Any thread may call it."""
        self._waiting.put(jobs)

    def close(self) -> None:
        """Answer what waits, and end."""
        self._waiting.put(None)
        self._thread.join(GIVE_UP_SECONDS * 2)

    def _work(self) -> None:
        while True:
            jobs, ends = self._take()
            if jobs:
                self._answer(jobs)
            if ends:
                break
        if self._connection is not None:
            self._connection.close()

    def _take(self) -> tuple[list[Job], bool]:
        """Return what waits, and whether to end after it. A few more than `LARGEST` do no harm."""
        first = self._waiting.get()
        if first is None:
            return [], True
        jobs = list(first)
        with contextlib.suppress(queue.Empty):
            while len(jobs) < LARGEST:
                more = self._waiting.get_nowait()
                if more is None:
                    return jobs, True
                jobs += more
        return jobs, False

    def _answer(self, jobs: list[Job]) -> None:
        until, pause = clock.monotonic() + GIVE_UP_SECONDS, _FIRST_PAUSE
        doubts: list[Uncertain] = []
        while True:
            try:
                if self._connection is None:
                    self._connect()
                view = drive(run(jobs, self._connection, self._batches.fences, doubts, self._batches.lane))
                break
            except Disconnected as error:
                self._batches.watch.lost()
                self._hang_up()
                doubts += [error] if isinstance(error, Uncertain) else []
                if clock.monotonic() >= until:
                    waiting, closing = self._all_waiting()
                    if left := self._batches.give_up([*jobs, *waiting], error):
                        self._waiting.put(left)
                    if closing:
                        self._waiting.put(None)
                    return
                threading.Event().wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - the writer goes on whatever happens
                self._hang_up()
                self._batches.refuse(jobs, error)
                return
        self._batches.resolve(jobs, view)

    def _connect(self) -> None:
        self._connection = self._engine.connect()
        if not self._is_checked:
            accepted(drive(read_version(self._connection, self._engine.prefix)))
            self._is_checked = True

    def _all_waiting(self) -> tuple[list[Job], bool]:
        found: list[Job] = []
        with contextlib.suppress(queue.Empty):
            while (more := self._waiting.get_nowait()) is not None:
                found += more
            return found, True
        return found, False

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()


class LoopWriter:
    """Answers in an event loop, over a connection whose methods are coroutines.

    Args:
        engine: The database.
        loop: The event loop.
        desk, undo, audit, watch: See `_Batches`.
    """

    def __init__(
        self,
        engine: Engine,
        loop: asyncio.AbstractEventLoop,
        desk: Desk,
        undo: Callable[[Ref | Lease], None],
        audit: AuditKeys | None,
        watch: Watch = NOBODY,
    ) -> None:
        self._engine = engine
        self._is_checked = False
        self._loop = loop
        self._batches = _Batches(desk, undo, audit, watch)
        self._waiting: deque[Job] = deque()
        self._connection: Any = None
        self._running: asyncio.Task[None] | None = None
        self._owner = threading.get_ident()

    def submit(self, job: Job) -> None:
        """Answer a job soon. Any thread may call it."""
        self._waiting.append(job)
        if self._running is None:
            if threading.get_ident() == self._owner:
                self._begin()
            else:
                self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if self._running is None and self._waiting:
            self._running = self._loop.create_task(self._work(), name="haoma-store")

    async def _work(self) -> None:
        try:
            await asyncio.sleep(0)  # whatever else this turn of the loop brings comes along
            while self._waiting:
                jobs = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST))]
                await self._answer(jobs)
        finally:
            self._running = None
            if self._waiting:  # one came after the last look
                self._begin()

    async def close(self) -> None:
        """Answer what waits, and end."""
        while (running := self._running) is not None:
            await asyncio.wait([running])
        await self._hang_up()

    async def _answer(self, jobs: list[Job]) -> None:
        until, pause = clock.monotonic() + GIVE_UP_SECONDS, _FIRST_PAUSE
        doubts: list[Uncertain] = []
        while True:
            try:
                if self._connection is None:
                    await self._connect()
                view = await drive_async(run(jobs, self._connection, self._batches.fences, doubts, self._batches.lane))
                break
            except Disconnected as error:
                self._batches.watch.lost()
                await self._hang_up()
                doubts += [error] if isinstance(error, Uncertain) else []
                if clock.monotonic() >= until:
                    # Other threads add to it meanwhile.
                    waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
                    self._waiting.extend(self._batches.give_up([*jobs, *waiting], error))
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except BaseException as error:
                await self._hang_up()
                failure = error if isinstance(error, Exception) else StoreUnavailable(because={"reason": "stopped"})
                self._batches.refuse(jobs, failure)
                if not isinstance(error, Exception):
                    raise
                return
        self._batches.resolve(jobs, view)

    async def _connect(self) -> None:
        self._connection = await self._engine.connect()
        if not self._is_checked:
            accepted(await drive_async(read_version(self._connection, self._engine.prefix)))
            self._is_checked = True

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()
