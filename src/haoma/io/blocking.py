"""The sync driver: runs a flow in the calling thread. `haoma.io.aio` does the same with ``await``."""

from __future__ import annotations

import inspect
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from haoma.errors import HaomaError, HookFailed, InternalFault
from haoma.io.answers import Waiting
from haoma.io.process import interruption
from haoma.steps import Call, Count, Flow, Lease, Notice, Pause, Ref, Send, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.io.answers import Answers
    from haoma.io.http import Http

T = TypeVar("T")


def quiet(_told: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class World:
    """The services that answer the steps of a flow."""

    http: Http
    answers: Answers
    notice: Callable[[Notice], None] = quiet
    count: Callable[[Count], None] = quiet


def run(flow: Flow[T], world: World) -> T:
    """Run ``flow`` to its end and return its result.

    However the flow ends, reservations that are still open are settled as unknown, so that others stop waiting and the
    value stays reserved. This includes an exception that a signal handler raises in the middle.
    """
    answer: Any = None
    refusal: HaomaError | None = None
    held: list[Ref | Lease] = []
    try:
        while True:
            step = flow.send(answer) if refusal is None else flow.throw(refusal)
            answer = refusal = None
            try:
                answer = _answer(step, world, held)
            except HaomaError as error:
                refusal = error
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        if held:
            failure = fault(sys.exc_info()[1])
            for each in held:
                world.answers.let_go(each, failure)
        flow.close()


def fault(error: BaseException | None) -> HaomaError | None:
    """Return the error for those who wait for a lease whose flow failed with an unexpected exception."""
    ours = error is None or isinstance(error, HaomaError)
    return None if ours or not isinstance(error, Exception) or interruption(error) is not None else InternalFault()


def _answer(step: Step[Any], world: World, held: list[Ref | Lease]) -> object:
    match step:
        case Send():
            return world.http.send(step)
        case Call():
            return _call(step)
        case Pause(seconds):
            time.sleep(seconds)
            return None
        case Notice():
            world.notice(step)
            return None
        case Count():
            world.count(step)
            return None
    while isinstance(answer := world.answers.answer(step, held), Waiting):
        _wait(answer)
    return answer


def _call(step: Call) -> object:
    try:
        result = step.function(*step.arguments)
    except HaomaError:
        raise
    except Exception as error:  # raised by the application's code: the message may hold secrets
        if interruption(error) is not None:
            raise
        failure = HookFailed(because={"error": type(error).__name__})
    else:
        if not inspect.isawaitable(result):
            return result
        if inspect.iscoroutine(result):
            result.close()
        failure = HookFailed(because={"error": "an async function needs the async client"})
    raise failure


def _wait(waiting: Waiting) -> None:
    try:
        waiting.woken.result(waiting.seconds)
    except TimeoutError as error:
        if interruption(error) is not None:
            raise
