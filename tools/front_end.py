"""Write the words of the front end, ``frontend/core/src/words.ts``, from two files of ``words/``.

``python tools/front_end.py`` writes it. ``python tools/front_end.py --check`` exits with 1 if it is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from haoma.words import LANGUAGES, entries

FILE: Final = Path(__file__).resolve().parent.parent / "frontend" / "core" / "src" / "words.ts"


def written() -> str:
    """Return the content of the file. The first text of each entry is Chinese, the second English."""
    lines = ["// Written by tools/front_end.py from src/haoma/words/front_end.toml and phone_entry.toml; edit those."]
    for name, room in (("WORDS", "front_end"), ("ENTRY", "phone_entry")):
        lines.append(f"export const {name} = {{")
        for key, words in entries(room).items():
            lines.append(f"  {key}: [{', '.join(_quoted(words[lang]) for lang in LANGUAGES)}],")
        lines.append("}")
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def main(arguments: list[str]) -> int:
    """Write the file, or compare it with the existing one."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    fresh = written()
    if not arguments:
        FILE.write_text(fresh, "utf-8")
    elif not FILE.is_file() or FILE.read_text("utf-8") != fresh:
        print(f"stale: {FILE.name}; run python tools/front_end.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
