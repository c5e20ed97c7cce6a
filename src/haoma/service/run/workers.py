"""Worker processes that share one port. A worker that dies is replaced.

Workers are spawned, not forked. Each starts with the configuration that is in use: the contents of its files go from
this process to the worker over the pipe of the spawn. So a file that was spoiled meanwhile stops nobody, and all serve
the same. The supervisor speaks with each over another pipe, in words: see `haoma.service.run.protocol`.
"""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection as PipeEnd
from multiprocessing.connection import Pipe, wait
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import ConfigFaults
from haoma.service.run.notify import on_hangup, watchdog_seconds
from haoma.service.run.protocol import ALIVE, DROP, FAULTY, PREPARE, PREPARED, READY, SWAP
from haoma.settings.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess

    from haoma.service.run.life import Life

CANNOT_START: Final = 3
"""Exit code of a worker that would fail again. At the start it ends the service. The same as uvicorn's."""
_PAUSE: Final = 0.5
"""Seconds until a worker that died is replaced."""
_LONGEST_PAUSE: Final = 8.0
"""The same for one whose predecessors did not come to listen."""
_PREPARE_SECONDS: Final = 60.0
_STOP: Final = b"stop"
_RELOAD: Final = b"reload"
_log: Final = logging.getLogger(__name__)


