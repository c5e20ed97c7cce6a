"""The commands of the pages "in ten minutes", in a shell. Part of ``make integrations``."""

from __future__ import annotations

import ast
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import haoma
from support.service_process import free_port
from support.tutorials import ENV, FILES, blocks, in_folder

# What a shell of the reader has; a bare machine has neither. `curl -s URL -d DATA`, and `jq .body`.
CURL = """#!{python}
import sys, urllib.request
url, _, data = sys.argv[2:5]
body = open(data[1:], "rb").read() if data[0] == "@" else data.encode()
sys.stdout.write(urllib.request.urlopen(urllib.request.Request(url, body)).read().decode())
"""
JQ = """#!{python}
import json, sys
json.dump(json.load(sys.stdin)["body"], sys.stdout)
"""


@pytest.mark.parametrize("name", FILES)
def test_the_commands_of_the_pages(name: str, tmp_path: Path) -> None:
    """One command starts simulator and application; the taps of the page log a user in; Ctrl-C ends both."""
    in_folder(name, "", tmp_path)
    serve, taps, story = blocks(name, "", "sh")[1:4]
    script = tmp_path / "three_platforms.py"
    programs = tmp_path / "bin"
    programs.mkdir()
    for program, text in (("curl", CURL), ("jq", JQ), ("haoma", '#!/bin/sh\nexec {python} -m haoma "$@"\n')):
        (programs / program).write_text(text.format(python=sys.executable), "utf-8")
        (programs / program).chmod(0o755)
    env = {**ENV, "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])}
    simulator, application = free_port(), free_port()

    def ported(text: str) -> str:
        return text.replace("8900", str(simulator)).replace("8000", str(application))

    command = shlex.split(ported(serve))
    assert command[:2] == ["haoma", "simulate"]
    command[2:2] = ["--listen", f"127.0.0.1:{simulator}"]
    if command[-3] == "uvicorn":
        command += ["--port", str(application)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        _await(f"http://127.0.0.1:{application}/me", process, tmp_path / "log")
        done = subprocess.run(
            ["sh", "-ec", ported(taps)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer.keys() in ({"token"}, {"access_token", "token_type"})
        script.write_text(ported(script.read_text("utf-8")), "utf-8")
        said = subprocess.check_output(["sh", "-ec", story], cwd=tmp_path, env=env, text=True).splitlines()
        answers = [ast.literal_eval(line.partition(": ")[2]) for line in said]
        assert [each.get("status", 200) for each in answers] == [200, 200, 409, 200, 200]
        logged_in = answers[0], answers[1], answers[4]
        assert len({str(_user(each, f"http://127.0.0.1:{application}")) for each in logged_in}) == 1
    finally:
        os.killpg(process.pid, signal.SIGINT)
        ended = process.wait(20)
    assert ended in (0, 130), (tmp_path / "log").read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{simulator}/")


def _user(answer: dict[str, Any], application: str) -> object:
    """Return the user of a token."""
    headers = {"Authorization": f"Bearer {answer.get('token') or answer['access_token']}"}
    return httpx.get(f"{application}/me", headers=headers).json()["user"]


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            assert httpx.get(url).status_code in (401, 403)
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text("utf-8"))


def test_the_command_line_of_flask(haoma_config: Path, haoma_simulator: Callable[..., Any]) -> None:
    """``flask haoma …`` is haoma for the application's haoma.toml."""
    text = f"from flask import Flask\nfrom haoma.integrations.flask import Haoma\napp = Flask('a')\napp.config['HAOMA_CONFIG'] = {str(haoma_config)!r}\nHaoma(app)\n"
    (haoma_config.parent / "mine.py").write_text(text, "utf-8")
    command = [sys.executable, "-W", "ignore", "-m", "flask", "--app", "mine", "haoma"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], cwd=haoma_config.parent, env=ENV, capture_output=True, text=True, check=False
        )

    said = run("doctor", "--lang", "en")
    assert str(haoma_config) in said.stdout + said.stderr
    assert run("--version").stdout == f"haoma {haoma.__version__}\n"
