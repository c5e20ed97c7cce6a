"""Xiaohongshu: settings, token, login, keys of two sizes, the number, replays, and what a result proves."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from haoma import catalogue
from haoma.authorize import log_in, verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.errors import (
    BY_CODE,
    AlreadyUsed,
    ButtonFailed,
    CannotOpen,
    ConfigFaults,
    NotProven,
    OutcomeUnknown,
    TimedOut,
    TokenRejected,
)
from haoma.platforms.base.table import Table
from haoma.platforms.xiaohongshu import XIAOHONGSHU
from haoma.settings.reader import from_mapping
from haoma.verified import ALL_CHECKS, CheckName
from support.wire import NOW, Bench, configured, repeated

APP_ID = "600000000000000000000001"
SECRET = "xiaohongshu-secret-of-the-tests"
KEYS = [bytes([each]) * 16 for each in range(1, 4)]
TOKEN, LOGIN = "/api/rmp/token", "/api/rmp/session"
USUAL = {"app_id": APP_ID, "app_secret": SECRET}
APP = configured("xiaohongshu", **USUAL)
DEAD = {"data": None, "success": False, "msg": "应用访问令牌不匹配", "code": 410101}


def _ok(**data: Any) -> dict[str, Any]:
    return {"data": data, "success": True, "msg": "success", "code": 0}


def _token(token: str = "a-token") -> dict[str, Any]:
    return _ok(access_token=token, expire_in=7200)


def _login(key: bytes = KEYS[0], openid: str = "user-1") -> dict[str, Any]:
    return _ok(openid=openid, session_key=base64.b64encode(key).decode())


def _bench(login: Any, token: Any = None) -> Bench:
    return Bench({TOKEN: token or _token(), LOGIN: login})


def _sealed(key: bytes = KEYS[0], number: str = "13800138000", block: int = 16, **changes: object) -> dict[str, str]:
    plain: dict[str, object] = {
        "phoneNumber": number,
        "purePhoneNumber": number,
        "countryCode": "86",
        "watermark": {"appId": APP_ID, "timestamp": 1},
        **changes,
    }
    text = forge_cbc(key, bytes(16), json.dumps(plain).encode(), block=block)
    return {"encryptedData": text, "iv": base64.b64encode(bytes(16)).decode()}


def _sent(sealed: dict[str, str] | None = None, code: str = "a-login-code") -> dict[str, Any]:
    return {"login_code": code, "authorization": sealed or _sealed()}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"app_secret": SECRET}, ("config.missing-setting", "app_id")),
        ({"app_id": APP_ID}, ("config.missing-setting", "app_secret")),
        ({**USUAL, "api_base_url": "http://xhs.example.com"}, ("config.insecure-upstream", "api_base_url")),
        ({**USUAL, "max_age": 60}, ("config.unknown-setting", "max_age")),
    ],
)
def test_a_fault_is_named_with_its_setting(settings: dict[str, Any], fault: tuple[str, str]) -> None:
    """Each fault names the setting that it is in."""
    table = Table("shop", {"platform": "xiaohongshu", **settings}, now=NOW)
    assert XIAOHONGSHU.configure(table) is None
    assert [(each.code, each.where.removeprefix("apps.shop.")) for each in table.faults] == [fault]


def test_many_workers_are_refused() -> None:
    """Tries, sessions and used ciphertexts are counted in one process."""
    values = {"apps": {"shop": {"platform": "xiaohongshu", **USUAL}}, "service": {"workers": 2}}
    with pytest.raises(ConfigFaults) as refused:
        from_mapping(values)
    faults = [(each.code, each.where) for each in refused.value.faults]
    assert ("config.needs-one-worker", "service.workers") in faults


def test_what_is_sent() -> None:
    """The token by POST with `appid` and `secret`, the login by GET with `app_id`; no secret is shown."""
    bench = _bench(_login())
    phone = bench.find(APP, _sent())
    assert phone.subject is not None
    assert (phone.e164, phone.subject.openid) == ("+8613800138000", "user-1")
    token, login = (each.request for each in bench.sends)
    base = "https://miniapp.xiaohongshu.com"
    assert (token.method, token.url, token.query) == ("POST", base + TOKEN, ())
    assert json.loads(token.body) == {"appid": APP_ID, "secret": SECRET}
    assert (login.method, login.url, login.body) == ("GET", base + LOGIN, b"")
    assert dict(login.query) == {"app_id": APP_ID, "access_token": "a-token", "code": "a-login-code"}
    shown = repr(bench.sends) + repr(APP) + repr(phone)
    assert not [each for each in (SECRET, "a-token", "a-login-code", "13800138000") if each in shown]


def test_a_token_is_kept() -> None:
    """A new one shortens the life of the old one, so the second login fetches none."""
    bench = _bench([_login(), _login(KEYS[1], "user-2")])
    for code, key in (("one", KEYS[0]), ("two", KEYS[1])):
        assert bench.find(APP, _sent(_sealed(key), code)).e164
    assert [each.request.url.rpartition("/")[2] for each in bench.sends] == ["token", "session", "session"]


def test_a_dead_token_is_replaced_once_with_the_same_code() -> None:
    """The platform refuses before it uses up the code; a second refusal is the answer."""
    bench = _bench([DEAD, _login()], [_token("old"), _token("new")])
    assert bench.find(APP, _sent()).e164
    asked = [dict(each.request.query) for each in bench.sends if each.request.url.endswith(LOGIN)]
    assert [(each["access_token"], each["code"]) for each in asked] == [
        ("old", "a-login-code"),
        ("new", "a-login-code"),
    ]
    bench = _bench([DEAD, DEAD], [_token("old"), _token("new")])
    refused = bench.refused(APP, _sent())
    assert isinstance(refused, TokenRejected)
    assert (refused.platform_code, str(refused.spent)) == ("410101", "no")


def test_a_lost_login_is_an_unknown_outcome() -> None:
    """Whether the code was used up is not known; the ciphertext is free for another login."""
    bench = _bench([TimedOut(), _login()])
    assert isinstance(bench.refused(APP, _sent()), OutcomeUnknown)
    assert bench.find(APP, _sent(code="another")).e164


@pytest.mark.parametrize("entry", catalogue.refusals("xiaohongshu").values(), ids=lambda entry: entry.native)
def test_every_listed_refusal(entry: catalogue.Entry) -> None:
    """Each code of the table becomes its error, and nothing that was sent is repeated in it."""
    words = f"words {SECRET} a-login-code a-token 13800138000"
    error = _bench({"data": None, "success": False, "msg": words, "code": int(entry.native)}).refused(APP, _sent())
    assert type(error) is BY_CODE[entry.code]
    assert (error.platform_code, error.place) == (entry.native, "login")
    assert error.explain("en") == entry.words("en")
    shown = str(error) + repr(error) + error.platform_message
    assert not [each for each in (SECRET, "a-token", "a-login-code", "13800138000") if each in shown]


@pytest.mark.parametrize(("code", "following"), [(419999, "ask-again"), (410103, "ask-again"), (410004, "stop")])
def test_what_a_refused_login_asks_for(code: int, following: str) -> None:
    """What a dead code gets is not known for certain, so an unlisted refusal asks for a new login too."""
    error = _bench({"data": None, "success": False, "msg": "no", "code": code}).refused(APP, _sent())
    assert (str(error.next_action), error.retry) == (following, False)


@pytest.mark.parametrize("size", [16, 24])
@pytest.mark.parametrize("block", [16, 32])
def test_keys_and_paddings(size: int, block: int) -> None:
    """The page says AES-128 and 24 bytes, and its sample removes up to 32: each of them opens."""
    key = bytes(range(size))
    assert _bench(_login(key)).find(APP, _sent(_sealed(key, block=block))).e164 == "+8613800138000"


@pytest.mark.parametrize("size", [0, 8, 15, 17, 23, 25, 32])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """At the login and at the desk."""
    refused = _bench(_login(bytes(size))).refused(APP, _sent())
    assert (refused.code, refused.because["reason"]) == ("outside.nonsense-reply", "session_key")
    with pytest.raises(CannotOpen) as shut:
        verify_with_session_key(APP, _sealed(), base64.b64encode(bytes(size)).decode(), now=NOW)
    assert shut.value.diagnosis == "session-key"
    assert shut.value.because == {"needed": "base64 of 16/24 bytes"}


@pytest.mark.parametrize(
    ("country_code", "whole", "pure", "opens"),
    [
        ("86", "13800138000", "13800138000", True),
        (86, "13800138000", "13800138000", True),
        ("86", "8613800138000", "13800138000", True),
        ("86", "+8613800138000", "13800138000", True),
        ("86", "+13800138000", "13800138000", False),
        ("86", "+86", "13800138000", False),
        ("86", "13800138001", "13800138000", False),
        ("86", "8613800138000", "8613800138000", False),
        (True, "13800138000", "13800138000", False),
        ("852", "51234567", "51234567", False),
        ("852", "13800138000", "13800138000", False),
    ],
)
def test_forms_of_the_number(country_code: object, whole: str, pure: str, opens: bool) -> None:
    """Mainland numbers alone, and all three fields agree."""
    sent = _sent(_sealed(countryCode=country_code, phoneNumber=whole, purePhoneNumber=pure))
    if opens:
        assert _bench(_login()).find(APP, sent).e164 == "+8613800138000"
        return
    refused = _bench(_login()).refused(APP, sent)
    assert isinstance(refused, CannotOpen)
    assert refused.diagnosis == "number"


def test_what_is_proven() -> None:
    """The app by its watermark, the login and one-time use; the time is not, and a policy can say so."""
    phone = _bench(_login()).find(APP, _sent())
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    proven = {check.name for check in phone.checks if check.proven}
    assert proven == {CheckName.APP_BINDING, CheckName.LOGIN_BINDING, CheckName.ONE_TIME_USE}
    with pytest.raises(ConfigFaults):  # no flow of the platform can prove it
        from_mapping({"apps": {"shop": {"platform": "xiaohongshu", **USUAL, "require": ["freshness"]}}})


def test_under_a_key_at_hand() -> None:
    """At the desk the watermark alone proves something."""
    phone = verify_with_session_key(APP, _sealed(), base64.b64encode(KEYS[0]).decode(), now=NOW)
    assert phone.subject is None
    assert {check.name for check in phone.checks if check.proven} == {CheckName.APP_BINDING}
    strict = configured("xiaohongshu", **USUAL, require=["login-binding"])
    with pytest.raises(NotProven):
        verify_with_session_key(strict, _sealed(), base64.b64encode(KEYS[0]).decode(), now=NOW)


def test_a_session_key_of_the_client_is_never_used() -> None:
    """Whatever the client calls it and wherever it puts it: only the key of the login opens."""
    own = base64.b64encode(KEYS[1]).decode()
    forged = _sealed(KEYS[1], number="13900139000")
    for name in ("session_key", "sessionKey", "key"):
        for sent in (
            {"login_code": name, "authorization": {**forged, name: own}},
            {"login_code": name, "authorization": forged, name: own},
        ):
            assert isinstance(_bench(_login()).refused(APP, sent), CannotOpen)


def test_a_ciphertext_is_taken_once() -> None:
    """The same request gets the same answer; a replay is refused for as long as its key is kept."""
    bench = _bench(_login())
    first, _ = bench.run(log_in(APP, {"login_code": "one"}, now=NOW))
    sent = {"session": first, "authorization": _sealed()}
    assert repeated(bench.find(APP, sent)) == bench.find(APP, sent)
    second, _ = bench.run(log_in(APP, {"login_code": "two"}, now=NOW))
    bench.now += APP.policy.session_seconds - 1
    assert isinstance(bench.refused(APP, {**sent, "session": second}), AlreadyUsed)


def test_the_login_before_the_last_one_still_opens() -> None:
    """A second login between the tap and its arrival: the last two keys of a user are kept."""
    bench = _bench([_login(KEYS[0]), _login(KEYS[1]), _login(KEYS[2])])
    for code in ("one", "two"):
        handle, _ = bench.run(log_in(APP, {"login_code": code}, now=NOW))
    assert bench.find(APP, {"session": handle, "authorization": _sealed(KEYS[0])}).e164
    handle, _ = bench.run(log_in(APP, {"login_code": "three"}, now=NOW))
    late = {"session": handle, "authorization": _sealed(KEYS[0], number="13900139000")}
    assert isinstance(bench.refused(APP, late), CannotOpen)


def test_a_key_is_one_users() -> None:
    """What was sealed for one user does not open in the session of another."""
    bench = _bench([_login(KEYS[0], "user-1"), _login(KEYS[1], "user-2")])
    bench.run(log_in(APP, {"login_code": "one"}, now=NOW))
    other, _ = bench.run(log_in(APP, {"login_code": "two"}, now=NOW))
    assert isinstance(bench.refused(APP, {"session": other, "authorization": _sealed(KEYS[0])}), CannotOpen)


def test_ok_with_nothing_in_hand_is_the_buttons_failure() -> None:
    """The button says ok and gives neither data nor iv: not the user's doing; with a field it is a lost field."""
    told = {"errMsg": "getPhoneNumber:ok"}
    for event in (told, {"type": "getphonenumber", "timeStamp": 5, "detail": {**told, "encryptedData": "", "iv": ""}}):
        assert isinstance(_bench(_login()).refused(APP, {"login_code": "a", "authorization": event}), ButtonFailed)
    lost = _bench(_login()).refused(APP, {"login_code": "a", "authorization": {**told, "iv": "A" * 22 + "=="}})
    assert lost.code == "envelope.missing-field"
