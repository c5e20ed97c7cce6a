"""What is left of the quotas that platforms sell: asked now and then, for the metric and the warning, and on demand."""

from __future__ import annotations

import asyncio
import platform
import random
from typing import TYPE_CHECKING, Final

from haoma.errors import HaomaError
from haoma.io.aio import run
from haoma.quotas import ask_quotas, sells
from haoma.steps import Key, Room, TakeTry, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.io.aio import World
    from haoma.platforms.base.contract import App
    from haoma.quotas import Told
    from haoma.service.observe.signals import Signals
    from haoma.settings.model import Settings
    from haoma.steps import Flow

_FIRST: Final = 60.0
"""At most so many seconds after the start it is asked for the first time."""


class Quotas:
    """The quotas of all apps.

    Args:
        settings: The settings.
        worlds: The world of each tenant.
        signals: Told of each answer.
    """

    def __init__(self, settings: Settings, worlds: Mapping[str, World], signals: Signals) -> None:
        self._seconds = settings.service.quota_seconds
        self._apps = [app for app in settings.apps.values() if sells(app)] if self._seconds else []
        self._worlds = worlds
        self._signals = signals

    async def ask(self, app: App) -> tuple[Told, ...]:
        """Ask what is left for an app. Nothing is raised."""
        told = await run(ask_quotas(app), self._worlds[app.tenant])
        self._signals.quotas(app, told)
        return told

    async def keep(self) -> None:
        """Ask now and then, until the task is cancelled. Of several processes on a machine, one asks."""
        if not self._apps:
            return
        seconds = min(self._seconds, _FIRST)
        while True:
            await asyncio.sleep(seconds * random.random())  # noqa: S311 - so that processes ask at different moments
            for app in self._apps:
                try:
                    mine = await run(_turn(app, self._seconds), self._worlds[app.tenant])
                except HaomaError:
                    continue  # the store cannot be reached, of which others tell
                if mine:
                    await self.ask(app)
            seconds = self._seconds


def _turn(app: App, seconds: float) -> Flow[bool]:
    """Return whether it is this process that asks. Each machine has metrics of its own, so each has a turn."""
    return (yield from ask(TakeTry(Key(Room.CUSTODY, "", "quotas", (app.scope, platform.node())), 1, seconds / 2)))
