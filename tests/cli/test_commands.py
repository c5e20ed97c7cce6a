"""The command line: what is printed where, and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

import haoma
from haoma import catalogue
from haoma.cli import app
from haoma.cli.explaining import explain
from haoma.cli.output import Lang
from haoma.platforms.registry import PLATFORMS
from haoma.settings.reader import load
from haoma.simulator import Simulator
from haoma.store.sealing import StoreKey
from haoma.words import LANGUAGES
from support.vector_cases import cases

HAOMA = Path(sysconfig.get_path("scripts")) / "haoma"
CASES = {case.name.removeprefix("alipay/"): case for case in cases("alipay")}
GOOD, REFUSED = CASES["success-mainland"], CASES["error-40003_fail"]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "HAOMA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a directory with a good haoma.toml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "haoma.toml").write_bytes((GOOD.path / "app.toml").read_bytes())

    def invoke(*arguments, sent=None):
        return CliRunner().invoke(app, [str(each) for each in arguments], input=sent)

    return invoke


def console(*arguments, cwd, env=None, **options):
    """Run the installed console script."""
    return subprocess.run(
        [HAOMA, *map(str, arguments)],
        cwd=cwd, env=os.environ | {"LANG": "C.UTF-8"} | (env or {}), capture_output=True, timeout=30, check=False, **options,
    )  # fmt: skip


# --- open ---


def test_open_prints_the_number(run):
    """The number alone goes to stdout, from a file or from standard input; one app needs no name."""
    for arguments, sent in (
        (["--config", "haoma.toml", "--app", "shop", GOOD.path / "authorization.txt"], None),
        (["--app", "shop", "-"], GOOD.sent),
        (["-"], GOOD.sent),
    ):
        done = run("open", *arguments, sent=sent)
        assert (done.exit_code, done.stdout, done.stderr) == (0, GOOD.phone_number + "\n", "")


def test_open_json_is_the_object_of_http(run):
    """With --json the result is the object that the service answers, on one line."""
    done = run("open", "--json", "-", sent=GOOD.sent)
    app = load("haoma.toml").apps["shop"]
    assert done.exit_code == 0
    assert done.stdout.count("\n") == 1
    assert json.loads(done.stdout) == json.loads(json.dumps(haoma.verify_offline(app, GOOD.sent).to_dict()))


def test_open_refused(run):
    """A refusal exits 1 and says on stderr what happened, why, and what to do."""
    done = run("open", "-", sent=REFUSED.sent)
    words = catalogue.words(REFUSED.code, "en", platform="alipay", native="40003", sub="isv.invalid-auth-relations")
    assert (done.exit_code, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"haoma: error: {words.title} [{REFUSED.code}] (app=shop platform=alipay")
    assert lines[1:] == [f"haoma: cause: {words.cause}", f"haoma: hint: {words.remedy}", f"haoma: see: {words.see}"]


def test_open_refused_json(run):
    """With --json a refusal is the problem object on stdout."""
    done = run("open", "--json", "-", sent=REFUSED.sent)
    assert (done.exit_code, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    words = catalogue.words(REFUSED.code, "en", platform="alipay", native="40003", sub="isv.invalid-auth-relations")
    assert {**found, "platform_message": ""} == {
        "type": f"/errors/{REFUSED.code}", "title": words.title, "status": 422, "detail": words.cause,
        "code": REFUSED.code, "next": "ask-again", "retry": False, "remedy": words.remedy, "see": words.see,
        "who": "user", "platform": "alipay", "app": "shop", "step": 6, "platform_code": "40003",
        "platform_sub_code": "isv.invalid-auth-relations", "platform_message": "",
    }  # fmt: skip


def test_open_speaks_chinese(run, monkeypatch):
    """The language is that of the terminal, or the one that is asked for."""
    for name in ("LANG", "LC_MESSAGES", "LC_ALL"):  # each goes before the one before it
        monkeypatch.setenv(name, "zh_CN.UTF-8")
        assert CHINESE.search(run("open", "-", sent=b"{}").stderr)
        assert not CHINESE.search(run("open", "--lang", "en", "-", sent=b"{}").stderr)
        monkeypatch.setenv(name, "en_US.UTF-8")
        assert not CHINESE.search(run("open", "-", sent=b"{}").stderr)
    assert CHINESE.search(json.loads(run("open", "--json", "--lang", "zh", "-", sent=b"{}").stdout)["title"])


def test_open_usage_faults(run, tmp_path):
    """A missing file, an unknown app, a bad option and a missing config end with 2 and nothing on stdout."""
    for arguments, said in (
        (["absent.json"], "cannot read absent.json (FileNotFoundError)"),
        (["."], "cannot read . (IsADirectoryError)"),
        (["nul\0"], "cannot read"),
        (["--app", "shopp", "-"], "shop"),
        (["--config", "absent.toml", "-"], "[config.file-missing]"),
        (["--nonsense", "-"], "--nonsense"),
        (["--lang", "fr", "-"], "--lang"),
        ([], "FILE"),
    ):
        done = run("open", *arguments, sent=GOOD.sent)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert said in done.stderr, arguments
        assert "Traceback" not in done.stderr
    (tmp_path / "haoma.toml").write_text('[apps]\n\n[apps.a]\nplatform = "fax"\n')
    done = run("open", "-", sent=GOOD.sent)
    assert done.exit_code == 2


def test_open_needs_the_name_of_one_of_several_apps(tmp_path, run):
    """With several apps --app is needed, and the names are listed."""
    other = GOOD.path.joinpath("app.toml").read_text("utf-8").replace("apps.shop", "apps.twin")
    other = other.replace(GOOD.app["aes_key"], "YW5vdGhlciBhZXMga2V5IQ==").replace(
        "2021000000000000", "2021000000000001"
    )
    with (tmp_path / "haoma.toml").open("a") as file:
        file.write(other)
    done = run("open", "-", sent=GOOD.sent)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "shop, twin" in done.stderr


def test_config_faults_are_all_listed(run, tmp_path):
    """Each fault has file and line, title, cause and remedy; a good number is not printed in spite of them."""
    text = 'x = 1\n[apps.shop]\nplatform = "fax"\n[apps.b]\n'
    (tmp_path / "haoma.toml").write_text(text)
    done = run("open", "--app", "shop", "-", sent=GOOD.sent)
    assert (done.exit_code, done.stdout) == (2, "")
    for line, code in ((1, "unknown-setting"), (3, "unknown-platform"), (4, "missing-setting")):
        words = catalogue.words(f"config.{code}", "en")
        pattern = rf"^haoma\.toml:{line}: (?:\S+: )?{re.escape(words.title)}.* \[config\.{code}\]$"
        assert re.search(pattern, done.stderr, re.MULTILINE), done.stderr
        assert f"    cause: {words.cause}\n    remedy: {words.remedy}\n" in done.stderr
    assert done.stderr.startswith("haoma: error: haoma.toml: 3 fault(s)")


def test_config_warnings_go_to_stderr(run, tmp_path):
    """What works but should be looked at is said every time, and does not disturb the answer."""
    path = tmp_path / "haoma.toml"
    path.write_text("allow_insecure_upstreams = true\n" + path.read_text())
    done = run("open", "-", sent=GOOD.sent)
    assert (done.exit_code, done.stdout) == (0, GOOD.phone_number + "\n")
    assert "haoma.toml:1: warning: allow_insecure_upstreams" in done.stderr


def test_config_from_the_environment(run, tmp_path, monkeypatch):
    """HAOMA_CONFIG names the haoma.toml; the option goes before it."""
    (tmp_path / "haoma.toml").rename(tmp_path / "other.toml")
    monkeypatch.setenv("HAOMA_CONFIG", "other.toml")
    assert run("open", "-", sent=GOOD.sent).exit_code == 0
    assert run("open", "--config", "haoma.toml", "-", sent=GOOD.sent).exit_code == 2


def test_open_with_a_login_code(run, tmp_path):
    """A login code beside the file is exchanged over the platform's own connection, and names the subject."""
    with Simulator() as simulator:
        path = simulator.write_config(tmp_path / "sim.toml")
        tap = simulator.tap("alipay", "ok")
        assert tap.body is not None
        sent = tap.body["authorization"]["response"].encode()
        arguments = ["open", "--json", "--config", path, "--app", tap.app, "--login-code", tap.login_code, "-"]
        done = run(*arguments, sent=sent)
        assert done.exit_code == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["phone_number"] == tap.phone_number
        assert found["subject"]["openid"]
        assert not {check["name"]: check["proven"] for check in found["checks"]}["login-binding"]
        again = run(*arguments, sent=sent)
        assert (again.exit_code, json.loads(again.stdout)["code"]) == (1, "platform.login-code-rejected")
        assert tap.login_code not in again.stdout + again.stderr


