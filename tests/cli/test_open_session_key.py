"""``haoma open --session-key``: what the session_key flow sends, opened at the desk without any network."""

import json
import re
import socket
import tomllib
from urllib.parse import urlencode

import pytest
import typer

from haoma.cli import app
from haoma.platforms.registry import PLATFORMS
from support.vector_cases import cases

WITH_KEYS = [name for name, platform in PLATFORMS.items() if platform.find_under_key is not None]
COMMAND = typer.main.get_command(app)  # once: it takes longer than an opening
# Refused by a service for what surrounds the sealed data: nobody is logged in, encrypted data is not accepted, WeChat is asked.
ONLY_A_SERVICE = ("sealed-without-login_fail", "sealed-encrypted-data-off_fail", "sealed-encrypted-data-off_fail", "sealed-not-confirmed_fail",
                  "sealed-not-known_fail", "sealed-check-47001_fail", "sealed-check-unclear_fail")  # fmt: skip
# The session_key itself is at fault, which at the desk is a fault of the command.
NO_KEY = (
    "sealed-session-key-short_fail", "sealed-session-key-15-bytes_fail", "sealed-session-key-32-bytes_fail",
)  # fmt: skip


def session_key_of(case):
    """Return the session_key of a case's login reply, or nothing."""
    found = next((text for name, text in case.replies.items() if name.endswith(("session", "sessionkey"))), b"{}")
    try:
        reply = json.loads(found)
    except ValueError:
        return ""
    reply = reply if isinstance(reply, dict) else {}
    inner = reply.get("data")
    key = reply.get("session_key") or (inner.get("session_key") if isinstance(inner, dict) else "")
    return key if isinstance(key, str) else ""


CASES = [
    case
    for platform in WITH_KEYS
    for case in cases(platform)
    if re.search(rb"\biv\b", case.sent)
    and session_key_of(case)
    and not case.misconfigured
    and not case.path.name.startswith(("login-", "token-", "v2-", "both-", "code-"))
]
GOOD = {
    platform: next(case for case in CASES if case.platform == platform and case.phone_number) for platform in WITH_KEYS
}


