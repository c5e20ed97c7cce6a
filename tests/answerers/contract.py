"""The contract of whatever answers steps: what `haoma.steps` promises, whoever keeps it.

A test module for an answerer takes everything from here, and has a fixture ``bench``; see ``test_memory.py``. Nothing
here looks into an answerer: it is asked, and told what to let go of. ``here`` and ``there`` are two doors to one store,
as two processes have them; an answerer that is of one process alone is both.

What has to be waited for is asked for again, after the sign or the seconds that `Waiting` names. That the sign comes at
once is a matter of each answerer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import pytest
from msgspec.structs import replace

from haoma.codecs import SECRET, Record
from haoma.errors import AlreadyUsed, CodeRejected, ConnectFailed, InternalFault, OutcomeUnknown, Spent
from haoma.io.answers import Answers, Held, Waiting
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import (
    ABSENT,
    Conclude,
    Concluded,
    Consent,
    Drop,
    EndLease,
    Found,
    Keep,
    Key,
    Lease,
    Mint,
    Outcome,
    Pause,
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
    Withdrawn,
)
from haoma.verified import Subject, VerifiedPhone

PATIENCE: Final = 60.0
PHONE: Final = VerifiedPhone(PhoneNumber("86", "13800138000"), "wechat", "shop", Subject(openid="o-1"), ())
REFUSED: Final = CodeRejected(spent=Spent.YES, platform_code="40029", because={"at": 1})
UNKNOWN: Final = OutcomeUnknown(spent=Spent.UNKNOWN, step=3)
UNSPENT: Final = ConnectFailed()
OUTCOMES: Final[tuple[Outcome, ...]] = (PHONE, REFUSED, UNKNOWN, UNSPENT)
TEXT: Final = Shelf("contract-text", Room.CUSTODY, Record(str))
LISTS: Final = Shelf("contract-list", Room.CUSTODY, Record(list[int]))
SECRETS: Final = Shelf("contract-secret", Room.SESSIONS, SECRET)


@dataclass
class Bench:
    """Two doors to one store, and its clocks in the hands of the test.

    Attributes:
        patience: Seconds after which it gives up what is under way.
        go: Lets so many seconds pass.
        set_back: Sets the wall clock back by so many seconds; no time passes.
        wall: Tells Unix seconds, by the clock of the answerer.
    """

    here: Answers
    there: Answers
    go: Callable[[float], None]
    set_back: Callable[[float], None]
    wall: Callable[[], float]
    patience: float = PATIENCE

    def ask(self, step: Step[Any], held: list[Held] | None = None) -> Any:
        """Ask by the first door."""
        return self.here.answer(step, [] if held is None else held)

    def ask_there(self, step: Step[Any], held: list[Held] | None = None) -> Any:
        """Ask by the other one."""
        return self.there.answer(step, [] if held is None else held)

    def reserve(self, value: str = "code-1", fingerprint: bytes = b"mine", **more: Any) -> Reserved:
        """Reserve a value that nobody else has."""
        reserved = self.ask(wanted(value, fingerprint, **more))
        assert isinstance(reserved, Reserved)
        return reserved

    def conclude(self, reserved: Reserved, outcome: Outcome) -> Outcome:
        """Say what came of a reservation; return what counts."""
        concluded = self.ask(Conclude("shop", reserved.ref, outcome, Consent("2026-01")))
        assert isinstance(concluded, Concluded)
        return concluded.outcome

    def under_way(self, value: str = "code-1", fingerprint: bytes = b"mine", **more: Any) -> UnderWay:
        """Ask for a value that the same request has reserved, by the other door."""
        found = self.ask_there(wanted(value, fingerprint, **more))
        assert isinstance(found, UnderWay)
        return found

    def lease(self, key: Key) -> Lease:
        """Take a lease that nobody has."""
        lease = self.ask(TakeLease(key))
        assert isinstance(lease, Lease)
        return lease


def place(*parts: str, shelf: Shelf[Any] = TEXT, owner: str = "") -> Place[Any]:
    return shelf.place(owner, *parts)


def key(*parts: str, room: Room = Room.CUSTODY, owner: str = "", kind: str = "contract") -> Key:
    return Key(room, owner, kind, parts)


def wanted(
    value: str = "code-1",
    fingerprint: bytes = b"mine",
    app: str = "shop",
    kind: str = "code",
    seconds: float = 300.0,
    repeat_seconds: float = 30.0,
) -> Reserve:
    return Reserve(app, kind, Secret(value), fingerprint, seconds, repeat_seconds)


def at_once(ask: Callable[[], object], times: int = 8) -> list[object]:
    """Ask from so many threads at the same time."""
    start = threading.Barrier(times)

    def run() -> object:
        start.wait(30)
        return ask()

    with ThreadPoolExecutor(times) as threads:
        return [task.result(30) for task in [threads.submit(run) for _ in range(times)]]


def same(found: object, outcome: Outcome) -> bool:
    """Tell whether this is the outcome, and, if it is an error, an object of its own."""
    if isinstance(outcome, VerifiedPhone):
        return found == outcome
    return type(found) is type(outcome) and found is not outcome and vars(found) == vars(outcome)


STATES: Final[dict[str, list[Outcome]]] = {
    "begun": [],
    "done": [PHONE],
    "refused": [REFUSED],
    "unknown": [UNKNOWN],
    "unspent": [UNSPENT],
    "unknown, then unspent": [UNKNOWN, UNSPENT],
    "unknown, then unknown": [UNKNOWN, UNKNOWN],
    "unknown, then done": [UNKNOWN, PHONE],
    "unknown, then refused": [UNKNOWN, REFUSED],
}


def prepare(bench: Bench, state: str) -> None:
    reserved = bench.reserve()
    for number, outcome in enumerate(STATES[state]):
        if number:
            reserved = bench.reserve()
        assert bench.conclude(reserved, outcome) == outcome


# --- steps that need no store ---


def test_minted_strings_differ(bench: Bench) -> None:
    """A minted string has 256 bits in URL-safe characters."""
    minted = {bench.ask(Mint()) for _ in range(100)}
    assert len(minted) == 100
    assert all(len(str(text)) == 43 for text in minted)


def test_a_step_for_the_driver_is_a_mistake(bench: Bench) -> None:
    """A step that is not for an answerer is not answered with nothing."""
    with pytest.raises(TypeError, match="no answer to Pause"):
        bench.ask(Pause(1))


# --- Recall, Keep, Drop ---


def test_nothing_is_there_before_something_is_kept(bench: Bench) -> None:
    """What is absent says so, and tells the time all the same."""
    assert bench.ask(Recall(place("token"))) == Found(None, ABSENT, bench.wall())


def test_what_is_kept_is_there_for_all(bench: Bench) -> None:
    """The value, a version and the answerer's own time come back, by any door."""
    assert bench.ask(Keep(place("token"), "t1", 10)) is True
    value, version, now, until = bench.ask_there(Recall(place("token")))
    assert (value, now, until) == ("t1", bench.wall(), bench.wall() + 10)
    assert version != ABSENT
    bench.go(3)
    assert bench.ask(Recall(place("token"))) == (value, version, now + 3, until)


