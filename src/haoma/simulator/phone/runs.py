"""What has happened on a phone: one run for each scene that a page plays."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.io.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.errors import HaomaError
    from haoma.platforms.base.mirroring import Person, Scene, Tap, Visit
    from haoma.simulator.pushing import Delivery

_MOST: Final = 200
_SECONDS: Final = 3600.0
_MOST_SENT: Final = 4


@dataclass(slots=True)
class Sent:
    """A request of the page, and its answer.

    Attributes:
        began, ended: Monotonic seconds.
        body: What was forwarded.
        altered: Whether that is what the scene's bad front end sends, and not what the page sent.
        status: HTTP status; 0 if there was no answer.
        answer: The answer's body.
        trouble: Why there was no answer.
        line: The line of the operator's log about it, if it can be read.
    """

    method: str
    path: str
    body: str = field(repr=False)
    altered: bool
    request_id: str
    began: float
    ended: float = 0.0
    status: int = 0
    answer: str = field(default="", repr=False)
    trouble: str = ""
    line: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(slots=True)
class Run:
    """A scene that is played on a page.

    Attributes:
        user: The id of the person, as the page chose it.
        own: Whether the mini program is the developer's own, so that nothing that it sends is changed.
        lives_until: When it is forgotten, by the monotonic clock.
        tapped: When the user tapped, by the monotonic clock.
        moments: When login, tap and request were, by the clock of the platforms; empty until then.
        refused: What the service would make of an event that is no authorization, which a page does not send.
    """

    id: str
    platform: str
    scene: Scene
    user: str
    person: Person = field(repr=False)
    own: bool
    lives_until: float
    allow: bool = True
    visit: Visit | None = field(default=None, repr=False)
    tap: Tap | None = field(default=None, repr=False)
    tapped: float = 0.0
    moments: dict[str, float] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    refused: HaomaError | None = None
    sent: list[Sent] = field(default_factory=list, repr=False)

    def note_tap(
        self, tap: Tap, deliveries: list[Delivery], refused: HaomaError | None, *, allow: bool, now: float
    ) -> None:
        """Note what the platform handed to the page. What was sent before belongs to an earlier attempt."""
        self.tap, self.deliveries, self.refused, self.allow = tap, deliveries, refused, allow
        self.tapped = monotonic()
        self.moments = {"login": self.moments.get("login", now), "tap": now}
        self.sent.clear()

    def note_sent(self, sent: Sent, now: float) -> None:
        """Note a request."""
        self.moments["sent"] = now
        self.sent.append(sent)
        del self.sent[:-_MOST_SENT]


class Runs:
    """The runs of all pages. A page knows its own by an id that cannot be guessed."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Run] = OrderedDict()  # oldest first

    def begin(self, platform: str, scene: Scene, user: str, person: Person, *, own: bool) -> Run:
        """Begin a run. The oldest ones are forgotten, and those that nobody has used for an hour."""
        now = monotonic()
        for old in [each.id for each in self._runs.values() if each.lives_until <= now]:
            del self._runs[old]
        while len(self._runs) >= _MOST:
            self._runs.popitem(last=False)
        run = Run(secrets.token_urlsafe(16), platform, scene, user, person, own, now + _SECONDS)
        self._runs[run.id] = run
        return run

    def find(self, run_id: str) -> Run | None:
        """Return a run, or None if there is none, or no more."""
        run = self._runs.get(run_id)
        now = monotonic()
        if run is None or run.lives_until <= now:
            return None
        run.lives_until = now + _SECONDS
        self._runs.move_to_end(run_id)
        return run


def as_in_the_scene(run: Run, text: str) -> tuple[str, bool]:
    """Return what is sent in this scene, and whether that differs from what the page sent.

    Some scenes are about a mistake of the front end: a login that is not sent along, a value that is damaged on its
    way. The button on the page makes no such mistake, so it is made here.
    """
    tap = run.tap
    if run.own or tap is None or tap.failed or tap.body is None or run.visit is None:
        return text, False
    given = tap.event.values()
    wanted = tap.body["authorization"]
    is_damaged = any(value not in given for value in wanted.values())
    code = tap.body.get("login_code", "")
    is_lost, is_surplus = bool(run.visit.login_code) and not code, bool(code) and not run.visit.login_code
    if not (is_damaged or is_lost or is_surplus):
        return text, False
    try:
        sent = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return text, False
    if "authorization" not in sent:
        return text, False
    changed = dict(sent)
    if is_damaged:
        changed["authorization"] = wanted
    if is_lost:
        changed.pop("login_code", None)
    elif is_surplus:
        changed["login_code"] = code
    return (text, False) if changed == sent else (msgspec.json.encode(changed).decode(), True)
