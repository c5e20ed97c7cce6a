"""``haoma explain``: shows what a code means and what to do."""

from __future__ import annotations

import difflib
from os.path import commonprefix
from typing import TYPE_CHECKING, Annotated

import typer

from haoma import catalogue
from haoma.cli.output import LangOption, language, misused, say
from haoma.platforms.registry import PLATFORMS
from haoma.problem import behaviour
from haoma.words import text

if TYPE_CHECKING:
    from haoma.catalogue import Words


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A code of haoma, or PLATFORM:CODE.")],
    lang: LangOption = None,
) -> None:
    """Show what a code means, why it usually happens, and what to do.

    CODE is one of haoma's own codes, or a platform's: alipay:40006, alipay:40001/isv.missing-encrypt-key,
    wechat:40029, wechat:-1. If a platform's code has several meanings, all of them are shown.

    \b
    Examples:
        $ haoma explain trust.signature-mismatch
        $ haoma explain wechat:40029 --lang zh

    \b
    Exit codes:
        0    explained
        2    unknown code: similar ones are on stderr
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    code = code.strip()
    if code in catalogue.codes():
        _tell(code, catalogue.words(code, words), words)
        return
    entries = catalogue.entries(code, PLATFORMS)
    for number, (platform, entry) in enumerate(entries):
        if number:
            say()
        native = entry.called(platform, words)
        _tell(entry.code, entry.words(words), words, native=native, ask_again=entry.ask_again)
    if not entries:
        near = _near(code)
        hints = [text("cli", "near", words, codes=", ".join(near))] if near else []
        raise misused(words, text("cli", "no-such-code", words, code=code), *hints)


def _tell(code: str, words: Words, lang: str, *, native: str = "", ask_again: bool = False) -> None:
    say((f"{native} → {code}" if native else code, "bold"))
    say(words.title)
    say()
    say(f"{text('cli', 'cause', lang).capitalize()}: {words.cause}")
    say((f"{text('cli', 'remedy', lang).capitalize()}: {words.remedy}", "green"))
    say(f"{text('cli', 'who', lang).capitalize()}: {text('problem', f'who.{words.who}', lang)}")
    if words.see:
        say(f"{text('cli', 'see', lang).capitalize()}: {words.see}")
    if answered := behaviour(code, ask_again=ask_again):
        say((answered, "dim"))


def _near(code: str) -> list[str]:
    known = [*catalogue.codes()]
    for platform in PLATFORMS:
        known += [f"{platform}:{native.partition('@')[0]}" for native in catalogue.refusals(platform)]
    by_end = [each for each in known if each.partition(".")[2] == code]  # "signature-mismatch" without "trust."
    near = difflib.get_close_matches(code, dict.fromkeys(known), n=20, cutoff=0.5)
    # Among equally similar numbers, those with the same first digits have related meanings.
    return by_end or sorted(near, key=lambda each: len(commonprefix([each, code])), reverse=True)[:3]  # noqa: RUF071
