"""Running a flow over a connection.

A flow is a generator. It yields what the methods of a `haoma.store.batch.Connection` return, and is sent the result:
so there is one text for connections that block and for those that do not.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from haoma.store.batch import Connection
    from haoma.store.store import Engine

R = TypeVar("R")


def drive(flow: Generator[Any, Any, R]) -> R:
    """Run a flow whose connection blocks."""
    answer = None
    try:
        while True:
            answer = flow.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def drive_async(flow: Generator[Any, Any, R]) -> R:
    """Run a flow whose connection's methods are coroutines."""
    answer: Any = None
    failure: Exception | None = None
    try:
        while True:
            waiting = flow.send(answer) if failure is None else flow.throw(failure)
            answer = failure = None
            try:
                answer = await waiting
            except Exception as error:  # noqa: BLE001 - the flow decides what it means
                failure = error
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def ask(engine: Engine, flow: Callable[[Connection], Generator[Any, Any, R]]) -> R:
    """Open a connection, run a flow over it, and close it.

    Raises:
        Disconnected: The database cannot be reached, or was lost.
    """
    if engine.blocking:
        return await asyncio.to_thread(ask_blocking, engine, flow)
    connection = await engine.connect()
    try:
        return await drive_async(flow(connection))
    finally:
        with contextlib.suppress(Exception):
            await connection.close()


def ask_blocking(engine: Engine, flow: Callable[[Connection], Generator[Any, Any, R]]) -> R:
    """Do as `ask` does, where no event loop runs."""
    if not engine.blocking:
        return asyncio.run(ask(engine, flow))
    connection = engine.connect()
    try:
        return drive(flow(connection))
    finally:
        with contextlib.suppress(Exception):
            connection.close()
