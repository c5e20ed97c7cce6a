"""Write the words of the simulator's page, its ``static/words.js``, from ``words/phone_page.toml``.

``python tools/page_words.py`` writes it. ``python tools/page_words.py --check`` exits with 1 if it is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from haoma.words import LANGUAGES, entries

FILE: Final = Path(__file__).resolve().parent.parent / "src/haoma/simulator/phone/static/words.js"


def written() -> str:
    """Return the content of the file."""
    words = {lang: {key: entry[lang] for key, entry in entries("phone_page").items()} for lang in LANGUAGES}
    return (
        "// Written by tools/page_words.py from src/haoma/words/phone_page.toml; edit that.\n"
        f"export const WORDS = {json.dumps(words, ensure_ascii=False, indent=1)};\n"
    )


def main(arguments: list[str]) -> int:
    """Write the file, or compare it."""
    if arguments == ["--check"]:
        return int(FILE.read_text("utf-8") != written())
    FILE.write_text(written(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
