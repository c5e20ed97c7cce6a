"""What is a matter of one process's memory: who is woken, limits and sweeping, forks, what a dump would show.

What every answerer has to pass is in tests/answerers.
"""

from __future__ import annotations

import gc
import inspect
import os
import sys
from types import FrameType
from typing import Any

import pytest

from haoma.codecs import OUTCOME, SECRET, Record
from haoma.errors import AlreadyUsed, CodeRejected, ConnectFailed, MemoryFull, OutcomeUnknown, Spent
from haoma.io import memory as memory_module
from haoma.io.answers import Waiting
from haoma.io.memory import Memory
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import (
    Conclude,
    Concluded,
    EndLease,
    Keep,
    Key,
    Lease,
    Outcome,
    Place,
    Recall,
    Ref,
    Reserve,
    Reserved,
    ReturnTry,
    Room,
    Settle,
    Shelf,
    Step,
    TakeLease,
    TakeTry,
    UnderWay,
    Watch,
)
from haoma.verified import VerifiedPhone

PHONE = VerifiedPhone(PhoneNumber("86", "13800138000"), "wechat", "shop", None, ())
REFUSED = CodeRejected(spent=Spent.YES)
UNKNOWN = OutcomeUnknown(spent=Spent.UNKNOWN)
UNSPENT = ConnectFailed()
SHELVES = {room: Shelf(f"of {room}", room, Record(int)) for room in Room}
NAMED = Shelf("named", Room.CUSTODY, SECRET)
LEASED = Key(Room.CUSTODY, "", "lease", ("token",))


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
def memory(clock):
    return Memory(now=clock, wall=clock)


def place(key: str, room: Room = Room.SESSIONS, owner: str = "shop") -> Place[int]:
    return SHELVES[room].place(owner, key)


def kept(memory: Memory, there: Place[Any]) -> Any:
    found: Any = memory.answer(Recall(there))
    return found.value


def size(memory: Memory) -> int:
    """How much a memory holds, whatever it is."""
    state = memory._state.get()
    parts: list[object] = [*state.kept.values(), *state.tries.values(), *state.used.values()]
    return sum(map(len, parts))  # type: ignore[arg-type]


def wanted(
    value: str = "code-1", fingerprint: bytes = b"mine", app: str = "shop", seconds: float = 300, repeat: float = 30
) -> Reserve:
    return Reserve(app, "code", Secret(value), fingerprint, seconds, repeat)


def reserve(memory: Memory, step: Reserve) -> Reserved:
    reserved = memory.answer(step)
    assert isinstance(reserved, Reserved)
    return reserved


def conclude(memory: Memory, step: Reserve, outcome: Outcome = PHONE) -> None:
    memory.answer(Conclude(step.app, reserve(memory, step).ref, outcome))


def under_way(memory: Memory) -> UnderWay:
    found = memory.answer(wanted())
    assert isinstance(found, UnderWay)
    return found


def watch(memory: Memory, found: object) -> Waiting:
    assert isinstance(found, UnderWay)
    waiting = memory.answer(Watch(found))
    assert isinstance(waiting, Waiting)
    return waiting


# --- who is woken ---


@pytest.mark.parametrize("outcome", [PHONE, REFUSED, UNKNOWN, UNSPENT, None], ids=repr)
def test_who_waits_for_a_reservation_is_woken_at_its_end(memory, outcome):
    """At once, all of them, with an outcome or without one; and they get a sign, no answer."""
    reserved = reserve(memory, wanted())
    waiting = [watch(memory, under_way(memory)) for _ in range(3)]
    assert not any(each.woken.done() for each in waiting)
    if outcome is None:
        memory.let_go(reserved.ref)
    else:
        memory.answer(Conclude("shop", reserved.ref, outcome))
    assert [each.woken.result(0) for each in waiting] == [None] * 3


def test_who_waits_for_a_try_that_is_given_up_is_woken_by_the_next(memory, clock):
    """Their seconds are over when the try is; whoever slept on is woken at the end of the one that followed."""
    reserve(memory, wanted())
    waiting = watch(memory, under_way(memory))
    assert waiting.seconds == 60
    clock.time += 60
    second = reserve(memory, wanted())
    assert not waiting.woken.done()
    memory.answer(Conclude("shop", second.ref, PHONE))
    assert waiting.woken.done()


