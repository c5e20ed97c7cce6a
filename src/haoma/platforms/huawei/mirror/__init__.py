"""The simulated Huawei, for the simulator and the tests: its account server, and the phone in the user's hand.

It shares no code with what it tests. It keeps Huawei's habits: status 200 for refusals too, a number as ``resultCode``,
``0086`` as the country code.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.platforms.base.mirroring import Answer, Fate, Scene, Tap

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import Call, RandomBytes

_PATH: Final = "/oauth2/v6/quickLogin/getPhoneNumber"
_LIFE: Final = 300.0
_OK: Final = "ok"
_APP: Final = "huawei"
_BUSY: Final = "platform.busy"
_REJECTED: Final = "platform.code-rejected"

SCENES: Final[tuple[Scene, ...]] = (
    Scene("ok", "用户允许，号码在 90 天内验证过", "The user allows; the number was verified within 90 days", _OK, _APP),
    Scene("stale-number", "用户允许，但号码 90 天内没有验证过",
          "The user allows, but the number was not verified within 90 days", _OK, _APP),
    Scene("response-as-it-is", "前端原样提交按钮回调里的 response",
          "The front end sends the response of the button's callback as it is", _OK, _APP),
    Scene("denied", "用户点了取消（1001502012）", "The user cancels (1001502012)", "envelope.user-declined", _APP),
    Scene("login-sent-along", "前端多带了一个 login_code", "The front end sends a login_code along",
          "envelope.unknown-shape", _APP),
    Scene("expired-code", "code 超过五分钟（60180004）", "The code is older than five minutes (60180004)",
          _REJECTED, _APP),
    Scene("used-code", "code 已被别处用掉（60180005）", "The code was used elsewhere before (60180005)",
          _REJECTED, _APP),
    Scene("forged-code", "code 是伪造的（60010012）", "The code is forged (60010012)", _REJECTED, _APP),
    Scene("other-apps-code", "code 来自另一个应用（60180003）", "The code was issued to another app (60180003)",
          "platform.app-mismatch", _APP),
    Scene("wrong-secret", "client_secret 填错（60010013）", "The client_secret is wrong (60010013)",
          "platform.credentials-rejected", "huawei-secret"),
    Scene("withdrawn", "用户随后取消了授权（60180006）", "The user withdrew the authorization afterwards (60180006)",
          "platform.user-not-authorized", _APP),
    Scene("prefetch-code", "前端误用了预取号阶段的 code（60180007）",
          "The front end sends the code of the prefetch by mistake (60180007)", "platform.permission-missing", _APP),
    Scene("no-phone", "华为账号没有绑定手机号（60180008）", "The HUAWEI ID has no phone number (60180008)",
          "platform.no-phone-bound", _APP),
    Scene("region", "服务器或用户不在中国境内（60180009）",
          "The server or the user is not in mainland China (60180009)", "platform.user-blocked", _APP),
    Scene("bad-parameter", "请求参数不合法（60010002）", "A parameter is malformed (60010002)",
          "platform.request-rejected", _APP),
    Scene("internal", "华为内部错误（60010001）", "Internal error of Huawei (60010001)", _BUSY, _APP),
    Scene("http-400", "华为返回 HTTP 400", "Huawei answers HTTP 400", "platform.request-rejected", _APP),
    Scene("http-403", "出口防火墙阻止了访问（HTTP 403）", "An outgoing firewall forbids the call (HTTP 403)",
          "platform.request-rejected", _APP),
    Scene("http-404", "api_base_url 填错（HTTP 404）", "The api_base_url is wrong (HTTP 404)",
          "platform.request-rejected", _APP),
    Scene("http-405", "代理改变了请求方法（HTTP 405）", "A proxy changed the method (HTTP 405)",
          "platform.request-rejected", _APP),
    Scene("http-500", "华为返回 HTTP 500", "Huawei answers HTTP 500", _BUSY, _APP),
    Scene("http-502", "华为返回 HTTP 502", "Huawei answers HTTP 502", _BUSY, _APP),
    Scene("http-503", "触发系统流控（HTTP 503）", "Flow control (HTTP 503)", "platform.rate-limited", _APP),
    Scene("http-504", "华为返回 HTTP 504", "Huawei answers HTTP 504", _BUSY, _APP),
    Scene("http-590", "华为返回 HTTP 590", "Huawei answers HTTP 590", _BUSY, _APP),
    Scene("button-region", "按钮报 1001500003：账号不在中国境内",
          "The button fails with 1001500003: not a mainland account", "platform.user-blocked", _APP),
    Scene("button-signed-out", "按钮报 1001502001：没有登录华为账号",
          "The button fails with 1001502001: no HUAWEI ID on the device", "platform.user-not-authorized", _APP),
    Scene("button-permission", "按钮报 1001502014：没有申请权限",
          "The button fails with 1001502014: no permission", "platform.permission-missing", _APP),
    Scene("button-network", "按钮报 1001502005：网络异常", "The button fails with 1001502005: network error",
          "envelope.button-failed", _APP),
    Scene("slow", "华为收到 code 后不再回应", "Huawei takes the code and does not answer",
          "outside.outcome-unknown", _APP),
    Scene("reset-after-consumed", "code 已被消费，返回前连接被重置；重试得到 60180005，结果仍然未知",
          "The code is consumed, then the connection is reset; a retry gets 60180005, and still nobody knows",
          "outside.outcome-unknown", _APP),
    Scene("garbage-reply", "中间的代理返回一张 HTML 页面", "A proxy in between answers with an HTML page",
          "outside.nonsense-reply", _APP),
)  # fmt: skip

_ON_DEVICE: Final = {
    "denied": 1001502012,
    "button-region": 1001500003,
    "button-signed-out": 1001502001,
    "button-permission": 1001502014,
    "button-network": 1001502005,
}
_RESULTS: Final = {
    "withdrawn": (60180006, "code is invalid"),
    "prefetch-code": (60180007, "no permission"),
    "no-phone": (60180008, "user or phone number not exist"),  # the wording of a published sample
    "region": (60180009, "phone number is restricted"),
    "bad-parameter": (60010002, "parameter error"),
    "internal": (60010001, "system error"),
}


@dataclass(slots=True)
class _Code:
    client_id: str
    until: float
    scene: str
    number: str = field(repr=False)
    used: bool = False


class HuaweiMirror:
    """The simulated Huawei. It makes its own Client IDs, secrets, users and codes."""

    name = "huawei"
    scenes = SCENES
    demo: tuple[str, ...] = ()
    counted = ""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._apps = {name: (self._digits(18), random_bytes(32).hex()) for name in (_APP, "huawei-secret")}
        self._codes: dict[str, _Code] = {}

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables, served at ``base_url``. ``huawei-secret`` has the wrong secret."""
        return {
            name: {
                "platform": "huawei",
                "client_id": client_id,
                "client_secret": secret if name == _APP else secret[::-1],
                "api_base_url": base_url,
            }
            for name, (client_id, secret) in self._apps.items()
        }

    def tap(self, scene: str, *, allow: bool, now: float) -> Tap:
        """Play a scene on the device: the quickLogin button.

        Raises:
            KeyError: The scene does not exist.
        """
        played = {each.name: each for each in SCENES}[scene]
        failed = _ON_DEVICE.get(scene, 0) if allow else _ON_DEVICE["denied"]
        if failed:
            event: dict[str, Any] = {"code": failed, "message": "The button failed."}
            expect = played.expect if allow else "envelope.user-declined"
            return Tap(scene, played.app, event, "", {"authorization": event}, expect)
        self._codes = {text: code for text, code in self._codes.items() if now < code.until + _LIFE}
        text = self._text(90)
        number = f"1380013{int.from_bytes(self._random(4)) % 10_000:04d}"
        if scene != "forged-code":
            self._codes[text] = self._code(scene, played.app, number, now)
        event = {"authorizationCode": text, "openID": self._text(30), "unionID": self._text(30)}
        body: dict[str, Any] = {"authorization": event if scene == "response-as-it-is" else {"code": text}}
        if scene == "login-sent-along":
            body["login_code"] = self._text(24)
        return Tap(scene, played.app, event, "", body, played.expect, f"+86{number}" if played.expect == _OK else "")

    def _code(self, scene: str, app: str, number: str, now: float) -> _Code:
        client_id = "100000000000000000" if scene == "other-apps-code" else self._apps[app][0]
        until = now - 1 if scene == "expired-code" else now + _LIFE
        return _Code(client_id, until, scene, number, used=scene == "used-code")

    def _text(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).decode("ascii").rstrip("=")

    def _digits(self, size: int) -> str:
        return "1" + str(int.from_bytes(self._random(size)))[: size - 1]

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if Huawei has no such path."""
        if call.path != _PATH:
            return None
        if call.method != "POST":
            return Answer(405)
        asked = _object(call.body)
        if not all(isinstance(asked.get(name), str) and asked[name] for name in ("code", "clientId", "clientSecret")):
            return _no(60010002, "parameter error")
        code = self._codes.get(asked["code"])
        known = dict(self._apps.values())
        refusals = (
            (known.get(asked["clientId"]) != asked["clientSecret"], 60010013, "clientSecret error"),
            (code is None, 60010012, "code error"),
            (code is not None and code.client_id != asked["clientId"], 60180003, "client_id not match"),
            (code is not None and code.used, 60180005, "code has been used"),
            (code is not None and now > code.until, 60180004, "code expired"),
        )
        for holds, result, words in refusals:
            if holds:
                return _no(result, words)
        assert code is not None  # noqa: S101 - checked by the second refusal
        return self._trouble(code) or self._give(code)

    def _trouble(self, code: _Code) -> Answer | None:
        if code.scene in _RESULTS:
            return _no(*_RESULTS[code.scene])
        if code.scene.startswith("http-"):
            return Answer(int(code.scene[5:]), {"content-type": "text/html"}, b"<html></html>")
        if code.scene in ("slow", "reset-after-consumed"):
            code.used = True
            return Answer(fate=Fate.HANG if code.scene == "slow" else Fate.RESET)
        if code.scene == "garbage-reply":
            return Answer(200, {"content-type": "text/html"}, b"<html><body>Please log in to the network</body></html>")
        return None

    def _give(self, code: _Code) -> Answer:
        code.used = True
        return _say({
            "openId": f"AQAx{self._text(24)}",
            "unionId": f"AQAx{self._text(24)}",
            "phoneNumber": f"0086{code.number}",
            "phoneNumberValid": 0 if code.scene == "stale-number" else 1,
            "purePhoneNumber": code.number,
            "phoneCountryCode": "0086",
        })  # fmt: skip


def _no(result: int, words: str) -> Answer:
    return _say({"resultCode": result, "resultDesc": words})


def _say(content: dict[str, Any]) -> Answer:
    return Answer(headers={"content-type": "application/json"}, body=msgspec.json.encode(content))


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


MIRROR: Final = HuaweiMirror
