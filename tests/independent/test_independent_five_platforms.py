"""Baidu, Douyin, Kuaishou, Huawei and DingTalk as a stranger would write them: haoma must not depend on its simulator.

What the stand-ins do is in ``support.independent.five_platforms``. The service is a process of its own; codes and users
are made up anew for each test, because tries are counted and codes are remembered.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme
from typer.testing import CliRunner

import haoma
from haoma.cli import app as command_line
from haoma.errors import HaomaError, OutcomeUnknown
from haoma.io.http import Limits
from haoma.io.memory import Memory
from support.independent.five_platforms import (
    ABROAD,
    LATE,
    MAINLAND,
    WAYS,
    Baidu,
    DingTalk,
    Douyin,
    Huawei,
    HuaweiScope,
    KeyPair,
    Kuaishou,
    Stranger,
    WithSessions,
    behaviour,
    sealed,
)
from support.live import Answer, Service, serving, tables

PLATFORMS: dict[str, type[Stranger]] = {
    "baidu": Baidu,
    "douyin": Douyin,
    "kuaishou": Kuaishou,
    "huawei": Huawei,
    "huawei-scope": HuaweiScope,
    "dingtalk": DingTalk,
}
SESSIONS = ["baidu", "kuaishou", "douyin"]  # with session_keys
CODES = ["douyin", "huawei", "huawei-scope", "dingtalk"]  # with codes
TOKEN_REFUSALS = {
    10002: ("platform.request-rejected", "stop"),
    10003: ("platform.credentials-rejected", "stop"),
    10013: ("platform.credentials-rejected", "stop"),
    10020: ("platform.rate-limited", "retry-later"),
}
NEVER_SAID = (
    *(Stranger.secret, "wr0ng-secret-0123456789abcdef012", "13900001234", "51234567"),
    *("clt.st-", "24.token-", "ding-st-", "refuse.", "lost.", "stale.", "dead.", "forbidden.", "busy."),
)
_numbers = itertools.count()


def fresh(what: str) -> str:
    """Return a code that has not been seen before."""
    return f"{what}.{next(_numbers)}"


def user() -> str:
    return f"user{next(_numbers)}"


@dataclass(frozen=True)
class Strangers:
    """All stand-ins by the name of their app, the service that asks them, and the folder of configurations."""

    each: dict[str, Any]
    service: Service
    folder: Path

    def post(self, app: str, body: object, route: str = "phone-number") -> Answer:
        return self.service.post(app, body, route=route)

    def log_in(self, app: str, who: str) -> str:
        """Log a user in and return the handle of the session."""
        answer = self.post(app, {"login_code": self.each[app].login(who)}, "login")
        assert answer.status == 200, answer.json
        return str(answer.json["session"])


PAIR, OLD_PAIR = KeyPair(), KeyPair()


def made() -> dict[str, Stranger]:
    """Return a stand-in for each app."""
    found: dict[str, Stranger] = {
        f"{name}-{way}": Douyin(habits, pair=PAIR) if platform is Douyin else platform(habits)
        for name, platform in PLATFORMS.items()
        for way, habits in WAYS.items()
    }
    found |= {"baidu-v2": Baidu(interface="v2"), "baidu-v2-text": Baidu(WAYS["text"], interface="v2")}
    found |= {"baidu-wrong": Baidu(), "baidu-v2-wrong": Baidu(interface="v2")}
    found |= {"douyin-token": Douyin(WAYS["text"], token="plain", pair=PAIR)}
    found |= {f"douyin-{kind}": Douyin(pair=PAIR) for kind in ("rotation", "no-encrypted-data", "encrypted-data-alone")}
    return found


DIFFERENT: dict[str, dict[str, Any]] = {
    "baidu-wrong": {"app_secret": "wr0ng-secret-0123456789abcdef012"},
    "baidu-v2-wrong": {"app_secret": "wr0ng-secret-0123456789abcdef012"},
    "douyin-text": {"app_private_key": PAIR.pkcs1, "login_base_url": None},
    "douyin-gbk": {"app_private_key": PAIR.bare},
    "douyin-rotation": {"app_private_key": [PAIR.pem(), OLD_PAIR.pkcs1]},
    "douyin-no-encrypted-data": {"accept_encrypted_data": False},
    "douyin-encrypted-data-alone": {"app_private_key": None},
}


def changed(app: str, table: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an app, which for some apps differ from those of the others."""
    return {name: value for name, value in (table | DIFFERENT.get(app, {})).items() if value is not None}


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strangers]:
    folder = tmp_path_factory.mktemp("strangers")
    authority = folder / "ca.pem"  # to load the system's takes longer than a request
    trustme.CA().cert_pem.write_to_path(str(authority))
    each = made()
    with ExitStack() as stack:
        urls = {way: stack.enter_context(serving(behaviour(way, each))) for way in WAYS.values()}
        apps = {app: changed(app, one.settings(f"{urls[one.way]}/{app}")) for app, one in each.items()}
        top = f"allow_insecure_upstreams = true\nca_file = {json.dumps(str(authority))}\n"
        for app, table in apps.items():
            (folder / f"{app}.toml").write_text(top + tables({app: table}), "utf-8")
        yield Strangers(each, stack.enter_context(Service(folder, tables(apps))), folder)
    assert {app: one.faults for app, one in each.items() if one.faults} == {}


