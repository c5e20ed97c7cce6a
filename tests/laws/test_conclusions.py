"""Each authorization that is begun is concluded, once: whatever the platform, whatever comes of it, whoever dies of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from haoma import authorization
from haoma.authorize import authorize, log_in
from haoma.errors import AlreadyUsed, ConnectionLost, HaomaError, Spent, StoreUnavailable, TimedOut
from haoma.io.answers import Held, Waiting
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.platforms.base.contract import App, Login
from haoma.platforms.registry import PLATFORMS
from haoma.steps import Conclude, Consent, Count, Flow, Mint, Notice, Reserve, Reserved, ReturnTry, Send, Settle, Step
from haoma.verified import VerifiedPhone
from support.stage import Stage

pytest_plugins = ["support.stage_fixtures"]
CONSENT = {"policy": "2026-01", "scene": "checkout"}


class Witness:
    """A memory, and all that it was asked.

    Attributes:
        now: Its clock.
        may_wait: Whether there is anybody to wait for; else a test would wait for ever.
        full: Whether no outcome can be recorded.
        asked: The steps, with their answers.
    """

    shared = False

    def __init__(self) -> None:
        self.now = 1000.0
        self.may_wait = False
        self.full = False
        self.asked: list[tuple[Step[Any], object]] = []
        self.memory = Memory(now=lambda: self.now, wall=lambda: self.now)

    def answer(self, step: Step[Any], held: list[Held]) -> object:
        if self.full and isinstance(step, Conclude):
            self.asked.append((step, None))
            raise StoreUnavailable
        answer = self.memory.answer(step, held)
        self.asked.append((step, answer))
        assert self.may_wait or not isinstance(answer, Waiting)
        assert len(self.asked) < 500, "it goes round in circles"
        return answer

    def let_go(self, held: Held, failure: HaomaError | None = None) -> None:
        self.memory.let_go(held, failure)

    def concluded(self) -> list[Conclude]:
        """Return the concluding steps; check that nothing but what was lent is given back after one."""
        steps = [step for step, _ in self.asked]
        found = [step for step in steps if isinstance(step, Conclude)]
        if found:
            assert all(isinstance(step, ReturnTry) for step in steps[steps.index(found[0]) + 1 :])
        return found

    def reserved(self) -> list[Reserved]:
        return [answer for _, answer in self.asked if isinstance(answer, Reserved)]


@pytest.fixture
def witness(stage: Stage) -> Witness:
    stage.forget()
    witness = Witness()
    stage.world = World(stage, witness)  # type: ignore[arg-type]
    return witness


def _outcome(stage: Stage, app: str, body: Any, caller: str = "") -> VerifiedPhone | HaomaError:
    try:
        return stage.authorize(app, body, caller)
    except HaomaError as error:
        return error


def _is_read(app: App, body: Any) -> bool:
    """Tell whether a body gets past its readers."""
    platform = PLATFORMS[app.platform]
    try:
        platform.read(app, authorization.read(body, platform.phone_code))
    except HaomaError:
        return False
    return True


def _check(witness: Witness, app: App, outcome: object) -> None:
    """Check the one concluding step of an authorization."""
    (conclude,) = witness.concluded()
    assert conclude.app == app.scope
    assert conclude.consent == Consent(CONSENT["policy"], CONSENT["scene"])
    reserved = witness.reserved()
    assert conclude.ref == (reserved[0].ref if reserved else None)
    # A platform may reserve another value of the same authorization; of that it is only said whether it is used.
    settled = [step.ref for step, _ in witness.asked if isinstance(step, Settle)]
    assert settled == [each.ref for each in reserved[1:]]
    if isinstance(outcome, VerifiedPhone):
        assert conclude.outcome == outcome
        return
    assert isinstance(outcome, HaomaError)
    assert isinstance(conclude.outcome, HaomaError)
    assert vars(conclude.outcome) == vars(outcome)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_scene_is_concluded_once(stage: Stage, witness: Witness, platform: str) -> None:
    """All ways, successes and refusals; what is not even read is not begun, what is repeated or another's neither."""
    checks = set()
    begun = 0
    for scene in stage.mirrors[platform].scenes:
        tap = stage.tap(platform, scene.name)
        app = stage.apps[tap.app]
        if tap.body is None:
            continue
        body = {**tap.body, "consent": CONSENT}
        witness.asked.clear()
        outcome = _outcome(stage, tap.app, body)
        if not _is_read(app, body):
            assert not witness.concluded(), scene.name
            continue
        begun += 1
        _check(witness, app, outcome)
        one_time = bool(witness.reserved())
        used = isinstance(outcome, VerifiedPhone) or outcome.spent is Spent.YES
        if isinstance(outcome, VerifiedPhone):
            checks.add(outcome.checks)
        if one_time and used:
            witness.asked.clear()
            again = _outcome(stage, tap.app, body)
            assert isinstance(again, VerifiedPhone) is isinstance(outcome, VerifiedPhone)
            assert type(_outcome(stage, tap.app, body, "another caller")) is AlreadyUsed
            assert not witness.concluded(), scene.name
    assert begun > 5
    assert checks <= {way.checks for way in PLATFORMS[platform].methods}