@pytest.mark.parametrize("end", ["ended", "failed", "let go", "taken over"])
def test_who_waits_for_a_lease_is_woken_at_its_end(memory, clock, end):
    """At once, all of them, whatever end it takes."""
    lease = memory.answer(TakeLease(LEASED))
    clock.time += 10
    waiting = [watch(memory, memory.answer(TakeLease(LEASED))) for _ in range(3)]
    assert [each.seconds for each in waiting] == [50] * 3
    match end:
        case "ended":
            memory.answer(EndLease(lease))
        case "failed":
            memory.answer(EndLease(lease, REFUSED))
        case "let go":
            memory.let_go(lease)
        case _:
            clock.time += 50
            assert isinstance(memory.answer(TakeLease(LEASED)), Lease)
    assert [each.woken.result(0) for each in waiting] == [None] * 3


def test_a_waiter_that_is_cancelled_takes_nobody_with_it(memory):
    """Cancelling one future leaves the others, and what they wait for, as they are."""
    reserved, lease = reserve(memory, wanted()), memory.answer(TakeLease(LEASED))
    for found, end in (
        (under_way(memory), Conclude("shop", reserved.ref, PHONE)),
        (memory.answer(TakeLease(LEASED)), EndLease(lease)),
    ):
        gone, stays = watch(memory, found), watch(memory, found)
        assert gone.woken.cancel()
        memory.answer(end)
        assert stays.woken.result(0) is None
    assert memory.answer(wanted()) == Concluded(PHONE)


def test_whoever_is_late_wakes_nobody(memory, clock):
    """The end of a lease that was taken over, or of a try that was given up, is no sign for those who wait by then."""
    lease, reserved = memory.answer(TakeLease(LEASED)), reserve(memory, wanted())
    clock.time += 60
    memory.answer(TakeLease(LEASED))
    reserve(memory, wanted())
    waiting = [watch(memory, memory.answer(TakeLease(LEASED))), watch(memory, under_way(memory))]
    memory.answer(EndLease(lease, REFUSED))
    memory.let_go(lease)
    memory.answer(Conclude("shop", reserved.ref, REFUSED))
    memory.let_go(reserved.ref)
    assert not any(each.woken.done() for each in waiting)


class Told(list[Ref | Lease]):
    """Somebody is told of a reservation or a lease, and is interrupted in that very moment."""

    def append(self, held):
        super().append(held)
        raise KeyboardInterrupt


def test_what_is_held_is_told_before_it_is_made(memory):
    """Wherever an exception comes up, whoever holds the list can let go."""
    for step in (wanted(), TakeLease(LEASED)):
        held = Told()
        with pytest.raises(KeyboardInterrupt):
            memory.answer(step, held)
        memory.let_go(held[0])
    assert not reserve(memory, wanted(fingerprint=b"other")).after_unknown
    assert isinstance(memory.answer(TakeLease(LEASED)), Lease)


def _interrupted(memory: Memory, step: Step[Any], line: int) -> bool:
    """Ask, and be interrupted before the line that is the so-manieth; tell whether there were as many."""
    left = [line]

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        if frame.f_code.co_filename != memory_module.__file__:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        memory.answer(step)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("room", [Room.CUSTODY, Room.PROOFS, Room.TRIES])
def test_an_interruption_forgets_nothing_that_must_not_be_forgotten(clock, room):
    """Whatever line a signal comes at: a try that was taken counts, what is kept is the old value or the new one."""
    line = 0
    more = True
    while more:
        line += 1
        memory = Memory(now=clock, wall=clock)
        tries = TakeTry(place("tries", room).key, 3, 500)
        memory.answer(Keep(place("kept", room), 1, 500))
        memory.answer(tries)
        more = _interrupted(memory, tries, line)
        assert [memory.answer(tries) for _ in range(3)].count(True) in (1, 2)
        more = _interrupted(memory, Keep(place("kept", room), 2, 500), line) or more
        assert kept(memory, place("kept", room)) in (1, 2)
    assert line > 10