def test_what_is_kept_is_no_object_of_anybodys(bench: Bench) -> None:
    """Only bytes are kept: whatever becomes of the object that was kept, or of the one that was found."""
    numbers = [1, 2]
    bench.ask(Keep(place(shelf=LISTS), numbers, 10))
    numbers.append(3)
    found = bench.ask(Recall(place(shelf=LISTS))).value
    assert found == [1, 2]
    found.clear()
    assert bench.ask(Recall(place(shelf=LISTS))).value == [1, 2]
    bench.ask(Keep(place(shelf=SECRETS), Secret("canary"), 10))
    assert bench.ask(Recall(place(shelf=SECRETS))).value == Secret("canary")


def test_what_is_kept_expires(bench: Bench) -> None:
    """A value is there until its seconds are over, by the answerer's clock, and not one moment longer."""
    bench.ask(Keep(place("token"), "t1", 10))
    bench.go(9.9)
    assert bench.ask(Recall(place("token"))).value == "t1"
    bench.go(0.1)
    assert bench.ask(Recall(place("token"))) == Found(None, ABSENT, bench.wall())


def test_what_is_kept_again_has_its_own_seconds(bench: Bench) -> None:
    """The last one counts, be it longer or shorter."""
    for first, second in ((10, 100), (100, 10)):
        bench.ask(Keep(place("token"), "t1", first))
        bench.ask(Keep(place("token"), "t2", second))
        bench.go(9)
        assert bench.ask(Recall(place("token"))).value == "t2"
        bench.go(2)
        assert bench.ask(Recall(place("token"))).value == ("t2" if second > 10 else None)


def test_versions_ascend(bench: Bench) -> None:
    """Of two values the later one has the greater version, wherever they are, whatever was dropped or has expired."""
    seen = []
    for name in ("a", "b"):
        for _ in range(3):
            bench.ask(Keep(place(name), "the same", 10))
            seen.append(bench.ask(Recall(place(name))).version)
        bench.ask(Drop(place(name), seen[-1]))
        bench.ask(Keep(place(name), "the same", 10))
        seen.append(bench.ask(Recall(place(name))).version)
        bench.go(10)
        bench.ask(Keep(place(name), "the same", 10))
        seen.append(bench.ask(Recall(place(name))).version)
    assert seen == sorted(set(seen))
    assert len(seen) == 10
    assert seen[0] > ABSENT


def test_compare_and_set(bench: Bench) -> None:
    """Whoever saw something else than what is there changes nothing."""
    there = place("token")
    assert not bench.ask(Keep(there, "t0", 10, expect=1))
    assert bench.ask(Keep(there, "t1", 10, expect=ABSENT))
    assert not bench.ask_there(Keep(there, "late", 10, expect=ABSENT))
    first = bench.ask(Recall(there)).version
    assert bench.ask(Keep(there, "t2", 10, expect=first))
    assert not bench.ask_there(Keep(there, "late", 10, expect=first))
    assert bench.ask(Recall(there)).value == "t2"


