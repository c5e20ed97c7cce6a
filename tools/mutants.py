"""Mutants: change the files that decide what is trusted, one place at a time, and see whether a test notices.

Run from the top of the tree: ``make mutants [ARGS="--sample 50"]``. Nothing is installed and no file is touched: a
changed module is compiled from memory, in a fork of this process, in which the tests of that file then run. The map
from files to tests, and the mutants that change nothing, each with its reason, are in ``tools/mutants.toml``.

Why not mutmut or cosmic-ray: neither takes away a guard, a ``raise``, a call, one side of an ``and``, or a part of a
key, and mistakes of that kind are what lets something through here. Both also write into the tree, or copy it.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import importlib.abc
import importlib.util
import io
import os
import random
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "src" / "haoma"
STATE: Final = ROOT / ".mutants" / "done.txt"
GOAL: Final = 98.0
SLOWEST: Final = 300.0  # seconds for the tests of one mutant; then it counts as killed, as a service would hang
SWAPPED: Final[dict[type[ast.cmpop], tuple[str, ...]]] = {
    ast.Eq: ("!=",), ast.NotEq: ("==",), ast.Lt: ("<=", ">"), ast.LtE: ("<", ">"), ast.Gt: (">=", "<"),
    ast.GtE: (">", "<"), ast.In: ("not in",), ast.NotIn: ("in",), ast.Is: ("is not",), ast.IsNot: ("is",),
}  # fmt: skip
ARITHMETIC: Final[dict[type[ast.operator], str]] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.Mod: "//", ast.FloorDiv: "*", ast.Div: "*", ast.Pow: "*",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one file: ``old`` at these characters becomes ``new``."""

    file: str
    line: int
    start: int
    old: str
    new: str
    text: str

    @property
    def name(self) -> str:
        """A name that survives changes elsewhere in the file: the line's text and the change in it."""
        part = f"{self.text} :: {_short(self.old)} -> {_short(self.new)}"
        return f"{self.file} :: {part}"

    @property
    def key(self) -> str:
        """A digest of the name and of which of equal lines it is."""
        return hashlib.sha256(f"{self.name}:{self.start}".encode()).hexdigest()[:16]


def _short(text: str) -> str:
    return " ".join(text.split())


class _Finder(ast.NodeVisitor):
    """Finds every place of a file that can be changed, and what to."""

    def __init__(self, file: str, source: str) -> None:
        self.found: list[Mutant] = []
        self._file = file
        self._source = source
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def _place(self, line: int, column: int) -> int:
        # The columns of `ast` count bytes of UTF-8.
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def _change(self, node: ast.expr | ast.stmt, new: str) -> None:
        start = self._place(node.lineno, node.col_offset)
        end = self._place(node.end_lineno or node.lineno, node.end_col_offset or 0)
        self._between(start, end, node.lineno, new)

    def _between(self, start: int, end: int, line: int, new: str) -> None:
        old = self._source[start:end]
        self.found.append(Mutant(self._file, line, start, old, new, self._lines[line - 1].strip()))

    def _text(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._source, node) or ""

    def _condition(self, test: ast.expr) -> None:
        self._change(test, f"(({self._text(test)}) or True)")  # it is still evaluated: names may be bound in it
        self._change(test, f"(({self._text(test)}) and False)")

    def visit_If(self, node: ast.If) -> None:
        if _text_of(node.test) == "TYPE_CHECKING":
            return
        self._condition(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._condition(test)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        neutral = "True" if isinstance(node.op, ast.And) else "False"
        for value in node.values:
            if not any(isinstance(each, ast.NamedExpr) for each in ast.walk(value)):
                self._change(value, neutral)
        if len(node.values) == 2:
            first, second = node.values
            start = self._place(first.end_lineno or 0, first.end_col_offset or 0)
            end = self._place(second.lineno, second.col_offset)
            word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            gap = self._source[start:end]
            self._between(start, end, second.lineno, gap.replace(word, other, 1))
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            start = self._place(left.end_lineno or 0, left.end_col_offset or 0)
            end = self._place(right.lineno, right.col_offset)
            gap = self._source[start:end]
            for new in SWAPPED[type(operator)]:
                opening, closing = gap.count(")"), gap.count("(")
                self._between(start, end, right.lineno, ")" * opening + f" {new} " + "(" * closing)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._change(node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if new := ARITHMETIC.get(type(node.op)):
            start = self._place(node.left.end_lineno or 0, node.left.end_col_offset or 0)
            end = self._place(node.right.lineno, node.right.col_offset)
            gap = self._source[start:end]
            self._between(start, end, node.right.lineno, ")" * gap.count(")") + f" {new} " + "(" * gap.count("("))
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._change(node, "pass")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not isinstance(node.value, ast.Constant):
            self._change(node.value, "None")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            yields = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node))
            self._change(node, "if False: yield" if yields else "pass")  # it stays a generator
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._change(node, str(not node.value))
        elif isinstance(node.value, int | float):
            self._change(node, f"({node.value} + 1)")
            self._change(node, f"({node.value} - 1)")

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        text = self._text(node)
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                part = "{" + self._text(value.value)
                if text.count(part) == 1 and (end := text.find("}", text.find(part))) > 0:
                    self._change(node, text.replace(text[text.find(part) : end + 1], "", 1))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "fullmatch":
            self._change(node, f"{self._text(node.value)}.match")
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self._change(node.type, "()")
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)  # not the annotation

    def visit_arguments(self, node: ast.arguments) -> None:
        for default in (*node.defaults, *filter(None, node.kw_defaults)):
            self.visit(default)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.visit(node.args)
        for each in node.body:
            self.visit(each)


