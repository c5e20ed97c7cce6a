"""The other side: each scene ends as it says, and WeChat's habits are kept."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest

from haoma.authorize import log_in, take_push
from haoma.errors import CannotOpen, HaomaError, OutcomeUnknown
from haoma.platforms.base.mirroring import Answer, Call, Mirror, Tap
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.platforms.wechat.mirror.scenes import SCENES
from support.wechat import LOGIN, NOW, PHONE, PLAIN, STABLE, Bench

URL = "https://api.weixin.qq.com"


@pytest.fixture
def mirror() -> WeChatMirror:
    """A new WeChat."""
    return WeChatMirror(random.Random(1).randbytes)


def _app(mirror: WeChatMirror, name: str) -> WeChatApp:
    table = Table(name, mirror.settings(URL)[name], now=NOW)
    app = WECHAT.configure(table)
    assert app is not None
    assert not table.faults
    return app


def _outcome(bench: Bench, mirror: WeChatMirror, tap: Tap) -> str:
    for push in tap.pushes:
        with suppress(CannotOpen):
            bench.run(take_push(_app(mirror, push.app), push.query, push.body, now=NOW))
    try:
        phone = bench.find(_app(mirror, tap.app), tap.body)
    except HaomaError as error:
        return error.code
    assert phone.e164 == tap.phone_number
    return "ok"


@pytest.mark.parametrize("scene", [scene.name for scene in SCENES])
def test_a_scene_ends_as_it_says(mirror: WeChatMirror, scene: str) -> None:
    """Twice in a row on one process, and with a user who denies in between."""
    bench = Bench(mirror)
    for allow in (True, False, True):
        tap = mirror.tap(scene, allow=allow, now=NOW)
        assert _outcome(bench, mirror, tap) == tap.expect
        assert tap.expect == (
            "envelope.user-declined" if not allow else {each.name: each for each in SCENES}[scene].expect
        )


def test_scenes_have_different_names() -> None:
    """No two scenes have one name."""
    assert len({scene.name for scene in SCENES}) == len(SCENES)


def test_it_is_a_mirror(mirror: WeChatMirror) -> None:
    """It fits the protocol that the simulator drives, and knows no foreign address."""
    fits: Mirror = mirror
    assert fits.answer(Call("GET", "/gateway.do", {}, {}, b""), NOW) is None
    with pytest.raises(KeyError):
        fits.tap("no-such-scene", allow=True, now=NOW)


@pytest.mark.parametrize("scene", ["reset-after-consumed", "slow"])
def test_a_consumed_code_stays_unknown(mirror: WeChatMirror, scene: str) -> None:
    """The first try consumed the code; the 40029 of the second is still an unknown outcome."""
    bench = Bench(mirror)
    tap = mirror.tap(scene, allow=True, now=NOW)
    app = _app(mirror, tap.app)
    assert bench.refused(app, tap.body).code == "outside.outcome-unknown"
    again = bench.refused(app, tap.body)
    assert isinstance(again, OutcomeUnknown)
    assert again.platform_code == "40029"
    assert bench.calls == {LOGIN: 1, STABLE: 1, PHONE: 2}


def test_a_stale_token_costs_one_fetch_and_one_call(mirror: WeChatMirror) -> None:
    """The scene as it is counted at WeChat."""
    bench = Bench(mirror)
    _outcome(bench, mirror, mirror.tap("stale-token", allow=True, now=NOW))
    assert bench.calls == {LOGIN: 1, STABLE: 2, PHONE: 2}


def test_a_session_opens_the_session_key_flow(mirror: WeChatMirror) -> None:
    """Log in first, send the sealed data with the handle later."""
    bench = Bench(mirror)
    tap = mirror.tap("sealed-ok", allow=True, now=NOW)
    app = _app(mirror, tap.app)
    assert tap.body is not None
    handle, _login = bench.run(log_in(app, {"login_code": tap.login_code}, now=NOW))
    phone = bench.find(app, {"session": handle, "authorization": tap.body["authorization"]})
    assert phone.e164 == tap.phone_number


def test_the_oracle_learns_nothing(mirror: WeChatMirror) -> None:
    """Two hundred tampered messages under one login: one face, and three decryptions."""
    bench = Bench(mirror)
    tap = mirror.tap("sealed-ok", allow=True, now=NOW)
    app = _app(mirror, tap.app)
    assert tap.body is not None
    handle, _login = bench.run(log_in(app, {"login_code": tap.login_code}, now=NOW))
    sealed = tap.body["authorization"]
    faces, tries = set(), 0
    for number in range(200):
        iv = f"{number:022d}=="
        error = bench.refused(app, {"session": handle, "authorization": {**sealed, "iv": iv[:21] + "A=="}})
        faces.add((str(error), repr(error), error.status, error.step))
        tries += error.diagnosis != "tries"
    assert (len(faces), tries) == (1, 3)


# --- WeChat's habits


def _ask(mirror: WeChatMirror, method: str, path: str, now: float = NOW, body: Any = None, **query: Any) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    answer = mirror.answer(Call(method, path, query, {}, raw), now)
    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    return answer


def _credentials(mirror: WeChatMirror, name: str = "wechat") -> dict[str, str]:
    settings = mirror.settings(URL)[name]
    return {"grant_type": "client_credential", "appid": settings["app_id"], "secret": settings["app_secret"]}


def _token(mirror: WeChatMirror, path: str, now: float = NOW) -> dict[str, Any]:
    credentials = _credentials(mirror)
    if path == PLAIN:
        answer = _ask(mirror, "GET", path, now, **credentials)
    else:
        answer = _ask(mirror, "POST", path, now, credentials)
    found: dict[str, Any] = json.loads(answer.body)
    return found


def _exchange(mirror: WeChatMirror, token: str, code: str, now: float = NOW, **more: str) -> dict[str, Any]:
    answer = _ask(mirror, "POST", PHONE, now, {"code": code, **more}, access_token=token)
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_a_stable_token_stays_the_same(mirror: WeChatMirror) -> None:
    """The same token until its last five minutes, in which both are alive; it always has 300 seconds to live."""
    first = _token(mirror, STABLE)
    assert _token(mirror, STABLE, NOW + 6899)["access_token"] == first["access_token"]
    assert _token(mirror, STABLE, NOW + 6900)["expires_in"] == 300
    second = _token(mirror, STABLE, NOW + 6901)
    assert second["access_token"] != first["access_token"]
    tap = mirror.tap("ok", allow=True, now=NOW + 6901)
    assert _exchange(mirror, first["access_token"], tap.event["code"], NOW + 6902)["errcode"] == 0


def test_a_plain_token_kills_the_one_before(mirror: WeChatMirror) -> None:
    """Two processes that ask for plain tokens are at war; stable tokens are not touched."""
    stable = _token(mirror, STABLE)["access_token"]
    first, second = _token(mirror, PLAIN)["access_token"], _token(mirror, PLAIN)["access_token"]
    tap = mirror.tap("ok", allow=True, now=NOW)
    assert _exchange(mirror, first, tap.event["code"])["errcode"] == 40001
    assert _exchange(mirror, second, tap.event["code"])["errcode"] == 0
    assert _exchange(mirror, stable, mirror.tap("ok", allow=True, now=NOW).event["code"])["errcode"] == 0


def test_a_code_works_once_and_for_five_minutes(mirror: WeChatMirror) -> None:
    """After that it is 40029, with a rid."""
    token = _token(mirror, STABLE)["access_token"]
    code = mirror.tap("ok", allow=True, now=NOW).event["code"]
    assert _exchange(mirror, token, code, NOW + 300)["errcode"] == 0
    again = _exchange(mirror, token, code, NOW + 300)
    assert again["errcode"] == 40029
    assert " rid: " in again["errmsg"]
    late = mirror.tap("ok", allow=True, now=NOW).event["code"]
    assert _exchange(mirror, token, late, NOW + 301)["errcode"] == 40029


def test_a_code_belongs_to_its_user(mirror: WeChatMirror) -> None:
    """Another openid is refused and does not use the code up."""
    token = _token(mirror, STABLE)["access_token"]
    code = mirror.tap("ok", allow=True, now=NOW).event["code"]
    assert _exchange(mirror, token, code, openid="o-somebody-else")["errcode"] == 40003
    assert _exchange(mirror, token, code)["errcode"] == 0


def test_country_codes_come_in_both_types(mirror: WeChatMirror) -> None:
    """A string one time, a number the next."""
    token = _token(mirror, STABLE)["access_token"]
    codes = [mirror.tap("overseas", allow=True, now=NOW).event["code"] for _ in range(4)]
    seen = [_exchange(mirror, token, code)["phone_info"]["countryCode"] for code in codes]
    assert seen == ["852", 852, "852", 852]


@pytest.mark.parametrize(
    ("method", "path", "change", "errcode"),
    [
        ("GET", STABLE, {}, 43002),
        ("POST", PLAIN, {}, 43002),
        ("GET", PLAIN, {"appid": "wx0"}, 40013),
        ("GET", PLAIN, {"secret": "wrong"}, 40125),
        ("GET", PLAIN, {"secret": ""}, 41004),
        ("GET", PLAIN, {"grant_type": "?"}, 40002),
        ("GET", LOGIN, {"js_code": "?"}, 40029),
        ("POST", PHONE, {}, 41001),
        ("POST", PHONE, {"access_token": "?"}, 40001),
    ],
)
def test_a_request_that_is_not_in_order(
    mirror: WeChatMirror, method: str, path: str, change: dict[str, str], errcode: int
) -> None:
    """Each mistake gets WeChat's own code, with status 200."""
    answer = _ask(mirror, method, path, NOW, None, **{**_credentials(mirror), **change})
    assert json.loads(answer.body)["errcode"] == errcode


def test_bodies_that_are_no_json(mirror: WeChatMirror) -> None:
    """47001, or 44002 when there is none."""
    token = _token(mirror, STABLE)["access_token"]
    for body, errcode in (b"{", 47001), (b"", 44002), (b"[]", 47001), (b'{"code":1}', 47001):
        answer = _ask(mirror, "POST", PHONE, NOW, body, access_token=token)
        assert json.loads(answer.body)["errcode"] == errcode
    assert json.loads(_ask(mirror, "POST", STABLE, NOW, b"grant_type=x").body)["errcode"] == 47001
