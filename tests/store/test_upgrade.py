"""Migrations: up and down with data, half way, twice at once, on each database; which versions a process accepts."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from haoma.errors import SchemaMissing, SchemaTooNew, SchemaTooOld, StoreUnavailable, UpgradeFailed
from haoma.store import embedded, version
from haoma.store import upgrade as upgrading
from haoma.store.config import StoreSettings
from haoma.store.opening import engine_of, prepare
from haoma.store.rows import LEDGER, TABLES
from haoma.store.schema import metadata
from haoma.store.upgrade import differences, downgrade, status, upgrade
from haoma.store.version import SCHEMA, require_schema_blocking
from support.store_rows import insert, ledger_count, run, used

pytest_plugins = ["support.store_fixtures"]

MIGRATIONS = Path(upgrading.__file__).parent / "migrations"
# A next version as this code promises one: it adds. The file `fail` makes it stop half way.
NEXT = """
from pathlib import Path
import sqlalchemy
from alembic import context, op
from haoma.store.columns import moment, row_key
from haoma.store.migrations.steps import create_index, create_table, drop_table

def upgrade():
    create_table("extra", *row_key(), moment("expires_at"))
    if (Path(__file__).parent / "fail").exists():
        op.execute("SELECT nothing FROM nowhere")
    create_index("extra_by_end", "extra", ("tenant", "expires_at"))

def downgrade():
    drop_table("extra")
"""


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The code of the next version, which has one more migration; yields the folder of the migrations."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / f"v{SCHEMA + 1:04}.py").write_text(
        f'{NEXT}\nrevision, down_revision = "{SCHEMA + 1:04}", "{SCHEMA:04}"\n', "utf-8"
    )
    monkeypatch.setattr(upgrading, "_MIGRATIONS", folder)
    monkeypatch.setattr(upgrading, "SCHEMA", SCHEMA + 1)
    monkeypatch.setattr(upgrading, "ACCEPTED", (SCHEMA + 1, SCHEMA + 2))
    return folder / "versions"


def tables(settings: StoreSettings) -> set[str]:
    """The names of the tables, without their prefix."""
    text = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
        "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
    }[settings.kind]
    names = [str(name) for (name,) in run(settings, text)]
    prefix = settings.table_prefix
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


OURS = {table.name for table in TABLES}
ALEMBICS = {"version", "migrating"}


def test_up_and_down(bare: StoreSettings) -> None:
    """Upgrading makes the tables, doing so again does nothing, and going back to nothing drops them."""
    told: list[tuple[str, int]] = []
    if bare.kind == "sqlite":
        upgrade(replace(bare, table_prefix="first_"))  # the file
    assert status(bare).version is None
    assert upgrade(bare, tell=lambda *each: told.append(each)).version == SCHEMA
    assert upgrade(bare, tell=lambda *each: told.append(each)).version == SCHEMA
    assert (status(bare).version, tables(bare)) == (SCHEMA, OURS | ALEMBICS)
    insert(bare, LEDGER, [used(1)])
    assert downgrade(bare, 0, tell=lambda *each: told.append(each)).version is None
    assert (status(bare).version, tables(bare)) == (None, ALEMBICS)
    up = [("upgrade", number) for number in range(1, SCHEMA + 1)]
    assert told == [*up, *(("downgrade", number) for number in reversed(range(SCHEMA)))]
    upgrade(bare)
    assert ledger_count(bare) == 0


@pytest.mark.usefixtures("next_version")
def test_the_next_version_and_back_keeps_the_data(settings: StoreSettings) -> None:
    """Rows are there after an upgrade and after the downgrade that follows it."""
    rows = [used(number) for number in range(1, 1001)]
    downgrade(settings, SCHEMA)
    insert(settings, LEDGER, rows)
    upgrade(settings)
    assert (ledger_count(settings), tables(settings)) == (1000, OURS | ALEMBICS | {"extra"})
    downgrade(settings)
    assert (ledger_count(settings), tables(settings)) == (1000, OURS | ALEMBICS)


@pytest.mark.parametrize("before", range(1, SCHEMA))
def test_every_version_before_keeps_its_data(settings: StoreSettings, before: int) -> None:
    """Rows of an earlier version are there after the upgrade, and the tables are what the code says."""
    downgrade(settings, before)
    insert(settings, LEDGER, [used(number) for number in range(1, 101)])
    assert tables(settings) < OURS | ALEMBICS
    assert upgrade(settings).version == SCHEMA
    assert (ledger_count(settings), tables(settings)) == (100, OURS | ALEMBICS)
    assert differences(settings) == []


def test_a_migration_that_fails_half_way_is_run_again(settings: StoreSettings, next_version: Path) -> None:
    """Nothing is lost, the version stays, the reason holds no statement, and the second time it gets through."""
    downgrade(settings, SCHEMA)
    insert(settings, LEDGER, [used(1)])
    (next_version / "fail").touch()
    for _ in range(2):
        with pytest.raises(UpgradeFailed) as caught:
            upgrade(settings)
        assert "nowhere" not in str(caught.value)
        assert status(settings).version == SCHEMA
        # Only MySQL cannot undo the table that was made before.
        assert ("extra" in tables(settings)) == (settings.kind == "mysql")
    (next_version / "fail").unlink()
    assert upgrade(settings).version == SCHEMA + 1
    assert ledger_count(settings) == 1
    assert "extra" in tables(settings)


TWO = """
import sys
from haoma.store.config import StoreSettings
from haoma.store.upgrade import upgrade
print("ready", flush=True)
for line in sys.stdin:
    settings = StoreSettings(database_url=line.strip(), table_prefix="two_")
    steps = []
    found = upgrade(settings, tell=lambda verb, version: verb == "upgrade" and steps.append(version))
    print(found.version, *steps, flush=True)
