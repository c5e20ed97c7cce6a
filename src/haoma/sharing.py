"""Flows for state that requests share: atomic update, refresh once for all waiters, one at a time.

They consist only of steps. A waiter does not depend on the holder, which may be in another process or dead: the lease
expires, and stored values can be read.
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
    """Change the value in ``place`` atomically.

    Args:
        place: The place.
        change: Called with the stored value or None, and with Unix seconds by the answerer's clock. Returns the new
            value and its lifetime in seconds, or None to change nothing. Called again if another request changed the
            value first.

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
    """Return the value in ``place``. If there is none, one request makes it for all that wait.

    An error is shared too, so that a hundred waiting requests cannot become a hundred calls.

    Args:
        place: The place.
        make: Returns a new value and its lifetime in seconds. The lifetime is 0 if ``make`` has stored the value
            already, or if it must not be stored.

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
    found = yield from ask(Recall(place))  # another request may have made it between the first look and the lease
    if found.value is not None:
        return found.value
    value, seconds = yield from make()
    if not seconds or (yield from ask(Keep(place, value, seconds, lease=lease))):
        return value
    # Our lease expired and another request made a value, which may be newer than ours.
    found = yield from ask(Recall(place))
    return value if found.value is None else found.value


def renew(place: Place[V], make: Callable[[], Flow[tuple[V, float]]]) -> Flow[V | None]:
    """Replace the value in ``place`` while it is still good. Return None if another request is at it, or if it fails.

    Args:
        place: The place.
        make: See `refresh`.
    """
    lease = yield from ask(TakeLease(place.key))
    if isinstance(lease, UnderWay):
        return None
    value = None
    try:
        made, seconds = yield from make()
        if not seconds or (yield from ask(Keep(place, made, seconds, lease=lease))):
            value = made
    except HaomaError:
        value = None  # the old one is good for a while; those who come then will see the error
    yield from ask(EndLease(lease))
    return value


def alone(key: Key, flow: Callable[[Lease], Flow[T]]) -> Flow[T]:
    """Run ``flow`` under the lease for ``key``, so that only one flow per key runs at a time.

    Args:
        key: The key.
        flow: Called with the lease. Once another request has taken over the lease, values stored under it are refused.
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
    """Reserve a value. If the same request is already in progress, wait for it and return its outcome."""
    while isinstance(answer := (yield from ask(step)), UnderWay):
        outcome = yield from ask(Watch(answer))
        if outcome is not None:
            return Concluded(outcome)
    return answer