def _text_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def mutants(file: str) -> list[Mutant]:
    """Return every mutant of a file that can be compiled, in order."""
    source = (SOURCE / file).read_text("utf-8")
    finder = _Finder(file, source)
    finder.visit(ast.parse(source))
    usable = []
    for mutant in finder.found:
        with suppress(SyntaxError):
            compile(changed(mutant), mutant.file, "exec")
            usable.append(mutant)
    return sorted(usable, key=lambda each: (each.start, each.new))


def changed(mutant: Mutant) -> str:
    """Return the text of the mutant's file."""
    source = (SOURCE / mutant.file).read_text("utf-8")
    return source[: mutant.start] + mutant.new + source[mutant.start + len(mutant.old) :]


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of haoma from a text instead of its file."""

    def __init__(self, file: str, source: str) -> None:
        self._name = "haoma." + file.removesuffix(".py").replace("/", ".")
        self._path = str(SOURCE / file)
        self._source = source

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of the module, and None for every other."""
        del path, target
        return (
            importlib.util.spec_from_file_location(fullname, self._path, loader=self)
            if fullname == self._name
            else None
        )

    def exec_module(self, module: ModuleType) -> None:
        """Run the text."""
        exec(compile(self._source, self._path, "exec"), module.__dict__)


def _tests(source: str | None, file: str, tests: list[str]) -> int:
    """Run tests in this process, over the changed module if there is one; return pytest's exit status."""
    import pytest

    if source is not None:
        sys.meta_path.insert(0, _Changed(file, source))
    sys.dont_write_bytecode = True
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        # Of the modules that were imported before the fork, which saves a second for each mutant.
        ignored = "ignore::pytest.PytestAssertRewriteWarning"
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", ignored, *tests]))


def _fork(mutant: Mutant | None, file: str, tests: list[str]) -> str:
    """Return ``killed``, ``survived`` or ``late``, from a process of its own."""
    child = os.fork()
    if child == 0:
        os.setsid()
        status = 1
        with suppress(BaseException):
            status = _tests(changed(mutant) if mutant else None, file, tests)
        os._exit(0 if status == 0 else 1)
    end = time.monotonic() + SLOWEST
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "late"


def _known() -> dict[str, str]:
    """Return what earlier runs found, by key; a changed file or test makes it void."""
    if not STATE.exists():
        return {}
    return dict(line.split() for line in STATE.read_text("ascii").splitlines())


def _stamp(file: str, tests: list[str]) -> str:
    digest = hashlib.sha256((SOURCE / file).read_bytes())
    for test in tests:
        digest.update((ROOT / test.partition("::")[0]).read_bytes())
    return digest.hexdigest()[:16]


