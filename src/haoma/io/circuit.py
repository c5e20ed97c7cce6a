"""The bulkhead and the circuit breaker: what the requests of one app to one host may take, and when they stop.

A platform that hangs holds a connection, and the caller's request, for seconds. Without a limit per app, one app's
platform could take all connections of a process. So each app has its own connections to each host (the bulkhead), and
after some failed requests in a row the circuit opens: further requests are refused at once, before anything is sent.
Then one request at a time is let through as a probe, and the first answer closes the circuit.

A failed request is one that found no connection, got no reply, or got a reply of a broken server (`says_broken`). What
a platform says about a code or a token is no failure, even if it is a refusal. Otherwise anybody could open the circuit
of an app with made-up codes.

The state is that of one process, because it is about the connections of that process.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakKeyDictionary, ref

from haoma.errors import CircuitOpen, HaomaError, OutsideError
from haoma.io.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.steps import Reply

OnCircuit: TypeAlias = "Callable[[str, str, bool], None]"
"""Called with the app's scope, the host, and whether the circuit has opened (True) or closed (False)."""

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 8.0
"""Seconds without a request after the circuit has opened. They double each time that a probe fails."""
_SLOW: Final = 1.0
_SLOW_WEIGHT: Final = 4
"""A failure that took a second or longer counts as a quarter of those that open the circuit. Many requests may have
waited for it: they share the fetch of a token, and its failure."""
_BROKEN: Final = 500
_GATEWAY: Final = frozenset({502, 503, 504})


def says_broken(reply: Reply) -> bool:
    """Return whether a reply is that of a broken server, and not the answer of the platform's application.

    A status of 5xx is, with one exception: 500 with a JSON object may be what a platform makes of one bad request.
    """
    if reply.status < _BROKEN:
        return False
    return reply.status in _GATEWAY or not reply.body.lstrip().startswith(b"{")


class Circuit:
    """The requests of one app to one host.

    Args:
        host: The host, for the error.
        connections: How many requests may have a connection at the same time.
        failures: How many failed requests in a row open the circuit; of slow ones it takes four.
        changed: Called with True when the circuit opens, and with False when it closes.
    """

    __slots__ = (
        "_changed", "_connections", "_failed", "_host", "_inside", "_lock", "_most", "_pause", "_probe", "_reason",
        "_turn", "_until", "_waiting",
    )  # fmt: skip

    def __init__(self, host: str, connections: int, failures: int, changed: Callable[[bool], None]) -> None:
        self._host = host
        self._connections = connections
        self._most = failures
        self._changed = changed
        self._lock = threading.RLock()  # reentrant: a signal handler may send a request
        # The references are weak, so that a request interrupted at any line keeps neither a connection nor the probe.
        self._inside: WeakKeyDictionary[Any, tuple[int, float]] = WeakKeyDictionary()  # the turn and time each began
        self._probe: ref[Any] | None = None
        self._failed = 0
        self._reason = ""
        self._until = 0.0
        self._pause = _FIRST_PAUSE
        self._waiting: deque[Future[None]] = deque()
        self._turn = 0  # how often the circuit has closed again

    @property
    def idle(self) -> bool:
        """Whether there is nothing to remember."""
        return not self._failed and not self._inside and not self._waiting

    def admit(self, request: object) -> bool:
        """Return True if the request has a connection now, False while all are in use.

        Raises:
            CircuitOpen: ``outside.circuit-open``.
        """
        now = monotonic()
        with self._lock:
            if self._failed >= self._most:
                left = self._until - now
                if left > 0 or (self._probe is not None and self._probe() in self._inside):
                    because = {"host": self._host, "reason": self._reason}
                    raise CircuitOpen(because=because, retry_after=max(1, math.ceil(left)))
                self._probe = ref(request)  # beyond the limit if need be: the others may all hang
            elif len(self._inside) >= self._connections:
                return False
            self._inside[request] = self._turn, now
            return True

    def wait(self) -> Future[None]:
        """Return a future that is done when it is time to ask `admit` again.

        A request that is interrupted may leave without a word. So whoever waits has to look from time to time as well.
        """
        turn: Future[None] = Future()
        self._waiting.append(turn)
        with self._lock:
            # In another thread, the last one may have left since `admit` said no.
            missed = self._failed >= self._most or len(self._inside) < self._connections
        if missed:
            self._wake()
        return turn

    def leave(self, request: object) -> None:
        """Give the connection back."""
        with self._lock:
            self._inside.pop(request, None)
        self._wake()

    def _wake(self) -> bool:
        """Let the next waiting request ask again. Return False if none waits."""
        while self._waiting:
            try:
                turn = self._waiting.popleft()
            except IndexError:  # another thread was faster
                return False
            if turn.set_running_or_notify_cancel():
                turn.set_result(None)
                return True
        return False

    def answered(self, request: object, reply: Reply) -> None:
        """Note the reply to a request."""
        if says_broken(reply):
            self._fail(request, f"http-{reply.status}")
            return
        with self._lock:
            was_open, self._failed = self._failed >= self._most, 0
            if was_open:
                self._pause = _FIRST_PAUSE
                self._turn += 1
        if was_open:
            self._changed(False)

    def failed(self, request: object, error: HaomaError) -> None:
        """Note that a request got no reply. One that never had a connection says nothing about the host."""
        if isinstance(error, OutsideError) and request in self._inside:
            self._fail(request, error.code)

    def _fail(self, request: object, reason: str) -> None:
        with self._lock:
            turn, began = self._inside.get(request, (-1, 0.0))
            if turn != self._turn:
                return  # it began before the host was known to answer again
            now, before = monotonic(), self._failed
            self._failed += max(1, self._most // _SLOW_WEIGHT) if now - began >= _SLOW else 1
            self._reason = reason
            opens = before < self._most <= self._failed
            if opens or (self._probe is not None and self._probe() is request):
                self._until = now + self._pause
                self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        if opens:
            while self._wake():
                pass
            self._changed(True)


class Circuits:
    """The circuits of one process.

    Args:
        connections, failures: See `Circuit`.
        on_circuit: See `OnCircuit`.
    """

    def __init__(self, connections: int, failures: int, on_circuit: OnCircuit | None) -> None:
        self._connections = connections
        self._failures = failures
        self._tell = on_circuit
        self._known: dict[tuple[str, str], Circuit] = {}

    def enter(self, app: str, origin: str, host: str) -> Circuit:
        """Return the circuit for an app's requests to one origin."""
        key = app, origin
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST:
                self._forget()
            made = Circuit(host, self._connections, self._failures, lambda opened: self._changed(app, host, opened))
            found = self._known.setdefault(key, made)
        return found

    def _changed(self, app: str, host: str, opened: bool) -> None:  # noqa: FBT001
        if self._tell is not None:
            self._tell(app, host, opened)

    def _forget(self) -> None:
        for key, circuit in list(self._known.items()):
            if circuit.idle:
                self._known.pop(key, None)


_MOST: Final = 1000
"""How many circuits there may be before those that are idle are forgotten. An application may make up apps."""
