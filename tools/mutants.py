"""Mutation tests: change the files that decide what is trusted, one place at a time, and see whether a test notices.

Run from the top of the tree: ``make mutants [ARGS="--sample 50"]``. Nothing is installed and no source file is changed.
The tests of each file are collected once. A change inside a function is then made in a fork of that process, in the
function object itself; the tests that kill most in the least time run first. Any other change, and any apparent
survivor, runs from scratch: the changed module is compiled from memory, and the tests are collected over it.
``tools/mutants.toml`` maps files to tests, and lists the mutants that change nothing, each with its reason.

A result is valid until the code of the file, one of its tests, or a module that these import from ``tests`` changes.
``--kept`` reuses kills, and what is known of equivalents, as long as the code of the file itself is unchanged, which is
right where tests have only been added.

Why not mutmut 3.8 or cosmic-ray 8.7: neither removes a guard, a ``raise``, a call, one side of an ``and`` or a part of
a key, and mistakes of that kind are what lets something through here. cosmic-ray also writes into the source files, and
mutmut into a copy of the tree.
"""

from __future__ import annotations

import argparse
import ast
import faulthandler
import gc
import hashlib
import importlib
import importlib.abc
import importlib.util
import inspect
import io
import os
import random
import signal
import sys
import time
import tokenize
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "src" / "haoma"
TESTS: Final = ROOT / "tests"
STATE: Final = ROOT / ".mutants" / "done.txt"
GOAL: Final = 98.0
DIGITS: Final = 16  # of each digest: of a mutant, of the code, of the tests
_Swap: TypeAlias = tuple[list[FunctionType], CodeType]
PATIENCE: Final = 10  # times the unchanged duration; after that it counts as killed, because a service would hang
LEAST_SECONDS: Final = 20.0  # before a mutant counts as late
HANGS: Final = 8.0  # seconds of one test, and PATIENCE times its own duration
SWAPPED: Final[dict[type[ast.cmpop], tuple[str, ...]]] = {
    ast.Eq: ("!=",), ast.NotEq: ("==",), ast.Lt: ("<=", ">"), ast.LtE: ("<", ">"), ast.Gt: (">=", "<"),
    ast.GtE: (">", "<"), ast.In: ("not in",), ast.NotIn: ("in",), ast.Is: ("is not",), ast.IsNot: ("is",),
}  # fmt: skip
ARITHMETIC: Final[dict[type[ast.operator], str]] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.Mod: "//", ast.FloorDiv: "*", ast.Div: "*", ast.Pow: "*",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one file: ``old``, at these characters, becomes ``new``."""

    file: str
    line: int
    start: int
    old: str
    new: str
    text: str
    number: int = 0  # of those with the same name

    @property
    def name(self) -> str:
        """A name that survives changes elsewhere in the file: the line's text and the change in it."""
        part = f"{self.text} :: {_short(self.old)} -> {_short(self.new)}"
        return f"{self.file} :: {part}"

    @property
    def key(self) -> str:
        """A digest of the name, and of the number among those of the same name."""
        return hashlib.sha256(f"{self.name}:{self.number}".encode()).hexdigest()[:DIGITS]


def _without_comments(source: str) -> list[str]:
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]]
    return [line.strip() for line in lines]


def _short(text: str) -> str:
    return " ".join(text.split())


class _Finder(ast.NodeVisitor):
    """Finds every place in a file that can be changed, and its replacements."""

    def __init__(self, file: str, source: str) -> None:
        self.found: list[Mutant] = []
        self._file = file
        self._source = source
        self._lines = source.splitlines(keepends=True)
        self._texts = _without_comments(source)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def _place(self, line: int, column: int) -> int:
        # `ast` counts columns in UTF-8 bytes.
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def _change(self, node: ast.expr | ast.stmt, new: str) -> None:
        start = self._place(node.lineno, node.col_offset)
        end = self._place(node.end_lineno or node.lineno, node.end_col_offset or 0)
        self._between(start, end, node.lineno, new)

    def _between(self, start: int, end: int, line: int, new: str) -> None:
        old = self._source[start:end]
        self.found.append(Mutant(self._file, line, start, old, new, self._texts[line - 1]))

    def _text(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._source, node) or ""

    def _condition(self, test: ast.expr) -> None:
        self._change(test, f"(({self._text(test)}) or True)")  # still evaluated, because it may bind names
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
            self._change(node, "if False: yield" if yields else "pass")  # it must stay a generator
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
    usable: list[Mutant] = []
    names: Counter[str] = Counter()
    for mutant in sorted(finder.found, key=lambda each: (each.start, each.new)):
        with suppress(SyntaxError):
            compile(changed(mutant), mutant.file, "exec")
            usable.append(replace(mutant, number=names[mutant.name]))
            names[mutant.name] += 1
    return usable


