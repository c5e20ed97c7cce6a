"""Every order in which flows can run side by side, one step at a time.

A flow is a generator, so it is driven here as a driver would, but for the choice whose step is answered next. All orders
are played, up to the order of neighbouring steps that touch nothing in common (sleep sets: Godefroid, Partial-Order
Methods for the Verification of Concurrent Systems, 1996). A flow that waits goes on when it is woken or has waited in
vain. ``hangs`` says how often time may pass in the middle, for so long that whatever is under way is given up: at every
place where it can make a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from haoma.errors import HaomaError
from haoma.io.answers import Held, Waiting
from haoma.io.memory import Memory
from haoma.steps import (
    ABSENT,
    Call,
    Conclude,
    Count,
    Drop,
    EndLease,
    Flow,
    Keep,
    Key,
    Lease,
    Place,
    Recall,
    Reserve,
    Send,
    Settle,
    Step,
    TakeLease,
    TakeTry,
    Watch,
)

PATIENCE: Final = 60.0
TIME: Final = "(time passes)"
CLOCK: Final = "clock"
LEDGER: Final = "ledger"
NUMBERS: Final = "numbers"


@dataclass(frozen=True, slots=True)
class Touched:
    """What a step has read and changed."""

    read: frozenset[Hashable] = frozenset()
    changed: frozenset[Hashable] = frozenset()

    def conflicts(self, other: Touched) -> bool:
        """Tell whether it matters which of the two comes first."""
        return bool(self.changed & (other.read | other.changed) or other.changed & self.read)


@dataclass
class Actor:
    """A flow on its way.

    Attributes:
        result, error: How it ended.
    """

    flow: Flow[Any]
    step: Step[Any] | None = None
    held: list[Held] = field(default_factory=list)
    waiting: Waiting | None = None
    until: float = 0.0
    result: Any = None
    error: HaomaError | None = None

    def go_on(self, answer: object, refusal: HaomaError | None = None) -> None:
        try:
            self.step = self.flow.send(answer) if refusal is None else self.flow.throw(refusal)
            while isinstance(self.step, Count):  # it touches nothing
                self.step = self.flow.send(None)
        except StopIteration as end:
            self.step, self.result = None, end.value
        except HaomaError as error:
            self.step, self.error = None, error


class Run:
    """Flows, a memory, and what came of it.

    Args:
        outside: Answers what is asked of the network and of the application.
        hangs: How often time may pass.
        ordered: Whether it matters in which order the outside is asked.
        hang_seconds: How long.
        numbered: Kinds of which it matters which value has the greater version, wherever they are.

    Attributes:
        kept: Whatever was kept and dropped, in this order: the kind, and the value or None.
        order: Whose step was answered, in this order.
        log: For what flows say of themselves.
    """

    def __init__(
        self,
        outside: Callable[[Step[Any]], object] = lambda _: None,
        hangs: int = 0,
        *,
        ordered: bool = True,
        numbered: frozenset[str] = frozenset(),
        hang_seconds: float = PATIENCE,
    ) -> None:
        self.now = 1000.0
        self.memory = Memory(patience=PATIENCE, now=lambda: self.now, wall=lambda: self.now)
        self.actors: dict[str, Actor] = {}
        self.kept: list[tuple[str, Any]] = []
        self.order: list[str] = []
        self._outside = outside
        self._hangs = hangs
        self._ordered = ordered
        self._numbered = numbered
        self._hang_seconds = hang_seconds
        self.log: list[Any] = []
        self._fences: dict[Key, int] = {}  # of the leases that are held

    def add(self, **flows: Flow[Any]) -> Run:
        """Add flows that run side by side."""
        for name, flow in flows.items():
            self.actors[name] = Actor(flow)
            self.actors[name].go_on(None)
        return self

    def finish(self, flow: Flow[Any]) -> Any:
        """Run a flow alone, to its end."""
        actor = Actor(flow)
        actor.go_on(None)
        while actor.step is not None:
            self._answer(actor)
            assert actor.waiting is None
        if actor.error is not None:
            raise actor.error
        return actor.result

    def value(self, place: Place[Any]) -> Any:
        """Return what is kept."""
        found: Any = self.memory.answer(Recall(place), [])
        return found.value

    def results(self) -> dict[str, Any]:
        """Return how the flows ended: what they returned, or their errors."""
        return {name: each.error or each.result for name, each in self.actors.items()}

    def can_go(self) -> list[str]:
        """Return whose step can be answered."""
        going = [name for name, each in self.actors.items() if each.step is not None]
        ready = [name for name in going if self._is_ready(self.actors[name])]
        hangs = self._hangs and len(going) > 1  # to one that is left alone it makes no difference
        return [*ready, TIME] if hangs or (going and not ready) else ready

    def _is_ready(self, actor: Actor) -> bool:
        return actor.waiting is None or actor.waiting.woken.done() or self.now >= actor.until

    def go(self, name: str) -> Touched:
        """Answer one step; return what it has touched."""
        self.order.append(name)
        if name != TIME:
            actor = self.actors[name]
            step = actor.step
            assert step is not None
            return self._touched(step, self._answer(actor))
        self.now += self._hang_seconds
        self._hangs = max(self._hangs - 1, 0)
        return Touched(changed=frozenset({CLOCK}))

    def _answer(self, actor: Actor) -> object:
        step, actor.waiting = actor.step, None
        assert step is not None
        answer, refusal = None, None
        try:
            outside = isinstance(step, Send | Call)
            answer = self._outside(step) if outside else self.memory.answer(step, actor.held)
        except HaomaError as error:
            refusal = error
        if isinstance(answer, Waiting):
            actor.waiting, actor.until = answer, self.now + answer.seconds
        else:
            actor.go_on(answer, refusal)
        if isinstance(step, Keep | Drop) and answer is True:
            self.kept.append((step.place.key.kind, step.value if isinstance(step, Keep) else None))
        if isinstance(step, TakeLease) and isinstance(answer, Lease):
            self._fences[step.key] = answer.fence
        return answer

    def replay(self, order: list[str]) -> Run:
        """Go on in this order, without a look at what is touched."""
        for name in order:
            if name == TIME:
                self.go(name)
                continue
            actor = self.actors[name]
            step = actor.step
            self._answer(actor)
            if isinstance(step, EndLease):
                self._end(step.lease)
        self.order = list(order)
        return self

    def _end(self, lease: Lease) -> bool:
        return self._fences.get(lease.key) == lease.fence and self._fences.pop(lease.key) is not None

    def _touched(self, step: Step[Any], answer: object) -> Touched:  # noqa: PLR0911 - one line a step
        match step:
            case Keep(place, lease=lease) | Drop(place, lease=lease):
                right: list[Hashable] = [] if lease is None else [("lease", lease.key)]
                if lease is not None and self._fences.get(lease.key) != lease.fence:
                    return _of(read=right)  # it was refused for that, and will be whatever comes
                nothing = answer is not True or (isinstance(step, Drop) and step.version == ABSENT)
                if nothing:
                    return _of(read=[place.key, *right])
                number = [NUMBERS] if place.key.kind in self._numbered else []
                return _of(read=right, changed=[place.key, *number])
            case TakeLease(key) if isinstance(answer, Lease):
                return _of(read=[CLOCK], changed=[("lease", key)])
            case EndLease(lease):
                held: list[Hashable] = [("lease", lease.key)]
                return _of(changed=held) if self._end(lease) else _of(read=held)
            case Send() | Call():
                return _of(changed=["outside"] if self._ordered else [])
        return _touched(step)


def _touched(step: Step[Any]) -> Touched:
    match step:
        case Recall(place):
            return _of(read=[place.key])
        case TakeLease(key):
            return _of(read=[CLOCK, ("lease", key)])
        case Watch(under_way):
            by = under_way.by
            return _of(read=[CLOCK, ("lease", by.key) if isinstance(by, Lease) else LEDGER])
        case TakeTry(key):
            return _of(read=[CLOCK], changed=[("tries", key)])
        case Reserve() | Conclude() | Settle():
            return _of(read=[CLOCK], changed=[LEDGER])
    raise AssertionError(step)


def _of(read: list[Hashable] | None = None, changed: list[Hashable] | None = None) -> Touched:
    return Touched(frozenset(read or ()), frozenset(changed or ()))


def explore(start: Callable[[], Run], check: Callable[[Run], None]) -> int:
    """Play all orders, each from a new start, and check each end; return how many there are."""
    return _explore(start, check, start(), {})


def _explore(
    start: Callable[[], Run], check: Callable[[Run], None], run: Run | None, asleep: Mapping[str, Touched]
) -> int:
    assert run is not None
    names, before = run.can_go(), list(run.order)
    if not names:
        try:
            check(run)
        except BaseException as error:
            error.add_note(f"order: {' '.join(before)}")
            error.add_note(f"kept: {run.kept}")
            raise
        return 1
    count, seen = 0, dict(asleep)
    for name in names:
        if name in asleep:  # what it does here was played before, in another order of what does not matter
            continue
        if run is None:
            run = start().replay(before)
        touched = run.go(name)
        rest = {other: each for other, each in seen.items() if not each.conflicts(touched)}
        count += _explore(start, check, run, rest)
        seen[name], run = touched, None
    return count