# --- explain ---


@pytest.mark.parametrize("lang", LANGUAGES)
def test_explain_every_code(capsys, lang):
    """Every code that can be met is explained, ours and the platforms', as the catalogue has it."""
    explained = {code: (code, catalogue.words(code, lang)) for code in catalogue.codes()}
    for platform in PLATFORMS:
        for native, entry in catalogue.refusals(platform).items():
            explained[f"{platform}:{native}"] = entry.code, entry.words(lang)
    for asked, (code, words) in explained.items():
        explain(asked, Lang(lang))  # what is behind the command: to read the command line takes ten times as long
        shown = capsys.readouterr().out
        assert all(part in shown for part in (code, words.title, words.cause, words.remedy)), asked


def test_explain_all_meanings(run):
    """A code with several meanings prints all of them; a precise one prints its own."""
    both = run("explain", "wechat:40029").stdout
    assert "platform.code-rejected" in both
    assert "platform.login-code-rejected" in both
    assert run("explain", "wechat:-1").exit_code == 0
    assert run("explain", "40029").stdout == both
    one = run("explain", "alipay:40001/isv.missing-encrypt-key").stdout
    assert one.count("→") == 1
    assert run("explain", "alipay:40001").stdout.count("→") > 1


@pytest.mark.parametrize(
    "said, codes",
    [
        ("Illegal Buffer", ["doctor.garbage-decrypted", "doctor.session-key-stale", "doctor.watermark-app"]),
        ("-41003", ["doctor.garbage-decrypted", "doctor.session-key-stale", "doctor.watermark-app"]),
        ("-41002", ["doctor.swapped", "doctor.base64-damaged"]),
        ("无效的授权关系", ["platform.user-not-authorized"]),
        ("isv.invalid-auth-relations", ["alipay:40003/isv.invalid-auth-relations → platform.user-not-authorized"]),
        ("errno:102", ["wechat:102 (on the device) → platform.permission-missing"]),
        ("TypeError: Cannot read property 'encryptedData' of undefined", ["doctor.detail-undefined"]),
        ("code been used", ["wechat:40163 → platform.code-rejected", "→ platform.login-code-rejected"]),
    ],
)
def test_explain_a_message(run, said, codes):
    """What people paste is looked up: its possible causes, the most likely first, each with what to do."""
    done = run("explain", said)
    assert done.exit_code == 0
    places = [done.stdout.index(code) for code in codes]
    assert places == sorted(places)
    assert done.stdout.count("Fix: ") >= len(codes) or done.stdout.count("Remedy: ") >= len(codes)


