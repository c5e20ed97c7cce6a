"""The requests of the conformance suite, inspected: where the service refuses one, inspect says the same code."""

import base64
import json
from pathlib import Path

import pytest

from haoma import authorization
from haoma.doctor.captures.inspect import inspect
from haoma.errors import ButtonFailed, HaomaError
from haoma.platforms.registry import PLATFORMS
from haoma.settings.reader import from_mapping

CASES = sorted((Path(__file__).parents[2] / "conformance" / "cases").glob("*/request-*/case.json"))
TRANSPORT = {"doctor.stock-uni-app", "doctor.base64-damaged", "doctor.sent-with-get", "doctor.session-key-in-front-end"}
"""What inspect warns of although the service takes the body."""


def body_of(case):
    given = case["input"]
    return base64.b64decode(given["body_base64"]) if "body_base64" in given else given.get("body", "").encode()


def refused(app, body):
    """Return the error of the reader, which asks nothing; None if it takes the body."""
    try:
        PLATFORMS[app.platform].read(app, authorization.read(body, PLATFORMS[app.platform].phone_code))
    except HaomaError as error:
        return error
    return None


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_request_of_the_conformance_suite(platform):
    """With the app, and as a whole HTTP message too; without it, nothing that is refused is good if the bytes show it."""
    files = [each for each in CASES if each.parts[-3] == platform]
    assert len(files) > 10
    for file in files:
        case = json.loads(file.read_text("utf-8"))
        if case["input"].get("method", "POST") != "POST" or case["input"]["query"]:
            continue
        settings, body = from_mapping({"apps": case["keys"]["apps"]}), body_of(case)
        name = case["input"]["app"]
        error = refused(settings.apps[name], body)
        head = b"POST /v1/apps/shop/phone-number HTTP/1.1\r\nHost: shop.example\r\n\r\n"
        for sent in (body, head + body):
            looked = inspect(sent, settings, app=name, now=float(case["now"]))
            wrong = {each.code for each in looked.found if each.severity in ("fault", "warning")}
            if error is None:
                assert not {each for each in wrong if each.startswith("envelope.")} - {case["expect"].get("reason")}, (
                    case["name"], looked,
                )  # fmt: skip
            elif not isinstance(error, ButtonFailed):
                assert error.code in wrong, (case["name"], error.code, looked)
