"""``haoma ledger``: what became of the codes, to be compared with the platform's bill."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final

import typer

from haoma.cli.db import JsonOption, done
from haoma.cli.output import ConfigOption, LangOption, language, misused, say, write_json
from haoma.cli.store import settings_with_store, write_table
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from haoma.store.config import StoreSettings
    from haoma.store.reports import Line

DAYS: Final = 30
_CHINA: Final = dt.timezone(dt.timedelta(hours=8))
_STATES: Final = {
    "exchanged": "done", "refused": "refused", "unknown": "unknown", "not_sent": "free", "under_way": "started",
}  # fmt: skip


def ledger(
    config: ConfigOption = "haoma.toml",
    app: Annotated[str, typer.Option("--app", metavar="NAME", help="Only this app.")] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="YYYY-MM-DD", help="First day, in China; by default 30 days ago.")
    ] = "",
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Count the codes received, exchanged, refused and unknown, per app and day.

    A code is unknown if it was sent to the platform and no answer came: it may have been paid for nothing. Days are
    those of Asia/Shanghai, as in the platforms' usage figures. No number and no code is shown, because none is counted.

    \b
    Examples:
        $ haoma ledger --since 2026-12-01
        $ haoma ledger --app shop --json

    \b
    Exit codes:
        0    counted
        1    the database cannot be reached, or its tables are missing
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    first = _first_day(since, words)
    settings = settings_with_store(config, words)
    if app and app not in settings.apps:
        raise misused(words, "--app: " + text("cli", "no-such-app", words, app=app))
    found = done(lambda: _count(settings.store, first), config, words)
    called: dict[str, str] = {}
    for each in settings.apps.values():  # two names of one app share its codes
        called[each.scope] = f"{called[each.scope]}, {each.name}" if each.scope in called else each.name
    scope = settings.apps[app].scope if app else ""
    rows = _rows(each for each in found if not scope or each.app == scope)
    lost = sum(counts["unknown"] for (_, _, kind), counts in rows.items() if kind == "code")
    if as_json:
        lines = [
            {"day": day, "app": called.get(which, which), "kind": kind, **counts}
            for (day, which, kind), counts in rows.items()
        ]
        write_json({"since": first.isoformat(), "lines": lines, "paid_for_nothing": lost})
        return
    if not rows:
        say(text("cli", "ledger.none", words, since=first.isoformat()))
        return
    table = [[text("cli", f"ledger.column.{each}", words) for each in ("day", "app", "kind", "received", *_STATES)]]
    for (day, which, kind), counts in rows.items():
        table.append([day, called.get(which, which), kind, *map(str, counts.values())])
    write_table(table, len(_STATES) + 1)
    if lost:
        say()
        say((text("cli", "ledger.lost", words, count=lost), "yellow"))


def _first_day(since: str, lang: str) -> dt.date:
    if not since:
        from haoma.io import clock

        return dt.datetime.fromtimestamp(clock.now(), _CHINA).date() - dt.timedelta(days=DAYS)
    try:
        # Python also reads 20261201 and 2026-W49-2.
        return dt.date.fromisoformat(since if len(since) == len("2026-12-01") and since[4] == since[7] == "-" else "")
    except ValueError:
        raise misused(lang, text("cli", "ledger.since", lang)) from None


def _rows(found: Iterable[Line]) -> Mapping[tuple[str, str, str], dict[str, int]]:
    """Return the counts by day, app and kind."""
    totals: dict[tuple[str, str, str], Counter[str]] = {}
    for each in found:
        day = dt.datetime.fromtimestamp(each.day / 1000, _CHINA).date().isoformat()
        totals.setdefault((day, each.app, each.kind), Counter())[each.state] += each.total
    return {
        key: {"received": counts.total(), **{name: counts[state] for name, state in _STATES.items()}}
        for key, counts in sorted(totals.items())
    }


def _count(store: StoreSettings, first: dt.date) -> list[Line]:
    from haoma.store.flows import ask_blocking
    from haoma.store.opening import engine_of
    from haoma.store.reports import counts
    from haoma.store.version import reaching, require_schema_blocking

    engine = engine_of(store)
    require_schema_blocking(engine)
    since = round(dt.datetime.combine(first, dt.time(), _CHINA).timestamp() * 1000)
    with reaching():
        return ask_blocking(engine, lambda connection: counts(connection, engine.prefix, engine.tenant, since))
