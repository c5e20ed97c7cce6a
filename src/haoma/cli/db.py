"""``haoma db``: the tables of the store."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from haoma.cli.output import (
    REFUSED,
    ConfigOption,
    LangOption,
    group,
    language,
    line,
    misused,
    refuse,
    say,
    write,
    write_json,
)
from haoma.cli.store import listing_faults, settings_with_store
from haoma.errors import HaomaError
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.settings.model import Settings
    from haoma.store.reports import Oddity
    from haoma.store.upgrade import Status

R = TypeVar("R")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

db = group("db", "The tables of the store: upgrade, downgrade, check, status, sweep.")


@db.command()
def upgrade(config: ConfigOption = "haoma.toml", as_json: JsonOption = False, lang: LangOption = None) -> None:
    """Create the tables, or bring them to the version of this haoma.

    Run it before the new version of the service starts. The old version works on while it runs and afterwards. Two
    upgrades at once both end well. An upgrade that failed can be run again.

    \b
    Example:
        $ haoma db upgrade --config haoma.toml

    \b
    Exit codes:
        0    the tables have the newest version
        1    the database refused, or cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    store = settings_with_store(config, words).store
    steps: list[int] = []

    def run() -> Status:
        if store.embedded:  # with its keys
            from haoma.store.opening import prepare

            prepare(store)
        return _upgrading().upgrade(store, tell=_teller(words, steps))  # type: ignore[no-any-return]

    ended = done(run, config, words)
    _tell_version(ended, steps, words, as_json=as_json)


