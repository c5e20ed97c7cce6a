"""The conformance suite: its cases, its judgement, its runner, and haoma under it."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
import resource
import shlex
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conformance.running import SENT, VERDICTS, Outcome, adapters, cases, foreign, run, verdict
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from conformance import make_cases, table
from conftest import ROOT, node_modules
from haoma.platforms.registry import PLATFORMS

CASES = cases()
NAMED = {case["name"]: case for case in CASES}
EITHER = [case for case in CASES if "either" in case["expect"]]
ACCEPT, REFUSE = NAMED["alipay/envelope-success-mainland"], NAMED["alipay/envelope-sign-missing_fail"]
Judge = Callable[..., dict[str, Any]]


@cache
def adapter(name: str) -> Judge:
    """Load the script of an adapter into this process."""
    path = ROOT / "conformance" / "adapters" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    judge: Judge = module.judge
    return judge


@cache
def answers(name: str, **options: Any) -> dict[str, Any]:
    """Put all cases to an adapter, in this process."""
    found: dict[str, Any] = {}
    for case in CASES:
        try:
            found[case["name"]] = adapter(name)(case, **options)
        except Exception:  # noqa: BLE001 - that is what a crash is
            found[case["name"]] = None
    return found


def judged(name: str, **options: Any) -> dict[str, list[str]]:
    """Sort all cases by verdict."""
    found: dict[str, list[str]] = {word: [] for word in VERDICTS}
    for case_name, answer in answers(name, **options).items():
        found[verdict(NAMED[case_name], answer)].append(case_name)
    return found


def test_haoma_gets_every_case_right() -> None:
    """Nothing accepted or refused wrongly, no crash, nothing unsupported; where either is right it does as named."""
    found = judged("with_haoma")
    assert [name for word in VERDICTS[:4] for name in found[word]] == []
    assert all(name.endswith("_fail") for name in found["strict"])
    assert not any(name.endswith("_fail") for name in found["lenient"])
    assert len(found["right"]) == len(CASES) - len(EITHER)


def test_haoma_names_the_reason() -> None:
    """The reason in a case is the code that haoma gives, so that it may be looked up."""
    reasons = {case["name"]: case["expect"]["reason"] for case in CASES if "reason" in case["expect"]}
    told = answers("with_haoma")
    assert {name: told[name]["refused"] for name in reasons} == reasons


@pytest.mark.parametrize("check, at_least", [(False, 100), (True, 60)])
def test_sample_code_is_caught(check: bool, at_least: int) -> None:
    """The suite finds what tutorials do wrong, and has nothing against what they do right."""
    found = judged("with_sample_code", check=check)
    assert len(found["accepted wrongly"]) >= at_least
    # The one signature that it looks at is not under the certificate that it knows.
    assert found["refused wrongly"] == (["wechat/secured-certificate-rotation"] if check else [])
    assert found["unsupported"] == []
    assert "alipay/envelope-clear-text-success-string_fail" in found["accepted wrongly"]
    foreign_watermark = "wechat/reply-foreign-watermark_fail"
    assert (foreign_watermark in found["accepted wrongly"]) is not check


def test_there_are_enough_cases_and_most_must_be_refused() -> None:
    """Every platform is there, with a number that has to come out and more that must not."""
    by_platform = Counter(case["platform"] for case in CASES)
    refusals = Counter(case["platform"] for case in CASES if "refuse" in case["expect"])
    assert len(CASES) >= 120
    assert set(by_platform) == set(PLATFORMS)
    for platform, count in by_platform.items():
        assert count / 2 < refusals[platform] < count


def test_the_folders_are_what_the_script_makes() -> None:
    """Nobody edits a case by hand, and no vector changes behind the suite's back."""
    made = {name: make_cases.text(case) for name, case in make_cases.make().items()}
    root = ROOT / "conformance" / "cases"
    there = {path.parent.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.glob("*/*/case.json")}
    assert there.keys() == made.keys()
    assert there == made