def bodies(one: Stranger, form: str, who: str) -> list[dict[str, Any]]:
    """Return what front ends post, in several shapes; two of Douyin's bring a login."""
    match one:
        case Douyin():
            return [
                {"code": fresh(f"good.{form}")},
                {"authorization": {"code": fresh(f"good.{form}")}, "login_code": fresh(f"good.login.{who}")},
                {"detail": {"errMsg": "getPhoneNumber:ok", "code": fresh(f"good.{form}"), "cloudId": "x"}},
                {"phoneCode": fresh(f"good.{form}"), "loginCode": fresh(f"good.login.{who}")},
            ]
        case Huawei() | HuaweiScope():
            return [
                {"code": fresh(f"good.{form}")},
                {"authorization": {"authorizationCode": fresh(f"good.{form}"), "openID": "x", "unionID": "y"}},
                {"authorization_code": fresh(f"good.{form}")},
            ]
        case DingTalk():
            return [
                {"code": fresh(f"good.{form}")},
                {"authorization": {"authCode": fresh(f"good.{form}"), "state": "x"}},
                {"auth_code": fresh(f"good.{form}")},
            ]
    raise AssertionError(one)


def sealed_bodies(one: WithSessions, form: str, who: str, session: str) -> list[Any]:
    """Return the same for sealed data, under the session_key of a login that has taken place."""
    events = [one.event(who, form) for _ in range(5)]
    # Baidu's pages call the ciphertext "data".
    named = {"data": events[4]["encryptedData"], "iv": events[4]["iv"]} if isinstance(one, Baidu) else events[4]
    return [
        {"session": session, **named},
        {"session": session, "authorization": events[0]},
        {"session": session, "detail": {"errMsg": "getPhoneNumber:ok", **events[1]}},
        {"session": session, "encrypted_data": events[2]["encryptedData"], "iv": events[2]["iv"]},
        urlencode({"session": session, **events[3]}).encode(),
    ]


def assert_found(answer: Answer, number: str, **subject: str) -> None:
    assert answer.status == 200, answer.json
    assert answer.number == number
    assert answer.json["subject"] == (subject or None)


def assert_refused(answer: Answer, code: str, following: str, native: str = "") -> None:
    """The refusal has our code, a remedy and what to do next, and repeats nothing that the platform has repeated."""
    found = answer.json
    assert (answer.code, found.get("next"), found.get("platform_code", "")) == (code, following, native), found
    assert found["remedy"]
    told = answer.body.decode()
    said = json.dumps(found, ensure_ascii=False)
    assert [secret for secret in NEVER_SAID if secret in told or secret in said] == []


# --- numbers ---


def known(one: Stranger, who: str) -> dict[str, str]:
    """Return the subject that a result has to name."""
    match one:
        case Huawei() | HuaweiScope():
            return {"openid": "o-Huawei_openid", "unionid": "u-Huawei_unionid"}
        case DingTalk():
            return {"openid": "o-Ding_openid", "unionid": "u-Ding_unionid"}
    return {"openid": f"o-{who}_openid"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("platform", CODES)
def test_codes(platform: str, way: str, strangers: Strangers) -> None:
    """A code becomes the number, whatever the shape of the body, the form of the number and the server's habits."""
    app, one = f"{platform}-{way}", strangers.each[f"{platform}-{way}"]
    for form, number in list(one.forms.items())[: None if way == "plain" else 1]:
        who = user()
        for body in bodies(one, form, who):
            answer = strangers.post(app, body)
            logged_in = platform != "douyin" or "login_code" in body or "loginCode" in body
            assert_found(answer, number, **(known(one, who) if logged_in else {}))
            # Remembered: the stand-in would refuse the code.
            assert strangers.post(app, body).json == {**answer.json, "repeated": True}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("platform", SESSIONS)
def test_sealed(platform: str, way: str, strangers: Strangers) -> None:
    """Sealed data becomes the number, whatever the shape of the body, the form of the number and the server's habits."""
    app, one = f"{platform}-{way}", strangers.each[f"{platform}-{way}"]
    forms = {form: number for form, number in one.forms.items() if form != "wrapped"}  # of codes alone
    for form, number in list(forms.items())[: None if way == "plain" else 1]:
        who = user()
        for body in sealed_bodies(one, form, who, strangers.log_in(app, who)):
            answer = strangers.post(app, body)
            assert_found(answer, number, **known(one, who))
            assert strangers.post(app, body).json == {**answer.json, "repeated": True}


@pytest.mark.parametrize("app", ["baidu-v2", "baidu-v2-text"])
def test_baidu_v2(app: str, strangers: Strangers) -> None:
    """The second login interface of Baidu gives a session_key as well, under another name of the id."""
    who = user()
    session = strangers.log_in(app, who)
    body = {"session": session, **strangers.each[app].event(who)}
    assert_found(strangers.post(app, body), MAINLAND, openid=f"o-{who}_openid")


def test_baidu_partner_code(strangers: Strangers) -> None:
    """A login code of a partner's app has an @ in it."""
    code = fresh(f"good.login.{user()}") + "@partner+app/=%&"
    login = strangers.post("baidu-plain", {"loginCode": code}, "login")
    assert (login.status, strangers.each["baidu-plain"].times(code)) == (200, 1)


def test_baidu_long_content(strangers: Strangers) -> None:
    """A frame of more than 255 bytes, which a reader of the lowest byte of the length gets wrong."""
    one, who = strangers.each["baidu-plain"], user()
    session = strangers.log_in("baidu-plain", who)
    for more in (256, 300, 5000):
        content = b'{"mobile":%b"13900001234"}' % (b" " * more)
        body = {"session": session, **sealed(one.frame(content), one.key(who), os.urandom(16), 32)}
        assert_found(strangers.post("baidu-plain", body), MAINLAND, openid=f"o-{who}_openid")


def test_huawei_reachable(strangers: Strangers) -> None:
    """A number that Huawei has not seen to work for 90 days says so."""
    levels = [
        strangers.post("huawei-plain", {"code": fresh(code)}).json["assurance"]
        for code in ("good.zeros.stale", "good.zeros")
    ]
    assert levels == ["platform-stale", "platform-recently-reachable"]


# --- haoma open ---


def command(strangers: Strangers, app: str, *options: str) -> list[str]:
    return ["open", "--config", str(strangers.folder / f"{app}.toml"), "--app", app, "--json", *options, "-"]


@pytest.mark.parametrize("app", [f"{platform}-{way}" for platform in PLATFORMS for way in ("plain", "text")])
def test_command_line(app: str, strangers: Strangers) -> None:
    """``haoma open`` finds the number too."""
    one, who = strangers.each[app], user()
    if isinstance(one, WithSessions):
        login = one.login(who)
        sent = {"loginCode": login, "authorization": one.event(who)}
    else:
        sent = {"code": fresh(f"good.{next(iter(one.forms))}")}
    told = CliRunner().invoke(command_line, command(strangers, app), input=json.dumps(sent))
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["phone_number"], found["subject"]) == (MAINLAND, known(one, who))


