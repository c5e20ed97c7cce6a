"""``haoma explain``: shows what a code means and what to do."""

from __future__ import annotations

import difflib
import re
from os.path import commonprefix
from typing import TYPE_CHECKING, Annotated, Final

import typer

from haoma import catalogue
from haoma.cli.output import LangOption, language, misused, say
from haoma.platforms.registry import PLATFORMS
from haoma.problem import behaviour
from haoma.words import text

if TYPE_CHECKING:
    from haoma.catalogue import Words

_FIELD: Final = re.compile(
    r"(errno|errcode|err_no|errCode|error_code|sub_code|subCode|code)[\"']?\s*[:=]\s*[\"']?(?=[-\w])"
)


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A code of haoma, PLATFORM:CODE, or a message.")],
    lang: LangOption = None,
) -> None:
    """Show what a code or an error message means, why it usually happens, and what to do.

    CODE is one of haoma's own codes, or a platform's: alipay:40006, alipay:40001/isv.missing-encrypt-key,
    wechat:40029, wechat:-1, errno:102. If a platform's code has several meanings, all of them are shown. It may also
    be a message, such as "Illegal Buffer": its possible causes are shown, the most likely first.

    \b
    Examples:
        $ haoma explain trust.signature-mismatch
        $ haoma explain wechat:40029 --lang zh
        $ haoma explain "Illegal Buffer"

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
    entries = _entries(code)
    for number, (platform, entry) in enumerate(entries):
        if number:
            say()
        native = entry.called(platform, words)
        _tell(entry.code, entry.words(words), words, native=native, ask_again=entry.ask_again)
    if not entries and not _told_as_a_message(code, words):
        near = _near(code)
        hints = [text("cli", "near", words, codes=", ".join(near))] if near else []
        raise misused(words, text("cli", "no-such-code", words, code=code), *hints)


def _entries(code: str) -> list[tuple[str, catalogue.Entry]]:
    """Return the entries for a code, also where it stands with the name of its field, such as ``errno:102``."""
    if (field := _FIELD.match(code)) is None:
        return catalogue.entries(code, PLATFORMS)
    found = catalogue.entries(code[field.end() :], PLATFORMS)
    of_the_button = [each for each in found if each[1].native.endswith("@button")] if field[1] == "errno" else []
    return of_the_button or found


def _told_as_a_message(said: str, lang: str) -> bool:
    """Explain the possible causes of a message; return whether any are known."""
    from haoma.doctor.captures import messages

    causes = list(dict.fromkeys(cause for message in messages.like(said) for cause in message.causes))
    for number, cause in enumerate(causes):
        if number:
            say()
        platform, colon, native = cause.partition(":")
        if colon:
            entry = catalogue.refusals(platform)[native]
            native = entry.called(platform, lang)
            _tell(entry.code, entry.words(lang), lang, native=native, ask_again=entry.ask_again)
        else:
            code, _, place = cause.partition("@")
            _tell(code, catalogue.words(code, lang, place=place), lang)
    return bool(causes)


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
    # "signature-mismatch" without "trust.". Nothing at all is the end of nothing.
    by_end = [each for each in known if code and each.partition(".")[2] == code]
    near = difflib.get_close_matches(code, dict.fromkeys(known), n=20, cutoff=0.5)
    # Among equally similar numbers, those with the same first digits have related meanings.
    return by_end or sorted(near, key=lambda each: len(commonprefix([each, code])), reverse=True)[:3]  # noqa: RUF071
