"""What several requests share, step by step: how much is asked, and what each of them gets."""

from __future__ import annotations

from typing import Any

import pytest

from haoma.codecs import Record
from haoma.errors import ConnectFailed, HaomaError, OutcomeUnknown, Spent
from haoma.io.memory import Memory
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.sharing import alone, refresh, renew, reserve, update
from haoma.steps import (
    Conclude,
    Concluded,
    Drop,
    EndLease,
    Flow,
    Keep,
    Lease,
    Outcome,
    Pause,
    Recall,
    Reserve,
    Reserved,
    Room,
    Shelf,
    Step,
    TakeLease,
    Watch,
    ask,
)
from haoma.verified import VerifiedPhone

PLACE = Shelf("shared", Room.CUSTODY, Record(str)).place("", "a")
WANTED = Reserve("shop", "code", Secret("a-code"), b"mine", 300)
PHONE = VerifiedPhone(PhoneNumber("86", "13800138000"), "wechat", "shop", None, ())


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> Memory:
    return Memory(now=clock, wall=clock)


class Played:
    """A flow that is played by hand; a `Pause` in it stands for all that takes time."""

    def __init__(self, flow: Flow[Any], memory: Memory) -> None:
        self._flow, self._memory = flow, memory
        self.result: Any = None
        self.steps: list[type[Step[Any]]] = []
        self._step: Step[Any] | None = None
        self._go_on(None)

    def _go_on(self, answer: object) -> None:
        try:
            self._step = self._flow.send(answer)
        except StopIteration as end:
            self._step, self.result = None, end.value
        except HaomaError as error:
            self._step, self.result = None, error

    def go(self, until: type[Step[Any]] | None = None) -> list[type[Step[Any]]]:
        """Play to the end, or up to such a step; return what was asked from the start."""
        while self._step is not None and not (until and isinstance(self._step, until)):
            self.steps.append(type(self._step))
            assert len(self.steps) < 20, "it goes round in circles"
            self._go_on(None if isinstance(self._step, Pause) else self._memory.answer(self._step))
        return self.steps


def _made(value: str | HaomaError, seconds: float = 100) -> Any:
    def make() -> Flow[tuple[str, float]]:
        yield from ask(Pause(1))
        if isinstance(value, HaomaError):
            raise value
        return value, seconds

    return make


def _kept(memory: Memory) -> object:
    return memory.answer(Recall(PLACE)).value  # type: ignore[attr-defined]


def test_what_is_kept_is_one_question(memory: Memory) -> None:
    """Whoever finds it takes no lease: thousands live on one token, and none waits for another."""
    memory.answer(Keep(PLACE, "kept", 100))
    played = Played(refresh(PLACE, _made("new")), memory)
    assert played.go() == [Recall]
    assert played.result == "kept"


@pytest.mark.parametrize("seconds", [100, 0])
def test_what_is_made_is_kept_once(memory: Memory, seconds: float) -> None:
    """By the one who made it; or not at all, where it is kept already or may not be."""
    played = Played(refresh(PLACE, _made("new", seconds)), memory)
    assert played.go() == [Recall, TakeLease, Recall, Pause, *([Keep] if seconds else []), EndLease]
    assert played.result == "new"
    assert _kept(memory) == ("new" if seconds else None)
    assert isinstance(memory.answer(TakeLease(PLACE.key)), Lease)


@pytest.mark.parametrize("still_there", [True, False])
def test_who_took_too_long_gets_the_younger_one(memory: Memory, clock: Clock, still_there: bool) -> None:
    """On some platforms a new token kills the one before: what was made first may be dead. If it is all there is, that."""
    slow = Played(refresh(PLACE, _made("older")), memory)
    slow.go(Pause)
    clock.time += 60
    fast = Played(refresh(PLACE, _made("younger")), memory)
    fast.go()
    assert fast.result == "younger"
    if not still_there:
        found: Any = memory.answer(Recall(PLACE))
        memory.answer(Drop(PLACE, found.version))
    slow.go()
    assert slow.result == ("younger" if still_there else "older")
    assert _kept(memory) == ("younger" if still_there else None)


def test_who_waits_for_what_fails_is_told(memory: Memory) -> None:
    """The same error; he makes no try of his own. The next request does."""
    first = Played(refresh(PLACE, _made(ConnectFailed(because={"a": 1}))), memory)
    first.go(Pause)
    second = Played(refresh(PLACE, _made("new")), memory)
    second.go(Watch)
    first.go()
    assert second.go() == [Recall, TakeLease, Watch]
    assert (type(second.result), second.result.because) == (ConnectFailed, {"a": 1})
    third = Played(refresh(PLACE, _made("new")), memory)
    third.go()
    assert third.result == "new"


