"""What is left of the quotas that platforms sell: the route, the metric, the warning, and WeChat's own push."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from haoma.platforms.wechat.mirror import WeChatMirror
from haoma.simulator import Simulator
from support.serving import Serving
from support.simulator_toml import some_apps

QUICK, REALTIME = "getPhoneNumber", "getRealtimePhoneNumber"
APPS = ("wechat]", "wechat-free]", "wechat-frozen]", "alipay]")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(platforms=("wechat", "alipay")) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """It asks every second."""
    toml = some_apps(simulator, *APPS).replace("[service]", "[service]\nquota_seconds = 1")
    toml = toml.replace("[apps.wechat]", "[apps.wechat]\nquota_warning = 4990")
    with Serving(tmp_path_factory.mktemp("service"), toml) as serving:
        yield serving


def until(there: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := there()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def gauges(service: Serving, name: str) -> dict[tuple[str, str], float]:
    text = service.ask("GET", "/metrics").body.decode()
    shape = rf'haoma_quota_{name}\{{app="([\w-]+)",(?:pid="\d+",)?platform="wechat",quota="(\w+)"\}} (\S+)'
    return {(found[1], found[2]): float(found[3]) for found in re.finditer(shape, text)}


def test_it_asks_by_itself(service: Serving) -> None:
    """The metric is there soon after the start; who pays nothing is not low, and what is not known is said once."""
    left = until(lambda: len(found := gauges(service, "left")) == 4 and found)
    assert left == {
        ("wechat", QUICK): 5000, ("wechat", REALTIME): 5000, ("wechat-free", QUICK): 0, ("wechat-free", REALTIME): 0,
    }  # fmt: skip
    assert set(gauges(service, "low").values()) == {0}
    unknown = until(
        lambda: [line for line in service.log() if line["event"] == "What is left of a quota is not known."]
    )
    found = {(line["app"], line["quota"], line["code"], line["platform_code"]) for line in unknown}
    assert found == {("wechat-frozen", name, "platform.secret-frozen", "40243") for name in (QUICK, REALTIME)}
    assert len(unknown) == len(found)


def test_the_route(service: Serving, simulator: Simulator) -> None:
    """A server key learns what is left; a platform that sells nothing says so; nobody else learns which apps exist."""

    def ask(app: str, key: str = simulator.server_key) -> tuple[int, Any]:
        got = service.ask("GET", f"/v1/apps/{app}/usage", Authorization=f"Bearer {key}")
        return got.status, got.json

    figures = {"total": 5000, "used": 0, "left": 5000, "low": False}
    assert ask("wechat") == (200, {"quotas": [{"name": QUICK, **figures}, {"name": REALTIME, **figures}]})
    assert ask("wechat-frozen")[1]["quotas"][0] == {
        "name": QUICK, "code": "platform.secret-frozen", "platform_code": "40243",
    }  # fmt: skip
    assert ask("alipay") == (200, {"quotas": []})
    assert [ask(*asked)[1]["code"] for asked in (("nobody",), ("wechat", simulator.publishable_key), ("wechat", "x"))] == [
        "caller.unknown-app", "not-allowed", "caller.key-rejected",
    ]  # fmt: skip


def test_wechats_own_warning(service: Serving, simulator: Simulator) -> None:
    """It is answered, the metric says so, and the log warns of it once an hour."""
    mirror = simulator.stage.mirrors["wechat"]
    assert isinstance(mirror, WeChatMirror)
    for used in ("4200", "4600"):
        query, body = mirror.notice("wechat", total=5000, used=int(used), now=time.time())
        got = service.ask("POST", f"/v1/apps/wechat/callback?{urlencode(query)}", body)
        assert (got.status, got.body, service.logged(got)["pushed"]) == (200, b"success", "quota")
    low = until(lambda: _said(service, "A quota runs low."))
    assert [(line["level"], line["quota"], line["left"], line["total"]) for line in low] == [
        ("warning", QUICK, 800, 5000)
    ]


def test_tokens_and_the_store_are_counted(service: Serving) -> None:
    """Both apps fetch a token, one of them in vain; the store answers steps. No label holds anything from outside."""
    until(lambda: len(_said(service, "What is left of a quota is not known.")) >= 2)
    text = service.ask("GET", "/metrics").body.decode()
    tokens = set(re.findall(r'haoma_tokens_total\{app="([\w-]+)",issuer="(\w+)",outcome="(\w+)"\}', text))
    assert {("wechat", "stable", "fetched"), ("wechat-frozen", "stable", "failed")} <= tokens
    assert tokens <= {
        (app, "stable", kind) for app in ("wechat", "wechat-free", "wechat-frozen") for kind in ("fetched", "failed")
    }
    (steps,) = re.findall(r'haoma_store_steps_total\{outcome="answered"\} (\S+)', text)
    (batches,) = re.findall(r'haoma_store_seconds_count\{outcome="answered"\} (\S+)', text)
    assert float(steps) >= float(batches) > 0
    assert "haoma_store_connections_lost_total 0.0" in text


def _said(service: Serving, event: str) -> list[dict[str, Any]]:
    return [line for line in service.log() if line["event"] == event]