def test_each_case_says_what_it_is() -> None:
    """Name, why, source, group and outcome are there and agree; whoever answers is given no haoma settings."""
    for case in CASES:
        _says_what_it_is(case)


def test_no_case_is_there_twice() -> None:
    """What counts, counts once: no two cases put the same input with the same keys at the same time."""
    put = Counter(json.dumps([case[name] for name in SENT], sort_keys=True) for case in CASES)
    assert [text[:80] for text, count in put.items() if count > 1] == []


def _says_what_it_is(case: dict[str, Any]) -> None:
    assert case["name"].endswith("_fail") == ("reason" in case["expect"])
    assert ("phone_number" in case["expect"] or "ticket" in case["expect"]) == (case["group"] == "genuine")
    assert ("either" in case["expect"]) == (case["group"] == "strictness")
    assert case["group"] in table.GROUPS
    assert case["why"]
    assert "\n" not in case["why"]
    assert case["source"]["kind"] in ("official", "peer", "layout", "forged")
    assert case["keys"].keys() <= {
        "app_id", "app_key", "client_id", "aes_key", "alipay_public_key", "session_key", "app_private_keys",
        "url", "api_sym_key", "api_sym_sn", "api_certificates", "token", "encoding_aes_key",
    }  # fmt: skip
    number = case["expect"].get("phone_number", case["expect"].get("either", "+8613800138000"))
    assert case["way"] == "push" or re.fullmatch(r"\+[1-9][0-9]{6,14}", number, re.ASCII)


@pytest.mark.parametrize(
    "answer, word",
    [
        ({"phone_number": "+8613800138000"}, "right"),
        ({"phone_number": "+8613800138001"}, "accepted wrongly"),
        ({"phone_number": 13800138000}, "crashed"),
        ({"refused": "why"}, "refused wrongly"),
        ({"refused": True}, "crashed"),
        ({"unsupported": True}, "unsupported"),
        ({"unsupported": False}, "crashed"),
        ({}, "crashed"),
        ([], "crashed"),
        (None, "crashed"),
    ],
)
def test_an_answer_is_judged(answer: object, word: str) -> None:
    """One number is right; what is outside the protocol is a crash."""
    assert verdict({"expect": {"phone_number": "+8613800138000"}}, answer) == word
    mirrored = {"right": "accepted wrongly", "refused wrongly": "right"}.get(word, word)
    assert verdict({"expect": {"refuse": True}}, answer) == mirrored


@pytest.mark.parametrize(
    "answer, word",
    [
        ({"phone_number": "+8613800138000"}, "lenient"),
        ({"refused": "why"}, "strict"),
        ({"phone_number": "+86undefined"}, "accepted wrongly"),
        ({"unsupported": True}, "unsupported"),
        (None, "crashed"),
    ],
)
@pytest.mark.parametrize("reason", [{}, {"reason": "trust.cannot-open"}])
def test_where_either_is_right_only_another_number_is_wrong(answer: object, word: str, reason: dict[str, str]) -> None:
    """To take the one right number and to refuse it are no faults, whatever haoma does."""
    assert verdict({"expect": {"either": "+8613800138000", **reason}}, answer) == word


def test_the_number_of_either_is_the_one_that_a_lenient_reader_finds() -> None:
    """The sample code comes to that very number, or to text that is none because it does not look at it."""
    found = judged("with_sample_code")
    assert len(found["lenient"]) >= 20
    wrong = [name for name in found["accepted wrongly"] if NAMED[name]["group"] == "strictness"]
    assert all(re.search("full-width|newline|empty", name) for name in wrong)


# A judge that dies of an envelope without a signature, and gives the right number for all others.
_STUBBORN = """
import json, sys
for line in sys.stdin:
    if "sign" not in json.loads(json.loads(line)["input"]):
        sys.exit(3)
    print(json.dumps({"phone_number": "+8613811112222"}), flush=True)
"""


