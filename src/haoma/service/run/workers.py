"""Worker processes that share one port. A worker that dies is replaced.

Workers are spawned, not forked: each reads the configuration itself, so secrets are not passed between processes. The
supervisor speaks with each over a pipe, in single words: see `haoma.service.run.reloading`.
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

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess

    from haoma.service.run.life import Life

CANNOT_START: Final = 3
"""Exit code of a worker that must not be restarted, because it would fail again. The same as uvicorn's."""
_PAUSE: Final = 0.5
_PREPARE_SECONDS: Final = 60.0
_STOP: Final = b"stop"
_RELOAD: Final = b"reload"
_log: Final = logging.getLogger(__name__)


def supervise(
    work: Callable[..., None], arguments: tuple[Any, ...], count: int, let_go: Callable[[], None], life: Life
) -> set[int]:
    """Keep ``count`` workers running until a signal arrives, or until one of them cannot start.

    Args:
        work: The function that each worker runs. The worker imports it. Its last argument is a pipe to this process.
        arguments: The other arguments of ``work``.
        count: Number of workers.
        let_go: Releases what this process holds, especially the port, before the workers end.
        life: Told of what happens.

    Returns:
        The exit codes of the last workers.
    """
    workers = _Workers(work, arguments, life)
    before = {number: signal.signal(number, workers.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    on_hangup(workers.reload)
    try:
        workers.watch(count)
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
        heard: When it last said that it is alive, in seconds of the monotonic clock; 0 if it does not listen yet.
    """

    process: SpawnProcess
    pipe: PipeEnd
    heard: float = 0.0


class _Workers:
    def __init__(self, work: Callable[..., None], arguments: tuple[Any, ...], life: Life) -> None:
        self._work = work
        self._arguments = arguments
        self._life = life
        self._told, self._tell = Pipe(duplex=False)
        self._stopping = False
        self._workers: list[_Worker] = []
        self._watchdog = watchdog_seconds()

    def stop(self, *_: object) -> None:
        """Begin to stop. This is the signal handler."""
        if not self._stopping:
            self._stopping = True
            self._tell.send_bytes(_STOP)  # wakes `watch`

    def reload(self, *_: object) -> None:
        """Read the configuration again. This is a signal handler."""
        self._tell.send_bytes(_RELOAD)

    def watch(self, count: int) -> None:
        """Start the workers, and replace those that die, until `stop` is called."""
        for _ in range(count):
            self._start()
        while not self._stopping:
            pipes = {each.pipe: each for each in self._workers}
            ends = {each.process.sentinel: each for each in self._workers}
            for happened in wait([self._told, *pipes, *ends], self._watchdog / 2 or None):
                if self._stopping:
                    break
                if happened is self._told:
                    if self._told.recv_bytes() == _RELOAD:
                        self._read_again()
                elif isinstance(happened, PipeEnd):
                    self._hear(pipes[happened])
                elif isinstance(happened, int):
                    self._replace(ends[happened])
            self._tell_manager()

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
        process = get_context("spawn").Process(target=self._work, args=(*self._arguments, theirs))
        process.start()
        theirs.close()  # so that a worker notices if this process is gone, and the other way round
        self._workers.append(_Worker(process, ours))

    def _replace(self, ended: _Worker) -> None:
        ended.process.join()
        if ended.process.exitcode == CANNOT_START:
            self.stop()
        elif not (self._told.poll(_PAUSE) and self._stopping):  # a pause, for one that keeps dying
            self._workers.remove(ended)
            ended.pipe.close()
            self._start()
            _log.warning("A worker died and was replaced.")

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
        if not all(each.heard for each in self._workers):
            return
        self._life.listening()
        since = time.monotonic() - self._watchdog
        if self._watchdog and all(each.heard >= since for each in self._workers):
            self._life.alive()

    def _read_again(self) -> None:
        """Let every worker prepare. If all can, let all swap."""
        self._life.reads()
        try:
            settings = self._life.check()
        except ConfigFaults as faults:
            self._life.stays(faults)
            return
        asked = [each for each in self._workers if each.heard and _say(each, PREPARE)]
        answers = [self._prepares(each) for each in asked]
        prepared = all(answers)
        for each in asked:
            _say(each, SWAP if prepared else DROP)
        if prepared:
            self._life.has_read(settings)
        else:
            self._life.stays()

    def _prepares(self, worker: _Worker) -> bool:
        """Wait for the answer of a worker. One that dies meanwhile is replaced, and reads the file itself."""
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
