"""The next version is rolled out under load, and back: the tables first, then one process after the other.

It is made up: the code as it is, and one more migration that adds a table, a column and an index. For a while old and
new processes serve together, on both versions of the tables.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import haoma
from chaos.load import CUT, Load
from chaos.rows import Tally
from haoma.simulator.beside import free_port
from haoma.store.version import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaos.stage import Stage

_NEXT = SCHEMA + 1
_MIGRATION = f"""
import sqlalchemy
from alembic import context, op
from haoma.store.columns import moment, row_key
from haoma.store.migrations.steps import create_index, create_table, drop_table

revision, down_revision = "{_NEXT:04}", "{SCHEMA:04}"

def _ledger():
    return context.config.attributes["prefix"] + "ledger"

def upgrade():
    create_table("rolled", *row_key(), moment("expires_at"))
    column = sqlalchemy.Column("rolled", sqlalchemy.Integer, nullable=False, server_default="0")
    op.add_column(_ledger(), column)
    create_index("rolled_by_start", "ledger", ("started_at", "tenant"))

def downgrade():
    op.drop_index(_ledger().removesuffix("ledger") + "rolled_by_start", _ledger())
    op.drop_column(_ledger(), "rolled")
    drop_table("rolled")
"""
_TRACE = """
with __import__("pathlib").Path(__file__).with_name("imported").open("a") as file:
    file.write(f"{__import__('os').getpid()}\\n")
"""


def next_version(folder: Path) -> tuple[Path, dict[str, str]]:
    """Write the code of the next version; return where it says which processes use it, and their environment."""
    there = folder / "next" / "haoma"
    shutil.copytree(Path(haoma.__file__).parent, there, ignore=shutil.ignore_patterns("__pycache__"))
    version = there / "store" / "version.py"
    text, old = version.read_text("utf-8"), f"SCHEMA: Final = {SCHEMA}\n"
    assert old in text
    version.write_text(text.replace(old, f"SCHEMA: Final = {_NEXT}\n") + _TRACE, "utf-8")
    (there / "store" / "migrations" / "versions" / f"v{_NEXT:04}.py").write_text(_MIGRATION, "utf-8")
    path = os.pathsep.join(filter(None, (str(there.parent), os.environ.get("PYTHONPATH"))))
    return version.with_name("imported"), {"PYTHONPATH": path}


async def roll(stage: Stage, *, clients: int, seconds: float) -> Tally:
    """Upgrade the tables, then the processes; and go back, the processes first."""
    fleet = stage.fleet
    imported, newer = next_version(fleet.folder)
    numbers = range(len(fleet.ports))
    load, tally, exits = Load(stage, clients), Tally(), []
    running = asyncio.ensure_future(load.run())

    async def version() -> int:
        await asyncio.sleep(seconds)
        return int((await stage.base.do("SELECT version_num FROM haoma_version"))[0][0])

    async def replace(environ: Mapping[str, str]) -> None:
        for number in numbers:
            exits.append(await fleet.stop(number))
            fleet.environ[number] = environ
            fleet.start(number)
            await fleet.ready(number)
            await asyncio.sleep(seconds)

    async def new() -> int:
        pids = set(map(int, imported.read_text("ascii").split()))
        return sum(fleet.pid(number) in pids for number in numbers)

    too_soon = await fleet.run("serve", "--listen", f"127.0.0.1:{free_port()}", environ=newer)
    tally.want("new code on the old tables", "config.schema-too-old" in too_soon, True)
    await fleet.run("db", "upgrade", environ=newer)
    tally.want("version, old processes", await version(), _NEXT)
    await replace(newer)
    tally.want("of the new version", await new(), len(numbers))
    await replace({})
    tally.want("back again", await new(), 0)
    await fleet.run("db", "downgrade", "--yes", environ=newer)
    tally.want("version afterwards", await version(), SCHEMA)
    load.stop()
    await running
    tally.want("exit codes", set(exits), {0})
    await load.judge(tally)
    tally.want("cut off", load.refusals[CUT], 0)
    tally.say("told meanwhile", dict(load.refusals) or "nothing")
    tally.say("longest answer", f"{max(load.seconds):.1f} s")
    return tally