@pytest.mark.parametrize(
    "code, near",
    [
        ("trust.signature-missmatch", "trust.signature-mismatch"),
        ("signature-mismatch", "trust.signature-mismatch"),
        ("wechat:40028", "wechat:40029"),
        ("alipay:40001/isv.missing-encrypt", "alipay:40001/isv.missing-encrypt-key"),
        ("zzz", ""),
        ("fax:1", ""),
        ("", ""),
    ],
)
def test_explain_unknown(run, code, near):
    """An unknown code ends with 2 and near ones, if there are any."""
    done = run("explain", code)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("haoma: error: no such code: ")
    assert near in done.stderr


@pytest.mark.parametrize("nothing", ["", "  "])
def test_explain_nothing(run, nothing):
    """An empty code is unknown, and like no other."""
    done = run("explain", nothing)
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


# --- key, help, version ---


@pytest.mark.parametrize("kind, options", [("server", []), ("publishable", ["--publishable"])])
def test_key(run, tmp_path, kind, options):
    """A new key every time, and the line for haoma.toml holds its digest and not the key."""
    first, second = (run("key", *options).stdout.splitlines() for _ in range(2))
    assert first[0] != second[0]
    made = first[0].split()[1]
    assert len(made) > 40
    with (tmp_path / "haoma.toml").open("a") as file:
        file.write("[service]\n" + first[1].removeprefix("haoma.toml").strip() + "\n")
    settings = load(tmp_path / "haoma.toml", serving=True)
    assert settings.warnings == ()
    [key] = settings.service.keys
    assert (key.kind, key.digest) == (kind, sha256(made.encode()).digest())
    assert made not in first[1]


