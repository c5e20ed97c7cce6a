"""What a process remembers: expiry, tries, the ledger's states, limits."""

from __future__ import annotations

import gc
import inspect
import itertools
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from haoma.errors import (
    AlreadyUsed,
    CodeRejected,
    ConnectFailed,
    HaomaError,
    InternalFault,
    MemoryFull,
    OutcomeUnknown,
    Spent,
)
from haoma.io.memory import Abandoned, Memory, Shared, Waiting
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import Claim, Drop, Fresh, Keep, Mint, Pause, Place, Recall, Ref, Refund, Settle, Settled, Shelf, Spend
from haoma.verified import VerifiedPhone

DOCS = Path(__file__).parents[2] / "docs"
PHONE = VerifiedPhone(PhoneNumber("86", "13800138000"), "wechat", "shop", None, ())
REFUSED = CodeRejected(spent=Spent.YES)
UNKNOWN = OutcomeUnknown(spent=Spent.UNKNOWN)
UNSPENT = ConnectFailed()


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wall():
    return Clock()


@pytest.fixture
def memory(clock, wall):
    seen = clock()

    def now() -> float:  # it goes as the other, unless it is set
        nonlocal seen
        wall.time, seen = wall() + clock() - seen, clock()
        return float(wall())

    return Memory(now=clock, wall=now)


def place(key: str, shelf: Shelf = Shelf.SESSIONS, owner: str = "shop") -> Place:
    return Place(shelf, owner, key)


def size(memory: Memory) -> int:
    """How much a memory holds, whatever it is."""
    state = memory._state.get()
    parts: list[object] = [*state.kept.values(), *state.tries.values(), *state.used.values()]
    return sum(map(len, parts))  # type: ignore[arg-type]


def claim(
    value: str = "code-1", fingerprint: bytes = b"mine", app: str = "shop", kind: str = "code", seconds: float = 300
) -> Claim:
    return Claim(app, kind, Secret(value), fingerprint, seconds)


def take(memory: Memory, step: Claim) -> Fresh:
    fresh = memory.answer(step)
    assert isinstance(fresh, Fresh)
    return fresh


# --- kept values, tries, random strings ---


def test_what_is_kept_expires(memory, clock):
    """A value is there until its seconds are over, and not one moment longer."""
    memory.answer(Keep(place("token"), "t1", 10))
    clock.time += 9.9
    assert memory.answer(Recall(place("token"))) == "t1"
    clock.time += 0.1
    assert memory.answer(Recall(place("token"))) is None
    assert size(memory) == 0


def test_drop_compares(memory):
    """A token that was renewed meanwhile is not dropped by one who saw the old one fail."""
    memory.answer(Keep(place("token"), Secret("new"), 10))
    memory.answer(Drop(place("token"), Secret("old")))
    assert memory.answer(Recall(place("token"))) == Secret("new")
    memory.answer(Drop(place("token"), Secret("new")))
    assert memory.answer(Recall(place("token"))) is None


def test_tries_run_out_and_come_back(memory, clock):
    """Each try counts for its own seconds, a refund gives one back, and another key is not touched."""
    assert [memory.answer(Spend(place("k"), 3, 10)) for _ in range(4)] == [True, True, True, False]
    assert memory.answer(Spend(place("other"), 3, 10))
    memory.answer(Refund(place("k")))
    clock.time += 9
    assert [memory.answer(Spend(place("k"), 3, 10)) for _ in range(2)] == [True, False]
    clock.time += 1.5
    assert [memory.answer(Spend(place("k"), 3, 10)) for _ in range(3)] == [True, True, False]
    memory.answer(Refund(place("never spent")))
    assert not memory.answer(Spend(place("none"), 0, 10))


def test_tries_are_counted_once_over_threads():
    """Eight threads get exactly the limit between them."""
    memory = Memory()
    start = threading.Barrier(8)

    def spend() -> int:
        start.wait()
        return sum(bool(memory.answer(Spend(place("k"), 500, 60))) for _ in range(200))

    with ThreadPoolExecutor(8) as threads:
        assert sum(task.result() for task in [threads.submit(spend) for _ in range(8)]) == 500


