"""What ``tools/pages.py`` writes into ``docs/http.md`` and its translation: the names that a body's fields may have.

They come from the table in ``haoma.field_names``, and from what each platform declares.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from haoma import field_names
from haoma.platforms.registry import PLATFORMS

ROOT: Final = Path(__file__).resolve().parent.parent
DOCUMENTS: Final = {"zh": ROOT / "docs" / "http.zh-CN.md", "en": ROOT / "docs" / "http.md"}
_BLOCK: Final = re.compile(r"(<!-- names: written by tools/pages.py -->\n).*?(<!-- end -->)", re.DOTALL)
_COMMA: Final = {"zh": "、", "en": ", "}
_HEAD: Final = {
    "zh": (["是什么", "名字"], ["平台", "手机号 code 的名字", "密文的名字", "`code` 是"]),
    "en": (["what", "names"], ["platform", "its phone code comes as", "its sealed data comes as", "`code` is"]),
}
_KINDS: Final = (
    (field_names.LOGIN, "登录 code", "the login code"),
    (field_names.PHONE, "手机号 code，平台有手机号 code 时", "the phone code, if the platform has one"),
    (field_names.ENVELOPE, "签名报文才有，别的平台会拒绝", "only in a signed envelope; other platforms refuse them"),
    (field_names.EVENT, "只有按钮的事件才有", "only the event of a button has them"),
    (field_names.AROUND, "外面的对象", "an object around the authorization"),
)
_MEANS: Final = {"zh": ("手机号 code", "登录 code"), "en": ("the phone code", "the login")}


def document(lang: str) -> str:
    """Return the page as it stands, with its tables anew.

    Raises:
        LookupError: It has no place for them.
    """
    page = DOCUMENTS[lang].read_text("utf-8")
    if not _BLOCK.search(page):
        raise LookupError(f"{DOCUMENTS[lang].name} has no place for the names")
    return _BLOCK.sub(lambda block: f"{block[1]}\n{_names(lang)}\n\n{_platforms(lang)}\n\n{block[2]}", page)


def _names(lang: str) -> str:
    rows = [[zh if lang == "zh" else en, _listed(names, lang)] for names, zh, en in _KINDS]
    spelt = [name for name in field_names.SPELLINGS if not name[0].isupper() or name[:2].isupper() or name == "IvStr"]
    capital = max((name for name in field_names.SPELLINGS if name[0].isupper()), key=len)
    rows.append(
        ["别的写法", _listed(spelt, lang) + f"；首字母大写，如 `{capital}`"]
        if lang == "zh"
        else ["other spellings", _listed(spelt, lang) + f"; with a capital, such as `{capital}`"]
    )
    return _table(_HEAD[lang][0], rows)


def _platforms(lang: str) -> str:
    rows = [
        [
            each.title(lang),
            _listed(each.phone_code, lang),
            _listed(each.sealed, lang),
            _MEANS[lang]["code" not in each.phone_code],
        ]
        for _name, each in sorted(PLATFORMS.items())
    ]
    return _table(_HEAD[lang][1], rows)


def _listed(names: tuple[str, ...] | frozenset[str] | list[str], lang: str) -> str:
    ordered = sorted(names) if isinstance(names, frozenset) else names
    return _COMMA[lang].join(f"`{name}`" for name in ordered)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("|  |", "| |")
