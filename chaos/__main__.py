"""``python -m chaos [scenario …] [--database …] [--short]``: what is promised, while things break."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))  # the database servers are those of the tests
os.environ.setdefault("PYTHONWARNINGS", "ignore")

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from chaos.bases import KINDS  # noqa: E402
from chaos.needs import NEEDS, is_here  # noqa: E402
from chaos.running import SCENARIOS, run  # noqa: E402

if TYPE_CHECKING:
    from chaos.rows import Row


def main() -> int:
    """Run, print a table, and return 1 if a figure is not what it has to be."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=" | ".join(SCENARIOS))
    parser.add_argument(
        "--database", action="append", choices=(*KINDS, "oceanbase"), help="one of them, again for another  数据库"
    )
    parser.add_argument("--short", action="store_true", help="a minute each at most  简短形式")
    arguments = parser.parse_args()
    names = arguments.scenario or list(SCENARIOS)
    if unknown := [name for name in names if name not in SCENARIOS]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    console, began = Console(highlight=False, width=None if sys.stdout.isatty() else 200), time.monotonic()

    def tell(row: Row) -> None:
        console.print(f"{time.monotonic() - began:6.0f} s  {row.scenario} · {row.database}: {row.counted}")
        if not row.ok:  # also what cannot be run
            console.print(f"          wanted: {row.wanted}", style="red")

    here = {name: is_here(name) for name in NEEDS}
    console.print("here 已有:", ", ".join(name for name, found in here.items() if found))
    for name in (name for name, found in here.items() if not found):
        console.print(f"absent 缺少: {name} ({NEEDS[name][1]})", style="yellow")
    rows = asyncio.run(run(names, arguments.database or [*KINDS, "oceanbase"], short=arguments.short, tell=tell))
    table = Table("scenario 场景", "database", "counted 计数", "wanted 应为", "")
    table.columns[3].style = "dim"
    for row in rows:
        verdict = "[yellow]not run[/]" if row.ok is None else "[green]ok[/]" if row.ok else "[red]FAILED[/]"
        table.add_row(row.scenario, row.database, row.counted, row.wanted, verdict)
    console.print(table)
    return 1 if any(row.ok is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