@pytest.mark.parametrize("platform", SESSIONS)
def test_command_line_under_a_key(platform: str, strangers: Strangers) -> None:
    """``haoma open --session-key`` opens sealed data without the platform, and says that no login was looked at."""
    one, who = strangers.each[f"{platform}-plain"], user()
    one.login(who)
    asked = len(one.seen)
    options = command(strangers, f"{platform}-plain", "--session-key", one.key(who))
    told = CliRunner().invoke(command_line, options, input=json.dumps(one.event(who)))
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    proven = {check["name"] for check in found["checks"] if check["proven"]}
    assert (found["phone_number"], found["subject"]) == (MAINLAND, None)
    assert not proven & {"login-binding", "one-time-use", "signature", "freshness"}
    assert len(one.seen) == asked


def test_installed_command(strangers: Strangers) -> None:
    """The same as a command of its own, with the login code beside the file; then what it says when that is used."""
    one, who = strangers.each["baidu-gbk"], user()
    options = command(strangers, "baidu-gbk", "--login-code", one.login(who))
    told = subprocess.run(
        [sys.executable, "-m", "haoma", *options],
        input=json.dumps(one.event(who)).encode(),
        capture_output=True,
        check=False,
    )
    assert (told.returncode, json.loads(told.stdout)["phone_number"]) == (0, MAINLAND), told.stderr
    used = CliRunner().invoke(command_line, options, input=json.dumps(one.event(who)))
    assert (used.exit_code, json.loads(used.stdout)["next"]) == (1, "ask-again")


# --- refusals ---


def refused_logins() -> Iterator[tuple[str, str, str, str]]:
    """Yield app, the platform's code, ours, and what to do next."""
    for app in ("baidu-plain", "baidu-text"):
        yield app, "10010100", "platform.request-rejected", "stop"
        yield app, "10010199", "platform.refused", "ask-again"
        yield app, "invalid_request", "platform.request-rejected", "stop"
        yield app, "invalid_client", "platform.credentials-rejected", "stop"
        yield app, "invalid_grant", "platform.login-code-rejected", "ask-again"
        yield app, "unauthorized_client", "platform.permission-missing", "stop"
        yield app, "unsupported_grant_type", "platform.request-rejected", "stop"
    for app in ("kuaishou-plain", "kuaishou-text"):
        yield app, "100200100", "platform.request-rejected", "stop"
        yield app, "100200101", "platform.credentials-rejected", "stop"
        yield app, "0", "platform.refused", "ask-again"
        yield app, "100200199", "platform.refused", "ask-again"
    for app in ("douyin-plain", "douyin-text"):
        yield app, "-1", "platform.busy", "retry-later"
        yield app, "40014", "platform.request-rejected", "stop"
        yield app, "40015", "platform.credentials-rejected", "stop"
        yield app, "40017", "platform.credentials-rejected", "stop"
        yield app, "40018", "platform.login-code-rejected", "ask-again"
        yield app, "40019", "platform.login-code-rejected", "ask-again"


@pytest.mark.parametrize("app, native, code, following", list(refused_logins()))
def test_refused_login(app: str, native: str, code: str, following: str, strangers: Strangers) -> None:
    """What the platform refuses at the login has its own words, and says whether a new login may help."""
    one, who = strangers.each[app], user()
    login = fresh(f"refuse.{native}.{who}")
    assert_refused(strangers.post(app, {"login_code": login}, "login"), code, following, native)
    one.login(who)
    event = one.event(who)
    login = fresh(f"refuse.{native}.{who}")
    assert_refused(strangers.post(app, {"login_code": login, **event}), code, following, native)
    # It was the login that failed: the sealed data is as good as before.
    good = {"login_code": f"good.login.{who}.0", **event}
    assert_found(strangers.post(app, good), MAINLAND, **known(one, who))


