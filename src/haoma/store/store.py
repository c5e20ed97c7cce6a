"""The store: two faces over one writer for each process."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakKeyDictionary

from haoma.errors import HaomaError, Spent, StoreUnavailable
from haoma.io.process import PerProcess
from haoma.steps import EndLease, Lease, Mint, Ref, Settle
from haoma.store.batch import Job
from haoma.store.decisions import Decisions
from haoma.store.mailbox import LoopFuture, Mailbox
from haoma.store.writer import NOBODY, Desk, LoopWriter, ThreadWriter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from haoma.io.answers import Held
    from haoma.steps import Step
    from haoma.store.accounts.records import Records
    from haoma.store.audit.lanes import AuditKeys
    from haoma.store.sealing import Sealer
    from haoma.store.writer import Watch


class Engine(Protocol):
    """A kind of database."""

    @property
    def blocking(self) -> bool:
        """Whether `connect` returns a connection that blocks, and not an awaitable of one that does not."""

    @property
    def prefix(self) -> str:
        """What stands before the name of every table."""

    @property
    def tenant(self) -> str:
        """The first part of every key."""

    def connect(self) -> Any:
        """Open a connection. Raises Disconnected."""


class _Process:
    """What a process has of its own: a writer, and those who wait for it."""

    def __init__(self, engine: Engine, audit: AuditKeys | None, watch: Watch) -> None:
        self.desk = Desk()
        self._engine = engine
        self._audit = audit
        self._watch = watch
        self._lock = threading.Lock()
        self._writer: ThreadWriter | LoopWriter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def writer(self, undo: Callable[[Ref | Lease], None]) -> ThreadWriter | LoopWriter:
        """Return the writer; start it at its first use."""
        writer = self._writer
        if writer is None:
            with self._lock:
                writer = self._writer = self._writer or self._start(undo)
        return writer

    def _start(self, undo: Callable[[Ref | Lease], None]) -> ThreadWriter | LoopWriter:
        if self._engine.blocking:
            return ThreadWriter(self._engine, self.desk, undo, self._audit, self._watch)
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="haoma-store", daemon=True)
        self._thread.start()

        async def make() -> LoopWriter:
            return LoopWriter(self._engine, loop, self.desk, undo, self._audit, self._watch)

        return asyncio.run_coroutine_threadsafe(make(), loop).result()

    def begin_in(self, loop: asyncio.AbstractEventLoop, undo: Callable[[Ref | Lease], None]) -> None:
        """Start the writer in the running event loop, unless there is one."""
        if self._writer is None:
            self._writer = LoopWriter(self._engine, loop, self.desk, undo, self._audit, self._watch)

    async def end_in(self) -> None:
        """End the writer of `begin_in`."""
        writer, self._writer = self._writer, None
        if isinstance(writer, LoopWriter):
            await writer.close()

    def close(self) -> None:
        """Answer what waits, and end."""
        writer, self._writer = self._writer, None
        if isinstance(writer, ThreadWriter):
            writer.close()
        elif isinstance(writer, LoopWriter) and self._loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(writer.close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class Store:
    """Answers every step about what is kept, counted, held and used, from a database. Any thread may use it.

    After a fork the child has a writer and a connection of its own. Those of its parent it keeps, and never touches:
    closing them would end them for the parent.

    Args:
        engine: The database.
        sealer: Seals what is kept.
        records: The rows of accounts, if accounts are kept.
        audit: The keys of the audit log, if there is one.
        patience: Seconds after which a flow under way is given up; longer than any flow takes.
        lease_seconds: Seconds after which the holder of a lease is given up: longer than one request to a platform, and
            shorter than one to the service, so that those who wait for a token survive the process that fetches it.
        watch: Told of each batch, for metrics.

    Attributes:
        engine: The database.
        audit: As given.
        shared: All processes have the same store.
    """

    shared: Final = True

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        records: Records | None = None,
        audit: AuditKeys | None = None,
        *,
        patience: float = 30.0,
        lease_seconds: float = 12.0,
        watch: Watch = NOBODY,
    ) -> None:
        self.engine = engine
        self.audit = audit
        self._decisions = Decisions(sealer, patience, lease_seconds, records)
        self._parents: list[_Process | None] = []

        def begin(before: _Process | None) -> _Process:
            self._parents.append(before)  # or the garbage collector would close what is the parent's
            return _Process(engine, audit, watch)

        self._process = PerProcess(begin)

    def answer(self, step: Step[Any], held: list[Held] | None = None) -> object:
        """Return the answer to ``step``, or a `Waiting`; see `Answers.answer`.

        Raises:
            StoreUnavailable: ``internal.store-unavailable``.
        """
        if isinstance(step, Mint):
            return secrets.token_urlsafe(32)
        process = self._process.get()
        job = self._submit(process, step, held)
        try:
            return job.future.result()  # type: ignore[union-attr]
        except BaseException:
            # A signal handler may raise here. If the writer has not answered yet, it lets go of what it takes.
            job.future.cancel()  # type: ignore[union-attr]
            raise

    def let_go(self, held: Held, failure: HaomaError | None = None) -> None:
        """End what a flow held that ended without a word of its own; see `Answers.let_go`."""
        if held in self._process.get().desk.open:
            with contextlib.suppress(StoreUnavailable):  # then it expires
                self.answer(_end_of(held, failure))

    def close(self) -> None:
        """Answer what waits, and close the connection of this process."""
        self._process.get().close()

    def asynchronous(self, *, in_loop: bool = False) -> AsyncStore:
        """Return the async face of the same store.

        Args:
            in_loop: Write in the event loop that asks, instead of a thread. For a program that has one loop.
        """
        return AsyncStore(self, in_loop=in_loop and not self.engine.blocking)

    def _submit(
        self, process: _Process, step: Step[Any], held: list[Held] | None, mailbox: Mailbox | None = None
    ) -> Job:
        future: Future[object] | LoopFuture = Future() if mailbox is None else mailbox.future()
        job = Job(step, self._decisions.prepare(step), [] if held is None else held, future)
        writer = process.writer(self._undo)
        if mailbox is not None and isinstance(writer, ThreadWriter):
            mailbox.send(job, writer.submit)
        else:
            writer.submit(job)
        return job

    def _undo(self, held: Held) -> None:
        process = self._process.get()
        self._submit(process, _end_of(held, None), None)


class AsyncStore:
    """The async face of a `Store`.

    Attributes:
        engine: The database.
        audit: The keys of the audit log, if there is one.
        shared: All processes have the same store.
    """

    shared: Final = True

    def __init__(self, store: Store, *, in_loop: bool) -> None:
        self._store = store
        self._in_loop = in_loop
        self.engine = store.engine
        self.audit = store.audit
        self._mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Mailbox] = WeakKeyDictionary()

    def answer(self, step: Step[Any], held: list[Held]) -> Awaitable[object] | object:
        """Return an awaitable of the answer; see `AsyncAnswers.answer`."""
        if isinstance(step, Mint):
            return self._store.answer(step, held)
        loop = asyncio.get_running_loop()
        mailbox = self._mailboxes.get(loop)
        if mailbox is None:
            mailbox = self._mailboxes[loop] = Mailbox(loop)
        store = self._store
        process = store._process.get()  # noqa: SLF001 - the same store
        if self._in_loop:
            process.begin_in(loop, store._undo)  # noqa: SLF001
        return store._submit(process, step, held, mailbox).future.waiting  # type: ignore[union-attr] # noqa: SLF001

    def let_go(self, held: Held, failure: HaomaError | None = None) -> Awaitable[object] | object:
        """End what a flow held; see `AsyncAnswers.let_go`."""
        if held in self._store._process.get().desk.open:  # noqa: SLF001
            return self._let_go(_end_of(held, failure))
        return None

    async def _let_go(self, end: EndLease | Settle) -> None:
        with contextlib.suppress(StoreUnavailable):  # then it expires
            await self.answer(end, [])  # type: ignore[misc]

    async def aclose(self) -> None:
        """Answer what waits, and close the connection of this process."""
        process = self._store._process.get()  # noqa: SLF001
        if self._in_loop:
            await process.end_in()
        else:
            await asyncio.to_thread(process.close)


def _end_of(held: Held, failure: HaomaError | None) -> EndLease | Settle:
    return EndLease(held, failure) if isinstance(held, Lease) else Settle(held, Spent.UNKNOWN)