def test_alipay_without_a_login_is_concluded_each_time(stage: Stage, witness: Witness) -> None:
    """Nothing in it can be used once, so it is begun anew, and concluded anew."""
    tap = stage.tap("alipay", "without-login")
    for _ in range(2):
        witness.asked.clear()
        outcome = _outcome(stage, tap.app, {**(tap.body or {}), "consent": CONSENT})
        assert not any(isinstance(step, Reserve) for step, _ in witness.asked)
        _check(witness, stage.apps[tap.app], outcome)


def test_without_consent_there_is_none(stage: Stage, witness: Witness) -> None:
    """What was not sent is not made up."""
    tap = stage.tap("wechat", "ok")
    _outcome(stage, tap.app, tap.body)
    assert [step.consent for step in witness.concluded()] == [None]


class Broken:
    """A network that breaks at one request."""

    def __init__(self, stage: Stage, error: HaomaError, at: int) -> None:
        self.left, self.error, self.stage = at, error, stage

    def send(self, step: Send) -> Any:
        self.left -= 1
        reply = self.stage.send(step)
        if self.left == -1:
            raise self.error
        return reply


def _good(stage: Stage, platform: str) -> list[str]:
    """Return scenes that end well: one for each way of the platform that has one."""
    seen: dict[Any, str] = {}
    for scene in stage.mirrors[platform].scenes:
        if scene.expect == "ok":
            tap = stage.tap(platform, scene.name)
            seen.setdefault((tap.app, frozenset(tap.body or ())), scene.name)
    return list(seen.values())


@contextmanager
def _network(stage: Stage, network: Any) -> Iterator[None]:
    before = stage.world
    stage.world = World(network, before.answers)
    yield
    stage.world = before


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_breaks_on_the_way_is_concluded_once(stage: Stage, witness: Witness, platform: str) -> None:
    """The network fails at each request in turn, after what was sent was acted upon."""
    broken = 0
    for scene in _good(stage, platform):
        for at in range(20):
            tap = stage.tap(platform, scene)
            witness.asked.clear()
            error = (ConnectionLost, TimedOut)[at % 2]()
            network = Broken(stage, error, at)
            with _network(stage, network):
                outcome = _outcome(stage, tap.app, {**(tap.body or {}), "consent": CONSENT})
            _check(witness, stage.apps[tap.app], outcome)
            if network.left >= 0:
                break
            broken += 1
    assert broken >= 1


# --- killed ---