def test_minted_strings_differ(memory):
    """A minted string has 256 bits in URL-safe characters."""
    minted = {memory.answer(Mint()) for _ in range(100)}
    assert len(minted) == 100
    assert all(len(str(text)) == 43 for text in minted)


def test_a_step_for_the_driver_is_a_mistake(memory):
    """A step that memory does not answer is not answered with nothing."""
    with pytest.raises(TypeError, match="no answer to Pause"):
        memory.answer(Pause(1))


# --- the ledger ---

STATES: dict[str, list[object]] = {
    "started": [],
    "done": [PHONE],
    "refused": [REFUSED],
    "unknown": [UNKNOWN],
    "unspent": [UNSPENT],
    "unknown, then unspent": [UNKNOWN, UNSPENT],
    "unknown, then unknown": [UNKNOWN, UNKNOWN],
    "unknown, then done": [UNKNOWN, PHONE],
    "unknown, then refused": [UNKNOWN, REFUSED],
}


def prepare(memory: Memory, state: str) -> None:
    fresh = take(memory, claim())
    for number, outcome in enumerate(STATES[state]):
        if number:
            fresh = take(memory, claim())
        memory.answer(Settle(fresh.ref, outcome))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("started", "waits"),
        ("done", "phone"),
        ("refused", "refusal"),
        ("unknown", "fresh after unknown"),
        ("unspent", "fresh"),
        ("unknown, then unspent", "fresh after unknown"),
        ("unknown, then unknown", "fresh after unknown"),
        ("unknown, then done", "phone"),
        ("unknown, then refused", "refusal"),
    ],
)
def test_the_same_request_again(memory, state, expected):
    """Each state of a row has one answer to the same fingerprint."""
    prepare(memory, state)
    answer = memory.answer(claim())
    match answer:
        case Waiting():
            assert expected == "waits"
        case Fresh():
            assert expected == ("fresh after unknown" if answer.after_unknown else "fresh")
        case Settled(HaomaError() as error):
            assert (expected, type(error), error.spent) == ("refusal", CodeRejected, Spent.YES)
            assert error is not REFUSED
        case Settled(phone):
            assert (expected, phone) == ("phone", PHONE)


@pytest.mark.parametrize("state", STATES)
def test_another_request_for_the_same_value(memory, state):
    """Another fingerprint is refused in every state, unless the value was given free."""
    prepare(memory, state)
    if state == "unspent":
        take(memory, claim(fingerprint=b"other"))
        return
    with pytest.raises(AlreadyUsed) as caught:
        memory.answer(claim(fingerprint=b"other"))
    assert "code-1" not in repr(caught.value)


@pytest.mark.parametrize("outcome", [PHONE, REFUSED, UNKNOWN, UNSPENT])
def test_who_waits_gets_the_outcome_whatever_it_is(memory, outcome):
    """All who waited get the outcome, an error as a copy of their own; nobody makes a second try."""
    fresh = take(memory, claim())
    waiting = [memory.answer(claim()) for _ in range(3)]
    memory.answer(Settle(fresh.ref, outcome))
    outcomes = [one.future.result(0).outcome for one in waiting]
    assert [type(one) for one in outcomes] == [type(outcome)] * 3
    if outcome is not PHONE:
        assert len({id(one) for one in (*outcomes, outcome)}) == 4


def test_a_waiter_that_is_cancelled_takes_nobody_with_it(memory):
    """Cancelling one future leaves the others and the claim as they are."""
    fresh = take(memory, claim())
    gone, stays = memory.answer(claim()), memory.answer(claim())
    assert gone.future.cancel()
    memory.answer(Settle(fresh.ref, PHONE))
    assert stays.future.result(0) == Settled(PHONE)


def test_a_remembered_refusal_holds_no_traceback(memory):
    """The frames of a traceback hold plain text: they are not kept for as long as the refusal is."""
    fresh = take(memory, claim())
    error = CodeRejected(spent=Spent.YES)
    with pytest.raises(CodeRejected):
        raise error
    memory.answer(Settle(fresh.ref, error))
    assert error.__traceback__ is not None
    found = memory.answer(claim())
    assert isinstance(found, Settled)
    assert found.outcome.__traceback__ is None  # type: ignore[union-attr]


