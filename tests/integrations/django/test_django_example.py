"""The example project, as a reader of the documentation runs it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.service_process import free_port

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "django"
OWN = ("shop/settings.py", "shop/models.py", "shop/urls.py")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy, so that nothing is left behind."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "django", ignore=shutil.ignore_patterns("__pycache__", "*.db*")))


def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAOMA_", "DJANGO_"))}
    return {**kept, "PYTHONPATH": str(ROOT / "src")}


def test_it_is_short() -> None:
    """A team writes less than sixty lines."""
    lines = [line for name in OWN for line in (EXAMPLE / name).read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) < 60


def test_its_own_tests(project: Path) -> None:
    """They pass without a haoma.toml and with every warning an error; and no migration is missing."""
    command = [sys.executable, "-W", "error", "manage.py"]
    done = subprocess.run([*command, "test"], cwd=project, env=environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Ran 4 tests" in done.stderr


def test_with_pytest(project: Path) -> None:
    """The fixture gives pytest-django's tests the simulated platforms; the options of the project stay."""
    (project / "test_shop.py").write_text("""
import pytest
from django.test import Client

@pytest.mark.haoma("wechat", accounts=True)
@pytest.mark.parametrize("again", [1, 2])
def test_login(db, client: Client, haoma_django, again):
    tap = haoma_django.person("anna", number="13900139000").tap()
    answer = client.post(f"/v1/apps/{tap.app}/phone-number", tap.body, content_type="application/json")
    assert answer.json().keys() == {"masked", "token"}
""")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "haoma.pytest_plugin"]
    command += ["--ds", "shop.settings"]
    command += ["-p", "no:cacheprovider", "--rootdir", str(project), "-W", "error", "test_shop.py"]
    done = subprocess.run(command, cwd=project, env=environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_one_command_starts_it(project: Path) -> None:
    """A tap on the simulated phone is posted to the shop, whose token reads the orders."""
    port = free_port()
    command = [sys.executable, "start.py", str(port)]
    with (project / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=project, env=environ(), stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not (said := re.search(r"The phone: http://(\S+)", (project / "log").read_text())):
            assert time.monotonic() < deadline, (project / "log").read_text()
            assert process.poll() is None, (project / "log").read_text()
            time.sleep(0.1)
        tap = ask(said[1], "POST", "/device/wechat/tap", {"scene": "ok"})
        while True:
            try:
                answer = ask(f"127.0.0.1:{port}", "POST", f"/v1/apps/{tap['app']}/phone-number", tap["body"])
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        orders = ask(f"127.0.0.1:{port}", "GET", "/orders", None, Authorization=f"Token {answer['token']}")
        assert orders == {"user": 1, "orders": []}
        refused = ask(f"127.0.0.1:{port}", "GET", "/orders", None)
        assert "orders" not in refused
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        process.wait(20)


def ask(address: str, method: str, path: str, body: object, **headers: str) -> dict[str, object]:
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json", **headers})
        found: dict[str, object] = json.loads(connection.getresponse().read())
        return found
    finally:
        connection.close()
