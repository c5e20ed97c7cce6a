"""The simulator pushes to a running service over HTTP, as WeChat does to a third-party platform."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haoma.platforms.base.mirroring import Push
from haoma.simulator import Simulator
from haoma.simulator.beside import Service, free_port
from haoma.simulator.pushing import deliver

PATH = "/cgi-bin/component/"
QUERY_AUTH, LOOK_UP, START_PUSH = (
    f"{PATH}api_query_auth",
    f"{PATH}api_get_authorizer_info",
    f"{PATH}api_start_push_ticket",
)
RENEW, SESSION, PHONE = (
    f"{PATH}api_authorizer_token",
    "/sns/component/jscode2session",
    "/wxa/business/getuserphonenumber",
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def service(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with _service(simulator, tmp_path_factory.mktemp("service")) as running:
        yield running


def _service(simulator: Simulator, folder: Path) -> Service:
    port = free_port()
    return Service(simulator.write_config(folder / "haoma.toml", f"127.0.0.1:{port}"), port)


def _post(simulator: Simulator, service: Service, tap: Any) -> tuple[int, dict[str, Any]]:
    answer = service.post(tap["app"], tap["body"], key=simulator.server_key, lang="en")
    return answer.status, answer.body


def _device(simulator: Simulator, **asked: str) -> tuple[int, Any]:
    """Play a WeChat scene by hand: one request to the simulator."""
    connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/device/wechat/tap", json.dumps(asked))
    response = connection.getresponse()
    found = response.status, json.loads(response.read())
    connection.close()
    return found


COMPONENT = [
    scene
    for scene in Simulator().stage.mirrors["wechat"].scenes
    if (scene.name.startswith("component-") or scene.app == "wechat-merchant") and scene.name != "component-granted"
]
"""Scenes of third-party platforms; the first grant has a test of its own."""


@pytest.mark.parametrize("scene", COMPONENT, ids=lambda scene: scene.name)
def test_a_scene_with_pushes_by_hand(simulator: Simulator, service: Service, scene: Any) -> None:
    """A tap on the simulator pushes to the service; then the body gets what the scene says. Nothing is in between."""
    status, tap = _device(simulator, scene=scene.name, service=service.url)
    assert status == 200
    heard = [(push["status"], push["said"]) for push in tap["pushes"]]
    if scene.name == "component-old-push":
        assert heard == [(422, "trust.cannot-open")]
    else:
        assert set(heard) == ({(200, "success")} if scene.name != "component-no-ticket" else set())
    status, body = _post(simulator, service, tap)
    assert (body.get("code", "ok"), body.get("phone_number", "")) == (tap["expect"], tap["phone_number"])
    assert status == (200 if scene.expect == "ok" else body["status"])


def test_from_the_first_grant_to_the_number(simulator: Simulator, service: Service) -> None:
    """Ticket and grant are pushed, the code of the grant is exchanged, login and number go by the new tokens."""
    before = simulator.calls["wechat"]
    _, tap = _device(simulator, scene="component-granted", service=service.url)
    assert [push["said"] for push in tap["pushes"]] == ["success", "success"]
    status, body = _post(simulator, service, tap)
    after = simulator.calls["wechat"]
    assert (status, body["phone_number"]) == (200, tap["phone_number"])
    assert body["subject"]["openid"]
    asked = {path: after[path] - before.get(path, 0) for path in after if after[path] > before.get(path, 0)}
    asked.pop(f"{PATH}api_component_token", 0)  # other scenes may have fetched it
    assert asked == {QUERY_AUTH: 1, SESSION: 1, PHONE: 1}
    log = service.log.read_text("utf-8")
    assert tap["phone_number"].removeprefix("+86") not in log
    assert "refreshtoken@@@" not in log


def test_a_service_without_a_ticket_gets_one(simulator: Simulator, tmp_path: Path) -> None:
    """As after a restart: the first request is refused and has WeChat push; the same one again gives the number."""
    with _service(simulator, tmp_path) as service:
        simulator.stage.service = service.url
        tap = simulator.tap("wechat", "component-restarted")  # what belongs to the scene is not pushed
        before = simulator.calls["wechat"]
        assert tap.body is not None
        answers = []
        for _ in range(100):
            answers.append(service.post(tap.app, tap.body, key=simulator.server_key, lang="en"))
            if answers[-1].status == 200:
                break
            time.sleep(0.05)
        assert answers[0].body["code"] == "platform.token-rejected"
        assert answers[0].body["retry"] is True
        assert answers[-1].body["phone_number"] == tap.phone_number
        after = simulator.calls["wechat"]
        assert {path: after[path] - before.get(path, 0) for path in (START_PUSH, LOOK_UP, RENEW)} == {
            START_PUSH: 1, LOOK_UP: 1, RENEW: 1,
        }  # fmt: skip


def test_tickets_and_grants_outlive_the_service(simulator: Simulator, tmp_path: Path) -> None:
    """Another process goes on with what was pushed to the first one, and a captured push has no effect on a third."""
    with _service(simulator, tmp_path) as service:
        tap = simulator.tap("wechat", "component-granted")
        taken = list(tap.pushes)
        assert [deliver(service.url, push).said for push in taken] == ["success", "success"]
        assert tap.body is not None
        answer = service.post(tap.app, tap.body, key=simulator.server_key, lang="en")
        assert answer.body["phone_number"] == tap.phone_number
    another = simulator.tap("wechat", "component-ok")
    run = [sys.executable, "-m", "haoma", "open", "--config", str(tmp_path / "haoma.toml"), "--app", another.app, "-"]
    opened = subprocess.run(
        run, input=json.dumps(another.body), capture_output=True, text=True, check=False, timeout=60
    )
    assert (opened.stdout.strip(), opened.returncode) == (another.phone_number, 0), opened.stderr
    with _service(simulator, tmp_path) as service:
        before = simulator.calls["wechat"]
        assert [deliver(service.url, push).said for push in taken] == ["success", "success"]
        assert simulator.calls["wechat"] == before


def test_nobody_listens(simulator: Simulator) -> None:
    """The tap is there all the same, and says that its pushes did not arrive."""
    status, tap = _device(simulator, scene="component-ok", service=f"http://127.0.0.1:{free_port()}")
    assert (status, [(push["status"], push["said"]) for push in tap["pushes"]]) == (
        200,
        [(0, "ConnectionRefusedError")],
    )
    assert deliver("", Push("shop", "/x", {}, b"")).said == "no service to push to"


@pytest.mark.parametrize("service", ["127.0.0.1:8080", "https://example.com", "http://a/b", "http://a@b", "http://a?b"])
def test_a_service_is_an_origin(simulator: Simulator, service: str) -> None:
    """Anything else is called what it is: the path is the platform's to choose."""
    assert _device(simulator, scene="component-ok", service=service)[0] == 400
