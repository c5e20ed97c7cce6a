"""Between an event loop and the writer's thread: one wake-up for many jobs, and one for many answers."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.store.batch import Job


class Mailbox:
    """Takes jobs from one event loop, and answers for its futures.

    Args:
        loop: The running event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._owner = threading.get_ident()
        self._called = False
        self._outgoing: list[Job] = []
        self._posted: deque[tuple[asyncio.Future[object], object, Exception | None]] = deque()

    def send(self, job: Job, submit: Callable[..., None]) -> None:
        """Submit a job together with all others of this turn of the loop."""
        self._outgoing.append(job)
        if len(self._outgoing) == 1:
            self._loop.call_soon(self._flush, submit)

    def _flush(self, submit: Callable[..., None]) -> None:
        jobs, self._outgoing = self._outgoing, []
        submit(*jobs)

    def future(self) -> LoopFuture:
        """Return a future that is answered through this mailbox."""
        return LoopFuture(self._loop.create_future(), self)

    def post(self, future: asyncio.Future[object], answer: object, failure: Exception | None) -> None:
        """Answer a future of the loop. Any thread may call it."""
        if threading.get_ident() == self._owner:
            _tell(future, answer, failure)
            return
        self._posted.append((future, answer, failure))
        if not self._called:
            self._called = True
            self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._called = False  # first: what is posted from here on calls again, or is found below
        while self._posted:
            _tell(*self._posted.popleft())


class LoopFuture:
    """A future of an event loop with the methods by which a writer answers.

    Attributes:
        waiting: To be awaited in the loop.
    """

    __slots__ = ("_mailbox", "waiting")

    def __init__(self, waiting: asyncio.Future[object], mailbox: Mailbox) -> None:
        self.waiting = waiting
        self._mailbox = mailbox

    def set_running_or_notify_cancel(self) -> bool:
        """Return False if nobody waits any more."""
        return not self.waiting.cancelled()

    def set_result(self, answer: object) -> None:
        """Answer."""
        self._mailbox.post(self.waiting, answer, None)

    def set_exception(self, failure: Exception) -> None:
        """Answer with a failure."""
        self._mailbox.post(self.waiting, None, failure)


def _tell(future: asyncio.Future[object], answer: object, failure: Exception | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(answer)
    else:
        future.set_exception(failure)
