"""The demo, end to end: the real service beside the simulator, in processes of their own."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpcore2
import pytest
from rich.console import Console
from test_phone import Page, scene_of
from typer.testing import CliRunner

from haoma.cli import app as command_line
from haoma.crypto.strict import parse_json_object
from haoma.simulator import demo
from haoma.simulator.beside import Outcome, Service, ServiceDied, free_port
from haoma.simulator.demo import scenes
from haoma.simulator.showing import one_line
from haoma.simulator.stage import Stage

COMMAND = [sys.executable, "-m", "haoma", "demo"]


def test_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """``haoma demo --once`` ends by itself, with 0 when all ended well. What all its scenes do is tested below."""
    monkeypatch.setattr(demo, "scenes", lambda stage: scenes(stage)[:1])
    ran = CliRunner().invoke(command_line, ["demo", "--once", "--lang", "en"])
    assert ran.exit_code == 0, ran.output
    assert "All 3 scenes ended as expected" in ran.output
    assert "Ctrl-C" not in ran.output


def test_left_running() -> None:
    """Without ``--once`` every scene is played over HTTP, and no secret is given away; then both stay up.

    What it prints to copy works, and Ctrl-C ends both.
    """
    env = {**os.environ, "LANG": "en_US.UTF-8"}
    with subprocess.Popen([*COMMAND, "--lang", "zh"], stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        seen = ""
        for line in process.stdout:
            seen += line
            if line.startswith("      -H 'Content-Type"):
                break
        walk, left, seen = seen.partition("两者继续运行")
        assert left, walk
        assert f"全部 {len(scenes(Stage())) + 2} 个场景都符合预期" in walk
        assert walk.count("✗") == 0
        assert re.search(
            r"\A在浏览器里打开手机：http://\S+/phone/$", walk.replace("正在启动模拟器和服务…\n", ""), re.MULTILINE
        )
        assert "40 个相同的答复" in walk
        assert not re.search(r"1\d{10}|[A-Za-z0-9+/]{40}", walk)
        platforms = re.search(r"^模拟平台 +(http://\S+)$", seen, re.MULTILINE)
        service = re.search(r"^服务 +(http://[\w.:]+)", seen, re.MULTILINE)
        key = re.search(r"^服务密钥 +(\S+)$", seen, re.MULTILINE)
        assert platforms, seen
        assert service, seen
        assert key, seen
        page = Page(platforms[1])  # it sends to the service of the demo, and moves its clock
        assert page.catalogue["service"]["url"] == service[1]
        assert page.post("clock", {"advance": 60})["ahead"] == 60
        assert page.play("wechat", scene_of("wechat", "ok"))["state"] == "ok"
        page.post("clock", {"reset": True})
        with httpcore2.ConnectionPool() as http:
            tapped = http.request("POST", platforms[1] + "/device/alipay/tap", content=b'{"scene": "ok"}')
            tap: dict[str, Any] = parse_json_object(tapped.content)
            answer = http.request(
                "POST",
                service[1] + "/v1/apps/alipay/phone-number",
                headers={"Authorization": f"Bearer {key[1]}", "Content-Type": "application/json"},
                content=json.dumps(tap["body"]).encode("ascii"),
            )
            assert answer.status == 200
            assert parse_json_object(answer.content)["phone_number"] == tap["phone_number"]
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(30) in {0, 130}
    for url in (platforms[1], service[1]):
        with pytest.raises(httpcore2.ConnectError), httpcore2.ConnectionPool() as http:
            http.request("GET", url)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_bad_scene_is_named(lang: str) -> None:
    """One scene that did not end as it should makes the verdict 1, and is named with what came out instead."""
    written = io.StringIO()
    console = Console(file=written, width=100)
    walk = demo._Demo(console, lang)
    walk._add("alipay", "ok", "ok", "ok", Outcome(200, {}, 0.01), good=True)
    assert walk._verdict() == 0
    walk._add("wechat", "busy", "outside.outcome-unknown", "internal.fault", Outcome(500, {}, 0.01), good=False)
    assert walk._verdict() == 1
    shown = written.getvalue()
    assert "internal.fault ≠ outside.outcome-unknown" in shown
    assert "wechat/busy" in shown.splitlines()[-1]


def test_a_service_that_dies_is_quoted(tmp_path: Path) -> None:
    """A service that does not start is not waited for: the end of its log is the error."""
    config = tmp_path / "haoma.toml"
    config.write_text("nonsense = true\n", encoding="utf-8")
    with pytest.raises(ServiceDied, match=r"config\.unknown-setting"), Service(config, free_port()):
        pass


def test_free_port() -> None:
    """A port that somebody listens on is not taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"code": "a" * 64}, "{code: aaaa…(64)}"),
        ({"response": '{"response":"abcdefgh","sign":"abcdefgh"}'}, "{response: {response: abcd…(8), sign: abcd…(8)}}"),
        ({"response": {"code": "40001", "subMsg": "缺少加密配置"}}, "{response: {code: 40001, subMsg: 缺少加密配置}}"),
        ({"response": "{broken"}, "{response: {bro…(7)}"),
        ({"mobile": "13811112222"}, "{mobile: 138****2222}"),
        ({"text": "call 13811112222", "list": [1]}, "{text: call 138****2222, list: [1]}"),
    ],
)
def test_what_was_sent_is_shown_shortened(sent: dict[str, Any], shown: str) -> None:
    """Codes, ciphertexts and signatures are shown by their beginning and length; refusals in clear text in full."""
    assert one_line(sent) == shown
