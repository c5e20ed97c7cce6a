"""Acme's side, for the simulator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haoma.platforms.base.mirroring import ANYBODY, Answer, Call, Mirror, Person, Push, RandomBytes, Scene, Tap, Visit


class AcmeMirror(Mirror):
    """Gives each code out, and takes it, once."""

    name = "acme"
    scenes = (
        Scene("ok", "ok", "acme"),
        Scene("full", "platform.quota-exhausted", "acme"),
    )
    demo: tuple[str, ...] = ("ok",)
    counted = "/acme/phone"

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._codes: dict[str, str] = {}

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the one app."""
        secret = "the-secret-of-acme-01"
        return {"acme": {"platform": "acme", "app_id": "acme1", "app_secret": secret, "api_base_url": base_url}}

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene."""
        del now
        return Visit({each.name: each for each in self.scenes}[scene], person)

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """Give a code out."""
        del allow, now
        scene = visit.scene.name
        code = self._random(8).hex()
        self._codes[code] = scene
        expect = {each.name: each.expect for each in self.scenes}[scene]
        number = "+8613800138000" if expect == "ok" else ""
        return Tap(scene, "acme", {"code": code}, "", {"authorization": {"code": code}}, expect, number)

    def withdraw(self, _app: str, _user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Push nothing."""
        del account, now
        return ()

    def answer(self, call: Call, now: float) -> Answer | None:
        """Take a code."""
        del now
        if call.path != "/acme/phone":
            return None
        scene = self._codes.pop(json.loads(call.body)["code"], "full")
        found = {"phone": "13800138000", "user": "u1"} if scene == "ok" else {"acme_code": 17, "msg": "full"}
        return Answer(body=json.dumps(found).encode())
