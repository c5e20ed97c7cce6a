"""``python -m bench``: measure every contender in one run, and print ratios."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from bench.goals import Section


def main() -> int:
    """Measure and print. With ``--strict``, fail if a goal is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        choices=("lib", "http", "store", "audit", "people", "timing", "look-ups"),
        help="measure only one part  只测其中一部分",
    )
    parser.add_argument(
        "--rounds", type=int, help="rounds of each contender (lib 200, http 24, store 12, audit 3)  轮数"
    )
    parser.add_argument("--samples", type=int, default=20_000, help="timing, look-ups: of each kind  每种的次数")
    parser.add_argument("--json", action="store_true", help="print JSON  以 JSON 输出")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is not met  未达标则返回 1")
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    if arguments.samples < 10:
        parser.error("--samples: at least 10")
    sections: list[Section] = []
    if arguments.only in (None, "lib"):
        from bench.envelopes import measure as measure_envelopes
        from bench.sealed import measure as measure_sealed

        sections += [measure_envelopes(arguments.rounds or 200), measure_sealed(arguments.rounds or 100)]
    if arguments.only in (None, "http"):
        from bench.service import measure as measure_service

        sections += [measure_service(arguments.rounds or 24)]
    if arguments.only in (None, "store"):
        from bench.store import measure as measure_store

        sections += [measure_store(arguments.rounds or 12)]
    if arguments.only in (None, "audit"):
        from bench.audit import measure as measure_audit

        sections += [measure_audit(arguments.rounds or 3)]
    if arguments.only in (None, "people"):
        from bench.people import measure as measure_people

        sections += [measure_people()]
    sections += _times(arguments.only, arguments.samples)
    if arguments.json:
        print(json.dumps([section.to_dict() for section in sections], ensure_ascii=False, indent=1))
    else:
        _show(sections)
    met = all(goal.met for section in sections for goal in section.goals)
    return 1 if arguments.strict and not met else 0


def _times(only: str | None, samples: int) -> list[Section]:
    """Measure what durations reveal."""
    sections: list[Section] = []
    if only in (None, "timing"):
        from bench.timing import measure as measure_timing

        sections += measure_timing(samples, max(1, samples // 4))
    if only in (None, "look-ups"):
        from bench.look_ups import measure as measure_look_ups

        sections.append(measure_look_ups(max(1, samples // 4)))
    return sections


def _show(sections: list[Section]) -> None:
    console = Console(highlight=False)
    for section in sections:
        table = Table("", *section.columns, title=section.title, title_justify="left", title_style="bold")
        for column in table.columns[1:]:
            column.justify = "right"
        for row in section.rows:
            table.add_row(row.name, *row.figures)
        console.print(table)
        for goal in section.goals:
            verdict = "[green]met 达标[/]" if goal.met else "[red]NOT met 未达标[/]"
            unit = f" {goal.unit}" if goal.unit else ""
            measured = f"{goal.value:.{2 if unit else 3}f}{unit}"
            console.print(f"  {goal.name}: {measured} (goal 目标 {goal.sense} {goal.limit:g}{unit}) {verdict}")
        for note in section.notes:
            console.print(f"  {note}", style="yellow")
        console.print()


sys.exit(main())
