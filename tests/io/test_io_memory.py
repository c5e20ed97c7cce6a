"""What a process remembers: expiry, tries, the ledger's states, limits."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from haoma.errors import AlreadyUsed, CodeRejected, ConnectFailed, HaomaError, OutcomeUnknown, Spent
from haoma.io.memory import Memory, Waiting
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import Claim, Drop, Fresh, Keep, Mint, Pause, Recall, Refund, Settle, Settled, Spend
from haoma.verified import VerifiedPhone

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
def memory(clock):
    return Memory(now=clock)


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
    memory.answer(Keep("token", "t1", 10))
    clock.time += 9.9
    assert memory.answer(Recall("token")) == "t1"
    clock.time += 0.1
    assert memory.answer(Recall("token")) is None
    assert len(memory._kept) == 0


def test_drop_compares(memory):
    """A token that was renewed meanwhile is not dropped by one who saw the old one fail."""
    memory.answer(Keep("token", Secret("new"), 10))
    memory.answer(Drop("token", Secret("old")))
    assert memory.answer(Recall("token")) == Secret("new")
    memory.answer(Drop("token", Secret("new")))
    assert memory.answer(Recall("token")) is None


def test_tries_run_out_and_come_back(memory, clock):
    """Each try counts for its own seconds, a refund gives one back, and another key is not touched."""
    assert [memory.answer(Spend("k", 3, 10)) for _ in range(4)] == [True, True, True, False]
    assert memory.answer(Spend("other", 3, 10))
    memory.answer(Refund("k"))
    clock.time += 9
    assert [memory.answer(Spend("k", 3, 10)) for _ in range(2)] == [True, False]
    clock.time += 1.5
    assert [memory.answer(Spend("k", 3, 10)) for _ in range(3)] == [True, True, False]
    memory.answer(Refund("never spent"))
    assert not memory.answer(Spend("none", 0, 10))


def test_tries_are_counted_once_over_threads():
    """Eight threads get exactly the limit between them."""
    memory = Memory()
    start = threading.Barrier(8)

    def spend() -> int:
        start.wait()
        return sum(bool(memory.answer(Spend("k", 500, 60))) for _ in range(200))

    with ThreadPoolExecutor(8) as threads:
        assert sum(task.result() for task in [threads.submit(spend) for _ in range(8)]) == 500


def test_minted_strings_differ(memory):
    """A minted string has 256 bits in URL-safe characters."""
    minted = {memory.answer(Mint()) for _ in range(100)}
    assert len(minted) == 100
    assert all(len(str(text)) == 43 for text in minted)


def test_a_step_for_the_driver_is_a_mistake(memory):
    """A step that memory does not answer is not answered with nothing."""
    with pytest.raises(TypeError):
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
    assert fresh.ref.outcome.__traceback__ is None  # type: ignore[attr-defined]


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
    with pytest.raises(TypeError):
        memory.answer(Settle("no ref", PHONE))


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
    todo: list[object] = [memory._rows]
    while todo:
        thing = todo.pop()
        if id(thing) not in seen and not isinstance(thing, type) and not callable(thing):
            seen.add(id(thing))
            assert b"canary" not in (thing if isinstance(thing, bytes) else repr(thing).encode())
            todo += gc.get_referents(thing)
    assert len(seen) > 5


def test_claims_expire_but_not_under_way(memory, clock):
    """A settled value is forgotten after its seconds; one under way is not, however long it takes."""
    fresh = take(memory, claim(seconds=10))
    clock.time += 100
    assert isinstance(memory.answer(claim()), Waiting)
    memory.answer(Settle(fresh.ref, PHONE))
    assert not take(memory, claim(seconds=10)).after_unknown
    memory.answer(Settle(take(memory, claim("code-2", seconds=10)).ref, REFUSED))
    clock.time += 9.9
    assert isinstance(memory.answer(claim("code-2")), Settled)
    clock.time += 0.1
    assert isinstance(memory.answer(claim("code-2")), Fresh)


def test_hostile_values_are_values(memory):
    """Empty, huge and lone-surrogate values are claimed like any other."""
    for value in ("", "x" * 1_000_000, "\ud800", "\x00"):
        take(memory, claim(value))


# --- limits ---


def test_a_full_table_forgets_what_expired_then_the_oldest(clock):
    """The cap holds; expired entries go first, then the oldest ones."""
    memory = Memory(cap=32, now=clock)
    for number in range(16):
        memory.answer(Keep(f"short-{number}", number, 5))
    for number in range(16):
        memory.answer(Keep(f"long-{number}", number, 500))
    clock.time += 6
    for number in range(16):
        memory.answer(Keep(f"new-{number}", number, 500))
    assert all(memory.answer(Recall(f"long-{number}")) == number for number in range(16))
    memory.answer(Keep("one more", 1, 500))
    assert memory.answer(Recall("long-0")) is None
    assert memory.answer(Recall("new-15")) == 15
    assert len(memory._kept) <= 32


def test_claims_under_way_are_never_evicted(clock):
    """A flood of other claims cannot make the ledger forget one that is under way."""
    memory = Memory(cap=32, now=clock)
    take(memory, claim("under way"))
    for number in range(200):
        memory.answer(Settle(take(memory, claim(f"flood-{number}")).ref, PHONE))
    assert isinstance(memory.answer(claim("under way")), Waiting)
    assert len(memory._rows) <= 33
    assert memory.answer(claim("flood-199")) == Settled(PHONE)


def test_what_expired_does_not_wait_for_a_full_table(clock):
    """Expired entries are swept long before the cap is reached."""
    memory = Memory(now=clock)
    for number in range(20_000):
        clock.time += 1
        memory.answer(Keep(str(number), number, 100))
    assert len(memory._kept) <= 1024
