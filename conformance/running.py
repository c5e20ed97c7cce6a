"""Runs an adapter over the cases. A crash affects only its own case: the next one gets a new process."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
import venv
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
ENVIRONMENTS: Final = ROOT / ".conformance"  # removed by `make clean`
SECONDS: Final = 20.0
PATIENCE: Final = 3
"""Unanswered cases in a row, after which the rest is not asked and counts as crashed."""
ANSWER_BYTES: Final = 64 * 1024
VERDICTS: Final = ("accepted wrongly", "refused wrongly", "crashed", "unsupported", "right", "lenient", "strict")
"""The first three are faults. The last two are for cases in which either outcome is right."""
SENT: Final = ("platform", "way", "input", "keys", "now")
"""What a program is told about a case. It is not told the expected outcome, nor the name, which gives it away."""
ANSWERS: Final = frozenset({"phone_number", "ticket", "refused", "unsupported", "reading"})
READ: Final = ("app", "number_from", "phone_code", "login_code")
"""What a program says of a request that it has read. What is missing or empty is null."""
Case = dict[str, Any]


def cases() -> list[Case]:
    """Return all cases, sorted by name."""
    paths = sorted((HERE / "cases").glob("*/*/case.json"))
    return [json.loads(path.read_text("utf-8")) for path in paths]


@dataclass(frozen=True)
class Adapter:
    """One entry of ``adapters.toml``."""

    name: str
    command: list[str]
    requirements: list[str]
    package: str
    node_package: str
    node_folder: str
    what: str
    what_zh: str
    needs: tuple[str, ...] = ()
    no_request: tuple[str, str] = ("", "")
    folder: Path | None = HERE
    lines: bool = True

    @property
    def environment(self) -> Path:
        """The folder of its virtual environment. Adapters with the same requirements share one."""
        name = re.sub(r"[^a-z0-9]+", "-", self.requirements[0].lower())
        return ENVIRONMENTS / name

    @property
    def python(self) -> str:
        return str(self.environment / "bin" / "python") if self.requirements else sys.executable

    def install(self) -> None:
        """Install its requirements, once, into its own environment."""
        if self.requirements and not Path(self.python).exists():
            venv.create(self.environment, with_pip=True)
            pip = [self.python, "-m", "pip", "install", "--quiet", "--constraint", str(HERE / "constraints.txt")]
            subprocess.run([*pip, *self.requirements], check=True)
        if self.node_package and not self._package_folder.is_dir() and shutil.which("npm"):
            npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run([*npm, "--prefix", str(ROOT / self.node_folder)], check=True, stdout=sys.stderr)

    def missing(self) -> str:
        """Return what is missing to run it; empty if nothing is."""
        if self.node_package and not self._package_folder.is_dir():
            return f"npm ci --prefix {self.node_folder} ({self.node_package})"
        if shutil.which(self.command[0].replace("{python}", self.python)) is None:
            return "--install" if self.requirements else self.command[0]
        if self.package and not self.requirements and not _is_installed(self.package):
            return f"pip install . ({self.package})"
        if lacking := [name for name in self.needs if not _is_installed(name)]:
            return f"pip install '.[server]' ({', '.join(lacking)})"
        return ""

    @property
    def _package_folder(self) -> Path:
        return ROOT / self.node_folder / "node_modules" / self.node_package

    def version(self) -> str:
        """Return the version of the installed package."""
        if self.node_package:
            version: str = json.loads((self._package_folder / "package.json").read_text("utf-8"))["version"]
            return f"{self.node_package} {version}"
        if not self.package:
            return ""
        ask = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        done = subprocess.run([self.python, "-c", ask, self.package], capture_output=True, text=True, check=True)
        return f"{self.package} {done.stdout.strip()}"


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def adapters() -> dict[str, Adapter]:
    """Return the adapters of ``adapters.toml`` by name."""
    tables = tomllib.loads((HERE / "adapters.toml").read_text("utf-8"))
    return {
        name: Adapter(
            name=name,
            command=table["command"],
            requirements=table.get("requirements", []),
            package=table.get("version", ""),
            node_package=table.get("node_package", ""),
            node_folder=table.get("node_folder", "conformance/node"),
            what=table["what"],
            what_zh=table["what_zh"],
            needs=tuple(table.get("needs", ())),
            no_request=(table.get("no_request", ""), table.get("no_request_zh", "")),
        )
        for name, table in tables.items()
    }


def foreign(command: list[str], *, lines: bool) -> Adapter:
    """Return an adapter for another program's command line."""
    return Adapter(" ".join(command), command, [], "", "", "", "", "", folder=None, lines=lines)


def verdict(case: Case, answer: object) -> str:
    """Compare an answer with what the case expects."""
    expect, is_request = case["expect"], case["way"] == "request"
    # A number together with a refusal is neither. In a request, whose it is belongs to it.
    allowed = ({"reading"}, {"reading", "phone_number"}) if is_request else ({"phone_number"}, {"ticket"})
    if not isinstance(answer, dict) or answer.keys() & ANSWERS not in (*allowed, {"refused"}, {"unsupported"}):
        return "crashed"
    match answer:
        case {"unsupported": True}:
            return "unsupported"
        case {"refused": str()}:
            return "strict" if "either" in expect else "right" if "refuse" in expect else "refused wrongly"
        case {"reading": dict(read)}:
            return _read(read, answer.get("phone_number"), expect)
        case {"phone_number": str()} | {"ticket": str()}:
            kind = "ticket" if "ticket" in answer else "phone_number"
            return _accepted(answer[kind], expect, kind)
    return "crashed"


