"""What a haoma to which a platform was added makes of it. Run by ``test_made_up_platform.py`` in a tree of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import haoma
from haoma.cli import app as command
from haoma.service import create_app
from haoma.service.pages.openapi import document
from haoma.settings.reader import from_mapping
from haoma.simulator import Simulator


async def post(service: Any, path: str, body: object, key: str) -> tuple[int, Any]:
    """Post to the service, without a socket."""
    content, sent, never = json.dumps(body).encode(), [], asyncio.Event()
    given = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for each in given:
            return each
        await never.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    names = {"authorization": f"Bearer {key}", "content-type": "application/json", "content-length": str(len(content))}
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST"}
    scope |= {"scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b""}
    scope |= {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in names.items()]
    await service(scope, receive, send)
    body_bytes = b"".join(each.get("body", b"") for each in sent)
    return sent[0]["status"], json.loads(body_bytes)


def run(*arguments: str, sent: str = "") -> dict[str, Any]:
    """Run a command."""
    done = CliRunner().invoke(command, list(arguments), input=sent)
    return {"exit": done.exit_code, "out": done.output}


def main(top: Path) -> dict[str, Any]:
    """Return what was seen."""
    seen: dict[str, Any] = {"haoma": haoma.__file__}
    with Simulator() as simulator:
        config = top / "haoma.toml"
        simulator.write_config(config)
        whole = simulator.stage.settings(simulator.url)
        values = {**whole, "apps": {"acme": whole["apps"]["acme"]}}
        service = create_app(from_mapping(values, serving=True))
        seen["served"] = []
        for scene in ("ok", "full"):
            tap = simulator.tap("acme", scene)
            path = f"/v1/apps/{tap.app}/phone-number"
            seen["served"].append(asyncio.run(post(service, path, tap.body, simulator.server_key)))
        only = top / "one.toml"
        only.write_text(
            f'allow_insecure_upstreams = true\n[apps.acme]\nplatform = "acme"\napp_id = "acme1"\n'
            f'app_secret = "the-secret-of-acme-01"\napi_base_url = "{simulator.url}"\n'
        )
        seen["doctor"] = run("doctor", "--config", str(only), "--online", "--json")
        seen["calls"] = simulator.calls["acme"]
    seen["inspect"] = run("inspect", "--json", "-", sent='{"acme_code": 17, "msg": "full"}')
    seen["named"] = run("inspect", "--lang", "zh", "-", sent='{"acme_code": 17, "msg": "full"}')
    seen["scenes"] = [scene.line(name, "zh") for name, scene in simulator.stage.scenes() if name == "acme"]
    seen["log"] = run("inspect", "--json", "-", sent="2026-11-30 ERROR acme_code=17")
    seen["declined"] = run("inspect", "--config", str(only), "--json", "-", sent='{"errMsg": "x:fail auth deny"}')
    seen["explain"] = run("explain", "acme:17", "--lang", "en")
    only.write_text(only.read_text().replace('platform = "acme"', 'platform = "acme-mini"'))
    seen["misspelt"] = run("doctor", "--config", str(only), "--json")
    seen["two-workers"] = "nothing"
    try:
        from_mapping(values, workers=2)
    except haoma.ConfigFaults as refused:
        seen["two-workers"] = {fault.code: str(fault.because.get("settings")) for fault in refused.faults}
    bodies = document("en")["paths"]["/v1/apps/{app}/phone-number"]["post"]["requestBody"]["content"]
    seen["body"] = bodies["application/json"]["examples"]["acme-tap"]
    names = ("pages", "proofs", "configuration", "with_haoma")
    pages, proofs, configuration, with_haoma = map(import_module, names)  # of tools/ and conformance/
    seen["settings"] = [configuration.table("acme", "en"), configuration.table("apps", "zh")]
    seen["stub"] = configuration.stub()
    seen["pages"] = {name: text for name, text in pages.pages().items() if "acme" in name or name == "README.md"}
    seen["proofs"] = proofs.table("en")
    case = {"platform": "acme", "way": "reply", "now": 1, "keys": {"app_id": "acme1"}}
    replies = ('{"phone": "13800138000", "user": "u1"}', '{"acme_code": 17}', "[]")
    seen["conformance"] = [with_haoma.judge({**case, "input": reply}) for reply in replies]
    return seen


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
