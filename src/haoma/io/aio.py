"""Drives a flow in the running event loop. `haoma.io.blocking` is the same without ``await``."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from haoma.errors import HaomaError, HookFailed
from haoma.io.memory import Abandoned, Memory, Waiting
from haoma.steps import Call, Flow, Fresh, Pause, Send, Share, Step

if TYPE_CHECKING:
    from haoma.io.http import AsyncHttp

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """What the steps of a flow are answered with."""

    http: AsyncHttp
    memory: Memory


async def run(flow: Flow[T], world: World) -> T:
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
                answer = await _answer(step, world)
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


async def _answer(step: Step[Any], world: World) -> object:
    match step:
        case Send():
            return await world.http.send(step)
        case Call():
            return await _call(step)
        case Pause(seconds):
            await asyncio.sleep(seconds)
            return None
        case Share():
            return await _share(step, world)
    answer = world.memory.answer(step)
    return await _wait(answer) if isinstance(answer, Waiting) else answer


async def _call(step: Call) -> object:
    try:
        result = step.function(*step.arguments)
        return await result if inspect.isawaitable(result) else result
    except HaomaError:
        raise
    except Exception as error:  # noqa: BLE001 - it is the application's code, and its words may hold secrets
        failure = HookFailed(because={"error": type(error).__name__})
    raise failure


async def _share(step: Share[Any], world: World) -> object:
    while waiting := world.memory.join(step.key):
        try:
            return await _wait(waiting)
        except Abandoned:
            continue
    with world.memory.lead(step.key) as shared:
        shared.result = await run(step.flow(), world)
    return shared.result


async def _wait(waiting: Waiting) -> object:
    try:
        async with asyncio.timeout(waiting.seconds):
            return await asyncio.wrap_future(waiting.future)
    except TimeoutError:
        raise waiting.late from None