def test_a_version_does_not_come_again(bench: Bench) -> None:
    """What was dropped or has expired, and was kept anew, is not what somebody saw before."""
    there = place("token")
    bench.ask(Keep(there, "t1", 10))
    first = bench.ask(Recall(there)).version
    assert bench.ask(Drop(there, first)) is True
    bench.ask(Keep(there, "t1", 10))
    assert not bench.ask(Keep(there, "late", 10, expect=first))
    second = bench.ask(Recall(there)).version
    bench.go(10)
    assert not bench.ask(Keep(there, "late", 10, expect=second))
    assert bench.ask(Keep(there, "t3", 10, expect=ABSENT))


def test_of_many_at_once_one_sets(bench: Bench) -> None:
    """However many have seen the same version."""
    bench.ask(Keep(place("token"), "t1", 10))
    version = bench.ask(Recall(place("token"))).version
    answers = at_once(lambda: bench.ask(Keep(place("token"), "t2", 10, expect=version)))
    assert sorted(map(bool, answers)) == [False] * 7 + [True]


def test_drop_compares(bench: Bench) -> None:
    """A token that was renewed meanwhile is not dropped by one who saw the old one fail."""
    there = place("token")
    bench.ask(Keep(there, "old", 10))
    old = bench.ask(Recall(there)).version
    bench.ask(Keep(there, "new", 10))
    assert bench.ask(Drop(there, old)) is False
    assert bench.ask(Recall(there)).value == "new"
    assert bench.ask(Drop(there, bench.ask(Recall(there)).version)) is True
    assert bench.ask(Recall(there)).value is None
    bench.ask(Drop(there, ABSENT))
    assert bench.ask(Recall(there)).value is None


def test_places_are_told_apart(bench: Bench) -> None:
    """By room, owner, kind and parts, wherever the border between them lies, and whatever stands in them."""
    rooms = [Shelf("kind", room, Record(str)) for room in Room]
    places = [
        place(),
        place(""),
        place("", ""),
        place("a", "b"),
        place("ab"),
        place("a,b"),
        place("a', 'b"),
        place("b", owner="a"),
        place("a", "b", owner="b"),
        place("a", shelf=Shelf("contract-text-", Room.CUSTODY, Record(str))),
        place("\ud800"),
        place("\x00"),
        place("x" * 100_000),
        *(place("a", shelf=each, owner="shop") for each in rooms),
    ]
    for number, each in enumerate(places):
        bench.ask(Keep(each, str(number), 10))
    assert [bench.ask(Recall(each)).value for each in places] == [str(number) for number in range(len(places))]


# --- TakeLease, EndLease, Watch, and what is kept under a lease ---


def test_one_holds_and_the_others_wait(bench: Bench) -> None:
    """Who comes second learns whose end to wait for, and how long at most."""
    lease = bench.lease(key("a"))
    bench.go(10)
    assert bench.ask_there(TakeLease(key("a"))) == UnderWay(lease, bench.patience - 10)
    waiting = bench.ask_there(Watch(UnderWay(lease, 50)))
    assert isinstance(waiting, Waiting)
    assert waiting.seconds <= bench.patience - 10
    assert isinstance(bench.ask(TakeLease(key("b"))), Lease)
    assert isinstance(bench.ask(TakeLease(key("a", owner="shop"))), Lease)


def test_of_many_at_once_one_holds(bench: Bench) -> None:
    """And all others know him."""
    answers = at_once(lambda: bench.ask(TakeLease(key("a"))))
    (lease,) = (each for each in answers if isinstance(each, Lease))
    assert [each.by for each in answers if isinstance(each, UnderWay)] == [lease] * 7


def test_no_two_leases_have_the_same_fence(bench: Bench) -> None:
    """Whatever they are for, and by whichever door."""
    fences = []
    for number in range(10):
        lease = (bench.ask, bench.ask_there)[number % 2](TakeLease(key(str(number % 3))))
        assert isinstance(lease, Lease)
        fences.append(lease.fence)
        bench.ask(EndLease(lease))
    assert len(set(fences)) == 10


def test_an_end_lets_the_next_one_in(bench: Bench) -> None:
    """Those who wait are told nothing, and take their turn."""
    lease = bench.lease(key("a"))
    under_way = UnderWay(lease, PATIENCE)
    assert isinstance(bench.ask_there(Watch(under_way)), Waiting)
    bench.ask(EndLease(lease))
    assert bench.ask_there(Watch(under_way)) is None
    assert isinstance(bench.ask_there(TakeLease(key("a"))), Lease)
    assert bench.ask(Watch(under_way)) is None  # not the next one's end: that is another lease


def test_a_failure_is_told(bench: Bench) -> None:
    """To all who wait, as an error of their own; and it is not the failure of the next lease."""
    lease = bench.lease(key("a"))
    bench.ask(EndLease(lease, REFUSED))
    told = [bench.ask_there(Watch(UnderWay(lease, PATIENCE))) for _ in range(2)]
    assert all(same(each, REFUSED) for each in told)
    assert told[0] is not told[1]
    second = bench.lease(key("a"))
    bench.ask(EndLease(second))
    assert bench.ask_there(Watch(UnderWay(second, PATIENCE))) is None


