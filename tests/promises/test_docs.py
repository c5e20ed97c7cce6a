"""The documentation is true: what it shows runs, what it names exists, and its two languages say the same."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner, Result

from haoma import catalogue
from haoma.authorize import verify_offline
from haoma.cli import app as command_line
from haoma.client import Client
from haoma.errors import HaomaError, Public, UserNotAuthorized
from haoma.platforms.registry import PLATFORMS
from haoma.policy import Policy
from haoma.problem import problem
from haoma.service.app import Application
from haoma.service.pages import openapi
from haoma.settings import reader
from haoma.settings.model import ServiceSettings
from haoma.simulator import Simulator
from haoma.store.config import format_key
from haoma.store.sealing import StoreKey
from haoma.verified import Check, CheckName
from haoma.webhooks import format_secret
from support.service_process import ServiceProcess, free_port

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "guide.md"
HAOMA = Path(sys.executable).with_name("haoma")
_ELSEWHERE = re.compile(r"node_modules|build|dist|haoma-simulator|\..*")


def pages(folder: Path) -> Iterator[Path]:
    """Every page of the repository, without what was installed or built."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not _ELSEWHERE.fullmatch(path.name):
            yield from pages(path)
        elif path.suffix == ".md":
            yield path


PAGES = list(pages(ROOT))
TWINS = [(page.with_name(page.name.replace(".zh-CN", "")), page) for page in PAGES if page.name.endswith(".zh-CN.md")]
CONFIGURATION = [ROOT / "docs" / "configuration.md", ROOT / "docs" / "configuration.zh-CN.md"]
HTTP = [ROOT / "docs" / "http.md", ROOT / "docs" / "http.zh-CN.md"]
SECURITY = [ROOT / "docs" / "security-model.md", ROOT / "docs" / "security-model.zh-CN.md"]
FENCE = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    kind: str
    text: str


@cache
def text(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path, *kinds: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(text(page)) if not kinds or found[0] in kinds]


def prose(page: Path) -> str:
    return FENCE.sub("", text(page))


def rows(page: Path) -> list[list[str]]:
    """The rows of every table of a page, as lists of cells."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in prose(page).splitlines() if line[:1] == "|"
    ]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


# --- what is shown runs ---


def run(line: str) -> Result:
    """Run a command in this process. The installed one is run by test_commands, and `haoma serve` below."""
    program, *arguments = shlex.split(line)
    assert program == "haoma"
    done = CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(command_line, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.filterwarnings("ignore::haoma.HaomaWarning")  # the simulator's upstreams are plain http
def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every Python block of the README and the guide runs by itself, and prints what its comments say."""
    monkeypatch.chdir(ROOT)
    found = [*blocks(README, "python"), *blocks(GUIDE, "python")]
    assert len(found) == 4
    for block in found:
        scope: dict[str, Any] = {}
        exec(compile(block.text, "README.md", "exec"), scope)  # noqa: S102 - it is what a reader does
        said = re.findall(r"(?m)^print\(.*\)  # (.+)$", block.text)
        assert capsys.readouterr().out.splitlines() == said
    scope["test_login"](tmp_path)


def test_the_commands_of_the_readme_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every haoma command of the README that ends by itself runs, and prints what the README shows."""
    monkeypatch.chdir(ROOT)
    lines = [line for page in (README, GUIDE) for block in blocks(page, "sh") for line in block.text.splitlines()]
    ran = []
    for line in lines:
        if not re.match(r"haoma (open|explain|key|inspect|doctor)\b", line):
            continue
        done = run(line)
        refused = "without-sign" in line
        # The doctor warns of an example that every user of the machine can read.
        expected = {1} if refused else {0, 1} if "doctor" in line else {0}
        assert done.exit_code in expected, (line, done.stderr)
        assert not refused or "trust.signature-missing" in done.stdout + done.stderr
        if line.startswith("haoma open") and not refused:
            assert [Block("text", done.stdout)] == blocks(GUIDE, "text")
        ran.append(line)
    assert len(ran) >= 9


def served(line: str, folder: Path) -> ServiceProcess:
    """Run a `haoma serve` of the README on a free port."""
    port = free_port()
    command = [str(HAOMA), *shlex.split(line)[1:], "--listen", f"127.0.0.1:{port}"]
    # The service makes its store in this folder and not beside the example.
    return ServiceProcess(command, port, folder, cwd=ROOT, env={**os.environ, "STATE_DIRECTORY": str(folder)})


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is absent")
def test_the_service_of_the_readme_answers(tmp_path: Path) -> None:
    """The service of the guide, asked with its curl command, answers what the guide shows."""
    serve, curl = (
        next(block.text for block in blocks(GUIDE, "sh") if block.text.startswith(start))
        for start in ("haoma serve", "curl")
    )
    shown = next(block.text for block in blocks(GUIDE, "json") if "checks" in block.text)
    with served(serve, tmp_path) as service:
        address = "http://127.0.0.1:8080"
        assert address in curl
        command = shlex.split(curl.replace("\\\n", " ").replace(address, service.url))
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout) == json.loads(shown)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.mark.parametrize("page", SECURITY, ids=name_of)
def test_the_table_of_proofs_is_what_comes_out(page: Path) -> None:
    """The table has every way of every platform, in the registry's order, and says of each what its checks say."""
    listed = [row for row in rows(page) if len(row) == 2 + len(CheckName)][2:]
    lang = "zh" if page.name.endswith(".zh-CN.md") else "en"
    ways = [(platform, way) for platform in PLATFORMS.values() for way in platform.methods]
    assert [row[:2] for row in listed] == [
        [platform.title(lang), platform.words(f"methods.{way.name}", lang)] for platform, way in ways
    ]
    for row, (_, way) in zip(listed, ways, strict=True):
        assert [cell.startswith(("yes", "是")) for cell in row[2:]] == [check.proven for check in way.checks], row[:2]