def _read(read: dict[str, Any], number: object, expect: dict[str, Any]) -> str:
    """Compare what was read from a request, and the number if there is one."""
    if number is not None and not isinstance(number, str):
        return "crashed"
    wanted = expect.get("reading")
    if wanted is None or any((read.get(name) or None) != wanted.get(name) for name in READ):
        return "accepted wrongly"
    if "refuse" in expect:  # it can be read, and then the platform refuses
        return "right" if number is None else "accepted wrongly"
    if number is None:
        return "lenient" if "either" in expect else "right"
    return _accepted(number, expect, "phone_number")


def _accepted(found: str, expect: dict[str, Any], kind: str) -> str:
    if found == expect.get("either"):
        return "lenient"
    return "right" if found == expect.get(kind) else "accepted wrongly"


class Program:
    """A running adapter. One that takes ``lines`` gets one case after another, and is restarted when it dies.

    It is not trusted: it may hang, write endlessly, or leave children that keep its pipes open. So reading is limited,
    and killing it kills its whole process group.
    """

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._command = [part.replace("{python}", adapter.python) for part in adapter.command]
        self._environment = dict(os.environ)
        if not adapter.requirements:
            self._environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        self._process: subprocess.Popen[bytes] | None = None
        self._silent = 0

    def ask(self, case: Case) -> object:
        """Return the answer to one case; None for a crash, for silence and for anything but JSON."""
        if self.is_silent:
            return None
        try:
            process = self._ready()
        except OSError:
            return None
        late = threading.Timer(SECONDS, self._too_late, [process])
        late.start()
        try:
            told = json.dumps({name: case[name] for name in SENT})
            answer = json.loads(self._exchange(process, told.encode() + b"\n"))
        except (OSError, ValueError, RecursionError):
            self.stop()
            return None
        finally:
            late.cancel()
        self._silent = 0
        return answer

    @property
    def is_silent(self) -> bool:
        """Return whether it is no longer asked."""
        return self._silent >= PATIENCE

    def _ready(self) -> subprocess.Popen[bytes]:
        """Return the process to ask; a new one if the last has ended.

        Raises:
            BlockingIOError: it has written more than it was asked for, so later answers would belong to other cases.
        """
        if self._process is not None and self._process.stdout and select.select([self._process.stdout], [], [], 0)[0]:
            unasked = self._process.stdout.read(1)
            self.stop()
            if unasked:
                raise BlockingIOError("an answer that nobody has asked for")
        return self._process or self._start()

    def _exchange(self, process: subprocess.Popen[bytes], line: bytes) -> bytes:
        if process.stdin is None or process.stdout is None:
            raise OSError("no pipes")
        if self._adapter.lines:
            _write(process.stdin, line)
            answer = process.stdout.readline(ANSWER_BYTES)
            return answer if answer.endswith(b"\n") else b""
        with suppress(BrokenPipeError):  # it answered without reading, and is judged by that answer
            _write(process.stdin, line)
        process.stdin.close()
        answer = b""
        while len(answer) <= ANSWER_BYTES and (more := process.stdout.read(ANSWER_BYTES)):
            answer += more
        status = process.wait() if len(answer) <= ANSWER_BYTES else 1
        self.stop()
        return answer if status == 0 else b""

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            self._command,
            bufsize=0,
            cwd=self._adapter.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self._process

    def _too_late(self, process: subprocess.Popen[bytes]) -> None:
        self._silent += 1
        _kill(process)

    def stop(self) -> None:
        """End the process, if there is one, and everything that it has started."""
        process, self._process = self._process, None
        if process is not None:
            _kill(process)
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # data that could not be written any more
                    if pipe:
                        pipe.close()
            process.wait()


def _write(pipe: IO[bytes], line: bytes) -> None:
    while line:
        line = line[pipe.write(line) :]


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it is gone already
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Outcome:
    """The results of one adapter."""

    adapter: Adapter
    version: str
    verdicts: list[tuple[Case, str]]

    def count(self, wanted: str, group: str = "") -> int:
        return sum(said == wanted and group in ("", case["group"]) for case, said in self.verdicts)

    def asked(self, group: str) -> int:
        """Return how many cases of a group it could answer."""
        return sum(said != "unsupported" and case["group"] == group for case, said in self.verdicts)

    def ways(self) -> list[str]:
        """Return the ways of its cases."""
        return sorted({case["way"] for case, _ in self.verdicts})

    def offers(self, way: str) -> bool:
        """Return whether it has answered any case of a way."""
        return any(said != "unsupported" and case["way"] == way for case, said in self.verdicts)

    def not_offered(self) -> list[str]:
        """Return the ways of which it has answered no case."""
        return [way for way in self.ways() if not self.offers(way)]

    def as_json(self) -> dict[str, Any]:
        wrong = {case["name"]: said for case, said in self.verdicts if said in VERDICTS[:3]}
        counts = {name: self.count(name) for name in VERDICTS}
        named = {"adapter": self.adapter.name, "version": self.version}
        return {**named, **counts, "not_offered": self.not_offered(), "cases": wrong}


def run(adapter: Adapter, chosen: list[Case]) -> Outcome:
    """Give every case to an adapter."""
    program = Program(adapter)
    said = [(case, verdict(case, program.ask(case))) for case in chosen]
    program.stop()
    if program.is_silent:
        print(
            f"{adapter.name}: {PATIENCE} times in a row without an answer, so the rest was not asked", file=sys.stderr
        )
    return Outcome(adapter, adapter.version(), said)