def test_an_interruption_leaves_no_answer_behind(clock):
    """Whatever line a signal comes at, an answer whose time is over is gone with the next request."""
    line = 0
    more = True
    while more:
        line += 1
        memory = Memory(now=clock, wall=clock)
        conclude(memory, wanted())
        clock.time += 30
        more = _interrupted(memory, wanted("another", b"x"), line)
        reserve(memory, wanted("one more"))
        assert not any(row.outcome for row in memory._state.get().used["shop"].values())
    assert line > 10


# --- what a dump would show ---


def test_a_remembered_refusal_holds_no_traceback(memory):
    """The frames of a traceback hold plain text: nothing of them is kept for as long as the refusal is."""
    error = CodeRejected(spent=Spent.YES)
    with pytest.raises(CodeRejected):
        raise error
    conclude(memory, wanted(), error)
    assert error.__traceback__ is not None
    found = memory.answer(wanted())
    assert isinstance(found, Concluded)
    assert found.outcome.__traceback__ is None  # type: ignore[union-attr]


def test_values_are_not_stored(memory):
    """No value that can be used once, no fingerprint, and no part of a key is anywhere in clear: they may be secrets."""
    reserve(memory, wanted("canary-value", b"canary-print"))
    conclude(memory, wanted("canary-used", b"canary-print"))
    memory.answer(Keep(NAMED.place("", "canary-part"), Secret("value"), 10))
    memory.answer(TakeTry(Key(Room.TRIES, "shop", "kind", ("canary-part",)), 1, 10))
    memory.answer(TakeLease(Key(Room.CUSTODY, "shop", "kind", ("canary-part",))))
    watch(memory, memory.answer(TakeLease(Key(Room.CUSTODY, "shop", "kind", ("canary-part",)))))
    seen: set[int] = set()
    state = memory._state.get()
    todo: list[object] = [state.used, state.kept, state.tries, state.leases, state.answers]
    while todo:
        thing = todo.pop()
        if id(thing) not in seen and not isinstance(thing, type) and not callable(thing):
            seen.add(id(thing))
            assert b"canary" not in (thing if isinstance(thing, bytes) else repr(thing).encode())
            todo += gc.get_referents(thing)
    assert len(seen) > 30


def test_nothing_is_kept_but_bytes(memory):
    """Values, outcomes and failures: no object of anybody's is reached from what is kept."""
    memory.answer(Keep(NAMED.place("", "a"), Secret("value"), 10))
    conclude(memory, wanted())
    lease = memory.answer(TakeLease(LEASED))
    memory.answer(EndLease(lease, REFUSED))
    state = memory._state.get()
    assert [value for table in state.kept.values() for _, (_, value) in table._entries.values()] == [
        SECRET.encode(Secret("value"))
    ]
    assert [row.outcome for rows in state.used.values() for row in rows.values()] == [OUTCOME.encode(PHONE)]
    assert [each.failure for each in state.leases.values()] == [OUTCOME.encode(REFUSED)]


def test_answers_go_when_their_time_is_over(memory, clock):
    """They hold phone numbers, and are remembered for less than that the value is used."""
    conclude(memory, wanted(seconds=100))
    clock.time += 30
    reserve(memory, wanted("another"))
    assert [row.outcome for row in memory._state.get().used["shop"].values()] == [None, None]


def test_answers_go_when_their_time_is_over_whatever_comes_after(memory, clock):
    """One that is to be remembered for long does not hold back those before it."""
    for value, seconds in (("short", 10.0), ("long", 1000.0)):
        conclude(memory, wanted(value, seconds=5000, repeat=seconds))
    clock.time += 10
    reserve(memory, wanted("another"))
    rows = memory._state.get().used["shop"].values()
    assert [row.outcome is not None for row in rows] == [False, True, False]


