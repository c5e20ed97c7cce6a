"""The words for users are in ``.toml`` files, whole in both languages; each is used, and no Python file holds any."""

import ast
import re
import runpy
import string
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from haoma import catalogue
from haoma.catalogue import Who
from haoma.cli import person
from haoma.cli.erasures import COLUMNS
from haoma.cli.events import State
from haoma.cli.ledger import _STATES
from haoma.cli.rotation import Of
from haoma.cli.usage import COLUMNS as USAGE_COLUMNS
from haoma.doctor.captures import capture
from haoma.doctor.platforms import symptoms
from haoma.errors import Public
from haoma.platforms.base.diagnosis import Severity
from haoma.platforms.base.mirroring import Scene
from haoma.platforms.registry import PLATFORMS, load
from haoma.service.pages import pages
from haoma.service.pages.account_paths import DESCRIBED
from haoma.store import orphans, reports
from haoma.store.audit import verify
from haoma.store.people.reading import Why
from haoma.words import LANGUAGES, UnknownWords, entries, text
from haoma.words.facts import phrase, shown

SOURCE = Path(__file__).parents[2] / "src" / "haoma"
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e]")
ROOMS = sorted(path.stem for path in (SOURCE / "words").glob("*.toml"))
OF_PLATFORMS = [f"platforms/{name}" for name in PLATFORMS]
OF_MIRRORS = [f"platforms/{name}/mirror" for name in PLATFORMS]

RECOGNISED = {
    "doctor/captures/log_lines.py": "a full-width colon, as logs in Chinese have it",
    "platforms/alipay/read.py": "words of a button's event after which a user has declined",
    "platforms/base/diagnosis.py": "Chinese numerals, brackets and names of secrets, which are hidden in captures",
    "platforms/base/symptoms.py": "the name of a field in logs",
    "platforms/wechat/session.py": "the title of a section of WeChat's documentation",
    "platforms/xiaohongshu/symptoms.py": "Xiaohongshu's words with a code that many back ends use",
    "platforms/wechat/third_party/grant.py": "the name of a permission set in WeChat's console",
}
"""Files with Chinese that nobody is told: why."""

WRAPPERS = {
    ("cli/output.py", "line"): ("cli", "line."),
    ("service/pages/openapi.py", "_say"): ("service", "api."),
    ("service/pages/openapi.py", "_operation"): ("service", "api."),
    ("service/pages/openapi.py", "_plain"): ("service", "api."),
    ("simulator/demo.py", "_say"): ("simulator", "demo."),
    ("simulator/demo.py", "_line"): ("simulator", "demo."),
}
"""Functions that put a prefix in front of the key that they are given."""

FRONT_END = {
    word
    for path in (SOURCE.parents[1] / "frontend" / "core" / "src").glob("*.ts")
    if path.name != "words.ts"
    for word in re.findall(r"'([a-z-]+)'", path.read_text("utf-8"))
}
"""What the core of the front end writes out."""

CHOSEN: dict[str, set[str]] = {
    "problem": set(Public) | {f"who.{each}" for each in Who},
    "places": {entry.native.partition("@")[2] for name in PLATFORMS for entry in catalogue.refusals(name).values()}
    - {""},
    "doctor": {f"kinds.{each}" for each in capture._OF_ANY},
    "cli": {f"severity.{each}" for each in Severity}
    | {"line.progress"}
    | {f"db.state.{each}" for each in ("ready", "missing", "old", "new", "behind")}
    | {f"db.column.{each}" for each in ("database", "prefix", "version", "newest", "accepted", "state")}
    | {f"db.column.erasures_{each}" for each in ("pending", "overdue")}
    | {f"db.odd.{name}" for name in orphans.NAMES}
    | {f"db.step.{each}" for each in ("waiting", "upgrade", "downgrade")}
    | {f"db.odd.{name}" for name in ("tenant", "unreadable", *(check[0] for check in reports.CHECKS))}
    | {f"keys.column.{each}" for each in ("of", "number", "role", "rows")}
    | {f"keys.role.{each}" for each in ("seals", "opens", "signs", "verifies", "both", "missing", "retired")}
    | {f"keys.added.{each}" for each in Of}
    | {f"keys.{verb}.{each}" for verb in ("promoted", "retired", "needed") for each in Of}
    - {"keys.promoted.peppers", "keys.needed.audit_keys"}
    | {f"audit.column.{each}" for each in ("day", "what", "app", "by", "total")}
    | {f"audit.found.{each}" for each in verify.NAMES}
    | {f"audit.{each}" for each in ("where.lane", "where.seals", "proof.stored", "proof.shipped")}
    | {f"ledger.column.{each}" for each in ("day", "app", "kind", "received", *_STATES)}
    | {f"usage.column.{each}" for each in USAGE_COLUMNS}
    | {f"events.column.{each}" for each in ("at", "type", "state", "tries", "account", "id")}
    | {f"events.state.{each}" for each in State},
    "people": {f"why.{each}" for each in Why}
    | {f"file.{each}" for each in ("header", "encoding")}
    | {f"erasures.column.{each}" for each in COLUMNS}
    | {f"page.{each}" for each in (*person.FACTS, *person.LOGINS, *person.CONSENTS)}
    | {f"page.{each}" for each in ("title", "logins", "consents", "none", "note")},
    **{room: {key for key in entries(room) if key in FRONT_END} for room in ("front_end", "phone_entry")},
    "service": {"api.server", "api.publishable", "api.id-account", "api.id-dispute"}
    | {f"api.{each.name}" for each in DESCRIBED.values()}
    | {f"page.{each}" for each in pages._HEADINGS},
    "phone_page": {*entries("phone_page")},  # in the browser; see tests/simulator/test_phone_page.py
    "simulator": {f"demo.column.{each}" for each in ("platform", "scene", "result", "time")},
}
"""Keys that are not written out where they are used."""


