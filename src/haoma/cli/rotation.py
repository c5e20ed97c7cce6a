"""``haoma keys`` and ``haoma rewrap``: changing the keys and the peppers of numbers, one step at a time.

haoma.toml is the user's: no command writes it. Each prints what to put there, and what comes next.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from enum import StrEnum
from functools import partial, reduce
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar

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
from haoma.store.config import format_key, new_key
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from haoma.settings.model import Settings
    from haoma.store.batch import Connection
    from haoma.store.key_counts import Counts
    from haoma.store.keys.config import AccountSettings
    from haoma.store.rewrap import Rewrapped


R = TypeVar("R")


class Of(StrEnum):
    """A list of keys in ``[accounts]``."""

    KEYS = "keys"
    PEPPERS = "peppers"
    AUDIT_KEYS = "audit_keys"


OfOption = Annotated[Of, typer.Option("--of", help="Which list of [accounts].")]
NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", help="The key's number.")]
_MOST_PEPPERS: Final = 2
_ROLES: Final = {Of.KEYS: ("seals", "opens"), Of.PEPPERS: ("both", "both"), Of.AUDIT_KEYS: ("signs", "verifies")}
"""What the first key of each list is for, and the others."""

keys = group("keys", "The keys of numbers: add, promote, retire, status.")


@keys.command()
def add(
    of: OfOption = Of.KEYS, config: ConfigOption = "haoma.toml", as_json: JsonOption = False, lang: LangOption = None
) -> None:
    """Make a key, and tell where to put it. With [accounts.vault] the key is made and wrapped there.

    \b
    To change a key:
        1. haoma keys add               put it at the end, in all processes: it opens, and does not seal yet
        2. haoma keys promote NUMBER    put it in front, in all processes: it seals
        3. haoma rewrap                 seal all numbers under it; the service runs on
        4. haoma keys retire OLD        take the old one out, if nothing needs it any more
    To change a pepper, 2 is left out and 3 comes again after 4.

    \b
    Examples:
        $ haoma keys add
        $ haoma keys add --of peppers

    \b
    Exit codes:
        0    made
        2    usage error, invalid haoma.toml, or Vault did not make a key
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    accounts = _accounts(config, words)
    numbers = _numbers(accounts, of)
    if of is Of.PEPPERS and len(numbers) >= _MOST_PEPPERS:
        raise misused(words, text("cli", "keys.two-peppers", words))
    made = new_key()
    while made.number in numbers:
        made = new_key()
    written = format_key(made)
    if (vault := accounts.vault) is not None:
        from haoma.store.keys.vault import new_wrapped_key

        written = f"{made.number}:" + done(lambda: new_wrapped_key(vault), config, words)
    if as_json:
        write_json({"of": of.value, "number": made.number, "key": written, "order": [*numbers, made.number]})
        return
    _write_order(of, numbers, written)
    line("hint", text("cli", f"keys.added.{of}", words, number=made.number, first=numbers[0]), words, "green")


