"""``haoma events``: what waits for the application's webhook, and sending it again."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from haoma.cli.db import JsonOption, done
from haoma.cli.output import REFUSED, ConfigOption, LangOption, group, language, misused, say, write, write_json
from haoma.cli.store import listing_faults, settings_with_store, write_table
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from haoma.settings.model import Settings
    from haoma.store.config import StoreSettings
    from haoma.store.outbox import Outbox
    from haoma.store.rows import Event

R = TypeVar("R")

DAYS: Final = 7
_CHINA: Final = dt.timezone(dt.timedelta(hours=8))
_DAY: Final = len("2026-12-01")

SinceOption = Annotated[
    str,
    typer.Option("--since", metavar="TIME", help="First moment: 2026-12-01 (in China) or 2026-12-01T08:00:00Z."),
]
ParkedOption = Annotated[bool, typer.Option("--parked", help="Only events that were given up.")]


class State(StrEnum):
    """What became of an event."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    PARKED = "parked"


events = group("events", "Events for the application's webhook: list, replay, deliver.")


@events.command("list")
def list_events(
    config: ConfigOption = "haoma.toml",
    since: SinceOption = "",
    state: Annotated[State | None, typer.Option("--state", help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")] = 100,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """List events, the oldest first: waiting, delivered or parked. Without --since those of the last seven days.

    A parked event was not accepted for three days. No number is shown, and none is opened.

    \b
    Examples:
        $ haoma events list --state parked
        $ haoma events list --since 2026-12-01 --json

    \b
    Exit codes:
        0    listed
        1    the database cannot be reached, or its tables are missing
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    first = _moment(since, words, days=DAYS)
    settings = settings_with_store(config, words)
    found = done(
        lambda: _asked(
            settings.store,
            lambda outbox: outbox.find(first, limit + 1, lambda each: state is None or _state(each) is state),
        ),
        config,
        words,
    )
    rows = [_shown(each) for each in found]
    if as_json:
        write_json({"events": rows[:limit], "more": len(rows) > limit})
        return
    if not rows:
        say(text("cli", "events.none", words))
        return
    names = ("at", "type", "state", "tries", "account", "id")
    table = [[text("cli", f"events.column.{each}", words) for each in names]]
    table += [
        [text("cli", f"events.state.{row[each]}", words) if each == "state" else str(row[each]) for each in names]
        for row in rows[:limit]
    ]
    write_table(table, 0)
    if len(rows) > limit:
        say((text("cli", "events.more", words), "yellow"))


@events.command()
def replay(
    config: ConfigOption = "haoma.toml",
    since: SinceOption = "",
    ids: Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="This event; may be repeated.")] = None,
    parked: ParkedOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Send events again, delivered ones as well, with the ids that they had. Needs --since, --id or --parked.

    The service sends them within seconds. Delivered events are there for seven days, parked ones for ninety.

    \b
    Examples:
        $ haoma events replay --parked
        $ haoma events replay --since 2026-12-01T08:00:00Z --dry-run

    \b
    Exit codes:
        0    they are sent again
        1    there are none, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.ids import parsed

    words = language(lang)
    if not since and not ids and not parked:
        raise misused(words, text("cli", "events.which", words))
    first = _moment(since, words)
    places = None if not ids else [place for place in map(parsed, ids) if place is not None]
    if places is not None and len(places) != len(ids or ()):
        raise misused(words, text("cli", "events.id", words))
    settings = settings_with_store(config, words)
    count = done(
        lambda: _asked(
            settings.store,
            lambda outbox: outbox.replay(since=first, places=places, parked=parked, dry_run=dry_run),
        ),
        config,
        words,
    )
    if as_json:
        write_json({"count": count, "dry_run": dry_run})
    elif dry_run:
        write(text("cli", "events.would-replay", words, count=count))
    else:
        write(text("cli", "events.replayed", words, count=count))
    if not count:
        raise typer.Exit(REFUSED)


@events.command()
def deliver(config: ConfigOption = "haoma.toml", as_json: JsonOption = False, lang: LangOption = None) -> None:
    """Send every event that is due, once.

    A running service does so all the time. This is for installations without one, from cron.

    \b
    Example:
        $ haoma events deliver

    \b
    Exit codes:
        0    everything that was due is delivered
        1    some were not, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    settings = settings_with_store(config, words)
    if settings.webhooks is None:
        raise misused(words, text("cli", "events.no-webhooks", words, config=config))
    counts = done(lambda: _delivered(settings, config, words), config, words)
    told = {name: counts[name] for name in ("delivered", "failed", "parked")}
    if as_json:
        write_json(told)
    else:
        write(text("cli", "events.delivered", words, **told))
    if told["failed"] or told["parked"]:
        raise typer.Exit(REFUSED)


def _delivered(settings: Settings, config: str, lang: str) -> Counter[str]:
    from haoma.store.delivery import Delivery
    from haoma.store.opening import engine_of, sealer_of
    from haoma.store.version import require_schema

    assert settings.webhooks is not None  # noqa: S101
    delivery = listing_faults(
        lambda: Delivery(
            engine_of(settings.store),
            sealer_of(settings.store),
            settings.webhooks,  # type: ignore[arg-type]
            ca_file=settings.ca_file,
            allow_insecure_upstreams=settings.allow_insecure_upstreams,
        ),
        config,
        lang,
    )

    async def run() -> Counter[str]:
        await require_schema(engine_of(settings.store))
        return await delivery.until_nothing_is_due()

    return asyncio.run(run())


def _asked(store: StoreSettings, flow: Callable[[Outbox], Generator[Any, Any, R]]) -> R:
    from haoma.store.flows import ask_blocking
    from haoma.store.opening import engine_of
    from haoma.store.outbox import Outbox
    from haoma.store.version import reaching, require_schema_blocking

    engine = engine_of(store)
    require_schema_blocking(engine)
    with reaching():
        return ask_blocking(engine, lambda connection: flow(Outbox(connection, engine.prefix, engine.tenant)))


def _moment(since: str, lang: str, *, days: int | None = None) -> int:
    """Return the moment that was asked for, in Unix milliseconds; without one, so many days ago, or the beginning."""
    if not since:
        from haoma.io import clock

        return 0 if days is None else round((clock.now() - days * 86_400) * 1000)
    try:
        found = dt.datetime.fromisoformat(since)
    except ValueError:
        found = None
    if found is None or (found.tzinfo is None and len(since) != _DAY):
        raise misused(lang, text("cli", "events.since", lang))
    return round((found if found.tzinfo else found.replace(tzinfo=_CHINA)).timestamp() * 1000)


def _state(event: Event) -> State:
    if not event.sent_at:
        return State.WAITING
    return State.DELIVERED if event.sent_at > 0 else State.PARKED


def _shown(event: Event) -> dict[str, object]:
    from haoma.ids import written

    return {
        "id": written(event.place),
        "type": event.kind,
        "account": written(event.account) if event.account else "",
        "at": _written(event.at),
        "state": _state(event).value,
        "tries": event.tries,
        "due_at": _written(event.due_at) if not event.sent_at else "",
    }


def _written(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment / 1000, dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