def test_only_the_first_settlement_counts(memory):
    """Settling again changes nothing, even when the value is being tried again meanwhile."""
    first = take(memory, claim())
    memory.answer(Settle(first.ref, UNKNOWN))
    second = take(memory, claim())
    memory.answer(Settle(first.ref, UNSPENT))
    assert isinstance(memory.answer(claim()), Waiting)
    memory.answer(Settle(second.ref, PHONE))
    memory.answer(Settle(second.ref, UNSPENT))
    assert memory.answer(claim()) == Settled(PHONE)


def test_parts_of_a_key_cannot_run_together(memory):
    """App, kind and value are told apart wherever the border between them lies."""
    for step in (
        claim("c", app="a", kind="b"),
        claim("bc", app="a", kind=""),
        claim("", app="ab", kind="c"),
        claim("c", app="ab", kind=""),
    ):
        take(memory, step)


def test_values_are_not_stored(memory):
    """Nothing that the ledger reaches holds the value or the fingerprint in clear."""
    take(memory, claim("canary-value", b"canary-print"))
    seen: set[int] = set()
    todo: list[object] = [memory._state.get().used]
    while todo:
        thing = todo.pop()
        if id(thing) not in seen and not isinstance(thing, type) and not callable(thing):
            seen.add(id(thing))
            assert b"canary" not in (thing if isinstance(thing, bytes) else repr(thing).encode())
            todo += gc.get_referents(thing)
    assert len(seen) > 5


def test_used_values_are_forgotten_when_they_are_of_no_use(memory, clock):
    """A used value is remembered for its seconds, and not for longer; its answer for its own."""
    memory.answer(Settle(take(memory, claim(seconds=100)).ref, PHONE))
    clock.time += 29.9
    assert memory.answer(claim()) == Settled(PHONE)
    clock.time += 0.1
    for fingerprint in (b"mine", b"other"):
        with pytest.raises(AlreadyUsed):
            memory.answer(claim(fingerprint=fingerprint))
    assert not any(row.outcome for rows in memory._state.get().used.values() for row in rows.values())
    clock.time += 69.9
    with pytest.raises(AlreadyUsed):
        memory.answer(claim())
    clock.time += 0.1
    assert not take(memory, claim(fingerprint=b"other")).after_unknown


def test_what_the_platform_refuses_is_soon_forgotten(memory, clock):
    """A made-up code fills nothing: its refusal is remembered for as long as an answer, and then asked for again."""
    memory.answer(Settle(take(memory, claim(seconds=1000)).ref, REFUSED))
    clock.time += 29.9
    assert isinstance(memory.answer(claim()), Settled)
    clock.time += 0.1
    assert not take(memory, claim(fingerprint=b"other")).after_unknown


def test_a_refusal_after_an_unknown_outcome_is_remembered(memory, clock):
    """Such a code may have been used by the try before."""
    memory.answer(Settle(take(memory, claim(seconds=1000)).ref, UNKNOWN))
    memory.answer(Settle(take(memory, claim(seconds=1000)).ref, REFUSED))
    clock.time += 31
    with pytest.raises(AlreadyUsed):
        memory.answer(claim(fingerprint=b"other"))


def test_a_clock_that_is_set_back_makes_nothing_young_again(memory, clock, wall):
    """A used value is remembered until *both* clocks say that it is too old to be used."""
    memory.answer(Settle(take(memory, claim(seconds=660)).ref, PHONE))
    clock.time += 300
    memory.answer(Mint())
    wall.time -= 450
    clock.time += 400
    with pytest.raises(AlreadyUsed):
        memory.answer(claim(fingerprint=b"other"))
    clock.time += 451
    take(memory, claim(fingerprint=b"other"))


# --- what is under way ---


