"""Write the table of what each platform's methods prove into the pages of the platforms.

``python tools/proofs.py`` writes it between its two markers. ``python tools/proofs.py --check`` exits with 1 if a table
is stale. The rows are ``Platform.methods``; each platform's ``words.toml`` has
their words.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from haoma.platforms.registry import PLATFORMS
from haoma.verified import ALL_CHECKS

ROOT: Final = Path(__file__).resolve().parent.parent
FILES: Final = {
    "docs/platforms/README.md": "en",
    "docs/platforms/README.zh-CN.md": "zh",
}
_BEGIN: Final = "<!-- proofs: written by tools/proofs.py from Platform.methods; edit those -->"
_END: Final = "<!-- /proofs -->"
_TABLE: Final = re.compile(re.escape(_BEGIN) + r"\n.*?" + re.escape(_END), re.DOTALL)
_HEADS: Final = {
    "en": ("platform", "way in", *(name.value for name in ALL_CHECKS), "how certain, and why"),
    "zh": ("平台", "方式", "签名", "绑定应用", "新鲜", "绑定登录", "一次性", "有多确定，为什么"),
}
_ANSWERS: Final = {"en": ("no", "yes"), "zh": ("否", "是")}


def table(lang: str) -> str:
    """Return the table in ``lang``."""
    head = _HEADS[lang]
    lines = [head, ("---",) * len(head)]
    for platform in PLATFORMS.values():
        for way in platform.methods:
            proven = {check.name: check.proven for check in way.checks}
            answers = tuple(_ANSWERS[lang][proven[name]] for name in ALL_CHECKS)
            name, certain = (platform.words(f"{part}.{way.name}", lang) for part in ("methods", "certain"))
            lines.append((platform.title(lang), name, *answers, certain))
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def written(text: str, lang: str) -> str:
    """Return the text of a file with an updated table."""
    fresh, count = _TABLE.subn(lambda _: f"{_BEGIN}\n\n{table(lang)}\n\n{_END}", text)
    if count != 1:
        msg = f"{count} places for the table, and there has to be one: {_BEGIN}"
        raise ValueError(msg)
    return fresh


def main(arguments: list[str]) -> int:
    """Write the tables, or compare them with the existing ones."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    stale = []
    for name, lang in FILES.items():
        path = ROOT / name
        there = path.read_text("utf-8")
        fresh = written(there, lang)
        if fresh != there:
            stale.append(name)
            if not arguments:
                path.write_text(fresh, "utf-8")
    for name in stale:
        print(f"{name}: {'stale; run: python tools/proofs.py' if arguments else 'written'}")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
