"""Users who withdraw, where accounts are kept: what a push over HTTP does to them, and what it does not do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from haoma.cli import app as commands
from haoma.platforms.base.mirroring import Push
from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.simulator import Simulator
from support.accounts import key
from support.serving import Serving


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("service")
    toml = simulator.settings_toml()
    toml = toml.replace("[apps.alipay]", '[apps.alipay]\non_withdrawn = "erase"')
    toml = toml.replace("[apps.wechat-merchant]", '[apps.wechat-merchant]\non_withdrawn = "notify"')
    toml += f"""
[store]
database_url = "sqlite:///{folder}/haoma.db"
keys = ["{key("store")}"]

[accounts]
keys = ["{key("numbers")}"]
peppers = ["{key("pepper")}"]
audit_keys = ["{key("audit")}"]
"""
    (folder / "db.toml").write_text(toml)
    done = CliRunner().invoke(commands, ["db", "upgrade", "--config", str(folder / "db.toml")])
    assert done.exit_code == 0, done.output
    with Serving(folder, toml) as serving:
        yield serving


def authorize(service: Serving, simulator: Simulator, platform: str, scene: str) -> dict[str, Any]:
    """Let a new user authorize; return the answer, which names the account and the user's ids."""
    tap = simulator.tap(platform, scene, service=f"http://127.0.0.1:{service.port}")
    got = service.post(f"/v1/apps/{tap.app}/phone-number", tap.body, simulator.server_key)
    assert got.status == 200, got.json
    assert got.json["account"]
    return dict(got.json)


def read(service: Serving, simulator: Simulator, account: str) -> tuple[int, dict[str, Any]]:
    got = service.post(f"/v1/accounts/{account}/read", {}, simulator.server_key)
    return got.status, got.json


def push(service: Serving, pushes: tuple[Push, ...]) -> dict[str, Any]:
    """Post what a platform pushes; return the line of the log."""
    (one,) = pushes
    got = service.ask("POST", f"{one.path}?{urlencode(one.query)}", one.body)
    assert (got.status, got.body) == (200, b"success")
    return service.logged(got)


def ids(answer: dict[str, Any]) -> dict[str, str]:
    return {kind: value for kind, value in answer["subject"].items() if value}


def test_a_number_is_forgotten(service: Serving, simulator: Simulator) -> None:
    """WeChat, unlink: the only login stays, the number is gone, whoever looks it up finds nobody."""
    answer = authorize(service, simulator, "wechat", "ok")
    mirror = simulator.stage.mirrors["wechat"]
    line = push(service, mirror.withdraw("wechat", ids(answer), account=False, now=time.time()))
    assert (line["pushed"], line["acted"]) == ("authorization-withdrawn", True)
    status, account = read(service, simulator, answer["account"])
    assert (status, account["masked"]) == (200, None)
    assert [login["value"] for login in account["logins"]] == [answer["subject"]["openid"]]
    found = service.post("/v1/accounts/look-up", {"phone_number": answer["phone_number"]}, simulator.server_key)
    assert found.json["account"] is None


def test_the_same_push_acts_once(service: Serving, simulator: Simulator) -> None:
    """WeChat repeats it: answered alike, and nothing happens, although the user has authorized again meanwhile."""
    answer = authorize(service, simulator, "wechat", "ok")
    pushes = simulator.stage.mirrors["wechat"].withdraw("wechat", ids(answer), account=True, now=time.time())
    assert push(service, pushes)["acted"]
    for _ in range(2):
        line = push(service, pushes)
        assert (line["pushed"], line["acted"]) == ("account-withdrawn", False)


def test_the_same_push_eight_times_at_once(service: Serving, simulator: Simulator) -> None:
    """Whoever comes first acts; all are answered alike."""
    answer = authorize(service, simulator, "alipay", "ok")
    pushes = simulator.stage.mirrors["alipay"].withdraw("alipay", ids(answer), account=False, now=time.time())
    with ThreadPoolExecutor(8) as pool:
        lines = list(pool.map(lambda _: push(service, pushes), range(8)))
    assert sorted(line["acted"] for line in lines) == [False] * 7 + [True]


def test_an_account_is_erased_by_policy(service: Serving, simulator: Simulator) -> None:
    """Alipay, erase: account, number and login are gone."""
    answer = authorize(service, simulator, "alipay", "ok")
    mirror = simulator.stage.mirrors["alipay"]
    assert push(service, mirror.withdraw("alipay", ids(answer), account=False, now=time.time()))["acted"]
    assert read(service, simulator, answer["account"])[0] == 404
    login = {"app": "alipay", "kind": "openid", "value": answer["subject"]["openid"]}
    assert service.post("/v1/accounts/look-up", {"login": login}, simulator.server_key).json["account"] is None


def test_notify_changes_nothing(service: Serving, simulator: Simulator) -> None:
    """A merchant of a third-party platform, notify: the account is what it was."""
    answer = authorize(service, simulator, "wechat", "component-ok")
    before = read(service, simulator, answer["account"])
    mirror = simulator.stage.mirrors["wechat"]
    assert push(service, mirror.withdraw("wechat-merchant", ids(answer), account=False, now=time.time()))["acted"]
    assert read(service, simulator, answer["account"]) == before


def test_what_is_refused_changes_nothing(service: Serving, simulator: Simulator) -> None:
    """Forged, of another app, about another authorization, about somebody else: the account is what it was."""
    answer = authorize(service, simulator, "wechat", "ok")
    before = read(service, simulator, answer["account"])
    mirror = simulator.stage.mirrors["wechat"]
    assert isinstance(mirror, WeChatMirror)
    now, user = time.time(), ids(answer)
    (good,) = mirror.withdraw("wechat", user, account=False, now=now)
    forged = Push("wechat", good.path, {**good.query, "msg_signature": "0" * 40}, good.body)
    foreign = mirror.own.withdrawal("wx0000000000000000", user, now)
    old = mirror.own.withdrawal(mirror.own.app_id, user, now - 600)
    for query, body in ((forged.query, forged.body), foreign, old):
        assert service.ask("POST", f"{good.path}?{urlencode(query)}", body).status == 422
    wrong = service.ask("POST", f"/v1/apps/wechat-sealed/callback?{urlencode(good.query)}", good.body)
    assert wrong.status == 422
    event = {"Event": "user_authorization_revoke", "AppID": mirror.own.app_id}
    for fields in ({"OpenID": user["openid"], "RevokeInfo": "6"}, {"OpenID": "oSomebody-else", "RevokeInfo": "8"}):
        query, body = mirror.own.event(now, {**event, **fields})
        assert not push(service, (Push("wechat", good.path, query, body),))["acted"]
    assert read(service, simulator, answer["account"]) == before


def test_the_log_holds_nothing_of_a_user(service: Serving, simulator: Simulator) -> None:
    """No id and no number of any user of this module."""
    answer = authorize(service, simulator, "wechat", "ok")
    push(service, simulator.stage.mirrors["wechat"].withdraw("wechat", ids(answer), account=False, now=time.time()))
    written = service.written()
    for secret in (*ids(answer).values(), answer["phone_number"], answer["national_number"]):
        assert secret not in written
