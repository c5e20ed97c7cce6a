"""Answers the page of the phone, and what it asks for."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import msgspec

from haoma import catalogue
from haoma.authorize import authorize
from haoma.catalogue import Who
from haoma.errors import HaomaError
from haoma.io import aio
from haoma.io.clock import monotonic
from haoma.io.http import AsyncHttp
from haoma.io.memory import Memory
from haoma.platforms.base.mirroring import ANYBODY, Answer, Person
from haoma.settings.reader import from_mapping
from haoma.simulator.beside import ServiceDied
from haoma.simulator.clockwork import MOST_AHEAD
from haoma.simulator.phone.pages import Pages, language
from haoma.simulator.phone.runs import Runs, Sent, as_in_the_scene
from haoma.simulator.phone.service import NoAnswer, forward, may_forward
from haoma.simulator.phone.timeline import outcome, steps_of, timeline
from haoma.simulator.pushing import deliver
from haoma.simulator.stage import UnknownScene
from haoma.words import entries, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.platforms.base.contract import App
    from haoma.platforms.base.mirroring import Call, Mirror, Push, Scene, Tap
    from haoma.simulator.clockwork import Clockwork
    from haoma.simulator.phone.runs import Run
    from haoma.simulator.phone.service import Target
    from haoma.simulator.pushing import Delivery
    from haoma.simulator.stage import Stage

_API: Final = "/phone/api/"
_MOST: Final = 128 * 1024
_SECONDS: Final = 60.0  # a scene in which the platform is silent takes as long as the service waits
_AT_ONCE: Final = 16
_FORWARDED: Final = ("authorization", "content-type", "accept-language")
_RETURNED: Final = ("content-type", "x-request-id", "retry-after", "content-language")
_PEOPLE: Final = {
    "one": Person("one", "one", "13800135544"),
    "two": Person("two", "two", "13800134857"),
    "new": ANYBODY,
}


class _RunRequest(msgspec.Struct, forbid_unknown_fields=True):
    platform: str
    scene: str
    app: str = ""
    user: str = "new"
    own: bool = False


class _TapRequest(msgspec.Struct, forbid_unknown_fields=True):
    allow: bool = True


class _SendRequest(msgspec.Struct, forbid_unknown_fields=True):
    path: Annotated[str, msgspec.Meta(max_length=256)]
    method: Annotated[str, msgspec.Meta(pattern="^(GET|POST)$")] = "POST"
    headers: dict[str, Annotated[str, msgspec.Meta(max_length=1024, pattern=r"^[\x20-\x7e]*$")]] = {}
    body: Annotated[str, msgspec.Meta(max_length=64 * 1024)] = ""


class _ClockRequest(msgspec.Struct, forbid_unknown_fields=True):
    advance: Annotated[float, msgspec.Meta(ge=0, le=MOST_AHEAD)] = 0.0
    reset: bool = False


class _Refused(Exception):
    """The page asked for something that there is not."""

    def __init__(self, status: int, error: str, needed: str = "") -> None:
        super().__init__(error)
        self.answer = _json(status, {"error": error, **({"needed": needed} if needed else {})})


class Phone:
    """The page and its API.

    Args:
        stage: The platforms.
        clock: Their clock.
        target: Returns where the page's requests go; called when that is first needed.
    """

    def __init__(self, stage: Stage, clock: Clockwork, target: Callable[[], Target]) -> None:
        self._stage = stage
        self._clock = clock
        self._choose = target
        self._chosen: Target | None = None
        self._runs = Runs()
        self._pages = Pages()
        self._apps: dict[str, App] = {}
        self._sending = asyncio.Semaphore(_AT_ONCE)
        self._starting: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Stop the service that was started for the page."""
        if self._starting is not None:
            await self._starting
        if self._chosen is not None:
            await self._chosen.stop()

    @property
    def _target(self) -> Target:
        if self._chosen is None:
            self._chosen = self._choose()
        return self._chosen

    async def respond(self, call: Call, base: str) -> Answer | None:
        """Return the answer, or None if the page has no such address. ``base``: the simulator's address."""
        if not call.path.startswith(_API):
            return self._pages.respond(call)
        try:
            return await self._ask(call, base)
        except _Refused as refused:
            return refused.answer
        except msgspec.MsgspecError as error:
            return _json(400, {"error": str(error)})
        except UnknownScene as error:
            return _json(404, {"error": str(error)})
        except ServiceDied as error:
            return _json(503, {"error": "service", "log": str(error)})

    async def _ask(self, call: Call, base: str) -> Answer:
        if call.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise _Refused(403, "origin", "a request of the page itself")
        parts = call.path.removeprefix(_API).split("/")
        if call.method in ("GET", "HEAD"):
            return _json(200, self._tell(parts, base, language(call)))
        if call.method != "POST":
            raise _Refused(405, "method", "GET or POST")
        kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise _Refused(415, "content-type", "application/json")
        if len(call.body) > _MOST:
            raise _Refused(413, "body", f"at most {_MOST} bytes")
        return await self._do(parts, call.body, base)

    def _tell(self, parts: list[str], base: str, lang: str) -> object:
        match parts:
            case ["catalogue"]:
                self._starting = self._starting or asyncio.create_task(self._start())
                return self._catalogue(lang)
            case ["runs", run_id]:
                return timeline(self._run(run_id), self._stage, self._target, base, lang)
        raise _Refused(404, "address")

    async def _do(self, parts: list[str], body: bytes, base: str) -> Answer:
        match parts:
            case ["runs"]:
                return self._begin(msgspec.json.decode(body, type=_RunRequest))
            case ["clock"]:
                return await self._move(msgspec.json.decode(body, type=_ClockRequest))
            case ["runs", run_id, "login"]:
                return self._log_in(self._run(run_id))
            case ["runs", run_id, "tap"]:
                return await self._tap(self._run(run_id), msgspec.json.decode(body, type=_TapRequest), base)
            case ["runs", run_id, "send"]:
                return await self._send(self._run(run_id), msgspec.json.decode(body, type=_SendRequest))
        raise _Refused(404, "address")

    async def _start(self) -> None:
        """Start the service, so that it is there when the user taps. Who needs it learns why it is not."""
        with contextlib.suppress(ServiceDied, OSError):
            await self._target.ready()

    def _run(self, run_id: str) -> Run:
        run = self._runs.find(run_id)
        if run is None:
            raise _Refused(404, "run", "a run that this simulator has begun, not long ago")
        return run

    # --- the catalogue

    def _catalogue(self, lang: str) -> dict[str, Any]:
        return {
            "platforms": [self._platform(mirror, lang) for mirror in self._stage.mirrors.values()],
            "service": {
                "url": self._target.url,
                "own": self._target.own,
                "path": self._target.path,
                "key": self._stage.publishable_key,
                "moves": self._target.own,
            },
            "clock": self._time(),
            "groups": [
                {"name": "good", "title": text("phone", "groups.good", lang)},
                {"name": "user", "title": text("phone", "groups.user", lang)},
                {"name": "yours", "title": text("phone", "groups.yours", lang)},
                {"name": "network", "title": text("phone", "groups.network", lang)},
            ],
        }

    def _platform(self, mirror: Mirror, lang: str) -> dict[str, Any]:
        button = mirror.button
        labels = {
            "one": text("phone", "users.one", lang),
            "two": text("phone", "users.two", lang),
            "new": text("phone", "users.new", lang),
        }
        users = [{"id": name, "label": _labelled(labels[name], person.number)} for name, person in _PEOPLE.items()]
        return {
            "name": mirror.name,
            "title": entries(f"platforms/{mirror.name}")["title"]["zh" if lang == "zh" else "en"],
            "kind": "mini-program" if button.login else "page",
            "button": {"openType": button.open_type, "scope": button.scope, "login": button.login},
            "apps": list(dict.fromkeys(scene.app for scene in mirror.scenes)),
            "users": users,
            "scenes": [_scene(mirror.name, scene, lang) for scene in mirror.scenes],
            "steps": steps_of(mirror.name, lang),
        }

    def _time(self) -> dict[str, float]:
        return {"now": self._clock.now(), "ahead": self._clock.ahead}

    # --- a run

    def _begin(self, asked: _RunRequest) -> Answer:
        scene = self._stage.scene(asked.platform, asked.scene)
        if asked.app and asked.app != scene.app:
            raise _Refused(400, "app", scene.app)
        if asked.user not in _PEOPLE:
            raise _Refused(400, "user", " | ".join(_PEOPLE))
        run = self._runs.begin(asked.platform, scene, asked.user, _PEOPLE[asked.user], own=asked.own)
        return _json(200, {"run": run.id, "app": scene.app})

    def _log_in(self, run: Run) -> Answer:
        run.visit = self._stage.begin(run.platform, run.scene.name, person=run.person)
        run.moments["login"] = self._clock.now()
        return _json(200, {"code": run.visit.login_code})

    async def _tap(self, run: Run, asked: _TapRequest, base: str) -> Answer:
        visit = run.visit
        if visit is None:
            self._log_in(run)
            visit = run.visit
        assert visit is not None  # noqa: S101 - `_log_in` has made it
        await self._target.ready()
        tap = self._stage.end(run.platform, visit, allow=asked.allow)
        refused = await self._refusal(tap, base) if tap.failed else None
        run.note_tap(tap, await self._push(tap.pushes), refused, allow=asked.allow, now=self._clock.now())
        body = {} if self._stage.mirrors[run.platform].button.login else {"body": tap.body}
        pushes = msgspec.to_builtins(run.deliveries)
        return _json(200, {"event": tap.event, "failed": tap.failed, "pushes": pushes, **body})

    async def _refusal(self, tap: Tap, base: str) -> HaomaError | None:
        """Return what haoma makes of an event that is no authorization. It refuses that without a request."""
        if not self._apps:
            settings = await asyncio.to_thread(from_mapping, self._stage.settings(base))
            self._apps = dict(settings.apps)
        world = aio.World(AsyncHttp(), Memory())
        event = {"authorization": (tap.body or {}).get("authorization")}  # without the login, which would be used up
        try:
            await aio.run(authorize(self._apps[tap.app], event, now=self._clock.now()), world)
        except HaomaError as error:
            return error.again()
        return None

    async def _push(self, pushes: tuple[Push, ...]) -> list[Delivery]:
        if not pushes:
            return []
        self._stage.service = self._target.url
        return [await asyncio.to_thread(deliver, self._target.url, push) for push in pushes]

    async def _send(self, run: Run, asked: _SendRequest) -> Answer:
        if not may_forward(asked.path, self._target):
            raise _Refused(403, "path", "a path below /v1/, or that of the command line")
        if run.tap is None and run.visit is None:
            raise _Refused(409, "run", "a login or a tap before a request")
        await self._target.ready()
        body, altered = as_in_the_scene(run, asked.body)
        request_id = f"phone-{secrets.token_hex(8).translate(_LETTERS)}"
        sent = Sent(asked.method, asked.path, body, altered, request_id, monotonic())
        run.note_sent(sent, self._clock.now())
        names = {name.lower(): value for name, value in asked.headers.items()}
        headers = {name: names[name] for name in _FORWARDED if name in names} | {"x-request-id": request_id}
        returned: dict[str, str] = {}
        async with self._sending:
            try:
                content = body.encode("utf-8")
                sent.status, returned, answer = await forward(
                    self._target.url, asked.method, quote(asked.path), headers, content, _SECONDS
                )
                sent.answer = answer.decode("utf-8", "replace")
            except NoAnswer as error:
                sent.trouble = str(error)
            ended = monotonic()
            sent.line = await self._target.line(request_id)
            sent.ended = ended  # not before its line is there, or a page would show an outcome without it
        shown = {name: value for name, value in returned.items() if name in _RETURNED}
        answered = {"status": sent.status, "headers": shown, "body": sent.answer}
        trouble = {"error": sent.trouble} if sent.trouble else {}
        return _json(200, {**answered, **trouble, "ms": round((sent.ended - sent.began) * 1000)})

    async def _move(self, asked: _ClockRequest) -> Answer:
        if asked.reset:
            self._clock.reset()
        self._clock.advance(asked.advance)
        await self._target.move(self._clock.ahead)
        return _json(200, self._time())


