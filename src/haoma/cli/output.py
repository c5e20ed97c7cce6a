"""Output of the commands: refusals and faults, in the language of the terminal."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from haoma.io import clock
from haoma.visible import visible, visible_json
from haoma.words import text
from haoma.words.facts import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from haoma.errors import Fault, HaomaError

REFUSED: Final = 1
MISUSED: Final = 2
_TELL_SECONDS: Final = 10.0


class Lang(StrEnum):
    """An output language."""

    ZH = "zh"
    EN = "en"


LangOption = Annotated[Lang | None, typer.Option("--lang", help="Language; default from LC_ALL, LC_MESSAGES or LANG.")]
ConfigOption = Annotated[str, typer.Option("--config", metavar="PATH", envvar="HAOMA_CONFIG", help="The haoma.toml.")]


def group(name: str, about: str) -> typer.Typer:
    """Return an empty group of commands, which looks like all others."""
    return typer.Typer(
        name=name,
        help=about,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def language(chosen: Lang | None = None) -> str:
    """Return ``zh`` or ``en``: the chosen language, or else that of the terminal."""
    if chosen is not None:
        return str(chosen)
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "") or ""
    return "zh" if locale.lower().startswith("zh") else "en"


def say(*parts: tuple[str, str] | str, error: bool = False) -> None:
    """Print one line of styled parts. If the output is not a terminal, it has no colours; it is never wrapped.

    Unprintable characters in the parts come from outside and are escaped. Only the styles may emit control codes.
    """
    console = Console(stderr=error, soft_wrap=True, highlight=False, markup=False, emoji=False)
    shown = (visible(part) if isinstance(part, str) else (visible(part[0]), part[1]) for part in parts)
    console.print(Text.assemble(*shown))


def write(text: str) -> None:
    """Print one line, with unprintable characters escaped."""
    sys.stdout.write(visible(text) + "\n")


def write_json(value: dict[str, Any]) -> None:
    """Print an object as JSON: on one line, or indented on a terminal."""
    unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not unicode, indent=2 if sys.stdout.isatty() else None)
    sys.stdout.write(visible_json(text) + "\n")


def refuse(error: HaomaError, lang: str) -> None:
    """Print a refusal, its cause and its remedy on stderr."""
    words = error.explain(lang)
    facts = error.facts(lang)
    line("error", f"{words.title} [{error.code}]" + (f" ({facts})" if facts else ""), lang, "red")
    if error.diagnosis:
        line("details", ": ".join(filter(None, (error.diagnosis, ", ".join(error.unlisted)))), lang)
    line("cause", words.cause, lang)
    line("hint", words.remedy, lang, "green")
    line("see", words.see or f"haoma explain {error.code}", lang)


def line(name: str, told: str, lang: str, style: str = "") -> None:
    """Print ``haoma: name: told`` on stderr."""
    say("haoma: ", (text("cli", f"line.{name}", lang), f"bold {style}".strip()), ": ", told, error=True)


def list_faults(faults: Iterable[Fault], lang: str, path: str) -> None:
    """List all faults and warnings on stderr, with place, cause and remedy."""
    faults = list(faults)
    fatal = [fault for fault in faults if not fault.warning]
    if fatal:
        line("error", f"{path}: " + text("cli", "faults", lang, count=len(fatal)), lang, "red")
    for fault in faults:
        words = fault.explain(lang)
        place = f"{fault.file}:{fault.line}: " if fault.file and fault.line else ""
        facts = shown(fault.because.items(), lang)
        kind = (text("cli", "line.warning", lang) + ": ", "bold yellow") if fault.warning else ""
        where = f"{fault.where}: " if fault.where else ""
        title = f"{words.title}" + (f" ({facts})" if facts else "")
        say((place, "bold"), kind, where, title, f" [{fault.code}]", error=True)
        say(f"    {text('cli', 'cause', lang)}: {words.cause}", error=True)
        say(f"    {text('cli', 'remedy', lang)}: {words.remedy}", error=True)


@contextmanager
def progress(told: str, total: int, lang: str) -> Iterator[Callable[[int], None]]:
    """Show on stderr how far something is: a bar on a terminal, else a line every ten seconds.

    Yields what is told how many more are done.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(told, total=total)
            yield lambda more: bar.advance(task, more)
        return
    done, next_at = 0, clock.monotonic() + _TELL_SECONDS

    def tell(more: int) -> None:
        nonlocal done, next_at
        done += more
        if clock.monotonic() >= next_at:
            next_at = clock.monotonic() + _TELL_SECONDS
            line("progress", f"{told} {done}/{total}", lang)

    yield tell


def misused(lang: str, told: str, *hints: str) -> typer.Exit:
    """Print a usage error. Return the exit for the caller to raise."""
    line("error", told, lang, "red")
    for hint in hints:
        line("hint", hint, lang, "green")
    return typer.Exit(MISUSED)