def _run_until(stage: Stage, app: App, body: Any, stop: int) -> int:
    """Run an authorization by hand, and leave it after so many steps, as a process that is killed: nobody is told.

    Returns the steps that there were.
    """
    flow = authorize(app, body, now=stage.now)
    step, answer, refusal, held = flow.send(None), None, None, []  # type: ignore[var-annotated]
    for done in range(1, stop + 1):
        try:
            if isinstance(step, Notice | Count):
                answer = None
            else:
                answer = stage.send(step) if isinstance(step, Send) else stage.world.answers.answer(step, held)
        except HaomaError as error:
            refusal = error
        if isinstance(answer, Waiting):
            return -done
        if done == stop:
            break
        try:
            step = flow.send(answer) if refusal is None else flow.throw(refusal)
        except StopIteration:
            return done
        answer = refusal = None
    return stop


@pytest.mark.parametrize("platform", PLATFORMS)
def test_whoever_is_killed_holds_nothing_for_long(stage: Stage, witness: Witness, platform: str) -> None:
    """After any of its steps. The same request waits, until the time of the first is up; then it has an end of its own."""
    for scene in _good(stage, platform):
        ends = set()
        for stop in range(1, 100):
            tap = stage.tap(platform, scene)
            app, body = stage.apps[tap.app], tap.body or {}
            witness.asked.clear()
            steps = _run_until(stage, app, body, stop)
            holds = bool(witness.reserved()) and not witness.concluded()
            if steps == stop and holds:
                witness.may_wait = True
                assert _run_until(stage, app, body, 100) < 0, "it does not wait"
                witness.may_wait = False
            witness.now += 60
            witness.asked.clear()
            outcome = _outcome(stage, tap.app, body)  # and nobody waits in here
            ends.add(type(outcome).__name__)
            if holds:
                assert witness.reserved()[0].after_unknown
                assert len(witness.concluded()) == 1
            if steps < stop:
                break
        assert "VerifiedPhone" in ends, scene
        assert stop > 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_cannot_be_recorded_is_given_to_nobody(stage: Stage, witness: Witness, platform: str) -> None:
    """Nobody else may be given the number either, so a code that was good is used up as far as anybody knows."""
    witness.full = True
    found = set()
    for scene in stage.mirrors[platform].scenes:
        tap = stage.tap(platform, scene.name)
        witness.asked.clear()
        outcome = _outcome(stage, tap.app, tap.body) if tap.body else None
        for conclude in witness.concluded():
            assert isinstance(outcome, StoreUnavailable)
            lost = conclude.ref is not None and isinstance(conclude.outcome, VerifiedPhone)
            assert outcome.spent is (Spent.UNKNOWN if lost else Spent.NO), scene.name
            found.add(lost)
    assert found == {True, False}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_user_who_is_not_admitted_sends_no_code(stage: Stage, witness: Witness, platform: str) -> None:
    """Who is logged in is asked about once, before the code is sent, and before there is a session."""
    admitted: list[Login] = []
    refuses = False

    def admit(login: Login) -> Flow[None]:
        yield from ()
        admitted.append(login)
        if refuses:
            raise TimedOut

    for scene in stage.mirrors[platform].scenes:
        admitted.clear()
        refuses = False
        tap = stage.tap(platform, scene.name)
        if scene.expect != "ok" or tap.body is None:
            continue
        app, logs_in = stage.apps[tap.app], "login_code" in tap.body
        run(authorize(app, tap.body, now=stage.now, admit=admit), stage.world)
        assert [login.app for login in admitted] == [app.name] * logs_in, scene.name
        refuses, body = True, stage.tap(platform, scene.name).body
        assert body is not None
        if not logs_in:
            continue
        with pytest.raises(TimedOut):
            run(authorize(app, body, now=stage.now, admit=admit), stage.world)
        another = stage.tap(platform, scene.name).body
        assert another is not None
        witness.asked.clear()
        with pytest.raises(TimedOut):
            run(log_in(app, {"login_code": another["login_code"]}, now=stage.now, admit=admit), stage.world)
        assert not [step for step, _ in witness.asked if isinstance(step, Mint)]