DOUYIN_PHONE = {
    28001007: ("platform.request-rejected", "stop"),
    28001008: ("platform.token-rejected", "retry-later"),
    28001012: ("platform.user-not-authorized", "ask-again"),
    28001014: ("platform.permission-missing", "stop"),
    28001015: ("platform.wrong-token-kind", "stop"),
    28001016: ("platform.permission-missing", "stop"),
    28001017: ("platform.request-rejected", "stop"),
    28001018: ("platform.permission-missing", "stop"),
    28001019: ("platform.permission-missing", "stop"),
    28001056: ("platform.request-rejected", "stop"),
    28003017: ("platform.quota-exhausted", "stop"),
    28003018: ("platform.rate-limited", "retry-later"),
    28005187: ("platform.code-rejected", "ask-again"),
    28009999: ("platform.refused", "ask-again"),
}


@pytest.mark.parametrize("app", ["douyin-plain", "douyin-text"])
@pytest.mark.parametrize("native", DOUYIN_PHONE)
def test_refused_by_douyin(app: str, native: int, strangers: Strangers) -> None:
    """Douyin's codes of the phone, as numbers and as texts."""
    answer = strangers.post(app, {"code": fresh(f"refuse.{native}")})
    assert_refused(answer, *DOUYIN_PHONE[native], str(native))


def test_busy_douyin(strangers: Strangers) -> None:
    """Busy is asked again at once, and is then an unknown outcome; once is enough to make a "used" unknown, too."""
    one, app = strangers.each["douyin-plain"], "douyin-plain"

    def busy(native: int, kind: str) -> None:
        code = fresh(f"{kind}.{native}")
        if kind == "busy":
            assert_found(strangers.post(app, {"code": code}), MAINLAND)
            return
        if kind == "busy-then-used":
            one.used.add(code)
        answer = strangers.post(app, {"code": code})
        wanted = ("ask-again", "28005187") if kind == "busy-then-used" else ("retry-later", str(native))
        assert_refused(answer, "outside.outcome-unknown", *wanted)
        assert one.times(code) <= 3

    with ThreadPoolExecutor() as pool:
        kinds = ("refuse", "busy", "busy-then-used")
        list(pool.map(busy, *zip(*itertools.product((28001005, 28001006), kinds), strict=True)))


@pytest.mark.parametrize("native", TOKEN_REFUSALS)
@pytest.mark.parametrize("app", ["douyin-token", "douyin-http-1-0"])
def test_refused_token(app: str, native: int, strangers: Strangers) -> None:
    """Douyin's codes of the token; the phone code has not been used, so the same request may come again."""
    one, code = strangers.each[app], fresh("stale.bare")
    assert_found(strangers.post(app, {"code": fresh("good.bare")}), MAINLAND)
    for fate, refused in (
        (native, (*TOKEN_REFUSALS[native], str(native))),
        (0, ("outside.connection-lost", "retry-later", "")),
    ):
        one.token_fate = fate
        assert_refused(strangers.post(app, {"code": code}), *refused)
    one.token_fate = None
    assert_found(strangers.post(app, {"code": code}), MAINLAND)
    assert one.times(code) == 2  # once under the old token, once under the new one


HUAWEI = {
    60010001: ("platform.busy", "retry-later"),
    60010002: ("platform.request-rejected", "stop"),
    60010012: ("platform.code-rejected", "ask-again"),
    60010013: ("platform.credentials-rejected", "stop"),
    60180003: ("platform.app-mismatch", "stop"),
    60180004: ("platform.code-rejected", "ask-again"),
    60180005: ("platform.code-rejected", "ask-again"),
    60180006: ("platform.user-not-authorized", "ask-again"),
    60180007: ("platform.permission-missing", "stop"),
    60180008: ("platform.no-phone-bound", "stop"),
    60180009: ("platform.user-blocked", "stop"),
    60199999: ("platform.refused", "stop"),
}


@pytest.mark.parametrize("app", ["huawei-plain", "huawei-text", "huawei-gbk"])
@pytest.mark.parametrize("native", HUAWEI)
def test_refused_by_huawei(app: str, native: int, strangers: Strangers) -> None:
    """Huawei's codes, all with HTTP status 200."""
    assert_refused(strangers.post(app, {"code": fresh(f"refuse.{native}")}), *HUAWEI[native], str(native))


@pytest.mark.parametrize(
    "status, code, following",
    [
        (403, "platform.request-rejected", "stop"),
        (404, "platform.request-rejected", "stop"),
        (405, "platform.request-rejected", "stop"),
        (500, "platform.busy", "retry-later"),
        (502, "platform.busy", "retry-later"),
        (503, "platform.rate-limited", "retry-later"),
        (590, "platform.busy", "retry-later"),
        (501, "outside.nonsense-reply", "retry-later"),
        (429, "outside.nonsense-reply", "retry-later"),
    ],
)
def test_status_of_huawei(status: int, code: str, following: str, strangers: Strangers) -> None:
    """Huawei's HTTP status, with a page for people."""
    native = "" if code.startswith("outside") else f"http-{status}"
    assert_refused(strangers.post("huawei-plain", {"code": fresh(f"status.{status}")}), code, following, native)


HUAWEI_SCOPE = {
    "refuse.12304": ("platform.credentials-rejected", "stop", "12304"),
    "refuse.20154": ("platform.app-mismatch", "stop", "20154"),
    "refuse.20155": ("platform.code-rejected", "ask-again", "20155"),
    "refuse.20199": ("platform.refused", "stop", "20199"),
    "status.503": ("platform.rate-limited", "retry-later", "http-503"),
    "forbidden.102": ("platform.token-rejected", "ask-again", "102"),
    "forbidden.403": ("platform.permission-missing", "stop", "403"),
    "forbidden.1302": ("platform.rate-limited", "retry-later", "1302"),
    "forbidden.silently": ("platform.permission-missing", "stop", "mobile-missing"),
}