def changed(mutant: Mutant) -> str:
    """Return the text of the mutant's file."""
    source = (SOURCE / mutant.file).read_text("utf-8")
    return source[: mutant.start] + mutant.new + source[mutant.start + len(mutant.old) :]


def _module(file: str) -> str:
    return "haoma." + file.removesuffix(".py").replace("/", ".")


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of haoma from a string instead of its file."""

    def __init__(self, file: str, source: str) -> None:
        self._name = _module(file)
        self._path = str(SOURCE / file)
        self._source = source

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of the module, and None for any other."""
        del path, target
        return (
            importlib.util.spec_from_file_location(fullname, self._path, loader=self)
            if fullname == self._name
            else None
        )

    def exec_module(self, module: ModuleType) -> None:
        """Execute the string."""
        exec(compile(self._source, self._path, "exec"), module.__dict__)


_IGNORED: Final = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # about modules imported before the fork
_QUIET: Final = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--capture=sys", "--tb=native", *_IGNORED)


def _tests(tests: list[str], *plugins: object) -> int:
    """Run tests in this process; return pytest's exit status."""
    import pytest

    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        return int(pytest.main([*_QUIET, *tests], plugins=plugins))


def _fork(child: Callable[[], bool]) -> int:
    """Fork, and return the id of the child, which exits with 0 if ``child`` returns True: all tests passed."""
    process = os.fork()
    if process == 0:
        os.setsid()
        passed = False
        with suppress(BaseException):
            passed = child()
        os._exit(0 if passed else 1)
    return process


def _wait(process: int, seconds: float) -> str:
    """Return ``killed``, ``survived`` or ``late``."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(process, os.WNOHANG)
            if done:
                return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
            time.sleep(0.01)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return "late"
    finally:
        with suppress(ProcessLookupError):  # kill what a failed test started and did not end
            os.killpg(process, signal.SIGKILL)


def _from_the_start(mutant: Mutant, tests: list[str], order: dict[str, int]) -> bool:
    sys.meta_path.insert(0, _Changed(mutant.file, changed(mutant)))
    return _tests(tests, _InOrder(order)) == 0


class _InOrder:
    """A plugin of pytest that runs tests in an order that has proved itself; what is new comes last."""

    def __init__(self, order: dict[str, int]) -> None:
        self._order = order

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort them."""
        items.sort(key=lambda item: self._order.get(item.nodeid, len(self._order)))


