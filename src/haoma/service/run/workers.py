"""Worker processes that share one port. A worker that dies is replaced.

Workers are spawned, not forked: each reads the configuration itself, so secrets are not passed between processes.
"""

from __future__ import annotations

import logging
import signal
from multiprocessing import get_context
from multiprocessing.connection import Pipe, wait
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess

CANNOT_START: Final = 3
"""Exit code of a worker that must not be restarted, because it would fail again. The same as uvicorn's."""
_PAUSE: Final = 0.5
_log: Final = logging.getLogger(__name__)


def supervise(
    work: Callable[..., None], arguments: tuple[Any, ...], count: int, let_go: Callable[[], None]
) -> set[int]:
    """Keep ``count`` workers running until a signal arrives, or until one of them cannot start.

    Args:
        work: The function that each worker runs. The worker imports it.
        arguments: The arguments of ``work``.
        count: Number of workers.
        let_go: Releases what this process holds, especially the port, before the workers end.

    Returns:
        The exit codes of the last workers.
    """
    workers = _Workers(work, arguments)
    before = {number: signal.signal(number, workers.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        workers.watch(count)
        let_go()
        return workers.end()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Workers:
    def __init__(self, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self._work = work
        self._arguments = arguments
        self._told, self._tell = Pipe(duplex=False)
        self._stopping = False
        self._processes: dict[int, SpawnProcess] = {}

    def stop(self, *_: object) -> None:
        """Begin to stop. This is the signal handler."""
        if not self._stopping:
            self._stopping = True
            self._tell.send_bytes(b"stop")  # wakes `watch`

    def watch(self, count: int) -> None:
        """Start the workers, and replace those that die, until `stop` is called."""
        for _ in range(count):
            self._start()
        while not self._stopping:
            for ended in wait([self._told, *self._processes]):
                if isinstance(ended, int) and not self._stopping:
                    self._replace(ended)

    def end(self) -> set[int]:
        """Let the workers finish requests in flight. Return their exit codes."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.join()
        return {process.exitcode or 0 for process in self._processes.values()}

    def _start(self) -> None:
        process = get_context("spawn").Process(target=self._work, args=self._arguments)
        process.start()
        self._processes[process.sentinel] = process

    def _replace(self, ended: int) -> None:
        process = self._processes[ended]
        process.join()
        if process.exitcode == CANNOT_START:
            self.stop()
        elif not self._told.poll(_PAUSE):  # pause: a worker that keeps dying must not keep the machine busy
            del self._processes[ended]
            self._start()
            _log.warning("A worker died and was replaced.")
