"""``haoma audit``: whether anybody has changed the audit log, what is in it, and its seals."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from haoma.cli.db import JsonOption, done
from haoma.cli.output import (
    REFUSED,
    ConfigOption,
    LangOption,
    group,
    language,
    line,
    misused,
    progress,
    say,
    write,
    write_json,
)
from haoma.cli.store import settings_with_store, write_table
from haoma.io import clock
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haoma.settings.model import Settings
    from haoma.store.audit.lanes import AuditKeys
    from haoma.store.audit.seals import Seal
    from haoma.store.audit.verify import Found, Verified
    from haoma.store.store import Engine

CHINA: Final = dt.timezone(dt.timedelta(hours=8))
_PARTS: Final = 100

TenantOption = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Only this tenant.")]
SealsOption = Annotated[
    Path | None,
    typer.Option("--seals", metavar="FILE", exists=True, dir_okay=False, help="Seals that have left the machine."),
]

audit = group("audit", "The audit log: verify, report, ship.")


@audit.command()
def verify(
    config: ConfigOption = "haoma.toml",
    seals: SealsOption = None,
    tenant: TenantOption = "",
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Tell whether anybody has changed the audit log, and where.

    It reads the whole log once, and changes nothing. With `--seals` it also compares the log with seals that were
    shipped: a file of `haoma audit ship`, or the log of the service.

    \b
    Examples:
        $ haoma audit verify
        $ haoma audit verify --seals /archive/seals.jsonl --json

    \b
    Exit codes:
        0    nothing was changed
        1    something was changed, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    results = _verified(settings_with_store(config, words), tenant, seals, config, words, counts=False)
    if as_json:
        write_json({"ok": not any(each.found for each in results.values()), "tenants": _as_json(results)})
    else:
        for name, result in results.items():
            _tell(name if len(results) > 1 else "", result, words)
        say()
        write(text("cli", "audit.promise", words))
    if any(result.found for result in results.values()):
        raise typer.Exit(REFUSED)


@audit.command()
def report(
    config: ConfigOption = "haoma.toml",
    seals: SealsOption = None,
    since: Annotated[str, typer.Option("--since", metavar="YYYY-MM-DD", help="First day counted, in China.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="Last day counted, in China.")] = "",
    tenant: TenantOption = "",
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Print what an auditor asks for: who did what, how often, since when it is kept, and that it was not changed.

    Everything is verified first, as `haoma audit verify` does. Counts are by day in China, by what was done, by app and
    by caller. There is no number and no id of a person in it.

    \b
    Examples:
        $ haoma audit report --since 2026-11-01 --until 2026-11-30
        $ haoma audit report --json

    \b
    Exit codes:
        0    printed, and nothing was changed
        1    something was changed, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    first, last = day_of(since, words), day_of(until, words)
    settings = settings_with_store(config, words)
    results = _verified(settings, tenant, seals, config, words, counts=True)
    tables = {name: _counted(result, settings, first, last) for name, result in results.items()}
    if as_json:
        columns = ("day", "what", "app", "by", "total")
        found = [
            {**each, "counts": [dict(zip(columns, row, strict=True)) for row in tables[each["tenant"]]]}
            for each in _as_json(results)
        ]
        ok = not any(each.found for each in results.values())
        write_json({"made_at": _moment(clock.now() * 1000), "ok": ok, "retention_days": 180, "tenants": found})
    else:
        write(text("cli", "audit.title", words, at=_moment(clock.now() * 1000)))
        for name, result in results.items():
            say()
            _tell(name, result, words)
            write(text("cli", "audit.retention", words))
            if result.dropped:
                before = _moment(result.dropped_before)
                write(text("cli", "audit.dropped", words, rows=result.dropped, before=before))
            _print_counts(tables[name], words)
        say()
        write(text("cli", "audit.promise", words))
    if any(result.found for result in results.values()):
        raise typer.Exit(REFUSED)


@audit.command()
def ship(
    config: ConfigOption = "haoma.toml",
    after: Annotated[int, typer.Option("--after", metavar="NUMBER", min=0, help="Only seals after this one.")] = 0,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", dir_okay=False, help="Append what it does not have yet to this file."),
    ] = None,
    tenant: TenantOption = "",
    lang: LangOption = None,
) -> None:
    """Seal what is not sealed yet, and print all seals as lines, to be kept where nobody who writes the database can.

    The service writes the same lines to its log. Keep them on another machine, or where they can only be added to.

    \b
    Examples:
        $ haoma audit ship --to /archive/seals.jsonl
        $ haoma audit ship --after 4711 | ssh archive 'cat >> seals.jsonl'

    \b
    Exit codes:
        0    printed
        1    the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.store.audit.shipping import shipped

    words = language(lang)
    count = 0
    for engine, keys in _logs(settings_with_store(config, words), tenant, config, words):
        last = max([after, *(each.number for each in _read(to, keys.tenant))])
        found = done(lambda engine=engine, keys=keys, last=last: _sealed(engine, keys, last), config, words)  # type: ignore[misc]
        lines = [msgspec.json.encode(shipped(each, keys.tenant)).decode() for each in found]
        count += len(lines)
        if to is None:
            for each in lines:
                write(each)
        else:
            with to.open("a", encoding="utf-8") as file:
                file.writelines(f"{each}\n" for each in lines)
    line("progress", text("cli", "audit.shipped", words, count=count), words)


