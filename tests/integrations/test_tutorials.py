"""The pages "in ten minutes": their files are those of the examples, and what they show runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask

import haoma
from support.tutorials import ENV, FILES, ROOT, blocks, files, in_folder

LANGUAGES = ("", ".zh-CN")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", FILES)
def test_the_examples_are_what_the_pages_show(name: str, lang: str) -> None:
    """To the letter; and a team writes less than sixty lines."""
    folder = ROOT / "examples" / name
    shown = files(name, lang)
    assert shown == {file: (folder / file).read_text("utf-8") for file in FILES[name]}
    own = [line for line in shown[FILES[name][0]].splitlines() if line.strip()]
    assert len(own) < 60
    assert "an Alipay envelope can" in shown[FILES[name][0]]  # the rule stands where people copy from


@pytest.mark.parametrize("name", [*FILES, "testing"])
def test_both_languages_show_the_same(name: str) -> None:
    """What is run for one page is run for the other."""
    for kind in ("python", "sh", "ini"):
        assert blocks(name, "", kind) == blocks(name, ".zh-CN", kind)


@pytest.mark.parametrize("name", FILES if os.environ.get("HAOMA_ALL_SERVERS") else ("fastapi", "flask"))
def test_the_tests_of_the_pages(name: str, tmp_path: Path) -> None:
    """The test files pass as they stand, with every warning an error. Two of them run in ``make integrations`` alone."""
    in_folder(name, "", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "haoma.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


# --- the smaller blocks


def scope_of(name: str, count: int, **given: Any) -> dict[str, Any]:
    """Run the blocks of a page after its files, one after the other, and return what they have defined."""
    found = blocks(name, "", "python")[len(FILES[name]) :]
    assert len(found) == count
    scope: dict[str, Any] = {"__name__": __name__, **given}
    for text in found:
        exec(compile(text, f"docs/{name}.md", "exec", dont_inherit=True), scope)  # noqa: S102 - it is what a reader does
    return scope


@pytest.mark.haoma("wechat", "kuaishou", "alipay")
def test_the_blocks_of_fastapi(haoma_simulator: Any, haoma_async_client: haoma.AsyncClient) -> None:
    """A table of one's own, a route of one's own, Starlette and Litestar."""
    app = FastAPI()
    app.state.haoma = haoma_async_client
    scope = scope_of("fastapi", 4, client=haoma_async_client, app=app)
    anna = haoma_simulator.person("anna")

    async def ask(asgi: Any, path: str, tap: Any) -> httpx.Response:
        transport = httpx.ASGITransport(asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, json=tap.body)

    async def main() -> None:
        tap = anna.tap("wechat")
        answer = await ask(app, "/orders/7/contact", tap)
        assert answer.json() == {"order": 7, "contact": f"{anna.number[:3]}****{anna.number[-4:]}"}
        answer = await ask(scope["litestar_app"], "/contact", anna.tap("wechat"))
        assert answer.json()["contact"][-4:] == anna.number[-4:]
        users = [
            (await ask(scope[which], f"/v1/apps/{each.app}/phone-number", each)).json()
            for which, each in (
                ("starlette_app", anna.tap("wechat")),
                ("litestar_app", anna.tap("kuaishou")),
                ("starlette_app", haoma_simulator.tap("kuaishou")),
            )
        ]
        assert users == ["user-0", "user-0", "user-1"]
        tap = anna.tap("alipay")
        assert (await ask(scope["starlette_app"], f"/v1/apps/{tap.app}/phone-number", tap)).status_code == 409

    asyncio.run(main())


@pytest.mark.haoma("wechat", "kuaishou", "alipay")
def test_the_blocks_of_flask(haoma_simulator: Any, haoma_config: Path, monkeypatch: Any, tmp_path: Path) -> None:
    """A table of one's own, and a view of one's own."""
    from haoma.integrations.flask import Haoma

    monkeypatch.chdir(tmp_path)
    app = Flask("page")
    app.config["HAOMA_CONFIG"] = haoma_config
    phones = Haoma()
    scope = scope_of("flask", 2, app=app, phones=phones)
    web = app.test_client()
    anna = haoma_simulator.person("anna")
    tap = anna.tap("wechat")
    contact = web.post("/orders/7/contact", json=tap.body).json
    assert contact == {"order": 7, "contact": f"{anna.number[:3]}****{anna.number[-4:]}"}
    ours = Flask("own")
    ours.config["HAOMA_CONFIG"] = haoma_config
    phones._on_verified = scope["on_verified"]
    phones.init_app(ours)
    own = ours.test_client()

    def log_in(tap: Any) -> Any:
        return own.post(f"/v1/apps/{tap.app}/phone-number", json=tap.body)

    assert [log_in(each).json for each in (anna.tap("wechat"), anna.tap("kuaishou"))] == [1, 1]
    assert log_in(haoma_simulator.tap("kuaishou")).json == 2
    assert log_in(anna.tap("alipay")).status_code == 409


def test_the_page_about_testing(tmp_path: Path) -> None:
    """Its tests pass, with its settings of pytest."""
    (tmp_path / "test_page.py").write_text("\n\n".join(blocks("testing", "", "python")), "utf-8")
    (settings,) = blocks("testing", "", "ini")
    (tmp_path / "pytest.ini").write_text(settings, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "haoma.pytest_plugin"]
    done = subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
