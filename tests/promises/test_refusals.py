"""Every code of every platform that we know has a scene in which the platform says it, a test that meets it, and a page.

Nothing here names a platform, but for the codes that no phone number is in the way of: a new platform is held to it
by its line in the registry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from haoma import catalogue
from haoma.errors import HaomaError
from haoma.platforms.registry import PLATFORMS
from haoma.words import LANGUAGES
from support.stage import Stage

pytest_plugins = ["support.stage_fixtures"]

ROOT = Path(__file__).parents[2]

WITHOUT_SCENE = {
    "wechat": {
        "1@check": "in the scene sealed-forged WeChat says it, and haoma answers what it answers to all that does not open",
        "87009": "answered to checksession and resetusersessionkey alone, which are no step on the way to a number",
        "87008": "answered to resetusersessionkey alone, which is no step on the way to a number",
        "10045@package": "answered to a service provider that assigns a package, which is no step on the way to a number",
        "10121001@package": "the same",
        "10121031@package": "the same",
        "61010@component": "answered while a pushed grant is exchanged; the number is then asked for in another way",
    },
    "dingtalk": {"40089": "answered by the older gateway, which haoma never calls; people paste it"},
}
"""Codes that no scene can end with, and why; they are met in the tests of their platform's folder."""

every_platform = pytest.mark.parametrize("platform", PLATFORMS)


@pytest.fixture(scope="module")
def met(whole_stage: Stage) -> Iterator[dict[str, dict[str, HaomaError]]]:
    """Play every scene of every platform; give the refusals by platform and entry of its table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda _seconds: None)
        yield play_all(whole_stage)


def play_all(stage: Stage) -> dict[str, dict[str, HaomaError]]:
    found: dict[str, dict[str, HaomaError]] = {}
    for platform, mirror in stage.mirrors.items():
        refusals = found[platform] = {}
        for scene in mirror.scenes:
            stage.forget()
            tap = stage.tap(platform, scene.name)
            try:
                outcome = "ok" if stage.authorize(tap.app, tap.body).e164 == tap.phone_number else "wrong"
            except HaomaError as error:
                outcome = error.code
                entry = catalogue.find_refusal(platform, error.platform_code, error.platform_sub_code, error.place)
                if error.platform_code and entry:
                    refusals.setdefault(entry.native, error)
            assert (scene.name, outcome) == (scene.name, scene.expect)
    return found


@every_platform
def test_every_code_has_a_scene(platform: str, met: dict[str, dict[str, HaomaError]]) -> None:
    """Each entry of the table is what some scene ends with; what has none is listed with its reason, and nothing else."""
    silent = catalogue.refusals(platform).keys() - met[platform].keys()
    assert silent == WITHOUT_SCENE.get(platform, {}).keys()


@every_platform
def test_what_a_scene_ends_with_has_the_words_of_the_code(platform: str, met: dict[str, dict[str, HaomaError]]) -> None:
    """The refusal says which error the table names, and explains it in both languages as the table does."""
    for native, error in met[platform].items():
        entry = catalogue.refusals(platform)[native]
        assert error.code in (entry.code, "outside.outcome-unknown"), native
        for lang in LANGUAGES:
            words = error.explain(lang)
            assert words.remedy
            assert error.code != entry.code or words == entry.words(lang), native


@pytest.mark.parametrize(
    ("platform", "native"), [(platform, native) for platform, codes in WITHOUT_SCENE.items() for native in codes]
)
def test_a_code_without_scene_is_met_in_the_folder_of_its_platform(platform: str, native: str) -> None:
    """Somewhere in the platform's own tests the code is answered."""
    code = re.compile(rf"\b{re.escape(native.partition('@')[0])}\b")
    tests = (ROOT / "tests" / "platforms" / platform).glob("test_*.py")
    assert any(code.search(path.read_text("utf-8")) for path in tests)


@every_platform
def test_every_code_has_its_place_on_the_page(platform: str) -> None:
    """The page of the platform has a heading for each code, and its words in both languages below it."""
    page = (ROOT / "docs" / "errors" / f"{platform}.md").read_text("utf-8")
    sections = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    assert sections.keys() == catalogue.refusals(platform).keys()
    for native, entry in catalogue.refusals(platform).items():
        for lang in LANGUAGES:
            words = entry.words(lang)
            for text in (words.title, words.cause, words.remedy):
                assert text in sections[native], (native, lang)
        assert entry.see in sections[native]
