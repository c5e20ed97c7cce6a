"""The command line. ``main`` is the console script ``haoma``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any, Final, cast

import typer
from typer.core import TyperGroup

from haoma.cli.accounts import accounts
from haoma.cli.alipay_aes_key import alipay_aes_key
from haoma.cli.audit import audit
from haoma.cli.db import db
from haoma.cli.diagnosing import doctor, inspect
from haoma.cli.erasures import erasures
from haoma.cli.events import events
from haoma.cli.explaining import explain
from haoma.cli.health import health
from haoma.cli.incident import incident
from haoma.cli.keys import key
from haoma.cli.ledger import ledger
from haoma.cli.opening import open_file
from haoma.cli.people import export, import_people
from haoma.cli.rotation import keys, rewrap
from haoma.cli.running import demo, serve, simulate
from haoma.cli.usage import usage
from haoma.visible import visible
from haoma.words import text

# Click's class. Newer versions of Typer vendor a copy, so it cannot be imported from one place.
_UsageError: Final = cast("type[Any]", typer.BadParameter.__base__)


@contextmanager
def _visible_misuse() -> Iterator[None]:
    """Escape the message of a usage error, because it quotes the argument."""
    try:
        yield
    except _UsageError as error:
        error.message = visible(error.message)
        raise


class _Commands(TyperGroup):
    """The command group. It also escapes Typer's own messages about wrong arguments."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        with _visible_misuse():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        with _visible_misuse():
            return super().invoke(ctx)


# Pretty exceptions are off: they print local variables, which hold keys and numbers.
app = typer.Typer(
    name="haoma",
    cls=_Commands,
    help=" ".join(text("cli", "about", lang) for lang in ("en", "zh")),
    epilog="Every command has its own --help, with an example and its exit codes.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("open")(open_file)
app.command("inspect")(inspect)
app.command("doctor")(doctor)
app.command("explain", context_settings={"ignore_unknown_options": True})(explain)  # -41003
app.command("key")(key)
app.command("alipay-aes-key")(alipay_aes_key)
app.add_typer(db)
app.command("ledger")(ledger)
app.command("usage")(usage)
app.add_typer(keys)
app.command("rewrap")(rewrap)
app.add_typer(audit)
app.add_typer(incident)
app.add_typer(events)
app.command("import")(import_people)
app.command("export")(export)
app.add_typer(erasures)
app.add_typer(accounts)
app.command("serve")(serve)
app.command("health")(health)
app.command("simulate")(simulate)
app.command("demo")(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"haoma {version('haoma')}")
        raise typer.Exit


@app.callback()
def _haoma(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. Typer turns Ctrl-C into exit code 130 and ends quietly on a broken pipe."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show Chinese gets question marks instead of a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()
