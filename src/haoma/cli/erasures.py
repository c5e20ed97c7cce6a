"""``haoma erasures``: requests to erase, and the list of who was erased."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from haoma.cli.db import JsonOption, done
from haoma.cli.output import REFUSED, ConfigOption, LangOption, group, language, misused, write, write_json
from haoma.cli.people import new_file
from haoma.cli.store import TenantOption, kept_accounts, write_table
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.accounts import Change
    from haoma.cli.store import Kept
    from haoma.store.rows import Erasure

erasures = group("erasures", "Requests to erase accounts: list, run, export, replay.")
COLUMNS: Final = ("account", "asked_at", "due_at", "done_at")


@erasures.command("list")
def list_(
    config: ConfigOption = "haoma.toml",
    tenant: TenantOption = "",
    everything: Annotated[bool, typer.Option("--all", help="Also those that are done.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """List the requests to erase that are not done, with the day when they are due.

    \b
    Example:
        $ haoma erasures list

    \b
    Exit codes:
        0    listed, and none is overdue
        1    one is overdue, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.io import clock
    from haoma.store.erasures import entry

    words = language(lang)
    kept = kept_accounts(config, tenant, words)
    rows: list[Erasure] = []
    done(lambda: _listed(kept, rows.extend), config, words)
    rows = [row for row in rows if everything or row.due_at]
    now = clock.now() * 1000
    overdue = sum(0 < row.due_at <= now for row in rows)
    shown = []
    for each in map(entry, sorted(rows, key=lambda row: (row.due_at or 1 << 63, row.asked_at))):
        moments = (each.asked_at, each.due_at, each.done_at)
        shown.append((each.account, *("" if at is None else at.isoformat(timespec="seconds") for at in moments)))
    if as_json:
        write_json({"erasures": [dict(zip(COLUMNS, row, strict=True)) for row in shown], "overdue": overdue})
    elif not shown:
        write(text("people", "erasures.none", words))
    else:
        write_table([[text("people", f"erasures.column.{name}", words) for name in COLUMNS], *shown], 0)
    if overdue:
        raise typer.Exit(REFUSED)


@erasures.command()
def run(
    config: ConfigOption = "haoma.toml",
    tenant: TenantOption = "",
    everything: Annotated[bool, typer.Option("--all", help="Also what is not due yet.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Erase what is due within a day.

    A running service does so every half minute, so this is for installations without one.

    \b
    Example:
        $ haoma erasures run

    \b
    Exit codes:
        0    nothing is overdue
        1    something is, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.store.erasures import erase_due

    words = language(lang)
    kept = kept_accounts(config, tenant, words)
    found = done(
        lambda: asyncio.run(kept.asking(lambda answer: erase_due(kept.engine, answer, everything=everything))),
        config,
        words,
    )
    counts = {"erased": found.erased, "pending": found.pending, "overdue": found.overdue}
    if as_json:
        write_json(counts)
    else:
        write(text("people", "erasures.run", words, **counts))
    if found.overdue:
        raise typer.Exit(REFUSED)


@erasures.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    config: ConfigOption = "haoma.toml",
    tenant: TenantOption = "",
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Write the erase list to a file: who was erased, and who asked for it. It names account ids alone.

    Keep it outside of the database and of its backups, and write it anew at least whenever a backup is made.

    \b
    Example:
        $ haoma erasures export erased-2026-12-01.jsonl

    \b
    Exit codes:
        0    written
        1    the database cannot be reached
        2    usage error, or the file is there already
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.store.erasures import ListWriter

    words = language(lang)
    kept = kept_accounts(config, tenant, words)
    with new_file(file, words) as output:
        writer = ListWriter(output.write)
        done(lambda: _listed(kept, writer.rows), config, words)
        writer.end()
    if as_json:
        write_json({"entries": writer.count})
    else:
        write(text("people", "erasures.exported", words, count=writer.count, file=file.name))


@erasures.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What haoma erasures export wrote.")],
    config: ConfigOption = "haoma.toml",
    tenant: TenantOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count who would be erased.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Erase again, after a backup was restored, who had been erased since it was made.

    Do it before the service starts. Requests that were not done are there again as well, with the day when they
    are due. To replay a list twice does no harm.

    \b
    Examples:
        $ haoma erasures replay erased-2026-12-01.jsonl --dry-run
        $ haoma erasures replay erased-2026-12-01.jsonl

    \b
    Exit codes:
        0    nobody of the list is there
        1    the database cannot be reached
        2    usage error, or the file is no whole list
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.store.erasures import NotAList, read_list
    from haoma.store.erasures import replay as replaying

    words = language(lang)
    kept = kept_accounts(config, tenant, words)
    try:
        steps = read_list(file.read_bytes().splitlines(), preview=dry_run)
    except NotAList:
        raise misused(words, text("people", "erasures.no-list", words, file=file.name)) from None
    except OSError as error:
        told = text("cli", "cannot-read", words, file=file.name, reason=error.strerror)
        raise misused(words, told) from None
    back = 0

    def tell(change: Change) -> None:
        nonlocal back
        back += change.other is not None

    done(lambda: asyncio.run(kept.asking(lambda answer: replaying(answer, steps, tell))), config, words)
    if as_json:
        write_json({"entries": len(steps), "erased": back, "dry_run": dry_run})
    else:
        told = text("people", "erasures.would-replay", words, count=len(steps), erased=back) if dry_run else ""
        write(told or text("people", "erasures.replayed", words, count=len(steps), erased=back))


def _listed(kept: Kept, tell: Callable[[list[Erasure]], object]) -> None:
    from haoma.store.erasures import listed
    from haoma.store.flows import ask_blocking
    from haoma.store.version import reaching, require_schema_blocking

    engine = kept.engine
    require_schema_blocking(engine)
    with reaching():
        ask_blocking(engine, lambda connection: listed(connection, engine.prefix, engine.tenant, tell))