@pytest.mark.parametrize("app", ["huawei-scope-plain", "huawei-scope-text"])
@pytest.mark.parametrize("what", HUAWEI_SCOPE)
def test_refused_by_huawei_scope(app: str, what: str, strangers: Strangers) -> None:
    """Refusals of a code with HTTP status 400, of a token in a header with 200, and the user without a number."""
    assert_refused(strangers.post(app, {"code": fresh(what)}), *HUAWEI_SCOPE[what])


DINGTALK = {
    "refuse.invalidParameter.authCode.notFound": ("platform.code-rejected", "ask-again"),
    "refuse.invalidClientIdOrSecret": ("platform.credentials-rejected", "stop"),
    "refuse.ServiceUnavailable": ("platform.busy", "retry-later"),
    "refuse.Something.Else": ("platform.refused", "ask-again"),
    "forbidden.60011": ("platform.permission-missing", "stop"),
    "forbidden.errcode": ("platform.permission-missing", "stop"),
    "forbidden.silently": ("platform.permission-missing", "stop"),
}


@pytest.mark.parametrize("app", ["dingtalk-plain", "dingtalk-text"])
@pytest.mark.parametrize("what", DINGTALK)
def test_refused_by_dingtalk(app: str, what: str, strangers: Strangers) -> None:
    """DingTalk's refusals, and the user without a number."""
    native = what.partition(".")[2].replace("silently", "mobile-missing").replace("errcode", "60011")
    assert_refused(strangers.post(app, {"authCode": fresh(what)}), *DINGTALK[what], native)


@pytest.mark.parametrize(("what", "following"), [("status.502", "retry-later"), ("nobody.x", "ask-again")])
def test_login_without_sense(what: str, following: str, strangers: Strangers) -> None:
    """A page for people where JSON should be, or a login without an id, is no login; the latter used the code up."""
    answer = strangers.post("baidu-plain", {"login_code": fresh(f"{what}.{user()}")}, "login")
    assert_refused(answer, "outside.nonsense-reply", following)


def test_gateway_in_front_of_douyin(strangers: Strangers) -> None:
    """Behind a gateway's error the code may have been used up: a "used" that follows proves nothing."""
    code = fresh("status.504")
    assert_refused(strangers.post("douyin-plain", {"code": code}), "outside.nonsense-reply", "retry-later")
    answer = strangers.post("douyin-plain", {"code": code})
    assert_refused(answer, "outside.outcome-unknown", "ask-again", "28005187")


BUTTONS = {
    "baidu": {"getPhoneNumber:fail auth deny": ("envelope.user-declined", "ask-again")},
    "kuaishou": {
        "getPhoneNumber:user deny": ("envelope.user-declined", "ask-again"),
        "getPhoneNumber:fail no permission": ("platform.permission-missing", "stop"),
    },
    "douyin": {
        "getPhoneNumber:fail platform auth deny": ("platform.permission-missing", "stop"),
        "getPhoneNumber:fail no permission": ("platform.permission-missing", "stop"),
        "getPhoneNumber:fail no phone number": ("platform.no-phone-bound", "stop"),
        "getPhoneNumber:fail not login": ("platform.login-code-rejected", "ask-again"),
        "getPhoneNumber:fail auth deny": ("envelope.user-declined", "ask-again"),
        "getPhoneNumber:fail invalid session": ("platform.login-code-rejected", "ask-again"),
        "getPhoneNumber:fail internal error": ("platform.busy", "ask-again"),
    },
}


@pytest.mark.parametrize("platform", BUTTONS)
def test_buttons(platform: str, strangers: Strangers) -> None:
    """A button that failed says why, and nothing is asked of the platform."""
    one = strangers.each[f"{platform}-plain"]
    asked = len(one.seen)
    for words, (code, following) in BUTTONS[platform].items():
        for body in ({"errMsg": words}, {"detail": {"errMsg": words, "encryptedData": "", "iv": "", "code": ""}}):
            answer = strangers.post(f"{platform}-plain", {"login_code": fresh("good.login.x"), **body})
            assert (answer.code, answer.json["next"]) == (code, following)
    assert len(one.seen) == asked


@pytest.mark.parametrize(
    "app, native, code",
    [
        ("baidu-wrong", "10010100", "platform.request-rejected"),
        ("baidu-v2-wrong", "invalid_client", "platform.credentials-rejected"),
    ],
)
def test_wrong_secret_of_baidu(app: str, native: str, code: str, strangers: Strangers) -> None:
    """The secret of another app: neither interface says it in the same way, and no login helps."""
    login = strangers.post(app, {"login_code": fresh(f"good.login.{user()}")}, "login")
    assert_refused(login, code, "stop", native)


@pytest.mark.parametrize("app", [f"{platform}-plain" for platform in PLATFORMS])
def test_double_tap(app: str, strangers: Strangers) -> None:
    """The same request many times at once is one question to the platform, and one answer."""
    one, who = strangers.each[app], user()
    if isinstance(one, Baidu | Kuaishou):
        code = one.login(who)
        body = {"login_code": code, "authorization": one.event(who)}
    else:
        code = fresh(f"good.{next(iter(one.forms))}")
        body = {"code": code}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: strangers.post(app, body), range(6)))
    assert all({**answer.json, "repeated": 0} == {**answers[0].json, "repeated": 0} for answer in answers)
    assert_found(answers[0], MAINLAND, **({} if app == "douyin-plain" else known(one, who)))
    first = [path for path, each in one.seen if each == code]
    assert len(first) == len(set(first))  # DingTalk is asked two things


