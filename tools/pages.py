"""Write the files that are generated from the code.

They are ``docs/errors/`` (a page for every code, one for each platform's codes, and the index), the tables of
``docs/configuration.md`` and of the names in ``docs/http.md`` with their translations, the stub of ``haoma.configure``,
and the reference of the Python API.

``python tools/pages.py`` writes them. ``python tools/pages.py --check`` exits with 1 if a file is stale, missing or
left over. The words come from ``catalogue.toml`` and ``refusals.toml``, the behaviour of an error from its class. For
the settings see ``tools/configuration.py``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import body_names
import configuration
from reference import PAGES as REFERENCES
from reference import reference

from haoma import catalogue
from haoma.errors import BY_CODE
from haoma.platforms.registry import PLATFORMS
from haoma.words import LANGUAGES, text

ROOT: Final = Path(__file__).resolve().parent.parent
ERRORS: Final = ROOT / "docs" / "errors"
_NOTE: Final = "<!-- Written by tools/pages.py from the words in src/haoma; edit those. -->"
_HEADINGS: Final = {
    "zh": ("中文", "含义", "常见原因", "解决办法", "平台错误码", "错误码"),
    "en": ("English", "What it means", "Why it happens", "How to fix it", "Platform codes", "Code"),
}
_FAMILIES: Final = {
    "envelope": "提交的内容有误 · What arrived is malformed",
    "trust": "格式正确但不可信 · Well formed, but must not be believed",
    "platform": "平台拒绝 · The platform said no",
    "outside": "网络与上游 · Network, timeout, nonsense reply",
    "config": "配置 · Our settings",
    "caller": "调用方 · Whoever called the service",
    "link": "号码属于别人 · The number belongs to somebody else",
    "internal": "内部错误 · A mistake of haoma itself",
    "doctor": "haoma doctor 与 haoma inspect 的诊断 · What haoma doctor and haoma inspect find",
}
_PLACES: Final = {
    "token": "获取 access_token · fetching the access_token",
    "phone": "换取手机号 · fetching the number",
    "code": "用 code 换取用户凭证 · exchanging the code for the user's token",
    "user": "用用户凭证查询用户 · asking for the user with that token",
    "login": "登录 · login",
    "check": "核对加密数据 · checking encrypted data",
    "button": "手机上的按钮 · the button on the device",
    "cloud": "云托管的边车 · the sidecar of Cloud Run",
    "component": "第三方平台的令牌 · the tokens of a third-party platform",
    "package": "服务商分配资源包 · packages that a service provider assigns",
}
_CAUSES: Final = {
    "whole-string": {"zh": "提交了整个字符串时", "en": "When the whole string was sent"},
    "placeholder": {"zh": "字段里是 undefined 之类的文字时", "en": "When the field holds undefined or the like"},
    "mock-code": {"zh": "开发者工具的假 code", "en": "When it is the mock code of the developer tools"},
    "session-key": {"zh": "给出的不是 session_key 时", "en": "When what was given is no session_key"},
    "other-flow": {"zh": "提交内容属于平台的另一种流程时", "en": "When it belongs to the platform's other flow"},
    "number-form": {"zh": "号码的写法没有文档时", "en": "When the form of a number is not documented"},
    "payment": {"zh": "支付", "en": "Payment"},
    "one-key-login": {"zh": "运营商一键登录", "en": "A carrier's one-key login"},
    "web-login": {"zh": "网页或 App 登录", "en": "Login on a web site or in an app"},
    "user-info": {"zh": "用户信息", "en": "User info"},
    "taken-apart": {"zh": "只收到密文时", "en": "When only the ciphertext was sent"},
}
_ABOUT_CODES: Final = """\
同一个错误码在不同环节含义不同时，后面用 `@` 注明环节；`/` 之后是子错误码。没有列出的错误码原样透传，归为
[`platform.refused`](platform.refused.md)。

