"""The pages "in ten minutes", as their readers use them."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
FILES = {
    "fastapi": ("main.py", "three_platforms.py", "test_main.py"),
    "flask": ("app.py", "three_platforms.py", "test_app.py"),
    "starlette": ("main.py", "three_platforms.py", "test_main.py"),
    "litestar": ("main.py", "three_platforms.py", "test_main.py"),
}
# Nobody's plugins of pytest but those that are named: each takes time to load.
ENV = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def page(name: str, lang: str) -> str:
    return (ROOT / "docs" / f"{name}{lang}.md").read_text("utf-8")


def blocks(name: str, lang: str, kind: str) -> list[str]:
    return [text for found, text in FENCE.findall(page(name, lang)) if found == kind]


def files(name: str, lang: str) -> dict[str, str]:
    """Return the files that a page shows, as its reader has them."""
    return dict(zip(FILES[name], blocks(name, lang, "python"), strict=False))


def in_folder(name: str, lang: str, folder: Path) -> None:
    """Write the files of a page into a folder that is nobody's project."""
    for file, text in files(name, lang).items():
        (folder / file).write_text(text, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\npythonpath = .\n", "utf-8")