class _InFunctions:
    """A pytest plugin that runs the collected tests in a fork, once for each mutant of a function.

    Args:
        file: The file.
        mutants: Its mutants.
        tell: Called with a mutant and its result.

    Attributes:
        seconds: Duration of the tests without a change; 0 if they fail.
        order: The tests. Those that kill most in the least time come first.
    """

    def __init__(self, file: str, mutants: list[Mutant], tell: Callable[[Mutant, str], None]) -> None:
        self.seconds = 0.0
        self.order: list[str] = []
        self._times: dict[pytest.Item, float] = {}
        self._kills: dict[pytest.Item, float] = {}
        self._file = file
        self._mutants = mutants
        self._tell = tell

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Replace pytest's own loop."""
        if session.testsfailed or not session.items:
            return True
        started = time.monotonic()
        with _pipe() as (read, write):
            if _wait(_fork(lambda: self._run(session, None, write, timed=True)), 3600.0) != "survived":
                return True
            os.close(write)
            self._times = {item: float(each) for item, each in zip(session.items, read.read().split(), strict=True)}
        self.seconds = time.monotonic() - started
        self._kills = dict.fromkeys(session.items, 0.0)
        self._sort(session)
        importlib.import_module(_module(self._file))  # some are imported lazily
        functions = _functions(str(SOURCE / self._file))
        gc.freeze()  # no child has to look at what is here
        original = compile((SOURCE / self._file).read_text("utf-8"), str(SOURCE / self._file), "exec")
        for mutant in self._mutants:
            new = compile(changed(mutant), str(SOURCE / self._file), "exec")
            pairs = _different(original, new)
            if pairs and all(_place_of(old) in functions for old, _ in pairs):
                result = self._result(session, [(functions[_place_of(old)], code) for old, code in pairs])
                if result != "survived":
                    self._tell(mutant, result)
        if _wait(_fork(lambda: self._run(session, None)), 3600.0) != "survived":
            session.testsfailed = 1  # they pass in only one order
        self.order = [item.nodeid for item in session.items]
        return True

    def _result(self, session: pytest.Session, swaps: list[_Swap]) -> str:
        with _pipe() as (read, write):
            process = _fork(lambda: self._run(session, swaps, write))
            os.close(write)
            result = _wait(process, _patience(self.seconds))
            killer = read.read() if result == "killed" else b""
        if killer:  # the test that noticed one change most often notices the next
            self._kills = {item: 0.9 * kills for item, kills in self._kills.items()}  # recent kills count most
            self._kills[session.items[int(killer)]] += 1
            self._sort(session)
        return result

    def _sort(self, session: pytest.Session) -> None:
        """Put first what kills most in the least time."""
        session.items.sort(key=lambda item: (self._times[item] + 0.005) / (self._kills[item] + 0.02))

    def _run(self, session: pytest.Session, swaps: list[_Swap] | None, tell: int = -1, *, timed: bool = False) -> bool:
        for functions, code in swaps or ():
            for function in functions:
                function.__code__ = code
        hook = session.config.hook
        nowhere = Path(os.devnull).open("w", encoding="ascii")  # noqa: SIM115 - for as long as the fork lives
        times = []
        for number, item in enumerate(session.items):
            follower = session.items[number + 1] if number + 1 < len(session.items) else None
            started = time.monotonic()
            if swaps:  # a test that hangs ends the fork, long before `_wait` does
                faulthandler.dump_traceback_later(HANGS + PATIENCE * self._times[item], exit=True, file=nowhere)
            hook.pytest_runtest_protocol(item=item, nextitem=follower)
            times.append(time.monotonic() - started)
            if session.testsfailed:
                if tell >= 0:
                    os.write(tell, str(number).encode())
                return False
        if timed:
            os.write(tell, " ".join(f"{each:.3f}" for each in times).encode())
        return True


def _functions(path: str) -> dict[tuple[str, int], list[FunctionType]]:
    """Return the live functions of a file, by their place in it."""
    found: dict[tuple[str, int], list[FunctionType]] = {}
    gc.unfreeze()  # tests/conftest.py freezes what is collected, which is not listed then
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename == path:
            found.setdefault(_place_of(each.__code__), []).append(each)
    return found


def _place_of(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _different(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]]:
    """Return the outermost functions that differ; none if anything differs that runs at import."""
    olds, news = ([each for each in code.co_consts if isinstance(each, CodeType)] for code in (old, new))
    if _shape(old, deep=False) != _shape(new, deep=False):
        return []
    pairs = []
    for one, other in zip(olds, news, strict=True):
        if _shape(one) == _shape(other):
            continue
        if not one.co_flags & inspect.CO_OPTIMIZED:  # the body of a class
            inside = _different(one, other)
            if not inside:
                return []
            pairs += inside
        elif one.co_freevars != other.co_freevars:
            return []
        else:
            pairs.append((one, other))
    return pairs


def _in_function(mutant: Mutant) -> bool:
    path = str(SOURCE / mutant.file)
    return bool(
        _different(compile(Path(path).read_text("utf-8"), path, "exec"), compile(changed(mutant), path, "exec"))
    )