@pytest.mark.parametrize("lines", [True, False])
def test_a_program_that_dies_is_asked_the_next_case(tmp_path: Path, lines: bool) -> None:
    """A crash is one case's own, in both ways of asking."""
    script = tmp_path / "judge.py"
    script.write_text(_STUBBORN)
    outcome = run(foreign([sys.executable, str(script)], lines=lines), [REFUSE, ACCEPT, REFUSE, ACCEPT])
    assert [word for _, word in outcome.verdicts] == ["crashed", "right"] * 2


def test_a_program_that_cannot_start_or_hangs_has_crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is ended, and not waited for longer than is said."""
    monkeypatch.setattr("conformance.running.SECONDS", 0.3)
    hangs = foreign([sys.executable, "-c", "import time; time.sleep(60)"], lines=True)
    absent = foreign(["/no/such/program"], lines=False)
    for program in (hangs, absent):
        assert [word for _, word in run(program, [ACCEPT]).verdicts] == ["crashed"]


def test_what_an_adapter_misses_is_a_refusal_and_what_a_library_cannot_read_a_crash(tmp_path: Path) -> None:
    """A library answers for its own errors, not for a field that its adapter did not find."""
    script = tmp_path / "judge.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'conformance' / 'adapters')!r})\n"
        "from glue import answer, read, text\n"
        "def judge(case):\n"
        "    text(read(case['input']), 'sign')\n"
        "    raise TypeError('of the library')\n"
        "answer(judge)\n"
    )
    put = [NAMED[f"alipay/envelope-{name}_fail"] for name in ("sign-missing", "sign-number", "json-brackets")]
    outcome = run(foreign([sys.executable, "-S", str(script)], lines=True), [*put, ACCEPT])
    assert [word for _, word in outcome.verdicts] == ["right", "right", "right", "crashed"]


# What is read never ends, what is started stays, and what is said is no answer, or one too many.
_MISBEHAVING = {
    "garbage": "sys.stdin.readline(); print('Traceback: no JSON')",
    "no text": "sys.stdin.readline(); sys.stdout.buffer.write(bytes(range(256)) + b'\\n')",
    "no end": "sys.stdin.readline()\nwhile True: sys.stdout.write('x' * 65536)",
    "no end, and nothing read": "while True: sys.stdout.write('x' * 65536)",
    "a hundred megabytes": "sys.stdin.readline(); sys.stdout.write('x' * 100_000_000 + '\\n')",
    "too deep": "sys.stdin.readline(); print('[' * 50_000)",
    "a number and a refusal": 'sys.stdin.readline(); print(\'{"phone_number": "+8613800138000", "refused": "no"}\')',
    "a child that stays": "import subprocess; subprocess.Popen(['sleep', '60']); sys.stdin.readline(); sys.exit(1)",
    "a child that hangs": "import subprocess; subprocess.run(['sleep', '60'])",
    "killed": "import os; sys.stdin.readline(); os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("script", _MISBEHAVING.values(), ids=_MISBEHAVING)
def test_a_program_that_misbehaves_has_crashed(monkeypatch: pytest.MonkeyPatch, script: str, lines: bool) -> None:
    """Whatever it does, it costs seconds and some kilobytes, and each case is a crash."""
    monkeypatch.setattr("conformance.running.SECONDS", 0.3)
    program = foreign([sys.executable, "-S", "-c", f"import sys; {script}"], lines=lines)
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert [word for _, word in run(program, [ACCEPT]).verdicts] == ["crashed"]
    assert time.monotonic() - started < 50  # it would be a minute and more
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024  # kilobytes


def test_an_answer_too_many_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    """Whoever writes two lines for a case would be judged by the wrong one ever after."""
    script = tmp_path / "judge.py"
    script.write_text(
        "import sys, time\nfor line in sys.stdin:\n"
        """    sys.stdout.write('{"refused": "x"}\\n{"refused": "debug"}\\n')\n    sys.stdout.flush()\n"""
    )
    program = foreign([sys.executable, "-S", str(script)], lines=True)
    said = [word for _, word in run(program, [REFUSE, REFUSE, REFUSE]).verdicts]
    assert said == ["right", "crashed", "right"]


def test_who_is_silent_three_times_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hundreds of cases at twenty seconds each would be hours."""
    monkeypatch.setattr("conformance.running.SECONDS", 0.2)
    hangs = foreign([sys.executable, "-S", "-c", "import time; time.sleep(60)"], lines=True)
    started = time.monotonic()
    assert {word for _, word in run(hangs, CASES).verdicts} == {"crashed"}
    assert time.monotonic() - started < 50  # it would be a minute and more
    assert "the rest was not asked" in capsys.readouterr().err


