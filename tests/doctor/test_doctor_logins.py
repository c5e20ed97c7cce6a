"""A body with a login, under whichever name front ends send it: what inspect says agrees with what the service does."""

import pytest

from haoma import authorization
from haoma.authorize import open_envelope
from haoma.crypto.strict import parse_json
from haoma.settings import load

pytest_plugins = ["desk"]

NAMES = ("login_code", "loginCode", "auth_code", "js_code", "jsCode", "wx_code", "wxCode")
CODE = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P"


@pytest.mark.parametrize("name", NAMES)
def test_an_envelope_with_a_login(inspect, simulator, config, name):
    """It is an envelope, and good, as the app opens it."""
    body = {**parse_json(simulator.tap("alipay", "ok").event["response"]), name: CODE}
    found = inspect(body, "--app", "alipay")
    assert (found.whole["is"], found.wrong) == ("alipay-envelope", set())
    assert open_envelope(load(config).apps["alipay"], authorization.read(body).claimed).phone_number
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
