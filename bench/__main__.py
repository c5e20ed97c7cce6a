"""``python -m bench``: measure every contender in one run, and print ratios."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.goals import Section


def main() -> int:
    """Measure and print. With ``--strict``, fail if a goal is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=tuple(_PARTS), help="measure only one part  只测其中一部分")
    parser.add_argument(
        "--rounds", type=int, help="rounds of each contender (lib 200, http 24, store 12, audit, doctor 3)  轮数"
    )
    parser.add_argument("--samples", type=int, default=20_000, help="timing, look-ups: of each kind  每种的次数")
    parser.add_argument(
        "--people", type=int, default=10_000_000, help="large: how many people, ten million by default  人数"
    )
    parser.add_argument("--json", action="store_true", help="print JSON  以 JSON 输出")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a goal is not met  未达标则返回 1")
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    if arguments.samples < 10:
        parser.error("--samples: at least 10")
    names = [arguments.only] if arguments.only else [name for name in _PARTS if name != "large"]
    sections = [section for name in names for section in _PARTS[name](arguments)]
    if arguments.json:
        print(json.dumps([section.to_dict() for section in sections], ensure_ascii=False, indent=1))
    else:
        _show(sections)
    met = all(goal.met for section in sections for goal in section.goals)
    return 1 if arguments.strict and not met else 0


def _lib(asked: argparse.Namespace) -> list[Section]:
    from bench import envelopes, sealed

    return [envelopes.measure(asked.rounds or 200), sealed.measure(asked.rounds or 100)]


def _http(asked: argparse.Namespace) -> list[Section]:
    from bench import service

    return [service.measure(asked.rounds or 24)]


def _store(asked: argparse.Namespace) -> list[Section]:
    from bench import store

    return [store.measure(asked.rounds or 12)]


def _audit(asked: argparse.Namespace) -> list[Section]:
    from bench import audit

    return [audit.measure(asked.rounds or 3)]


def _people(_asked: argparse.Namespace) -> list[Section]:
    from bench import people

    return [people.measure()]


def _timing(asked: argparse.Namespace) -> list[Section]:
    from bench import timing

    return list(timing.measure(asked.samples, max(1, asked.samples // 4)))


def _look_ups(asked: argparse.Namespace) -> list[Section]:
    from bench import look_ups

    return [look_ups.measure(max(1, asked.samples // 4))]


def _doctor(asked: argparse.Namespace) -> list[Section]:
    from bench import doctor

    return [doctor.measure(asked.rounds or 3)]


def _large(asked: argparse.Namespace) -> list[Section]:
    from bench import large

    return large.measure(asked.people)


_PARTS: Final[dict[str, Callable[[argparse.Namespace], list[Section]]]] = {
    "lib": _lib,
    "http": _http,
    "store": _store,
    "audit": _audit,
    "people": _people,
    "timing": _timing,
    "look-ups": _look_ups,
    "doctor": _doctor,
    "large": _large,
}
"""What is measured; the last one only if it is asked for by name."""


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
