"""Baidu: settings, both logins, custody of session_keys, replays, and what a result proves."""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import parse_qs

import pytest

from haoma import catalogue
from haoma.authorize import log_in, verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.crypto.opening import aes_cbc, read_framed_json
from haoma.errors import BY_CODE, AlreadyUsed, CannotOpen, ConfigFaults, OutcomeUnknown, SessionUnknown, TimedOut
from haoma.platforms.baidu import BAIDU
from haoma.platforms.base.table import Table
from haoma.settings.reader import from_mapping
from haoma.verified import ALL_CHECKS, CheckName
from support.wire import NOW, Bench, configured, repeated

APP_KEY = "synthAppKeySynthAppKeySynthKey00"
SECRET = "0123456789abcdef0123456789abcdef"
KEYS = [bytes([each]) * 24 for each in range(1, 6)]
V1, V2, TOKEN = "/oauth/jscode2sessionkey", "/rest/2.0/smartapp/getsessionkey", "/oauth/2.0/token"
APP = configured("baidu", app_key=APP_KEY, app_secret=SECRET)
APP_V2 = configured("baidu", app_key=APP_KEY, app_secret=SECRET, login="v2")


def _login(key: bytes = KEYS[0], openid: str = "user-1") -> dict[str, str]:
    return {"openid": openid, "session_key": base64.b64encode(key).decode()}


def _v2(key: bytes = KEYS[0]) -> dict[str, Any]:
    return {"errno": 0, "msg": "", "data": {"open_id": "user-1", "session_key": base64.b64encode(key).decode()}}


def _token(text: str) -> dict[str, Any]:
    return {"access_token": text, "expires_in": 2592000}


def _sealed(key: bytes = KEYS[0], mobile: str = "13800138000", app_key: str = APP_KEY, salt: int = 0) -> dict[str, str]:
    content = b'{"mobile":"%s"}' % mobile.encode()
    frame = salt.to_bytes(16) + len(content).to_bytes(4) + content + app_key.encode()
    return {"encryptedData": forge_cbc(key, bytes(16), frame, block=32), "iv": "A" * 22 + "=="}


def _sent(sealed: dict[str, str] | None = None, code: str = "a-login-code", **more: Any) -> dict[str, Any]:
    return {"login_code": code, "authorization": sealed or _sealed(), **more}


# --- settings


def _faults(**settings: Any) -> list[tuple[str, str]]:
    table = Table("shop", {"platform": "baidu", **settings}, now=NOW)
    assert (BAIDU.configure(table) is None) == table.broken
    return [(fault.code, fault.where.removeprefix("apps.shop.")) for fault in table.faults]


USUAL = {"app_key": APP_KEY, "app_secret": SECRET}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"app_secret": SECRET}, ("config.missing-setting", "app_key")),
        ({"app_key": APP_KEY}, ("config.missing-setting", "app_secret")),
        ({**USUAL, "app_key": "16000000"}, ("config.app-id-shape", "app_key")),
        ({**USUAL, "app_secret": APP_KEY}, ("config.app-secret-shape", "app_secret")),
        ({**USUAL, "login": "v3"}, ("config.wrong-type", "login")),
        ({**USUAL, "api_base_url": "http://baidu.example.com"}, ("config.insecure-upstream", "api_base_url")),
        ({**USUAL, "openapi_base_url": "ftp://x"}, ("config.bad-url", "openapi_base_url")),
        ({**USUAL, "accept_encrypted_data": True}, ("config.unknown-setting", "accept_encrypted_data")),
    ],
)
def test_a_fault_is_named_with_its_setting(settings: dict[str, Any], fault: tuple[str, str]) -> None:
    """Each fault names the setting that it is in."""
    assert fault in _faults(**settings)


def test_the_app_key_is_the_id_that_counts() -> None:
    """The numeric AppID may be written down, and nothing uses it; requests go to one origin only."""
    app = configured("baidu", **USUAL, app_id="16000000")
    assert app.app_id == APP_KEY
    assert app.upstreams == ("https://spapi.baidu.com",)
    assert APP_V2.upstreams == ("https://openapi.baidu.com",)
    assert SECRET not in repr(app)


