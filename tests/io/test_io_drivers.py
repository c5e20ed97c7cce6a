"""The two drivers: the same flows in threads and in tasks, and what happens when one of them is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from haoma.codecs import Record
from haoma.errors import (
    AlreadyUsed,
    CodeRejected,
    ConnectFailed,
    HaomaError,
    HookFailed,
    InternalFault,
    OutcomeUnknown,
    Spent,
)
from haoma.io import aio, blocking
from haoma.io.answers import Held
from haoma.io.http import AsyncHttp, Http
from haoma.io.memory import Memory
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.sharing import alone, refresh, reserve
from haoma.steps import (
    Call,
    Conclude,
    Concluded,
    Flow,
    Keep,
    Key,
    Lease,
    Mint,
    Pause,
    Place,
    Recall,
    Reserve,
    Reserved,
    Room,
    Shelf,
    Step,
    TakeLease,
    ask,
)
from haoma.verified import VerifiedPhone

PHONE = VerifiedPhone(PhoneNumber("86", "13800138000"), "wechat", "shop", None, ())
WANTED = Reserve("shop", "code", Secret("code-1"), b"mine", 300)
MANY = 40
TEXTS = Shelf("driven", Room.CUSTODY, Record(str))


def place(key: str) -> Place[str]:
    return TEXTS.place("", key)


TOKEN = place("token")


@pytest.fixture(scope="module")
def http() -> Http:
    return Http()  # never used to connect


@pytest.fixture(scope="module")
def async_http() -> AsyncHttp:
    return AsyncHttp()  # never used to connect


@pytest.fixture(params=["sync", "async"])
def drive(request, http, async_http) -> Callable[..., list[Any]]:
    """Run several flows at the same time; what they raise is in the list of results."""

    def threads(memory: Memory, *flows: Flow[Any]) -> list[Any]:
        world = blocking.World(http, memory)
        # On a busy machine the first flow may be over before the last thread is started.
        everybody = threading.Barrier(len(flows))

        def run(flow: Flow[Any]) -> Any:
            everybody.wait(30)
            return blocking.run(flow, world)

        with ThreadPoolExecutor(len(flows)) as pool:
            tasks = [pool.submit(run, flow) for flow in flows]
            return [task.exception() or task.result() for task in tasks]

    def tasks(memory: Memory, *flows: Flow[Any]) -> list[Any]:
        async def main() -> list[Any]:
            world = aio.World(async_http, memory)
            return list(await asyncio.gather(*(aio.run(flow, world) for flow in flows), return_exceptions=True))

        return asyncio.run(main())

    return threads if request.param == "sync" else tasks


def once(runs: list[int], outcome: object = PHONE, pause: float = 0.3) -> Flow[Any]:
    """A flow like those of the platforms: reserve, call, conclude."""
    reserved = yield from reserve(WANTED)
    if isinstance(reserved, Concluded):
        if isinstance(reserved.outcome, HaomaError):
            raise reserved.outcome
        return reserved.outcome
    runs.append(1)
    yield from ask(Pause(pause))
    if isinstance(outcome, HaomaError):
        yield from ask(Conclude("shop", reserved.ref, outcome))
        raise outcome
    if isinstance(outcome, BaseException):
        raise outcome
    return (yield from ask(Conclude("shop", reserved.ref, outcome))).outcome  # type: ignore[arg-type]


def work(runs: list[int], outcome: object = "token", pause: float = 0.3) -> Flow[tuple[str, float]]:
    runs.append(1)
    yield from ask(Pause(pause))
    if isinstance(outcome, BaseException):
        raise outcome
    return str(outcome), 300


def shared(runs: list[int], outcome: object = "token", pause: float = 0.3) -> Flow[Any]:
    return refresh(TOKEN, lambda: work(runs, outcome, pause))


# --- plain steps ---


def test_steps_are_answered_and_errors_thrown_in(drive):
    """Answers arrive at the yield, and an error can be caught there."""

    def failing() -> None:
        raise ConnectFailed

    def flow() -> Flow[Any]:
        yield from ask(Keep(place("k"), "kept", 60))
        minted = yield from ask(Mint())
        yield from ask(Pause(0))
        try:
            yield from ask(Call(failing, ()))
        except ConnectFailed:
            return (yield from ask(Recall(place("k")))).value, len(minted), (yield from ask(Call(max, (1, 2))))

    assert drive(Memory(), flow()) == [("kept", 43, 2)]


@pytest.mark.parametrize("error", [ValueError("canary"), TimeoutError("canary"), StopIteration("canary")])
def test_a_hook_that_raises_has_failed(drive, error):
    """An exception of the application's function becomes HookFailed, with its type and without its words."""

    def hook(_: object) -> None:
        raise error

    (failure,) = drive(Memory(), ask(Call(hook, (Secret("canary"),))))
    assert type(failure) is HookFailed
    assert dict(failure.because) == {"error": type(error).__name__}
    assert failure.__context__ is None