def _equivalents(config: dict[str, Any]) -> dict[str, str]:
    found = {each["mutant"]: each["reason"] for each in config.get("equivalent", [])}
    if any(not reason.strip() for reason in found.values()):
        raise SystemExit("an equivalent mutant without a reason")
    return found


def _chosen(
    config: dict[str, Any], only: list[str], sample: int, seed: int
) -> Iterator[tuple[str, list[str], list[Mutant]]]:
    files = {each["file"]: each["tests"] for each in config["trusted"]}
    wanted = [file for file in files if not only or any(word in file for word in only)]
    every = [(file, mutant) for file in wanted for mutant in mutants(file)]
    drawn = set(random.Random(seed).sample(range(len(every)), min(sample, len(every)))) if sample else None
    kept = [pair for number, pair in enumerate(every) if drawn is None or number in drawn]
    for file in wanted:
        mine = [mutant for each, mutant in kept if each == file]
        if mine:
            yield file, files[file], mine


@dataclass
class _Round:
    """One run: what is known, and what came of it."""

    equivalents: dict[str, str]
    known: dict[str, str]
    totals: Counter[str]
    survivors: list[Mutant]

    def run(self, file: str, tests: list[str], chosen: list[Mutant]) -> None:
        """Run the mutants of one file, and print what came of them."""
        stamp = _stamp(file, tests)
        new = [each for each in chosen if each.key + stamp not in self.known]
        if new and _fork(None, file, tests) != "survived":
            raise SystemExit(f"{file}: its tests fail without any change: {' '.join(tests)}")
        for number, mutant in enumerate(new, 1):
            if sys.stderr.isatty():
                print(f"\r{file} {number}/{len(new)} ", end="", file=sys.stderr, flush=True)
            result = self.known[mutant.key + stamp] = _fork(mutant, file, tests)
            with STATE.open("a", encoding="ascii") as state:
                state.write(f"{mutant.key}{stamp} {result}\n")
        counts: Counter[str] = Counter()
        for mutant in chosen:
            result = self.known[mutant.key + stamp]
            if result == "survived" and mutant.name in self.equivalents:
                result = "equivalent"
            elif result == "survived":
                self.survivors.append(mutant)
            counts[result] += 1
        self.totals.update(counts)
        killed = counts["killed"] + counts["late"]
        found = f"killed {killed:4}  survived {counts['survived']:3}  equivalent {counts['equivalent']:3}"
        print(f"\r{file:40} run {len(chosen):4}  {found}", flush=True)

    def conclude(self) -> int:
        """Print survivors and score; return 0 if it reaches the goal."""
        for mutant in self.survivors:
            print(f"SURVIVED  line {mutant.line}: {mutant.name}")
        killed = self.totals["killed"] + self.totals["late"]
        counted = killed + self.totals["survived"]
        score = 100 * killed / counted if counted else 100.0
        print(f"score {score:.1f} % of {counted} (goal {GOAL:g} %), {self.totals['equivalent']} equivalent left out")
        return 0 if score >= GOAL else 1


def main() -> int:
    """Run, and return 0 if the score reaches the goal."""
    parser = argparse.ArgumentParser(prog="make mutants", description="Changes that no test notices.")
    parser.add_argument("files", nargs="*", help="run only files whose name has one of these in it")
    parser.add_argument("--sample", type=int, default=0, help="draw so many mutants over all files")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--again", action="store_true", help="forget what earlier runs found")
    parser.add_argument("--list", action="store_true", help="count the mutants, and run nothing")
    asked = parser.parse_args()
    config = tomllib.loads((ROOT / "tools" / "mutants.toml").read_text("utf-8"))
    chosen = list(_chosen(config, asked.files, asked.sample, asked.seed))
    if asked.list:
        for file, _tests_of, found in chosen:
            print(f"{file:40} {len(found):5}")
        return 0
    if asked.again:
        STATE.unlink(missing_ok=True)
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    for name in ("cryptography.x509", "hypothesis", "phonenumbers", "pytest"):  # once, for all forks
        importlib.import_module(name)
    STATE.parent.mkdir(exist_ok=True)
    this = _Round(_equivalents(config), _known(), Counter(), [])
    for file, tests, found in chosen:
        this.run(file, tests, found)
    return this.conclude()


if __name__ == "__main__":
    sys.exit(main())
