"""The other side: each scene ends as it says."""

from __future__ import annotations

import random

import pytest

from haoma.authorize import log_in
from haoma.errors import HaomaError
from haoma.platforms.base.mirroring import Call, Mirror, Scene, Tap
from haoma.platforms.base.table import Table
from haoma.platforms.xiaohongshu import XIAOHONGSHU
from haoma.platforms.xiaohongshu.app import XiaohongshuApp
from haoma.platforms.xiaohongshu.mirror import SCENES, XiaohongshuMirror
from support.wire import NOW, Bench

URL = "https://platform.test"


@pytest.fixture
def mirror() -> XiaohongshuMirror:
    """A new Xiaohongshu."""
    return XiaohongshuMirror(random.Random(1).randbytes)


def _app(mirror: XiaohongshuMirror, name: str) -> XiaohongshuApp:
    table = Table(name, mirror.settings(URL)[name], now=NOW)
    app = XIAOHONGSHU.configure(table)
    assert app is not None
    assert not table.faults
    return app


def _outcome(bench: Bench, mirror: XiaohongshuMirror, tap: Tap) -> str:
    try:
        phone = bench.find(_app(mirror, tap.app), tap.body)
    except HaomaError as error:
        return error.code
    assert phone.e164 == tap.phone_number
    return "ok"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_ends_as_it_says(mirror: XiaohongshuMirror, scene: Scene) -> None:
    """Twice in a row on one process, and with a user who denies in between."""
    bench = Bench(mirror)
    for allow in (True, False, True):
        tap = mirror.tap(scene.name, allow=allow, now=NOW)
        assert tap.expect == (scene.expect if allow else "envelope.user-declined")
        assert _outcome(bench, mirror, tap) == tap.expect


def test_scenes_have_different_names() -> None:
    """No two scenes have one name."""
    assert len({scene.name for scene in SCENES}) == len(SCENES)


def test_it_is_a_mirror(mirror: XiaohongshuMirror) -> None:
    """It fits the protocol that the simulator drives, and knows no foreign address."""
    fits: Mirror = mirror
    assert fits.answer(Call("GET", "/gateway.do", {}, {}, b""), NOW) is None
    with pytest.raises(KeyError):
        fits.tap("no-such-scene", allow=True, now=NOW)


def test_a_session_opens_what_comes_later(mirror: XiaohongshuMirror) -> None:
    """Log in first, send the sealed data with the handle later."""
    bench = Bench(mirror)
    tap = mirror.tap("ok", allow=True, now=NOW)
    app = _app(mirror, tap.app)
    assert tap.body is not None
    handle, _login = bench.run(log_in(app, {"login_code": tap.login_code}, now=NOW))
    phone = bench.find(app, {"session": handle, "authorization": tap.body["authorization"]})
    assert phone.e164 == tap.phone_number


def test_the_oracle_learns_nothing(mirror: XiaohongshuMirror) -> None:
    """Two hundred tampered messages under one login: one face, and three decryptions."""
    bench = Bench(mirror)
    tap = mirror.tap("ok", allow=True, now=NOW)
    app = _app(mirror, tap.app)
    assert tap.body is not None
    handle, _login = bench.run(log_in(app, {"login_code": tap.login_code}, now=NOW))
    sealed = tap.body["authorization"]
    faces, tries = set(), 0
    for number in range(200):
        text = sealed["encryptedData"]
        tampered = {**sealed, "encryptedData": f"{number:08d}" + text[8:20] + "AAAA" + text[24:]}
        error = bench.refused(app, {"session": handle, "authorization": tampered})
        faces.add((error.code, str(error), repr(error), error.status, error.step))
        tries += error.diagnosis != "tries"
    assert (len(faces), tries) == (1, 3)
    assert next(iter(faces))[0] == "trust.cannot-open"
