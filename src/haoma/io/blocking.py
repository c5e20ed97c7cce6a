"""Drives a flow in the calling thread. `haoma.io.aio` is the same with ``await``."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from haoma.errors import HaomaError, HookFailed
from haoma.io.memory import Abandoned, Memory, Waiting
from haoma.steps import Call, Flow, Fresh, Pause, Send, Share, Step

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
    its value is not free.
    """
    answer: Any = None
    refusal: HaomaError | None = None
    claims: list[object] = []
    try:
        while True:
            step = flow.send(answer) if refusal is None else flow.throw(refusal)
            answer = refusal = None
            try:
                answer = _answer(step, world)
            except HaomaError as error:
                refusal = error
            if isinstance(answer, Fresh):
                claims.append(answer.ref)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        for ref in claims:
            world.memory.abandon(ref)
        flow.close()


def _answer(step: Step[Any], world: World) -> object:
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
    answer = world.memory.answer(step)
    return _wait(answer) if isinstance(answer, Waiting) else answer


def _call(step: Call) -> object:
    try:
        result = step.function(*step.arguments)
    except HaomaError:
        raise
    except Exception as error:  # noqa: BLE001 - it is the application's code, and its words may hold secrets
        failure = HookFailed(because={"error": type(error).__name__})
    else:
        if not inspect.isawaitable(result):
            return result
        if inspect.iscoroutine(result):
            result.close()
        failure = HookFailed(because={"error": "an async function needs the async client"})
    raise failure


def _share(step: Share[Any], world: World) -> object:
    while waiting := world.memory.join(step.key):
        try:
            return _wait(waiting)
        except Abandoned:
            continue
    with world.memory.lead(step.key) as shared:
        shared.result = run(step.flow(), world)
    return shared.result


def _wait(waiting: Waiting) -> object:
    try:
        return waiting.future.result(waiting.seconds)
    except TimeoutError:
        raise waiting.late from None
