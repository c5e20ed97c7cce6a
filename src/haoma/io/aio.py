"""The async driver: runs a flow in the running event loop. `haoma.io.blocking` does the same without ``await``."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeGuard, TypeVar

from haoma.errors import HaomaError, HookFailed
from haoma.io.answers import Waiting
from haoma.io.blocking import fault, quiet
from haoma.steps import Call, Count, Flow, Lease, Notice, Pause, Ref, Send, Step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from haoma.io.answers import AsyncAnswers
    from haoma.steps import Reply

T = TypeVar("T")

_PATIENCE: Final = 30.0
_OURS: Final = (Send, Call, Pause)
"""Steps that the driver answers itself."""


class Sends(Protocol):
    """What sends requests: `haoma.io.http.AsyncHttp`, or something around it."""

    async def send(self, step: Send) -> Reply:
        """Send the request and return the reply."""


@dataclass(frozen=True, slots=True)
class World:
    """The services that answer the steps of a flow. Any number of event loops may share one.

    Attributes:
        under_way: The running flows of each event loop, including those whose caller no longer waits.
    """

    http: Sends
    answers: AsyncAnswers
    notice: Callable[[Notice], None] = quiet
    count: Callable[[Count], None] = quiet
    under_way: dict[asyncio.AbstractEventLoop, set[asyncio.Task[Any]]] = field(default_factory=dict)

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold a reference to a task until it is done, because an event loop only holds weak ones.

        Tasks of closed loops will never continue, so they are dropped.
        """
        loop = task.get_loop()
        if loop not in self.under_way:
            for each in list(self.under_way):
                if each.is_closed():
                    self.under_way.pop(each, None)
        tasks = self.under_way.setdefault(loop, set())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def finish(self) -> None:
        """Wait for the flows of this event loop. Cancel those that are still running after 30 seconds."""
        tasks = [task for task in self.under_way.get(asyncio.get_running_loop(), ()) if not task.done()]
        if tasks:
            _, hanging = await asyncio.wait(tasks, timeout=_PATIENCE)
            for task in hanging:
                task.cancel()


async def run(flow: Flow[T], world: World) -> T:
    """Run ``flow`` to its end and return its result.

    From the first step that waits, the flow runs in its own task. It runs to its end even if the caller is cancelled:
    a code that was sent is used up, so its outcome must be settled.

    However the flow ends, reservations that are still open are settled as unknown, so that others stop waiting and the
    value stays reserved.
    """
    drive = _Drive(flow, world)
    task = None
    try:
        step = drive.advance()
        if step is None:
            result: T = drive.answer
            return result
        task = asyncio.get_running_loop().create_task(drive.to_its_end(step))
    finally:
        if task is None:
            drive.close(sys.exc_info()[1])
    world.keep(task)
    task.add_done_callback(drive.end)  # a task that is cancelled before it starts runs no `finally`
    return await asyncio.shield(task)


@dataclass(slots=True)
class _Drive(Generic[T]):
    """A running flow.

    Attributes:
        held: The reservations and leases that the flow has made.
        answer, refusal: The answer or error to send to the flow next. At the end, ``answer`` is the flow's result.
    """

    flow: Flow[T]
    world: World
    held: list[Ref | Lease] = field(default_factory=list)
    answer: Any = None
    refusal: HaomaError | None = None

    def advance(self) -> Step[Any] | None:
        """Advance the flow until it must wait. Return the step that it waits for, or None at its end."""
        while True:
            try:
                step = self.flow.send(self.answer) if self.refusal is None else self.flow.throw(self.refusal)
            except StopIteration as end:
                self.answer = end.value
                return None
            self.answer = self.refusal = None
            if isinstance(step, _OURS):
                return step
            if isinstance(step, Notice):
                self.world.notice(step)
                continue
            if isinstance(step, Count):
                self.world.count(step)
                continue
            try:
                self.answer = self.world.answers.answer(step, self.held)
            except HaomaError as error:
                self.refusal = error
            if isinstance(self.answer, Waiting) or _is_awaitable(self.answer):
                return step

    async def to_its_end(self, step: Step[Any] | None) -> T:
        """Answer ``step`` and all later ones. Return the flow's result."""
        while step is not None:
            try:
                self.answer = await self._answer(step)
            except HaomaError as error:
                self.refusal = error
            step = self.advance()
        result: T = self.answer
        return result

    def end(self, task: asyncio.Task[T]) -> None:
        """Close the flow when its task is done."""
        self.close(None if task.cancelled() else task.exception())

    def close(self, error: BaseException | None) -> None:
        """Let go of everything that is held. Those who wait for one of its leases get what ``error`` means for them."""
        failure = fault(error) if self.held else None
        for each in self.held:
            ended = self.world.answers.let_go(each, failure)
            if _is_awaitable(ended):
                self.world.keep(asyncio.ensure_future(ended))
        self.flow.close()

    async def _answer(self, step: Step[Any]) -> object:
        match step:
            case Send():
                return await self.world.http.send(step)
            case Call():
                return await _call(step)
            case Pause(seconds):
                await asyncio.sleep(seconds)
                return None
        answer = self.answer  # `advance` has already asked
        while True:
            if _is_awaitable(answer):
                answer = await answer
            if not isinstance(answer, Waiting):
                return answer
            await _wait(answer)
            answer = self.world.answers.answer(step, self.held)


def _is_awaitable(answer: object) -> TypeGuard[Awaitable[Any]]:
    """Return True if an answer has to be awaited.

    `inspect.isawaitable` asks an abstract base class, which is slow for something that happens at every step. It also
    accepts the generators of `types.coroutine`. Those are not ``Awaitable``, so an answerer may not return them.
    """
    return hasattr(type(answer), "__await__")


async def _call(step: Call) -> object:
    try:
        result = step.function(*step.arguments)
        return await result if inspect.isawaitable(result) else result
    except HaomaError:
        raise
    except asyncio.CancelledError as error:
        # This flow was not cancelled; something inside the function was. Our caller would mistake it for its own
        # cancellation.
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        failure = HookFailed(because={"error": type(error).__name__})
    except Exception as error:  # noqa: BLE001 - raised by the application's code: the message may hold secrets
        failure = HookFailed(because={"error": type(error).__name__})
    raise failure


async def _wait(waiting: Waiting) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(waiting.seconds):
            await asyncio.wrap_future(waiting.woken)
