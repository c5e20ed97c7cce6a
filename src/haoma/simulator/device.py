"""What the simulator answers in addition to the platforms' APIs: the device, the configuration and a help text."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from haoma.platforms.base.mirroring import Answer, Person
from haoma.settings.service import parse_listen
from haoma.simulator.clockwork import MOST_AHEAD
from haoma.simulator.phone.pages import wants_page
from haoma.simulator.pushing import deliver
from haoma.simulator.sms import PROVIDERS
from haoma.simulator.stage import SERVICE, Ages, UnknownScene
from haoma.words import LANGUAGES, text

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import Call, Push, Scene, Tap
    from haoma.simulator.phone import Phone
    from haoma.simulator.pushing import Delivery
    from haoma.simulator.stage import Stage

_TAP: Final = re.compile(r"/device/([^/]+)/tap")
_WITHDRAW: Final = re.compile(r"/device/([^/]+)/withdraw")
ORIGIN: Final = re.compile(r"http://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")
ADDRESS: Final = re.compile(f"({ORIGIN.pattern})(/[A-Za-z0-9._~/-]*)?")
"""An origin, and perhaps a path."""
_HOST: Final = re.compile(r"([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")
_READS: Final = ("GET", "HEAD", "OPTIONS")
_OF_NO_PAGE: Final = ("same-origin", "none")
_OF_FORMS: Final = ("text/plain", "multipart/form-data")


class _TapRequest(msgspec.Struct, forbid_unknown_fields=True):
    scene: str
    allow: bool = True
    service: str = ""
    user: str = ""
    developer_user: str = ""
    number: Annotated[str, msgspec.Meta(pattern="^(1[0-9]{10})?$")] = ""
    login_age: Annotated[float, msgspec.Meta(ge=0, le=MOST_AHEAD)] = 0.0
    tap_age: Annotated[float, msgspec.Meta(ge=0, le=MOST_AHEAD)] = 0.0


class _WithdrawRequest(msgspec.Struct, forbid_unknown_fields=True):
    app: str
    user: dict[str, str]
    account: bool = False
    service: str = ""


class Device:
    """Answers every call that reaches the simulator.

    Web pages that the developer has open may send requests here too. So the host must be one that no web site can have
    (a site can point its own name at this machine), requests from other origins change nothing, and no request can
    choose the machine that receives pushes.

    Args:
        stage: The mirrors.
        host: The host on which the simulator listens.
        service: The only address, apart from this machine's, that receives pushes.
        url: The simulator's own address, for callers that do not say which one they used.
        phone: The page with a phone, if it is served.
    """

    def __init__(
        self, stage: Stage, host: str = "127.0.0.1", service: str = "", url: str = "", phone: Phone | None = None
    ) -> None:
        self._stage = stage
        self._phone = phone
        self._host = host.lower()
        self._service = service
        self.url = url
        self._pushing: set[asyncio.Task[object]] = set()

    async def respond(self, call: Call) -> Answer:
        """Return the answer to ``call``."""
        refused = self._refused(call)
        if refused is not None:
            return refused
        tap = _TAP.fullmatch(call.path)
        if tap:
            return await self._tap(tap[1], call)
        withdraw = _WITHDRAW.fullmatch(call.path)
        if withdraw:
            return await self._withdraw(withdraw[1], call)
        if self._phone is not None and call.path.partition("/")[2].partition("/")[0] == "phone":
            found = await self._phone.respond(call, self._base(call))
            return found or _json(404, {"error": "nothing here", "see": "/phone/"})
        if self._phone is not None and call.path == "/" and wants_page(call):
            return Answer(302, {"location": "/phone/"})
        answer = self._answer(call)
        if answer.then:
            task = asyncio.create_task(self._push(answer.then))
            self._pushing.add(task)
            task.add_done_callback(self._pushing.discard)
        return answer

    def _answer(self, call: Call) -> Answer:
        match call.path:
            case "/":
                return Answer(headers={"content-type": "text/plain; charset=utf-8"}, body=self._help(call).encode())
            case "/haoma.toml":
                return self._config(call)
            case "/device/scenes":
                scenes = self._stage.scenes()
                return _json(200, [_scene(name, scene) for name, scene in scenes])
            case "/device/sms":
                return _json(200, self._stage.messages.delivered(call.query.get("number", "")))
            case "/device/calls":
                return _json(200, self._stage.calls())
        return self._stage.answer(call) or _json(404, {"error": f"nothing at {call.path}", "see": "/"})

    def _config(self, call: Call) -> Answer:
        listen, sms = call.query.get("listen", SERVICE), call.query.get("sms", "")
        if parse_listen(listen) is None:
            return _json(400, {"error": "listen", "needed": "HOST:PORT"})
        if sms and sms not in PROVIDERS:
            return _json(400, {"error": "sms", "needed": " | ".join(PROVIDERS)})
        toml = self._stage.settings_toml(self._base(call), listen, sms=sms)
        return Answer(headers={"content-type": "application/toml; charset=utf-8"}, body=toml.encode())

    def _help(self, call: Call) -> str:
        names, base = list(self._stage.mirrors), self._base(call)
        return "\n".join(
            (
                f"haoma simulate: {', '.join(names)}",
                "",
                *(text("simulator", "help", lang) + "\n" for lang in LANGUAGES),
                f"curl -s {base}/haoma.toml > haoma.toml && haoma serve --config haoma.toml",
                f'curl -s {base}/device/{names[0]}/tap -d \'{{"scene": "ok"}}\'',
                "",
            )
        )

    async def _tap(self, platform: str, call: Call) -> Answer:
        if call.method != "POST":
            return _json(405, {"error": "POST it"})
        try:
            request = msgspec.json.decode(call.body, type=_TapRequest)
            if refused := self._refused_service(request.service):
                return refused
            person = Person(request.user, request.developer_user, request.number)
            ages = Ages(request.login_age, request.tap_age)
            tap = self._stage.tap(platform, request.scene, allow=request.allow, person=person, ages=ages)
        except msgspec.MsgspecError as error:
            return _json(400, {"error": str(error), "needed": {"scene": "ok", "allow": True}})
        except UnknownScene as error:
            return _json(404, {"error": str(error), "see": "/device/scenes"})
        self._stage.service = request.service or self._stage.service
        return _json(200, _shown(tap, await self._push(tap.pushes)))

    async def _withdraw(self, platform: str, call: Call) -> Answer:
        if call.method != "POST":
            return _json(405, {"error": "POST it"})
        try:
            request = msgspec.json.decode(call.body, type=_WithdrawRequest)
            if refused := self._refused_service(request.service):
                return refused
            pushes = self._stage.withdraw(platform, request.app, request.user, account=request.account)
        except msgspec.MsgspecError as error:
            return _json(400, {"error": str(error), "needed": {"app": "NAME", "user": {"openid": "…"}}})
        except UnknownScene as error:
            return _json(404, {"error": str(error)})
        self._stage.service = request.service or self._stage.service
        return _json(200, {"pushes": msgspec.to_builtins(await self._push(pushes))})

    def _refused_service(self, service: str) -> Answer | None:
        if service and not ORIGIN.fullmatch(service):
            return _json(400, {"error": "service", "needed": "http://HOST:PORT"})
        if service and not self._may_push_to(service):
            return _json(403, {"error": "service", "needed": "an address of this machine, or --service"})
        return None

    async def _push(self, pushes: tuple[Push, ...]) -> list[Delivery]:
        """Deliver pushes one by one, in threads, because the service calls the simulator while it handles a push."""
        return [await asyncio.to_thread(deliver, self._stage.service, push) for push in pushes]

    def _refused(self, call: Call) -> Answer | None:
        """Refuse requests of other web pages."""
        host, origin = call.headers.get("host", ""), call.headers.get("origin")
        if host and not self._is_ours(host):
            return _json(421, {"error": "host", "needed": "the address on which the simulator listens"})
        if call.method in _READS:
            return None
        if call.headers.get("sec-fetch-site", "none") not in _OF_NO_PAGE or (
            origin is not None and origin.partition("://")[2] != host
        ):
            return _json(403, {"error": "origin", "needed": "a request of no other web page"})
        kind = call.headers.get("content-type", "").lower()
        if call.path.startswith("/device/") and kind.startswith(_OF_FORMS):  # any page may post these without asking
            return _json(415, {"error": "content-type", "needed": "application/json"})
        return None

    def _is_ours(self, host: str) -> bool:
        """Return whether a request is meant for the simulator: by an address, or by a name that no site can have."""
        found = _HOST.fullmatch(host)
        name = found[1].strip("[]").lower() if found else ""
        if name == self._host or is_loopback(name):
            return True
        return not is_loopback(self._host) and bool(name) and (_is_address(name) or "." not in name)

    def _may_push_to(self, service: str) -> bool:
        found = ORIGIN.fullmatch(service)
        here = found is not None and is_loopback(self._host) and is_loopback(found[1].strip("[]").lower())
        return here or service == self._service

    def _base(self, call: Call) -> str:
        """Return the address that the caller used. Another container uses another name."""
        host = call.headers.get("host", "")
        return f"http://{host}" if host else self.url


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, whatever DNS says."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _scene(platform: str, scene: Scene) -> dict[str, object]:
    lines = {lang: scene.line(platform, lang) for lang in LANGUAGES}
    return {"platform": platform, "name": scene.name, **lines, "expect": scene.expect, "app": scene.app}


def _shown(tap: Tap, deliveries: list[Delivery]) -> dict[str, object]:
    """Return a tap with the results of its pushes in place of the pushes."""
    shown: dict[str, object] = msgspec.to_builtins(replace(tap, pushes=()))
    return {**shown, "pushes": msgspec.to_builtins(deliveries)}


def _json(status: int, body: Any) -> Answer:
    headers = {"content-type": "application/json; charset=utf-8"}
    return Answer(status, headers, msgspec.json.encode(body) + b"\n")