_LETTERS: Final = str.maketrans("0123456789", "ghijkmnpqr")  # no digits: an id must not look like a phone number


_NATIVE: Final = re.compile(r"err(?:code|no)-(-?\d+)-([a-z]+)")
"""Scenes that are named for the platform's number and the call: both may say who has to act."""


def _scene(platform: str, scene: Scene, lang: str) -> dict[str, Any]:
    native = _NATIVE.fullmatch(scene.name)
    number, place = native.groups() if native else ("", "")
    who = catalogue.words(scene.expect, platform=platform, native=number, place=place).who
    shown = outcome(scene.expect, who)
    groups = {Who.USER: "user", Who.DEVELOPER: "yours", Who.PLATFORM: "network", Who.NOBODY: "network"}
    group = {"ok": "good", "unk": "network"}.get(shown, groups[who])
    return {
        "name": scene.name,
        "line": scene.line(platform, lang),
        "group": group,
        "outcome": shown,
        "app": scene.app,
        "expect": scene.expect,
        "who": "" if shown == "ok" else str(who),
    }


def _labelled(label: str, number: str) -> str:
    return f"{label} · {number[:3]}****{number[-4:]}" if number else label


def _json(status: int, body: Any) -> Answer:
    headers = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"}
    return Answer(status, headers | HEADERS, msgspec.json.encode(body) + b"\n")


HEADERS: Final = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