def test_async_hooks(http, async_http):
    """The async driver awaits what a hook returns; the sync driver says that it cannot."""

    async def hook(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    async def broken() -> None:
        await asyncio.sleep(0)
        raise ValueError

    world = aio.World(async_http, Memory())
    assert asyncio.run(aio.run(ask(Call(hook, (1,))), world)) == 2
    with pytest.raises(HookFailed):
        asyncio.run(aio.run(ask(Call(broken, ())), world))
    with pytest.raises(HookFailed):
        blocking.run(ask(Call(hook, (1,))), blocking.World(http, Memory()))


def test_a_flow_that_breaks_is_cleaned_up(drive):
    """A mistake inside a flow goes through as it is, and its reservation is left unknown."""
    memory = Memory()
    (failure,) = drive(memory, once([], ZeroDivisionError()))
    assert isinstance(failure, ZeroDivisionError)
    again = memory.answer(WANTED)
    assert isinstance(again, Reserved)
    assert again.after_unknown


class Answers:
    """A memory whose every answer comes later, and may have to be waited for even then, as that of a database."""

    shared = False

    def __init__(self) -> None:
        self.memory = Memory()
        self.let_go_of: list[object] = []

    async def answer(self, step: Step[Any], held: list[Held]) -> object:
        await asyncio.sleep(0)
        return self.memory.answer(step, held)

    async def let_go(self, held: Held, failure: HaomaError | None = None) -> None:
        await asyncio.sleep(0)
        self.memory.let_go(held, failure)
        self.let_go_of.append(held)


def test_answers_that_come_later(async_http):
    """The async driver awaits an answer that is not at hand, an error is raised at the step, and what is held is let go."""
    answers = Answers()
    world = aio.World(async_http, answers)

    def refused() -> Flow[object]:
        try:
            yield from ask(replace(WANTED, fingerprint=b"another's"))
        except AlreadyUsed as error:
            return error
        return None

    async def main() -> list[Any]:
        runs: list[int] = []
        results: list[Any] = await asyncio.gather(
            *(aio.run(once(runs, pause=0.02), world) for _ in range(5)),
            *(aio.run(shared(runs, pause=0.02), world) for _ in range(5)),
            aio.run(refused(), world),
        )
        with pytest.raises(ZeroDivisionError):
            await aio.run(alone(Key(Room.CUSTODY, "", "turn", ()), lambda _: work(runs, ZeroDivisionError(), 0)), world)
        await world.finish()
        return [*results, len(runs)]

    *results, refusal, runs = asyncio.run(main())
    assert results == [PHONE] * 5 + ["token"] * 5
    assert type(refusal) is AlreadyUsed
    assert runs == 3
    assert isinstance(answers.memory.answer(TakeLease(Key(Room.CUSTODY, "", "turn", ()))), Lease)
    assert len(answers.let_go_of) == 3  # one reservation and two leases, though two of them had their end


# --- forty at once ---


@pytest.mark.parametrize(
    "outcome", [PHONE, CodeRejected(spent=Spent.YES), OutcomeUnknown(spent=Spent.UNKNOWN), ConnectFailed()], ids=repr
)
def test_forty_identical_requests_are_one(drive, outcome):
    """Forty flows with one value and one fingerprint: one run, and one outcome for all."""
    runs: list[int] = []
    results = drive(Memory(), *(once(runs, outcome) for _ in range(MANY)))
    assert len(runs) == 1
    assert {type(result) for result in results} == {type(outcome)}
    if outcome is not PHONE:
        assert len({id(result) for result in results}) == MANY  # nobody shares a traceback


@pytest.mark.parametrize("outcome", ["token", CodeRejected(), ZeroDivisionError()], ids=repr)
def test_forty_shared_runs_are_one(drive, outcome):
    """Forty flows that want what one makes: its result, its refusal or the fact that it broke is everybody's."""
    runs: list[int] = []
    memory = Memory()
    results = drive(memory, *(shared(runs, outcome) for _ in range(MANY)))
    assert len(runs) == 1
    if outcome == "token":
        assert results == ["token"] * MANY
    elif isinstance(outcome, HaomaError):
        assert {type(result) for result in results} == {CodeRejected}
        assert len({id(result) for result in results}) == MANY
    else:
        assert sorted(type(result).__name__ for result in results) == ["InternalFault"] * (MANY - 1) + [
            "ZeroDivisionError"
        ]
        assert any(isinstance(result, InternalFault) for result in results)
    assert isinstance(memory.answer(TakeLease(TOKEN.key)), Lease)  # nothing is left under way


def test_what_is_made_for_all_may_need_another(drive):
    """One that is made for all who wait may wait for another one that is."""
    runs: list[int] = []

    def outer() -> Flow[tuple[str, float]]:
        return (yield from shared(runs)), 300

    def outermost() -> Flow[str]:
        return refresh(place("outer"), outer)

    assert drive(Memory(), outermost(), outermost()) == ["token", "token"]
    assert len(runs) == 1


def test_one_after_the_other(drive):
    """Flows that must not run at the same time do not, be their end a result, a refusal or a mistake."""
    inside: list[int] = [0]
    ends: list[object] = ["done", CodeRejected(), ZeroDivisionError(), "done"]

    def work(end: object) -> Flow[object]:
        inside[0] += 1
        yield from ask(Pause(0.02))
        assert inside == [1]
        inside[0] -= 1
        if isinstance(end, BaseException):
            raise end
        return end

    def turn(end: object) -> Flow[object]:
        return alone(Key(Room.CUSTODY, "", "turn", ()), lambda _: work(end))

    memory = Memory()
    results = drive(memory, *(turn(end) for end in ends))
    assert [type(each) for each in results] == [type(each) for each in ends]
    assert isinstance(memory.answer(TakeLease(Key(Room.CUSTODY, "", "turn", ()))), Lease)


def test_waiting_ends(drive):
    """Who waits for a flow that hangs takes over after a while, and the hanging one is not disturbed."""
    runs: list[int] = []
    one_by_one = drive(Memory(patience=0.05), once(runs, pause=0.3), once(runs, pause=0.3))
    assert one_by_one == [PHONE, PHONE]
    together = drive(Memory(patience=0.05), shared(runs, pause=0.3), shared(runs, pause=0.3))
    assert together == ["token", "token"]
    assert len(runs) == 4


def test_threads_and_tasks_share(http, async_http):
    """A thread waits for a task of an event loop and gets its result."""
    memory = Memory()
    runs: list[int] = []

    async def main() -> list[Any]:
        leader = asyncio.create_task(aio.run(shared(runs), aio.World(async_http, memory)))
        await asyncio.sleep(0)
        return [await asyncio.to_thread(blocking.run, shared(runs), blocking.World(http, memory)), await leader]

    assert asyncio.run(main()) == ["token", "token"]
    assert len(runs) == 1


# --- stopped in the middle ---


async def _gather(world: aio.World, flow: Callable[[], Flow[Any]], stop: int) -> list[Any]:
    """Start five flows, cancel number ``stop`` when all are under way, and return how they end."""
    tasks = [asyncio.create_task(aio.run(flow(), world)) for _ in range(5)]
    await asyncio.sleep(0.02)
    tasks[stop].cancel()
    async with asyncio.timeout(2):
        return list(await asyncio.gather(*tasks, return_exceptions=True))


@pytest.mark.parametrize("outcome", [PHONE, CodeRejected(spent=Spent.YES)], ids=repr)
def test_a_flow_whose_caller_leaves_runs_to_its_end(async_http, outcome):
    """The first of five is cancelled: its flow goes on, and the others and the next request get what comes of it."""
    runs: list[int] = []
    world = aio.World(async_http, Memory())

    async def main() -> list[Any]:
        found = await _gather(world, lambda: once(runs, outcome), 0)
        with contextlib.suppress(HaomaError):
            assert await aio.run(once(runs, outcome), world) == PHONE
        return found

    first, *others = asyncio.run(main())
    assert isinstance(first, asyncio.CancelledError)
    assert {type(other) for other in others} == {type(outcome)}
    assert len(runs) == 1
    assert not any(world.under_way.values())


def test_the_last_caller_leaves(async_http):
    """Everybody is cancelled; the flow ends all the same, and `finish` waits for it."""
    runs: list[int] = []
    world = aio.World(async_http, Memory())

    async def main() -> object:
        task = asyncio.create_task(aio.run(once(runs), world))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await world.finish()
        return await aio.run(once(runs), world)

    assert asyncio.run(main()) == PHONE
    assert len(runs) == 1


@pytest.mark.parametrize("started", [True, False])
def test_a_loop_that_ends_leaves_the_outcome_unknown(async_http, started):
    """`asyncio.run` cancels what is under way: the reservation is not held, and the next try knows."""
    memory = Memory()
    left: list[object] = []

    async def main() -> None:
        left.append(asyncio.create_task(aio.run(once([], pause=5), aio.World(async_http, memory))))
        await asyncio.sleep(0.02 if started else 0)

    asyncio.run(main())
    again = memory.answer(WANTED)
    assert isinstance(again, Reserved)
    assert again.after_unknown


def test_loops_that_are_closed_leave_nothing(async_http):
    """A program closes its loops with flows in them, which will never go on: they are not kept for ever."""
    world = aio.World(async_http, Memory())
    left = weakref.WeakSet[asyncio.Task[Any]]()

    def flow() -> Flow[Any]:
        yield from ask(Pause(1e6))

    for _ in range(5):
        loop = asyncio.new_event_loop()
        task = loop.create_task(aio.run(flow(), world))
        loop.run_until_complete(asyncio.sleep(0.01))
        left.update(*world.under_way.values())
        loop.close()
    del loop, task
    gc.collect()
    assert len(left) == 1


def test_a_hook_in_which_something_is_cancelled_has_failed(async_http):
    """A function of the application that runs into a cancellation of its own does not cancel our caller."""

    async def hook() -> None:
        raise asyncio.CancelledError

    def flow() -> Flow[Any]:
        yield from ask(Call(hook, ()))

    async def main() -> None:
        with pytest.raises(HookFailed):
            await aio.run(flow(), aio.World(async_http, Memory()))

    asyncio.run(main())


def test_a_cancelled_waiter_harms_nobody(async_http):
    """A waiter is cancelled: the run goes on, and all others get its result."""
    for flow, expected in ((once, PHONE), (shared, "token")):
        runs: list[int] = []
        results = asyncio.run(_gather(aio.World(async_http, Memory()), lambda flow=flow, runs=runs: flow(runs), 2))  # type: ignore[misc]
        assert isinstance(results.pop(2), asyncio.CancelledError)
        assert results == [expected] * 4
        assert len(runs) == 1


def test_a_cancelled_leader_still_leads(async_http):
    """The caller of the leader of a shared run is cancelled: the run goes on, once, for all."""
    runs: list[int] = []
    first, *others = asyncio.run(_gather(aio.World(async_http, Memory()), lambda: shared(runs), 0))
    assert isinstance(first, asyncio.CancelledError)
    assert others == ["token"] * 4
    assert len(runs) == 1


def test_an_interrupted_thread_leaves_nobody_waiting(http):
    """Ctrl-C in the leader: its reservation is unknown, and a waiting thread makes the token itself."""
    memory = Memory()
    world = blocking.World(http, memory)
    leads, waiting = threading.Event(), threading.Event()
    runs: list[int] = []

    def interrupt() -> None:
        leads.set()
        waiting.wait(2)
        raise KeyboardInterrupt

    def leader() -> Flow[Any]:
        reserved = yield from ask(WANTED)
        assert isinstance(reserved, Reserved)
        return (yield from ask(Call(interrupt, ())))

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(blocking.run, refresh(TOKEN, leader), world)
        leads.wait(2)
        second = pool.submit(blocking.run, shared(runs), world)
        while not any(each.waiters for each in memory._state.get().leases.values()):
            time.sleep(0.001)
        waiting.set()
        assert isinstance(first.exception(2), KeyboardInterrupt)
        assert second.result(2) == "token"
    assert len(runs) == 1
    assert isinstance(memory.answer(WANTED), Reserved)


def test_a_coroutine_that_is_dropped_leaves_its_flow_alone(async_http):
    """A driver that is closed instead of cancelled: what is under way goes on."""
    world = aio.World(async_http, Memory())

    async def main() -> object:
        driver = aio.run(once([]), world)
        driver.send(None)
        driver.close()
        return await aio.run(once([]), world)

    assert asyncio.run(main()) == PHONE
