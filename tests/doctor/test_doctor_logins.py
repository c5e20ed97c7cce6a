"""A body with a login, under whichever name front ends send it: what inspect says agrees with what the service does."""

import json
from functools import partial
from urllib.parse import urlencode

import pytest

from haoma import authorization
from haoma.authorization import LOGIN_NAMES
from haoma.authorize import verify_offline
from haoma.crypto.strict import parse_json
from haoma.doctor.captures.inspect import inspect as look
from haoma.errors import HaomaError
from haoma.platforms.base.diagnosis import Severity
from haoma.platforms.registry import PLATFORMS
from haoma.settings.model import Settings
from haoma.settings.reader import load

pytest_plugins = ["support.desk", "support.stage_fixtures"]

NAMES = ("login_code", "loginCode", "auth_code", "js_code", "jsCode", "wx_code", "wxCode")
CODE = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P"


@pytest.mark.parametrize("name", NAMES)
def test_an_envelope_with_a_login(inspect, simulator, config, name):
    """It is an envelope, and good, as the app opens it."""
    body = {**parse_json(simulator.tap("alipay", "ok").event["response"]), name: CODE}
    found = inspect(body, "--app", "alipay")
    assert (found.whole["is"], found.wrong) == ("alipay-envelope", set())
    assert verify_offline(load(config).apps["alipay"], authorization.read(body).claimed).e164
    assert CODE not in found.text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", ["body", "log", "python", "address"])
def test_a_login_in_a_log(inspect, name, shape):
    """The name is known wherever a body is captured, and the code is not repeated."""
    sent = {
        "body": f'{{"encryptedData": "", "iv": "", "{name}": "{CODE}"}}',
        "log": f'10:00:01 INFO {{"encryptedData": "", "iv": "", "{name}": "{CODE}"}}',
        "python": f"{{'iv': '', '{name}': '{CODE}'}}",
        "address": f"GET /phone?iv=&{name}={CODE} HTTP/1.1",
    }[shape]
    found = inspect(sent)
    assert found.whole["is"] != "unknown" or found.wrong
    assert found.wrong
    assert CODE not in found.text
    if shape == "address":
        assert "doctor.sent-with-get" in found.codes


def placed(tap, name, value):
    """Yield a fresh body with a login under a name, in each place where somebody has put one."""
    for place in ("top", "inner", "bare", "detail", "inside detail", "twice", "elsewhere", "text", "form"):
        body = dict(tap().body)
        given = body.pop("login_code", None)
        login, sent = (given or CODE) if value == "" else value, body["authorization"]
        match place:
            case "top":
                yield place, {**body, name: login}
            case "inner":
                yield place, {"authorization": {**sent, name: login}}
            case "bare":
                yield place, {**sent, name: login}
            case "detail":
                yield place, {"detail": sent, name: login}
            case "inside detail":
                yield place, {"authorization": {"type": "getphonenumber", "detail": {"detail": {**sent, name: login}}}}
            case "twice":
                yield place, {**body, name: login, "login_code": CODE}
            case "elsewhere":
                yield place, {**body, "user": {"of": [{name: login}]}}
            case "text":
                yield place, {"authorization": json.dumps({**sent, name: login})}
            case "form":
                yield place, urlencode({**sent, name: login})


@pytest.mark.parametrize("value", ["", 12345678901, "x" * 600], ids=["login", "number", "too long"])
@pytest.mark.parametrize("platform", [name for name in PLATFORMS if name != "alipay"])
def test_inspect_and_service_agree(stage, platform, value):
    """What the service takes has no fault, and what it refuses as malformed is said, with the same code.

    Nothing goes over a network: on a busy machine a time-out would be mistaken for an answer.
    """
    settings = Settings(apps=stage.apps)
    names = [name for name in LOGIN_NAMES if name not in PLATFORMS[platform].phone_code]
    for name in names:
        stage.forget()
        for place, body in placed(partial(stage.tap, platform, "ok"), name, value):
            text = body if isinstance(body, str) else json.dumps(body)
            looked = look(text.encode(), settings, app=platform, now=stage.now)
            found = {each.code for each in looked.found if each.severity in (Severity.FAULT, Severity.WARNING)}
            refused = refusal(stage, platform, text)
            if refused.startswith("envelope."):
                assert refused in found, (name, place, found)
            else:
                assert place != "top" or not refused, (name, place, refused)
                assert not found, (name, place, found)


def refusal(stage, platform, text):
    try:
        stage.authorize(platform, text)
    except HaomaError as error:
        return error.code
    return ""
