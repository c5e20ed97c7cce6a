"""A secret in the wrong place of a haoma.toml is never repeated: not as a value, not as a name, by no command.

The names of apps alone are shown: they stand in the addresses of the service and in every line of its log.
"""

import json
import os
import random
import string
import subprocess
import sys
from functools import cache

import pytest
from typer.testing import CliRunner

from haoma.cli import app as commands
from haoma.doctor.configuration.offline import examine
from haoma.errors import ConfigFaults
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.settings.reader import configure, from_mapping, load
from haoma.simulator.stage import Stage

NOW = 1_780_000_000.0
ALPHABETS = {
    "small": string.ascii_lowercase,
    "capital": string.ascii_uppercase,
    "digits": string.digits,
    "letters": string.ascii_letters,
    "hex": "0123456789abcdef",
    "base64": string.ascii_letters + string.digits + "+/=",
    "base64url": string.ascii_letters + string.digits + "-_",
    "visible": "".join(map(chr, range(33, 127))),
    "spaces": string.ascii_letters + " ._",
    "chinese": "的一是在不了有和人这中大为上个国我以要他",
}
APPS = Stage().settings("http://127.0.0.1:1")["apps"]
SERVICE = {"listen": "127.0.0.1:0", "server_keys": ["hk_server_0123456789abcdefghijklmn"], "publishable_keys": []}


def secrets(length, seed=0):
    chosen = random.Random(f"{length} {seed}")
    for name, alphabet in ALPHABETS.items():
        yield name, "".join(chosen.choices(alphabet, k=length))


@cache
def usual(platform):
    """Return an app that works but for its private keys, which are slow to read, and every setting of its platform."""
    values = next(table for table in APPS.values() if table["platform"] == platform)
    table = Table("shop", values, now=NOW, allow_insecure_upstreams=True)
    PLATFORMS[platform].configure(table)
    return {name: value for name, value in values.items() if "private_key" not in name}, table.known


def placed(platform, secret):
    """Yield every document with the secret in one place."""
    values, known = usual(platform)
    for setting in sorted(known):
        for value in (secret, [secret], {"env": secret}, {"file": secret}, {secret: secret}, [{"file": secret}]):
            yield {"apps": {"shop": {**values, setting: value}}}
    for value in (1, "x", {"env": "x"}, {"file": "x"}, {"x": 1}, ["x"], [{"file": "x"}]):
        yield {"apps": {"shop": {**values, secret: value}}}
        yield {"apps": {"shop": {**values, f"app_secret_{secret}": value}}}


def elsewhere(secret):
    app = usual("kuaishou")[0]
    service_settings = (*SERVICE, "workers", "cors_origins", "signing_keys", "body_seconds", "log_level", secret)
    for setting in service_settings:
        for value in (secret, [secret], {"env": secret}, {"file": secret}, {secret: secret}):
            yield {"apps": {"shop": app}, "service": {**SERVICE, setting: value}}
    for name in ("ca_file", "allow_insecure_upstreams", "service", "apps", secret):
        for value in (secret, {"file": secret}, {secret: 1}, {"shop": {"platform": secret}}, 1):
            yield {"apps": {"shop": app}, "service": SERVICE, name: value}
    yield {"apps": {"shop": app, f" {secret}": app}}  # no name of an app
    yield {"apps": {f"{secret}.": {**app, "app_secret": {"env": "x"}, "x": 1}}}


def told(document):
    try:
        faults = from_mapping(document, environ={}, now=NOW, serving=True).warnings
    except ConfigFaults as error:
        faults = error.faults
        yield str(error)
        yield repr(error)
    for fault in faults:
        yield f"{fault} {fault!r} {fault.where} {fault.because}"


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("length", [6, 24])
def test_a_secret_in_a_table_of_a_platform(platform, length):
    """As the value of every setting, in every way to write one, and as the name of one."""
    for name, secret in secrets(length):
        for document in placed(platform, secret):
            for text in told(document):
                assert secret not in text, (name, document["apps"], text)


@pytest.mark.parametrize("length", [6, 24])
def test_a_secret_elsewhere(length):
    """In the table of the service, at the top, as the name of a table, and as a name that no app can have."""
    for name, secret in secrets(length):
        for document in elsewhere(secret):
            for text in told(document):
                assert secret not in text, (name, document, text)


def written(table, path=()):
    """Return a table as TOML."""
    plain = {name: value for name, value in table.items() if not isinstance(value, dict)}
    lines = [f"[{'.'.join(json.dumps(each) for each in path)}]"] if path else []
    lines += [f"{json.dumps(name)} = {inline(value)}" for name, value in plain.items()]
    for name, value in table.items():
        if isinstance(value, dict):
            lines.append(written(value, (*path, name)))
    return "\n".join(lines) + "\n"


