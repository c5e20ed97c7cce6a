"""``haoma usage``: what is left of the quotas, and what it ends with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from haoma.authorize import take_push
from haoma.cli import app
from haoma.io import blocking
from haoma.io.clock import now
from haoma.settings.reader import load
from haoma.simulator import Simulator
from haoma.store.opening import open_store

QUICK, REALTIME = "getPhoneNumber", "getRealtimePhoneNumber"


@pytest.fixture
def haoma(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Run the command with some of the simulator's apps."""
    for name in ("LC_ALL", "LC_MESSAGES", "HAOMA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.chdir(tmp_path)
    with Simulator(platforms=("wechat", "alipay")) as simulator:

        def invoke(tables: tuple[str, ...], *arguments: str, more: str = "") -> Any:
            head, *parts = simulator.settings_toml().split("[apps.")
            kept = [f"[apps.{part}" for part in parts if part.split("]")[0] in tables]
            Path("haoma.toml").write_text(head + "\n".join(kept) + more, "utf-8")
            return CliRunner().invoke(app, ["usage", *arguments])

        invoke.stage = simulator.stage  # type: ignore[attr-defined]
        yield invoke


def test_what_is_left(haoma: Callable[..., Any]) -> None:
    """Each quota of each app, with what is left as WeChat counts: all less effectiveUse. A low one ends with 1."""
    ran = haoma(("wechat", "wechat-free", "alipay"))
    assert (ran.exit_code, ran.stderr) == (0, "")
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert lines == [
        ["app", "quota", "total", "used", "left"],
        ["wechat", QUICK, "5000", "0", "5000"], ["wechat", REALTIME, "5000", "0", "5000"],
        ["wechat-free", QUICK, "0", "0", "0"], ["wechat-free", REALTIME, "0", "0", "0"],
    ]  # fmt: skip
    ran = haoma(("wechat",), "--json", more="quota_warning = 5000\n")
    (quick, realtime) = json.loads(ran.stdout)["quotas"]
    assert (ran.exit_code, realtime["quota"]) == (1, REALTIME)
    assert quick == {
        "app": "wechat", "platform": "wechat", "quota": QUICK, "total": 5000, "used": 0, "left": 5000, "low": True,
    }  # fmt: skip
    assert "only 5000 left" in haoma(("wechat",), more="quota_warning = 5000\n").stdout


def test_what_cannot_be_asked(haoma: Callable[..., Any]) -> None:
    """A platform that refuses is told of, in both languages; who sells nothing is no failure."""
    ran = haoma(("wechat-frozen", "wechat"), "--lang", "zh")
    assert ran.exit_code == 1
    assert "wechat-frozen, getPhoneNumber: 没有查到" in ran.stdout
    assert "platform.secret-frozen" in ran.stdout
    ran = haoma(("wechat-frozen", "wechat"), "--json", "--app", "wechat-frozen")
    assert [(each["error"], each["platform_code"]) for each in json.loads(ran.stdout)["quotas"]] == [
        ("platform.secret-frozen", "40243")
    ] * 2
    ran = haoma(("alipay", "wechat-cloud"))
    assert (ran.exit_code, ran.stdout.count("\n")) == (0, 1)
    assert haoma(("wechat",), "--app", "nobody").exit_code == 2


def test_a_merchant_is_asked_with_the_tokens_of_the_service(haoma: Callable[..., Any], tmp_path: Path) -> None:
    """The ticket was pushed to the service and is in its store; without it nobody can ask, and nothing is made."""
    ran = haoma(("wechat-package",), "--json")
    assert (ran.exit_code, {each.get("error") for each in json.loads(ran.stdout)["quotas"]}) == (
        1, {"platform.token-rejected", None},
    )  # fmt: skip
    assert not list(tmp_path.glob("haoma.db*"))
    settings = load("haoma.toml")
    mirror: Any = haoma.stage.mirrors["wechat"]  # type: ignore[attr-defined]
    with closing(open_store(settings.store)) as store:  # type: ignore[type-var]
        pushed = take_push(settings.app("wechat-package"), *mirror.merchants.push(now()), now=now())
        blocking.run(pushed, blocking.World(None, store))  # type: ignore[arg-type]
    ran = haoma(("wechat-package",), "--json")
    assert {each["quota"]: each.get("left") for each in json.loads(ran.stdout)["quotas"]} == {
        QUICK: 5000, REALTIME: 0, f"provider-{QUICK}": 15000, f"provider-{REALTIME}": 0,
    }  # fmt: skip
    assert ran.exit_code == 0