# --- what they share


def audited(settings: Settings, tenant: str, lang: str) -> list[str]:
    """Return the tenants that are meant; end the command if there is no audit log."""
    if settings.accounts is None:
        raise misused(lang, text("cli", "audit.none", lang))
    tenants = list(settings.tenants)
    if tenant and tenant not in tenants:
        raise misused(lang, "--tenant: " + text("cli", "no-such-tenant", lang, tenant=tenant))
    return [tenant] if tenant else tenants


def day_of(given: str, lang: str) -> dt.date | None:
    """Return the day that an option says, or None if it says nothing."""
    try:
        # Python also reads 20261201 and 2026-W49-2.
        is_date = len(given) == len("2026-12-01") and given[4] == given[7] == "-"
        return dt.date.fromisoformat(given if is_date else "") if given else None
    except ValueError:
        raise misused(lang, text("cli", "audit.day", lang)) from None


def _logs(settings: Settings, tenant: str, config: str, lang: str) -> list[tuple[Engine, AuditKeys]]:
    """Return the database and the keys of each tenant."""
    from haoma.store.audit.lanes import AuditKeys
    from haoma.store.keys.unwrapping import account_keys
    from haoma.store.opening import engine_of
    from haoma.store.version import require_schema_blocking

    tenants = audited(settings, tenant, lang)
    assert settings.accounts is not None  # noqa: S101
    given = settings.accounts

    def open_all() -> list[tuple[Engine, AuditKeys]]:
        keys = account_keys(given).audit_keys
        found = [(engine_of(settings.store, each), AuditKeys(keys, each)) for each in tenants]
        require_schema_blocking(found[0][0])
        return found

    return done(open_all, config, lang)


def _verified(
    settings: Settings, tenant: str, seals: Path | None, config: str, lang: str, *, counts: bool
) -> dict[str, Verified]:
    from haoma.store.audit.verify import verify as read
    from haoma.store.flows import ask_blocking
    from haoma.store.version import reaching

    results = {}
    for engine, keys in _logs(settings, tenant, config, lang):
        shipped = _read(seals, keys.tenant)
        with progress(text("cli", "audit.verifying", lang), _PARTS, lang) as more:
            shown = [0]

            def tell(part: float, _rows: int, shown: list[int] = shown, more: Any = more) -> None:
                now = int(part * _PARTS)
                more(now - shown[0])
                shown[0] = now

            def run(engine: Engine = engine, keys: AuditKeys = keys, tell: Any = tell, shipped: Any = shipped) -> Any:
                with reaching():
                    return ask_blocking(
                        engine,
                        lambda connection: read(connection, engine.prefix, keys, shipped, tell, counts=counts),
                    )

            results[keys.tenant] = done(run, config, lang)
    return results


