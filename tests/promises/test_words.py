"""Every "no" has a code, a class, words in both languages, and a page; nothing of it is left over."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from haoma import catalogue
from haoma.catalogue import Who
from haoma.doctor.captures import messages
from haoma.errors import (
    BY_CODE,
    CannotOpen,
    ConfigError,
    HaomaError,
    InternalFault,
    PlatformRefusal,
    PrivacyNotDeclared,
    Public,
    Spent,
)
from haoma.platforms.registry import PLATFORMS
from haoma.words import LANGUAGES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "haoma"
ERRORS = ROOT / "docs" / "errors"
PLACES = {"token", "phone", "code", "user", "login", "check", "button", "cloud", "component", "package"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# console names stay in Chinese, with the Chinese punctuation that is part of them
CONSOLE = re.compile(r"[\u4e00-\u9fff《》（）]")

REFUSALS = [
    pytest.param(entry, id=f"{platform}-{native}")
    for platform in PLATFORMS
    for native, entry in catalogue.refusals(platform).items()
]


def classes() -> list[type[HaomaError]]:
    found: list[type[HaomaError]] = []
    waiting: list[type[HaomaError]] = [HaomaError]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if cls.__module__.partition(".")[0] == "haoma":
            found.append(cls)
    return found


def literals(family: str) -> set[str]:
    """Every string of the form family.x in the code of the package, and every cause of a message that people paste."""
    named = {cause.partition("@")[0] for message in messages.table() for cause in message.causes}
    causes = {cause for cause in named if cause.startswith(f"{family}.")}
    return causes | {
        node.value
        for path in (ROOT / "src" / "haoma").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(rf"{family}\.[a-z0-9-]+", node.value)
    }


def texts(lang: str) -> Iterator[tuple[str, str]]:
    """Every text of a language, with the name of its place."""
    for code, entry in catalogue.codes().items():
        tables = {code: entry[lang]}
        tables |= {f"{code}.{name}": part.get(lang, {}) for name, part in entry.items() if name in PLATFORMS}
        for place, table in tables.items():
            for name, text in table.items():
                yield f"{place}.{name}", text
    for platform in PLATFORMS:
        for native, refusal in catalogue.refusals(platform).items():
            for name, text in refusal.text[lang].items():
                yield f"{platform}:{native}.{name}", text


def test_every_class_has_words_and_every_words_a_class() -> None:
    """The codes of the classes and of the catalogue are the same, apart from what is found and never raised."""
    raised = {code for code in catalogue.codes() if not code.startswith(("config.", "doctor."))}
    assert raised == {code for code in BY_CODE if not code.startswith("config.")}
    assert {code for code in BY_CODE if code.startswith("config.")} <= catalogue.codes().keys()


@pytest.mark.parametrize("family", ["config", "doctor"])
def test_every_code_in_the_source_has_words(family: str) -> None:
    """A fault of the settings, or a diagnosis of the doctor, is never without words."""
    assert literals(family) - catalogue.codes().keys() == set()


@pytest.mark.parametrize("family", ["config", "doctor"])
def test_every_words_is_reported_somewhere(family: str) -> None:
    """No words describe a fault or a diagnosis that nothing reports."""
    assert {code for code in catalogue.codes() if code.startswith(f"{family}.")} - literals(family) == set()


def test_the_table_of_codes_has_every_class() -> None:
    """No class is left out of BY_CODE, and no two classes share a code."""
    coded = [cls for cls in classes() if cls.__dict__.get("code")]
    assert {cls.code: cls for cls in coded} == dict(BY_CODE)
    assert len(coded) == len(BY_CODE)


@pytest.mark.parametrize("cls", BY_CODE.values(), ids=lambda cls: cls.__name__)
def test_a_code_is_the_name_of_its_class(cls: type[HaomaError]) -> None:
    """The code is the family and the kebab-case name of the class."""
    base = cls.__mro__[cls.__mro__.index(HaomaError) - 1]
    family = "internal" if base is cls else re.sub(r"(Error|Refusal|Fault)$", "", base.__name__).lower()
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
    if cls is InternalFault or base is ConfigError:  # the family stands in the name of the class already
        name = name.removeprefix(f"{family}-")
    assert cls.code == f"{family}.{name}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_entries_are_whole(lang: str) -> None:
    """Every entry has exactly title, cause and remedy; what a platform or a cause replaces is one of the three."""
    names = {"title", "cause", "remedy"}
    for code, entry in catalogue.codes().items():
        assert set(entry[lang]) == names, code
        extra = entry.keys() - {"zh", "en", "see", "who"}
        causes = {
            "trust.signature-missing": {"whole-string", "taken-apart"},
            "envelope.missing-field": {"placeholder", "mock-code"},
            "trust.cannot-open": {"session-key", "user-info"},
            "envelope.unknown-shape": {"other-flow", "user-info"},
            "outside.nonsense-reply": {"number-form"},
            "doctor.other-product": {"payment", "one-key-login", "web-login", "user-info"},
        }.get(code, set())
        assert extra <= PLATFORMS.keys() | causes, code
        for platform in extra:
            assert entry[platform].keys() - {"who"} == {"zh", "en"}, code
            assert entry[platform]["zh"].keys() == entry[platform]["en"].keys() <= names, code
    for platform in PLATFORMS:
        for native, refusal in catalogue.refusals(platform).items():
            assert set(refusal.text[lang]) == names, native


def test_every_code_says_who_acts() -> None:
    """Each entry of the catalogue says it; a platform's table only says it where it differs. Errors pass it on."""
    for code, entry in catalogue.codes().items():
        assert entry["who"] in set(Who), code
        for name, part in entry.items():
            if name in PLATFORMS and "who" in part:
                assert part["who"] in set(Who) - {entry["who"]}, (code, name)
    for platform in PLATFORMS:
        table = tomllib.loads((PACKAGE / "platforms" / platform / "refusals.toml").read_text("utf-8"))
        for native, refusal in table.items():
            if "who" in refusal:
                assert refusal["who"] in set(Who) - {catalogue.codes()[refusal["is"]]["who"]}, native
    for code, cls in BY_CODE.items():
        if not issubclass(cls, ConfigError):
            assert cls().who == catalogue.codes()[code]["who"]


