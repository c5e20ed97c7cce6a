"""What ``haoma db`` and ``haoma ledger`` share: which store a haoma.toml configures, and columns of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.cells import cell_len

from haoma.cli.output import MISUSED, list_faults, misused, write
from haoma.errors import ConfigFaults
from haoma.settings.reader import load
from haoma.store.config import MEMORY
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from haoma.settings.model import Settings

    R = TypeVar("R")


def settings_with_store(config: str, lang: str) -> Settings:
    """Return the settings of a haoma.toml that configures a store; end the command if there is none."""
    settings = listing_faults(lambda: load(config), config, lang)
    if settings.store.kind == MEMORY:
        raise misused(lang, text("cli", "no-database", lang, config=config))
    return settings


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
