"""What the simulator answers beside the platforms' own addresses: the device, the configuration and a help text."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.mirroring import Answer
from haoma.simulator.pushing import deliver
from haoma.simulator.stage import SERVICE, UnknownScene

if TYPE_CHECKING:
    from haoma.mirroring import Call, Push, Tap
    from haoma.simulator.pushing import Delivery
    from haoma.simulator.stage import Stage

_TAP: Final = re.compile(r"/device/([^/]+)/tap")
_SERVICE: Final = re.compile(r"http://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9A-Fa-f:]+\](:\d+)?")
_HELP: Final = """\
haoma simulate: {platforms}

GET  /device/scenes           every scene of every platform                    所有平台的所有场景
POST /device/PLATFORM/tap     {{"scene": "ok", "allow": true}}: what the mini     用户点击后小程序得到的内容，
                              program has after a tap; `body` is what to post  其中 body 就是要提交给 haoma 的
                              "service": "http://127.0.0.1:8080" says where    service 是 haoma 的地址，有些场景里
                              haoma is: in some scenes the platform pushes     平台会先推送到那里（如微信的
                              to it first (WeChat's ticket: component-*)       component-*），pushes 是推送的结果
GET  /device/calls            how often each platform address was called       各平台接口被调用的次数
GET  /haoma.toml              the configuration that fits                      与之配套的配置文件

curl -s {url}/haoma.toml > haoma.toml && haoma serve --config haoma.toml
curl -s {url}/device/alipay/tap -d '{{"scene": "ok"}}'
"""


class _TapRequest(msgspec.Struct, forbid_unknown_fields=True):
    scene: str
    allow: bool = True
    service: str = ""


class Device:
    """Answers every call that reaches the simulator.

    Args:
        stage: The mirrors.
        url: The simulator's own address, for callers that do not say which one they used.
    """

    def __init__(self, stage: Stage, url: str = "") -> None:
        self._stage = stage
        self.url = url
        self._pushing: set[asyncio.Task[object]] = set()

    async def respond(self, call: Call) -> Answer:
        """Return the answer to ``call``."""
        tap = _TAP.fullmatch(call.path)
        if tap:
            return await self._tap(tap[1], call)
        answer = self._answer(call)
        if answer.then:
            task = asyncio.create_task(self._push(answer.then))
            self._pushing.add(task)
            task.add_done_callback(self._pushing.discard)
        return answer

    def _answer(self, call: Call) -> Answer:
        match call.path:
            case "/":
                text = _HELP.format(platforms=", ".join(self._stage.mirrors), url=self._base(call))
                return Answer(headers={"content-type": "text/plain; charset=utf-8"}, body=text.encode())
            case "/haoma.toml":
                text = self._stage.settings_toml(self._base(call), call.query.get("listen", SERVICE))
                return Answer(headers={"content-type": "application/toml; charset=utf-8"}, body=text.encode())
            case "/device/scenes":
                scenes = self._stage.scenes()
                return _json(200, [{"platform": name, **msgspec.to_builtins(scene)} for name, scene in scenes])
            case "/device/calls":
                return _json(200, self._stage.calls())
        return self._stage.answer(call) or _json(404, {"error": f"nothing at {call.path}", "see": "/"})

    async def _tap(self, platform: str, call: Call) -> Answer:
        if call.method != "POST":
            return _json(405, {"error": "POST it"})
        try:
            request = msgspec.json.decode(call.body, type=_TapRequest)
            if request.service and not _SERVICE.fullmatch(request.service):
                return _json(400, {"error": "service", "needed": "http://HOST:PORT"})
            tap = self._stage.tap(platform, request.scene, allow=request.allow)
        except msgspec.MsgspecError as error:
            return _json(400, {"error": str(error), "needed": {"scene": "ok", "allow": True}})
        except UnknownScene as error:
            return _json(404, {"error": str(error), "see": "/device/scenes"})
        self._stage.service = request.service or self._stage.service
        return _json(200, _shown(tap, await self._push(tap.pushes)))

    async def _push(self, pushes: tuple[Push, ...]) -> list[Delivery]:
        """Deliver one after the other, in threads: the service asks us while it takes a push."""
        return [await asyncio.to_thread(deliver, self._stage.service, push) for push in pushes]

    def _base(self, call: Call) -> str:
        """Return the address under which the caller reached us: another container knows us by another name."""
        host = call.headers.get("host", "")
        return f"http://{host}" if _HOST.fullmatch(host) else self.url


def _shown(tap: Tap, deliveries: list[Delivery]) -> dict[str, object]:
    """Return a tap with what came of its pushes in the place of the pushes."""
    shown: dict[str, object] = msgspec.to_builtins(replace(tap, pushes=()))
    return {**shown, "pushes": msgspec.to_builtins(deliveries)}


def _json(status: int, body: Any) -> Answer:
    headers = {"content-type": "application/json; charset=utf-8"}
    return Answer(status, headers, msgspec.json.encode(body) + b"\n")