def inline(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {inline(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_file_and_what_the_doctor_says(platform, tmp_path):
    """The same in a file, as the settings, the doctor and both languages tell it."""
    path = tmp_path / "haoma.toml"
    for name, secret in list(secrets(12, platform))[::3]:
        for document in [*placed(platform, secret)][::7]:
            path.write_text(written(document), encoding="utf-8")
            _settings, _known, found = examine(str(path), environ={}, now=NOW)
            for each in found:
                text = json.dumps([each.to_dict("zh"), each.to_dict("en")], ensure_ascii=False)
                assert secret not in text, (name, text)


@pytest.mark.parametrize("command", [("doctor",), ("doctor", "--json"), ("open", "-"), ("serve",), ("inspect", "-")])
def test_commands(command, tmp_path):
    """What reaches the terminal."""
    path = tmp_path / "haoma.toml"
    for _name, secret in list(secrets(20, "commands"))[::2]:
        app = usual("wechat")[0]
        odd = {secret: 1, "reply": secret, "token": secret, "require": [secret], "app_id": {"env": secret}}
        document = {
            "apps": {"shop": app | odd, "other": {"platform": secret}},
            secret: 1,
            "service": {"listen": secret},
        }
        path.write_text(written(document), encoding="utf-8")
        done = CliRunner(env={"LANG": "C.UTF-8"}).invoke(
            commands, [command[0], "--config", str(path), *command[1:]], input="{}"
        )
        assert done.exit_code in (1, 2)
        assert "config." in done.output
        assert secret not in done.stdout + done.stderr


def test_serve_and_warnings_of_a_process(tmp_path):
    """What the service prints when it is started, and what Python prints of a warning."""
    _name, secret = list(secrets(24))[3]
    path = tmp_path / "haoma.toml"
    odd = {"platform": "wechat", "app_id": secret, "app_secret": secret, secret: 1, "reply": secret}
    path.write_text(written({"apps": {"shop": odd}, "service": SERVICE}), encoding="utf-8")
    for program in (
        f"from haoma.service.run.server import serve; serve({str(path)!r})",
        f"from haoma.settings.reader import load; load({str(path)!r})",
        f"import haoma, os; haoma.configure('wechat', app_id=os.environ['S'], app_secret=os.environ['S'], {secret}=1)",
        "import haoma, os; haoma.configure('wechat', app_id=os.environ['S'], app_secret=os.environ['S'])",
    ):
        done = subprocess.run(
            [sys.executable, "-W", "always", "-c", program],
            capture_output=True, text=True, timeout=60, check=False, env=os.environ | {"S": secret},
        )  # fmt: skip
        assert "config." in done.stderr
        assert secret not in "".join(
            line for line in done.stderr.splitlines() if not line.lstrip().startswith(("import", "from", "File"))
        )


@pytest.mark.parametrize(
    "text",
    [
        "{s} = 1\n{s} = 2\n",
        "[{q}]\n[{q}]\n",
        "[apps.{q}]\n[apps.{q}]\n",
        "x = {s}\n",
        "{s}\n",
        "x = '{s}\n",
        "[[{q}]]\n[{q}]\n",
    ],
)
def test_a_file_that_is_no_toml(text, tmp_path):
    """The parser's own words quote names, and its quotes may stand in what it quotes."""
    path = tmp_path / "haoma.toml"
    for secret in ("q'w'e\"r'ty", "'hunter2 is mine", 'my"hunter2', "hunter2'"):
        plain = "hunter2hunter2"
        path.write_text(text.replace("{q}", json.dumps(secret)).replace("{s}", plain), encoding="utf-8")
        with pytest.raises(ConfigFaults) as caught:
            load(path)
        said = str(caught.value)
        assert plain not in said
        assert "hunter2" not in said
        assert "r'ty" not in said


def test_the_nearest_word_is_told():
    """Whoever has mistyped a name or a word learns which one was meant."""
    for settings, nearest in (
        ({"appsecret": "x"}, "app_secret"),
        ({"reply": "code-msg"}, "code-msg-data"),
        ({"require": ["signatur"]}, "signature"),
    ):
        with pytest.raises(ConfigFaults, match=f"nearest={nearest}"):
            configure("wechat", app_id="wx0123456789abcdef", app_secret="0123456789abcdef0123456789abcdef", **settings)
    with pytest.raises(ConfigFaults, match="nearest=wechat"):
        configure("wechatt", app_id="wx0123456789abcdef")
