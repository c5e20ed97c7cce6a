"""The way out by text message: from a number that a user types to a login with it, on three providers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from haoma.platforms.base.mirroring import Person
from haoma.secret import Secret
from haoma.simulator import Simulator
from haoma.simulator.sms import PROVIDERS
from haoma.sms.signing import acs3, tc3
from support.live import PUBLISHABLE_KEY, SERVER_KEY, Answer, Service, tables

NUMBERS = iter(range(10_00, 99_00))


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module", params=PROVIDERS)
def each(
    request: pytest.FixtureRequest, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with each of the providers."""
    with sending(request.param, simulator, tmp_path_factory.mktemp("sms")) as service:
        yield service


@pytest.fixture(scope="module")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for what does not depend on the provider."""
    with sending("aliyun", simulator, tmp_path_factory.mktemp("sms")) as service:
        yield service


def sending(provider: str, simulator: Simulator, folder: Path) -> Service:
    settings = simulator.stage.settings(simulator.url, sms=provider)
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings["sms"].items()]
    apps = tables({name: settings["apps"][name] for name in ("wechat", "alipay")})
    return Service(folder, f"{apps}\n[sms]\n" + "\n".join(lines))


def number(ends: str = "99") -> str:
    """Return a number that no other test has, whose end chooses what happens."""
    return f"138{next(NUMBERS):06d}{ends}"


def login(simulator: Simulator, app: str = "wechat", user: str = "") -> str:
    return simulator.stage.tap(app, "ok", person=Person(user)).login_code


def ask(service: Service, route: str, body: dict[str, Any], app: str = "wechat", key: str = SERVER_KEY) -> Answer:
    return service.post(app, body, route=f"sms/{route}", key=key)


def sent(service: Service, simulator: Simulator, to: str, app: str = "wechat") -> dict[str, Any]:
    got = ask(service, "send", {"phone_number": to, "login_code": login(simulator, app)}, app)
    assert got.status == 200, got.json
    assert (got.json["expires_in"], got.json["resend_after"]) == (300, 60)
    return dict(got.json)


def entered(answer: dict[str, Any], code: object) -> dict[str, Any]:
    return {"ticket": answer["ticket"], "session": answer["session"], "sms_code": code}


def code_of(simulator: Simulator, to: str) -> str:
    return str(simulator.stage.messages.delivered(to)["code"])


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


@pytest.mark.parametrize("app", ["wechat", "alipay"])
def test_a_code_that_was_sent_and_entered(each: Service, simulator: Simulator, app: str) -> None:
    """The result is a phone number as any other, with the assurance that it is by text message."""
    to = number()
    answer = sent(each, simulator, to, app)
    got = ask(each, "check", entered(answer, code_of(simulator, to)), app)
    assert (got.status, got.json["phone_number"], got.json["assurance"]) == (200, f"+86{to}", "sms")
    assert got.json["subject"]
    proven = {check["name"]: check["proven"] for check in got.json["checks"]}
    assert proven == {
        "signature": False, "app-binding": True, "freshness": True, "login-binding": True, "one-time-use": True
    }  # fmt: skip
    again = ask(each, "check", entered(answer, code_of(simulator, to)), app)
    assert (again.status, again.json["repeated"]) == (200, True)


def test_a_publishable_key_gets_a_masked_number_and_a_token(service: Service, simulator: Simulator) -> None:
    """As with the button."""
    to = number()
    body = {"phone_number": f"+86 {to[:3]} {to[3:7]} {to[7:]}", "login_code": login(simulator)}
    answer = ask(service, "send", body, key=PUBLISHABLE_KEY).json
    got = ask(service, "check", entered(answer, code_of(simulator, to)), key=PUBLISHABLE_KEY)
    assert got.status == 200
    assert "phone_number" not in got.json
    assert got.json["token"]


def test_a_wrong_code_and_too_many(each: Service, simulator: Simulator) -> None:
    """After five tries even the right one is refused, in the same words."""
    to = number()
    answer = sent(each, simulator, to)
    code = code_of(simulator, to)
    refusals = [ask(each, "check", entered(answer, f"{(int(code) + n) % 10**6:06d}")) for n in range(1, 6)]
    refusals.append(ask(each, "check", entered(answer, code)))
    told = [{name: value for name, value in got.json.items() if name != "request_id"} for got in refusals]
    assert {got.status for got in refusals} == {422}
    assert all(one == told[0] for one in told)
    assert (told[0]["code"], told[0]["next"]) == ("trust.sms-code-wrong", "ask-again")


def test_a_code_is_for_the_user_who_asked(service: Service, simulator: Simulator) -> None:
    """Another user who has read it, and has the ticket, gets nothing."""
    to = number()
    answer = sent(service, simulator, to)
    stranger = service.post("wechat", {"login_code": login(simulator)}, route="login").json["session"]
    got = ask(service, "check", {**entered(answer, code_of(simulator, to)), "session": stranger})
    assert got.json["code"] == "trust.sms-code-wrong"
    assert ask(service, "check", entered(answer, code_of(simulator, to))).status == 200


def test_one_winner(service: Service, simulator: Simulator) -> None:
    """Of twenty who send the same code at once, all get one answer: it was concluded once."""
    to = number()
    answer = sent(service, simulator, to)
    body = entered(answer, code_of(simulator, to))
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: ask(service, "check", body), range(20)))
    assert {each.status for each in found} == {200}
    assert sum(not each.json["repeated"] for each in found) == 1
    other_key = ask(service, "check", body, key=PUBLISHABLE_KEY)
    assert other_key.status in {409, 422}


def test_asked_again_within_a_minute(service: Service, simulator: Simulator) -> None:
    """The same ticket, and no second message."""
    to = number()
    first = sent(service, simulator, to)
    again = ask(service, "send", {"phone_number": to, "session": first["session"]})
    assert again.json["ticket"] == first["ticket"]
    assert 0 < again.json["resend_after"] <= 60
    assert simulator.stage.messages.delivered(to)["count"] == 1


@pytest.mark.parametrize(
    ("ends", "status", "code"),
    [
        ("01", 429, "platform.rate-limited"),
        ("02", 502, "platform.request-rejected"),
        ("03", 503, "platform.quota-exhausted"),
        ("05", 400, "envelope.bad-field"),
    ],
)
def test_what_the_provider_refuses(each: Service, simulator: Simulator, ends: str, status: int, code: str) -> None:
    """Both say 200 to it."""
    got = ask(each, "send", {"phone_number": number(ends), "login_code": login(simulator)})
    assert (got.json["code"], got.status) == (code, status)


def test_a_message_whose_answer_is_lost_was_sent(each: Service, simulator: Simulator) -> None:
    """The user has it, so the code is good."""
    to = number("04")
    answer = sent(each, simulator, to)
    assert ask(each, "check", entered(answer, code_of(simulator, to))).status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"phone_number": "13800138099"}, "envelope.missing-field"),
        ({"phone_number": "13800138099", "session": "made-up"}, "trust.session-unknown"),
        ({"login_code": "x"}, "envelope.missing-field"),
        ({"phone_number": "+85251234567", "login_code": "x"}, "envelope.bad-field"),
        ({"phone_number": "02112345678", "login_code": "x"}, "envelope.bad-field"),
        ({"phone_number": ["13800138099"], "login_code": "x"}, "envelope.bad-field"),
    ],
)
def test_nothing_is_sent_without_a_login_or_to_anywhere(service: Service, body: dict[str, Any], code: str) -> None:
    """No openid, no message; only to countries that are allowed."""
    assert ask(service, "send", body).json["code"] == code


def test_budgets(service: Service, simulator: Simulator) -> None:
    """A user can have five messages in an hour, to whatever numbers."""
    session = service.post("wechat", {"login_code": login(simulator)}, route="login").json["session"]
    found = [ask(service, "send", {"phone_number": number(), "session": session}) for _ in range(6)]
    assert [each.status for each in found] == [200] * 5 + [429]
    assert found[-1].json["because"]["limit"] == "user-hour"
    assert int(found[-1].headers["retry-after"]) == 3600


def test_no_number_and_no_code_in_the_log(service: Service, simulator: Simulator) -> None:
    """Whatever is asked, right or wrong."""
    to = number()
    answer = sent(service, simulator, to)
    code = code_of(simulator, to)
    ask(service, "check", entered(answer, other(code)))
    ask(service, "check", entered(answer, code))
    ask(service, "send", {"phone_number": number("02"), "login_code": login(simulator)})
    time.sleep(0.5)
    written = service.printed.decode()
    for secret in (to, code, answer["ticket"], "13800", "simulated-key-secret"):
        assert secret not in written


def test_the_published_examples_of_both_signatures() -> None:
    """Aliyun's page of the structure of a request, and Tencent's of its signature."""
    named = {
        "x-acs-action": "RunInstances", "x-acs-version": "2014-05-26", "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
    }  # fmt: skip
    query = {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
    headers = dict(acs3("YourAccessKeyId", Secret("YourAccessKeySecret"), "ecs.cn-shanghai.aliyuncs.com", query, named))
    assert headers["authorization"].endswith("06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    key = Secret("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")
    signed = tc3("x", key, "cvm", "cvm.tencentcloudapi.com", body, 1551113065)
    assert signed.endswith("72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168")