def test_a_try_that_hangs_is_taken_over(memory, clock):
    """After `patience` the next one tries, and knows that the outcome of the first is unknown."""
    first = take(memory, claim())
    waiting = memory.answer(claim())
    assert isinstance(waiting, Waiting)
    assert waiting.seconds == 60
    clock.time += 60
    second = take(memory, claim())
    assert second.after_unknown
    assert isinstance(memory.answer(claim()), Waiting)
    with pytest.raises(AlreadyUsed):
        memory.answer(claim(fingerprint=b"other"))
    memory.answer(Settle(first.ref, UNSPENT))  # too late
    memory.answer(Settle(first.ref, REFUSED))
    memory.abandon(first.ref)
    assert isinstance(memory.answer(claim()), Waiting)
    memory.answer(Settle(second.ref, PHONE))
    assert waiting.future.result(0) == Settled(PHONE)


@pytest.mark.parametrize("second_says", [UNKNOWN, UNSPENT, REFUSED, None])
def test_a_late_success_settles(memory, clock, second_says):
    """A success of a try that was given up is the answer, unless a later try has closed the value."""
    first = take(memory, claim())
    clock.time += 60
    second = take(memory, claim())
    waiting = memory.answer(claim())
    assert isinstance(waiting, Waiting)
    if second_says is None:
        memory.answer(Settle(first.ref, PHONE))
        assert waiting.future.result(0) == Settled(PHONE)
        memory.answer(Settle(second.ref, REFUSED))  # the word of the second comes after it
        assert memory.answer(claim()) == Settled(PHONE)
        return
    memory.answer(Settle(second.ref, second_says))
    memory.answer(Settle(first.ref, PHONE))
    found = memory.answer(claim())
    assert isinstance(found, Settled)
    assert type(found.outcome) is (CodeRejected if second_says is REFUSED else VerifiedPhone)


def test_a_late_success_after_an_unknown_end(memory):
    """A try that was reported as unknown and then succeeds after all."""
    first = take(memory, claim())
    memory.abandon(first.ref)
    memory.answer(Settle(first.ref, PHONE))
    assert memory.answer(claim()) == Settled(PHONE)


def test_whoever_waits_for_an_abandoned_try_makes_the_next(memory):
    """One of those who wait takes over at once, and the others wait for it."""
    first = take(memory, claim())
    waiting = [memory.answer(claim()) for _ in range(3)]
    memory.abandon(first.ref)
    for each in waiting:
        with pytest.raises(Abandoned):
            each.future.result(0)
    second = take(memory, claim())
    assert second.after_unknown
    assert isinstance(memory.answer(claim()), Waiting)


def test_the_ref_is_held_before_the_claim_is_made(memory):
    """Wherever an exception comes up, whoever holds the list of refs can abandon the claim."""

    class Told(list[Ref]):
        def append(self, ref):
            super().append(ref)
            raise KeyboardInterrupt

    held = Told()
    with pytest.raises(KeyboardInterrupt):
        memory.answer(claim(), held)
    memory.abandon(held[0])
    assert not take(memory, claim(fingerprint=b"other")).after_unknown


def test_a_run_that_hangs_is_taken_over(memory, clock):
    """Who waits for a shared run that takes too long runs it himself; the end of the first touches nothing."""
    with memory.lead(place("token")) as first:
        assert isinstance(first, Shared)
        with memory.lead(place("token")) as waiting:
            assert isinstance(waiting, Waiting)
        clock.time += 60
        with memory.lead(place("token")) as second:
            assert isinstance(second, Shared)
            with memory.lead(place("token")) as third:
                assert isinstance(third, Waiting)
            second.result = "token"
        assert third.future.result(0) == "token"
        first.result = "late"
    assert waiting.future.result(0) == "late"
    with memory.lead(place("token")) as again:
        assert isinstance(again, Shared)


def test_hostile_values_are_values(memory):
    """Empty, huge and lone-surrogate values are claimed like any other."""
    for value in ("", "x" * 1_000_000, "\ud800", "\x00"):
        take(memory, claim(value))


# --- limits ---