def test_keys_of_accounts(run, tmp_path):
    """The whole table, ready to be pasted; new keys every time, and no two of them are the same."""
    table = run("key", "--accounts").stdout
    assert table != run("key", "--accounts").stdout
    store = run("key", "--store").stdout.removeprefix("haoma.toml").strip()
    with (tmp_path / "haoma.toml").open("a") as file:
        file.write(f'[store]\ndatabase_url = "sqlite:///haoma.db"\n{store}\n{table}')
    settings = load(tmp_path / "haoma.toml")
    found = settings.accounts
    assert found is not None
    keys = [*found.keys, *found.peppers, *found.audit_keys, *settings.store.keys]
    assert len({key.secret for key in keys if isinstance(key, StoreKey)}) == len({key.number for key in keys}) == 4


COMMANDS = [
    "open",
    "inspect",
    "doctor",
    "explain",
    "key",
    "alipay-aes-key",
    "ledger",
    "usage",
    "rewrap",
    "import",
    "export",
    "serve",
    "health",
    "simulate",
    "demo",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help(run, command):
    """Every command's help has an example that begins with the command, and its exit codes."""
    done = run(command, "--help")
    assert done.exit_code == 0
    assert f"$ haoma {command}" in done.stdout
    assert "Exit codes:\n" in done.stdout
    assert done.stdout == run(command, "-h").stdout


def test_every_command_is_tested_for_help(run):
    """No command is without the test above."""
    assert [command.name for command in app.registered_commands] == COMMANDS
    assert all(command in run("--help").stdout for command in COMMANDS)


def test_version(run):
    """The version is the package's."""
    assert run("--version").stdout == f"haoma {haoma.__version__}\n"
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    assert tomllib.loads(pyproject.read_text("utf-8"))["project"]["version"] == haoma.__version__


# --- serve, simulate ---


def test_serve_faults(run, tmp_path):
    """The service does not start without keys, with a bad file or with a bad address: 2, and all faults."""
    for arguments, said in (
        ([], "config.no-server-keys"),
        (["--listen", "nowhere"], "--listen"),
        (["--workers", "-1"], "--workers"),
        (["--config", "absent.toml"], "config.file-missing"),
    ):
        done = run("serve", *arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert said in done.stderr


def test_serve_without_the_server_extra(run, tmp_path, monkeypatch):
    """Without the extra the command says what to install."""
    with (tmp_path / "haoma.toml").open("a") as file:
        file.write('[service]\nlisten = "127.0.0.1:0"\nserver_keys = ["hk_server_0123456789abcdefghijklmn"]\n')
    for name in [name for name in sys.modules if name.startswith("haoma.service")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(haoma, "service", raising=False)  # afterwards it is the package that was there, not a new one
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setitem(sys.modules, "starlette", None)
    done = run("serve")
    assert done.exit_code == 2
    assert "pip install '.[server]'" in done.stderr


def test_simulate_faults(run):
    """A bad address ends with 2."""
    done = run("simulate", "--listen", "nowhere")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--listen" in done.stderr


# --- the console script itself ---


def test_console_script(tmp_path):
    """The installed script opens an envelope from a pipe; nothing is coloured or wrapped there."""
    (tmp_path / "haoma.toml").write_bytes((GOOD.path / "app.toml").read_bytes())
    done = console("open", "-", cwd=tmp_path, input=GOOD.sent)
    assert (done.returncode, done.stdout, done.stderr) == (0, GOOD.phone_number.encode() + b"\n", b"")
    done = console("open", "-", cwd=tmp_path, input=REFUSED.sent, env={"COLUMNS": "40", "TERM": "xterm-256color"})
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 4
    assert b"\x1b" not in done.stderr


def test_a_terminal_without_chinese(tmp_path):
    """Where Chinese cannot be printed there are question marks, and no traceback."""
    done = console("explain", "wechat:40029", "--lang", "zh", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"platform.code-rejected" in done.stdout


def test_broken_pipe(tmp_path):
    """A reader that goes away is not answered with a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        for arguments in (["explain", "wechat:-1"], ["key"]):
            done = subprocess.run(
                [HAOMA, *arguments], cwd=tmp_path, stdout=pipe, stderr=subprocess.PIPE, timeout=30, check=False
            )
            assert done.returncode == 1
            assert done.stderr == b""


def test_interrupt(tmp_path):
    """Ctrl-C ends a command with 130 and without a traceback."""
    (tmp_path / "haoma.toml").write_bytes((GOOD.path / "app.toml").read_bytes())
    fifo = tmp_path / "waiting"
    os.mkfifo(fifo)
    process = subprocess.Popen([HAOMA, "open", "waiting"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with fifo.open("wb"):  # returns when the command has opened it too
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, b"")
    assert b"Traceback" not in stderr
