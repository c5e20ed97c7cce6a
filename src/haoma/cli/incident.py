"""``haoma incident``: who could be affected by a leaked key, or by what happened in a span of time."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from haoma.cli.audit import CHINA, TenantOption, audited
from haoma.cli.db import JsonOption, done
from haoma.cli.output import ConfigOption, LangOption, group, language, line, misused, say, write, write_json
from haoma.cli.store import settings_with_store
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from haoma.store.audit.incident import Affected, Tell
    from haoma.store.batch import Connection

    Flow = Callable[[Connection, str, str, Tell], Generator[Any, Any, Affected]]

incident = group("incident", "After an incident: export who could be affected.")


@incident.callback()
def _incident() -> None:
    pass


@incident.command()
def export(
    config: ConfigOption = "haoma.toml",
    number_key: Annotated[
        int | None,
        typer.Option("--number-key", metavar="N", min=1, help="Whose numbers this key of [accounts] sealed."),
    ] = None,
    store_key: Annotated[
        int | None, typer.Option("--store-key", metavar="N", min=1, help="Whose logins this key of [store] sealed.")
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Of whom the audit log speaks since: 2026-12-01T08:30.")
    ] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Until then; by default until now.")] = "",
    tenant: TenantOption = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the account ids as CSV.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Print who could be affected by an incident: counts and account ids, and no number.

    By a key that has leaked, or by a span of time, in which somebody had access. Times are those of China, or have an
    offset. Without --csv and --json only counts are printed.

    \b
    Examples:
        $ haoma incident export --number-key 3 --csv > affected.csv
        $ haoma incident export --since 2026-12-01T08:30 --until 2026-12-01T09:15 --json

    \b
    Exit codes:
        0    printed
        1    the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    by, flow = _asked(number_key, store_key, since, until, words)
    settings = settings_with_store(config, words)
    tenants = audited(settings, tenant, words)
    found = {each: done(lambda each=each: _ask(settings.store, each, flow, words), config, words) for each in tenants}  # type: ignore[misc]
    if as_json:
        told = [
            {
                "tenant": name,
                "accounts": len(each.accounts),
                "everybody": each.everybody,
                "rows": dict(sorted(each.rows.items())),
                "rows_without_account": each.nobody,
                "account_ids": sorted(each.accounts),
            }
            for name, each in found.items()
        ]
        write_json({"by": by, "accounts": sum(len(each.accounts) for each in found.values()), "tenants": told})
    elif as_csv:
        for name in (name for name, each in found.items() if each.everybody):
            line("warning", f"{name}: " + text("cli", "incident.everybody", words), words)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("tenant", "account"))
        writer.writerows((name, account) for name, each in found.items() for account in sorted(each.accounts))
    else:
        for name, each in found.items():
            write(text("cli", "incident.accounts", words, tenant=name, count=len(each.accounts)))
            if each.everybody:
                say(("  " + text("cli", "incident.everybody", words), "bold red"))
            for what, total in sorted(each.rows.items()):
                write("  " + text("cli", "incident.rows", words, what=what, count=total))
            if each.nobody:
                write("  " + text("cli", "incident.nobody", words, count=each.nobody))


def _asked(
    number_key: int | None, store_key: int | None, since: str, until: str, lang: str
) -> tuple[dict[str, Any], Flow]:
    from haoma.store.audit.incident import by_number_key, by_store_key, by_time

    if sum((number_key is not None, store_key is not None, bool(since))) != 1 or (until and not since):
        raise misused(lang, text("cli", "incident.one", lang))
    if number_key is not None:
        number = number_key
        return {"number_key": number}, lambda connection, prefix, tenant, tell: by_number_key(
            connection, prefix, tenant, number, tell
        )
    if store_key is not None:
        sealer = store_key
        return {"store_key": sealer}, lambda connection, prefix, tenant, tell: by_store_key(
            connection, prefix, tenant, sealer, tell
        )
    first, last = _moment(since, lang), _moment(until, lang) if until else 1 << 47
    return {"since": since, "until": until}, lambda connection, prefix, tenant, tell: by_time(
        connection, prefix, tenant, first, last, tell
    )


def _moment(given: str, lang: str) -> int:
    try:
        found = dt.datetime.fromisoformat(given)
    except ValueError:
        raise misused(lang, text("cli", "incident.time", lang, given=given)) from None
    return round((found if found.tzinfo else found.replace(tzinfo=CHINA)).timestamp() * 1000)


def _ask(store: Any, tenant: str, flow: Flow, lang: str) -> Affected:
    from haoma.store.flows import ask_blocking
    from haoma.store.opening import engine_of
    from haoma.store.version import reaching, require_schema_blocking

    engine = engine_of(store, tenant)
    require_schema_blocking(engine)
    next_at = [100_000]

    def tell(count: int) -> None:
        if count >= next_at[0]:
            next_at[0] += 100_000
            line("progress", text("cli", "incident.read", lang, count=count), lang)

    with reaching():
        return ask_blocking(engine, lambda connection: flow(connection, engine.prefix, engine.tenant, tell))