def _shape(code: CodeType, *, deep: bool = True) -> tuple[object, ...]:
    consts = (
        (_shape(each) if deep else each.co_name) if isinstance(each, CodeType) else repr(each)
        for each in code.co_consts
    )
    return code.co_code, code.co_exceptiontable, code.co_names, code.co_varnames, code.co_freevars, tuple(consts)


def _in_functions(file: str, tests: list[str], mutants: list[Mutant], stamp: str) -> tuple[float, dict[str, int]]:
    """Run the mutants that can be made inside a function. Return the duration and the order of the unchanged tests."""

    def collected(write: int) -> bool:
        plugin = _InFunctions(file, mutants, lambda mutant, result: _note(mutant, stamp, result))
        passed = _tests(tests, plugin) == 0
        os.write(write, "\n".join((str(plugin.seconds), " ".join(_libraries()), *plugin.order)).encode())
        return passed and plugin.seconds > 0

    with _pipe() as (read, write):
        process = _fork(lambda: collected(write))
        os.close(write)
        told = read.read()
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status != 0:
        raise SystemExit(f"{file}: its tests fail without any change, or in another order: {' '.join(tests)}")
    seconds, libraries, *order = told.decode().split("\n")
    for name in libraries.split():
        with suppress(Exception):
            importlib.import_module(name)  # once, for all that run from the start: this is most of their time
    gc.freeze()
    return float(seconds), {name: number for number, name in enumerate(order)}


def _libraries() -> list[str]:
    """Return the modules that are loaded and neither ours nor tests."""
    files = ((name, str(getattr(module, "__file__", ""))) for name, module in list(sys.modules.items()))
    return [
        name for name, file in files if not name.startswith("haoma") and ("-packages" in file or "/lib/python" in file)
    ]


@contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], int]]:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as file:
        yield file, write


def _patience(seconds: float) -> float:
    return max(LEAST_SECONDS, PATIENCE * seconds)


def _note(mutant: Mutant, stamp: str, result: str) -> None:
    with STATE.open("a", encoding="ascii") as state:
        state.write(f"{mutant.key}{stamp} {result}\n")


def _known() -> dict[str, str]:
    """Return the results of earlier runs, by key. A changed file or test invalidates them."""
    if not STATE.exists():
        return {}
    return dict(line.split() for line in STATE.read_text("ascii").splitlines())


def _stamp(file: str, tests: list[str]) -> str:
    """Return a digest of the file's code, and one of its tests and of what they import from ``tests``."""
    code = ast.parse((SOURCE / file).read_bytes())
    for node in ast.walk(code):  # what is said of the code in docstrings and comments changes nothing
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_text(each)]
    source = hashlib.sha256(ast.dump(code).encode())
    digest = hashlib.sha256()
    names = {"conftest.py", *(test.partition("::")[0].removeprefix("tests/") for test in tests)}
    while new := {each for name in names for each in _imported(name)} - names:
        names |= new
    for name in sorted(names):
        digest.update((TESTS / name).read_bytes())
    return source.hexdigest()[:DIGITS] + digest.hexdigest()[:DIGITS]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@cache
