"""What belongs to one process, and what may not stop it halfway: forks and signals.

After a fork the child has a copy of everything, and none of it is its own: a connection is shared with the parent, a
lock may be held by a thread that the child does not have, a future is resolved by nobody. The process id is compared at
each use, because not every server that forks says so (uWSGI runs no ``os.register_at_fork`` hooks by default).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

T = TypeVar("T")

_SERVERS: Final = ("gunicorn", "uwsgi", "celery")
_forks = 0


def _count_a_fork() -> None:
    global _forks  # noqa: PLW0603
    _forks += 1


if hasattr(os, "register_at_fork"):
    # Only for a process id that comes round again; the id alone tells every other child from its parent.
    os.register_at_fork(after_in_child=_count_a_fork)


class PerProcess(Generic[T]):
    """A value that each process makes for itself.

    There is no lock in it, since a lock can be held at the moment of a fork.

    Args:
        make: Makes the value of this process. It is given that of the process that was forked, or None, and only reads
            it. Two threads may both call it; one of the values is used.
    """

    def __init__(self, make: Callable[[T | None], T]) -> None:
        self._make = make
        self._values: dict[tuple[int, int], T] = {}

    def get(self) -> T:
        """Return the value of this process."""
        me = (os.getpid(), _forks)
        value = self._values.get(me)
        if value is None:
            # Another thread may have put this process's own there since.
            before = next((each for owner, each in list(self._values.items()) if owner != me), None)
            value = self._values.setdefault(me, self._make(before))
            for other in list(self._values):
                if other != me:
                    self._values.pop(other, None)
        return value


def one_of_many() -> str:
    """Return how it can be seen that other processes do the same work as this one; empty if it cannot."""
    if multiprocessing.parent_process() is not None:
        return "multiprocessing"
    return next((name for name in _SERVERS if name in sys.modules), "")


# --- exceptions that are the application's


def interruption(error: BaseException) -> BaseException | None:
    """Return the exception that a signal handler raised, if ``error`` is one or was caused by one.

    Celery's soft time limit and most decorators that limit the time of a call work this way. Such an exception can be
    of any class, `TimeoutError` included, and can come up at any line of ours and of the libraries below.
    """
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    for each in causes(error):
        frames = [frame for frame, _ in traceback.walk_tb(each.__traceback__)]
        # One that the application was handling when it called us begins in the application.
        if frames and _is_known(_module_of(frames[0])) and any(frame.f_code in handlers for frame in frames):
            return each
    return None


def _code_of(handler: object) -> object:
    function = getattr(handler, "func", None) or handler  # a method has the code of its function
    code = getattr(function, "__code__", None)
    return code or getattr(vars(type(function)).get("__call__"), "__code__", None)  # or an object that can be called


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was raised from, ten at most."""
    found: BaseException | None = error
    for _ in range(10):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


_OURS: Final = frozenset({"haoma", "anyio", "certifi", "cryptography", "h11", "httpcore2", "msgspec", "phonenumbers"})


def is_ours(error: BaseException) -> bool:
    """Tell whether an exception is a mistake of haoma, or of a library below it; else it is the application's.

    Exceptions of an application come up inside ours when a signal handler raises one, or when another thread throws
    one into this thread (``PyThreadState_SetAsyncExc``).
    """
    last = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        last = frame
    raised_in = "" if last is None else _module_of(last)
    return _is_known(raised_in) and _is_known(type(error).__module__) and interruption(error) is None


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_known(module: str) -> bool:
    package = module.partition(".")[0]
    return package in _OURS or package in sys.stdlib_module_names  # not "__main__"
