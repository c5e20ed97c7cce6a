"""What the simulator answers beside the platforms' own addresses: the device, the configuration and a help text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.mirroring import Answer
from haoma.simulator.stage import SERVICE, UnknownScene

if TYPE_CHECKING:
    from haoma.mirroring import Call
    from haoma.simulator.stage import Stage

_TAP: Final = re.compile(r"/device/([^/]+)/tap")
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9A-Fa-f:]+\](:\d+)?")
_HELP: Final = """\
haoma simulate: {platforms}

GET  /device/scenes           every scene of every platform                    所有平台的所有场景
POST /device/PLATFORM/tap     {{"scene": "ok", "allow": true}}: what the mini     用户点击后小程序得到的内容，
                              program has after a tap; `body` is what to post  其中 body 就是要提交给 haoma 的
GET  /device/calls            how often each platform address was called       各平台接口被调用的次数
GET  /haoma.toml              the configuration that fits                      与之配套的配置文件

curl -s {url}/haoma.toml > haoma.toml && haoma serve --config haoma.toml
curl -s {url}/device/alipay/tap -d '{{"scene": "ok"}}'
"""


class _TapRequest(msgspec.Struct, forbid_unknown_fields=True):
    scene: str
    allow: bool = True


class Device:
    """Answers every call that reaches the simulator.

    Args:
        stage: The mirrors.
        url: The simulator's own address, for callers that do not say which one they used.
    """

    def __init__(self, stage: Stage, url: str = "") -> None:
        self._stage = stage
        self.url = url

    def respond(self, call: Call) -> Answer:
        """Return the answer to ``call``."""
        tap = _TAP.fullmatch(call.path)
        if tap:
            return self._tap(tap[1], call)
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

    def _tap(self, platform: str, call: Call) -> Answer:
        if call.method != "POST":
            return _json(405, {"error": "POST it"})
        try:
            request = msgspec.json.decode(call.body, type=_TapRequest)
            tap = self._stage.tap(platform, request.scene, allow=request.allow)
        except msgspec.MsgspecError as error:
            return _json(400, {"error": str(error), "needed": {"scene": "ok", "allow": True}})
        except UnknownScene as error:
            return _json(404, {"error": str(error), "see": "/device/scenes"})
        return _json(200, tap)

    def _base(self, call: Call) -> str:
        """Return the address under which the caller reached us: another container knows us by another name."""
        host = call.headers.get("host", "")
        return f"http://{host}" if _HOST.fullmatch(host) else self.url


def _json(status: int, body: Any) -> Answer:
    headers = {"content-type": "application/json; charset=utf-8"}
    return Answer(status, headers, msgspec.json.encode(body) + b"\n")