def test_a_lease_ends_by_itself(bench: Bench) -> None:
    """Its holder hangs, was killed or is cancelled: another takes over, and the first has no say in that."""
    first = bench.lease(key("a"))
    bench.go(bench.patience - 0.1)
    assert isinstance(bench.ask_there(TakeLease(key("a"))), UnderWay)
    bench.go(0.1)
    assert bench.ask_there(Watch(UnderWay(first, 0))) is None
    second = bench.lease(key("a"))
    bench.ask(EndLease(first, REFUSED))
    bench.here.let_go(first, REFUSED)
    assert bench.ask_there(TakeLease(key("a"))) == UnderWay(second, bench.patience)
    assert isinstance(bench.ask_there(Watch(UnderWay(second, PATIENCE))), Waiting)


def test_let_go(bench: Bench) -> None:
    """What a flow left is free at once; a failure is told; what has ended or is another's is not touched."""
    held: list[Held] = []
    first = bench.ask(TakeLease(key("a")), held)
    assert held == [first]
    bench.here.let_go(held[0])
    second = bench.lease(key("a"))
    bench.here.let_go(held[0], InternalFault())
    assert isinstance(bench.ask_there(Watch(UnderWay(second, PATIENCE))), Waiting)
    bench.here.let_go(second, InternalFault())
    assert same(bench.ask_there(Watch(UnderWay(second, PATIENCE))), InternalFault())
    bench.here.let_go(second)
    assert same(bench.ask_there(Watch(UnderWay(second, PATIENCE))), InternalFault())


def test_nothing_is_held_of_what_is_only_waited_for(bench: Bench) -> None:
    """Who waits has nothing to let go of."""
    bench.lease(key("a"))
    bench.reserve()
    held: list[Held] = []
    bench.ask_there(TakeLease(key("a")), held)
    bench.ask_there(wanted(), held)
    assert held == []


def test_waiting_needs_no_object_of_anybodys(bench: Bench) -> None:
    """What is waited for is named by numbers and words alone, so that it can be sent to another process."""
    lease, reserved = bench.lease(key("a")), bench.reserve()
    by = bench.ask_there(TakeLease(key("a"))).by
    of_value = bench.under_way().by
    assert isinstance(of_value, Ref)
    room, owner, kind, parts = by.key
    lease_again = Lease(Key(Room(str(room)), str(owner), str(kind), tuple(map(str, parts))), int(by.fence))
    ref_again = Ref(str(of_value.app), bytes(bytearray(of_value.key)), int(of_value.fence))
    assert (lease_again, ref_again) == (lease, reserved.ref)
    for each in (lease_again, ref_again):
        assert isinstance(bench.ask_there(Watch(UnderWay(each, PATIENCE))), Waiting)
    bench.ask(EndLease(lease, UNSPENT))
    bench.conclude(reserved, PHONE)
    assert same(bench.ask_there(Watch(UnderWay(lease_again, PATIENCE))), UNSPENT)
    assert bench.ask_there(Watch(UnderWay(ref_again, PATIENCE))) == PHONE


@pytest.mark.parametrize("expect", [None, ABSENT])
def test_who_was_taken_over_keeps_nothing(bench: Bench, expect: int | None) -> None:
    """Neither while another is at it nor afterwards. Who is late, but was not taken over, is not refused."""
    first = bench.lease(key("a"))
    assert bench.ask(Keep(place("of the first"), "1", 1000, lease=first))
    bench.go(bench.patience)
    assert bench.ask(Keep(place("late"), "1", 1000, expect=expect, lease=first))
    second = bench.lease(key("a"))
    version = bench.ask(Recall(place("late"))).version
    for _ in range(2):
        assert not bench.ask(Keep(place("token"), "1", 1000, expect=expect, lease=first))
        assert not bench.ask(Drop(place("late"), version, first))
        bench.ask(EndLease(second))
    assert bench.ask(Recall(place("token"))).value is None
    assert bench.ask(Recall(place("late"))).value == "1"


def test_a_lease_that_was_ended_gives_no_right(bench: Bench) -> None:
    """What is kept under it comes before its end. Both conditions of a step have to hold."""
    lease, there = bench.lease(key("a")), place("token")
    assert not bench.ask(Keep(there, "1", 1000, expect=1, lease=lease))
    assert bench.ask(Keep(there, "1", 1000, expect=ABSENT, lease=lease))
    version = bench.ask(Recall(there)).version
    assert not bench.ask(Drop(there, version + 1, lease))
    bench.ask(EndLease(lease))
    assert not bench.ask(Keep(there, "2", 1000, lease=lease))
    assert not bench.ask(Drop(there, version, lease))
    assert bench.ask(Recall(there)).value == "1"


def test_nothing_comes_of_what_was_never_taken(bench: Bench) -> None:
    """A lease or a reservation of which nothing is known any more: no right, no word, no mistake."""
    lease, there = Lease(key("never"), 5), place("token")
    assert not bench.ask(Keep(there, "1", 1000, lease=lease))
    assert bench.ask(Watch(UnderWay(lease, 1))) is None
    bench.ask(EndLease(lease, REFUSED))
    assert isinstance(bench.ask(TakeLease(lease.key)), Lease)
    ref = Ref("shop", b"never", 5)
    bench.ask(Settle(ref, Spent.YES))
    assert bench.ask(Conclude("shop", ref, PHONE)).outcome == PHONE
    assert bench.ask(Watch(UnderWay(ref, 1))) is None


