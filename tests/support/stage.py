"""All platforms on one stage, without sockets: flows whose `Send` steps the mirrors answer directly."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from haoma.authorize import authorize, take_push
from haoma.errors import ConnectionLost, HaomaError
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Call, Fate
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.simulator.stage import Stage as Simulated
from haoma.steps import Reply, Send

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.platforms.base.mirroring import Push, Tap
    from haoma.verified import VerifiedPhone

NOW = 1_790_000_000.0
BASE = "https://platform.test"


class Stage:
    """The mirrors of the registry, the apps that fit them, and a memory.

    Attributes:
        calls, replies: What was asked and what came, in order.
        on_the_way: Changes what the platforms reply.
    """

    def __init__(self, seed: int = 1) -> None:
        self.now = NOW
        self.simulated = Simulated(random_bytes=random.Random(seed).randbytes, now=lambda: self.now)
        self.mirrors = self.simulated.mirrors
        self.calls: list[Call] = []
        self.replies: list[bytes] = []
        self.on_the_way: Callable[[bytes], bytes] = lambda body: body
        tables = self.simulated.settings(BASE)["apps"]
        self.apps: dict[str, App] = {name: self.configure(name, values) for name, values in tables.items()}
        self.forget()

    def forget(self) -> None:
        """Go on as a process that has just started: without tokens, sessions and tries."""
        self.world = World(self, Memory())  # type: ignore[arg-type]
        self.calls.clear()
        self.replies.clear()

    def configure(self, name: str, values: dict[str, Any]) -> App:
        table = Table(name, values, now=self.now)
        app: App | None = PLATFORMS[values["platform"]].configure(table)
        assert app is not None, [str(fault) for fault in table.faults]
        return app

    def send(self, step: Send) -> Reply:
        """Answer as the platform does, without a network."""
        request = step.request
        headers = dict(request.headers)
        call = Call(request.method, urlsplit(request.url).path, dict(request.query), headers, request.body)
        self.calls.append(call)
        answer = self.simulated.answer(call)
        if answer is None:
            return Reply(404, {}, b"")
        if answer.fate is not Fate.REPLY:
            raise ConnectionLost
        self.replies.append(answer.body)
        self._take(answer.then)
        return Reply(answer.status, dict(answer.headers), self.on_the_way(answer.body))

    def tap(self, platform: str, scene: str) -> Tap:
        """Play a scene on the device; what the platform pushes meanwhile has arrived."""
        tap = self.simulated.tap(platform, scene)
        self._take(tap.pushes)
        return tap

    def _take(self, pushes: tuple[Push, ...]) -> None:
        for push in pushes:
            with suppress(HaomaError):  # some are there to be refused
                run(take_push(self.apps[push.app], push.query, push.body, now=self.now), self.world)

    def authorize(self, app: str, sent: Any, caller: str = "") -> VerifiedPhone:
        return run(authorize(self.apps[app], sent, now=self.now, caller=caller), self.world)
