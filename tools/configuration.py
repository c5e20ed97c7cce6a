"""What ``tools/pages.py`` writes from the declared settings.

It is the stub of ``haoma.configure``, and the tables of ``docs/configuration.md`` and its translation. The settings
are in ``platforms/*/app.py`` and ``settings/``; what each means is in the ``settings.toml`` beside them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from haoma.platforms.base.setting import ACCEPT_MEMBERS, MAX_AGE, ON_WITHDRAWN, SESSION_SECONDS, SHARED, Kind, Setting
from haoma.platforms.registry import PLATFORMS
from haoma.settings.accounts import ACCOUNTS, VAULT
from haoma.settings.issuer import AUDIENCE, ISSUER
from haoma.settings.reader import TOP
from haoma.settings.service import SERVICE
from haoma.settings.sms import SMS
from haoma.settings.store import STORE
from haoma.settings.webhooks import WEBHOOKS

ROOT: Final = Path(__file__).resolve().parent.parent
STUB: Final = ROOT / "src" / "haoma" / "settings" / "from_python.pyi"
DOCUMENTS: Final = {
    "zh": ROOT / "docs" / "configuration.zh-CN.md",
    "en": ROOT / "docs" / "configuration.md",
}
_OURS: Final = {
    "top": TOP, "service": SERVICE, "store": STORE, "accounts": ACCOUNTS, "vault": VAULT, "webhooks": WEBHOOKS,
    "issuer": ISSUER, "audiences": AUDIENCE, "sms": SMS,
}  # fmt: skip
_BLOCK: Final = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_COMMON: Final = (*SHARED, MAX_AGE, SESSION_SECONDS, ACCEPT_MEMBERS, ON_WITHDRAWN)
_OF_ALL: Final = ("name: str | None = None", "allow_insecure_upstreams: bool = False")
_PLATFORM: Final = Setting("platform", required=True)
_HEAD: Final = {
    "zh": ["设置", "类型", "默认值", "含义"],
    "en": ["setting", "type", "default", "meaning"],
}
_TYPES: Final = {
    "zh": {
        "text": "文本", "key": "密钥", "list": "列表", "or": "或", "word": "单词", "address": "地址", "number": "数字",
        "whole": "整数", "seconds": "秒", "days": "天", "to": " 到 ", "file name": "文件名", "function": "函数",
        "needed": "必填", ",": "，", "、": "、", "only": "（仅 {}）",
    },
    "en": {
        "text": "text", "key": "key", "list": "list", "or": " or ", "word": "word", "address": "address",
        "number": "number", "whole": "whole number", "seconds": "seconds", "days": "days", "to": " to ",
        "file name": "file name", "function": "function", "needed": "needed",
        ",": ", ", "、": ", ", "only": " (only {})",
    },
}  # fmt: skip
_STUB_HEAD: Final = """\
# Written by tools/pages.py from the settings that the platforms declare; edit those.
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, overload

from haoma.platforms.base.contract import App
from haoma.verified import CheckName

_Elsewhere: TypeAlias = Mapping[str, str]  # {"env": "NAME"} or {"file": "path"}
_Text: TypeAlias = str | _Elsewhere
_Texts: TypeAlias = _Text | Sequence[_Text]  # a list or tuple
_Flag: TypeAlias = bool | _Elsewhere
_Number: TypeAlias = float | _Elsewhere
_Check: TypeAlias = Literal[{checks}]
_Checks: TypeAlias = Sequence[CheckName | _Check] | _Elsewhere