@keys.command()
def promote(
    number: NumberArgument,
    of: OfOption = Of.KEYS,
    config: ConfigOption = "haoma.toml",
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Tell how haoma.toml lets a key seal: it comes first. All processes must have it already.

    \b
    Example:
        $ haoma keys promote 2

    \b
    Exit codes:
        0    told
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    numbers = _known(_numbers(_accounts(config, words), of), of, number, words)
    if of is Of.PEPPERS:
        raise misused(words, text("cli", "keys.no-order", words))
    order = [number, *(each for each in numbers if each != number)]
    if as_json:
        write_json({"of": of.value, "number": number, "order": order})
    elif order == numbers:
        write(text("cli", "keys.first", words, number=number))
    else:
        _write_order(of, order)
        line("hint", text("cli", f"keys.promoted.{of}", words, number=number, first=numbers[0]), words, "green")


@keys.command()
def retire(
    number: NumberArgument,
    of: OfOption = Of.KEYS,
    config: ConfigOption = "haoma.toml",
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Tell how haoma.toml does without a key, after a look at the database whether something still needs it.

    \b
    Examples:
        $ haoma keys retire 1
        $ haoma keys retire 1 --of peppers

    \b
    Exit codes:
        0    told
        1    it is still needed, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    accounts = _accounts(config, words)
    numbers = _known(_numbers(accounts, of), of, number, words)
    order = [each for each in numbers if each != number]
    if not order or (of is not Of.PEPPERS and numbers[0] == number):
        raise misused(words, text("cli", "keys.in-use", words, number=number))
    needed = 0
    if of is not Of.AUDIT_KEYS:
        found = done(lambda: _count(settings_with_store(config, words)), config, words)
        needed = found.keys.get(number, 0) if of is Of.KEYS else found.records - found.peppers.get(order[0], 0)
    if as_json:
        write_json({"of": of.value, "number": number, "order": order, "needed": needed})
    elif needed:
        line("error", text("cli", f"keys.needed.{of}", words, number=number, count=needed), words, "red")
        line("hint", text("cli", "keys.rewrap", words), words, "green")
    else:
        _write_order(of, order)
        line("hint", text("cli", f"keys.retired.{of}", words, number=number), words, "green")
    if needed:
        raise typer.Exit(REFUSED)


@keys.command()
def status(config: ConfigOption = "haoma.toml", as_json: JsonOption = False, lang: LangOption = None) -> None:
    """Tell what each key and each pepper is for, and how many numbers need it.

    It reads a whole table, so run it when the database has time.

    \b
    Example:
        $ haoma keys status

    \b
    Exit codes:
        0    every number can be opened
        1    some were sealed by a key that is not configured, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    settings, accounts = settings_with_store(config, words), _accounts(config, words)
    found = done(lambda: _count(settings), config, words)
    lines = _lines(accounts, found)
    lost = sum(each.rows or 0 for each in lines if each.role == "missing")
    if as_json:
        write_json({"numbers": found.records, "keys": [each._asdict() for each in lines]})
    else:
        table = [[text("cli", f"keys.column.{each}", words) for each in ("of", "number", "role", "rows")]]
        for each in lines:
            role = text("cli", f"keys.role.{each.role}", words)
            table.append([each.of, str(each.number), role, "" if each.rows is None else str(each.rows)])
        write_table(table, 1)
        say((text("cli", "keys.numbers", words, count=found.records), "bold"))
        if lost:
            line("error", text("cli", "keys.lost", words, count=lost), words, "red")
        elif _has_work(lines, found.records):
            line("hint", text("cli", "keys.rewrap", words), words, "green")
    if lost:
        raise typer.Exit(REFUSED)


def rewrap(
    config: ConfigOption = "haoma.toml",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be changed.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Seal all numbers under the first key, and index them under the peppers that are configured.

    The service runs on meanwhile, and nothing that it writes is overwritten. It may be killed and run again: what is
    done is not done twice.

    \b
    Examples:
        $ haoma rewrap --dry-run
        $ haoma rewrap

    \b
    Exit codes:
        0    done
        1    some numbers had to stay as they are, or the database cannot be reached
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    settings, accounts = settings_with_store(config, words), _accounts(config, words)
    found = done(lambda: _rewrap(settings, accounts, words, dry_run=dry_run), config, words)
    if as_json:
        write_json({**asdict(found), "dry_run": dry_run})
    else:
        counts = asdict(found)
        write(text("cli", "rewrap.would", words, **counts) if dry_run else text("cli", "rewrap.done", words, **counts))
        if found.unreadable:
            line("error", text("cli", "rewrap.unreadable", words, count=found.unreadable), words, "red")
        if found.taken:
            line("error", text("cli", "rewrap.taken", words, count=found.taken), words, "red")
    if found.unreadable or found.taken:
        raise typer.Exit(REFUSED)


def _accounts(config: str, lang: str) -> AccountSettings:
    """Return the table ``[accounts]``; end the command if there is none."""
    accounts = settings_with_store(config, lang).accounts
    if accounts is None:
        raise misused(lang, text("cli", "no-accounts", lang, config=config), text("cli", "keys.make", lang))
    return accounts


def _numbers(accounts: AccountSettings, of: Of) -> list[int]:
    found = {Of.KEYS: accounts.keys, Of.PEPPERS: accounts.peppers, Of.AUDIT_KEYS: accounts.audit_keys}
    return [key.number for key in found[of]]


def _known(numbers: list[int], of: Of, number: int, lang: str) -> list[int]:
    if number not in numbers:
        known = ", ".join(map(str, numbers))
        raise misused(lang, text("cli", "keys.unknown", lang, number=number, of=of.value, known=known))
    return numbers


def _write_order(of: Of, numbers: list[int], added: str = "") -> None:
    """Print a line for haoma.toml. What stands there already is not repeated."""
    shown = [f'"{number}:..."' for number in numbers] + ([f'"{added}"'] if added else [])
    write("[accounts]")
    write(f"{of} = [{', '.join(shown)}]")


def _each_tenant(settings: Settings, flow: Callable[[Connection, str], Generator[Any, Any, R]]) -> list[R]:
    """Run a flow for each tenant that has numbers, over a connection of its own; return what they return."""
    from haoma.store.flows import ask_blocking
    from haoma.store.key_counts import tenants
    from haoma.store.opening import engine_of
    from haoma.store.version import reaching, require_schema_blocking

    engine = engine_of(settings.store)
    require_schema_blocking(engine)
    with reaching():
        found = ask_blocking(engine, lambda connection: tenants(connection, settings.store.table_prefix))
        return [ask_blocking(engine_of(settings.store, each), partial(_second, flow, each)) for each in found]


def _second(
    flow: Callable[[Connection, str], Generator[Any, Any, R]], tenant: str, connection: Connection
) -> Generator[Any, Any, R]:
    return flow(connection, tenant)


def _count(settings: Settings) -> Counts:
    """Count the numbers of all tenants."""
    from haoma.store.key_counts import Counts, count

    found = _each_tenant(settings, lambda connection, tenant: count(connection, settings.store.table_prefix, tenant))
    keys: Counter[int] = Counter()
    peppers: Counter[int] = Counter()
    for each in found:
        keys.update(each.keys)
        peppers.update(each.peppers)
    return Counts(keys, peppers)


class _Line(NamedTuple):
    """What one key or pepper is for, and how many rows need it; None if they are not counted."""

    of: str
    number: int
    role: str
    rows: int | None


def _lines(accounts: AccountSettings, found: Counts) -> list[_Line]:
    lines = []
    for of, counted in ((Of.KEYS, found.keys), (Of.PEPPERS, found.peppers), (Of.AUDIT_KEYS, None)):
        numbers = _numbers(accounts, of)
        for place, number in enumerate(numbers):
            role = _ROLES[of][min(place, 1)]
            lines.append(_Line(of.value, number, role, None if counted is None else counted.get(number, 0)))
        others = (
            {} if counted is None else {number: total for number, total in counted.items() if number not in numbers}
        )
        role = "retired" if of is Of.PEPPERS else "missing"
        lines += [_Line(of.value, number, role, total) for number, total in sorted(others.items())]
    return lines


def _has_work(lines: Sequence[_Line], numbers: int) -> bool:
    """Return whether `rewrap` has something to do."""
    return any(
        (each.role in {"opens", "retired"} and each.rows) or (each.role == "both" and (each.rows or 0) < numbers)
        for each in lines
    )


def _rewrap(settings: Settings, accounts: AccountSettings, lang: str, *, dry_run: bool) -> Rewrapped:
    """Rewrap the numbers of all tenants."""
    from haoma.store.keys.numbers import BlindIndex, NumberSealer
    from haoma.store.keys.unwrapping import account_keys
    from haoma.store.rewrap import Rewrap, Rewrapped

    made, counted = account_keys(accounts), _count(settings).records
    with progress(text("cli", "rewrap.progress", lang), counted, lang) as tell:

        def flow(connection: Connection, tenant: str) -> Generator[Any, Any, Rewrapped]:
            sealer, index = NumberSealer(made.keys, tenant), BlindIndex(made.peppers, tenant)
            prefix = settings.store.table_prefix
            return Rewrap(connection, prefix, tenant, sealer, index, dry_run=dry_run, tell=tell).run()

        return reduce(Rewrapped.plus, _each_tenant(settings, flow), Rewrapped())
