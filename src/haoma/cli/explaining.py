"""``haoma explain``: what a code means and what to do."""

from __future__ import annotations

import difflib
import re
from os.path import commonprefix
from typing import TYPE_CHECKING, Annotated, Final

import typer

from haoma import catalogue
from haoma.cli.speaking import LangOption, language, misused, say
from haoma.errors import BY_CODE, Next
from haoma.platforms import PLATFORMS

if TYPE_CHECKING:
    from haoma.catalogue import Entry, Words

_NAMES: Final = {
    "en": {"cause": "Cause", "remedy": "Remedy", "see": "See"},
    "zh": {"cause": "原因", "remedy": "办法", "see": "参见"},
}
_PLACES: Final = {
    "token": {"en": "when a token is fetched", "zh": "获取 token 时"},
    "phone": {"en": "when a phone code is exchanged", "zh": "换取手机号时"},
    "login": {"en": "at the login", "zh": "登录时"},
    "check": {"en": "when a ciphertext is checked", "zh": "核对密文时"},
    "button": {"en": "on the device", "zh": "手机端"},
    "cloud": {"en": "when WeChat Cloud Run asks", "zh": "云托管调用时"},
    "component": {"en": "on a third-party platform", "zh": "第三方平台调用时"},
}


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A code of ours, or PLATFORM:CODE of a platform.")],
    lang: LangOption = None,
) -> None:
    """Tell what a code means, why it usually happens, and what to do.

    CODE is one of haoma's own codes, or a platform's: alipay:40006, alipay:40001/isv.missing-encrypt-key,
    wechat:40029, wechat:-1. A platform's code that means several things prints all of them.

    \b
    Examples:
        $ haoma explain trust.signature-mismatch
        $ haoma explain wechat:40029 --lang zh

    \b
    Exit codes:
        0    explained
        2    not a known code: near ones are on stderr
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    code = code.strip()
    if code in catalogue.codes():
        _tell(code, catalogue.words(code, words), words)
        return
    entries = _entries(code)
    for number, (platform, entry) in enumerate(entries):
        if number:
            say()
        native = _native(platform, entry, words)
        _tell(entry.code, entry.words(words), words, native=native, ask_again=entry.ask_again)
    if not entries:
        near = _near(code)
        title = f"没有这个代码：{code}" if words == "zh" else f"no such code: {code}"
        hint = "相近的代码：{}" if words == "zh" else "near it: {}"
        raise misused(title, *([hint.format(", ".join(near))] if near else []))


def _entries(code: str) -> list[tuple[str, Entry]]:
    """Return the entries of a platform's code: the exact one, or else all whose code is this one."""
    platform, colon, native = code.partition(":")
    platforms = [platform.lower()] if colon else list(PLATFORMS)
    native = native if colon else code
    found = []
    for name in platforms:
        table = catalogue.refusals(name) if name in PLATFORMS else {}
        whole = [entry for entry in table.values() if re.split("[/@]", entry.native)[0] == native]
        found += [(name, entry) for entry in whole or filter(None, [table.get(native)])]
    return found


def _native(platform: str, entry: Entry, lang: str) -> str:
    native, _, place = entry.native.partition("@")
    return f"{platform}:{native}" + (f" ({_PLACES[place][lang]})" if place else "")


def _tell(code: str, words: Words, lang: str, *, native: str = "", ask_again: bool = False) -> None:
    names = _NAMES[lang]
    say((f"{native} → {code}" if native else code, "bold"))
    say(words.title)
    say()
    say(f"{names['cause']}: {words.cause}")
    say((f"{names['remedy']}: {words.remedy}", "green"))
    if words.see:
        say(f"{names['see']}: {words.see}")
    cls = BY_CODE.get(code)
    if cls is not None and not code.startswith("config."):
        following, retry = (Next.ASK_AGAIN, False) if ask_again else (cls.next, cls.retry)
        say((f"HTTP {cls.status}, next: {following}, retry: {str(retry).lower()}", "dim"))


def _near(code: str) -> list[str]:
    known = [*catalogue.codes()]
    for platform in PLATFORMS:
        known += [f"{platform}:{native.partition('@')[0]}" for native in catalogue.refusals(platform)]
    by_end = [each for each in known if each.partition(".")[2] == code]  # signature-mismatch, without its family
    near = difflib.get_close_matches(code, dict.fromkeys(known), n=20, cutoff=0.5)
    # Of numbers that are equally near, those that begin in the same way are of the same kind.
    return by_end or sorted(near, key=lambda each: len(commonprefix([each, code])), reverse=True)[:3]  # noqa: RUF071
