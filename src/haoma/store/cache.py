"""Valkey (or Redis): counters that all processes share. It is never the truth.

There is one connection for each process, and one task that serves it: it sends what waits in one piece, and reads the
replies. Whatever happens to Valkey costs accuracy, never an answer:

* A request waits for `PATIENCE` at the most once it is sent, and as long for what is under way before it. Then it gets
  no answer, and its process counts by itself.
* From then on, until the late replies are there, and while there is no connection, nobody waits at all.
* Without a reply for `_SILENT_SECONDS` the connection is given up. The task connects again in the background, with
  pauses that grow up to `_LONGEST_PAUSE`.

The keys of all counters have one hash tag, so that a cluster holds them on one node and one script may use several of
them. A cluster that names another node (``MOVED``) is followed there. A key is a keyed digest: whoever can read Valkey
learns no address and no openid.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from haoma.store.gcra import SCRIPT, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haoma.store.gcra import Meter

PATIENCE: Final = 0.01
"""Seconds that Valkey has for an answer."""
_SILENT_SECONDS: Final = 1.0
_GRACE: Final = 0.001
"""One more look after `PATIENCE`: it may be this process that was busy, and the answer is there."""
_CONNECT_SECONDS: Final = 1.0
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 5.0
_MOST_AT_ONCE: Final = 64
_SCRIPT: Final = SCRIPT.encode("ascii")


class _Job(NamedTuple):
    meters: Sequence[Meter]
    future: asyncio.Future[Answer]


class Answer(NamedTuple):
    """The answer to a request.

    Attributes:
        counted: False if Valkey did not answer in time.
        refusal: Why the request must not be served, if so.
    """

    counted: bool
    refusal: Refusal | None = None


_NO_ANSWER: Final = Answer(counted=False)
_ALLOWED: Final = Answer(counted=True)


class Counters:
    """The counters in Valkey, for one event loop.

    Args:
        url: ``valkey://…``, ``valkeys://…``, ``redis://…`` or ``rediss://…``. It may hold a password.
        prefix: Begins the names of all keys.
        digest: Returns the keyed digest of a counter's name.
        changed: Called with True when Valkey answers, and with False when it no longer does.
        patience: See `PATIENCE`.
    """

    def __init__(
        self,
        url: str,
        prefix: str,
        digest: Callable[[str, str], bytes],
        changed: Callable[[bool], None],
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._url = url
        self._head = f"{{{prefix}limits}}:".encode()
        self._digest = digest
        self._changed = changed
        self._patience = patience
        self._elsewhere: tuple[str, int] | None = None
        self._waiting: deque[_Job] = deque()
        self._work = asyncio.Event()
        self._connected = False
        self._said = True
        self._answers = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to connect. Call this in the event loop."""
        self._work = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._live(), name="haoma-valkey")

    async def end(self) -> None:
        """Close the connection."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def take(self, meters: Sequence[Meter]) -> Answer:
        """Count a request in all of ``meters``, or in none of them."""
        if not self._connected:
            if self._task is None or self._task.done():  # there was no lifespan event, or this is another loop
                self.begin()
            return _NO_ANSWER
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Job(meters, future))
        self._work.set()
        return await future

    async def _live(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while True:
                before = self._answers
                with contextlib.suppress(Exception):  # whatever it is: the next try is soon
                    await self._serve_one_connection()
                self._lose()
                self._tell(well=False)
                # Only answers show that it is well again: one that is too slow can be connected to at any time.
                pause = _FIRST_PAUSE if self._answers > before else min(pause * 2, _LONGEST_PAUSE)
                await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - to get out of step
        finally:
            self._lose()

    def _lose(self) -> None:
        """Let go of all who wait."""
        self._connected = False
        waiting, self._waiting = self._waiting, deque()
        _resolve(waiting, _NO_ANSWER)

    def _tell(self, *, well: bool) -> None:
        if self._said is not well:
            self._said = well
            self._changed(well)

    async def _serve_one_connection(self) -> None:
        connection = connection_to(self._url, self._elsewhere)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.connect()
            await self._serve_until_it_fails(connection)
        except Exception as error:
            self._elsewhere = _named_in(error, connection.host)
            raise
        finally:
            with contextlib.suppress(Exception):
                await connection.disconnect(nowait=True)

    async def _serve_until_it_fails(self, connection: Any) -> None:
        serving = asyncio.get_running_loop().create_task(self._serve(connection))
        try:
            await asyncio.wait([serving])
        finally:
            serving.cancel()
            await asyncio.wait([serving])
        if serving.cancelled():  # after `_SILENT_SECONDS`
            raise TimeoutError
        serving.result()

    async def _serve(self, connection: Any) -> None:
        """Answer what waits, until something fails."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._connected = True
        while True:
            if not self._waiting:
                self._work.clear()
                await self._work.wait()
            jobs = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AT_ONCE))]
            watch = _Watch(loop, self._patience, partial(self._overdue, jobs))
            end = loop.call_later(_SILENT_SECONDS, task.cancel)
            try:
                await connection.send_packed_command(connection.pack_commands(map(self._command, jobs)), False)
                for job in jobs:
                    answer = _answer(job, await connection.read_response(disconnect_on_error=False))
                    if not job.future.done():
                        job.future.set_result(answer)
            except BaseException:
                self._lose()
                raise
            finally:
                watch.cancel()
                end.cancel()
                _resolve(jobs, _NO_ANSWER)
            self._answers += 1
            self._connected = True
            self._tell(well=True)

    def _overdue(self, jobs: list[_Job]) -> None:
        _resolve(jobs, _NO_ANSWER)
        self._lose()

    def _command(self, job: _Job) -> tuple[Any, ...]:
        keys = [self._head + self._digest(meter.kind, meter.name) for meter in job.meters]
        numbers = [number for meter in job.meters for number in (meter.interval, meter.burst)]
        return ("EVAL", _SCRIPT, len(keys), *keys, *numbers)


