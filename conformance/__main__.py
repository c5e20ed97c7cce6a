"""``python -m conformance``: list the cases, test an implementation, write the table."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

from conformance import table
from conformance.running import VERDICTS, Adapter, Outcome, adapters, cases, foreign, run


def main() -> int:
    """Return the exit status: 0 if everything tested was right, 1 if not, 2 if nothing was tested."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Judge an implementation by named cases  用具名用例评判一个实现",
        epilog="The protocol is in conformance/README.md. Exit status: 0 all right, 1 not, 2 nothing was judged.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the cases, one per line")
    commands.add_parser("make", help="write cases/ again from the vectors")
    judge = commands.add_parser(
        "run",
        help="run the cases against an implementation",
        description="Run the cases against an implementation: one of adapters.toml, or any program with --command.",
        epilog="The program reads a case, one line of JSON, and answers with one line: a phone_number, a ticket, "
        "a reading, refused or unsupported. Unsupported cases do not count against it.",
    )
    names = sorted(adapters())
    known = f"by default haoma; there are: {'; '.join(names)}"
    judge.add_argument("--adapter", action="append", choices=names, default=[], metavar="NAME", help=known)
    judge.add_argument("--all", action="store_true", help="every adapter that can run here")
    judge.add_argument("--command", dest="theirs", help="a program of your own, for instance 'node judge.mjs'")
    judge.add_argument("--lines", action="store_true", help="the program takes one case after another, one per line")
    judge.add_argument("--only", default="", help="only cases whose names start with this, for instance alipay/")
    judge.add_argument("--way", default="", help="only cases of this way, for instance request")
    judge.add_argument("--install", action="store_true", help="install the adapters' requirements into .conformance/")
    judge.add_argument("--json", action="store_true", help="print the results as JSON")
    judge.add_argument("--write", type=Path, metavar="PATH", help="write the page and its Chinese version")
    arguments = parser.parse_args()
    if arguments.command == "make":
        return _make()
    if arguments.command == "list":
        for case in cases():
            print(f"{case['name']}: {case['why']}")
        return 0
    try:
        return _run(arguments)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"could not be run: {error}", file=sys.stderr)
        return 2


def _make() -> int:
    try:
        from conformance import make_cases  # only this command needs its dependencies
    except ModuleNotFoundError as error:
        print(f"to make cases takes more than to put them: pip install '.[test]' ({error})", file=sys.stderr)
        return 2
    print(f"{make_cases.write()} cases")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    chosen = [case for case in cases() if case["name"].startswith(arguments.only)]
    chosen = [case for case in chosen if arguments.way in ("", case["way"])]
    if not chosen:
        print(f"no case begins with {arguments.only} {arguments.way}".rstrip(), file=sys.stderr)
        return 2
    outcomes = []
    for adapter in _adapters(arguments):
        if arguments.install:
            adapter.install()
        if missing := adapter.missing():
            print(f"{adapter.name}: not run, needs {missing}", file=sys.stderr)
            if not arguments.all:
                return 2
            continue
        outcomes.append(run(adapter, chosen))
        if not arguments.json:
            _print(outcomes[-1], each=not arguments.all)
    if arguments.json:
        print(json.dumps([outcome.as_json() for outcome in outcomes], indent=2))
    if arguments.write:
        table.write(outcomes, arguments.write)
    if all(outcome.count("unsupported") == len(chosen) for outcome in outcomes):
        print("nothing was judged: no case was answered", file=sys.stderr)
        return 2
    return int(any(outcome.count(name) for outcome in outcomes for name in VERDICTS[:3]))


def _adapters(arguments: argparse.Namespace) -> list[Adapter]:
    if arguments.theirs:
        return [foreign(shlex.split(arguments.theirs), lines=arguments.lines)]
    known = adapters()
    return list(known.values()) if arguments.all else [known[name] for name in arguments.adapter or ["haoma"]]


def _print(outcome: Outcome, *, each: bool) -> None:
    counts = ", ".join(f"{outcome.count(name)} {name}" for name in VERDICTS)
    print(f"{outcome.adapter.name} {outcome.version}: {counts}", flush=True)
    if absent := outcome.not_offered():
        print(f"  not offered: {', '.join(absent)}", flush=True)
    for case, said in outcome.verdicts if each else ():
        if said in VERDICTS[:3]:
            print(f"  {said}: {case['name']}: {case['why']}")


if __name__ == "__main__":
    sys.exit(main())
