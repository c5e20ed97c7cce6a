"""What belongs to one process: after a fork, beside others, and when an exception comes up that is not ours."""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import FunctionType, ModuleType
from typing import Any

import pytest

import haoma.io.tls  # noqa: F401 - it is imported again below
from haoma.io.process import PerProcess, causes, interruption, is_ours, one_of_many


def in_a_child(told: Callable[[], object]) -> Any:
    """Return what a forked child says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(told()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    return json.loads(found)


@pytest.mark.parametrize("recycled", [False, True], ids=["another id", "the same id"])
def test_each_process_has_a_value_of_its_own(recycled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child, and a child of that, makes its own once, and is told what its parent had; the parent keeps its own."""
    if recycled:  # ids come round again
        monkeypatch.setattr(os, "getpid", lambda: 4711)
    made: list[str | None] = []

    def make(before: str | None) -> str:
        made.append(before)
        return f"{before or ''}+"

    values = PerProcess(make)

    def told() -> object:
        grandchild = in_a_child(lambda: [values.get(), values.get(), made]) if len(made) < 3 and values.get() else None
        return [values.get(), values.get(), made, grandchild]

    assert [values.get(), values.get(), made] == ["+", "+", [None]]
    in_the_child = in_a_child(told)
    assert in_the_child[:3] == ["++", "++", [None, "+"]]
    assert in_the_child[3] == ["+++", "+++", [None, "+", "++"]]
    assert [values.get(), made] == ["+", [None]]


def test_what_two_threads_make_at_once_is_one() -> None:
    """Both may make it; both are given the same, and none of it is taken for that of another process."""
    both = threading.Barrier(2, timeout=10)
    befores: list[object] = []

    def make(before: object) -> object:
        befores.append(before)
        both.wait()
        return object()

    values, found = PerProcess(make), []
    threads = [threading.Thread(target=lambda: found.append(values.get())) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found[0] is found[1] is values.get()
    assert befores == [None, None]


def test_what_belonged_to_another_process_is_let_go() -> None:
    """A child holds what its parent had no longer than it takes to make its own."""

    class Held:
        pass

    values = PerProcess(lambda _before: Held())
    values.get()

    def told() -> object:
        import gc

        values.get()
        gc.collect()
        return sum(isinstance(each, Held) for each in gc.get_objects())

    assert in_a_child(told) == 1


def test_a_system_that_does_not_fork() -> None:
    """Has no hooks for it, and needs none."""

    def told() -> object:
        del os.register_at_fork
        for name in ("haoma.io.process", "haoma.io.tls"):
            importlib.reload(sys.modules[name])
        return True

    assert in_a_child(told) is True


@pytest.mark.parametrize("server", ["gunicorn", "uwsgi", "celery"])
def test_a_server_of_many_processes_is_seen(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is loaded, or by a parent of multiprocessing; else it cannot be seen."""
    for name in ("gunicorn", "uwsgi", "celery"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert one_of_many() == ""
    with monkeypatch.context() as one:
        one.setattr(multiprocessing, "parent_process", object)
        assert one_of_many() == "multiprocessing"
    monkeypatch.setitem(sys.modules, server, ModuleType(server))
    assert one_of_many() == server


def chain(length: int) -> BaseException:
    """Exceptions 0, 1, 2, … of which each came from the next, and the last from nothing."""
    found = [ValueError(number) for number in range(length)]
    for number, (one, other) in enumerate(itertools.pairwise(found)):
        if number % 2:
            one.__cause__, one.__context__ = other, KeyError("hidden by the cause")
        else:
            one.__context__ = other
    return found[0]


@pytest.mark.parametrize("length", [1, 2, 9, 10, 11, 30])
def test_causes(length: int) -> None:
    """An exception, its cause, or what it came up in, and so on: ten, so that a circle has an end."""
    assert [each.args[0] for each in causes(chain(length))] == list(range(min(length, 10)))


def living_in(module: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as if a module of this name had it."""
    return FunctionType(function.__code__, {"__name__": module})


def caught(what: Callable[[], object]) -> BaseException | None:
    try:
        what()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    return None


def raises(kind: type[BaseException]) -> None:
    raise kind("in there")


def mistakes(what: Callable[[], object], kind: type[BaseException]) -> None:
    try:
        what()
    except ValueError:
        raise kind from None  # it is still its context


def raised_in(module: str, what: Callable[[], object]) -> BaseException:
    """Return the exception that ``what`` raises when a module of this name calls it, and nothing above that."""
    found: BaseException = living_in(module, caught)(what)
    return found


def raising(module: str, kind: type[BaseException] = ValueError) -> Callable[[], None]:
    """Return a function of a module of this name that raises."""
    return functools.partial(living_in(module, raises), kind)


class Theirs(Exception):
    """An exception of an application."""


@pytest.mark.parametrize(
    ("module", "kind", "ours"),
    [
        ("haoma.io.http", ValueError, True),
        ("haoma", KeyError, True),
        ("h11._state", ValueError, True),
        ("json.decoder", ValueError, True),
        ("json", ValueError, True),
        ("haoma.io.http", Theirs, False),  # thrown into this thread by another
        ("shop.views", ValueError, False),
        ("haomalike", ValueError, False),
        ("__main__", ValueError, False),
        ("", ValueError, False),
    ],
)
def test_whose_mistake_it_is(module: str, kind: type[BaseException], ours: bool) -> None:
    """Ours is what haoma or a library raised, and a kind of exception that they know, whoever called."""
    for caller in ("haoma.client", "shop.views"):
        assert is_ours(raised_in(caller, raising(module, kind))) is ours
    assert not is_ours(ValueError("raised nowhere"))


def plain(*_: object) -> None:
    raise ValueError("from the handler")


def through_a_library(*_: object) -> None:
    Fraction("from the handler")


class Handlers:
    def method(self, *_: object) -> None:
        raise ValueError("from the handler")

    def __call__(self, *_: object) -> None:
        raise ValueError("from the handler")


@pytest.fixture(params=["function", "library", "method", "partial", "object"])
def handled(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """A handler of a signal, of each form that one can have; calling it raises the signal."""
    handlers: dict[str, Callable[..., None]] = {
        "function": plain,
        "library": through_a_library,
        "method": Handlers().method,
        "partial": functools.partial(plain, 1),
        "object": Handlers(),
    }
    before = signal.signal(signal.SIGUSR1, handlers[request.param])
    yield lambda: signal.raise_signal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def test_an_interruption_is_found(handled: Callable[[], None]) -> None:
    """What the handler raised inside ours is found, itself or behind what was made of it; it is no mistake of ours."""
    for inside in ("haoma.io.http", "h11", "selectors"):
        error = raised_in(inside, handled)
        assert interruption(error) is error
        assert not is_ours(error)
        behind = raised_in(inside, functools.partial(living_in(inside, mistakes), handled, OSError))
        found = interruption(behind)
        assert type(behind) is OSError
        assert found is not None
        assert "from the handler" in str(found)
    # One that the application was handling when it called us began there; and nothing was interrupted here.
    assert interruption(raised_in("shop.views", handled)) is None
    assert interruption(raised_in("haoma.client", raising("haoma.io.http"))) is None
    assert interruption(raised_in("haoma.client", raising("shop.views"))) is None
    assert interruption(ValueError("raised nowhere")) is None
