"""``haoma usage``: what is left of the quotas that the platforms sell."""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from haoma.cli.db import JsonOption  # noqa: TC001 - Typer reads it
from haoma.cli.output import REFUSED, ConfigOption, LangOption, language, misused, say, write, write_json
from haoma.cli.store import listing_faults, write_table
from haoma.settings.reader import load
from haoma.store.config import MEMORY
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from haoma.io.answers import Answers
    from haoma.platforms.base.contract import App
    from haoma.quotas import Told
    from haoma.settings.model import Settings

_NUMBERS: Final = ("total", "used", "left")
COLUMNS: Final = ("app", "quota", *_NUMBERS)


def usage(
    config: ConfigOption = "haoma.toml",
    app: Annotated[str, typer.Option("--app", metavar="NAME", help="Only this app.")] = "",
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show what is left of the quotas that the platforms sell, by their own figures.

    When a quota is used up, the button fails on the users' phones, and the server does not notice. Asking is free. If
    the service has a store, the command uses its tokens, so that it can also ask for a third-party platform. For mini
    programs that are not charged, all numbers are zero, and the quota does not count as low.

    \b
    Examples:
        $ haoma usage
        $ haoma usage --app shop --json

    \b
    Exit codes:
        0    all quotas are known, and none is low
        1    a quota is low, or a platform could not be asked
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    settings = listing_faults(lambda: load(config), config, words)
    if app and app not in settings.apps:
        raise misused(words, "--app: " + text("cli", "no-such-app", words, app=app))
    apps = [each for each in settings.apps.values() if app in ("", each.name)]
    found = listing_faults(lambda: [(each, one) for each in apps for one in _ask(settings, each)], config, words)
    if as_json:
        write_json({"quotas": [_shown(each, one) for each, one in found]})
    elif not found:
        write(text("cli", "usage.none", words))
    else:
        rows = [[each.name, one.name, *_figures(one)] for each, one in found]
        write_table([[text("cli", f"usage.column.{name}", words) for name in COLUMNS], *rows], len(_NUMBERS))
        for each, one in found:
            _tell(each, one, words)
    if any(one.quota is None or one.quota.low for _, one in found):
        raise typer.Exit(REFUSED)


def _ask(settings: Settings, app: App) -> Iterator[Told]:
    from haoma.io import blocking
    from haoma.io.http import Http
    from haoma.quotas import ask_quotas, sells

    if not sells(app):
        return
    http = Http(ca_file=settings.ca_file, allow_insecure_upstreams=settings.allow_insecure_upstreams)
    with _answers(settings, app.tenant) as answers:
        yield from blocking.run(ask_quotas(app), blocking.World(http, answers))


def _answers(settings: Settings, tenant: str) -> AbstractContextManager[Answers]:
    """Return where tokens are kept: in the store of the service, or in memory if it has none yet."""
    from haoma.io.memory import Memory
    from haoma.store.opening import open_store

    store = settings.store
    if store.kind == MEMORY or (store.embedded and not store.path.exists()):
        return nullcontext(Memory())
    found = open_store(store, tenant=tenant)
    assert found is not None  # noqa: S101 - there is a database
    return closing(found)


def _figures(told: Told) -> list[str]:
    quota = told.quota
    return ["?"] * len(_NUMBERS) if quota is None else [str(each) for each in (quota.total, quota.used, quota.left)]


def _shown(app: App, told: Told) -> dict[str, Any]:
    head: dict[str, Any] = {"app": app.name, "platform": app.platform, "quota": told.name}
    if told.quota is not None:
        quota = told.quota
        return {**head, "total": quota.total, "used": quota.used, "left": quota.left, "low": quota.low}
    error = told.error
    code = {"platform_code": error.platform_code} if error is not None and error.platform_code else {}
    return {**head, "error": "" if error is None else error.code, **code}


def _tell(app: App, told: Told, lang: str) -> None:
    where = f"{app.name}, {told.name}: "
    if told.error is not None:
        words = told.error.explain(lang)
        say(where + text("cli", "usage.unknown", lang, title=words.title, code=told.error.code))
        say((f"    {text('cli', 'remedy', lang)}: {words.remedy}", "green"))
    elif told.quota is not None and told.quota.low:
        say((where + text("cli", "usage.low", lang, left=told.quota.left), "bold yellow"))
