"""Drives a flow in the calling thread. `haoma.io.aio` is the same with ``await``."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from haoma.errors import HaomaError, HookFailed
from haoma.io.memory import Abandoned, Memory, Shared, Waiting
from haoma.io.process import interruption
from haoma.steps import Call, Flow, Pause, Ref, Send, Share, Step

if TYPE_CHECKING:
    from haoma.io.http import Http

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """What the steps of a flow are answered with."""

    http: Http
    memory: Memory


def run(flow: Flow[T], world: World) -> T:
    """Run ``flow`` to its end and return its result.

    A claim that is still open when the flow ends, in whatever way, is settled as unknown: nobody waits in vain, and
    its value is not free. That includes an exception that a signal handler raises in the middle.
    """
    answer: Any = None
    refusal: HaomaError | None = None
    held: list[Ref] = []
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
        for ref in held:
            world.memory.abandon(ref)
        flow.close()


def _answer(step: Step[Any], world: World, held: list[Ref]) -> object:
    match step:
        case Send():
            return world.http.send(step)
        case Call():
            return _call(step)
        case Pause(seconds):
            time.sleep(seconds)
            return None
        case Share():
            return _share(step, world)
    while isinstance(answer := world.memory.answer(step, held), Waiting):
        try:
            return _wait(answer)
        except Abandoned:
            continue
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


def _share(step: Share[Any], world: World) -> object:
    while True:
        with world.memory.lead(step.place) as led:
            if isinstance(led, Shared):
                led.result = run(step.flow(), world)
                return led.result
        try:
            return _wait(led)
        except Abandoned:
            continue


def _wait(waiting: Waiting) -> object:
    """Return what another flow has made.

    Raises:
        Abandoned: It was stopped, or takes too long.
    """
    try:
        return waiting.future.result(waiting.seconds)
    except TimeoutError as error:
        if interruption(error) is not None:
            raise
    raise Abandoned