def test_the_first_end_of_a_lease_counts(bench: Bench) -> None:
    lease = bench.lease(key("a"))
    bench.ask(EndLease(lease, REFUSED))
    bench.ask(EndLease(lease))
    bench.ask(EndLease(lease, UNSPENT))
    assert same(bench.ask_there(Watch(UnderWay(lease, PATIENCE))), REFUSED)


def test_nobody_waits_beyond_the_end(bench: Bench) -> None:
    """Shortly before a holder is given up, whoever waits is told how shortly."""
    lease, _ = bench.lease(key("a")), bench.reserve()
    under_way = bench.under_way()
    bench.go(bench.patience - 0.05)
    for each in (UnderWay(lease, PATIENCE), under_way):
        waiting = bench.ask_there(Watch(each))
        assert isinstance(waiting, Waiting)
        assert waiting.seconds == pytest.approx(0.05, rel=5e-4)


# --- TakeTry, ReturnTry ---


def test_tries_run_out_and_come_back(bench: Bench) -> None:
    """Each try counts for its own seconds, one that is returned can be taken again, another key is not touched."""
    assert [bench.ask(TakeTry(key("k"), 3, 10)) for _ in range(4)] == [True, True, True, False]
    assert bench.ask(TakeTry(key("other"), 3, 10))
    assert bench.ask(TakeTry(key("k", owner="shop"), 3, 10))
    assert bench.ask(TakeTry(key("k", kind="another"), 3, 10))
    assert bench.ask(TakeTry(key("k", room=Room.TRIES), 3, 10))
    bench.ask(ReturnTry(key("k")))
    bench.go(9)
    assert [bench.ask(TakeTry(key("k"), 3, 10)) for _ in range(2)] == [True, False]
    bench.go(1.5)
    assert [bench.ask(TakeTry(key("k"), 3, 10)) for _ in range(3)] == [True, True, False]
    bench.ask(ReturnTry(key("never taken")))
    assert not bench.ask(TakeTry(key("none"), 0, 10))
    assert bench.ask(TakeTry(key("only"), 1, 10))
    bench.ask(ReturnTry(key("only")))
    assert [bench.ask(TakeTry(key("only"), 1, 10)) for _ in range(2)] == [True, False]


def test_each_try_counts_for_its_own_seconds_to_the_moment(bench: Bench) -> None:
    """Of two tries the older ends first, and one that is returned is one of them, not both."""
    tries = TakeTry(key("k", room=Room.TRIES, owner="shop"), 2, 10)
    assert bench.ask(tries)
    bench.go(5)
    assert bench.ask(tries)
    bench.go(4.9)
    assert not bench.ask(tries)
    bench.go(0.1)
    assert bench.ask(tries)
    assert not bench.ask(tries)
    bench.ask(ReturnTry(tries.key))
    assert bench.ask(tries)
    assert not bench.ask(tries)


def test_tries_are_counted_once_over_all(bench: Bench) -> None:
    """Eight at once get exactly the limit between them."""
    taken = at_once(lambda: sum(bench.ask(TakeTry(key("k"), 50, 60)) for _ in range(10)))
    assert sum(taken) == 50  # type: ignore[arg-type]


def test_tries_are_nothing_that_is_kept_or_held(bench: Bench) -> None:
    """A place, a lease and tries may have the same key."""
    there = place("a")
    bench.ask(Keep(there, "t1", 10))
    assert bench.ask(TakeTry(there.key, 1, 10))
    assert isinstance(bench.ask(TakeLease(there.key)), Lease)
    bench.ask(ReturnTry(there.key))
    assert bench.ask(Recall(there)).value == "t1"


# --- Reserve, Conclude, Settle, Watch ---


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("begun", "under way"),
        ("done", PHONE),
        ("refused", REFUSED),
        ("unknown", "again, after unknown"),
        ("unspent", "again"),
        ("unknown, then unspent", "again, after unknown"),
        ("unknown, then unknown", "again, after unknown"),
        ("unknown, then done", PHONE),
        ("unknown, then refused", REFUSED),
    ],
)
def test_the_same_request_again(bench: Bench, state: str, expected: Any) -> None:
    """Each state has one answer to the same fingerprint."""
    prepare(bench, state)
    match bench.ask_there(wanted()):
        case UnderWay():
            assert expected == "under way"
        case Reserved(_, after_unknown):
            assert expected == ("again, after unknown" if after_unknown else "again")
        case Concluded(outcome):
            assert same(outcome, expected)
        case _:
            pytest.fail("no answer to a reservation")


@pytest.mark.parametrize("state", STATES)
def test_another_request_for_the_same_value(bench: Bench, state: str) -> None:
    """Another fingerprint is refused in every state, unless the value was given free."""
    prepare(bench, state)
    if state == "unspent":
        assert not bench.reserve(fingerprint=b"other").after_unknown
        return
    with pytest.raises(AlreadyUsed) as caught:
        bench.ask_there(wanted(fingerprint=b"other"))
    assert dict(caught.value.because) == {"kind": "code"}
    assert "code-1" not in repr(caught.value)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=repr)
