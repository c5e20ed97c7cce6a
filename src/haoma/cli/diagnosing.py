"""``haoma doctor`` and ``haoma inspect``: find a problem, and name the one thing to change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from haoma.cli.opening import SessionKeyOption, session_key_of
from haoma.cli.output import (
    MISUSED,
    ConfigOption,
    LangOption,
    language,
    list_faults,
    misused,
    progress,
    say,
    write_json,
)
from haoma.errors import ConfigFaults
from haoma.settings.reader import load
from haoma.words import text
from haoma.words.facts import shown

if TYPE_CHECKING:
    from haoma.doctor.configuration.secrets import Known
    from haoma.platforms.base.diagnosis import Diagnosis
    from haoma.platforms.base.symptoms import Looked
    from haoma.settings.model import Settings

FOUND: Final = 1
_STYLES: Final = {"fault": "bold red", "warning": "bold yellow", "note": "bold blue", "good": "bold green"}


def doctor(
    config: ConfigOption = "haoma.toml",
    online: Annotated[
        bool,
        typer.Option(
            "--online", help="Also ask the platforms: get a token, and log in with an invalid code on purpose."
        ),
    ] = False,
    front_end: Annotated[
        str, typer.Option("--front-end", metavar="DIR", help="Also check the mini program in this folder.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one object with all diagnoses.")] = False,
    lang: LangOption = None,
) -> None:
    """Find problems in a haoma.toml, at the platforms, and in a mini program.

    By default nothing leaves this machine. The checks cover the kind and format of keys, key pairs, certificates,
    secrets shared between apps, and risky settings. With --online each platform is called in a way that is free and
    uses nothing up; a refusal is shown in the platform's own words, such as the IP address that we call from. With
    --front-end a folder is searched for leaked secrets, and what the phone button gives is followed to the request that
    sends it (needs haoma[front-end]). No secret and no full number is printed.

    \b
    Examples:
        $ haoma doctor
        $ haoma doctor --config haoma.toml --online --front-end ../mini-program

    \b
    Exit codes:
        0    no problem found
        1    at least one fault or warning
        2    usage error: the file or folder does not exist
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.doctor.configuration import offline
    from haoma.platforms.base.diagnosis import is_fine, note

    words = language(lang)
    for path, needed in ((config, Path.is_file), *([(front_end, Path.is_dir)] if front_end else [])):
        if not needed(Path(path)):
            raise misused(words, text("cli", "no-such-file", words, path=path))
    settings, known, found = offline.examine(config)
    if online and settings is None:
        found.append(note("doctor.not-asked", "", reason="the haoma.toml has faults"))
    elif online and settings is not None:
        from haoma.doctor.configuration.online import ask_platforms

        found += ask_platforms(settings)
    if front_end:
        found += _scanned(Path(front_end), known, settings, words)
    _tell(found, words, as_json=as_json)
    if not is_fine(found):
        raise typer.Exit(FOUND)


def _scanned(folder: Path, known: list[Known], settings: Settings | None, lang: str) -> list[Diagnosis]:
    """Return the findings in a mini program, with a bar on a terminal while it is read."""
    from haoma.doctor.mini_program.scan import scan

    def bar(total: int) -> AbstractContextManager[Callable[[int], object]]:
        if not sys.stderr.isatty():
            return nullcontext(lambda _more: None)
        return progress(text("cli", "front-end.reading", lang), total, lang)

    platforms = {app.platform for app in settings.apps.values()} if settings else set[str]()
    keys = settings.service.keys if settings else ()
    return list(scan(folder, known, keys, platforms=sorted(platforms), progress=bar))


def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The capture; - reads stdin.")],
    config: Annotated[
        str,
        typer.Option("--config", metavar="PATH", envvar="HAOMA_CONFIG", help="A haoma.toml. Its apps are tried."),
    ] = "",
    app: Annotated[
        str, typer.Option("--app", metavar="NAME", help="The app that the capture belongs to, if known.")
    ] = "",
    session_key: SessionKeyOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object with all diagnoses.")] = False,
    lang: LangOption = None,
) -> None:
    """Show what a capture is, what is wrong with it, and the one thing to change.

    FILE is any capture: a request body or URL, an envelope, a button event, a response from a platform or from haoma,
    a key, a list of results, an error message, or part of a log. Nothing is sent anywhere, so no code is used up. With
    --config the configured apps are tried one by one. Unproven findings are marked as guesses. Numbers are masked, and
    secrets are not printed.

    \b
    Examples:
        $ haoma inspect envelope.json --config haoma.toml --app shop
        $ haoma inspect - < error.log

    \b
    Exit codes:
        0    no problem found
        1    at least one fault or warning
        2    usage error, unreadable file, or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.doctor.captures.capture import MAX_BYTES, kind_name
    from haoma.doctor.captures.inspect import inspect as look
    from haoma.io import clock
    from haoma.platforms.base.diagnosis import is_fine

    words = language(lang)
    settings = _settings(config, words) if config else None
    if app and (settings is None or app not in settings.apps):
        raise misused(words, "--app: " + text("cli", "no-such-app", words, app=app))
    content = _read(file, MAX_BYTES, words)
    key = session_key_of(session_key, words) if session_key else None
    looked = look(content, settings, app=app, session_key=key, now=clock.now())
    _tell(looked.found, words, as_json=as_json, looked=looked, kind=kind_name(looked.kind, words))
    if not is_fine(looked.found):
        raise typer.Exit(FOUND)


def _settings(config: str, lang: str) -> Settings:
    try:
        return load(config)
    except ConfigFaults as error:
        list_faults(error.faults, lang, config)
        raise typer.Exit(MISUSED) from None


def _read(file: str, limit: int, lang: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(limit + 1)
        with Path(file).open("rb") as opened:
            return opened.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = type(error).__name__
    raise misused(lang, text("cli", "cannot-read", lang, file=file, reason=reason))


def _tell(found: list[Diagnosis], lang: str, *, as_json: bool, looked: Looked | None = None, kind: str = "") -> None:
    counts = {name: sum(each.severity == name for each in found) for name in _STYLES}
    if as_json:
        head: dict[str, Any] = {"is": looked.kind} if looked else {}
        write_json({**head, "found": [each.to_dict(lang) for each in found], "counts": counts})
        return
    if kind:
        say((text("cli", "this-is", lang, kind=kind), "bold"))
    for each in found:
        _tell_one(each, lang)
    say(
        (
            text("cli", "counts", lang, fault=counts["fault"], warning=counts["warning"], good=counts["good"]),
            "dim",
        )
    )


def _tell_one(each: Diagnosis, lang: str) -> None:
    words = each.words(lang)
    place = f"{each.file}:{each.line}: " if each.file and each.line else f"{each.file}: " if each.file else ""
    where = f"{each.where}: " if each.where else ""
    facts = shown(each.because.items(), lang)
    guess = f" ({text('cli', 'guess', lang)})" if each.guess else ""
    severity = each.severity.value
    named = text("cli", f"severity.{severity}", lang) + guess
    say((named, _STYLES[severity]), ": ", (place, "bold"), where, words.title,
        f" ({facts})" if facts else "", (f" [{each.code}]", "dim"))  # fmt: skip
    if severity == "good":
        return
    say(f"    {text('cli', 'cause', lang)}: {words.cause}")
    say((f"    {text('cli', 'remedy', lang)}: {words.remedy}", "green"))
    if words.see:
        say(f"    {text('cli', 'see', lang)}: {words.see}")