# --- tokens ---


def send(strangers: Strangers, app: str, code: str) -> Answer:
    """Send a code to where the app needs a token: for Baidu that is the login."""
    name, route = ("login_code", "login") if app.startswith("baidu") else ("code", "phone-number")
    return strangers.post(app, {name: code}, route)


@pytest.mark.parametrize(
    "app, code",
    [
        ("douyin-plain", "stale.bare"),
        ("douyin-token", "stale.bare"),
        ("baidu-v2", "stale.110"),
        ("baidu-v2", "stale.111"),
        ("baidu-v2-text", "stale.111"),
    ],
)
def test_stale_token(app: str, code: str, strangers: Strangers) -> None:
    """A token that the platform calls dead is renewed once, and the same code is sent once more."""
    one, code = strangers.each[app], fresh(f"{code}.{user()}")
    assert send(strangers, app, fresh(f"good.bare.{user()}")).status == 200  # there is a token
    before = one.fetched
    assert send(strangers, app, code).status == 200
    assert (one.fetched - before, one.times(code)) == (1, 2)


@pytest.mark.parametrize(
    "app, code, tries",
    [
        ("douyin-plain", "refuse.28001008", 1),  # the new token is the old one
        ("douyin-token", "refuse.28001008", 2),  # it is another one, and no better
        ("baidu-v2", "dead.110", 1),
        ("baidu-v2-text", "dead.111", 1),
    ],
)
def test_dead_token(app: str, code: str, tries: int, strangers: Strangers) -> None:
    """If the new token is no better, or is the same one, that is the end: no circle."""
    one, code = strangers.each[app], fresh(f"{code}.{user()}")
    assert send(strangers, app, fresh(f"good.bare.{user()}")).status == 200
    before = one.fetched
    answer = send(strangers, app, code)
    assert_refused(answer, "platform.token-rejected", "retry-later", code.split(".")[1])
    assert (one.fetched - before, one.times(code)) == (1, tries)


@pytest.mark.parametrize("app", ["douyin-plain", "douyin-token", "baidu-v2"])
def test_stale_token_under_load(app: str, strangers: Strangers) -> None:
    """Many requests that find the same dead token share one new one: a plain one more would void the one before."""
    one = strangers.each[app]
    first, *codes = [fresh(f"good.bare.{user()}") for _ in range(9)]
    assert send(strangers, app, first).status == 200
    before = one.fetched
    one.void()
    with ThreadPoolExecutor(len(codes)) as pool:
        answers = list(pool.map(lambda code: send(strangers, app, code), codes))
    assert [answer.status for answer in answers] == [200] * len(codes)
    assert one.fetched - before == 1


# --- nobody knows ---


@pytest.mark.parametrize("app", [f"{platform}-{way}" for platform in CODES for way in ("plain", "chunked", "http-1-0")])
def test_lost(app: str, strangers: Strangers) -> None:
    """The code is taken, then the connection breaks: unknown, and a "used" that follows is unknown still."""
    one, code = strangers.each[app], fresh("lost.x")
    assert_refused(strangers.post(app, {"code": code}), "outside.outcome-unknown", "retry-later")
    again = strangers.post(app, {"code": code})
    assert (again.code, one.times(code)) == ("outside.outcome-unknown", 2)
    assert again.json["platform_code"]
    # Another request with the code, such as a thief's, gets no try of its own.
    assert strangers.post(app, {"code": code, "more": 1}).code in {"trust.already-used", "outside.outcome-unknown"}
    assert one.times(code) == 2


@pytest.mark.parametrize(
    "app, first", [("dingtalk-plain", "/v1.0/oauth2/userAccessToken"), ("huawei-scope-plain", "/oauth2/v3/token")]
)
def test_half(app: str, first: str, strangers: Strangers) -> None:
    """The second call breaks: the same request goes on from there, and does not send the code again."""
    one, code = strangers.each[app], fresh("half.x")
    broken = strangers.post(app, {"code": code})
    assert (broken.code.split(".")[0], broken.json["next"]) == ("outside", "retry-later"), broken.json
    assert_found(strangers.post(app, {"code": code}), MAINLAND, **known(one, ""))
    assert [path for path, each in one.seen if each == code].count(first) == 1


@pytest.mark.parametrize("first", ["status.503", "status.500", "status.590", "busy.60010001"])
def test_used_after_busy_huawei(first: str, strangers: Strangers) -> None:
    """After flow control or a fault inside, "used" may be the work of the first try."""
    code = fresh(first)
    assert strangers.post("huawei-plain", {"code": code}).json["next"] == "retry-later"
    answer = strangers.post("huawei-plain", {"code": code})
    assert_refused(answer, "outside.outcome-unknown", "ask-again", "60180005")