@pytest.fixture(autouse=True)
def _at_the_desk(monkeypatch):
    """English, and no socket."""

    def refuse(*_arguments, **_options):
        raise AssertionError("a socket")

    for name in ("LC_ALL", "LC_MESSAGES", "HAOMA_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.fixture
def run(capsys, monkeypatch):
    """Run ``haoma open`` at the time of a case; return exit code, stdout and stderr."""

    def invoke(case, *arguments, config=None, file=None):
        # Not ``haoma.io.clock.now``: a module that is first imported now would keep it for all tests that follow.
        monkeypatch.setattr("time.time", lambda: case.now)
        config = config or case.path / "app.toml"
        whole = ["open", "--config", config, *arguments, file or case.path / "authorization.txt"]
        code = COMMAND.main(list(map(str, whole)), standalone_mode=False)
        said = capsys.readouterr()
        return code or 0, said.out, said.err

    return invoke


def test_every_platform_with_session_keys_is_here():
    """The platforms are those of the issue, each with cases that open and cases that are refused."""
    assert set(WITH_KEYS) == {"wechat", "baidu", "douyin", "kuaishou", "xiaohongshu"}
    for platform in WITH_KEYS:
        outcomes = [bool(case.phone_number) for case in CASES if case.platform == platform]
        assert outcomes.count(True) >= 3, platform
        assert outcomes.count(False) >= 12, platform


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_vector(case, run):
    """What opens in a service opens here, and what it refuses is refused here with the same code."""
    key = session_key_of(case)
    code, out, err = run(case, "--json", "--session-key", key)
    if case.path.name in NO_KEY:
        assert (code, out) == (2, "")
        return
    found = json.loads(out)
    if case.phone_number or case.path.name in ONLY_A_SERVICE:
        assert (code, found["platform"]) == (0, case.platform)
        assert found["phone_number"] == (case.phone_number or found["phone_number"])
        assert found["subject"] is None
        proven = {check["name"]: check["proven"] for check in found["checks"]}
        assert not (proven["signature"])
        assert not (proven["login-binding"])
        assert not (proven["one-time-use"])
        assert proven["freshness"] == (case.platform == "wechat")  # the others' messages say nothing about their age
    else:
        assert (code, found["code"]) == (1, case.code)
        assert not re.search(r"1[3-9]\d{9}", out + err)
    assert key not in out + err


@pytest.mark.parametrize("platform", WITH_KEYS)
def test_the_number_alone(platform, run):
    """Without --json the number alone is on stdout; a refusal has its step on stderr."""
    case = GOOD[platform]
    assert run(case, "--session-key", session_key_of(case)) == (0, case.phone_number + "\n", "")
    other = "A" * len(session_key_of(case).rstrip("=")) + "=" * session_key_of(case).count("=")
    code, out, err = run(case, "--session-key", other)
    assert (code, out) == (1, "")
    assert "[trust.cannot-open]" in err
    assert "haoma: details: " in err


@pytest.mark.parametrize("platform", WITH_KEYS)
@pytest.mark.parametrize("key", ["", "AAAA", "not base64!", "A" * 32 + "A" * 12, "0123456789abcdef" * 3])
def test_a_key_that_is_none(platform, key, run):
    """A key of the wrong length, or one that is no base64, is a fault of the command and says what is needed."""
    case = GOOD[platform]
    code, out, err = run(case, "--json", "--session-key", key)
    assert (code, out) == (2, "")
    size = {"baidu": "24", "xiaohongshu": "16/24"}.get(platform, "16")
    assert f"needed: base64 of {size} bytes" in err
    assert not key or key not in err
    assert "不是" in run(case, "--lang", "zh", "--session-key", key)[2]


@pytest.mark.parametrize("platform", WITH_KEYS)
def test_a_key_in_a_file(platform, run, tmp_path):
    """After ``@`` stands a file, so that the key is in no list of processes; a file that is not there is a fault."""
    case = GOOD[platform]
    (tmp_path / "key").write_text(f"\ufeff{session_key_of(case)}\r\n")
    assert run(case, "--session-key", f"@{tmp_path / 'key'}")[:2] == (0, case.phone_number + "\n")
    code, out, err = run(case, "--session-key", f"@{tmp_path / 'absent'}")
    assert (code, out) == (2, "")
    assert "FileNotFoundError" in err


@pytest.mark.parametrize("platform", WITH_KEYS)
def test_what_a_front_end_sends(platform, run, tmp_path):
    """The event, its detail, two spellings, a form and a body with a login open alike; the login is not exchanged."""
    case = GOOD[platform]
    sent = json.loads(case.sent)
    sent = sent.get("authorization", sent)
    sent = sent.get("detail", sent)
    sealed = {"encryptedData": sent["encryptedData"], "iv": sent["iv"]}
    as_json = (
        sealed,
        {"type": "getphonenumber", "detail": {"errMsg": "getPhoneNumber:ok", **sealed}},
        {"encrypted_data": sealed["encryptedData"], "iv": sealed["iv"]},
        {"authorization": sealed, "login_code": "0a3b5c7d9e"},
        {"authorization": sealed, "session": "a-handle"},
        {"detail": {"errMsg": "getPhoneNumber:ok", "code": "a-code-of-a-new-client", **sealed}},
        json.dumps(sealed),
    )
    for each in (*map(json.dumps, as_json), urlencode(sealed)):
        file = tmp_path / "sent.json"
        file.write_text(each)
        code, out, err = run(case, "--session-key", session_key_of(case), file=file)
        assert (code, out) == (0, case.phone_number + "\n"), (each, err)


@pytest.mark.parametrize("platform", ["wechat", "douyin"])
def test_the_session_key_flow_need_not_be_on(platform, run, tmp_path):
    """``accept_encrypted_data`` says what a service takes from strangers; whoever has the key may look."""
    case = next(case for case in CASES if case.platform == platform and "encrypted-data-off" in case.path.name)
    assert not tomllib.loads((case.path / "app.toml").read_text())["apps"]["shop"].get("accept_encrypted_data")
    code, out, _err = run(case, "--session-key", session_key_of(case))
    assert (code, out[:3]) == (0, "+86")


def test_the_policy_of_the_app_holds(run, tmp_path):
    """An app that demands a login binding gets no number for a key that was given by hand."""
    case = GOOD["kuaishou"]
    config = tmp_path / "haoma.toml"
    config.write_text((case.path / "app.toml").read_text() + 'require = ["login-binding"]\n')
    code, out, _err = run(case, "--json", "--session-key", session_key_of(case), config=config)
    assert (code, json.loads(out)["code"]) == (1, "trust.not-proven")


@pytest.mark.parametrize("platform", sorted(set(PLATFORMS) - set(WITH_KEYS)))
def test_a_platform_without_session_keys(platform, run):
    """Where there are no session_keys the option is a fault of the command."""
    case = next(case for case in cases(platform) if not case.misconfigured)
    code, out, err = run(case, "--session-key", "AAAAAAAAAAAAAAAAAAAAAA==")
    assert (code, out) == (2, "")
    assert "has no session_keys" in err


def test_not_beside_a_login_code(run):
    """A login code would have to be exchanged, which is not offline."""
    case = GOOD["wechat"]
    code, out, err = run(case, "--session-key", session_key_of(case), "--login-code", "0a3b5c7d9e")
    assert (code, out) == (2, "")
    assert "--login-code" in err