def test_so_many_answers_are_remembered_in_all(clock):
    """They hold phone numbers: there are as many as the cap, over all apps, and the oldest goes."""
    memory = Memory(cap=4, now=clock, wall=clock)
    settled = [wanted(value, app=app) for app in ("one", "two") for value in ("a", "b")]
    for each in settled:
        conclude(memory, each)
    assert all(isinstance(memory.answer(each), Concluded) for each in settled)
    conclude(memory, wanted("c", app="two"))
    assert isinstance(memory.answer(settled[1]), Concluded)
    with pytest.raises(AlreadyUsed):
        memory.answer(settled[0])


# --- limits ---


def test_what_a_memory_is_unless_it_is_told(memory):
    """Of one process; a hundred thousand entries of each room and app, and a minute for whatever is under way."""
    assert memory.shared is False
    usual = {name: each.default for name, each in inspect.signature(Memory).parameters.items()}
    assert (usual["cap"], usual["patience"]) == (100_000, 60.0)


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
    assert all(kept(memory, place(f"long-{number}")) == number for number in range(16))
    memory.answer(Keep(place("one more"), 1, 500))
    assert kept(memory, place("long-0")) is None
    assert kept(memory, place("new-15")) == 15
    assert size(memory) <= 32


def test_what_is_used_is_never_forgotten_for_something_new(clock):
    """A flood of reservations of one app makes it refuse new ones, and leaves those of other apps alone."""
    memory = Memory(cap=32, now=clock, wall=clock)
    reserve(memory, wanted("under way"))
    conclude(memory, wanted("used"))
    for number in range(30):
        conclude(memory, wanted(f"flood-{number}"))
    for _ in range(50):
        clock.time += 2
        with pytest.raises(MemoryFull):
            memory.answer(wanted("one more"))
    with pytest.raises(AlreadyUsed):
        memory.answer(wanted("used", b"other"))
    reserve(memory, wanted("one more", app="other"))
    clock.time += 300
    reserve(memory, wanted("one more"))


@pytest.mark.parametrize("flood", Room)
def test_no_room_crowds_another(clock, flood):
    """Whatever fills one room of one app, what is in the others stays; only two rooms forget at all."""
    memory = Memory(cap=32, now=clock, wall=clock)
    there = [place("kept", room, owner) for room in Room for owner in ("shop", "other")]
    for each in there:
        memory.answer(Keep(each, 7, 500))
        assert memory.answer(TakeTry(each.key, 1, 500))
    conclude(memory, wanted())
    taken = 0
    for number in range(400):
        taken += bool(memory.answer(TakeTry(place(str(number), flood).key, 1, 500)))
        try:
            memory.answer(Keep(place(str(number), flood), number, 500))
        except MemoryFull:
            assert flood in (Room.PROOFS, Room.TRIES)
    forgetful = flood in (Room.SESSIONS, Room.BUDGETS)
    assert taken == {Room.TRIES: 31, Room.PROOFS: 159}.get(flood, 400)
    for each in there:
        flooded = each.key.room is flood and each.key.owner == "shop"
        assert kept(memory, each) == (None if flooded and forgetful else 7)
        assert memory.answer(TakeTry(each.key, 1, 500)) is (flooded and forgetful)
    with pytest.raises(AlreadyUsed):
        memory.answer(wanted(fingerprint=b"other"))


def test_tries_that_were_given_back_take_no_room(clock):
    """A key is opened over and over: no entry stays behind."""
    memory = Memory(cap=32, now=clock)
    for number in range(100):
        tries = place(str(number), Room.TRIES).key
        assert memory.answer(TakeTry(tries, 3, 500))
        memory.answer(ReturnTry(tries))
    assert size(memory) == 0


def test_leases_that_ended_take_no_room(clock):
    """Nor such as were given up; one that is held is still held, however many there were since."""
    memory = Memory(now=clock)
    memory.answer(TakeLease(Key(Room.CUSTODY, "", "lease", ("given up",))))
    clock.time += 30
    held = memory.answer(TakeLease(LEASED))
    clock.time += 30
    for number in range(5000):
        lease = memory.answer(TakeLease(Key(Room.CUSTODY, "", "lease", (str(number),))))
        assert isinstance(lease, Lease)
        memory.answer(EndLease(lease))
    assert len(memory._state.get().leases) <= 1024
    assert memory.answer(TakeLease(LEASED)) == UnderWay(held, 30)  # type: ignore[arg-type]