def test_who_waits_gets_the_outcome_whatever_it_is(bench: Bench, outcome: Outcome) -> None:
    """By any door, an error as one of their own; and nobody makes a second try."""
    reserved = bench.reserve()
    bench.go(1)
    under_way = bench.under_way()
    assert under_way.seconds == bench.patience - 1
    waiting = bench.ask_there(Watch(under_way))
    assert isinstance(waiting, Waiting)
    assert waiting.seconds <= bench.patience - 1
    bench.conclude(reserved, outcome)
    told = [bench.ask_there(Watch(under_way)) for _ in range(2)]
    assert all(same(each, outcome) for each in told)
    assert told[0] is not told[1]


def test_of_many_at_once_one_reserves(bench: Bench) -> None:
    """The same request waits; of different requests the others are refused."""
    answers = at_once(lambda: bench.ask(wanted()))
    assert sorted(type(each).__name__ for each in answers) == ["Reserved"] + ["UnderWay"] * 7
    names = iter("abcdefgh")

    def differently() -> object:
        try:
            return bench.ask(wanted("another", next(names).encode()))
        except AlreadyUsed as error:
            return error

    answers = at_once(differently)
    assert sorted(type(each).__name__ for each in answers) == ["AlreadyUsed"] * 7 + ["Reserved"]


def test_no_two_reservations_have_the_same_fence(bench: Bench) -> None:
    """Of two reservations of one value the later one has the greater number."""
    fences = []
    for _ in range(5):
        reserved = bench.reserve()
        fences.append(reserved.ref.fence)
        bench.conclude(reserved, UNKNOWN)
    assert fences == sorted(set(fences))


def test_only_the_first_word_counts(bench: Bench) -> None:
    """Another word of the same try changes nothing, even when the value is being tried again meanwhile."""
    first = bench.reserve()
    bench.conclude(first, UNKNOWN)
    second = bench.reserve()
    bench.conclude(first, UNSPENT)
    bench.conclude(first, REFUSED)
    bench.ask(Settle(first.ref, Spent.YES))
    bench.ask(Settle(second.ref._replace(app="other"), Spent.YES))  # not that of another app, either
    bench.under_way()
    bench.conclude(second, PHONE)
    assert bench.conclude(second, UNSPENT) == PHONE
    assert bench.ask(wanted()) == Concluded(PHONE)


def test_an_unknown_outcome_is_the_last_word_of_a_try(bench: Bench) -> None:
    """What the same try says after that closes nothing, unless it is a success."""
    reserved = bench.reserve()
    bench.conclude(reserved, UNKNOWN)
    bench.conclude(reserved, REFUSED)
    assert bench.reserve().after_unknown


def test_values_are_told_apart(bench: Bench) -> None:
    """App, kind and value, wherever the border between them lies, and whatever stands in them."""
    for step in (
        wanted("c", app="a", kind="b"),
        wanted("bc", app="a", kind=""),
        wanted("", app="ab", kind="c"),
        wanted("c", app="ab", kind=""),
        *(wanted(value) for value in ("", "x" * 1_000_000, "\ud800", "\x00")),
    ):
        assert isinstance(bench.ask(step), Reserved)


def test_used_values_are_forgotten_when_they_are_of_no_use(bench: Bench) -> None:
    """The answer for its own seconds, from when it was given; that the value is used for its own, to the moment."""
    reserved = bench.reserve(seconds=100)
    bench.go(10)
    bench.conclude(reserved, PHONE)
    bench.go(29.9)
    assert bench.ask(wanted()) == Concluded(PHONE)
    bench.go(0.1)
    for fingerprint in (b"mine", b"other"):
        with pytest.raises(AlreadyUsed):
            bench.ask(wanted(fingerprint=fingerprint))
    bench.go(59.9)
    with pytest.raises(AlreadyUsed):
        bench.ask(wanted())
    bench.go(0.1)
    assert not bench.reserve(fingerprint=b"other").after_unknown


def test_who_asks_late_what_came_of_it_is_told_nothing(bench: Bench) -> None:
    """Whoever waits may ask for as long as the answer is remembered, to the moment; and of what never was, at any time."""
    reserved = bench.reserve()
    under_way = bench.under_way()
    bench.conclude(reserved, PHONE)
    strangers = (reserved.ref._replace(app="other"), reserved.ref._replace(key=b"other"))
    bench.go(29.9)
    assert bench.ask_there(Watch(under_way)) == PHONE
    for ref in strangers:
        assert bench.ask_there(Watch(UnderWay(ref, 1))) is None
    bench.go(0.1)
    for ref in (reserved.ref, *strangers):
        assert bench.ask_there(Watch(UnderWay(ref, 1))) is None


def test_each_answer_has_its_own_time(bench: Bench) -> None:
    """That of a second try, or the second word of the first, is not forgotten with the one before."""
    first = bench.reserve("code-1")
    bench.conclude(first, UNKNOWN)
    bench.conclude(bench.reserve("code-2"), UNKNOWN)
    bench.go(20)
    bench.conclude(first, PHONE)
    bench.conclude(bench.reserve("code-2"), PHONE)
    bench.go(29.9)
    bench.reserve("another")
    for value in ("code-1", "code-2"):
        assert bench.ask(wanted(value)) == Concluded(PHONE)


