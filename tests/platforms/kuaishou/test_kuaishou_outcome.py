"""Kuaishou: settings, login, forms of the number, replays, and what a result proves."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from haoma import catalogue
from haoma.authorize import log_in, verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.errors import BY_CODE, AlreadyUsed, CannotOpen, ConfigFaults, NotProven, OutcomeUnknown, TimedOut
from haoma.platforms.base.table import Table
from haoma.platforms.kuaishou import KUAISHOU
from haoma.settings.reader import from_mapping
from haoma.verified import ALL_CHECKS, CheckName
from support.wire import NOW, Bench, configured, repeated

APP_ID = "ks000000000000000000"
SECRET = "kuaishou-secret-of-the-tests"
KEYS = [bytes([each]) * 16 for each in range(1, 4)]
LOGIN = "/oauth2/mp/code2session"
USUAL = {"app_id": APP_ID, "app_secret": SECRET}
APP = configured("kuaishou", **USUAL)


def _login(key: bytes = KEYS[0], openid: str = "user-1") -> dict[str, Any]:
    return {"result": 1, "open_id": openid, "session_key": base64.b64encode(key).decode()}


def _sealed(
    key: bytes = KEYS[0], country_code: object = "86", number: object = "13800138000", iv: int = 0
) -> dict[str, str]:
    plain = json.dumps({"countryCode": country_code, "phoneNumber": number}).encode()
    return {
        "encryptedData": forge_cbc(key, iv.to_bytes(16), plain),
        "iv": base64.b64encode(iv.to_bytes(16)).decode(),
    }


def _sent(sealed: dict[str, str] | None = None, code: str = "a-login-code") -> dict[str, Any]:
    return {"login_code": code, "authorization": sealed or _sealed()}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"app_secret": SECRET}, ("config.missing-setting", "app_id")),
        ({"app_id": APP_ID}, ("config.missing-setting", "app_secret")),
        ({**USUAL, "api_base_url": "http://ks.example.com"}, ("config.insecure-upstream", "api_base_url")),
        ({**USUAL, "accept_encrypted_data": True}, ("config.unknown-setting", "accept_encrypted_data")),
    ],
)
def test_a_fault_is_named_with_its_setting(settings: dict[str, Any], fault: tuple[str, str]) -> None:
    """Each fault names the setting that it is in."""
    table = Table("shop", {"platform": "kuaishou", **settings}, now=NOW)
    assert KUAISHOU.configure(table) is None
    assert [(each.code, each.where.removeprefix("apps.shop.")) for each in table.faults] == [fault]


def test_many_workers_are_refused() -> None:
    """Tries, sessions and used ciphertexts are counted in one process."""
    values = {"apps": {"shop": {"platform": "kuaishou", **USUAL}}, "service": {"workers": 2}}
    with pytest.raises(ConfigFaults) as refused:
        from_mapping(values)
    faults = [(each.code, each.where) for each in refused.value.faults]
    assert ("config.needs-one-worker", "service.workers") in faults


def test_the_login_is_a_form() -> None:
    """Id, secret and code go into the body and nowhere else."""
    bench = Bench({LOGIN: _login()})
    phone = bench.find(APP, _sent())
    assert phone.subject is not None
    assert (phone.e164, phone.subject.openid) == ("+8613800138000", "user-1")
    request = bench.sends[0].request
    assert (request.method, request.url, request.query) == ("POST", "https://open.kuaishou.com" + LOGIN, ())
    assert request.headers == (("content-type", "application/x-www-form-urlencoded"),)
    form = parse_qs(request.body.decode(), strict_parsing=True)
    assert form == {"app_id": [APP_ID], "app_secret": [SECRET], "js_code": ["a-login-code"]}
    shown = repr(bench.sends) + repr(APP) + repr(phone)
    assert SECRET not in shown
    assert "13800138000" not in shown


def test_a_lost_login_is_an_unknown_outcome() -> None:
    """Whether the code was used up is not known; the ciphertext is free for another login."""
    bench = Bench({LOGIN: [TimedOut(), _login()]})
    assert isinstance(bench.refused(APP, _sent()), OutcomeUnknown)
    assert bench.find(APP, _sent(code="another")).e164


@pytest.mark.parametrize("entry", catalogue.refusals("kuaishou").values(), ids=lambda entry: entry.native)
def test_every_listed_refusal(entry: catalogue.Entry) -> None:
    """Each code of the table becomes its error, at the place where the table says."""
    native, _, place = entry.native.partition("@")
    if place == "button":
        sent = {"login_code": "a", "authorization": {"errMsg": f"getPhoneNumber:fail {native}"}}
        error = Bench({}).refused(APP, sent)
    else:
        error = Bench({LOGIN: {"result": int(native), "error_msg": f"words {SECRET} 13800138000"}}).refused(
            APP, _sent()
        )
    assert type(error) is BY_CODE[entry.code]
    assert (error.platform_code, error.place) == (native, place or "login")
    assert error.explain("en") == entry.words("en")
    assert SECRET not in str(error) + repr(error) + error.platform_message
    assert "13800138000" not in error.platform_message


@pytest.mark.parametrize(
    ("country_code", "number", "e164"),
    [
        ("86", "13800138000", "+8613800138000"),
        ("86", "+8613800138000", "+8613800138000"),
        ("86", "8613800138000", "+8613800138000"),
        (86, "13800138000", "+8613800138000"),
        ("852", "51234567", "+85251234567"),
        ("852", "+85251234567", "+85251234567"),
        ("1", "+14155550100", "+14155550100"),
        ("1", "4155550100", "+14155550100"),
        ("1", "14155550100", ""),
        ("852", "85251234567", ""),
        ("86", "+85251234567", ""),
        ("852", "+8613800138000", ""),
        ("86", "23800138000", ""),
        ("", "13800138000", ""),
        (None, "13800138000", ""),
        ("86", None, ""),
    ],
)
def test_forms_of_the_number(country_code: object, number: object, e164: str) -> None:
    """With or without the country code, if that is not a guess; a contradiction is refused."""
    bench = Bench({LOGIN: _login()})
    sent = _sent(_sealed(country_code=country_code, number=number))
    if e164:
        assert bench.find(APP, sent).e164 == e164
    else:
        assert isinstance(bench.refused(APP, sent), CannotOpen)


def test_what_is_proven() -> None:
    """The login is proven, and one-time use; without a watermark neither app nor time are, and a policy can say so."""
    phone = Bench({LOGIN: _login()}).find(APP, _sent())
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    proven = {check.name for check in phone.checks if check.proven}
    assert proven == {CheckName.LOGIN_BINDING, CheckName.ONE_TIME_USE}
    strict = configured("kuaishou", **USUAL, require=["app-binding"])
    assert isinstance(Bench({LOGIN: _login()}).refused(strict, _sent()), NotProven)


def test_under_a_key_at_hand() -> None:
    """At the desk nothing is proven."""
    phone = verify_with_session_key(APP, _sealed(), base64.b64encode(KEYS[0]).decode(), now=NOW)
    assert phone.subject is None
    assert not any(check.proven for check in phone.checks)
    with pytest.raises(CannotOpen):
        verify_with_session_key(APP, _sealed(), base64.b64encode(KEYS[1]).decode(), now=NOW)


def test_a_session_key_of_the_client_is_never_used() -> None:
    """Whatever the client calls it and wherever it puts it: only the key of the login opens."""
    own = base64.b64encode(KEYS[1]).decode()
    forged = _sealed(KEYS[1], number="13900139000")
    for name in ("session_key", "sessionKey", "key"):
        for sent in (
            {"login_code": name, "authorization": {**forged, name: own}},
            {"login_code": name, "authorization": forged, name: own},
        ):
            assert isinstance(Bench({LOGIN: _login()}).refused(APP, sent), CannotOpen)


def test_a_ciphertext_is_taken_once() -> None:
    """The same request gets the same answer; a replay is refused for as long as its key is kept."""
    bench = Bench({LOGIN: _login()})
    first, _ = bench.run(log_in(APP, {"login_code": "one"}, now=NOW))
    sent = {"session": first, "authorization": _sealed()}
    assert repeated(bench.find(APP, sent)) == bench.find(APP, sent)
    second, _ = bench.run(log_in(APP, {"login_code": "two"}, now=NOW))
    bench.now += APP.policy.session_seconds - 1
    assert isinstance(bench.refused(APP, {**sent, "session": second}), AlreadyUsed)


def test_a_key_is_one_users() -> None:
    """What was sealed for one user does not open in the session of another."""
    bench = Bench({LOGIN: [_login(KEYS[0], "user-1"), _login(KEYS[1], "user-2")]})
    bench.run(log_in(APP, {"login_code": "one"}, now=NOW))
    other, _ = bench.run(log_in(APP, {"login_code": "two"}, now=NOW))
    assert isinstance(bench.refused(APP, {"session": other, "authorization": _sealed(KEYS[0])}), CannotOpen)


@pytest.mark.parametrize(("result", "following"), [(100200199, "ask-again"), (0, "ask-again"), (100200101, "stop")])
def test_an_unlisted_refusal_of_a_login_asks_for_a_new_one(result: int, following: str) -> None:
    """What a dead code gets is not known, so only a refusal that is known not to be the code's stops."""
    error = Bench({LOGIN: {"result": result, "error": "no", "error_msg": "no"}}).refused(APP, _sent())
    assert (str(error.next_action), error.retry) == (following, False)


@pytest.mark.parametrize(
    ("country_code", "number", "diagnosis"),
    [
        (None, "13800138000", "fields"),
        ("", "13800138000", "fields"),
        ("86", None, "fields"),
        ("86", "", "fields"),
        ("86", "1380013800", "number"),
        (True, "13800138000", "number"),
    ],
)
def test_the_operator_reads_what_is_missing(country_code: object, number: object, diagnosis: str) -> None:
    """The refusal is the same; the log tells a field that is not there from a number that is none."""
    refused = Bench({LOGIN: _login()}).refused(APP, _sent(_sealed(country_code=country_code, number=number)))
    assert isinstance(refused, CannotOpen)
    assert refused.diagnosis == diagnosis
