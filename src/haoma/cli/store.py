"""What the commands about the store share: which store a haoma.toml configures, and columns of text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.cells import cell_len

from haoma.cli.output import MISUSED, list_faults, misused, write
from haoma.errors import ConfigFaults
from haoma.settings.reader import load
from haoma.store.config import MEMORY
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeVar

    from haoma.settings.model import Settings
    from haoma.steps import Step
    from haoma.store.keys.config import AccountKeys
    from haoma.store.store import Engine

    R = TypeVar("R")

TenantOption = Annotated[
    str, typer.Option("--tenant", metavar="NAME", help="Whose accounts; by default the only one's.")
]
BY: Final = "command line"


def settings_with_store(config: str, lang: str) -> Settings:
    """Return the settings of a haoma.toml that configures a store; end the command if there is none."""
    settings = listing_faults(lambda: load(config), config, lang)
    if settings.store.kind == MEMORY:
        raise misused(lang, text("cli", "no-database", lang, config=config))
    return settings


@dataclass(frozen=True, slots=True)
class Kept:
    """The accounts of a tenant.

    Attributes:
        settings: The settings.
        keys: The keys of the accounts.
        tenant: The tenant.
        engine: The database.
    """

    settings: Settings
    keys: AccountKeys = field(repr=False)
    tenant: str
    engine: Engine

    async def asking(self, work: Callable[[Callable[[Step[Any]], Awaitable[Any]]], Awaitable[R]]) -> R:
        """Do ``work`` with what answers steps.

        Raises:
            SchemaMissing, SchemaTooOld, SchemaTooNew: ``config.schema-…``.
        """
        from haoma.store.opening import open_store
        from haoma.store.version import require_schema

        await require_schema(self.engine)
        store = open_store(self.settings.store, self.keys, self.tenant, tells=self.settings.webhooks is not None)
        assert store is not None  # noqa: S101
        answers = store.asynchronous()

        async def answer(step: Step[Any]) -> Any:
            return await answers.answer(step, [])  # type: ignore[misc]

        try:
            return await work(answer)
        finally:
            await answers.aclose()


def kept_accounts(config: str, tenant: str, lang: str) -> Kept:
    """Return the accounts that a haoma.toml configures; end the command if it keeps none."""
    from haoma.steps import DEFAULT_TENANT
    from haoma.store.keys.unwrapping import account_keys
    from haoma.store.opening import engine_of

    settings = settings_with_store(config, lang)
    accounts = settings.accounts
    if accounts is None:
        raise misused(lang, text("cli", "no-accounts", lang, config=config))
    tenants = settings.tenants
    chosen = tenant or (tenants[0] if len(tenants) == 1 else DEFAULT_TENANT)
    if chosen not in {*tenants, DEFAULT_TENANT}:
        raise misused(lang, text("cli", "no-such-tenant", lang, tenant=tenant))
    keys = listing_faults(lambda: account_keys(accounts), config, lang)
    engine = listing_faults(lambda: engine_of(settings.store, chosen), config, lang)
    return Kept(settings, keys, chosen, engine)


def listing_faults(work: Callable[[], R], config: str, lang: str) -> R:
    """Do ``work``; list the faults of the configuration and end the command if it finds some."""
    try:
        return work()
    except ConfigFaults as error:
        list_faults(error.faults, lang, config)
        raise typer.Exit(MISUSED) from None


def write_table(rows: Sequence[Sequence[str]], numbers: int) -> None:
    """Print rows in columns, of which the last ``numbers`` are aligned to the right."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if place >= len(widths) - numbers else cell + space)
        write("  ".join(cells).rstrip())