def _imported(name: str) -> frozenset[str]:
    """Return the files below ``tests`` that a file there imports."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse((TESTS / name).read_bytes())):
        if isinstance(node, ast.Import):
            modules.update(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.update((node.module, *(f"{node.module}.{each.name}" for each in node.names)))
    paths = (module.replace(".", "/") for module in modules)
    return frozenset(
        each for path in paths for each in (f"{path}.py", f"{path}/__init__.py") if (TESTS / each).exists()
    )


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
    names = {mutant.name for _, mutant in every}
    for name in _equivalents(config):
        if name not in names and name.partition(" :: ")[0] in wanted:
            raise SystemExit(f"an equivalent mutant that no longer exists: {name}")
    drawn = set(random.Random(seed).sample(range(len(every)), min(sample, len(every)))) if sample else None
    kept = [pair for number, pair in enumerate(every) if drawn is None or number in drawn]
    for file in wanted:
        mine = [mutant for each, mutant in kept if each == file]
        if mine:
            yield file, files[file], mine


@dataclass
class _Round:
    """One run: what is known, and its results."""

    equivalents: dict[str, str]
    known: dict[str, str]
    totals: Counter[str]
    survivors: list[Mutant]
    kept: bool
    quick: bool

    def run(self, file: str, tests: list[str], chosen: list[Mutant]) -> None:
        """Run the mutants of one file, and print the results."""
        stamp = _stamp(file, tests)
        if self.kept:
            self._keep(chosen, stamp)
        new = [each for each in chosen if each.key + stamp not in self.known]
        if new:
            seconds, order = _in_functions(file, tests, new, stamp)
            self.known.update(_known())
            for mutant in new if not self.quick else ():
                if mutant.key + stamp not in self.known:
                    process = _fork(partial(_from_the_start, mutant, tests, order))
                    self.known[mutant.key + stamp] = result = _wait(process, _patience(seconds))
                    _note(mutant, stamp, result)
        counts: Counter[str] = Counter()
        for mutant in chosen:
            result = self.known.get(mutant.key + stamp, "left")
            if result == "survived" and mutant.name in self.equivalents:
                result = "equivalent"
            elif result == "survived":
                self.survivors.append(mutant)
            elif result == "left" and _in_function(mutant) and mutant.name not in self.equivalents:
                print(f"SEEMS     line {mutant.line}: {mutant.name}")
            counts[result] += 1
        self.totals.update(counts)
        killed = counts["killed"] + counts["late"]
        found = f"killed {killed:4}  survived {counts['survived']:3}  equivalent {counts['equivalent']:3}"
        found += f"  left {counts['left']:3}" if counts["left"] else ""
        print(f"\r{file:40} run {len(chosen):4}  {found}", flush=True)

    def _keep(self, chosen: list[Mutant], stamp: str) -> None:
        before: dict[str, str] = {}
        for key, result in self.known.items():
            if before.get(key[: 2 * DIGITS], "survived") == "survived":
                before[key[: 2 * DIGITS]] = result
        for mutant in chosen:
            result = before.get((mutant.key + stamp)[: 2 * DIGITS], "")
            if result == "survived" and mutant.name not in self.equivalents:
                continue
            if result and mutant.key + stamp not in self.known:
                self.known[mutant.key + stamp] = result
                _note(mutant, stamp, result)

    def conclude(self) -> int:
        """Print survivors and score. Return 0 if the score reaches the goal."""
        for mutant in self.survivors:
            print(f"SURVIVED  line {mutant.line}: {mutant.name}")
        killed = self.totals["killed"] + self.totals["late"]
        counted = killed + self.totals["survived"]
        score = 100 * killed / counted if counted else 100.0
        print(f"score {score:.1f} % of {counted} (goal {GOAL:g} %), {self.totals['equivalent']} equivalent left out")
        return 0 if score >= GOAL else 1


def main() -> int:
    """Run, and return 0 if the score reaches the goal."""
    parser = argparse.ArgumentParser(prog="make mutants", description="Find changes that no test notices.")
    parser.add_argument("files", nargs="*", help="run only files whose names contain one of these")
    parser.add_argument("--sample", type=int, default=0, help="number of mutants to draw from all files")
    parser.add_argument("--seed", type=int, default=1, help="seed of the sample")
    parser.add_argument("--again", action="store_true", help="discard the results of earlier runs")
    parser.add_argument("--kept", action="store_true", help="reuse results although the tests have changed")
    parser.add_argument("--quick", action="store_true", help="run only changes inside functions")
    parser.add_argument("--list", action="store_true", help="count the mutants without running any")
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
    sys.dont_write_bytecode = False  # otherwise every fork would compile everything again
    for name in ("cryptography.x509", "httpx", "hypothesis", "phonenumbers", "pytest", "starlette", "trustme", "typer"):
        importlib.import_module(name)  # once, for all forks
    STATE.parent.mkdir(exist_ok=True)
    this = _Round(_equivalents(config), _known(), Counter(), [], asked.kept, asked.quick)
    for file, tests, found in chosen:
        this.run(file, tests, found)
    return this.conclude()


if __name__ == "__main__":
    sys.exit(main())
