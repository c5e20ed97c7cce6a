"""Drives a flow in the calling thread. `haoma.io.aio` is the same with ``await``."""

from __future__ import annotations

import inspect
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from haoma.errors import HaomaError, HookFailed, InternalFault
from haoma.io.answers import Waiting
from haoma.io.process import interruption
from haoma.steps import Call, Flow, Lease, Pause, Ref, Send, Step

if TYPE_CHECKING:
    from haoma.io.answers import Answers
    from haoma.io.http import Http

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """What the steps of a flow are answered with."""

    http: Http
    answers: Answers


def run(flow: Flow[T], world: World) -> T:
    """Run ``flow`` to its end and return its result.

    A reservation that is still open when the flow ends, in whatever way, is settled as unknown: nobody waits in vain,
    and its value is not free. That includes an exception that a signal handler raises in the middle.
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
        failure = fault(sys.exc_info()[1])
        for each in held:
            world.answers.let_go(each, failure)
        flow.close()


def fault(error: BaseException | None) -> HaomaError | None:
    """Return what those are told who wait for a lease whose flow has failed in a way that is none of ours."""
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
    while isinstance(answer := world.answers.answer(step, held), Waiting):
        _wait(answer)
    return answer


def _call(step: Call) -> object:
    try:
        result = step.function(*step.arguments)
    except HaomaError:
        raise
    except Exception as error:  # it is the application's code, and its words may hold secrets
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
    """Wait until it is time to ask again."""
    try:
        waiting.woken.result(waiting.seconds)
    except TimeoutError as error:
        if interruption(error) is not None:
            raise