def connection_to(url: str, elsewhere: tuple[str, int] | None = None) -> Any:
    """Return a connection that is not made yet.

    Args:
        url: The address.
        elsewhere: Another host and port to connect to, as a cluster named them.

    Raises:
        ValueError, TypeError: The address, or an option in its query, is invalid.
    """
    from valkey.asyncio.connection import Connection, SSLConnection, parse_url

    options: dict[str, Any] = {"host": "127.0.0.1", "port": 6379, **parse_url(url)}
    kind = options.pop("connection_class", Connection)
    if issubclass(kind, SSLConnection):
        options.setdefault("ssl_check_hostname", True)  # the package's own default is not to look
    if elsewhere is not None:
        options["host"], options["port"] = elsewhere
    return kind(**options | {"socket_timeout": None, "socket_connect_timeout": None})


def _named_in(error: Exception, host: str) -> tuple[str, int] | None:
    """Return the node that a cluster names in an error such as ``MOVED 866 10.0.0.7:6379``, or None."""
    kind, _, named = str(error).partition(" ")
    name, _, port = named.rpartition(" ")[2].rpartition(":")
    return (name or host, int(port)) if kind == "MOVED" and port.isdecimal() else None


def _answer(job: _Job, found: Any) -> Answer:
    which, microseconds = map(int, found)
    return Answer(counted=True, refusal=Refusal(job.meters[which - 1].kind, microseconds)) if which else _ALLOWED


def _resolve(jobs: Sequence[_Job] | deque[_Job], answer: Answer) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_result(answer)


class _Watch:
    """Calls ``late`` after some seconds, but only if the event loop has had time to run since.

    A timer and the answer may be ready at the same time, if the event loop was busy. The timer would come first.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, late: Callable[[], None]) -> None:
        self._loop = loop
        self._late = late
        self._handle = loop.call_later(seconds, self._look_again)

    def cancel(self) -> None:
        self._handle.cancel()

    def _look_again(self) -> None:
        self._handle = self._loop.call_later(_GRACE, self._late)
