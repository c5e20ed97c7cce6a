"""Runs an adapter over the cases. A crash is that case's own: the next one finds a new process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import venv
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
ENVIRONMENTS: Final = ROOT / ".conformance"  # thrown away by `make clean`
SECONDS: Final = 20.0
VERDICTS: Final = ("accepted wrongly", "refused wrongly", "crashed", "unsupported", "right")
Case = dict[str, Any]


def cases() -> list[Case]:
    """Return all cases, by name."""
    paths = sorted((HERE / "cases").glob("*/*/case.json"))
    return [json.loads(path.read_text("utf-8")) for path in paths]


@dataclass(frozen=True)
class Adapter:
    """What ``adapters.toml`` says of one."""

    name: str
    command: list[str]
    requirements: list[str]
    package: str
    node_package: str
    node_folder: str
    what: str
    what_zh: str
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
        """Install what it needs, once, and nowhere else."""
        if self.requirements and not Path(self.python).exists():
            venv.create(self.environment, with_pip=True)
            pip = [self.python, "-m", "pip", "install", "--quiet", "--constraint", str(HERE / "constraints.txt")]
            subprocess.run([*pip, *self.requirements], check=True)
        if self.node_package and not self._package_folder.is_dir() and shutil.which("npm"):
            npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run([*npm, "--prefix", str(ROOT / self.node_folder)], check=True, stdout=sys.stderr)

    def missing(self) -> str:
        """Say what is missing to run it; nothing if it can be run."""
        if self.node_package and not self._package_folder.is_dir():
            return f"npm ci --prefix {self.node_folder} ({self.node_package})"
        if shutil.which(self.command[0].replace("{python}", self.python)) is None:
            return "--install" if self.requirements else self.command[0]
        return ""

    @property
    def _package_folder(self) -> Path:
        return ROOT / self.node_folder / "node_modules" / self.node_package

    def version(self) -> str:
        """Ask the installed package for its version."""
        if self.node_package:
            version: str = json.loads((self._package_folder / "package.json").read_text("utf-8"))["version"]
            return f"{self.node_package} {version}"
        if not self.package:
            return ""
        ask = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        done = subprocess.run([self.python, "-c", ask, self.package], capture_output=True, text=True, check=True)
        return f"{self.package} {done.stdout.strip()}"


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
        )
        for name, table in tables.items()
    }


def foreign(command: list[str], *, lines: bool) -> Adapter:
    """Return an adapter for a command line of somebody else."""
    return Adapter(" ".join(command), command, [], "", "", "", "", "", folder=None, lines=lines)


def verdict(case: Case, answer: object) -> str:
    """Compare an answer with what the case expects."""
    expect = case["expect"]
    match answer:
        case {"unsupported": True}:
            return "unsupported"
        case {"refused": str()}:
            return "right" if "refuse" in expect else "refused wrongly"
        case {"phone_number": str(found)}:
            return "right" if found == expect.get("phone_number") else "accepted wrongly"
        case {"ticket": str(found)}:
            return "right" if found == expect.get("ticket") else "accepted wrongly"
    return "crashed"


class Program:
    """A started adapter. One that takes ``lines`` is asked case after case, and started again when it has died."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._command = [part.replace("{python}", adapter.python) for part in adapter.command]
        self._environment = dict(os.environ)
        if not adapter.requirements:
            self._environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        self._process: subprocess.Popen[str] | None = None

    def ask(self, case: Case) -> object:
        """Return the answer to one case; None for a crash, for silence and for anything that is no JSON."""
        try:
            process = self._process or self._start()
        except OSError:
            return None
        late = threading.Timer(SECONDS, process.kill)
        late.start()
        try:
            answer = self._exchange(process, json.dumps(case) + "\n")
            return json.loads(answer)
        except (OSError, ValueError):
            self.stop()
            return None
        finally:
            late.cancel()

    def _exchange(self, process: subprocess.Popen[str], line: str) -> str:
        if not self._adapter.lines:
            answer, _ = process.communicate(line)
            self._process = None
            return answer if process.returncode == 0 else ""
        if process.stdin is None or process.stdout is None:
            raise OSError("no pipes")
        process.stdin.write(line)
        process.stdin.flush()
        return process.stdout.readline()

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            self._command,
            cwd=self._adapter.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        return self._process

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            with suppress(OSError):  # of what was still to be written to it
                self._process.communicate()
            self._process = None


@dataclass(frozen=True)
class Outcome:
    """One adapter, judged."""

    adapter: Adapter
    version: str
    verdicts: list[tuple[Case, str]]

    def count(self, wanted: str, group: str = "") -> int:
        return sum(said == wanted and group in ("", case["group"]) for case, said in self.verdicts)

    def asked(self, group: str) -> int:
        """How many cases of a group it was able to answer."""
        return sum(said != "unsupported" and case["group"] == group for case, said in self.verdicts)

    def as_json(self) -> dict[str, Any]:
        wrong = {case["name"]: said for case, said in self.verdicts if said not in ("right", "unsupported")}
        counts = {name: self.count(name) for name in VERDICTS}
        return {"adapter": self.adapter.name, "version": self.version, **counts, "cases": wrong}


def run(adapter: Adapter, chosen: list[Case]) -> Outcome:
    """Put every case to an adapter."""
    program = Program(adapter)
    said = [(case, verdict(case, program.ask(case))) for case in chosen]
    program.stop()
    return Outcome(adapter, adapter.version(), said)