def test_how_long_an_answer_is_remembered_is_said_with_the_reservation(bench: Bench) -> None:
    """To the moment, for each on its own."""
    for value, seconds in (("short", 5.0), ("long", 50.0)):
        bench.conclude(bench.reserve(value, repeat_seconds=seconds), PHONE)
    bench.go(4.9)
    assert bench.ask(wanted("short")) == Concluded(PHONE)
    bench.go(0.1)
    with pytest.raises(AlreadyUsed):
        bench.ask(wanted("short"))
    assert bench.ask(wanted("long")) == Concluded(PHONE)


def test_what_the_platform_refuses_is_soon_forgotten(bench: Bench) -> None:
    """A made-up code fills nothing: its refusal is remembered for as long as an answer, and then asked for again."""
    bench.conclude(bench.reserve(seconds=1000), REFUSED)
    bench.go(29.9)
    assert isinstance(bench.ask(wanted()), Concluded)
    bench.go(0.1)
    assert not bench.reserve(fingerprint=b"other").after_unknown


def test_a_refusal_after_an_unknown_outcome_is_remembered(bench: Bench) -> None:
    """Such a code may have been used by the try before."""
    bench.conclude(bench.reserve(seconds=1000), UNKNOWN)
    bench.conclude(bench.reserve(seconds=1000), REFUSED)
    bench.go(31)
    with pytest.raises(AlreadyUsed):
        bench.ask(wanted(fingerprint=b"other"))


def test_a_clock_that_is_set_back_makes_nothing_young_again(bench: Bench) -> None:
    """A used value is remembered until it is too old to be used by the clock that is set, too."""
    bench.conclude(bench.reserve(seconds=660), PHONE)
    bench.go(300)
    bench.set_back(450)
    bench.go(400)
    with pytest.raises(AlreadyUsed):
        bench.ask(wanted(fingerprint=b"other"))
    bench.go(451)
    bench.reserve(fingerprint=b"other")


def test_without_a_reservation_nothing_is_remembered(bench: Bench) -> None:
    """Where nothing can be used once, what came of it is what counts."""
    for outcome in OUTCOMES:
        assert bench.ask(Conclude("shop", None, outcome, Consent("2026-01"))).outcome == outcome
    bench.reserve()


@pytest.mark.parametrize("spent", Spent)
def test_a_value_without_an_outcome(bench: Bench, spent: Spent) -> None:
    """Whether it is used is all that is said: it is free, or to be tried again, or there is no answer to repeat."""
    reserved = bench.reserve()
    under_way = bench.under_way()
    bench.ask(Settle(reserved.ref, spent))
    assert bench.ask_there(Watch(under_way)) is None
    if spent is Spent.YES:
        for fingerprint in (b"mine", b"other"):
            with pytest.raises(AlreadyUsed):
                bench.ask(wanted(fingerprint=fingerprint))
        return
    if spent is Spent.UNKNOWN:
        with pytest.raises(AlreadyUsed):
            bench.ask(wanted(fingerprint=b"other"))
    assert bench.reserve().after_unknown is (spent is Spent.UNKNOWN)


# --- tries that end without a word, or late ---


def test_a_try_that_hangs_is_taken_over(bench: Bench) -> None:
    """The next one tries, knows that the outcome of the first is unknown, and is what those wait for who waited."""
    first = bench.reserve()
    under_way = bench.under_way()
    bench.go(bench.patience - 0.1)
    bench.under_way()
    bench.go(0.1)
    second = bench.reserve()
    assert second.after_unknown
    assert second.ref != first.ref
    assert isinstance(bench.ask_there(Watch(under_way)), Waiting)
    with pytest.raises(AlreadyUsed):
        bench.ask(wanted(fingerprint=b"other"))
    bench.conclude(first, UNSPENT)  # too late
    bench.conclude(first, REFUSED)
    bench.conclude(first, UNKNOWN)
    bench.ask(Settle(first.ref, Spent.YES))
    bench.here.let_go(first.ref)
    assert isinstance(bench.ask_there(Watch(under_way)), Waiting)
    bench.conclude(second, PHONE)
    assert bench.ask_there(Watch(under_way)) == PHONE


def test_who_waits_for_a_try_that_hangs_is_told_nothing(bench: Bench) -> None:
    """And makes the next one."""
    bench.reserve()
    under_way = bench.under_way()
    bench.go(bench.patience)
    assert bench.ask_there(Watch(under_way)) is None
    assert bench.reserve().after_unknown


@pytest.mark.parametrize("second_says", [UNKNOWN, UNSPENT, REFUSED, None], ids=repr)
def test_a_late_success_settles(bench: Bench, second_says: Outcome | None) -> None:
    """A success of a try that was given up is the answer, unless a later try has closed the value."""
    first = bench.reserve()
    bench.go(bench.patience)
    second = bench.reserve()
    under_way = bench.under_way()
    if second_says is None:
        assert bench.conclude(first, PHONE) == PHONE
        assert bench.ask_there(Watch(under_way)) == PHONE
        assert bench.conclude(second, REFUSED) == PHONE  # the word of the second comes after it
        assert bench.ask(wanted()) == Concluded(PHONE)
        return
    bench.conclude(second, second_says)
    bench.conclude(first, PHONE)
    found = bench.ask(wanted())
    assert isinstance(found, Concluded)
    assert same(found.outcome, REFUSED if second_says is REFUSED else PHONE)


