"""The simulator, its haoma.toml, and the two commands as functions."""

import json

import pytest
from typer.testing import CliRunner

from haoma.cli import app
from haoma.simulator import Simulator
from support.simulator_toml import some_apps


@pytest.fixture(scope="session")
def simulator():
    with Simulator() as running:
        yield running


@pytest.fixture(scope="session")
def config(simulator, tmp_path_factory):
    path = tmp_path_factory.mktemp("doctor") / "haoma.toml"
    path.write_text(some_apps(simulator, "alipay", "wechat"))
    path.chmod(0o600)
    return path


class Report:
    """What a command found, by code."""

    def __init__(self, done):
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        self.exit_code = done.exit_code
        self.text = done.stdout + done.stderr
        self.whole = json.loads(done.stdout)
        self.found = self.whole["found"]

    @property
    def codes(self):
        return {each["code"] for each in self.found}

    @property
    def wrong(self):
        return {each["code"] for each in self.found if each["severity"] in ("fault", "warning")}

    def of(self, code):
        return [each for each in self.found if each["code"] == code]

    def one(self, code):
        (found,) = self.of(code)
        return found


@pytest.fixture(scope="session")
def run():
    def invoke(*arguments, sent=None):
        return CliRunner(env={"LANG": "C.UTF-8", "HAOMA_CONFIG": ""}).invoke(app, list(map(str, arguments)), input=sent)

    return invoke


@pytest.fixture(scope="session")
def doctor(run):
    return lambda *arguments: Report(run("doctor", "--json", *arguments))


@pytest.fixture(scope="session")
def inspect(run, config):
    def invoke(sent, *arguments, configured=True):
        sent = json.dumps(sent) if isinstance(sent, dict | list) else sent
        return Report(
            run("inspect", "-", "--json", *(["--config", config] if configured else []), *arguments, sent=sent)
        )

    return invoke


@pytest.fixture
def small(tmp_path):
    """A haoma.toml without private keys, which is quick to read."""
    path = tmp_path / "small.toml"
    path.write_text(
        '[apps.shop]\nplatform = "wechat"\napp_id = "wx0123456789abcdef"\napp_secret = { env = "SHOP_SECRET" }\n'
    )
    return path


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("SHOP_SECRET", "fedcba9876543210fedcba9876543210")