@pytest.mark.parametrize("platform", SESSIONS)
def test_lost_login(platform: str, strangers: Strangers) -> None:
    """A login that breaks is unknown; its code is then of no use, and a new login opens the same data."""
    app = f"{platform}-plain"
    one, who = strangers.each[app], user()
    one.login(who)
    event = one.event(who)
    code = fresh(f"lost.x.{who}")
    body = {"login_code": code, **event}
    assert_refused(strangers.post(app, body), "outside.outcome-unknown", "retry-later")
    assert strangers.post(app, body).json["next"] == "ask-again"
    good = {"session": strangers.post(app, {"login_code": f"good.login.{who}.0"}, "login").json["session"], **event}
    assert_found(strangers.post(app, good), MAINLAND, **known(one, who))


def test_late(strangers: Strangers) -> None:
    """An answer that comes too late is an unknown outcome as well, and so is the "used" of the next try."""

    def too_late(app: str) -> None:
        one, memory = strangers.each[app], Memory()
        settings = haoma.load(strangers.folder / f"{app}.toml")
        with (
            haoma.Client(settings, memory=memory) as patient,
            haoma.Client(settings, limits=Limits(read=LATE / 5), memory=memory) as hasty,
        ):
            if isinstance(one, Baidu | Kuaishou):
                who = user()
                one.login(who)
                sent = {"login_code": fresh(f"late.x.{who}"), **one.event(who)}
            else:
                patient.get_phone_number(app, {"code": fresh(f"good.{next(iter(one.forms))}")})  # there is a token
                sent = {"code": fresh("late.x")}
            with pytest.raises(OutcomeUnknown):
                hasty.get_phone_number(app, sent)
            with pytest.raises(HaomaError) as again:
                patient.get_phone_number(app, sent)
            assert (again.value.next_action, isinstance(again.value, OutcomeUnknown)) == (
                "ask-again",
                "code" in sent,
            ), app

    with ThreadPoolExecutor(len(PLATFORMS)) as pool:
        list(pool.map(too_late, [f"{platform}-hanging-up" for platform in PLATFORMS]))


# --- session_keys ---


@pytest.mark.parametrize("platform", SESSIONS)
def test_last_two_keys(platform: str, strangers: Strangers) -> None:
    """Data of the login before the last one opens; that of an older one does not."""
    app = f"{platform}-plain"
    one, who = strangers.each[app], user()
    for _ in range(3):
        session = strangers.log_in(app, who)
    for nth in (-1, -2):
        assert_found(strangers.post(app, {"session": session, **one.event(who, nth=nth)}), MAINLAND, **known(one, who))
    answer = strangers.post(app, {"session": session, **one.event(who, nth=-3)})
    assert_refused(answer, "trust.cannot-open", "ask-again")


@pytest.mark.parametrize(
    "app", [f"{platform}-plain" for platform in SESSIONS] + ["baidu-v2", "douyin-encrypted-data-alone"]
)
def test_own_session_key(app: str, strangers: Strangers) -> None:
    """Whoever brings a session_key of his own gets no number, with a login and without."""
    one, who, mine = strangers.each[app], user(), user()
    one.login(mine)
    key = one.key(mine)
    forged = one.event(mine)
    for name in ("session_key", "sessionKey"):
        for body in ({name: key, **forged}, {"authorization": {name: key, **forged}}, {name: key, "detail": forged}):
            answer = strangers.post(app, body)
            assert (answer.status, answer.number) == (400, ""), answer.json
        session = strangers.log_in(app, who)
        assert_refused(
            strangers.post(app, {name: key, "session": session, **one.event(mine)}), "trust.cannot-open", "ask-again"
        )


def broken(one: Any, who: str) -> Iterator[dict[str, str]]:
    """Yield sealed data of a user of which each piece is wrong in another way."""
    event = one.event(who)
    yield {**event, "encryptedData": event["encryptedData"][:-24]}
    yield {**event, "encryptedData": "A" * 128}
    if isinstance(one, Baidu):
        content = one.way.written({"mobile": "13900001234"})
        yield one.event(who, app_key="0therAppKey0123456789abcdef01234")
        yield one.event(who, app_key=one.app_key.lower())
        yield one.event(who, app_key=one.app_key + "\0")
        for length in (len(content) + 1, len(content) + 32, 2**16, 2**31, 2**32 - 1, 0, len(content) - 1):
            yield one.event(who, length=length)
        raw = one.frame(content)
        assert len(raw) % 32 < 16  # or padding to 16 bytes would be padding to 32
        for plain, block in ((raw, 16), (raw[:19], 32), (raw[:20], 32), (content, 32)):
            yield sealed(plain, one.key(who), os.urandom(16), block)
        little = os.urandom(16) + struct.pack("<I", len(content)) + content + one.app_key.encode()
        yield sealed(little, one.key(who), os.urandom(16), 32)
        for number in ("+8613900001234", "51234567", "", "139****1234"):
            wrong = one.frame(json.dumps({"mobile": number}).encode())
            yield sealed(wrong, one.key(who), os.urandom(16), 32)
    if isinstance(one, Douyin):
        yield one.event(who, app_id="tt99999999999999")
        yield sealed(
            b'{"phoneNumber":"13900001234","purePhoneNumber":"13900001234","countryCode":"86"}',
            one.key(who),
            os.urandom(16),
            16,
        )
    if isinstance(one, Kuaishou):
        yield sealed(b'{"countryCode":"86","phoneNumber":"139****1234"}', one.key(who), os.urandom(16), 16)
        yield sealed(b'{"phoneNumber":"13900001234"}', one.key(who), os.urandom(16), 16)
    yield sealed(b"13900001234", one.key(who), os.urandom(16), 16)


