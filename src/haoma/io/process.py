"""Per-process state, and exceptions raised by signal handlers.

A forked child inherits copies that it must not use: a connection is shared with the parent, a lock may be held by a
thread that does not exist in the child, and nobody resolves a future. The process id is compared at each use, because
not every forking server runs the fork hooks (uWSGI does not run ``os.register_at_fork`` hooks by default).
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
    # Needed only if the system reuses a process id. In all other cases the id alone identifies the process.
    os.register_at_fork(after_in_child=_count_a_fork)


class PerProcess(Generic[T]):
    """A value that each process makes for itself.

    It uses no lock, because a lock may be held at the moment of a fork.

    Args:
        make: Makes the value for this process. It gets the parent's value, or None, and must only read it. Two threads
            may both call it; one of the results is used.
    """

    def __init__(self, make: Callable[[T | None], T]) -> None:
        self._make = make
        self._values: dict[tuple[int, int], T] = {}

    def get(self) -> T:
        """Return the value of this process."""
        me = (os.getpid(), _forks)
        value = self._values.get(me)
        if value is None:
            # Another thread may have stored this process's value since.
            before = next((each for owner, each in list(self._values.items()) if owner != me), None)
            value = self._values.setdefault(me, self._make(before))
            for other in list(self._values):
                if other != me:
                    self._values.pop(other, None)
        return value


def one_of_many() -> str:
    """Return what shows that other processes do the same work as this one; empty if nothing does."""
    if multiprocessing.parent_process() is not None:
        return "multiprocessing"
    return next((name for name in _SERVERS if name in sys.modules), "")


# --- exceptions of the application


def interruption(error: BaseException) -> BaseException | None:
    """Return the exception that a signal handler raised, if ``error`` is one or was caused by one.

    Celery's soft time limit and most timeout decorators work this way. The exception can have any class, including
    `TimeoutError`, and can appear at any line of our code or of a library that we call.
    """
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    for each in causes(error):
        frames = [frame for frame, _ in traceback.walk_tb(each.__traceback__)]
        # The traceback of an exception that the application was already handling starts in the application's code.
        if frames and _is_known(_module_of(frames[0])) and any(frame.f_code in handlers for frame in frames):
            return each
    return None


def _code_of(handler: object) -> object:
    function = getattr(handler, "func", None) or handler  # functools.partial
    code = getattr(function, "__code__", None)  # a method also has the code of its function
    return code or getattr(vars(type(function)).get("__call__"), "__code__", None)  # a callable object


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its chain of causes and contexts, ten at most."""
    found: BaseException | None = error
    for _ in range(10):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


_OURS: Final = frozenset({"haoma", "anyio", "certifi", "cryptography", "h11", "httpcore2", "msgspec", "phonenumbers"})


def is_ours(error: BaseException) -> bool:
    """Return True if an exception is a bug in haoma or in a library that it uses, not one of the application.

    The application's exceptions appear inside our code when a signal handler raises one, or when another thread injects
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