def test_many_workers_are_refused() -> None:
    """Tries, sessions and used ciphertexts are counted in one process."""
    values = {"apps": {"shop": {"platform": "baidu", **USUAL}}, "service": {"workers": 2}}
    with pytest.raises(ConfigFaults) as refused:
        from_mapping(values)
    faults = [(each.code, each.where) for each in refused.value.faults]
    assert ("config.needs-one-worker", "service.workers") in faults


# --- login


def test_login_v1_is_a_form() -> None:
    """AppKey and AppSecret go into the body and nowhere else; a code with an @ passes as it is."""
    bench = Bench({V1: _login()})
    assert bench.find(APP, _sent(code="a+code/with@partner")).e164 == "+8613800138000"
    request = bench.sends[0].request
    assert (request.method, request.url, request.query) == ("POST", "https://spapi.baidu.com" + V1, ())
    assert request.headers == (("content-type", "application/x-www-form-urlencoded"),)
    form = parse_qs(request.body.decode(), strict_parsing=True)
    assert form == {"code": ["a+code/with@partner"], "client_id": [APP_KEY], "sk": [SECRET]}


def test_an_errno_of_null_is_none() -> None:
    """A field that is null says as much as one that is not there."""
    nulls = {"errno": None, "error": None, "error_code": None}
    assert Bench({V1: {**_login(), **nulls}}).find(APP, _sent()).e164 == "+8613800138000"


def test_login_v2_keeps_its_token() -> None:
    """One token serves many logins; it is asked for with a form, and travels in the query."""
    bench = Bench({TOKEN: _token("24.one"), V2: _v2()})
    for number in range(3):
        phone = bench.find(APP_V2, _sent(_sealed(salt=number), f"code-{number}"))
        assert phone.subject is not None
        assert phone.subject.openid == "user-1"
    assert bench.calls == {TOKEN: 1, V2: 3}
    form = parse_qs(bench.sends[0].request.body.decode(), strict_parsing=True)
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": [APP_KEY],
        "client_secret": [SECRET],
        "scope": ["smartapp_snsapi_base"],
    }
    assert dict(bench.sends[1].request.query) == {"access_token": "24.one", "code": "code-0"}


def test_a_token_is_renewed_shortly_before_it_expires() -> None:
    """`expires_in` is believed, and five minutes are kept back, up to six."""
    bench = Bench({TOKEN: [{**_token("24.one"), "expires_in": 86400}, _token("24.two")], V2: _v2()})
    bench.find(APP_V2, _sent())
    bench.now += 86400 - 361
    bench.find(APP_V2, _sent(_sealed(salt=1), "two"))
    assert bench.calls[TOKEN] == 1
    bench.now += 62
    bench.find(APP_V2, _sent(_sealed(salt=2), "three"))
    assert bench.calls[TOKEN] == 2


@pytest.mark.parametrize("error_code", [110, 111])
def test_a_dead_token_costs_one_fetch_and_one_call(error_code: int) -> None:
    """The same code goes out once more with a new token."""
    dead = {"error_code": error_code, "error_msg": "no"}
    bench = Bench({TOKEN: [_token("24.one"), _token("24.two")], V2: [dead, _v2()]})
    assert bench.find(APP_V2, _sent()).e164
    assert bench.calls == {TOKEN: 2, V2: 2}
    assert dict(bench.sends[-1].request.query) == {"access_token": "24.two", "code": "a-login-code"}


@pytest.mark.parametrize("tokens", [["24.one", "24.two"], ["24.one", "24.one"]])
def test_a_token_war_ends(tokens: list[str]) -> None:
    """At most one new token and one more call; none if the new token is the old one."""
    dead = {"error_code": 110, "error_msg": "no"}
    bench = Bench({TOKEN: [_token(each) for each in tokens], V2: dead})
    error = bench.refused(APP_V2, _sent())
    assert (error.code, error.retry) == ("platform.token-rejected", True)
    assert bench.calls == {TOKEN: 2, V2: len(set(tokens))}


@pytest.mark.parametrize(("app", "path"), [(APP, V1), (APP_V2, V2)])
def test_a_lost_login_is_an_unknown_outcome(app: Any, path: str) -> None:
    """Whether the code was used up is not known; the ciphertext is free for another login."""
    bench = Bench({TOKEN: _token("24.one"), path: [TimedOut(), _login() if path == V1 else _v2()]})
    assert isinstance(bench.refused(app, _sent()), OutcomeUnknown)
    assert bench.find(app, _sent(code="another")).e164