@cache
def nodes(path: Path) -> list[ast.AST]:
    return [*ast.walk(ast.parse(path.read_text("utf-8")))]


def sources() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), path


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in nodes(path):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""), node


def constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every innermost table of a file."""
    for name, inner in table.items():
        assert isinstance(inner, dict), prefix + name
        if any(isinstance(each, dict) for each in inner.values()):
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, inner


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


def used() -> Iterator[tuple[str, str, set[str] | None]]:
    """The keys that are written out in the source, with the facts that they are given; None if only a run tells."""
    for name, path in sources():
        for called, node in calls(path):
            room, prefix, given = "", "", list(node.args)
            if called == "text" and len(given) == 3:
                room, given = constant(given[0]) or "", given[1:]
            elif (name, called) in WRAPPERS:
                room, prefix = WRAPPERS[name, called]
            key = constant(given[0]) if room and given else None
            if key is not None:
                names = [each.arg for each in node.keywords] if called in ("text", "_say") else []
                yield room, prefix + key, None if None in names else {each for each in names if each}


# --- the files ---


@pytest.mark.parametrize("room", [*ROOMS, *OF_PLATFORMS, *OF_MIRRORS])
def test_entries_are_whole(room: str) -> None:
    """Every entry has exactly a Chinese and an English text, not empty, with the same placeholders."""
    path = SOURCE / (f"{room}/words.toml" if "/" in room else f"words/{room}.toml")
    found = dict(leaves(tomllib.loads(path.read_text("utf-8"))))
    assert found
    assert found.keys() == entries(room).keys()
    for key, entry in found.items():
        assert entry.keys() == set(LANGUAGES), key
        for words in entry.values():
            assert words, key
            assert words == words.strip(), key
        assert placeholders(entry["zh"]) == placeholders(entry["en"]), key
        assert all(name.isidentifier() for name in placeholders(entry["en"])), key
        assert not CHINESE.search(entry["en"]), key
        assert CHINESE.search(entry["zh"]) or len(entry["zh"].split()) == 1, key  # a name, the same in both


def test_no_file_is_left_over() -> None:
    """Each file of words is that of a room, of a platform or of a mirror."""
    there = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("words.toml")}
    assert there == {f"{room}/words.toml" for room in (*OF_PLATFORMS, *OF_MIRRORS)}


def test_every_key_exists_and_is_used() -> None:
    """What is asked for is there, with the facts that it needs; what is there is asked for."""
    written = list(used())
    rooms = {room for room, _, _ in written} | CHOSEN.keys()
    assert rooms | {"facts"} == set(ROOMS)
    for room in rooms:
        keys = {key for place, key, _ in written if place == room} | CHOSEN.get(room, set())
        assert keys == entries(room).keys(), room
    for room, key, facts in written:
        assert facts is None or placeholders(entries(room)[key]["en"]) == facts, (room, key)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_has_its_words(platform: str) -> None:
    """Its title, each method with its certainty, each kind of capture, each scene: no more and no less."""
    keys = {"title", *(f"kinds.{kind}" for kind in symptoms(platform).kinds)}
    for method in PLATFORMS[platform].methods:
        keys |= {f"methods.{method.name}", f"certain.{method.name}"}
    facts = {key for key in entries(f"platforms/{platform}") if key.startswith(("names.", "phrases."))}  # see below
    facts |= {key for key in entries(f"platforms/{platform}") if key.startswith(("steps.", "seals."))}  # of the phone
    assert keys | facts == entries(f"platforms/{platform}").keys()
    scenes: tuple[Scene, ...] = load(PLATFORMS[platform].mirror).scenes
    lines = entries(f"platforms/{platform}/mirror")
    assert {scene.words or scene.name for scene in scenes} == lines.keys()
    for scene in scenes:
        assert placeholders(lines[scene.words or scene.name]["en"]) == scene.facts.keys(), scene.name


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("replies.toml")), ids=lambda path: path.parts[-3])
def test_every_reply_of_a_mirror_is_said(path: Path) -> None:
    """What a platform says with its codes is said by its mirror."""
    said = {str(node.value) for file in path.parent.glob("*.py") for node in nodes(file)
            if isinstance(node, ast.Constant)}  # fmt: skip
    said |= {f"-{value}" for value in said}  # -1 is written as 1 with a sign in front
    replies = tomllib.loads(path.read_text("utf-8"))
    assert {key for key in replies if key.rpartition("/")[2] not in said} == set()


# --- facts ---

REPORTS = (
    "fault",
    "warning",
    "note",
    "good",
    "of_error",
    "number_in",
    "nonsense",
    "_untrusted",
    "KeyProblem",
    "_fault",
)
NO_FACTS = {"guess", "because", "severity", "where", "warning"}


def of_facts(prefix: str) -> list[Mapping[str, str]]:
    rooms = ("facts", *OF_PLATFORMS)
    return [entry for room in rooms for key, entry in entries(room).items() if key.startswith(prefix)]


def names_of_facts() -> set[str]:
    """The names of facts that are written out in the source."""
    found = set()
    for _, path in sources():
        for called, node in calls(path):
            for keyword in node.keywords:
                if keyword.arg == "because" and isinstance(keyword.value, ast.Dict):
                    found |= {name for key in keyword.value.keys if key and (name := constant(key))}
                elif called in REPORTS and keyword.arg and keyword.arg not in NO_FACTS:
                    found.add(keyword.arg)
    return found


def test_every_fact_has_a_name() -> None:
    """A fact that an error or a diagnosis has is named in Chinese; no name is left over."""
    names = {entry["en"] for entry in of_facts("names.")}
    assert names_of_facts() - names == set()
    written = {word for _, path in sources() for word in re.findall(r"\w+", path.read_text("utf-8"))}
    assert names - written == set()


def test_every_phrase_is_a_value() -> None:
    """A phrase in the file is one that the source has, letter by letter."""
    said: set[str] = set()
    for _, path in sources():
        for node in nodes(path):
            if isinstance(node, ast.Constant):
                said.add(str(node.value))
            elif isinstance(node, ast.JoinedStr):
                said.add("".join(constant(part) or "{}" for part in node.values))
    phrases = [entry["en"] for entry in of_facts("phrases.")]
    assert len(set(phrases)) == len(phrases)
    assert {
        each for each in phrases if not {re.sub(r"\{\w+\}", "{}", each), re.sub(r"\{\w+\}$", "", each)} & said
    } == set()


def test_facts_are_translated() -> None:
    """Names and phrases of ours are Chinese in Chinese output; values of others, and English output, stay as they are."""
    facts = {"field": "response", "how": "each + became a space", "repaired": True, "platform_says": "not JSON"}
    assert shown(facts.items(), "zh") == "字段=response 形式=每个 + 变成了空格 已修复=是 平台的话=not JSON"
    assert shown(facts.items(), "en") == "field=response how=each + became a space repaired=True platform_says=not JSON"
    assert shown({"not_proven": "freshness, login-binding", "new": 1}.items(), "zh") == "未能证明=新鲜, 绑定登录 new=1"
    assert phrase("base64 of 16 bytes", "zh") == "16 字节的 base64"
    assert phrase("two different phone codes", "zh") == "两个不同的手机号 code"


# --- the front end ---


def test_the_words_of_the_front_end_are_those_of_the_file() -> None:
    """frontend/core/src/words.ts is what tools/front_end.py writes."""
    frontend = SOURCE.parents[1] / "frontend"
    tool = runpy.run_path(str(frontend.parent / "tools" / "front_end.py"))
    assert (frontend / "core" / "src" / "words.ts").read_text("utf-8") == tool["written"]()


# --- Python ---


def test_no_python_file_holds_words() -> None:
    """Chinese is in the data; the exceptions recognise it in what others wrote."""
    found = {name for name, path in sources() if CHINESE.search(path.read_text("utf-8"))}
    assert found == RECOGNISED.keys()


def test_an_unknown_key_is_named() -> None:
    """The error says which file lacks which entry."""
    with pytest.raises(UnknownWords, match=r"words/cli\.toml has no \[no-such-key\]"):
        text("cli", "no-such-key", "en")
    with pytest.raises(UnknownWords, match=r"there is no platforms/nowhere/words\.toml"):
        text("platforms/nowhere", "title", "zh")


def test_nothing_is_read_before_it_is_said() -> None:
    """A program that shows no words reads none."""
    told = "import haoma, haoma.service, haoma.words as words; print(words.entries.cache_info().misses)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
