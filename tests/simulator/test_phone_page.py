"""What the phone's page is made of: its words, and nothing that a strict content security policy would not run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from haoma.words import entries

ROOT = Path(__file__).parents[2]
PHONE = ROOT / "src" / "haoma" / "simulator" / "phone"
WRITTEN = {"words.js"}  # by tools/page_words.py
OURS = sorted(
    path
    for path in PHONE.glob("static/*.js")
    if path.name not in WRITTEN and not path.name.startswith(("host", "frame", "shop"))
)
KEY = re.compile(r"""['"`]([a-z]+(?:[.-][a-z]+)*)['"`]""")
FAMILY = re.compile(r"`([a-z]+\.[a-z-]*)\$\{")


def test_the_script_of_words_is_that_of_the_file() -> None:
    """The browser has the words of the file."""
    tool = ROOT / "tools" / "page_words.py"
    assert subprocess.run([sys.executable, tool, "--check"], check=False).returncode == 0


def test_every_word_is_said() -> None:
    """No text is left over. What is missing throws in the browser, and the tests there see it."""
    text = "".join(path.read_text("utf-8") for path in (*OURS, PHONE / "page.html"))
    families = tuple(FAMILY.findall(text))
    said = set(KEY.findall(text))
    assert {key for key in entries("phone_page") if key not in said and not key.startswith(families)} == set()


@pytest.mark.parametrize("path", [*OURS, PHONE / "page.html"], ids=lambda path: path.name)
def test_nothing_is_inline(path: Path) -> None:
    """No inline script, style or listener, no text that becomes HTML, and no address of another host."""
    text = path.read_text("utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|javascript:", text
    )
    assert not re.search(r"""<style|<script>|\sstyle=|\son[a-z]+=["']""", text)
    assert set(re.findall(r"https?://[^\s'\"`/]+", text)) <= {"http://www.w3.org"}


@pytest.mark.parametrize("path", sorted(PHONE.glob("static/*.css")), ids=lambda path: path.name)
def test_style_sheets_stand_alone(path: Path) -> None:
    """A style sheet fetches nothing."""
    assert not re.search(r"@import|url\(", path.read_text("utf-8"))