def test_a_lease_that_was_forgotten_gives_no_right(clock):
    """It was given up, and somebody may have had it and ended it since."""
    memory = Memory(now=clock)
    first = memory.answer(TakeLease(LEASED))
    assert isinstance(first, Lease)
    clock.time += 60
    for number in range(1024):
        memory.answer(TakeLease(Key(Room.CUSTODY, "", "lease", (str(number),))))
    assert not memory.answer(Keep(NAMED.place("", "a"), Secret("late"), 10, lease=first))


def test_what_expired_does_not_wait_for_a_full_table(clock):
    """Expired entries are swept long before the cap is reached."""
    memory = Memory(now=clock)
    for number in range(10_000):
        clock.time += 1
        memory.answer(Keep(place(str(number)), number, 100))
    assert size(memory) <= 1024


@pytest.mark.parametrize("kind", ["kept", "tries", "used", "leases"])
def test_each_entry_pays_for_its_own_share_of_the_sweeping(clock, kind):
    """What is over goes when there is twice as much as the last time; not before, or every entry would search all."""
    memory = Memory(now=clock, wall=clock)

    def add(number: int) -> None:
        match kind:
            case "kept":
                memory.answer(Keep(place(str(number)), number, 50))
            case "tries":
                memory.answer(TakeTry(place(str(number), Room.TRIES).key, 1, 50))
            case "used":
                conclude(memory, wanted(str(number), seconds=50))
            case _:
                memory.answer(TakeLease(Key(Room.CUSTODY, "", "lease", (str(number),))))

    def held() -> int:
        return len(memory._state.get().leases) if kind == "leases" else size(memory)

    for number in range(1025):
        add(number)
    assert held() == 1025
    clock.time += 60
    for number in range(1025, 2048):
        add(number)
        assert held() == number + 1
    add(2048)
    assert held() == 1024  # the younger half
    clock.time += 60
    for number in range(2049, 3071):
        add(number)
        assert held() == number - 1024
    add(3071)
    assert held() == 1023


def test_what_is_written_again_is_the_youngest(clock):
    """A session that goes on is not the one that a full table forgets, and it takes no second place."""
    memory = Memory(cap=16, now=clock)
    for number in range(16):
        memory.answer(Keep(place(str(number)), number, 500))
    memory.answer(Keep(place("0"), 100, 500))
    assert size(memory) == 16
    memory.answer(Keep(place("new"), 16, 500))
    assert kept(memory, place("0")) == 100
    assert [number for number in range(16) if kept(memory, place(str(number))) is None] == [1]


def test_a_full_table_forgets_one_in_sixteen(clock):
    """No more than that: the sessions of the others go on."""
    memory = Memory(cap=1600, now=clock)
    for number in range(1601):
        memory.answer(Keep(place(str(number)), number, 500))
    gone = [number for number in range(1601) if kept(memory, place(str(number))) is None]
    assert gone == list(range(100))


def test_a_room_that_forgets_nothing_says_that_it_is_full(clock):
    """Proofs are refused, never dropped; what has expired makes room at that very moment."""
    memory = Memory(cap=2, now=clock)
    for number in range(10):
        memory.answer(Keep(place(str(number), Room.PROOFS), number, 10))
    with pytest.raises(MemoryFull) as full:
        memory.answer(Keep(place("one more", Room.PROOFS), 1, 10))
    assert full.value.because == {"kind": "proofs"}
    memory.answer(Keep(place("3", Room.PROOFS), 33, 10))  # it has its place already
    clock.time += 10
    memory.answer(Keep(place("one more", Room.PROOFS), 1, 10))


def test_used_values_make_room_when_they_are_over(clock):
    """A full ledger is searched again after a second, and takes a new value as soon as one is over."""
    memory = Memory(cap=2, now=clock, wall=clock)
    for number in range(2):
        conclude(memory, wanted(str(number), seconds=10))
    with pytest.raises(MemoryFull):
        memory.answer(wanted("new"))
    clock.time += 1
    with pytest.raises(MemoryFull):
        memory.answer(wanted("new"))
    clock.time += 9
    reserve(memory, wanted("new"))


