"""PostgreSQL finds rows by their key from the beginning, on tables of which it knows nothing yet, and keeps that plan."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import asyncpg
import pytest

from haoma.store import erasures
from haoma.store.audit import seals
from haoma.store.config import StoreSettings
from haoma.store.outbox import Statements
from haoma.store.people.exporting import accounts_text
from haoma.store.people.importing import consents_text
from haoma.store.postgres import SETTINGS, statement, together
from haoma.store.rows import TABLES
from haoma.store.sql import numbered
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


def test_one_statement_for_a_whole_batch_finds_rows_by_their_key(addresses: dict[str, str]) -> None:
    """Together the verbs have the plans that they have alone."""
    settings = StoreSettings(database_url=addresses["postgresql"], table_prefix="plan_together_", keys=KEYS)
    upgrade(settings)
    text = together(settings.table_prefix, [(verb, table) for table in TABLES for verb in ("update", "delete")])
    most = max(map(int, re.findall(r"\$(\d+)", text)))

    async def plan() -> str:
        connection = await asyncpg.connect(settings.database_url, server_settings=SETTINGS)
        await connection.execute(f"PREPARE of_all AS {text}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE of_all({', '.join(['NULL'] * most)})")
        await connection.close()
        return "\n".join(row[0] for row in rows)

    found = asyncio.run(plan())
    assert f"Seq Scan on {settings.table_prefix}" not in found
    for table in TABLES:
        assert len(re.findall(rf"Index Scan using {settings.table_prefix}{table.name}_pkey", found)) == 2, table.name


def test_events_are_found_by_when_they_are_due_and_by_their_account(addresses: dict[str, str]) -> None:
    """Also on a table that is empty when the plan is made: the delivered ones of a week are passed over."""
    settings = StoreSettings(database_url=addresses["postgresql"], table_prefix="plan_outbox_", keys=KEYS)
    upgrade(settings)
    wanted = Statements(settings.table_prefix)
    texts = {"due": f"{wanted.due}32", "account": wanted.waiting(2), "pkey": wanted.page}

    async def plans() -> dict[str, str]:
        connection = await asyncpg.connect(settings.database_url, server_settings=SETTINGS)
        found = {}
        for name, text in texts.items():
            await connection.execute(f"PREPARE of_{name} AS {numbered(text, '$')}")
            arguments = ", ".join(["'t'"] + ["NULL"] * (text.count("?") - 1))
            rows = await connection.fetch(f"EXPLAIN EXECUTE of_{name}({arguments})")
            found[name] = "\n".join(row[0] for row in rows)
        await connection.close()
        return found

    for name, plan in asyncio.run(plans()).items():
        assert re.search(rf"Index Scan using \w+_{name} on|Index Only Scan using \w+_{name} on", plan), (name, plan)


def test_the_audit_log_is_read_in_the_order_of_its_key(addresses: dict[str, str]) -> None:
    """Whoever seals or verifies begins where the key says, and sorts nothing."""
    settings = StoreSettings(database_url=addresses["postgresql"], table_prefix="plan_audit_", keys=KEYS)
    upgrade(settings)

    async def plans() -> dict[str, str]:
        connection = await asyncpg.connect(settings.database_url, server_settings=SETTINGS)
        found = {}
        for name, text in vars(seals.Statements(settings.table_prefix)).items():
            await connection.execute(f"PREPARE of_{name} AS {numbered(text, '$')}")
            nothing = ", ".join(["'t'"] + ["NULL"] * (text.count("?") - 1))
            rows = await connection.fetch(f"EXPLAIN EXECUTE of_{name}({nothing})")
            found[name] = "\n".join(row[0] for row in rows)
        await connection.close()
        return found

    for name, plan in asyncio.run(plans()).items():
        assert re.search(r"Index (Only )?Scan( Backward)? using plan_audit_(audit|seals)_pkey on", plan), (name, plan)
        assert "Sort" not in plan, (name, plan)
        assert "place " in plan or "seals" in plan, (name, plan)


def test_erasures_and_consents_are_found_by_their_index(addresses: dict[str, str]) -> None:
    """What is due is found without what is done, and the consents of accounts without those of others."""
    settings = StoreSettings(database_url=addresses["postgresql"], table_prefix="plan_people_", keys=KEYS)
    upgrade(settings)
    prefix = settings.table_prefix
    texts = {
        "erasures_by_due": erasures.due_text(prefix),
        "consents_by_account": consents_text(prefix, 3),
        "accounts_pkey": accounts_text(prefix),
        "erasures_pkey": erasures.list_text(prefix),
    }

    async def plans() -> dict[str, str]:
        connection = await asyncpg.connect(settings.database_url, server_settings=SETTINGS)
        found = {}
        for name, text in texts.items():
            nothing = ", ".join(["'t'"] + ["NULL"] * (text.count("?") - 1))
            await connection.execute(f"PREPARE of_{name} AS {numbered(text, '$')}")
            rows = await connection.fetch(f"EXPLAIN EXECUTE of_{name}({nothing})")
            found[name] = "\n".join(row[0] for row in rows)
        await connection.close()
        return found

    for name, plan in asyncio.run(plans()).items():
        assert f"using {prefix}{name} on" in plan, plan
        (condition,) = re.findall(r"Index Cond: (.*)", plan)
        assert re.search("due_at|account|place", condition), plan
