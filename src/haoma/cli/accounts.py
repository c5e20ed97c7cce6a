"""``haoma accounts``: changes to many accounts at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from haoma.accounts import AddLogin, login_of
from haoma.cli.db import JsonOption, done
from haoma.cli.output import ConfigOption, LangOption, group, language, misused
from haoma.cli.people import Refusals, list_of_refusals, tell_counts
from haoma.cli.store import BY, TenantOption, kept_accounts
from haoma.errors import NoSuchAccount, NumberTaken
from haoma.store.people.reading import IDS, LONGEST, Why
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from haoma.cli.store import Kept
    from haoma.link import Login
    from haoma.platforms.base.contract import App
    from haoma.steps import Step

accounts = group("accounts", "Changes to many accounts: add-logins.")
COLUMNS: Final = ("app", "old_kind", "old_value", "new_kind", "new_value")
_AT_ONCE: Final = 64


@accounts.callback()
def _accounts() -> None:
    pass


@accounts.command()
def add_logins(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: app, old_kind, old_value, new_kind, new_value.")],
    config: ConfigOption = "haoma.toml",
    tenant: TenantOption = "",
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Where lines that are refused are listed.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Give accounts the new ids of their users, where a platform replaces one kind of id by another.

    Each line names an id that an account has, and the one that the platform says is the same user's: kind is openid,
    user_id or unionid. The old id stays. A line whose new id another account has is refused.

    \b
    Example:
        $ haoma accounts add-logins ids.csv --dry-run

    \b
    Exit codes:
        0    all lines are done
        1    some lines were refused, or the database cannot be reached
        2    usage error, unreadable file or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.store.people.files import NotReadable

    words = language(lang)
    kept = kept_accounts(config, tenant, words)
    listed = list_of_refusals(file, report, words)
    try:
        with Refusals(listed, words) as refusals:
            counts = done(lambda: asyncio.run(_added(kept, file, refusals, preview=dry_run)), config, words)
    except NotReadable as error:
        told = text("people", f"file.{error.why}", words, file=file.name, columns=error.fact or "-")
        raise misused(words, told) from None
    except OSError as error:
        name = Path(error.filename or file).name
        raise misused(words, text("cli", "cannot-read", words, file=name, reason=error.strerror)) from None
    counts["refused"] = refusals.count
    told = text("people", "would-add-logins", words, **counts) if dry_run else ""
    told = told or text("people", "added-logins", words, **counts)
    tell_counts(counts, listed, words, told, as_json=as_json, dry_run=dry_run)


async def _added(kept: Kept, file: Path, refusals: Refusals, *, preview: bool) -> dict[str, int]:
    from haoma.store.people.files import csv_lines

    counts: Counter[str] = Counter(added=0, known=0)
    apps = {name: app for app in kept.settings.apps.values() for name in (app.name, app.scope)}

    async def work(answer: Callable[[Step[Any]], Awaitable[Any]]) -> None:
        async def one(number: int, header: Sequence[str], values: Sequence[str]) -> None:
            found = await _one(_step(header, values, apps, kept.tenant), answer, preview=preview)
            if isinstance(found, Why):
                refusals.add(number, found)
            else:
                counts[found] += 1

        for some in csv_lines(file, COLUMNS, frozenset(COLUMNS), refusals.add, batch=_AT_ONCE):
            await asyncio.gather(*(one(number, some.header, values) for number, values in some.lines))

    await kept.asking(work)
    return dict(counts)


def _step(
    header: Sequence[str], values: Sequence[str], apps: Mapping[str, App], tenant: str
) -> tuple[Login, Login] | Why:
    """Return the two logins of a line: the one that is known, and the new one."""
    if len(values) != len(header):
        return Why.COLUMNS
    named = {name: value.strip() for name, value in zip(header, values, strict=True)}
    app = apps.get(named["app"])
    if app is None or app.tenant != tenant:
        return Why.APP if app is None else Why.TENANT
    pairs = [(named[f"{each}_kind"], named[f"{each}_value"]) for each in ("old", "new")]
    if any(kind not in IDS for kind, _ in pairs):
        return Why.KIND
    if any(not value or len(value) > LONGEST or not value.isprintable() for _, value in pairs):
        return Why.LENGTH
    known, added = (login_of(app, kind, value) for kind, value in pairs)
    return known, added


async def _one(
    found: tuple[Login, Login] | Why, answer: Callable[[Step[Any]], Awaitable[Any]], *, preview: bool
) -> str | Why:
    if isinstance(found, Why):
        return found
    known, added = found
    try:
        change = await answer(AddLogin(by=BY, reason="add-logins", known=known, added=added, preview=preview))
    except NoSuchAccount:
        return Why.UNKNOWN
    except NumberTaken:
        return Why.OTHER_ACCOUNT
    return "added" if change.logins else "known"
