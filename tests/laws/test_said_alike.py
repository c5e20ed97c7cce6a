"""A law: what ``inspect`` calls good the service accepts, and what the service refuses ``inspect`` does not call good.

Bodies are made at random, for every platform of the registry: the parts of a real tap under any of their names, in and
beside any objects, doubled, emptied, replaced by what JavaScript writes for nothing, and written as JSON or as a form.
"""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import urlencode

import pytest

from haoma import field_names
from haoma.doctor.captures.inspect import inspect
from haoma.errors import HaomaError
from haoma.platforms.base.diagnosis import Severity
from haoma.platforms.base.mirroring import Tap
from haoma.platforms.registry import PLATFORMS
from haoma.settings.model import Settings
from support.stage import Stage

pytest_plugins = ["support.stage_fixtures"]

BODIES = 400
TAPS = 12
AROUND = field_names.AROUND
OTHER = ("extra", "userInfo", "header")
VALUES: tuple[Any, ...] = ("", None, "undefined", "[object Object]", "null", "another-value", 7, ["x"], {}, "x" * 600)
TRANSPORT = {"doctor.stock-uni-app", "doctor.base64-damaged"}
"""What inspect warns of although the service repairs it."""


def _parts(platform: str, tap: Tap) -> dict[str, Any]:
    """Return the parts of a tap."""
    assert tap.body is not None
    parts = dict(tap.body["authorization"])
    if platform == "alipay":
        parts = json.loads(parts["response"])
    return parts


def _logins(platform: str) -> list[str]:
    known = PLATFORMS[platform].phone_code
    return [name for name in field_names.LOGIN if name not in known] + ([] if known else ["code"])


def _spelt(source: random.Random, name: str) -> str:
    others = [each for each, usual in field_names.SPELLINGS.items() if usual == name]
    return source.choice(others) if others and source.random() < 0.2 else name


def _body(source: random.Random, platform: str, parts: dict[str, Any], login: str) -> dict[str, Any]:
    """Return the parts somewhere, with a login somewhere, and something wrong now and then."""
    inner: dict[str, Any] = {_spelt(source, name): each for name, each in parts.items()}
    login_at = source.randrange(-1, 4)
    for depth in range(source.randrange(4)):
        if depth == login_at:
            inner[_spelt(source, source.choice(_logins(platform)))] = login
            login_at = -1
        inner = {_spelt(source, source.choice(AROUND)): inner}
        if source.random() < 0.1:
            inner.setdefault(source.choice((*AROUND, *OTHER)), source.choice(({}, {"page": 1}, dict(parts), "x")))
    if login_at >= 0:
        inner[_spelt(source, source.choice(_logins(platform)))] = login
    for _ in range(source.choice((0, 0, 0, 1, 1, 2))):
        _spoil(source, platform, inner)
    return inner


def _spoil(source: random.Random, platform: str, body: dict[str, Any]) -> None:
    """Put a value in place of another one, or a field too many, at some depth."""
    while (deeper := [each for each in body.values() if isinstance(each, dict) and each]) and source.random() < 0.6:
        body = source.choice(deeper)
    known = [*body, *_logins(platform), *PLATFORMS[platform].phone_code, *PLATFORMS[platform].sealed, "session"]
    body[source.choice(known)] = source.choice(VALUES)


def _written(source: random.Random, body: dict[str, Any]) -> str:
    """Return it as a front end sends it."""
    if source.random() < 0.15 and all(isinstance(each, str) for each in body.values()):
        return urlencode(body)
    if source.random() < 0.15 and isinstance(body.get("authorization"), dict):
        body = {**body, "authorization": json.dumps(body["authorization"])}
    return json.dumps(body)


def _served(stage: Stage, app: str, text: str) -> str:
    try:
        stage.authorize(app, text)
    except HaomaError as error:
        return error.code
    return ""


@pytest.mark.parametrize("platform", PLATFORMS)
def test_inspect_and_the_service_say_the_same(stage: Stage, platform: str) -> None:
    """Over all shapes: no fault and a number, or one refusal with one code."""
    source = random.Random(f"{platform} 14")
    settings = Settings(apps=stage.apps)
    good = refused = 0
    for turn in range(BODIES):
        if turn % TAPS == 0:
            stage.forget()
        tap = stage.tap(platform, "ok")
        text = _written(source, _body(source, platform, _parts(platform, tap), tap.login_code))
        looked = inspect(text.encode(), settings, app=tap.app, now=stage.now)
        wrong = {each.code for each in looked.found if each.severity in (Severity.FAULT, Severity.WARNING)} - TRANSPORT
        served = _served(stage, tap.app, text)
        if served == "":
            assert not wrong, (text, wrong)
            good += 1
        elif served.startswith("envelope."):
            assert served in wrong, (text, served, wrong)
            refused += 1
    assert good > BODIES / 10
    assert refused > BODIES / 10