def test_who_acts_agrees_with_what_comes_next() -> None:
    """What the user mends has no cause in the settings; what needs another request only is nobody's to mend."""
    assert {code for code, entry in catalogue.codes().items() if code.startswith("config.")} - {
        code for code, entry in catalogue.codes().items() if entry["who"] in (Who.DEVELOPER, Who.NOBODY)
    } == set()
    for code, cls in BY_CODE.items():
        who = catalogue.words(code).who
        if cls.public_code in (Public.DECLINED, Public.NO_PHONE, Public.EXPIRED, Public.ALREADY_USED):
            assert who is Who.USER, code
        if who in (Who.PLATFORM, Who.NOBODY):
            assert cls.retry, code


def test_who_acts_is_that_of_the_platform() -> None:
    """The most specific entry counts: a platform's own code, then the platform."""
    assert CannotOpen().who is Who.USER
    assert CannotOpen(platform="alipay").who is Who.DEVELOPER
    assert PrivacyNotDeclared(platform="wechat").who is Who.DEVELOPER
    assert PrivacyNotDeclared(platform="wechat", platform_code="104", place="button").who is Who.USER
    assert CannotOpen().explain("zh").who is Who.USER


@pytest.mark.parametrize("lang", LANGUAGES)
def test_punctuation(lang: str) -> None:
    """A title has no full stop; cause and remedy are sentences that end in one."""
    stops = {"zh": ("。", "？", "！"), "en": (".", "?", "!")}[lang]
    for place, text in texts(lang):
        assert text == text.strip(), place
        assert "\n" not in text, place
        assert "  " not in text, place
        assert text.endswith(stops) != place.endswith(".title"), place


def test_chinese_is_chinese() -> None:
    """Every Chinese text has Chinese characters, and its punctuation is not left in English."""
    for place, text in texts("zh"):
        assert CHINESE.search(text), place
        assert not re.search(r"[\u4e00-\u9fff][,;:?!]", text), place


def test_english_is_ascii_but_for_the_console() -> None:
    """English text is ASCII; only what stands on a Chinese screen is quoted as it stands there."""
    for place, text in texts("en"):
        assert CONSOLE.sub("", text).isascii(), place
        assert len(CHINESE.findall(text)) < len(text) / 2, place


@pytest.mark.parametrize("entry", REFUSALS)
def test_a_refusal_stands_for_a_platform_refusal(entry: catalogue.Entry) -> None:
    """What a platform's code stands for is a class of PlatformRefusal, and its other fields are what the flow expects."""
    assert issubclass(BY_CODE[entry.code], PlatformRefusal)
    assert entry.spent in set(Spent)
    assert entry.see.startswith("https://")
    assert not entry.drop_token or entry.code == "platform.token-rejected"
    _, at, place = entry.native.partition("@")
    assert not at or place in PLACES


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_refusal_has_a_source(platform: str) -> None:
    """The platform's page that a code refers to is among the sources in the platform's notes, or the notes name the code."""
    notes = (ROOT / "src" / "haoma" / "platforms" / platform / "README.md").read_text("utf-8")
    for native, entry in catalogue.refusals(platform).items():
        code = native.partition("@")[0].rpartition("/")[2]
        assert entry.see in notes or re.search(rf"(?<![\w.]){re.escape(code)}(?![\w.])", notes), native


@pytest.mark.parametrize("entry", REFUSALS)
def test_a_refusal_is_found_and_explained(entry: catalogue.Entry) -> None:
    """The error that a flow raises for a platform's code has the words of that code at that place."""
    platform = next(name for name in PLATFORMS if catalogue.refusals(name).get(entry.native) is entry)
    native, _, place = entry.native.partition("@")
    native, _, sub = native.partition("/")
    assert catalogue.find_refusal(platform, native, sub, place) is entry
    error = BY_CODE[entry.code](platform=platform, platform_code=native, platform_sub_code=sub, place=place)
    for lang in LANGUAGES:
        assert error.explain(lang) == entry.words(lang)


def test_the_pages_are_fresh() -> None:
    """Every page on disk is what the generator would write, and none is missing or left over."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "pages.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_code_has_the_page_that_it_names() -> None:
    """The page that an error names exists, and so does every page that a page links to."""
    for code in catalogue.codes():
        assert (ROOT / "docs" / catalogue.page(code)).is_file(), code
    for path in ERRORS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+\.md)", path.read_text("utf-8")):
            assert (ERRORS / target).is_file(), f"{path.name} links to {target}"


def test_every_anchor_of_a_platform_code_exists() -> None:
    """A link to a platform's code leads to its heading."""
    for path in ERRORS.glob("*.md"):
        for target, anchor in re.findall(r"\]\(([a-z]*(?:\.md)?)#([^)]+)\)", path.read_text("utf-8")):
            page = (ERRORS / (target or path.name)).read_text("utf-8")
            headings = [re.sub(r"[^\w -]", "", line).replace(" ", "-") for line in re.findall(r"(?m)^## (.+)$", page)]
            assert anchor in [heading.lower() for heading in headings], f"{path.name} links to {target}#{anchor}"