@pytest.mark.parametrize("entry", catalogue.refusals("baidu").values(), ids=lambda entry: entry.native)
def test_every_listed_refusal(entry: catalogue.Entry) -> None:
    """Each code of the table becomes its error, at the place where the table says."""
    native, _, place = entry.native.partition("@")
    body: dict[str, Any]
    if not native.isdigit():
        body = {"error": native, "error_description": f"words {SECRET} 13800138000"}
    elif len(native) == 3:
        body = {"error_code": int(native), "error_msg": f"words {SECRET}"}
    else:
        body = {"errno": int(native), "error": f"words {SECRET}"}
    gateway = place == "token" or len(native) == 3
    app = APP_V2 if gateway else APP
    bench = Bench({TOKEN: body if place == "token" else _token("24.one"), V1: (400, body), V2: body})
    error = bench.refused(app, _sent())
    assert type(error) is BY_CODE[entry.code]
    assert (error.platform_code, error.place) == (native, place or "login")
    assert error.explain("zh") == entry.words("zh")
    assert SECRET not in str(error) + repr(error) + error.platform_message
    assert "13800138000" not in error.platform_message


def test_secrets_are_not_shown() -> None:
    """Neither in a step, nor in an error that quotes them."""
    bench = Bench({TOKEN: _token("24.secret-token"), V2: {"errno": 7, "msg": f"{SECRET} 24.secret-token a-login-code"}})
    error = bench.refused(APP_V2, _sent())
    shown = repr(bench.sends) + repr(error) + str(error) + error.platform_message
    for secret in (SECRET, "24.secret-token", "a-login-code"):
        assert secret not in shown


# --- opening


def test_the_known_answer_of_baidu() -> None:
    """The ciphertext of Baidu's own demo opens into the object that the demo expects."""
    key = base64.b64decode("1df09d0a1677dd72b8325aec59576e0c")
    iv = base64.b64decode("1df09d0a1677dd72b8325Q==")
    ciphertext = base64.b64decode(
        "OpCoJgs7RrVgaMNDixIvaCIyV2SFDBNLivgkVqtzq2GC10egsn+PKmQ/+5q+chT8xzldLUog2haTItyIkKyvzvmXonBQLIMeq54axAu9c3KG8IhpFD6"
        "+ymHocmx07ZKi7eED3t0KyIxJgRNSDkFk5RV1ZP2mSWa7ZgCXXcAbP0RsiUcvhcJfrSwlpsm0E1YJzKpYy429xrEEGvK+gfL+Cw=="
    )
    found, fault, *_ = read_framed_json(aes_cbc(key, iv), ciphertext, b"y2dTfnWfkx2OXttMEMWlGHoB1KzMogm7")
    assert found == {"openid": "open_id", "nickname": "baidu_user", "headimgurl": "url of image", "sex": 1}
    assert not fault
    _, fault, *_ = read_framed_json(aes_cbc(key, iv), ciphertext, b"y2dTfnWfkx2OXttMEMWlGHoB1KzMogm8")
    assert fault == "app-key"


@pytest.mark.parametrize("blanks", range(32))
def test_every_length_of_padding(blanks: int) -> None:
    """One to 32 bytes of padding, whatever the length of the content."""
    content = b'{"mobile":"13800138000"' + b" " * blanks + b"}"
    frame = bytes(16) + len(content).to_bytes(4) + content + APP_KEY.encode()
    sealed = {"encryptedData": forge_cbc(KEYS[0], bytes(16), frame, block=32), "iv": "A" * 22 + "=="}
    assert Bench({V1: _login()}).find(APP, _sent(sealed)).e164 == "+8613800138000"


def test_what_is_proven() -> None:
    """App and login are proven, and one-time use; signature and freshness are not, and are listed all the same."""
    phone = Bench({V1: _login()}).find(APP, _sent())
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    proven = {check.name for check in phone.checks if check.proven}
    assert proven == {CheckName.APP_BINDING, CheckName.LOGIN_BINDING, CheckName.ONE_TIME_USE}


def test_under_a_key_at_hand() -> None:
    """At the desk: the app is proven, and nothing of the user; what is wrong is in the diagnosis."""
    phone = verify_with_session_key(APP, _sealed(), base64.b64encode(KEYS[0]).decode(), now=NOW)
    assert phone.subject is None
    assert {check.name for check in phone.checks if check.proven} == {CheckName.APP_BINDING}
    for key, diagnosis in ((KEYS[1], "padding"), (KEYS[0][:16], "session-key")):
        with pytest.raises(CannotOpen) as refused:
            verify_with_session_key(APP, _sealed(), base64.b64encode(key).decode(), now=NOW)
        assert refused.value.diagnosis == diagnosis