def test_a_full_table_forgets_what_expired_then_the_oldest(clock):
    """The cap holds; expired entries go first, then the oldest ones."""
    memory = Memory(cap=32, now=clock)
    for number in range(16):
        memory.answer(Keep(place(f"short-{number}"), number, 5))
    for number in range(16):
        memory.answer(Keep(place(f"long-{number}"), number, 500))
    clock.time += 6
    for number in range(16):
        memory.answer(Keep(place(f"new-{number}"), number, 500))
    assert all(memory.answer(Recall(place(f"long-{number}"))) == number for number in range(16))
    memory.answer(Keep(place("one more"), 1, 500))
    assert memory.answer(Recall(place("long-0"))) is None
    assert memory.answer(Recall(place("new-15"))) == 15
    assert size(memory) <= 32


def test_what_is_used_is_never_forgotten_for_something_new(clock):
    """A flood of claims of one app makes it refuse new ones, and leaves those of other apps alone."""
    memory = Memory(cap=32, now=clock, wall=clock)
    take(memory, claim("under way"))
    memory.answer(Settle(take(memory, claim("used")).ref, PHONE))
    for number in range(30):
        memory.answer(Settle(take(memory, claim(f"flood-{number}")).ref, PHONE))
    for _ in range(50):
        clock.time += 2
        with pytest.raises(MemoryFull):
            memory.answer(claim("one more"))
    with pytest.raises(AlreadyUsed):
        memory.answer(claim("used", b"other"))
    take(memory, claim("one more", app="other"))
    clock.time += 300
    take(memory, claim("one more"))


@pytest.mark.parametrize("flood", Shelf)
def test_no_shelf_crowds_another(clock, flood):
    """Whatever fills one shelf of one app, what stands on the others stays; only two shelves forget at all."""
    memory = Memory(cap=32, now=clock, wall=clock)
    kept = [place("kept", shelf, owner) for shelf in Shelf for owner in ("shop", "other")]
    for each in kept:
        memory.answer(Keep(each, "kept", 500))
        assert memory.answer(Spend(each, 1, 500))
    memory.answer(Settle(take(memory, claim()).ref, PHONE))
    taken = 0
    for number in range(400):
        taken += bool(memory.answer(Spend(place(str(number), flood), 1, 500)))
        try:
            memory.answer(Keep(place(str(number), flood), number, 500))
        except MemoryFull:
            assert flood in (Shelf.PROOFS, Shelf.TRIES)
    forgetful = flood in (Shelf.SESSIONS, Shelf.BUDGETS)
    assert taken == {Shelf.TRIES: 31, Shelf.PROOFS: 159}.get(flood, 400)
    for each in kept:
        flooded = each.shelf is flood and each.owner == "shop"
        assert memory.answer(Recall(each)) == (None if flooded and forgetful else "kept")
        assert memory.answer(Spend(each, 1, 500)) is (flooded and forgetful)
    with pytest.raises(AlreadyUsed):
        memory.answer(claim(fingerprint=b"other"))


def test_tries_that_were_given_back_take_no_room(clock):
    """A key is opened over and over: no entry stays behind."""
    memory = Memory(cap=32, now=clock)
    for number in range(100):
        assert memory.answer(Spend(place(str(number), Shelf.TRIES), 3, 500))
        memory.answer(Refund(place(str(number), Shelf.TRIES)))
    assert size(memory) == 0


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize(("stay", "most"), [(0, 1024), (600, 1398)])
def test_what_expired_does_not_wait_for_a_full_table(clock, used, stay, most):
    """It is swept whenever there is twice as much as the last sweep left, and 1024 at least: not later, not sooner."""
    memory = Memory(now=clock, wall=clock)
    largest = 0
    for number in range(1800):
        clock.time += 1
        seconds = 9e9 if number < stay else 100
        memory.answer(
            claim(str(number), seconds=seconds) if used else Keep(place(str(number), Shelf.PROOFS), number, seconds)
        )
        largest = max(largest, size(memory))
    assert largest == most