@db.command()
def downgrade(
    config: ConfigOption = "haoma.toml",
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="VERSION", min=0, help="The version; 0 drops all tables. Default: one less."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Take the tables back to an earlier version. What the dropped tables and columns hold is lost.

    Used codes are forgotten with their table, so each could be used a second time while the platform accepts it.

    \b
    Examples:
        $ haoma db downgrade --dry-run
        $ haoma db downgrade --to 0 --yes

    \b
    Exit codes:
        0    done, or nothing to do
        1    the database refused, or the answer was no
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    store = settings_with_store(config, words).store
    found = done(lambda: _upgrading().status(store), config, words).version or 0
    wanted = max(0, found - 1) if to is None else to
    if wanted > found:
        raise misused(words, text("cli", "db.to", words, to=to, found=f"{found:04}"))
    if dry_run:
        if as_json:
            write_json({"found": f"{found:04}", "version": f"{wanted:04}", "dry_run": True})
        else:
            would = text("cli", "db.would", words, found=f"{found:04}", version=f"{wanted:04}")
            write(would if wanted < found else text("cli", "db.nothing", words))
        return
    if wanted < found and not yes:
        ask(text("cli", "db.ask", words, found=f"{found:04}", version=f"{wanted:04}"), words)
    steps: list[int] = []
    ended = done(lambda: _upgrading().downgrade(store, wanted, tell=_teller(words, steps)), config, words)
    _tell_version(ended, steps, words, as_json=as_json)


@db.command()
def status(config: ConfigOption = "haoma.toml", as_json: JsonOption = False, lang: LangOption = None) -> None:
    """Tell which version the tables have, whether this haoma works with it, and whether requests to erase are overdue.

    \b
    Example:
        $ haoma db status --json

    \b
    Exit codes:
        0    this haoma works with the tables
        1    it does not, a request to erase is overdue, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    settings = settings_with_store(config, words)
    store = settings.store
    found = done(lambda: _upgrading().status(store), config, words)
    version, accepted = found.version, found.accepted
    if version is None:
        state = "missing"
    elif version not in accepted:
        state = "old" if version < accepted[0] else "new"
    else:
        state = "behind" if found.pending else "ready"
    shown = {
        "database": store.kind,
        "prefix": store.table_prefix,
        "version": "" if version is None else f"{version:04}",
        "newest": f"{found.newest:04}",
        "accepted": " ".join(f"{each:04}" for each in accepted),
        "state": state,
    }
    works, overdue = state in {"ready", "behind"}, 0
    if works and settings.accounts is not None:
        pending, overdue = done(lambda: _erasures(settings), config, words)
        shown |= {"erasures_pending": str(pending), "erasures_overdue": str(overdue)}
    if as_json:
        write_json(shown)
    else:
        for name, value in shown.items():
            told = (
                text("cli", f"db.state.{value}", words) if name == "state" else value or text("cli", "db.none", words)
            )
            say((text("cli", f"db.column.{name}", words) + ": ", "bold"), told)
    if not works or overdue:
        raise typer.Exit(REFUSED)


@db.command()
def check(config: ConfigOption = "haoma.toml", as_json: JsonOption = False, lang: LangOption = None) -> None:
    """Look for tables, columns and rows that should not be as they are, and try the keys on what is sealed.

    It reads whole tables, so run it when the database has time. It changes nothing and shows no value.

    \b
    Example:
        $ haoma db check

    \b
    Exit codes:
        0    everything is in order
        1    something was found, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    settings = settings_with_store(config, words)
    store = settings.store
    version, differ, odd = done(lambda: _checked(settings), config, words)
    if as_json:
        rows = [{"is": each.name, "table": each.table, "count": each.count, "keys": each.detail} for each in odd]
        write_json({"version": f"{version:04}", "schema": differ, "rows": rows})
    else:
        if differ:
            told = text("cli", "db.schema", words, version=f"{version:04}", names=", ".join(differ))
            say((told, "red"))
        for each in odd:
            say(
                (f"{store.table_prefix}{each.table}: {each.count}: ", "bold"),
                text("cli", f"db.odd.{each.name}", words, detail=each.detail),
            )
        if not differ and not odd:
            say((text("cli", "db.fine", words), "green"))
    if differ or odd:
        raise typer.Exit(REFUSED)


@db.command()
def sweep(
    config: ConfigOption = "haoma.toml",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Delete what is over: answers, forgotten codes, expired sessions and tokens.

    A running service sweeps every half minute, so this is for installations without one, such as a library in batch
    jobs. What is deleted from the ledger stays counted in the usage per day.

    \b
    Examples:
        $ haoma db sweep --dry-run
        $ haoma db sweep

    \b
    Exit codes:
        0    swept, or another process is sweeping
        1    the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.store.keys.unwrapping import account_keys
    from haoma.store.opening import audit_of, engine_of
    from haoma.store.sweep import Swept, sweep
    from haoma.store.version import require_schema

    words = language(lang)
    settings = settings_with_store(config, words)
    tenants = settings.tenants
    engines = [listing_faults(lambda each=each: engine_of(settings.store, each), config, words) for each in tenants]  # type: ignore[misc]

    async def run() -> Swept:
        await require_schema(engines[0])
        keys = None if settings.accounts is None else account_keys(settings.accounts)
        swept = Swept()
        for engine in engines:
            audit = audit_of(keys, engine.tenant)
            swept = swept.plus(await sweep(engine, dry_run=dry_run, audit=audit))
            while swept.more:
                line("progress", text("cli", "db.more", words, count=swept.total), words)
                swept = swept.plus(await sweep(engine, audit=audit))
        return swept

    swept = done(lambda: asyncio.run(run()), config, words)
    if as_json:
        write_json({**{name: value for name, value in asdict(swept).items() if name != "more"}, "dry_run": dry_run})
    elif swept.busy and not swept.total:
        write(text("cli", "db.busy", words))
    else:
        counts = asdict(swept)
        write(text("cli", "db.would-sweep", words, **counts) if dry_run else text("cli", "db.swept", words, **counts))


def _checked(settings: Settings) -> tuple[int, list[str], list[Oddity]]:
    from haoma.store.flows import ask_blocking
    from haoma.store.keys.unwrapping import account_keys
    from haoma.store.opening import engine_of, records_of, sealer_of
    from haoma.store.orphans import check_accounts
    from haoma.store.reports import check as look
    from haoma.store.version import reaching, require_schema_blocking

    store = settings.store
    engine, sealer = engine_of(store), sealer_of(store)
    version = require_schema_blocking(engine)
    differ = _upgrading().differences(store)
    with reaching():
        odd = ask_blocking(engine, lambda connection: look(connection, engine.prefix, engine.tenant, sealer))
        keys = None if settings.accounts is None else account_keys(settings.accounts)
        for tenant in () if keys is None else settings.tenants:
            records = records_of(sealer_of(store, tenant), keys, tenant)  # type: ignore[arg-type]
            odd += ask_blocking(
                engine_of(store, tenant),
                lambda connection, of=tenant, with_=records: check_accounts(connection, engine.prefix, of, with_),  # type: ignore[misc]
            )
    return version, differ, odd


def _erasures(settings: Settings) -> tuple[int, int]:
    """Return how many requests to erase wait for their day, and how many are overdue."""
    from haoma.store.erasures import counted
    from haoma.store.flows import ask_blocking
    from haoma.store.opening import engine_of
    from haoma.store.version import reaching

    pending = overdue = 0
    for tenant in settings.tenants:
        engine = engine_of(settings.store, tenant)
        with reaching():
            found = ask_blocking(engine, lambda connection: counted(connection, engine.prefix, engine.tenant))  # noqa: B023
        pending, overdue = pending + found.pending, overdue + found.overdue
    return pending, overdue


def _upgrading() -> Any:
    from haoma.store import upgrade

    return upgrade


def done(work: Callable[[], R], config: str, lang: str) -> R:
    """Do ``work``; say what is wrong, and end the command, if it cannot be done."""
    try:
        return listing_faults(work, config, lang)
    except HaomaError as error:
        refuse(error, lang)
        raise typer.Exit(REFUSED) from None
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "haoma":
            raise
        raise misused(
            lang, text("cli", "not-installed", lang, package=error.name), text("cli", "install", lang)
        ) from None


def _teller(lang: str, steps: list[int]) -> Callable[[str, int], None]:
    """Return what says on stderr what an upgrade does, and notes its steps."""

    def tell(verb: str, version: int) -> None:
        if verb != "waiting":
            steps.append(version)
        line("progress", text("cli", f"db.step.{verb}", lang, version=f"{version:04}"), lang)

    return tell


def _tell_version(ended: Status, steps: list[int], lang: str, *, as_json: bool) -> None:
    version = "" if ended.version is None else f"{ended.version:04}"
    if as_json:
        write_json({"version": version, "steps": [f"{each:04}" for each in steps]})
    else:
        write(text("cli", "db.done", lang, version=version) if version else text("cli", "db.empty", lang))


def ask(question: str, lang: str) -> None:
    """Ask whether to go on; end the command if not."""
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        say(error=True)  # the question has no end of line
        raise misused(lang, text("cli", "db.yes", lang)) from None
    if not agreed:
        raise typer.Exit(REFUSED)