@pytest.mark.parametrize("platform", SESSIONS)
def test_one_refusal(platform: str, strangers: Strangers) -> None:
    """Foreign apps, lengths beyond the frame, bad padding and bad numbers: one refusal, and no word to tell them apart."""
    app = f"{platform}-plain"
    one = strangers.each[app]
    answers = set()
    for nth in itertools.count():
        who = user()  # a session_key has three tries
        session = strangers.log_in(app, who)
        event = next(itertools.islice(broken(one, who), nth, None), None)
        if event is None:
            break
        answer = strangers.post(app, {"session": session, **event})
        found = {name: value for name, value in answer.json.items() if name != "request_id"}
        answers.add((answer.status, json.dumps(found, sort_keys=True)))
        assert answer.code == "trust.cannot-open", found
        assert_found(strangers.post(app, {"session": session, **one.event(who)}), MAINLAND, **known(one, who))
    assert nth >= 5
    assert len(answers) == 1, answers


# --- Douyin's keys, and its two ways at once ---


def test_rotation(strangers: Strangers) -> None:
    """The console changes the key at once, in the middle of the day."""
    one, app = strangers.each["douyin-rotation"], "douyin-rotation"
    for one.pair in (PAIR, OLD_PAIR, PAIR):
        assert_found(strangers.post(app, {"code": fresh("good.abroad")}), ABROAD)
    one.pair = KeyPair()
    assert_refused(strangers.post(app, {"code": fresh("good.bare")}), "trust.cannot-open", "ask-again")


def test_foreign_watermark(strangers: Strangers) -> None:
    """A reply whose watermark names another app is refused as one that does not open."""
    assert_refused(strangers.post("douyin-plain", {"code": fresh("foreign.x")}), "trust.cannot-open", "ask-again")


def both(one: Douyin, who: str, code: str) -> dict[str, str]:
    """Return the event of a new base library, as it comes; the number in the sealed data is another one."""
    return {"errMsg": "getPhoneNumber:ok", "code": fresh(code), "cloudId": "x", **one.event(who, "abroad")}


def test_code_first(strangers: Strangers) -> None:
    """With both, the code counts; the sealed data is for the case that it is of no use."""
    one, who = strangers.each["douyin-plain"], user()
    session = strangers.log_in("douyin-plain", who)
    answer = strangers.post("douyin-plain", {"session": session, "detail": both(one, who, "good.bare")})
    assert_found(answer, MAINLAND, **known(one, who))
    detail = both(one, who, "refuse.28005187")
    body = {"session": session, "detail": detail}
    answer = strangers.post("douyin-plain", body)
    assert_found(answer, ABROAD, **known(one, who))
    proven = {check["name"]: check["proven"] for check in answer.json["checks"]}
    assert (proven["login-binding"], proven["signature"]) == (True, False)
    assert strangers.post("douyin-plain", body).json == {**answer.json, "repeated": True}
    # The sealed data is used up with it, alone and beside another bad code.
    sent = {name: detail[name] for name in ("encryptedData", "iv")}
    for again in (sent, {**sent, "code": fresh("refuse.28005187")}):
        assert strangers.post("douyin-plain", {"session": session, **again}).code == "trust.already-used"


def test_no_fall_back(strangers: Strangers) -> None:
    """No login, an unknown outcome, a way that is off: then the code's refusal stands."""
    one, who = strangers.each["douyin-plain"], user()
    session = strangers.log_in("douyin-plain", who)
    post: Callable[..., Answer] = strangers.post
    assert post("douyin-plain", both(one, who, "refuse.28005187")).code == "platform.code-rejected"
    for code in ("lost.x", "busy-then-used.28001005"):
        detail = both(one, who, code)
        body = {"session": session, "detail": detail}
        if code.startswith("busy"):
            one.used.add(detail["code"])
        assert post("douyin-plain", body).code == "outside.outcome-unknown"
        assert post("douyin-plain", body).code == "outside.outcome-unknown"
    off, who = strangers.each["douyin-no-encrypted-data"], user()
    session = strangers.log_in("douyin-no-encrypted-data", who)
    answer = post("douyin-no-encrypted-data", {"session": session, "detail": both(off, who, "refuse.28005187")})
    assert answer.code == "platform.code-rejected"
    assert (
        post("douyin-no-encrypted-data", {"session": session, **off.event(who)}).code == "envelope.encrypted-data-off"
    )


def test_session_key_flow_alone(strangers: Strangers) -> None:
    """An app without a private key takes the sealed data and leaves the code alone."""
    one, who = strangers.each["douyin-encrypted-data-alone"], user()
    session = strangers.log_in("douyin-encrypted-data-alone", who)
    body = both(one, who, "good.bare")
    answer = strangers.post("douyin-encrypted-data-alone", {"session": session, "detail": body})
    assert_found(answer, ABROAD, **known(one, who))
    assert one.times(body["code"]) == 0


# --- what is left behind ---


def test_no_secret_is_left(strangers: Strangers) -> None:
    """Neither the log nor what is printed has a secret, a token, a session_key, a code or a number."""
    app = "kuaishou-plain"
    who = user()
    session = strangers.log_in(app, who)
    strangers.post(app, {"session": session, **strangers.each[app].event(who)})
    printed = strangers.service.printed.decode()
    assert printed
    for one in strangers.each.values():
        secrets = {*NEVER_SAID, *(code for _path, code in one.seen)}
        if isinstance(one, WithSessions):
            secrets |= {key for keys in one.session_keys.values() for key in keys}
        assert [secret for secret in secrets if secret in printed] == []