@pytest.mark.filterwarnings("ignore::haoma.HaomaWarning")
def test_every_way_of_the_table_comes_out(simulator: Simulator, tmp_path: Path) -> None:
    """The results of the simulator's scenes, over HTTP, have the checks of the registry's ways: all of them, no others."""
    seen: dict[str, set[tuple[Check, ...]]] = {name: set() for name in PLATFORMS}
    with Client.from_file(simulator.write_config(tmp_path / "haoma.toml")) as client:
        for platform, ways in seen.items():
            for scene in simulator.stage.mirrors[platform].scenes:
                for without in ("", "login_code") if scene.expect == "ok" else ():
                    tap = simulator.tap(platform, scene.name)
                    assert tap.body is not None
                    body = {name: value for name, value in tap.body.items() if name != without}
                    # Some need the login, some a push of the platform first: that all end well is tested elsewhere.
                    with suppress(HaomaError):
                        ways.add(client.get_phone_number(tap.app, body).checks)
    assert seen == {name: {way.checks for way in platform.methods} for name, platform in PLATFORMS.items()}


TOMLS = [
    (page, number) for page in PAGES if "docs/errors" not in str(page) for number in range(len(blocks(page, "toml")))
]


@pytest.mark.parametrize(
    ("page", "number"), TOMLS, ids=lambda found: name_of(found) if isinstance(found, Path) else None
)
def test_the_configurations_load(page: Path, number: int, simulator: Simulator, tmp_path: Path) -> None:
    """Every haoma.toml of the documentation loads without a fault or a warning once its files and variables are there."""
    mirrored = {
        name: simulator.stage.mirrors["alipay"].settings(simulator.url)[name] for name in ("alipay", "alipay-cert")
    }
    shown = blocks(page, "toml")[number].text
    wechat = simulator.stage.mirrors["wechat"].settings(simulator.url)
    keys = wechat["wechat-secured"] | mirrored["alipay-cert" if "alipay_cert" in shown else "alipay"]
    keys["file"] = "The text that a user agrees to."
    keys["subject_key"] = "a-key-for-subjects-of-32-characters-or-more"
    pem = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    keys["keys"] = generate_private_key(65537, 2048).private_bytes(*pem).decode()
    for setting, file in re.findall(r'(?m)^(\w+) = \[?(?:\{ file = )?"(secrets/[^"]+)"', shown):
        (tmp_path / "secrets").mkdir(exist_ok=True)
        (tmp_path / file).write_text(keys[setting])
    environ = dict.fromkeys(re.findall(r'env = "(\w+)"', shown), "0123456789abcdef0123456789abcdef")
    environ |= {"SHOP_AES_KEY": keys["aes_key"], "SHOP_AES_KEY_OLD": "AAAAAAAAAAAAAAAAAAAAAA=="}
    environ["COMPONENT_AES_KEY"] = wechat["wechat-component"]["component_aes_key"]
    names = ("STORE_KEY", "NUMBER_KEY", "PEPPER", "AUDIT_KEY")
    environ |= {f"HAOMA_{name}": format_key(StoreKey(1, bytes([at]) * 32)) for at, name in enumerate(names)}
    environ["HAOMA_WEBHOOK_SECRET"] = format_secret(bytes(32))
    environ["PUSH_AES_KEY"] = wechat["wechat"]["push_aes_key"]
    environ["TOKEN_SERVER_URL"] = "https://127.0.0.1/token"
    path = tmp_path / "haoma.toml"
    path.write_text(shown)
    assert reader.load(path, environ=environ).warnings == ()


# --- what is named exists, and what exists is named ---


