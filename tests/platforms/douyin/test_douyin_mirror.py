"""The other side: each scene ends as it says, and Douyin's habits are kept."""

from __future__ import annotations

import ast
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import haoma.platforms.douyin.mirror as mirror_module
from haoma.authorize import log_in
from haoma.errors import HaomaError, OutcomeUnknown
from haoma.platforms.base.mirroring import Call, Mirror, Tap
from haoma.platforms.base.table import Table
from haoma.platforms.douyin import DOUYIN
from haoma.platforms.douyin.app import DouyinApp
from haoma.platforms.douyin.mirror import SCENES, DouyinMirror
from support.douyin import LOGIN, PHONE, PLAIN, STABLE, Bench
from support.wire import NOW

URL = "https://open.douyin.com"
MIRROR = DouyinMirror(os.urandom)


@pytest.fixture
def mirror() -> DouyinMirror:
    """A new Douyin, with keys that are made once."""
    fresh = DouyinMirror(os.urandom)
    fresh.__dict__.update(app_key=MIRROR.app_key, another_key=MIRROR.another_key)  # cached properties
    return fresh


@cache
def _app(name: str) -> DouyinApp:
    """Parse the keys once: that takes longer than all the rest."""
    table = Table(name, MIRROR.settings(URL)[name], now=NOW)
    app = DOUYIN.configure(table)
    assert app is not None
    assert not table.faults
    return app


def _outcome(bench: Bench, tap: Tap) -> str:
    try:
        phone = bench.find(_app(tap.app), tap.body)
    except HaomaError as error:
        return error.code
    assert phone.e164 == tap.phone_number
    return "ok"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_ends_as_it_says(scene: Any) -> None:
    """Twice in a row on one process, and with a user who denies in between."""
    bench = Bench(MIRROR)
    for allow in (True, False, True):
        tap = MIRROR.tap(scene.name, allow=allow, now=NOW)
        assert tap.expect == (scene.expect if allow else "envelope.user-declined")
        assert _outcome(bench, tap) == tap.expect


def test_scenes_have_different_names() -> None:
    """No two scenes have one name."""
    assert len({scene.name for scene in SCENES}) == len(SCENES)


def test_it_is_a_mirror(mirror: DouyinMirror) -> None:
    """It fits the protocol that the simulator drives, and knows no foreign address."""
    fits: Mirror = mirror
    assert fits.answer(Call("GET", "/gateway.do", {}, {}, b""), NOW) is None
    with pytest.raises(KeyError):
        fits.tap("no-such-scene", allow=True, now=NOW)


def test_mirror_shares_no_code_with_what_it_tests() -> None:
    """It imports what forges, and nothing of what reads."""
    part = "haoma.platforms.douyin.mirror.refusals"
    folder = Path(mirror_module.__file__).parent
    assert _imports(folder / "__init__.py") == {
        "haoma.crypto.forging",
        "haoma.platforms.base.mirroring",
        part,
    }
    assert _imports(folder / "refusals.py") == {"haoma.platforms.base.mirroring"}


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    modules = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name for name in modules if name.startswith("haoma")}


@pytest.mark.parametrize("scene", ["reset-after-consumed", "slow"])
def test_a_consumed_code_stays_unknown(scene: str) -> None:
    """The first try consumed the code; the refusal of the second is still an unknown outcome."""
    bench = Bench(MIRROR)
    tap = MIRROR.tap(scene, allow=True, now=NOW)
    app = _app(tap.app)
    assert bench.refused(app, tap.body).code == "outside.outcome-unknown"
    again = bench.refused(app, tap.body)
    assert isinstance(again, OutcomeUnknown)
    assert again.platform_code == "28005187"
    assert bench.calls == {LOGIN: 1, STABLE: 1, PHONE: 2}


def test_a_stale_token_costs_one_fetch_and_one_call() -> None:
    """The scene as it is counted at Douyin."""
    bench = Bench(MIRROR)
    _outcome(bench, MIRROR.tap("stale-token", allow=True, now=NOW))
    assert bench.calls == {LOGIN: 1, STABLE: 2, PHONE: 2}


def test_a_session_opens_the_session_key_flow() -> None:
    """Log in first, send the sealed data with the handle later."""
    bench = Bench(MIRROR)
    tap = MIRROR.tap("sealed-ok", allow=True, now=NOW)
    app = _app(tap.app)
    assert tap.body is not None
    handle, _login = bench.run(log_in(app, {"login_code": tap.login_code}, now=NOW))
    phone = bench.find(app, {"session": handle, "authorization": tap.body["authorization"]})
    assert phone.e164 == tap.phone_number


