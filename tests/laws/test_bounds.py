"""Every bound, hit from both sides: at the limit it passes, one more is refused.

The limits are written here as numbers. Whoever moves one in the code has to move it here too, and to say why.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from haoma import authorization
from haoma.authorize import log_in, verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.crypto.keys import KeyProblem, parse_certificates, parse_public_key
from haoma.crypto.strict import parse_json
from haoma.errors import AlreadyUsed, CannotOpen, HaomaError, SessionUnknown
from haoma.platforms.base.access_tokens import as_seconds, as_token, kept_for
from haoma.platforms.base.setting import MAX_AGE, SESSION_SECONDS, SHARED
from haoma.platforms.base.table import Table
from support.wire import NOW, Bench, configured

SECRET = "0123456789abcdef0123456789abcdef"
KEY = base64.b64encode(b"k" * 16).decode()
WECHAT_ID = "wx0000000000000001"


def passes(question: Callable[[], object]) -> bool:
    """Tell whether it passes; what refuses it is one of our own refusals."""
    try:
        return question() is not None
    except (HaomaError, KeyProblem):
        return False


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def _of_bytes(size: int) -> str:
    return '{"a":"' + "x" * (size - 8) + '"}'


def _fields(count: int) -> str:
    return "&".join("a" * number + "=1" for number in range(1, count + 1))


def _setting(name: str, value: float) -> object:
    table = Table("shop", {name: value}, now=NOW)
    table.declare((*SHARED, MAX_AGE, SESSION_SECONDS))
    table.policy()
    return None if table.faults else True


def _sealed_at(age: float) -> object:
    mark = {"appid": WECHAT_ID, "timestamp": int(NOW - age)}
    number = {"phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86", "watermark": mark}
    text = forge_cbc(b"k" * 16, bytes(16), json.dumps(number).encode())
    app = configured("wechat", app_id=WECHAT_ID, app_secret=SECRET, accept_encrypted_data=True)
    return verify_with_session_key(app, {"encryptedData": text, "iv": "A" * 22 + "=="}, KEY, now=NOW)


BOUNDS: dict[str, tuple[Callable[[Any], object], float, float]] = {
    "bytes of an authorization": (lambda size: authorization.read(_of_bytes(size)), 32_768, 1),
    "bytes of one in bytes": (lambda size: authorization.read(_of_bytes(size).encode()), 32_768, 1),
    "characters of a login code": (lambda size: authorization.read({"login_code": "c" * size}), 512, 1),
    "characters of a session": (lambda size: authorization.read({"session": "s" * size}), 512, 1),
    "characters of a phone code": (
        lambda size: authorization.read({"code": "c" * size}).text("code", 512, platform="wechat"), 512, 1,
    ),
    "fields of a form": (lambda count: authorization.read(_fields(count)), 16, 1),
    "depth of JSON": (lambda depth: parse_json(_nested(depth)), 16, 1),
    "depth of JSON in objects": (lambda depth: parse_json('{"a":' * depth + "1" + "}" * depth), 16, 1),
    "characters of a token": (lambda size: as_token("t" * size), 2048, 1),
    "fewest characters of a token": (lambda size: as_token("t" * size), 1, -1),
    "digits of a token's life": (lambda size: as_seconds("1" * size, 10**9), 7, 1),
    "a token's life": (lambda seconds: as_seconds(seconds, 7200), 7200, 1),
    "a token's shortest life": (lambda seconds: as_seconds(seconds, 7200), 1, -1),
    "age of a watermark": (_sealed_at, 300, 1),
    "a watermark of the future": (_sealed_at, -300, -1),
    "max_age": (lambda seconds: _setting("max_age", seconds), 3600, 1),
    "least max_age": (lambda seconds: _setting("max_age", seconds), 10, -1),
    "session_seconds": (lambda seconds: _setting("session_seconds", seconds), 2_592_000, 1),
    "least session_seconds": (lambda seconds: _setting("session_seconds", seconds), 60, -1),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDS)
def test_both_sides_of_a_bound(name: str) -> None:
    """At the limit it passes, one step beyond it does not."""
    question, limit, step = BOUNDS[name]
    assert passes(lambda: question(limit))
    assert passes(lambda: question(limit - step))
    assert not passes(lambda: question(limit + step))


@pytest.mark.parametrize(("read", "limit"), [(parse_public_key, 65_536), (parse_certificates, 65_536)])
def test_the_longest_key(read: Callable[[str], object], limit: int) -> None:
    """A text of up to 64 Ki characters is looked at; of a longer one no more than its length is said."""
    for size, said in ((limit, False), (limit + 1, True)):
        with pytest.raises(KeyProblem) as caught:
            read("A" * size)
        assert ("characters" in caught.value.because) == said


def _huawei(bench: Bench, caller: str) -> HaomaError | None:
    app = configured("huawei", client_id="100000000000000001", client_secret=SECRET)
    try:
        bench.find(app, {"code": "a-code"}, caller)
    except HaomaError as error:
        return error
    return None


@pytest.mark.parametrize(("seconds", "remembered"), [(0, True), (599, True), (601, False)])
def test_how_long_a_code_is_remembered(seconds: float, remembered: bool) -> None:
    """Ten minutes, from when it was sent."""
    found = {
        "openId": "o", "unionId": "u", "phoneNumber": "008613800138000", "phoneNumberValid": 1,
        "purePhoneNumber": "13800138000", "phoneCountryCode": "0086",
    }  # fmt: skip
    bench = Bench({"/oauth2/v6/quickLogin/getPhoneNumber": found})
    assert _huawei(bench, "one") is None
    bench.now += seconds
    assert isinstance(_huawei(bench, "another"), AlreadyUsed) == remembered


@pytest.mark.parametrize(("seconds", "known"), [(0, True), (7199, True), (7201, False)])
def test_how_long_a_session_lives(seconds: float, known: bool) -> None:
    """Two hours, from the login."""
    app = configured("wechat", app_id=WECHAT_ID, app_secret=SECRET)
    bench = Bench({"/sns/jscode2session": {"openid": "o", "session_key": KEY}})
    handle, _ = bench.run(log_in(app, {"login_code": "a-code"}, now=bench.now))
    bench.now += seconds
    sent = {"session": handle, "authorization": {"encryptedData": KEY, "iv": KEY}}
    error = bench.refused(configured("wechat", app_id=WECHAT_ID, app_secret=SECRET, accept_encrypted_data=True), sent)
    assert isinstance(error, SessionUnknown)  # no session_key was kept, so what is missing tells the two apart
    assert error.because == ({"expired": "session_key"} if known else {})
    assert not isinstance(error, CannotOpen)


@pytest.mark.parametrize(
    ("lives", "kept"), [(1, 1), (2, 1), (3, 1.5), (59, 29.5), (61, 30), (351, 30), (352, 31), (7200, 6879)]
)
def test_how_long_a_token_is_kept(lives: int, kept: float) -> None:
    """Until five minutes and the app's own share of a sixth one before its end; never less than half of a short life."""
    assert kept_for(lives, WECHAT_ID) == kept


def test_tokens_are_not_renewed_in_one_second() -> None:
    """Apps spread over a whole minute, each with a moment of its own that it keeps."""
    assert {kept_for(7200, f"app-{number}") for number in range(600)} == set(range(6841, 6901))