def test_the_documented_defaults_are_those_of_the_code() -> None:
    """Settings that say nothing are a policy and a service without arguments; the tables have the same defaults."""
    wechat = {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": "0" * 32}
    found = reader.from_mapping({"apps": {"wechat": wechat}})
    assert found.service == ServiceSettings()
    assert replace(found.apps["wechat"].policy, code_seconds=Policy().code_seconds) == Policy()


def commands() -> dict[str, set[str]]:
    """Every command with its options."""
    group: Any = typer.main.get_command(command_line)
    return {
        name: {
            opt
            for each in (found, *getattr(found, "commands", {}).values())
            for param in each.params
            for opt in param.opts
        }
        for name, found in group.commands.items()
    }


@pytest.mark.parametrize("page", [GUIDE, ROOT / "docs" / "guide.zh-CN.md"], ids=name_of)
def test_every_command_is_in_the_guide(page: Path) -> None:
    """The table of commands lists the commands that there are."""
    listed = [match[1] for row in rows(page) if (match := re.fullmatch(r"`haoma ([\w-]+)`", row[0]))]
    assert sorted(listed) == sorted(commands())


def test_every_option_and_target_that_is_named_exists() -> None:
    """No page names a command, an option or a make target that there is not."""
    known = commands()
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for page in PAGES:
        shown = [line for block in blocks(page, "sh") for line in block.text.splitlines()]
        shown += re.findall(r"`([^`\n]+)`", prose(page))
        for command, rest in (
            found.groups() for line in shown if (found := re.match(r"haoma ([a-z][a-z-]*)(.*)", line))
        ):
            assert command in known, page
            ours = rest.partition(" -- ")[0]  # what follows is another program's
            assert set(re.findall(r"(?<!\S)--[a-z][a-z-]*", ours)) <= known[command] | {"--help"}, page
        for target in (found[1] for line in shown if (found := re.match(r"make ([a-z0-9-]+)", line))):
            assert re.search(rf"(?m)^{target}:", makefile), (page, target)


@pytest.mark.parametrize("page", HTTP, ids=name_of)
def test_every_route_is_documented(page: Path) -> None:
    """The application, its OpenAPI document and the table of the page have the same routes."""
    table = {"server_keys": ["documentation-test-server-key"]}
    apps = {"shop": {"platform": "wechat", "app_id": "wx0123456789abcdef", "app_secret": "0" * 32}}
    application = Application(reader.from_mapping({"apps": apps, "service": table}, serving=True))
    routes = {route.path_format for route in application.routes}
    listed = [cell for row in rows(page) if len(row) == 3 for cell in re.findall(r"`(?:GET|POST) ([^`]+)`", row[0])]
    assert sorted(listed) == sorted(routes)
    assert sorted(listed) == sorted(openapi.document("en")["paths"])


@pytest.mark.parametrize("page", HTTP, ids=name_of)
def test_every_public_code_is_documented(page: Path) -> None:
    """The short codes of anonymous callers are all listed."""
    assert {str(code) for code in Public} <= set(re.findall(r"`([a-z-]+)`", prose(page)))


@pytest.mark.parametrize("page", HTTP, ids=name_of)
def test_every_member_is_documented(page: Path) -> None:
    """Whatever a number or a problem is made of stands on the page."""
    shop = reader.load(ROOT / "docs" / "example" / "haoma.toml").app("shop")
    members = set(verify_offline(shop, (ROOT / "docs" / "example" / "envelope.json").read_bytes()).to_dict())
    refusal = UserNotAuthorized(
        platform="alipay", app="shop", step=6, because={"field": "mobile"}, platform_code="40003", request_id="1",
        platform_sub_code="isv.invalid-auth-relations", platform_message="…",
    )  # fmt: skip
    members |= problem(refusal, request_id="2").keys()
    assert len(members) >= 24
    assert {name for name in members if not re.search(rf"[`\"]{name}[`\"]", text(page))} == set()


def test_every_code_that_is_named_exists() -> None:
    """No page names a code of ours that is not in the catalogue, or a platform's code that has no words.

    A file and an event have names like those of codes.
    """
    families = "|".join(sorted({code.partition(".")[0] for code in catalogue.codes()}))
    named = 0
    for page in PAGES:
        for code in set(re.findall(rf"`((?:{families})\.[a-z0-9-]+)`", text(page))) - {
            "envelope.json",
            "link.conflict",
            "link.ts",
        }:
            assert code in catalogue.codes(), name_of(page)
            named += 1
        for platform, native in re.findall(rf"`?\b({'|'.join(PLATFORMS)}):(-?\d+)\b", text(page)):
            assert any(re.match(rf"{native}(?!\d)", key) for key in catalogue.refusals(platform)), (page, native)
    assert named > 100


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_its_pages(platform: str) -> None:
    """A platform has a page in both languages, notes with sources, and a row in every overview."""
    folder = ROOT / "docs" / "platforms"
    for page in (folder / f"{platform}.md", folder / f"{platform}.zh-CN.md"):
        assert f'platform = "{platform}"' in text(page)
    assert (ROOT / "src" / "haoma" / "platforms" / platform / "README.md").is_file()
    assert f"({platform}.md)" in text(folder / "README.md")
    assert f"({platform}.zh-CN.md)" in text(folder / "README.md")
    assert f"| [{PLATFORMS[platform].title('en')}](docs/platforms/{platform}.md) |" in text(README)
    assert f"(platforms/{platform}.md) | [platforms/{platform}.zh-CN.md]" in text(ROOT / "docs" / "README.md")


def test_every_threat_has_a_test_that_exists() -> None:
    """Each threat names a test that is there, and both languages appeal to the same."""
    named = [re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text(page)) for page in SECURITY]
    assert named[0] == named[1]
    for file, test in named[0]:
        assert re.search(rf"(?m)^(async )?def {test}\(", (ROOT / file).read_text("utf-8")), f"{file}::{test}"
    for page in SECURITY:
        threats = [
            row for row in rows(page) if len(row) == 3 and set(row[2]) != {"-"} and row[2] not in ("test", "测试")
        ]
        assert len(threats) > 40
        assert [row[0] for row in threats if not re.search(r"`tests/[^`]+::\w+`", row[2])] == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_is_in_the_security_model(platform: str) -> None:
    """A platform has its list of steps under a heading of its name, and a threat that one of its tests answers."""
    for page, lang in zip(SECURITY, ("en", "zh"), strict=True):
        name = PLATFORMS[platform].title(lang)
        assert any(name in heading for heading in re.findall(r"(?m)^## (.+)$", prose(page)))
        assert f"`tests/platforms/{platform}/" in text(page)