def in_a_child(check) -> bool:
    """Tell what ``check`` says after a fork, in the child."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_knows_what_was_kept_and_used_before_the_fork(memory, clock):
    """What was kept is there until its end, tries count on, and what was under way has an unknown outcome."""
    memory.answer(Keep(place("token"), "t1", 10))
    assert memory.answer(Spend(place("tries", Shelf.TRIES), 1, 10))
    memory.answer(Settle(take(memory, claim("settled")).ref, PHONE))
    ours = take(memory, claim("under way")).ref

    def check() -> bool:
        memory.answer(Settle(ours, REFUSED))  # the parent's try has no say in the child
        second = take(memory, claim("under way"))
        try:
            memory.answer(claim("settled"))
        except AlreadyUsed:
            pass
        else:
            return False
        memory.answer(Settle(ours, UNSPENT))
        waits = isinstance(memory.answer(claim("under way")), Waiting)
        known = memory.answer(Recall(place("token"))) == "t1"
        none_left = not memory.answer(Spend(place("tries", Shelf.TRIES), 1, 10))
        clock.time += 10
        gone = memory.answer(Recall(place("token"))) is None
        return second.after_unknown and waits and known and none_left and gone

    assert in_a_child(check)
    assert isinstance(memory.answer(claim("under way")), Waiting)  # and the parent goes on


def test_a_table_in_a_child_is_as_large_as_before(clock):
    """The same limits hold after a fork, and a full table forgets the oldest there as well."""
    memory = Memory(cap=16, now=clock)
    for number in range(16):
        memory.answer(Keep(place(str(number)), number, 500))

    def check() -> bool:
        memory.answer(Keep(place("new"), "new", 500))
        return [number for number in range(16) if memory.answer(Recall(place(str(number)))) is None] == [0]

    assert in_a_child(check)


def test_what_is_written_again_is_the_youngest(clock):
    """A session that goes on is not the one that a full table forgets, and it takes no second place."""
    memory = Memory(cap=16, now=clock)
    for number in range(16):
        memory.answer(Keep(place(str(number)), number, 500))
    memory.answer(Keep(place("0"), "again", 500))
    assert size(memory) == 16
    memory.answer(Keep(place("new"), "new", 500))
    assert memory.answer(Recall(place("0"))) == "again"
    assert [number for number in range(16) if memory.answer(Recall(place(str(number)))) is None] == [1]


def test_a_full_table_forgets_one_in_sixteen(clock):
    """No more than that: the sessions of the others go on."""
    memory = Memory(cap=1600, now=clock)
    for number in range(1601):
        memory.answer(Keep(place(str(number)), number, 500))
    gone = [number for number in range(1601) if memory.answer(Recall(place(str(number)))) is None]
    assert gone == list(range(100))


def test_a_shelf_that_forgets_nothing_says_that_it_is_full(clock):
    """Proofs are refused, never dropped; what has expired makes room at that very moment."""
    memory = Memory(cap=2, now=clock)
    for number in range(10):
        memory.answer(Keep(place(str(number), Shelf.PROOFS), number, 10))
    with pytest.raises(MemoryFull) as full:
        memory.answer(Keep(place("one more", Shelf.PROOFS), 1, 10))
    assert full.value.because == {"kind": "proofs"}
    memory.answer(Keep(place("3", Shelf.PROOFS), "anew", 10))  # it has its place already
    clock.time += 10
    memory.answer(Keep(place("one more", Shelf.PROOFS), 1, 10))


def test_used_values_make_room_when_they_are_over(memory, clock):
    """A full ledger is searched again after a second, and takes a new value as soon as one is over."""
    memory = Memory(cap=2, now=clock, wall=clock)
    for number in range(2):
        memory.answer(Settle(take(memory, claim(str(number), seconds=10)).ref, PHONE))
    with pytest.raises(MemoryFull):
        memory.answer(claim("new"))
    clock.time += 1
    with pytest.raises(MemoryFull):
        memory.answer(claim("new"))
    clock.time += 9
    take(memory, claim("new"))


def test_a_ledger_that_is_not_full_is_not_searched(clock):
    """Or one that fills up within a second would refuse, though there is room to make. It may be the first second."""
    clock.time = 0.0
    memory = Memory(cap=2, now=clock, wall=clock)
    for number in range(2):
        memory.answer(Settle(take(memory, claim(str(number), seconds=0.5)).ref, PHONE))
    clock.time += 0.6
    take(memory, claim("new"))


def test_a_full_ledger_is_searched_once_a_second(clock):
    """Whoever floods it does not make every request search it."""
    memory = Memory(cap=2, now=clock, wall=clock)
    for number, seconds in enumerate((1, 1.5)):
        memory.answer(Settle(take(memory, claim(str(number), seconds=seconds)).ref, PHONE))
    clock.time += 1.2
    take(memory, claim("new", seconds=600))  # searched: one was over
    clock.time += 0.9
    with pytest.raises(MemoryFull):
        memory.answer(claim("newer"))  # the second is over, but it was searched just now
    clock.time += 0.1
    take(memory, claim("newer"))


def test_a_try_under_way_outlives_the_time_of_its_value(memory, clock):
    """A value that may be forgotten after a second is not free while its exchange is under way."""
    memory.answer(claim(seconds=1))
    clock.time += 59.9
    assert isinstance(memory.answer(claim()), Waiting)
    with pytest.raises(AlreadyUsed):
        memory.answer(claim(fingerprint=b"other"))
    clock.time += 0.1  # given up, and over: nothing is known of it any more
    assert not take(memory, claim(fingerprint=b"other")).after_unknown


def test_a_value_that_is_settled_is_used_until_its_end(memory, clock):
    """To the moment: one before, it is used; then it is free."""
    memory.answer(Settle(take(memory, claim(seconds=300)).ref, PHONE))
    clock.time += 299.9
    with pytest.raises(AlreadyUsed):
        memory.answer(claim())
    clock.time += 0.1
    take(memory, claim())


def test_so_many_used_values_are_remembered_as_the_documentation_says() -> None:
    """What a limit does is tested with small ones; this is the one that a service has."""
    cap = inspect.signature(Memory).parameters["cap"].default
    assert all(f"{cap:,}" in (DOCS / name).read_text("utf-8") for name in ("http.md", "http.zh-CN.md"))


def interrupted(line: int, run: Callable[[], object]) -> bool:
    """Run something, and raise where it comes to this line of memory, as a signal handler may. Tell whether it did."""
    left = line

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith("memory.py"):
            return None
        left -= event == "line"
        if left < 0:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    assert left >= 0
    return False


@pytest.mark.parametrize("step", [Spend(place("key", Shelf.TRIES), 2, 10), Keep(place("key", Shelf.PROOFS), "new", 10)])
def test_an_interruption_loses_nothing_that_must_not_be_forgotten(step):
    """Wherever it comes up, a try that was spent stays spent, and a proof stays known."""
    for line in itertools.count():
        memory = Memory(now=Clock())
        memory.answer(Keep(place("key", Shelf.PROOFS), "old", 10))
        assert memory.answer(Spend(place("key", Shelf.TRIES), 2, 10))
        came = interrupted(line, partial(memory.answer, step))
        assert memory.answer(Recall(place("key", Shelf.PROOFS))) in ("old", "new")
        again = [memory.answer(Spend(place("key", Shelf.TRIES), 2, 10)) for _ in range(2)]
        assert again in ([True, False], [False, False])
        if not came:
            break
    assert line > 10


def test_a_run_that_is_interrupted_before_it_begins_is_nobodys():
    """Wherever it comes up: the next one leads, and waits for nobody."""
    for line in itertools.count():
        memory = Memory(now=Clock())
        if not interrupted(line, memory.lead(place("token")).__enter__):
            break
        with memory.lead(place("token")) as again:
            assert isinstance(again, Shared)
    assert line > 5


def test_each_try_counts_for_its_own_seconds_to_the_moment(memory, clock):
    """Of two tries the older ends first, and a refund gives back one of them, not both."""
    tries = Spend(place("key", Shelf.TRIES), 2, 10)
    assert memory.answer(tries)
    clock.time += 5
    assert memory.answer(tries)
    clock.time += 4.9
    assert not memory.answer(tries)
    clock.time += 0.1
    assert memory.answer(tries)
    assert not memory.answer(tries)
    memory.answer(Refund(tries.place))
    assert memory.answer(tries)
    assert not memory.answer(tries)


def test_an_unknown_outcome_is_the_last_word_of_a_try(memory):
    """What the same try says after that closes nothing, unless it is a success."""
    ref = take(memory, claim()).ref
    memory.answer(Settle(ref, UNKNOWN))
    memory.answer(Settle(ref, REFUSED))
    assert take(memory, claim()).after_unknown


def test_so_many_answers_are_remembered_in_all(clock):
    """They hold phone numbers: there are as many as the cap, over all apps, and the oldest goes."""
    memory = Memory(cap=4, now=clock, wall=clock)
    settled = [claim(value, app=app) for app in ("one", "two") for value in ("a", "b")]
    for each in settled:
        memory.answer(Settle(take(memory, each).ref, PHONE))
    assert all(isinstance(memory.answer(each), Settled) for each in settled)
    memory.answer(Settle(take(memory, claim("c", app="two")).ref, PHONE))
    assert isinstance(memory.answer(settled[1]), Settled)
    with pytest.raises(AlreadyUsed):
        memory.answer(settled[0])


@pytest.mark.parametrize("order", [("short", "long"), ("long", "short")])
def test_answers_go_when_their_time_is_over_whatever_else_is_remembered(memory, clock, order):
    """One that is to be remembered for long holds back none, whether it came before or after."""
    seconds = {"short": 10.0, "long": 1000.0}
    steps = {name: Claim(name, "code", Secret("value"), b"mine", 5000, seconds[name]) for name in order}
    for name in order:
        memory.answer(Settle(take(memory, steps[name]).ref, PHONE))
    clock.time += 9.9
    assert memory.answer(steps["short"]) == Settled(PHONE)
    clock.time += 0.1
    assert memory.answer(steps["long"]) == Settled(PHONE)
    assert [row.outcome for row in memory._state.get().used["short"].values()] == [None]  # nobody had to ask for it
    with pytest.raises(AlreadyUsed):
        memory.answer(steps["short"])


def raise_value_error() -> None:
    raise ValueError("a programmer's mistake")


def raise_refused() -> None:
    raise REFUSED.again()


def raise_interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("end", "raised", "shared"),
    [
        (raise_refused, CodeRejected, CodeRejected),
        (raise_value_error, ValueError, InternalFault),
        (raise_interrupt, KeyboardInterrupt, Abandoned),
    ],
)
def test_all_who_share_a_run_share_its_end(memory, clock, end, raised, shared):
    """An error of ours is everybody's; a mistake is told as one; one that was interrupted is for the next to take."""
    waiters = []

    def lead() -> None:
        with memory.lead(place("token")):
            clock.time += 10
            for _ in range(2):
                with memory.lead(place("token")) as waiting:
                    assert waiting.seconds == 50
                    waiters.append(waiting.future)
            end()

    with pytest.raises(raised):
        lead()
    assert [type(each.exception(0)) for each in waiters] == [shared, shared]
    assert waiters[0].exception() is not waiters[1].exception()
    with memory.lead(place("token")) as again:
        assert isinstance(again, Shared)