Where a code means different things at different places, `@` names the place; a sub code stands after `/`. A code that
is not listed is passed through as [`platform.refused`](platform.refused.md)."""


def pages() -> dict[str, str]:
    """Return every page, by file name."""
    found = {f"{code}.md": _code_page(code) for code in catalogue.codes()}
    found |= {f"{name}.md": _platform_page(name) for name in _platforms()}
    found["README.md"] = _index()
    return found


def _platforms() -> list[str]:
    return [name for name in sorted(PLATFORMS) if catalogue.refusals(name)]


def _name(platform: str, lang: str) -> str:
    return PLATFORMS[platform].title(lang)


def _code_page(code: str) -> str:
    zh, en = (catalogue.words(code, lang) for lang in LANGUAGES)
    parts = [_NOTE, f"# `{code}`", f"**{zh.title}** · {en.title}", _behaviour(code), _who(zh.who)]
    for lang in LANGUAGES:
        parts += _language_part(code, lang)
    if zh.see:
        parts.append(f"平台文档 · The platform's page: <{zh.see}>")
    parts.append("[全部错误码 · All codes](README.md)")
    return "\n\n".join(parts) + "\n"


def _who(who: catalogue.Who) -> str:
    return "该谁处理 · Who acts: " + " · ".join(text("problem", f"who.{who}", lang) for lang in LANGUAGES)


def _behaviour(code: str) -> str:
    cls = BY_CODE.get(code)
    if code.startswith("doctor."):
        return "由 `haoma doctor` 或 `haoma inspect` 报告。 · Reported by `haoma doctor` or `haoma inspect`."
    if cls is None:
        return (
            "读取配置时报告，与其他错误一起列出。 · Reported when the configuration is read, together with all others."
        )
    return _table(
        ["HTTP 状态 · status", "`next`", "`retry`", "匿名调用方看到 · anonymous callers see", "Python"],
        [
            [
                str(cls.status),
                f"`{cls.next_action}`",
                "是 · yes" if cls.retry else "否 · no",
                f"`{cls.public_code}`",
                f"`haoma.errors.{cls.__name__}`",
            ]
        ],
    )


def _language_part(code: str, lang: str) -> list[str]:
    language, meaning, why, how, platform_codes, native_code = _HEADINGS[lang]
    words = catalogue.words(code, lang)
    stop = "。" if lang == "zh" else "."
    parts = [
        f"## {language}",
        f"### {meaning}",
        f"{words.title}{stop}",
        f"### {why}",
        words.cause,
        f"### {how}",
        words.remedy,
    ]
    for platform in _platforms():
        special = catalogue.codes()[code].get(platform, {}).get(lang, {})
        if special:
            parts.append(f"### {_name(platform, lang)}")
            parts += [f"{heading}{_colon(lang)}{special[key]}" for heading, key in _special(lang) if key in special]
    for place, names in _CAUSES.items():
        special = catalogue.codes()[code].get(place, {}).get(lang, {})
        if special:
            parts.append(f"### {names[lang]}")
            parts += [f"{heading}{_colon(lang)}{special[key]}" for heading, key in _special(lang) if key in special]
    rows = [
        [f"[{_name(platform, lang)} `{native}`]({platform}.md#{_slug(native)})", words.title, words.cause, words.remedy]
        for platform in _platforms()
        for native, entry in catalogue.refusals(platform).items()
        if entry.code == code
        for words in [entry.words(lang)]
    ]
    if rows:
        parts += [f"### {platform_codes}", _table([native_code, meaning, why, how], rows)]
    return parts


def _special(lang: str) -> list[tuple[str, str]]:
    _, meaning, why, how, _, _ = _HEADINGS[lang]
    return [(meaning, "title"), (why, "cause"), (how, "remedy")]


def _colon(lang: str) -> str:
    return "：" if lang == "zh" else ": "


def _platform_page(platform: str) -> str:
    table = catalogue.refusals(platform)
    parts = [
        _NOTE,
        f"# {_name(platform, 'zh')}错误码 · {_name(platform, 'en')}'s codes",
        _ABOUT_CODES,
        _table(
            ["错误码 · Code", "含义", "Meaning", "haoma"],
            [
                [
                    f"[`{native}`](#{_slug(native)})",
                    entry.words("zh").title,
                    entry.words("en").title,
                    f"[`{entry.code}`]({entry.code}.md)",
                ]
                for native, entry in table.items()
            ],
        ),
    ]
    for native, entry in table.items():
        parts += [f"## {native}", _facts(native, entry)]
        for lang in LANGUAGES:
            words = entry.words(lang)
            parts += [f"**{words.title}**", words.cause, words.remedy]
    parts.append("[全部错误码 · All codes](README.md)")
    return "\n\n".join(parts) + "\n"


def _facts(native: str, entry: catalogue.Entry) -> str:
    cls = BY_CODE[entry.code]
    spent = {"no": "否 · no", "yes": "是 · yes", "unknown": "未知 · unknown"}[entry.spent]
    facts = [f"- haoma: [`{entry.code}`]({entry.code}.md)"]
    if "@" in native:
        facts.append(f"- 环节 · Place: {_PLACES[native.partition('@')[2]]}")
    facts += [
        f"- `next`: `{cls.next_action}`；`retry`: {'是 · yes' if cls.retry else '否 · no'}",
        f"- 一次性 code 已消费 · one-time code used up: {spent}",
        f"- {_who(entry.who)}",
    ]
    if entry.drop_token:
        facts.append("- 丢弃 access_token · the access_token is dropped")
    if entry.see:
        facts.append(f"- 平台文档 · The platform's page: <{entry.see}>")
    return "\n".join(facts)


def _index() -> str:
    parts = [
        _NOTE,
        "# 错误码 · Error codes",
        "每个错误都有稳定的代码、原因和解决办法。`haoma explain 代码` 在终端里显示同样的内容。",
        "Every error has a stable code, a cause and a remedy. `haoma explain CODE` shows the same in a terminal.",
        "平台自己的错误码 · The platforms' own codes: "
        + " · ".join(f"[{_name(name, 'zh')} {_name(name, 'en')}]({name}.md)" for name in _platforms()),
        _table(
            ["`next`", "小程序该做什么", "What the mini program should do"],
            [
                [
                    "`ask-again`",
                    "重新登录，再显示按钮，请用户再点一次",
                    "Log in again, show the button, let the user tap again",
                ],
                ["`retry-later`", "稍后发送同一个请求", "Send the same request later"],
                [
                    "`stop`",
                    "用户做什么都没有用，由开发者处理",
                    "Nothing the user does will help; a developer has to act",
                ],
            ],
        ),
    ]
    for family, title in _FAMILIES.items():
        codes = [code for code in catalogue.codes() if code.partition(".")[0] == family]
        if codes:
            rows = [_index_row(code) for code in codes]
            parts += [f"## {title}", _table(["代码 · Code", "含义", "Meaning", "HTTP", "`next`"], rows)]
    return "\n\n".join(parts) + "\n"


def _index_row(code: str) -> list[str]:
    cls = BY_CODE.get(code)
    titles = [catalogue.words(code, lang).title for lang in LANGUAGES]
    return [f"[`{code}`]({code}.md)", *titles, str(cls.status) if cls else "", f"`{cls.next_action}`" if cls else ""]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def _slug(heading: str) -> str:
    """Return the anchor that Markdown renderers give a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with what is there."""
    wanted = {ERRORS / name: text for name, text in pages().items()}
    wanted |= {path: configuration.document(lang) for lang, path in configuration.DOCUMENTS.items()}
    wanted |= {path: body_names.document(lang) for lang, path in body_names.DOCUMENTS.items()}
    wanted[configuration.STUB] = configuration.stub()
    wanted |= {path: reference(lang) for lang, path in REFERENCES.items()}
    places = wanted.keys() | set(ERRORS.glob("*.md"))
    there = {path: path.read_text("utf-8") for path in places if path.is_file()}
    wrong = sorted(path for path in places if wanted.get(path) != there.get(path))
    if arguments == ["--check"]:
        for path in wrong:
            state = "left over" if path not in wanted else "stale" if path in there else "missing"
            print(f"{path.relative_to(ROOT).as_posix()}: {state}")
        if wrong:
            print("Run: python tools/pages.py")
        return 1 if wrong else 0
    if arguments:
        print(__doc__)
        return 2
    ERRORS.mkdir(parents=True, exist_ok=True)
    for path in wrong:
        if path in wanted:
            path.write_text(wanted[path], "utf-8")
        else:
            path.unlink()
    print(f"{len(wrong)} of {len(wanted)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