def test_of_two_successes_the_first_word_counts(bench: Bench) -> None:
    """What is repeated is what everybody was told. A late no is no more than that of its own try."""
    late = bench.reserve()
    bench.go(bench.patience)
    second = bench.reserve()
    bench.conclude(second, PHONE)
    other = replace(PHONE, _number=PhoneNumber("86", "13900139000"))
    assert bench.conclude(late, other) == bench.conclude(second, other) == PHONE
    refused = bench.reserve("another")
    bench.conclude(refused, REFUSED)
    assert bench.conclude(refused, UNSPENT) is UNSPENT


def test_a_late_success_after_an_unknown_end(bench: Bench) -> None:
    """A try that was let go, and then succeeds after all."""
    first = bench.reserve()
    bench.here.let_go(first.ref)
    bench.conclude(first, PHONE)
    assert bench.ask(wanted()) == Concluded(PHONE)


def test_whoever_waits_for_a_try_that_was_let_go_makes_the_next(bench: Bench) -> None:
    """One of those who wait takes over at once, and the others wait for it."""
    first = bench.reserve()
    under_way = bench.under_way()
    bench.here.let_go(first.ref)
    assert bench.ask_there(Watch(under_way)) is None
    assert bench.reserve().after_unknown
    assert isinstance(bench.ask_there(Watch(under_way)), Waiting)


def test_what_is_held_is_known(bench: Bench) -> None:
    """Wherever an exception comes up, whoever holds the list can let go."""
    held: list[Held] = []
    reserved = bench.ask(wanted(), held)
    assert isinstance(reserved, Reserved)
    assert held == [reserved.ref]
    bench.here.let_go(held[0])
    assert bench.reserve().after_unknown


def test_a_try_under_way_outlives_the_time_of_its_value(bench: Bench) -> None:
    """A value that may be forgotten after a second is not free while its exchange is under way."""
    bench.ask(wanted(seconds=1))
    bench.go(bench.patience - 0.1)
    bench.under_way()
    with pytest.raises(AlreadyUsed):
        bench.ask(wanted(fingerprint=b"other"))
    bench.go(0.1)  # given up, and over: nothing is known of it any more
    assert not bench.reserve(fingerprint=b"other").after_unknown


# --- words about a value that is somebody else's by now ---


def test_the_last_word_about_a_value_that_was_given_free(bench: Bench) -> None:
    """A flow that gave its value free and then ends says nothing about whoever has reserved it since."""
    first = bench.reserve(fingerprint=b"one")
    of_the_first = bench.under_way(fingerprint=b"one")
    bench.conclude(first, UNSPENT)
    assert same(bench.ask_there(Watch(of_the_first)), UNSPENT)
    second = bench.reserve(fingerprint=b"another")
    assert bench.ask_there(Watch(of_the_first)) is None
    bench.here.let_go(first.ref)
    assert bench.conclude(first, UNKNOWN) is UNKNOWN
    bench.conclude(first, PHONE)
    under_way = bench.under_way(fingerprint=b"another")
    bench.conclude(second, REFUSED)
    assert same(bench.ask_there(Watch(under_way)), REFUSED)
    assert bench.ask_there(Watch(of_the_first)) is None


@pytest.mark.parametrize("outcome", [PHONE, REFUSED], ids=repr)
def test_a_late_success_is_not_anothers(bench: Bench, outcome: Outcome) -> None:
    """A try hangs until its value is forgotten, and somebody else reserves it: he does not get the first's user."""
    late = bench.reserve(fingerprint=b"one", seconds=100)
    of_the_first = bench.under_way(fingerprint=b"one")
    bench.go(200)
    mine = bench.reserve(fingerprint=b"another", seconds=100)
    bench.conclude(late, outcome)
    bench.under_way(fingerprint=b"another")
    bench.conclude(mine, UNKNOWN)
    found = bench.conclude(late, REFUSED)
    assert found is REFUSED
    assert bench.ask_there(Watch(of_the_first)) is None
    assert bench.reserve(fingerprint=b"another").after_unknown


@pytest.mark.parametrize("action", ["unlink", "erase", "notify"])
def test_without_accounts_a_withdrawal_does_nothing(bench: Bench, action: str) -> None:
    """Nothing is kept that could be unlinked or erased; a session of the user goes on."""
    place = SECRETS.place("wechat:wx1", "handle")
    bench.ask(Keep(place, Secret("o-1"), 100))
    step = Withdrawn(
        "wechat:wx1", "wechat", "shop", Subject(openid="o-1"), "authorization", action, bench.wall(), "key"
    )
    assert bench.ask(step) is False
    assert bench.ask_there(step) is False
    assert bench.ask(Recall(place)).value == Secret("o-1")
