"""The conformance suite: its cases, its judgement, its runner, and haoma under it."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from conformance.running import SENT, VERDICTS, Outcome, adapters, cases, foreign, run, verdict
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.http import QueryDict
from starlette.datastructures import FormData
from werkzeug.datastructures import ImmutableMultiDict

import support.django_shop  # noqa: F401 - sets Django up
from conformance import make_cases, table
from conftest import ROOT, node_modules
from haoma import authorization
from haoma.errors import BY_CODE, HaomaError
from haoma.platforms.registry import PLATFORMS

CASES = cases()
NAMED = {case["name"]: case for case in CASES}
IN_TWO_PLACES = [
    case["name"] for case in CASES if case["way"] == "request" and case["input"]["query"] and case["input"]["body"]
]
REQUESTS = [case for case in CASES if case["way"] == "request"]
EITHER = [case for case in CASES if "either" in case["expect"]]
ACCEPT, REFUSE = NAMED["alipay/envelope-success-mainland"], NAMED["alipay/envelope-sign-missing_fail"]
Judge = Callable[..., dict[str, Any]]


@cache
def adapter(name: str) -> Judge:
    """Load the script of an adapter into this process."""
    path = ROOT / "conformance" / "adapters" / f"{name}.py"
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
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
            found[case["name"]] = adapter(name)({each: case[each] for each in SENT}, **options)
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
    """Nothing accepted or refused wrongly, no crash; where either is right it does as named.

    The library is handed bodies. What is half in an address is a case for the service alone.
    """
    found = judged("with_haoma")
    assert [name for word in VERDICTS[:3] for name in found[word]] == []
    assert found["unsupported"] == IN_TWO_PLACES
    assert all(name.endswith("_fail") for name in found["strict"])
    assert not any(name.endswith("_fail") for name in found["lenient"])
    assert len(found["right"]) == len(CASES) - len(EITHER)
    assert len(IN_TWO_PLACES) < 5


def test_haoma_names_the_reason() -> None:
    """The reason in a case is the code that haoma gives, so that it may be looked up."""
    reasons = {case["name"]: case["expect"]["reason"] for case in CASES if "reason" in case["expect"]}
    told = answers("with_haoma")
    of_http = {case["name"] for case in REQUESTS if case["input"]["query"]}
    # The library is handed a body, and these have an empty one.
    assert {told[name]["refused"] for name in of_http.difference(IN_TWO_PLACES)} == {"envelope.not-json"}
    assert {name: told[name]["refused"] for name in reasons if name not in of_http} == {
        name: reason for name, reason in reasons.items() if name not in of_http
    }


def test_the_service_and_the_library_say_the_same_of_a_request() -> None:
    """Over HTTP every case is right too, with the same number, reading, code and fields as in the library."""
    in_the_library, served = answers("with_haoma"), answers("with_haoma_service")
    for case in REQUESTS:
        name, expect = case["name"], case["expect"]
        if case["input"]["query"]:
            assert served[name]["refused"] == expect["reason"]
            assert verdict(case, served[name]) == "strict"
        else:
            assert served[name] == in_the_library[name], name
            assert verdict(case, served[name]) == verdict(case, in_the_library[name]) != "unsupported"
    assert all(served[case["name"]] == {"unsupported": True} for case in CASES if case["way"] != "request")


def test_a_refused_request_names_the_fields() -> None:
    """Each field that is named is one of the case, and where a name decides, the right one is said."""
    told = answers("with_haoma_service")
    of_fields = [case for case in REQUESTS if "fields" in case["expect"]]
    assert len(of_fields) >= 40
    for case in of_fields:
        facts = told[case["name"]]["facts"]
        assert facts["field"] in case["expect"]["fields"], case["name"]
        assert facts.get("also", facts["field"]) in case["expect"]["fields"], case["name"]
        for name, right in case["expect"].get("rename", {}).items():
            assert name in (facts["field"], facts["also"])
            assert right in facts["needed"]


def test_haoma_reads_a_login_where_the_case_says() -> None:
    """The place of the login that the cases name is the one that the library has found."""
    placed = [case for case in REQUESTS if "login_at" in case["expect"] and "reason" not in case["expect"]]
    assert len(placed) >= 60
    for case in placed:
        platform = PLATFORMS[case["platform"]]
        found = authorization.read(case["input"]["body"].encode(), platform.phone_code)
        assert found.login_name == case["expect"]["login_at"], case["name"]


def test_requests_of_every_kind_on_every_platform() -> None:
    """There are enough, each platform has numbers and refusals, and every code of a request's shape is there."""
    assert len(REQUESTS) >= 60
    for platform in PLATFORMS:
        of_it = [case for case in REQUESTS if case["platform"] == platform]
        assert {"genuine", "strictness", "damaged", "ambiguous", "refused", "foreign"} - {case["group"] for case in of_it} <= {
            "ambiguous", "damaged",
        }, platform  # fmt: skip
        assert any("refuse" in case["expect"] for case in of_it)
    reasons = {case["expect"].get("reason", "") for case in REQUESTS}
    assert {code for code in BY_CODE if code.startswith("envelope.")} - reasons == {
        "envelope.bad-base64",  # after the login, one refusal
        "envelope.encrypted-data-off",  # a setting of haoma
    }


