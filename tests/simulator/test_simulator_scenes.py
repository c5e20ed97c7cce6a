"""Every scene of every mirror, over real HTTP, ends as it says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from haoma.authorize import authorize, take_push
from haoma.errors import AlreadyUsed, CannotOpen, HaomaError, OutcomeUnknown
from haoma.io import blocking, clock
from haoma.io.http import Http, Limits
from haoma.io.memory import Memory
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Scene, Tap
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.simulator import Simulator
from haoma.simulator.stage import Stage
from haoma.verified import CheckName, VerifiedPhone

SCENES = list(Stage().scenes())
UNMATCHED = {"alipay", "douyin"}  # what they give does not say whose number it is


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def apps(simulator: Simulator) -> dict[str, App]:
    configured = {}
    for name, values in tomllib.loads(simulator.settings_toml())["apps"].items():
        table = Table(name, values, now=clock.now(), allow_insecure_upstreams=True)
        app = PLATFORMS[values["platform"]].configure(table)
        assert table.faults == []
        assert app is not None
        configured[name] = app
    return configured


@pytest.fixture(scope="module")
def patient() -> Http:
    return Http(allow_insecure_upstreams=True)


@pytest.fixture(scope="module")
def hurried() -> Http:
    return Http(Limits(read=0.3, total=2.0), allow_insecure_upstreams=True)


@pytest.fixture
def world(request: pytest.FixtureRequest, patient: Http, hurried: Http) -> blocking.World:
    # A platform that says nothing is waited for briefly; no other one may be called silent on a busy machine.
    scene: Scene | None = getattr(request.node, "callspec", None) and request.node.callspec.params.get("scene")
    outside = scene is not None and scene.expect.startswith("outside.")
    return blocking.World(hurried if outside else patient, Memory())


def play(apps: dict[str, App], world: blocking.World, tap: Tap, caller: str = "") -> VerifiedPhone:
    assert tap.body is not None
    for push in tap.pushes:
        with suppress(CannotOpen):  # some must not be believed
            blocking.run(take_push(apps[push.app], push.query, push.body, now=clock.now()), world)
    return blocking.run(authorize(apps[tap.app], tap.body, now=clock.now(), caller=caller), world)


@pytest.mark.parametrize(("platform", "scene"), SCENES, ids=[f"{name}-{scene.name}" for name, scene in SCENES])
def test_scene_ends_as_it_says(
    simulator: Simulator, apps: dict[str, App], world: blocking.World, platform: str, scene: Scene
) -> None:
    """The outcome of a scene is its ``expect``, and a success gives the number that the device knows."""
    tap = simulator.tap(platform, scene.name)
    assert (tap.scene, tap.app, tap.expect) == (scene.name, scene.app, scene.expect)
    assert bool(tap.phone_number) == (scene.expect == "ok")
    if tap.phone_number:
        assert play(apps, world, tap).e164 == tap.phone_number
        return
    with pytest.raises(HaomaError) as caught:
        play(apps, world, tap)
    assert caught.value.code == scene.expect
    assert caught.value.explain("zh").remedy
    assert caught.value.explain("en").remedy


@pytest.mark.parametrize("platform", PLATFORMS)
def test_any_scene_can_be_denied(
    simulator: Simulator, apps: dict[str, App], world: blocking.World, platform: str
) -> None:
    """A tap on deny is a refusal by the user, whatever the scene."""
    tap = simulator.tap(platform, "ok", allow=False)
    assert tap.expect == "envelope.user-declined"
    with pytest.raises(HaomaError) as caught:
        play(apps, world, tap)
    assert caught.value.code == "envelope.user-declined"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_login_that_is_sent_along_is_bound(
    simulator: Simulator, apps: dict[str, App], world: blocking.World, platform: str
) -> None:
    """With a login code the result names the subject, and proves the login binding where the platform matches them."""
    phone = play(apps, world, simulator.tap(platform, "ok"))
    assert phone.proves(CheckName.LOGIN_BINDING) == (platform not in UNMATCHED)
    assert phone.subject is not None
    assert phone.subject.openid


def test_without_login_nothing_is_bound(simulator: Simulator, apps: dict[str, App], world: blocking.World) -> None:
    """An Alipay envelope alone opens, but the result says that it is not bound, and nobody is called."""
    before = simulator.calls
    phone = play(apps, world, simulator.tap("alipay", "without-login"))
    assert phone.subject is None
    assert not phone.proves(CheckName.LOGIN_BINDING)
    assert simulator.calls == before


@pytest.mark.parametrize(
    ("platform", "path"), [("wechat", "/wxa/business/getuserphonenumber"), ("alipay", "/gateway.do")]
)
def test_forty_at_once_are_one_call(
    simulator: Simulator, apps: dict[str, App], world: blocking.World, platform: str, path: str
) -> None:
    """The same authorization forty times at once costs one call, and all forty get the same number."""
    tap = simulator.tap(platform, "ok")
    before = simulator.calls[platform].get(path, 0)
    with ThreadPoolExecutor(40) as pool:
        phones = list(pool.map(lambda _: play(apps, world, tap), range(40)))
    assert {phone.e164 for phone in phones} == {tap.phone_number}
    assert simulator.calls[platform][path] == before + 1
    with pytest.raises(AlreadyUsed):
        play(apps, world, tap, caller="somebody else")


def test_many_users_do_not_mix(simulator: Simulator, apps: dict[str, App], world: blocking.World) -> None:
    """Sixty different users at once each get their own number."""
    taps = [simulator.tap(platform, "ok") for platform in PLATFORMS for _ in range(30)]
    with ThreadPoolExecutor(16) as pool:
        phones = list(pool.map(lambda tap: play(apps, world, tap), taps))
    assert [phone.e164 for phone in phones] == [tap.phone_number for tap in taps]


def test_the_reset_is_real(simulator: Simulator, apps: dict[str, App], world: blocking.World) -> None:
    """After the reset the login code is used up at the platform, so a second try stays unknown or is refused."""
    tap = simulator.tap("alipay", "login-reset")
    with pytest.raises(OutcomeUnknown):
        play(apps, world, tap)
    with pytest.raises(HaomaError) as caught:
        play(apps, blocking.World(world.http, Memory()), tap)
    assert caught.value.code == "platform.login-code-rejected"


def test_a_mirror_is_not_swayed_by_another(simulator: Simulator) -> None:
    """Scenes have names that are unique within a platform, a line in each language, and an app that is configured."""
    configured = tomllib.loads(simulator.settings_toml())["apps"]
    for platform, mirror in simulator.stage.mirrors.items():
        names = [scene.name for scene in mirror.scenes]
        assert len(set(names)) == len(names)
        for scene in mirror.scenes:
            assert scene.line(platform, "zh") != scene.line(platform, "en")
            assert configured[scene.app]["platform"] == platform