"""


def test_two_at_once_both_end_well(addresses: dict[str, str]) -> None:
    """Two processes that upgrade at the same moment both find the newest version, and one of them has made it."""
    command = [sys.executable, "-W", "error", "-c", TWO]
    with ExitStack() as stack:
        both = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        assert [_line(each) for each in both] == ["ready", "ready"]
        for kind in ("sqlite", "postgresql", "mysql"):
            try:
                url = addresses[kind]
            except pytest.skip.Exception:
                continue  # the tests of this kind alone say so
            for each in both:
                assert each.stdin is not None
                each.stdin.write(url + "\n")
                each.stdin.flush()
            assert sorted(_line(each) for each in both) == [
                str(SCHEMA),
                " ".join(map(str, (SCHEMA, *range(1, SCHEMA + 1)))),
            ]
            assert differences(StoreSettings(database_url=url, table_prefix="two_")) == []


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_an_upgrade_waits_for_another_and_takes_over_from_a_dead_one(settings: StoreSettings) -> None:
    """A lease that holds is waited for; one whose holder has died ends by itself."""
    run(settings, "UPDATE {}migrating SET owner = 'other', lease_until = ?", 1 << 50)
    told: list[str] = []

    def tell(verb: str, _: int) -> None:
        told.append(verb)
        with ThreadPoolExecutor(1) as other:  # its holder died long ago
            other.submit(run, settings, "UPDATE {}migrating SET lease_until = ?", 1).result()

    assert upgrade(settings, tell=tell).version == SCHEMA
    assert told == ["waiting"]


# --- the tables are what the code says ---


def test_the_migrated_tables_are_the_tables(emptied: StoreSettings) -> None:
    """What the migrations make, and what the tables would be if they were made at once, are the same to the letter."""
    at_once = replace(emptied, table_prefix="at_once_")
    try:
        for text in _creating(at_once):
            run(at_once, text.replace("{", "{{").replace("}", "}}"))
        assert _described(emptied) == _described(at_once)
        assert len(_described(emptied)) >= len(TABLES)
        assert differences(emptied) == []
    finally:
        for table in TABLES:
            run(at_once, f"DROP TABLE IF EXISTS {{}}{table.name}")


def test_a_difference_is_seen(settings: StoreSettings) -> None:
    """A column that somebody has added, and an index that somebody has dropped, are named."""
    prefix = settings.table_prefix
    run(settings, "ALTER TABLE {}tries ADD COLUMN extra INTEGER")
    on = f" ON {prefix}tries" if settings.kind == "mysql" else ""
    run(settings, f"DROP INDEX {{0}}tries_by_end{on}")
    found = differences(settings)
    assert [each.split()[0] for each in found] == ["add_index", "remove_column"]
    assert f"{prefix}tries_by_end" in found[0]
    assert "extra" in found[1]


def _creating(settings: StoreSettings) -> Iterator[str]:
    dialect = {"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql}[settings.kind].dialect()
    for table in metadata(settings.table_prefix).sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect))
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            yield str(CreateIndex(index).compile(dialect=dialect))


def _described(settings: StoreSettings) -> list[str]:
    """What the database says of our tables, without the prefix."""
    prefix = settings.table_prefix
    if settings.kind == "sqlite":
        found = run(settings, "SELECT sql FROM sqlite_master WHERE tbl_name LIKE '{}%' AND sql IS NOT NULL")
        lines = [text.replace('"', "") for (text,) in found]
    elif settings.kind == "mysql":
        texts = [str(run(settings, "SHOW CREATE TABLE {0}{1}", table=table.name)[0][1]) for table in TABLES]
        lines = ["\n".join(sorted(text.replace(",\n", "\n").splitlines())) for text in texts]
    else:
        columns = (
            "SELECT attrelid::regclass::text, attnum::text, attname::text, format_type(atttypid, atttypmod), "
            "attnotnull::text FROM pg_attribute WHERE attnum > 0 AND attrelid::regclass::text LIKE '{}%'"
        )
        indexes = "SELECT indexdef FROM pg_indexes WHERE tablename LIKE '{}%'"
        checks = "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname LIKE '{}%'"
        lines = [" ".join(map(str, each)) for text in (columns, indexes, checks) for each in run(settings, text)]
    told = sorted(" ".join(str(line).replace(prefix, "").split()) for line in lines)
    return [
        line for line in told if not any(name in line for name in ALEMBICS - {"version"}) and "version_" not in line
    ]


def test_every_name_has_the_prefix(emptied: StoreSettings) -> None:
    """No table, index or constraint is made without it: two installations may share a database."""
    prefix = emptied.table_prefix
    if emptied.kind == "postgresql":
        text = (
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'public' UNION ALL SELECT conname::text FROM pg_constraint c "
            "JOIN pg_namespace n ON n.oid = c.connamespace WHERE n.nspname = 'public' AND contype <> 'n'"
        )
    elif emptied.kind == "mysql":
        text = (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() UNION ALL "
            "SELECT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() "
            "AND index_name <> 'PRIMARY'"
        )
    else:
        text = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    names = {str(name) for (name,) in run(emptied, text)}
    assert {name for name in names if name.startswith(prefix)} >= {prefix + table.name for table in TABLES}
    # Tests before this one have left tables with prefixes of their own.
    assert {name for name in names if name.partition("_")[0] not in _prefixes(names)} == set()


def _prefixes(names: set[str]) -> set[str]:
    return {name.removesuffix("_migrating") for name in names if name.endswith("_migrating")}


def test_rows_and_tables_have_the_same_columns() -> None:
    """The classes of the rows, and the tables, name the same columns in the same order."""
    found = {table.name: [column.name for column in table.columns] for table in metadata("").sorted_tables}
    assert found == {table.name: ["tenant", *table.columns] for table in TABLES}


def test_the_embedded_store_has_the_migrated_tables(tmp_path: Path) -> None:
    """The file that a service makes without Alembic is the one that the migrations make, to each column and index."""
    made, migrated = tmp_path / "made.db", StoreSettings(database_url=f"sqlite:///{tmp_path / 'migrated.db'}")
    embedded.create(made, "haoma_")
    upgrade(migrated)
    found = [_pragmas(each) for each in (made, tmp_path / "migrated.db")]
    found[1].pop("haoma_migrating")
    assert found[0] == found[1]
    assert differences(replace(migrated, database_url=f"sqlite:///{made}")) == []
    assert status(replace(migrated, database_url=f"sqlite:///{made}")).version == SCHEMA


def _pragmas(path: Path) -> dict[str, Any]:
    with sqlite3.connect(path) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {
            name: {
                "columns": connection.execute(f"PRAGMA table_xinfo({name})").fetchall(),
                "kind": connection.execute(f"PRAGMA table_list({name})").fetchall()[0][2:],
                "indexes": {
                    index[1]: (index[2:], connection.execute(f"PRAGMA index_xinfo({index[1]})").fetchall())
                    for index in connection.execute(f"PRAGMA index_list({name})").fetchall()
                },
            }
            for name in names
        }
    connection.close()
    return found


# --- which versions a process accepts ---


def test_which_versions_are_accepted(settings: StoreSettings) -> None:
    """Its own and the next; missing, older and newer tables each have their own error, which names the remedy."""
    engine = engine_of(settings)
    assert require_schema_blocking(engine) == SCHEMA
    assert version.ACCEPTED == (version.SCHEMA, version.SCHEMA + 1)
    for number, error in ((SCHEMA - 1, SchemaTooOld), (SCHEMA + 1, None), (SCHEMA + 2, SchemaTooNew)):
        run(settings, "UPDATE {}version SET version_num = ?", f"{number:04}")
        if error is None:
            assert require_schema_blocking(engine) == number
        else:
            with pytest.raises(error) as caught:
                require_schema_blocking(engine)
            assert caught.value.because == {"found": f"{number:04}", "accepted": f"{SCHEMA:04} {SCHEMA + 1:04}"}
            assert "haoma db" in caught.value.explain("zh").remedy
    with pytest.raises(SchemaTooNew):
        upgrade(settings)
    with pytest.raises(SchemaTooNew):
        downgrade(settings)
    run(settings, "UPDATE {}version SET version_num = ?", f"{SCHEMA + 1:04}")
    assert upgrade(settings).version == SCHEMA + 1  # the next one's: there is nothing to do for this code
    with pytest.raises(SchemaTooNew):
        downgrade(settings)  # only the code that has made it can
    run(settings, "DELETE FROM {}version")
    with pytest.raises(SchemaMissing):
        require_schema_blocking(engine)


def test_without_tables(bare: StoreSettings) -> None:
    """A database without our tables is told from one that cannot be reached."""
    if bare.kind == "sqlite":
        upgrade(replace(bare, table_prefix="first_"))
    with pytest.raises(SchemaMissing):
        require_schema_blocking(engine_of(bare))
    away = {"sqlite": "sqlite:////nowhere/at/all.db"}.get(bare.kind, f"{bare.kind}://u:canary-pw@127.0.0.1:1/x")
    for work in (lambda: require_schema_blocking(engine_of(replace(bare, database_url=away))),
                 lambda: upgrade(replace(bare, database_url=away))):  # fmt: skip
        with pytest.raises(StoreUnavailable) as caught:
            work()
        assert "canary" not in str(caught.value)
        assert "nowhere" not in str(caught.value)


def test_the_next_versions_tables_carry_this_version(settings: StoreSettings, next_version: Path) -> None:
    """In a rolling upgrade the tables go first: the code of before reads and writes what is there after it."""
    assert next_version.exists()
    upgrade(settings)
    assert status(settings).version == SCHEMA + 1
    assert require_schema_blocking(engine_of(settings)) == SCHEMA + 1
    insert(settings, LEDGER, [used(1)])
    assert ledger_count(settings) == 1


def test_a_service_imports_no_sqlalchemy(tmp_path: Path) -> None:
    """What a process does at its start imports neither SQLAlchemy nor Alembic."""
    script = (
        "import sys\nfrom haoma.store.opening import open_store, engine_of\nfrom pathlib import Path\n"
        "from haoma.store.config import embedded_store\nfrom haoma.store.version import require_schema_blocking\n"
        "import haoma.store.sweep\nsettings = embedded_store(Path(sys.argv[1]))\nstore = open_store(settings)\n"
        "print(require_schema_blocking(engine_of(settings)))\nstore.close()\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'sqlalchemy', 'alembic'}))"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{SCHEMA}\n[]\n", "")


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Neither the embedded store nor one that an upgrade makes can be read by other users."""
    url = f"sqlite:///{tmp_path / 'a' / 'haoma.db'}"
    prepare(StoreSettings(database_url=url, key_file=tmp_path / "a" / "haoma.keys", embedded=True))
    upgrade(StoreSettings(database_url=f"sqlite:///{tmp_path / 'b.db'}"))
    for path in (tmp_path / "a" / "haoma.db", tmp_path / "a" / "haoma.keys", tmp_path / "b.db"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_status_makes_nothing(tmp_path: Path) -> None:
    """Looking makes no file."""
    assert status(StoreSettings(database_url=f"sqlite:///{tmp_path / 'c.db'}")).version is None
    assert list(tmp_path.iterdir()) == []


def test_two_services_make_one_embedded_store(tmp_path: Path) -> None:
    """Processes that start at the same moment find the whole file, whoever makes it."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom haoma.store.config import embedded_store\n"
        "from haoma.store.opening import engine_of, prepare\nfrom haoma.store.version import require_schema_blocking\n"
        "print('ready', flush=True); sys.stdin.readline()\nsettings = embedded_store(Path(sys.argv[1]))\n"
        "print(prepare(settings), require_schema_blocking(engine_of(settings)))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    four = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for each in four:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in four:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    assert sorted(each.communicate(timeout=30)[0] for each in four) == [f"False {SCHEMA}\n"] * 3 + [f"True {SCHEMA}\n"]