def _sealed(engine: Engine, keys: AuditKeys, after: int) -> list[Seal]:
    import asyncio

    from haoma.store.audit.seals import seal_now, seals_after
    from haoma.store.flows import ask_blocking
    from haoma.store.version import reaching

    asyncio.run(seal_now(engine, keys))
    with reaching():
        return ask_blocking(engine, lambda connection: seals_after(connection, engine.prefix, keys.tenant, after))


def _read(path: Path | None, tenant: str) -> list[Seal]:
    from haoma.store.audit.shipping import read

    if path is None or not path.exists():
        return []
    with path.open("rb") as file:
        return list(read(file, tenant))


def _counted(
    result: Verified, settings: Settings, first: dt.date | None, last: dt.date | None
) -> list[tuple[str, str, str, str, int]]:
    called = {app.scope: app.name for app in settings.apps.values()}
    totals: Counter[tuple[str, str, str, str]] = Counter()
    for (moment, what, app, by), total in result.counts.items():
        day = dt.datetime.fromtimestamp(moment / 1000, CHINA).date()
        if (first is None or day >= first) and (last is None or day <= last):
            totals[day.isoformat(), what, called.get(app, app), by] += total
    return [(*key, total) for key, total in sorted(totals.items())]


def _print_counts(rows: Sequence[tuple[str, str, str, str, int]], lang: str) -> None:
    if not rows:
        write(text("cli", "audit.nothing", lang))
        return
    head = [text("cli", f"audit.column.{each}", lang) for each in ("day", "what", "app", "by", "total")]
    write_table([head, *([*map(str, row)] for row in rows)], 1)


def _tell(tenant: str, result: Verified, lang: str) -> None:
    """Print what was read, and what somebody has changed."""
    if tenant:
        say((text("cli", "audit.tenant", lang, tenant=tenant), "bold"))
    facts = {"rows": result.rows, "lanes": result.lanes, "seals": result.seals}
    write(text("cli", "audit.read", lang, **facts, since=_moment(result.since), until=_moment(result.until)))
    write(text("cli", "audit.sealed", lang, at=_moment(result.sealed_at), count=result.shipped))
    if result.unsealed:
        told = text("cli", "audit.unsealed", lang, count=result.unsealed, since=_moment(result.unsealed_since))
        is_late = clock.now() * 1000 - result.unsealed_since > _LATE_MS
        say((told, "yellow" if is_late else ""))
        if is_late:
            say((text("cli", "audit.late", lang), "yellow"))
    for each in result.found:
        where = text("cli", f"audit.where.{'lane' if each.lane else 'seals'}", lang, lane=each.lane.hex())
        span = f"{each.first}" if each.first == each.last else f"{each.first}-{each.last}"
        say((f"{where} {span}: ", "bold red"), text("cli", f"audit.found.{each.name}", lang), _proof(each, lang))
    if result.more:
        say((text("cli", "audit.more", lang, count=result.more), "bold red"))
    if not result.found:
        say((text("cli", "audit.fine", lang), "green"))


_LATE_MS: Final = 60_000


def _proof(found: Found, lang: str) -> str:
    if not found.seal:
        return ""
    return " " + text("cli", f"audit.proof.{'shipped' if found.shipped else 'stored'}", lang, seal=found.seal)


def _as_json(results: dict[str, Verified]) -> list[dict[str, Any]]:
    return [
        {
            "tenant": name,
            "rows": each.rows,
            "lanes": each.lanes,
            "seals": each.seals,
            "shipped": each.shipped,
            "since": _moment(each.since),
            "until": _moment(each.until),
            "sealed_at": _moment(each.sealed_at),
            "unsealed": each.unsealed,
            "unsealed_since": _moment(each.unsealed_since),
            "dropped": each.dropped,
            "dropped_before": _moment(each.dropped_before),
            "more": each.more,
            "found": [{**found._asdict(), "lane": found.lane.hex()} for found in each.found],
        }
        for name, each in results.items()
    ]


def _moment(ms: float) -> str:
    """Return a moment as people in China read it; a dash for none."""
    return dt.datetime.fromtimestamp(ms / 1000, CHINA).isoformat(" ", "seconds") if ms else "-"