def test_the_oracle_learns_nothing() -> None:
    """Tampered messages under one login, alone and beside a bad code: one face for each, three decryptions for both."""
    bench = Bench(MIRROR)
    tap = MIRROR.tap("sealed-beside-expired-code", allow=True, now=NOW)
    app = _app(tap.app)
    assert tap.body is not None
    handle, _login = bench.run(log_in(app, {"login_code": tap.login_code}, now=NOW))
    event = tap.body["authorization"]
    faces, tries = set(), 0
    for number in range(60):
        changed = {**event, "code": f"bad-code-{number}", "iv": f"{number:021d}A=="}
        if number % 2:
            del changed["code"]
        error = bench.refused(app, {"session": handle, "authorization": changed})
        faces.add((number % 2, str(error), repr(error), error.status, error.step))
        tries += error.diagnosis != "tries"
    assert (len(faces), tries) == (2, 3)


# --- Douyin's habits


def _ask(mirror: DouyinMirror, path: str, body: Any, now: float = NOW, **headers: str) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = mirror.answer(Call("POST", path, {}, headers, raw), now)
    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    found: dict[str, Any] = json.loads(answer.body)
    return found


def _credentials(mirror: DouyinMirror) -> dict[str, str]:
    settings = mirror.settings(URL)["douyin"]
    return {
        "grant_type": "client_credential",
        "client_key": settings["app_id"],
        "client_secret": settings["app_secret"],
    }


def _token(mirror: DouyinMirror, path: str, now: float = NOW) -> str:
    return str(_ask(mirror, path, _credentials(mirror), now)["data"]["access_token"])


def _exchange(mirror: DouyinMirror, token: str, now: float = NOW) -> int:
    code = mirror.tap("ok", allow=True, now=now).event["code"]
    return int(_ask(mirror, PHONE, {"code": code}, now, **{"access-token": token})["err_no"])


def test_a_stable_token_stays_the_same(mirror: DouyinMirror) -> None:
    """The same token for two hours, then another one."""
    first = _token(mirror, STABLE)
    assert _token(mirror, STABLE, NOW + 7199) == first
    assert _token(mirror, STABLE, NOW + 7200) != first


def test_the_newest_two_plain_tokens_live(mirror: DouyinMirror) -> None:
    """The one before lives five minutes more, the one before that is dead; stable tokens are not touched."""
    stable = _token(mirror, STABLE)
    tokens = [_token(mirror, PLAIN) for _ in range(3)]
    assert [_exchange(mirror, token) for token in (*tokens, stable)] == [28001008, 0, 0, 0]
    assert [_exchange(mirror, token, NOW + 300) for token in tokens] == [28001008, 28001008, 0]


def test_err_no_comes_in_both_types(mirror: DouyinMirror) -> None:
    """A number one time, a text the next."""
    seen = [_ask(mirror, LOGIN, {})["err_no"] for _ in range(4)]
    assert seen == [40014, "40014"] * 2


def test_a_code_works_once_and_for_five_minutes(mirror: DouyinMirror) -> None:
    """After that it is refused; a reply is one block for the key in the console."""
    token = {"access-token": _token(mirror, STABLE)}
    code = {"code": mirror.tap("ok", allow=True, now=NOW).event["code"]}
    assert len(_ask(mirror, PHONE, code, NOW + 300, **token)["data"]) == 344
    assert int(_ask(mirror, PHONE, code, NOW + 300, **token)["err_no"]) == 28005187
    late = {"code": mirror.tap("ok", allow=True, now=NOW).event["code"]}
    assert int(_ask(mirror, PHONE, late, NOW + 301, **token)["err_no"]) == 28005187


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        (STABLE, {"client_key": "tt1"}, 10003),
        (STABLE, {"client_secret": "wrong"}, 10013),
        (PLAIN, {"grant_type": "authorization_code"}, 10002),
        (LOGIN, {"code": "x"}, 40015),
        (LOGIN, {}, 40014),
    ],
)
def test_refusals_have_their_codes(mirror: DouyinMirror, path: str, change: dict[str, str], code: int) -> None:
    """Each mistake gets the code that Douyin's pages name."""
    found = _ask(mirror, path, {**_credentials(mirror), **change})
    assert int(found["data"]["error_code"] if path != LOGIN else found["err_no"]) == code


@pytest.mark.parametrize("path", [STABLE, PLAIN, PHONE, LOGIN])
@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"code":5}'])
def test_it_takes_anything(mirror: DouyinMirror, path: str, body: bytes) -> None:
    """Whatever arrives, the answer is a refusal with status 200; and so it is for another method."""
    found = _ask(mirror, path, body)
    assert found.get("err_no") or found["data"]["error_code"]
    assert mirror.answer(Call("GET", path, {}, {}, b""), NOW) is not None
