"""Both platforms on one stage, without sockets: flows whose `Send` steps the mirrors answer directly."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from haoma.authorize import authorize
from haoma.contract import App, Table
from haoma.errors import ConnectionLost
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.mirroring import Call, Fate
from haoma.platforms import PLATFORMS
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.steps import Reply, Send

if TYPE_CHECKING:
    from haoma.mirroring import Mirror, Tap
    from haoma.verified import VerifiedPhone

NOW = 1_790_000_000.0
BASE = "https://platform.test"


class Stage:
    """The mirrors, the apps that fit them, and a memory."""

    def __init__(self, seed: int = 1) -> None:
        source = random.Random(seed)
        mirrors: tuple[Mirror, ...] = (AlipayMirror(source.randbytes), WeChatMirror(source.randbytes))
        self.mirrors = {each.name: each for each in mirrors}
        self.now = NOW
        self.calls: list[Call] = []
        self.apps: dict[str, App] = {}
        for mirror in self.mirrors.values():
            for name, values in mirror.settings(BASE).items():
                self.apps[name] = self.configure(name, values)
        self.world = World(self, Memory())  # type: ignore[arg-type]

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
        for mirror in self.mirrors.values():
            answer = mirror.answer(call, self.now)
            if answer is not None:
                if answer.fate is not Fate.REPLY:
                    raise ConnectionLost
                return Reply(answer.status, dict(answer.headers), answer.body)
        return Reply(404, {}, b"")

    def tap(self, platform: str, scene: str) -> Tap:
        return self.mirrors[platform].tap(scene, allow=True, now=self.now)

    def authorize(self, app: str, sent: Any, caller: str = "") -> VerifiedPhone:
        return run(authorize(self.apps[app], sent, now=self.now, caller=caller), self.world)