def test_who_waits_for_what_is_made_gets_it(memory: Memory) -> None:
    """And if nothing came of it, he makes it."""
    for seconds, value in ((100, "first"), (0, "second")):
        first = Played(refresh(PLACE, _made("first", seconds)), memory)
        first.go(Pause)
        second = Played(refresh(PLACE, _made("second", 0)), memory)
        second.go(Watch)
        first.go()
        second.go()
        assert second.result == value
        found: Any = memory.answer(Recall(PLACE))
        memory.answer(Drop(PLACE, found.version))


@pytest.mark.parametrize("seconds", [100, 0])
def test_a_good_value_is_replaced(memory: Memory, seconds: float) -> None:
    """While it is made, the old one is used; nobody else makes one, and it may be one that is not kept."""
    memory.answer(Keep(PLACE, "old", 100))
    first, second = (Played(renew(PLACE, _made(value, seconds)), memory) for value in ("new", "of-the-second"))
    first.go(until=Pause)
    assert second.go() == [TakeLease]
    assert (second.result, _kept(memory)) == (None, "old")
    assert first.go() == [TakeLease, Pause, *([Keep] if seconds else []), EndLease]
    assert (first.result, _kept(memory)) == ("new", "new" if seconds else "old")
    assert Played(renew(PLACE, _made("third")), memory).go(until=Pause) == [TakeLease]  # the lease was given back


def test_a_good_value_is_used_although_its_replacement_fails(memory: Memory) -> None:
    """The failure is nobody's yet, and the next may try at once."""
    memory.answer(Keep(PLACE, "old", 100))
    played = Played(renew(PLACE, _made(ConnectFailed())), memory)
    assert played.go() == [TakeLease, Pause, EndLease]
    assert (played.result, _kept(memory)) == (None, "old")
    assert Played(renew(PLACE, _made("new")), memory).go(until=Pause) == [TakeLease]


def test_who_replaces_a_value_too_late_replaces_none(memory: Memory, clock: Clock) -> None:
    """Another has taken over the lease since: what it makes may be newer."""
    memory.answer(Keep(PLACE, "old", 1000))
    late = Played(renew(PLACE, _made("late")), memory)
    late.go(until=Pause)
    clock.time += 61
    Played(renew(PLACE, _made("new")), memory).go()
    late.go()
    assert (late.result, _kept(memory)) == (None, "new")


@pytest.mark.parametrize("outcome", [PHONE, ConnectFailed(), OutcomeUnknown(spent=Spent.UNKNOWN)], ids=repr)
def test_who_waits_for_the_same_request_gets_its_outcome(memory: Memory, outcome: Outcome) -> None:
    """Whatever it is: he does not send the code a second time."""
    reserved = memory.answer(WANTED)
    assert isinstance(reserved, Reserved)
    played = Played(reserve(WANTED), memory)
    played.go(Watch)
    memory.answer(Conclude("shop", reserved.ref, outcome))
    assert played.go() == [Reserve, Watch]
    assert isinstance(played.result, Concluded)
    assert type(played.result.outcome) is type(outcome)


def test_who_waits_for_one_that_says_nothing_takes_his_place(memory: Memory) -> None:
    """The value is his own then, after an unknown outcome."""
    reserved = memory.answer(WANTED)
    assert isinstance(reserved, Reserved)
    played = Played(reserve(WANTED), memory)
    played.go(Watch)
    memory.let_go(reserved.ref)
    assert played.go() == [Reserve, Watch, Reserve]
    assert isinstance(played.result, Reserved)
    assert played.result.after_unknown


@pytest.mark.parametrize("fails", [True, False])
def test_one_after_the_other(memory: Memory, fails: bool) -> None:
    """Whoever waits has his turn, whatever came of the one before; its failure is no business of his."""

    def change(lease: Lease) -> Flow[int]:
        yield from ask(Pause(1))
        if fails:
            raise ConnectFailed
        return lease.fence

    first = Played(alone(PLACE.key, change), memory)
    first.go(Pause)
    second = Played(alone(PLACE.key, change), memory)
    second.go(Watch)
    assert first.go() == [TakeLease, Pause, EndLease]
    assert second.go() == [TakeLease, Watch, TakeLease, Pause, EndLease]
    if fails:
        assert type(second.result) is ConnectFailed
    else:
        assert second.result > first.result


def test_a_change_is_made_to_what_is_there(memory: Memory) -> None:
    """If somebody was faster, once more, to what he left; and none is made where none is wanted."""
    played = Played(update(PLACE, lambda value, now: (f"{value} {now}", 100)), memory)
    played.go(Keep)
    memory.answer(Keep(PLACE, "faster", 100))
    assert played.go() == [Recall, Keep, Recall, Keep]
    assert _kept(memory) == "faster 1000.0"
    assert Played(update(PLACE, lambda _value, _now: None), memory).go() == [Recall]
    assert _kept(memory) == "faster 1000.0"