@pytest.mark.parametrize("kind", ["django", "werkzeug", "starlette"])
def test_a_framework_hands_over_the_same_form(kind: str) -> None:
    """A form as a framework's multi-dict is read as its text is."""
    forms = [
        case
        for case in REQUESTS
        if case["input"]["content_type"].startswith("application/x-www-form-urlencoded")
        and "not-json" not in case["expect"].get("reason", "")
        and not case["input"]["body"].startswith("{")
    ]
    assert len(forms) >= 10
    for case in forms:
        platform = PLATFORMS[case["platform"]]
        text = case["input"]["body"]
        said = [_read(sent, platform.phone_code) for sent in (text, _multi_dict(kind, text))]
        assert said[0] == said[1], case["name"]


def _read(sent: object, phone_code: tuple[str, ...]) -> object:
    try:
        return authorization.read(sent, phone_code)
    except HaomaError as error:
        return error.code


def _multi_dict(kind: str, text: str) -> object:
    pairs = parse_qsl(text, keep_blank_values=True)
    if kind == "werkzeug":
        return ImmutableMultiDict(pairs)
    if kind == "starlette":
        return FormData([(name, value) for name, value in pairs])
    return QueryDict(text)


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
    genuine = Counter(case["platform"] for case in CASES if case["group"] == "genuine")
    assert len(CASES) >= 120
    assert set(by_platform) == set(PLATFORMS)
    for platform in by_platform:
        assert 0 < 2 * genuine[platform] < refusals[platform]


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
        "app_id", "app_key", "client_id", "flow", "aes_key", "alipay_public_key", "session_key", "app_private_keys",
        "url", "api_sym_key", "api_sym_sn", "api_certificates", "token", "encoding_aes_key",
        "apps", "logins", "phone_codes", "other_codes",
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
    assert verdict({"way": "reply", "expect": {"phone_number": "+8613800138000"}}, answer) == word
    mirrored = {"right": "accepted wrongly", "refused wrongly": "right"}.get(word, word)
    assert verdict({"way": "reply", "expect": {"refuse": True}}, answer) == mirrored


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
    assert verdict({"way": "reply", "expect": {"either": "+8613800138000", **reason}}, answer) == word


READING = {"app": "shop", "number_from": "phone-code", "phone_code": "5f3c", "login_code": "0a1b"}
NUMBER = "+8613800138000"


@pytest.mark.parametrize(
    "answer, of_genuine, of_either, of_refused, of_read_and_refused",
    [
        ({"reading": READING, "phone_number": NUMBER}, "right", "lenient", *["accepted wrongly"] * 2),
        ({"reading": READING}, "right", "lenient", "accepted wrongly", "right"),
        ({"reading": {**READING, "login_code": ""}, "phone_number": NUMBER}, *["accepted wrongly"] * 4),
        ({"reading": {**READING, "login_code": "5f3c", "phone_code": "0a1b"}}, *["accepted wrongly"] * 4),
        ({"reading": {**READING, "app": "other"}}, *["accepted wrongly"] * 4),
        ({"reading": READING, "phone_number": "+8613900139000"}, *["accepted wrongly"] * 4),
        ({"refused": "no"}, "refused wrongly", "strict", "right", "right"),
        ({"unsupported": True}, *["unsupported"] * 4),
        ({"phone_number": NUMBER}, *["crashed"] * 4),
        ({"reading": READING, "refused": "no"}, *["crashed"] * 4),
        ({"reading": READING, "phone_number": 13800138000}, *["crashed"] * 4),
        ({"reading": "phone-code"}, *["crashed"] * 4),
        ({"ticket": "ticket@@@"}, *["crashed"] * 4),
    ],
)
def test_a_reading_is_judged(
    answer: object, of_genuine: str, of_either: str, of_refused: str, of_read_and_refused: str
) -> None:
    """A login that was dropped, or taken from another field, is wrong even beside the right number."""
    refused = {"refuse": True, "reason": "envelope.bad-field"}
    expected = (
        ({"phone_number": NUMBER, "reading": READING}, of_genuine),
        ({"either": NUMBER, "reading": READING}, of_either),
        (refused, of_refused),
        ({**refused, "reading": READING}, of_read_and_refused),
    )
    for expect, word in expected:
        assert verdict({"way": "request", "expect": expect}, answer) == word, expect
    assert verdict({"way": "envelope", "expect": {"phone_number": NUMBER}}, {"reading": READING}) == "crashed"