def test_values_that_were_given_free_make_room(clock):
    """Their rows are there for those who waited, and for as long as there is room."""
    memory = Memory(cap=2, now=clock, wall=clock)
    for number in range(2):
        conclude(memory, wanted(str(number)), UNSPENT)
    reserve(memory, wanted("new"))


def test_a_full_ledger_is_searched_once_a_second(clock):
    """Whoever floods it does not make every request search it."""
    memory = Memory(cap=2, now=clock, wall=clock)
    for number, seconds in enumerate((1, 1.5)):
        conclude(memory, wanted(str(number), seconds=seconds))
    clock.time += 1.2
    reserve(memory, wanted("new", seconds=600))  # searched: one was over
    clock.time += 0.9
    with pytest.raises(MemoryFull):
        memory.answer(wanted("newer"))  # the second is over, but it was searched just now
    clock.time += 0.1
    reserve(memory, wanted("newer"))


def test_what_is_used_is_remembered_by_both_clocks():
    """A wall clock that is set forward makes nothing forgotten."""
    steady, wall = Clock(), Clock()
    memory = Memory(now=steady, wall=wall)
    conclude(memory, wanted(seconds=300))
    wall.time += 100_000
    with pytest.raises(AlreadyUsed):
        memory.answer(wanted(fingerprint=b"other"))
    steady.time += 300
    reserve(memory, wanted(fingerprint=b"other"))


# --- after a fork ---


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
    memory.answer(Keep(place("token"), 1, 10))
    tries = TakeTry(place("tries", Room.TRIES).key, 1, 10)
    assert memory.answer(tries)
    conclude(memory, wanted("settled"))
    conclude(memory, wanted("free"), UNSPENT)
    ours = reserve(memory, wanted("under way")).ref

    def check() -> bool:
        memory.answer(Settle(ours, Spent.YES))  # the parent's try has no say in the child
        memory.answer(Conclude("shop", ours, REFUSED))
        second = reserve(memory, wanted("under way"))
        try:
            memory.answer(wanted("settled"))
        except AlreadyUsed:
            pass
        else:
            return False
        memory.answer(Conclude("shop", ours, UNSPENT))
        memory.let_go(ours)
        waits = isinstance(memory.answer(wanted("under way")), UnderWay)
        free = not reserve(memory, wanted("free", b"other")).after_unknown
        known = kept(memory, place("token")) == 1
        none_left = not memory.answer(tries)
        clock.time += 10
        gone = kept(memory, place("token")) is None
        return second.after_unknown and waits and free and known and none_left and gone

    assert in_a_child(check)
    assert isinstance(memory.answer(wanted("under way")), UnderWay)  # and the parent goes on


def test_a_child_holds_and_awaits_nothing_of_its_parent(memory):
    """The flow that had a lease goes on in the parent: in the child nobody would ever end it."""
    lease = memory.answer(TakeLease(LEASED))
    assert isinstance(lease, Lease)
    found = UnderWay(lease, 60)
    waiting = watch(memory, found)

    def check() -> bool:
        refused = not memory.answer(Keep(NAMED.place("", "a"), Secret("late"), 10, lease=lease))
        free = memory.answer(Watch(found)) is None and isinstance(memory.answer(TakeLease(LEASED)), Lease)
        memory.let_go(lease)
        held = isinstance(memory.answer(TakeLease(LEASED)), UnderWay)
        return refused and free and held and not waiting.woken.done()

    assert in_a_child(check)
    assert isinstance(memory.answer(TakeLease(LEASED)), UnderWay)


def test_a_table_in_a_child_is_as_large_as_before(clock):
    """The same limits hold after a fork, and a full table forgets the oldest there as well."""
    memory = Memory(cap=16, now=clock)
    for number in range(16):
        memory.answer(Keep(place(str(number)), number, 500))

    def check() -> bool:
        memory.answer(Keep(place("new"), 16, 500))
        return [number for number in range(16) if kept(memory, place(str(number))) is None] == [0]

    assert in_a_child(check)