# --- words about a value that is somebody else's by now ---


def test_the_last_word_about_a_value_that_was_given_free(memory):
    """A flow that gave its value free and then ends says nothing about whoever has claimed it since."""
    first = take(memory, claim(fingerprint=b"one"))
    memory.answer(Settle(first.ref, UNSPENT))
    second = take(memory, claim(fingerprint=b"another"))
    memory.abandon(first.ref)
    waiting = memory.answer(claim(fingerprint=b"another"))
    assert isinstance(waiting, Waiting)
    memory.answer(Settle(second.ref, PHONE))
    assert waiting.future.result(0).outcome == PHONE


@pytest.mark.parametrize("outcome", [PHONE, REFUSED], ids=repr)
def test_a_late_success_is_not_anothers(memory, clock, outcome):
    """A try hangs until its value is forgotten, and somebody else claims the value: he does not get the first's user."""
    late = take(memory, claim(fingerprint=b"one", seconds=100))
    clock.time += 200
    mine = take(memory, claim(fingerprint=b"another", seconds=100))
    memory.answer(Settle(late.ref, outcome))
    assert isinstance(memory.answer(claim(fingerprint=b"another")), Waiting)
    memory.answer(Settle(mine.ref, REFUSED))
    assert memory.answer(claim(fingerprint=b"another")).outcome.code == REFUSED.code