def test_the_last_two_keys_open() -> None:
    """A login between tap and arrival does no harm; a key before the last two is gone."""
    bench = Bench({V1: [_login(key) for key in KEYS[:3]]})
    handle = ""
    for code in ("one", "two", "three"):
        handle, _ = bench.run(log_in(APP, {"login_code": code}, now=NOW))
    for key, opens in ((KEYS[2], True), (KEYS[1], True), (KEYS[0], False)):
        sent = {"session": handle, "authorization": _sealed(key)}
        if opens:
            assert bench.find(APP, sent).e164
        else:
            assert isinstance(bench.refused(APP, sent), CannotOpen)


def test_a_key_is_one_users() -> None:
    """What was sealed for one user does not open in the session of another."""
    bench = Bench({V1: [_login(KEYS[0], "user-1"), _login(KEYS[1], "user-2")]})
    bench.run(log_in(APP, {"login_code": "one"}, now=NOW))
    other, _ = bench.run(log_in(APP, {"login_code": "two"}, now=NOW))
    assert isinstance(bench.refused(APP, {"session": other, "authorization": _sealed(KEYS[0])}), CannotOpen)


def test_a_key_expires() -> None:
    """After `session_seconds` the session and its keys are gone."""
    bench = Bench({V1: _login()})
    handle, _ = bench.run(log_in(APP, {"login_code": "one"}, now=NOW))
    bench.now += APP.policy.session_seconds + 1
    assert isinstance(bench.refused(APP, {"session": handle, "authorization": _sealed()}), SessionUnknown)


def test_a_ciphertext_is_taken_once() -> None:
    """The same request gets the same answer; a replay is refused for as long as its key is kept."""
    bench = Bench({V1: _login()})
    first, _ = bench.run(log_in(APP, {"login_code": "one"}, now=NOW))
    sent = {"session": first, "authorization": _sealed()}
    assert repeated(bench.find(APP, sent)) == bench.find(APP, sent)
    second, _ = bench.run(log_in(APP, {"login_code": "two"}, now=NOW))
    assert isinstance(bench.refused(APP, {**sent, "session": second}), AlreadyUsed)
    bench.now += APP.policy.session_seconds - 1
    assert isinstance(bench.refused(APP, {**sent, "session": second}), AlreadyUsed)
    assert APP.policy.code_seconds >= APP.policy.session_seconds


def test_a_hostile_length_costs_nothing() -> None:
    """Four gigabytes that are not there are not allocated, sought or waited for."""
    frame = bytes(16) + b"\xff\xff\xff\xff" + b'{"mobile":"13800138000"}' + APP_KEY.encode()
    sealed = {"encryptedData": forge_cbc(KEYS[0], bytes(16), frame, block=32), "iv": "A" * 22 + "=="}
    started = time.perf_counter()
    assert Bench({V1: _login()}).refused(APP, _sent(sealed)).diagnosis == "frame"
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(("errno", "following"), [(10010106, "ask-again"), (10010100, "stop")])
@pytest.mark.parametrize("app", [APP, APP_V2], ids=["v1", "v2"])
def test_an_unlisted_refusal_of_a_login_asks_for_a_new_one(app: Any, errno: int, following: str) -> None:
    """What a dead code gets is in no table, so only a refusal that is known not to be the code's stops."""
    refused = {"errno": errno, "error": "no", "msg": "no"}
    error = Bench({V1: refused, V2: refused, TOKEN: _token("24.token")}).refused(app, _sent())
    assert (str(error.next_action), error.retry) == (following, False)


@pytest.mark.parametrize("seconds", ["", "0", "-1", "30 days", "99999999", "\u0663\u0660", True, None, 0, 1.5])
def test_a_life_that_is_none(seconds: object) -> None:
    """Whatever cannot be the life of a token is no sense; no code is sent."""
    bench = Bench({TOKEN: {"access_token": "24.token", "expires_in": seconds}, V2: _v2()})
    error = bench.refused(APP_V2, _sent())
    assert (error.code, bench.calls[V2]) == ("outside.nonsense-reply", 0)