def test_every_decision_is_listed() -> None:
    """Each decision has a page that is linked from the list, under its own title, and none is left over."""
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\[(\d{4})\]\(([^)]+)\) \| (.+?) \|", text(folder / "README.md"))
    assert [file for _, file, _ in listed] == sorted(page.name for page in folder.glob("[0-9]*.md"))
    for number, file, title in listed:
        assert text(folder / file).startswith(f"# {number} {title}\n")


# --- the two languages, and the pages as pages ---


@pytest.mark.parametrize(("english", "chinese"), TWINS, ids=name_of)
def test_twins_agree(english: Path, chinese: Path) -> None:
    """Both languages have the same code, headings, tables and names in code type."""
    assert blocks(english) == blocks(chinese)
    assert re.findall(r"(?m)^#+(?= )", prose(english)) == re.findall(r"(?m)^#+(?= )", prose(chinese))
    assert [len(row) for row in rows(english)] == [len(row) for row in rows(chinese)]
    for here, there in zip(rows(english), rows(chinese), strict=True):
        assert set(re.findall(r"`[^`]+`", here[0])) == set(re.findall(r"`[^`]+`", there[0]))
    assert re.search(r"[\u4e00-\u9fff]", prose(chinese))


def test_there_are_twins() -> None:
    """Everything that a user needs is there in both languages."""
    names = {name_of(english) for english, _ in TWINS}
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "platforms").glob("*.md")]
    both = {"docs/README.md", "docs/words.md"}  # each says everything in two languages
    needed = {name_of(page) for page in pages if not page.name.endswith(".zh-CN.md")} - both
    assert names >= needed | {"README.md", "conformance/README.md"}
    assert names >= {"docs/configuration.md", *(f"docs/platforms/{name}.md" for name in PLATFORMS)}


@cache
def slugs(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    """Every relative link leads to a file, and its anchor to a heading."""
    dead = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page))):
            target, _, anchor = link.partition("#")
            found = (page.parent / target).resolve() if target else page
            if not re.match(r"[a-z]+:", link) and not (found.exists() and (not anchor or anchor in slugs(found))):
                dead.append(f"{name_of(page)}: {link}")
    assert dead == []


def test_nothing_of_the_machine() -> None:
    """No page has the address of a package registry, or a path of somebody's machine."""
    for page in PAGES:
        assert not re.search(r"pypi\.org|pythonhosted|npmjs|npmmirror|index-url", text(page)), page
        assert not re.search(r"(?<![\w.])/(?:work|root|home|tmp|Users)/", text(page)), page


@pytest.mark.parametrize("page", [README, ROOT / "README.zh-CN.md"], ids=name_of)
def test_the_readme_is_short(page: Path) -> None:
    """Whoever has ten minutes reads all of it."""
    assert len(text(page).splitlines()) <= 150
