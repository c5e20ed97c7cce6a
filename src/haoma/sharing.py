"""Flows that several requests share: change what is kept, make a thing once for all who wait, do one after the other.

They are made of steps alone. Whoever waits for another needs nothing of his, so that it does not matter in which
process he is, or whether he is still alive: his lease ends, and what he kept can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from haoma.errors import HaomaError
from haoma.steps import (
    Concluded,
    EndLease,
    Keep,
    Recall,
    Reserve,
    TakeLease,
    UnderWay,
    Watch,
    ask,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.steps import Flow, Key, Lease, Place, Reserved

T = TypeVar("T")
V = TypeVar("V")


def update(place: Place[V], change: Callable[[V | None, float], tuple[V, float] | None]) -> Flow[None]:
    """Change what is kept in ``place``, whoever else changes it at the same time.

    Args:
        place: The place.
        change: Called with what is kept, or None, and Unix seconds by the clock of whoever keeps it. Returns what to
            keep, and for how many seconds; None if all shall stay as it is. Called again if somebody was faster.

    Raises:
        MemoryFull: ``internal.memory-full``.
    """
    while True:
        found = yield from ask(Recall(place))
        changed = change(found.value, found.now)
        if changed is None:
            return
        value, seconds = changed
        if (yield from ask(Keep(place, value, seconds, expect=found.version))):
            return


def refresh(place: Place[V], make: Callable[[], Flow[tuple[V, float]]]) -> Flow[V]:
    """Return what is kept in ``place``; if nothing is, one makes it for all who wait.

    An error is shared as well, so that a hundred who wait cannot become a hundred calls.

    Args:
        place: The place.
        make: Makes the value; returns it, and for how many seconds to keep it: 0 if it is kept already, by ``make``, or
            may not be.

    Raises:
        HaomaError: What ``make`` raised.
    """
    while True:
        found = yield from ask(Recall(place))
        if found.value is not None:
            return found.value
        lease = yield from ask(TakeLease(place.key))
        if not isinstance(lease, UnderWay):
            break
        failure = yield from ask(Watch(lease))
        if isinstance(failure, HaomaError):
            raise failure
    try:
        value = yield from _made(place, make, lease)
    except HaomaError as error:
        yield from ask(EndLease(lease, error))
        raise
    yield from ask(EndLease(lease))
    return value


def _made(place: Place[V], make: Callable[[], Flow[tuple[V, float]]], lease: Lease) -> Flow[V]:
    found = yield from ask(Recall(place))  # a run may have ended between the first look and the lease
    if found.value is not None:
        return found.value
    value, seconds = yield from make()
    if not seconds or (yield from ask(Keep(place, value, seconds, lease=lease))):
        return value
    # It took so long that somebody else has made another one, which may be the younger.
    found = yield from ask(Recall(place))
    return value if found.value is None else found.value


def alone(key: Key, flow: Callable[[Lease], Flow[T]]) -> Flow[T]:
    """Run ``flow`` while no other for the same ``key`` runs.

    Args:
        key: The key.
        flow: Called with the lease. What it keeps under it is refused once somebody else has taken over.
    """
    while isinstance(lease := (yield from ask(TakeLease(key))), UnderWay):
        yield from ask(Watch(lease))
    try:
        result = yield from flow(lease)
    except HaomaError:
        yield from ask(EndLease(lease))
        raise
    yield from ask(EndLease(lease))
    return result


def reserve(step: Reserve) -> Flow[Reserved | Concluded]:
    """Reserve a value; where the same request is under way already, return what comes of that one."""
    while isinstance(answer := (yield from ask(step)), UnderWay):
        outcome = yield from ask(Watch(answer))
        if outcome is not None:
            return Concluded(outcome)
    return answer
