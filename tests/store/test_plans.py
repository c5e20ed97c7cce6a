"""PostgreSQL finds rows by their key from the beginning, on tables of which it knows nothing yet, and keeps that plan."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import asyncpg
import pytest

from haoma.store.config import StoreSettings
from haoma.store.postgres import SETTINGS, statement
from haoma.store.rows import TABLES
from haoma.store.upgrade import upgrade
from support.stores import KEYS

pytest_plugins = ["support.store_fixtures"]


@pytest.mark.parametrize("verb", ["read", "update", "delete"])
def test_rows_are_found_by_their_key(addresses: dict[str, str], verb: str) -> None:
    """The plan of an empty table is the one that stays: it looks rows up by tenant and place, and reads no table."""
    settings = StoreSettings(database_url=addresses["postgresql"], table_prefix=f"plan_{verb}_", keys=KEYS)
    upgrade(settings)

    async def plans() -> dict[str, Any]:
        connection = await asyncpg.connect(settings.database_url, server_settings=SETTINGS)
        found = {}
        for table in TABLES:
            text = statement(verb, settings.table_prefix, table)
            most = max(map(int, re.findall(r"\$(\d+)", text)))
            await connection.execute(f"PREPARE of_{table.name} AS {text}")
            nothing = ", ".join(["'t'"] + ["NULL"] * (most - 1))
            rows = await connection.fetch(f"EXPLAIN EXECUTE of_{table.name}({nothing})")
            found[table.name] = "\n".join(row[0] for row in rows)
        await connection.close()
        return found

    for name, plan in asyncio.run(plans()).items():
        (scan,) = re.findall(r"(\w+ ?\w* Scan) using (\w+) on", plan)
        assert scan == ("Index Scan", f"{settings.table_prefix}{name}_pkey"), plan
        assert re.search(r"Index Cond: \(\(tenant = \$1\) AND \(place = ", plan), plan
        assert len(re.findall(rf"Scan.* on {settings.table_prefix}", plan)) == (1 if verb == "read" else 2), plan
        assert verb == "read" or f"Tid Scan on {settings.table_prefix}{name}" in plan, plan