def supervise(
    work: Callable[..., None],
    arguments: Callable[[Sources], tuple[Any, ...]],
    sources: Sources,
    count: int,
    let_go: Callable[[], None],
    life: Life,
) -> set[int]:
    """Keep ``count`` workers running until a signal arrives, or until one of them cannot start when the service does.

    Args:
        work: The function that each worker runs. The worker imports it. Its last argument is a pipe to this process.
        arguments: Returns the other arguments of ``work`` for a configuration.
        sources: The configuration with which the service starts.
        count: Number of workers.
        let_go: Releases what this process holds, especially the port, before the workers end.
        life: Told of what happens.

    Returns:
        The exit codes of the last workers.
    """
    workers = _Workers(work, arguments, sources, count, life)
    before = {number: signal.signal(number, workers.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    on_hangup(workers.reload)
    try:
        workers.watch()
        life.stopping()
        let_go()
        return workers.end()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Worker:
    """A worker process.

    Attributes:
        process: The process.
        pipe: This process's end of the pipe.
        began: When it was started, in seconds of the monotonic clock.
        heard: When it last said that it is alive; 0 if it does not listen yet.
    """

    process: SpawnProcess
    pipe: PipeEnd
    began: float
    heard: float = 0.0


class _Workers:
    def __init__(
        self,
        work: Callable[..., None],
        arguments: Callable[[Sources], tuple[Any, ...]],
        sources: Sources,
        count: int,
        life: Life,
    ) -> None:
        self._work = work
        self._arguments = arguments
        self._sources = sources
        self._count = count
        self._life = life
        self._told, self._tell = Pipe(duplex=False)
        self._stopping = False
        self._workers: list[_Worker] = []
        self._pause = _PAUSE
        self._due = 0.0  # when workers that are missing may start
        self._listened = False
        self._watchdog = watchdog_seconds()

    def stop(self, *_: object) -> None:
        """Begin to stop. This is the signal handler."""
        if not self._stopping:
            self._stopping = True
            self._tell.send_bytes(_STOP)  # wakes `watch`

    def reload(self, *_: object) -> None:
        """Read the configuration again. This is a signal handler."""
        self._tell.send_bytes(_RELOAD)

    def watch(self) -> None:
        """Start the workers, and replace those that die, until `stop` is called."""
        for _ in range(self._count):
            self._start()
        while not self._stopping:
            self._start_missing()
            pipes = {each.pipe: each for each in self._workers}
            ends = {each.process.sentinel: each for each in self._workers}
            for happened in wait([self._told, *pipes, *ends], self._patience()):
                if self._stopping:
                    break
                if happened is self._told:
                    if self._told.recv_bytes() == _RELOAD:
                        self._read_again()
                elif isinstance(happened, PipeEnd):
                    self._hear(pipes[happened])
                elif isinstance(happened, int):
                    self._bury(ends[happened])
            self._tell_manager()

    def _patience(self) -> float | None:
        """Return how long there is nothing to do, unless something happens; None for ever."""
        until = [self._watchdog / 2] if self._watchdog else []
        if len(self._workers) < self._count:
            until.append(max(0.0, self._due - time.monotonic()))
        return min(until, default=None)

    def end(self) -> set[int]:
        """Let the workers finish requests in flight. Return their exit codes."""
        for each in self._workers:
            each.process.terminate()
        for each in self._workers:
            each.process.join()
            each.pipe.close()
        return {each.process.exitcode or 0 for each in self._workers}

    def _start(self) -> None:
        ours, theirs = Pipe()
        process = get_context("spawn").Process(target=self._work, args=(*self._arguments(self._sources), theirs))
        process.start()
        theirs.close()  # so that a worker notices if this process is gone, and the other way round
        self._workers.append(_Worker(process, ours, time.monotonic()))

    def _start_missing(self) -> None:
        if time.monotonic() < self._due:
            return
        for _ in range(self._count - len(self._workers)):
            self._start()
            self._life.replaced(self._sources)

    def _bury(self, ended: _Worker) -> None:
        """Forget a worker that has ended. Another one starts after a pause, which grows if they keep dying."""
        ended.process.join()
        if ended.process.exitcode == CANNOT_START and not (self._listened and self._serves()):
            self.stop()
            return
        self._workers.remove(ended)
        ended.pipe.close()
        self._pause = _PAUSE if ended.heard else min(2 * self._pause, _LONGEST_PAUSE)
        self._due = time.monotonic() + self._pause

    def _hear(self, worker: _Worker) -> str:
        """Return what a worker says; nothing if its process has ended, which its sentinel tells."""
        try:
            word = worker.pipe.recv_bytes().decode("ascii")
        except (EOFError, OSError):
            worker.process.join(_PAUSE)  # the sentinel follows at once
            return ""
        if word in {READY, ALIVE}:
            worker.heard = time.monotonic()
        return word

    def _tell_manager(self) -> None:
        if len(self._workers) == self._count and all(each.heard for each in self._workers):
            self._listened = True
            self._life.listening()
        if not self._watchdog or not self._listened:
            return
        since = time.monotonic() - self._watchdog
        if self._serves() and all(max(each.heard, each.began) >= since for each in self._workers):
            self._life.alive()

    def _serves(self) -> bool:
        return any(each.heard for each in self._workers)

    def _read_again(self) -> None:
        """Let every worker prepare. If all can, let all swap."""
        self._life.reads()
        sources = Sources()
        try:
            settings = self._life.read(sources)
            self._life.check(settings)
        except ConfigFaults as faults:
            self._life.stays(faults)
            return
        asked = [each for each in self._workers if each.heard and _say(each, f"{PREPARE} {sources.digest}")]
        answers = [self._prepares(each) for each in asked]
        prepared = all(answers)
        for each in asked:
            _say(each, SWAP if prepared else DROP)
        if not prepared:
            self._life.stays()
            return
        self._sources = sources
        for each in self._workers:
            if each not in asked:  # it does not listen yet, and began with what was in use before
                each.process.kill()
        self._life.has_read(settings)

    def _prepares(self, worker: _Worker) -> bool:
        """Wait for the answer of a worker. One that dies meanwhile is replaced, by one with what is in use then."""
        until = time.monotonic() + _PREPARE_SECONDS
        while not self._stopping and (left := until - time.monotonic()) > 0:
            ready = wait([worker.pipe, worker.process.sentinel], left)
            if worker.process.sentinel in ready:
                return True
            if ready and (word := self._hear(worker)) in {PREPARED, FAULTY}:
                return word == PREPARED
        return False


def _say(worker: _Worker, word: str) -> bool:
    try:
        worker.pipe.send_bytes(word.encode("ascii"))
    except OSError:
        return False
    return True