def test_what_is_not_offered_is_said_and_does_not_count(tmp_path: Path) -> None:
    """A way of which no case is answered is named, in the counts, in the JSON and on the page, and is no fault."""
    script = tmp_path / "judge.py"
    script.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    known = json.loads(line)['way'] != 'request'\n"
        "    print(json.dumps({'refused': 'no'} if known else {'unsupported': True}), flush=True)\n"
    )
    outcome = run(foreign([sys.executable, "-S", str(script)], lines=True), [REFUSE, REQUESTS[0]])
    assert outcome.as_json()["not_offered"] == ["request"]
    assert outcome.as_json()["cases"] == {}
    assert "| `request` | not offered |" in table.page([outcome])
    assert "| `request` | 不提供 |" in table.page([outcome], zh=True)
    theirs = shlex.join([sys.executable, "-S", str(script)])
    command = [
        sys.executable,
        "-m",
        "conformance",
        "run",
        "--lines",
        "--command",
        theirs,
        "--only",
        "alipay/request-get",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "  not offered: request" in done.stdout
    assert done.returncode == 2


def test_the_number_of_either_is_the_one_that_a_lenient_reader_finds() -> None:
    """The sample code comes to that very number, or to text that is none because it does not look at it."""
    found = judged("with_sample_code", check=False)
    assert len(found["lenient"]) >= 20
    wrong = [name for name in found["accepted wrongly"] if NAMED[name]["group"] == "strictness"]
    wrong = [name for name in wrong if NAMED[name]["way"] != "request"]
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


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_programs_of_the_readme_run(tmp_path: Path, page: str) -> None:
    """Copied from the page, with the function that is theirs to write, they keep to the protocol."""
    words = (ROOT / "conformance" / page).read_text("utf-8")
    python, javascript = (re.findall(f"```{kind}\n(.*?)```", words, re.DOTALL)[0] for kind in ("python", "js"))
    opens = "def my_sdk_opens(text, **keys): return '+8613811112222'\nclass MySdkError(Exception): pass\n"
    reads = "function myBackEndReads(platform, bytes) { return { from: 'envelope' }; }\n"
    (tmp_path / "judge.py").write_text(opens + python, "utf-8")
    (tmp_path / "judge.mjs").write_text(javascript + reads, "utf-8")
    bare = NAMED["alipay/request-bare"]
    programs = {
        "judge.py": ([sys.executable, "-S"], [ACCEPT, bare], ["right", "unsupported"]),
        "judge.mjs": (["node"], [bare, ACCEPT], ["right", "unsupported"]),
    }
    for name, (command, put, said) in programs.items():
        if shutil.which(command[0]) is None:
            pytest.skip("no Node")
        outcome = run(foreign([*command, str(tmp_path / name)], lines=False), put)
        assert [word for _, word in outcome.verdicts] == said, name


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
    expected = {"way": "push", "expect": {"ticket": "ticket@@@throw-away"}}
    assert verdict(expected, {"ticket": "ticket@@@throw-away"}) == "right"
    assert verdict(expected, {"ticket": "ticket@@@second"}) == "accepted wrongly"
    assert verdict(expected, {"phone_number": "ticket@@@throw-away"}) == "accepted wrongly"
    assert verdict(expected, {"ticket": None}) == "crashed"
    assert verdict({**expected, "expect": {"refuse": True}}, {"ticket": "ticket@@@throw-away"}) == "accepted wrongly"


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
        strict, half = len(EITHER) - lenient - len(IN_TWO_PLACES), len(IN_TWO_PLACES)
        row = f"| 0 | 0 | 0 | {half} | {len(CASES) - len(EITHER)} | {lenient} | {strict} |"
        assert f"| haoma | haoma {version} {row}" in words


def test_the_page_says_what_was_measured() -> None:
    """Both languages carry the same counts, and name a case that was accepted wrongly."""
    verdicts = [(ACCEPT, "crashed"), (REFUSE, "accepted wrongly")]
    outcome = Outcome(foreign(["theirs"], lines=False), "1.0", verdicts)
    for zh in (False, True):
        page = table.page([outcome], zh=zh)
        assert "| theirs | 1.0 | 1 | 0 | 1 | 0 | 0 | 0 | 0 |" in page
        assert f"`{REFUSE['name']}`" in page
