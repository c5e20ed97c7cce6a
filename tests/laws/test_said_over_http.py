"""A law: what ``inspect`` calls good the service accepts over HTTP, and where both refuse, they name the same code.

Requests are made at random for every platform and each of its ways: what the button gave and a login, under any of their
names, in and beside any objects, spoiled now and then, and written as front ends write them. Each is posted to the service
over a socket, handed to the library, and pasted into ``inspect``, as a body and as a whole HTTP message.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import pytest
from conformance.running import cases

from conformance import bodies
from conftest import ROOT
from haoma import field_names
from haoma.doctor.captures.inspect import inspect
from haoma.platforms.base.diagnosis import Severity
from haoma.platforms.registry import PLATFORMS
from haoma.settings.reader import from_mapping

sys.path.append(str(ROOT / "conformance" / "adapters"))
LIBRARY, SERVICE, UPSTREAMS = map(import_module, ("with_haoma", "with_haoma_service", "upstreams"))

REQUESTS = 40
WAYS = [*bodies.WAYS.items(), ("wechat", bodies.SEALED), ("douyin", bodies.SEALED)]
TYPES = (bodies.JSON, bodies.JSON, bodies.FORM, "text/plain", "application/json; charset=gbk", "")
NOTHING: tuple[Any, ...] = (
    "", None, "undefined", "[object Object]", "null", " NaN ", 7, True, ["x"], {}, "x" * 600, "a\nb",
)  # fmt: skip
TRANSPORT = {"doctor.stock-uni-app", "doctor.base64-damaged"}
"""What inspect warns of although the service repairs it."""


@pytest.fixture(scope="module")
def served() -> Any:
    return SERVICE.Served()


def _logins(platform: str) -> list[str]:
    known = PLATFORMS[platform].phone_code
    return [name for name in field_names.LOGIN if name not in known] + ([] if known else ["code"])


def _named(source: random.Random, name: str) -> str:
    others = [each for each, usual in field_names.SPELLINGS.items() if usual == name]
    return source.choice(others) if others and source.random() < 0.25 else name


def _around(source: random.Random, each: bodies.Front) -> dict[str, Any]:
    """Return the parts and a login, with up to three objects around them."""
    layer: dict[str, Any] = {_named(source, name): value for name, value in each.parts.items()}
    login_at = source.randrange(4) if source.random() < (0.9 if each.source == bodies.SEALED else 0.5) else -1
    for depth in range(4):
        if depth == login_at and each.platform in bodies.WITH_LOGIN:
            layer[_named(source, source.choice(_logins(each.platform)))] = each.login
        if depth < 3 and source.random() < 0.35:
            layer = {_named(source, source.choice(field_names.AROUND)): layer}
        if source.random() < 0.1:
            layer.setdefault(source.choice(("page", "userInfo", "list")), source.choice(({"a": 1}, "x", [1])))
    return layer


def _spoiled(source: random.Random, each: bodies.Front, layer: dict[str, Any]) -> None:
    while (inner := [value for value in layer.values() if isinstance(value, dict) and value]) and source.random() < 0.7:
        layer = source.choice(inner)
    names = [*layer, *_logins(each.platform), *PLATFORMS[each.platform].phone_code, "phoneCode", "session", "detail"]
    # Alipay's envelope of a number is always the same, and a login is taken once.
    others = [each.login, *([] if each.source == bodies.ENVELOPE else [*each.another().values(), *each.parts.values()])]
    layer[source.choice(names)] = source.choice(others) if source.random() < 0.3 else source.choice(NOTHING)


def _written(source: random.Random, body: dict[str, Any]) -> str:
    how = source.random()
    if how < 0.15 and all(isinstance(each, str) for each in body.values()):
        return urlencode(body)
    if how < 0.25 and isinstance(body.get("authorization"), dict):
        return json.dumps({**body, "authorization": json.dumps(body["authorization"])})
    if how < 0.35:
        return json.dumps(json.dumps(body))
    return json.dumps(body, indent=source.choice((None, None, 2)))


def _case(source: random.Random, each: bodies.Front) -> dict[str, Any]:
    body = _around(source, each)
    for _ in range(source.choice((0, 0, 1, 1, 2))):
        _spoiled(source, each, body)
    sent = {"app": bodies.APP, "method": "POST", "content_type": source.choice(TYPES), "query": ""}
    sent["body"] = _written(source, body)
    return {"platform": each.platform, "way": "request", "input": sent, "keys": each.keys, "now": bodies.NOW}


def _wrong(content: bytes, case: dict[str, Any]) -> set[str]:
    apps = {name: UPSTREAMS.settings(app, "https://platform.test") for name, app in case["keys"]["apps"].items()}
    configured = _CONFIGURED.setdefault(json.dumps(apps), from_mapping({"apps": apps}))
    looked = inspect(content, configured, app=bodies.APP, now=bodies.NOW)
    return {each.code for each in looked.found if each.severity in (Severity.FAULT, Severity.WARNING)} - TRANSPORT


_CONFIGURED: dict[str, Any] = {}


IN_OTHER_WORDS = {"envelope.unknown-shape": "doctor.other-platform"}
"""What inspect says more exactly than the service."""
IN_TWO_ENCODINGS = {"utf-16_fail"}
"""A message whose head is ASCII, and whose body is not."""


def _message(case: dict[str, Any]) -> bytes:
    """Return the whole request, as it is captured on the way."""
    sent, body = case["input"], bytes(UPSTREAMS.body_of(case))
    path = f"/v1/apps/{sent['app']}/phone-number" + (f"?{sent['query']}" if sent["query"] else "")
    kind = f"Content-Type: {sent['content_type']}\r\n" if sent["content_type"] else ""
    head = f"{sent['method']} {path} HTTP/1.1\r\nHost: shop.example\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize("shown", [UPSTREAMS.body_of, _message], ids=["body", "message"])
def test_inspect_says_of_each_case_what_the_service_says(shown: Callable[[dict[str, Any]], bytes]) -> None:
    """Every request of the conformance suite: no fault where it is read, else the code of the refusal."""
    whole = shown is _message
    requests = [case for case in cases() if case["way"] == "request" and (whole or not case["input"]["query"])]
    assert len(requests) >= 240
    for case in requests:
        if whole and case["name"].partition("/request-")[2] in IN_TWO_ENCODINGS:
            continue
        reason = case["expect"].get("reason", "")
        wrong = _wrong(shown(case), case)
        if case["input"]["query"]:
            assert wrong & {"doctor.sent-with-get", reason}, case["name"]
        elif reason.startswith("envelope."):
            assert wrong & {reason, IN_OTHER_WORDS.get(reason)}, (case["name"], wrong)
        elif reason:  # only the platform knows
            assert not any(found.startswith("envelope.") for found in wrong), (case["name"], wrong)
        else:
            assert not wrong, (case["name"], wrong)


@pytest.mark.parametrize("platform, way", WAYS)
def test_they_say_the_same(served: Any, platform: str, way: str) -> None:
    """No fault and a number, or one refusal with one code; and the library says what the service says."""
    source = random.Random(f"{platform} {way} 1")
    counted: Counter[str] = Counter()
    for turn in range(REQUESTS):
        each = bodies.front(f"law {platform} {way} {turn}", platform, way)
        case = _case(source, each)
        text = case["input"]["body"]
        answer = served.ask(case)
        assert answer == LIBRARY.judge(case), text
        code = answer.get("refused", "")
        wrong = _wrong(text.encode(), case)
        if code.startswith("envelope."):
            assert code in wrong, (text, code, wrong)
        elif code:  # only the platform knows
            assert not any(found.startswith("envelope.") for found in wrong), (text, code, wrong)
        else:
            assert not wrong, (text, wrong)
        counted[code.partition(".")[0]] += 1
    assert counted[""] >= REQUESTS / 8, counted
    assert counted["envelope"] >= REQUESTS / 8, counted