def test_the_command_judges_haoma_in_a_process_of_its_own() -> None:
    """`python -m conformance run` asks over the protocol, says it as JSON and exits with 0."""
    command = [sys.executable, "-m", "conformance", "run", "--only", "alipay/envelope-sign-", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    (found,) = json.loads(done.stdout)
    assert (done.returncode, found["adapter"], found["cases"]) == (0, "haoma", {})
    asked = [case["group"] for case in CASES if case["name"].startswith("alipay/envelope-sign-")]
    assert (found["right"], found["strict"]) == (len(asked) - 1, 1) == (len(asked) - 1, asked.count("strictness"))


def test_the_command_exits_with_1_for_a_wrong_answer(tmp_path: Path) -> None:
    """A program of somebody else, asked case by case."""
    script = tmp_path / "judge.py"
    script.write_text('print(\'{"phone_number": "+8613811112222"}\')')
    theirs = shlex.join([sys.executable, str(script)])
    command = [sys.executable, "-m", "conformance", "run", "--command", theirs, "--only", "alipay/envelope-sign-sha"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "1 accepted wrongly" in done.stdout
    (wrong,) = [line for line in done.stdout.splitlines() if "_fail: " in line]
    assert wrong.startswith("  accepted wrongly: alipay/envelope-sign-sha512_fail: ")


def test_a_program_is_not_told_what_is_expected(tmp_path: Path) -> None:
    """It gets what a server gets and the time; neither the answer nor a name that ends in `_fail`."""
    script = tmp_path / "judge.py"
    script.write_text(
        "import json, pathlib, sys\nline = sys.stdin.readline()\n"
        f"pathlib.Path({str(tmp_path / 'told')!r}).write_text(line)\n"
        "print(json.dumps({'refused': 'no'}))\n"
    )
    run(foreign([sys.executable, "-S", str(script)], lines=False), [REFUSE])
    told = json.loads((tmp_path / "told").read_text())
    assert told == {name: REFUSE[name] for name in ("platform", "way", "input", "keys", "now")}


def test_the_command_exits_with_2_when_nothing_was_judged() -> None:
    """A program that calls every case somebody else's job has got nothing right."""
    theirs = shlex.join([sys.executable, "-S", "-c", "print('{\"unsupported\": true}')"])
    command = [sys.executable, "-m", "conformance", "run", "--command", theirs, "--only", "alipay/envelope-sign-o"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "nothing was judged" in done.stderr) == (2, True)


def test_a_clone_alone_is_enough_to_judge(tmp_path: Path) -> None:
    """Without a package installed it lists, judges a program, and says what haoma and `make` lack."""
    script = tmp_path / "judge.py"
    script.write_text('print(\'{"refused": "no"}\')')
    theirs = shlex.join([sys.executable, "-S", str(script)])

    def bare(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-S", "-m", "conformance", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    listed = bare("list")
    assert (listed[0], len(listed[1].splitlines())) == (0, len(CASES))
    assert bare("run", "--only", "alipay/envelope-sign-o", "--command", theirs)[0] == 0
    for arguments, wanted in ((["run"], "pip install ."), (["make"], "pip install '.[test]'")):
        status, said = bare(*arguments)
        assert status == 2
        assert wanted in said


def test_npm_alipay_sdk_gives_the_genuine_numbers() -> None:
    """An implementation that shares nothing with haoma agrees on what is genuine, and on wrong signatures."""
    node_modules()
    chosen = [case for case in CASES if case["way"] == "envelope" and case["group"] == "genuine"]
    chosen += [case for case in CASES if case["name"].startswith(("alipay/envelope-sign-o", "alipay/envelope-sha1-"))]
    outcome = run(adapters()["alipay-sdk (npm)"], chosen)
    assert outcome.count("accepted wrongly") == outcome.count("refused wrongly") == 0
    assert outcome.count("right", "genuine") == outcome.asked("genuine") > 0


def test_a_ticket_is_judged_as_a_number_is() -> None:
    """One ticket is right, and a number in its place is not."""
    expected = {"expect": {"ticket": "ticket@@@throw-away"}}
    assert verdict(expected, {"ticket": "ticket@@@throw-away"}) == "right"
    assert verdict(expected, {"ticket": "ticket@@@second"}) == "accepted wrongly"
    assert verdict(expected, {"phone_number": "ticket@@@throw-away"}) == "accepted wrongly"
    assert verdict(expected, {"ticket": None}) == "crashed"
    assert verdict({"expect": {"refuse": True}}, {"ticket": "ticket@@@throw-away"}) == "accepted wrongly"


def test_a_cube_root_passes_for_a_signature_where_nobody_looks_behind_the_hash() -> None:
    """The forgery is one: a verifier that stops after the hash takes it."""
    case = NAMED["alipay/envelope-sign-cube-root_fail"]
    sent = json.loads(case["input"])
    public = load_der_public_key(base64.b64decode(case["keys"]["alipay_public_key"]))
    assert isinstance(public, RSAPublicKey)
    numbers = public.public_numbers()
    block = pow(int.from_bytes(base64.b64decode(sent["sign"])), numbers.e, numbers.n).to_bytes(256)
    digest = hashlib.sha256(f'"{sent["response"]}"'.encode()).digest()
    assert numbers.e == 3
    assert block.startswith(b"\x00\x01" + b"\xff" * 8 + b"\x00")
    assert digest in block
    assert not block.endswith(digest)


def test_what_the_adapters_need_is_pinned_by_name_and_version() -> None:
    """Every requirement has a version, no lockfile names a registry, and every adapter is on the page."""
    pins = (ROOT / "conformance" / "constraints.txt").read_text("utf-8").splitlines()[1:]
    assert all(re.fullmatch(r"[A-Za-z0-9-]+==[0-9a-z.]+", pin) for pin in pins)
    names = {pin.partition("==")[0].lower() for pin in pins}
    page = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    for each in adapters().values():
        assert {wanted.partition("[")[0].lower() for wanted in each.requirements} <= names
        assert f"| {each.name} |" in page
    lock = json.loads((ROOT / "conformance" / "node" / "package-lock.json").read_text("utf-8"))
    assert len(lock["packages"]) > 1
    assert not any("resolved" in package for package in lock["packages"].values())


def test_the_page_is_of_these_cases() -> None:
    """The committed page was measured with as many cases as there are now, and haoma got them all right."""
    for page in ("conformance.md", "conformance.zh-CN.md"):
        words = (ROOT / "docs" / page).read_text("utf-8")
        version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
        lenient = sum("reason" not in case["expect"] for case in EITHER)
        row = f"| 0 | 0 | 0 | 0 | {len(CASES) - len(EITHER)} | {lenient} | {len(EITHER) - lenient} |"
        assert f"| haoma | haoma {version} {row}" in words


def test_the_page_says_what_was_measured() -> None:
    """Both languages carry the same counts, and name a case that was accepted wrongly."""
    verdicts = [(ACCEPT, "crashed"), (REFUSE, "accepted wrongly")]
    outcome = Outcome(foreign(["theirs"], lines=False), "1.0", verdicts)
    for zh in (False, True):
        page = table.page([outcome], zh=zh)
        assert "| theirs | 1.0 | 1 | 0 | 1 | 0 | 0 | 0 | 0 |" in page
        assert f"`{REFUSE['name']}`" in page