"""


# --- the stub ---


def stub() -> str:
    """Return the stub: an overload of ``configure`` for each platform, with its settings and their types."""
    checks = ", ".join(f'"{check}"' for check in SHARED[0].choices)
    return _STUB_HEAD.replace("{checks}", checks) + "".join(
        _overload(name, PLATFORMS[name].settings) for name in sorted(PLATFORMS)
    )


def _overload(platform: str, settings: Iterable[Setting]) -> str:
    listed = sorted(settings, key=lambda setting: not setting.required)
    lines = [f"{setting.name}: {_annotation(setting)}{'' if setting.required else ' = ...'}" for setting in listed]
    lines = [f'platform: Literal["{platform}"]', "*", *_OF_ALL, *lines]
    return "@overload\ndef configure(\n" + "".join(f"    {line},\n" for line in lines) + ") -> App: ...\n"


def _annotation(setting: Setting) -> str:
    words = "Literal[" + ", ".join(f'"{word}"' for word in setting.choices) + "]"
    match setting.kind:
        case Kind.TEXT | Kind.ADDRESS | Kind.FILE:
            return "_Text"
        case Kind.TEXTS | Kind.LIST:
            return "_Checks" if setting is SHARED[0] else "_Texts"
        case Kind.FLAG:
            return f"_Flag | {words}" if setting.choices else "_Flag"
        case Kind.WORD:
            return f"{words} | _Elsewhere"
        case Kind.NUMBER:
            return "_Number"
        case Kind.FUNCTION:
            return "Callable[..., Any]"


# --- the tables ---


def document(lang: str) -> str:
    """Return the page as it stands, with its tables anew.

    Raises:
        LookupError: A platform has no place for its table.
    """
    page = DOCUMENTS[lang].read_text("utf-8")
    places = {match[2] for match in _BLOCK.finditer(page)}
    if missing := {*_OURS, "apps", *PLATFORMS} - places:
        raise LookupError(f"{DOCUMENTS[lang].name} has no <!-- settings: {min(missing)} -->")
    return _BLOCK.sub(lambda block: f"{block[1]}\n{table(block[2], lang)}\n\n{block[3]}", page)


def table(place: str, lang: str) -> str:
    """Return the table of a platform, of ``apps``, or of one of ours."""
    common = {setting.name for setting in _COMMON}
    match place:
        case _ if place in _OURS:
            rows = [(setting, _ours(place, setting, lang)) for setting in _OURS[place]]
        case "apps":
            names = [f"`{name}`" for name in sorted(PLATFORMS)]
            meaning = _TYPES[lang]["、"].join(names[:-1]) + f" {_TYPES[lang]['or'].strip()} " + names[-1]
            rows = [(_PLATFORM, meaning)]
            rows += [(setting, _means("platforms/base", setting, lang) + _only(setting, lang)) for setting in _COMMON]
        case _:
            own = [setting for setting in PLATFORMS[place].settings if setting.name not in common]
            rows = [(setting, _means(f"platforms/{place}", setting, lang)) for setting in own]
    cells = [[f"`{setting.name}`", _type(setting, lang), _default(setting), meaning] for setting, meaning in rows]
    lines = [_HEAD[lang], ["---"] * 4, *cells]
    return "\n".join("|" + "|".join(f" {cell} " if cell else " " for cell in line) + "|" for line in lines)


@cache
def _words(folder: str) -> dict[str, dict[str, Any]]:
    path = resources.files("haoma").joinpath(*folder.split("/"), "settings.toml")
    return tomllib.loads(path.read_text("utf-8"))


def _ours(place: str, setting: Setting, lang: str) -> str:
    # A name that two of our tables have is explained in a table of its own.
    found = _words("settings")
    return str(found.get(place, found)[setting.name][lang])


def _means(folder: str, setting: Setting, lang: str) -> str:
    found = _words(folder).get(setting.name) or _words("platforms/base")[setting.name]
    return str(found[lang])


def _only(setting: Setting, lang: str) -> str:
    """Say which platforms read a setting that not all of them read."""
    readers = [f"`{name}`" for name in sorted(PLATFORMS) if setting in PLATFORMS[name].settings]
    return "" if len(readers) == len(PLATFORMS) else _TYPES[lang]["only"].format(_TYPES[lang]["、"].join(readers))


def _type(setting: Setting, lang: str) -> str:
    say = _TYPES[lang]
    one = say["key" if setting.key else "text"]
    match setting.kind:
        case Kind.TEXT:
            found = one
        case Kind.TEXTS:
            found = one + say["or"] + say["list"]
        case Kind.FLAG:
            words = ["true", "false", *(f"`{word}`" for word in setting.choices)]
            found = say["、"].join(words[:-1]) + f" {say['or'].strip()} " + words[-1]
        case Kind.NUMBER:
            name = say[setting.unit or ("whole" if setting.whole else "number")]
            found = f"{name}{say[',']}{_figure(setting.least)}{say['to']}{_figure(setting.most)}"
        case kind:
            found = say[kind.value]
    return found + (say[","] + say["needed"] if setting.required else "")


def _default(setting: Setting) -> str:
    match setting.kind, setting.default:
        case Kind.FLAG, _:
            return "`false`"
        case Kind.LIST, _:
            return "`[]`"
        case _, None:
            return ""
        case _, int() | float() as number:
            return f"`{_figure(number)}`"
        case _, text:
            return f"`{text}`"


def _figure(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
