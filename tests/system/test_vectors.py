"""Every vector case through every surface: library, both clients, command line and HTTP service give the same."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from typer.main import get_command

from haoma import AsyncClient, Client, ConfigFaults, HaomaError, load, verify_offline
from haoma.cli import app as command_line
from haoma.platforms.registry import PLATFORMS
from haoma.service import create_app
from support.live import Answer, Asked, Reply, Service, environ_at, platform
from support.vector_cases import Case, cases

CASES = [case for name in PLATFORMS for case in cases(name)]
COMMAND = get_command(command_line)  # to build it takes longer than a case
# What a case that has no body for it is answered: its point lies elsewhere.
TOKENS = {
    "stable_token": b'{"access_token":"57_a-token-of-the-vectors","expires_in":7200}',
    "stable_client_token": b'{"data":{"access_token":"clt.of-the-vectors","error_code":0,"expires_in":7200}}',
}
USUAL_NOW = 1637744300.0
NUMBER = "13811112222"  # in most cases, also in those that must not open


@dataclass(frozen=True)
class Outcome:
    """What a surface gave for a case."""

    phone_number: str = ""
    code: str = ""
    platform_code: str = ""
    platform_sub_code: str = ""

    @classmethod
    def of(cls, error: HaomaError) -> Outcome:
        assert NUMBER not in f"{error!r} {error} {error.facts()} {error.diagnosis}"
        return cls("", error.code, error.platform_code, error.platform_sub_code)

    @classmethod
    def of_json(cls, found: dict[str, Any]) -> Outcome:
        names = ("phone_number", "code", "platform_code", "platform_sub_code")
        return cls(*(found.get(name, "") for name in names))

    def fits(self, case: Case) -> bool:
        """Tell whether it is what the case expects. Alipay's cases may leave the platform's own codes open."""
        own = (self.platform_code, self.platform_sub_code)
        expected = (case.platform_code, case.platform_sub_code)
        if case.platform == "alipay":
            own = (own[0] if expected[0] else "", own[1] if expected[1] else "")
        return (self.phone_number, self.code, *own) == (case.phone_number, case.code, *expected)


BY_NAME = {case.name: case for case in CASES}


def replay(asked: Asked) -> Reply:
    """Answer as the case whose name begins the path says; an address that it has no reply for is a mistake."""
    _, platform_name, case_name, *_, address = asked.path.rstrip("/").split("/")
    replies = TOKENS | BY_NAME[f"{platform_name}/{case_name}"].replies
    return (200, {"content-type": "text/plain"}, replies[address]) if address in replies else (404, {}, b"unexpected")


@pytest.fixture(scope="module")
def recorded() -> Iterator[str]:
    with platform(replay) as url:
        yield url


def app_table(case: Case, recorded: str) -> str:
    """Return the ``[apps.shop]`` of a case, with its own recorded platform."""
    lines = [(case.path / "app.toml").read_text("utf-8").rstrip()]
    addresses = [] if PLATFORMS[case.platform].find_offline else ["api_base_url"]
    if case.app.get("login") == "v2":  # Baidu's has a host of its own
        addresses.append("openapi_base_url")
    if case.app.get("flow") == "scope-phone":  # Huawei's has two, and not the usual one
        addresses = ["oauth_base_url", "account_base_url"]
    addresses = [name for name in addresses if name not in case.app]
    return "\n".join([*lines, *(f'{name} = "{recorded}/{case.name}"' for name in addresses), ""])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One authority to trust, though nothing here speaks TLS: to load the system's takes longer than a case."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def config(case: Case, recorded: str, authority: Path, tmp_path: Path) -> Path:
    return write_config(tmp_path, authority, app_table(case, recorded))


def write_config(folder: Path, authority: Path, apps: str) -> Path:
    path = folder / "haoma.toml"
    # An app without a platform to ask needs neither, and a warning for each would take longer than its case.
    asks = f"allow_insecure_upstreams = true\nca_file = {json.dumps(str(authority))}\n"
    path.write_text(asks * ("http://" in apps) + apps, "utf-8")
    return path


@pytest.fixture
def at_its_time(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.now:
        monkeypatch.setattr("time.time", lambda: case.now)


every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_case
@pytest.mark.usefixtures("at_its_time")
def test_in_process(case: Case, config: Path, loop: asyncio.Runner) -> None:
    """The offline call, the client, the async client and ``haoma open --json`` give the number or code of the case."""
    if case.misconfigured:
        with pytest.raises(ConfigFaults) as faults:
            load(config)
        assert [fault.code for fault in faults.value.faults if not fault.warning] == [case.code]
    else:
        outcomes = in_python(case, config, loop)
        assert all(outcome.fits(case) for outcome in outcomes.values()), outcomes
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as left:
        COMMAND(command(case, config))
    said = [stream.buffer.getvalue().decode("utf-8") for stream in (stdout, stderr)]
    assert_told(case, int(left.value.code or 0), *said)


def in_python(case: Case, config: Path, loop: asyncio.Runner) -> dict[str, Outcome]:
    settings = load(config)
    outcomes = {}
    if PLATFORMS[case.platform].find_offline:
        outcomes["offline"] = tried(lambda: verify_offline(settings.apps["shop"], case.sent).e164)
    with Client(settings) as client:
        outcomes["client"] = tried(lambda: client.get_phone_number("shop", case.sent).e164)

    async def ask() -> str:
        async with AsyncClient(settings) as client:
            return (await client.get_phone_number("shop", case.sent)).e164

    outcomes["async client"] = tried(lambda: loop.run(ask()))
    return outcomes


def tried(ask: Any) -> Outcome:
    try:
        return Outcome(ask())
    except HaomaError as error:
        return Outcome.of(error)


def command(case: Case, config: Path) -> list[str]:
    return ["open", "--json", "--config", str(config), "--app", "shop", str(case.path / "authorization.txt")]


def assert_told(case: Case, exit_code: int, stdout: str, stderr: str) -> None:
    """The exit code and the object of ``haoma open --json`` are those of the case."""
    if case.misconfigured:
        assert (exit_code, stdout) == (2, "")
        assert f"[{case.code}]" in stderr
        return
    assert exit_code == (1 if case.code else 0), stderr
    assert Outcome.of_json(json.loads(stdout)).fits(case), stdout


@pytest.mark.parametrize(
    "case",
    [BY_NAME[name] for name in ("alipay/success-overseas", "wechat/sealed-mainland")],
    ids=lambda case: case.name,
)
def test_command(case: Case, config: Path, tmp_path: Path) -> None:
    """The installed command does what the command line does inside the tests' process."""
    told = subprocess.run(
        [sys.executable, "-m", "haoma", *command(case, config)],
        env=environ_at(tmp_path, case.now or None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert_told(case, told.returncode, told.stdout, told.stderr)


# --- HTTP ---


def divide() -> tuple[list[Case], list[list[Case]]]:
    """Return the cases that one service can serve, and the others in groups that each have a service of their own.

    No two apps of a service may have the same AES key, and what was used for an app, under whatever name, is used.
    """
    served = [case for case in CASES if not case.misconfigured]
    alipay = [case for case in served if case.platform == "alipay"]
    rest = sorted(alipay, key=lambda case: -sum(other.app == case.app for other in alipay))
    rest += [case for case in served if case.platform != "alipay"]
    groups: list[list[Case]] = []
    while rest:
        group: list[Case] = []
        used: set[tuple[str, str, str]] = set()
        left: list[Case] = []
        for case in rest:
            if case.platform == "alipay":
                fits = all(case.app == other.app or keys(case).isdisjoint(keys(other)) for other in group)
            else:
                fits = used.isdisjoint(once(case))
                used |= once(case) if fits else set()
            (group if fits else left).append(case)
        rest = left
        # What opens comes first: three failures burn a session_key, and many cases have the same one.
        groups.append(sorted(group, key=lambda case: (bool(case.code), case.now)))
    return groups[0], groups[1:]


ONCE: dict[str, set[tuple[str, str, str]]] = {}


def once(case: Case) -> set[tuple[str, str, str]]:
    """Return what a case uses up."""
    if case.name not in ONCE:
        app_id = str(case.app.get("app_id") or case.app.get("app_key"))
        text = case.sent.decode("utf-8", "replace")
        ONCE[case.name] = {(case.platform, app_id, each) for each in values(text)}
    return ONCE[case.name]


def values(text: str) -> set[str]:
    """Return the beginnings of all longer values in a body, however they are written down."""
    return {
        each[:12] for each in re.findall(r"[A-Za-z0-9._/+ -]{6,}", text.replace("\\", "")) if re.search(r"[0-9-]", each)
    }


def keys(case: Case) -> set[str]:
    found = case.app["aes_key"]
    return set(found if isinstance(found, list) else [found])


TOGETHER, APART = divide()


def app_of(case: Case, group: list[Case]) -> str:
    """Return the name of the app of a case; cases with the same settings and without a platform share one."""
    if case.platform == "alipay":
        case = next(other for other in group if other.app == case.app)
    return case.name.replace("/", "-").removesuffix("_fail")


def apps_of(group: list[Case], recorded: str) -> str:
    """Return the ``[apps.…]`` of a group."""
    named = {app_of(case, group): app_table(case, recorded) for case in group}
    return "\n".join(table.replace("[apps.shop]", f"[apps.{name}]") for name, table in named.items())


def test_http(recorded: str, tmp_path: Path) -> None:
    """The HTTP service gives the number or code of each case that one service can serve, at the time of the case."""
    answers = {}
    with Service(tmp_path, apps_of(TOGETHER, recorded), now=USUAL_NOW, log_level="error") as service:
        for case in TOGETHER:
            service.set_time(case.now or USUAL_NOW)
            answers[case.name] = service.post(app_of(case, TOGETHER), case.sent)
    wrong = {case.name: answers[case.name] for case in TOGETHER if not answered(case, answers[case.name])}
    assert not wrong


@pytest.mark.parametrize("group", APART, ids=lambda group: group[0].name)
def test_http_apart(
    group: list[Case],
    recorded: str,
    authority: Path,
    tmp_path: Path,
    loop: asyncio.Runner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The application of the HTTP service, in process, gives the number or code of each case of a group."""
    key = "server-key-of-the-vectors-0123456789"
    time = [USUAL_NOW]
    monkeypatch.setattr("haoma.service.routes.phone_number.now", lambda: time[0])
    path = write_config(tmp_path, authority, apps_of(group, recorded))
    with path.open("a", encoding="utf-8") as file:
        file.write(f'[service]\nlog_level = "error"\nserver_keys = ["{key}"]\n[store]\ndatabase_url = "memory"\n')

    async def ask_all() -> dict[str, Answer]:
        app: Any = create_app(load(path, serving=True))
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        transport = httpx.ASGITransport(app)
        found = {}
        async with httpx.AsyncClient(transport=transport, base_url="http://service.test", headers=headers) as client:
            for case in group:
                time[0] = case.now or USUAL_NOW
                got = await client.post(f"/v1/apps/{app_of(case, group)}/phone-number", content=case.sent)
                found[case.name] = Answer(got.status_code, dict(got.headers), got.content)
        return found

    answers = loop.run(ask_all())
    wrong = {case.name: answers[case.name].json for case in group if not answered(case, answers[case.name])}
    assert not wrong


def test_every_case_is_served() -> None:
    """Each case comes to the HTTP service, but for those that are at fault before it starts."""
    assert len(TOGETHER) > 150
    assert {case.name for group in [TOGETHER, *APART] for case in group} == {
        case.name for case in CASES if not case.misconfigured
    }


def answered(case: Case, answer: Answer) -> bool:
    """Tell whether an answer is the case's: the number or code, the status in the body, and no fault of haoma's."""
    return (
        Outcome.of_json(answer.json).fits(case)
        and answer.status == answer.json.get("status", 200)
        and (answer.status < 500 or answer.json["code"].startswith(("platform.", "outside.")))
    )


@pytest.mark.parametrize("case", [case for case in CASES if case.misconfigured][:1], ids=lambda case: case.name)
def test_http_misconfigured(case: Case, config: Path) -> None:
    """A service whose configuration is at fault does not start, and names the fault."""
    told = subprocess.run(
        [sys.executable, "-m", "haoma", "serve", "--config", str(config)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert f"[{case.code}]" in told.stderr
