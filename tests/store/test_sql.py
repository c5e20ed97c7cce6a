"""Every portable statement, and every table, keeps the rules that distributed engines ask for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from haoma.store import embedded, erasures, key_counts, orphans, outbox, reports, rewrap
from haoma.store.audit import incident, seals
from haoma.store.people.importing import consents_text
from haoma.store.rows import INDEXES, TABLES
from haoma.store.schema import metadata
from haoma.store.sql import Portable, numbered
from haoma.store.sweep import Statements

# Sources: what each engine lacks is listed in docs/decisions/0024.
FORBIDDEN = {
    "returning": r"\bRETURNING\b",
    "upsert": r"\bON\s+(?:CONFLICT|DUPLICATE)\b|\bREPLACE\s+INTO\b|\bMERGE\b|\bINSERT\s+(?:OR|IGNORE)\b",
    "row lock": r"\bFOR\s+(?:NO\s+KEY\s+|KEY\s+)?(?:UPDATE|SHARE)\b|\bSKIP\s+LOCKED\b|\bNOWAIT\b|\bLOCK\s+(?:IN|TABLE)",
    "advisory lock": r"advisory|\bGET_LOCK\b|\bRELEASE_LOCK\b",
    "sequence": r"\bSERIAL\b|\bSEQUENCE\b|\bNEXTVAL\b|\bAUTO_?INCREMENT\b|\bIDENTITY\b|\bGENERATED\b|(?<!WITHOUT )\bROWID\b",
    "notice": r"\bLISTEN\b|\bNOTIFY\b",
    "code in the database": r"\bTRIGGER\b|\bPROCEDURE\b|\bFUNCTION\b|\bDO\s+\$",
    "foreign key": r"\bREFERENCES\b|\bFOREIGN\b",
    "dialect": r"::|`|\bLATERAL\b|\bunnest\b|\bDIV\b|\bILIKE\b|\bLIMIT\s+\d+\s*,",
}
# The strangers of `haoma db check` are rows of other tenants, so they are looked for by a range of the tenant.
LED = re.compile(r"WHERE tenant (?:=|<|>) \?(?: AND |$|\) / 32|\) / 16| ORDER | GROUP )")


def faults(statement: str) -> set[str]:
    """The rules that a statement breaks."""
    found = {name for name, pattern in FORBIDDEN.items() if re.search(pattern, statement, re.IGNORECASE)}
    froms = len(re.findall(r"\b(?:FROM|UPDATE) \w+", statement))
    if len(LED.findall(statement.replace(") AS live", ""))) < froms:
        found.add("tenant")
    if statement.startswith("INSERT") and not re.match(r"INSERT INTO \w+ \(tenant, place,", statement):
        found.add("tenant")
    return found


def ddl_faults(statement: str) -> set[str]:
    """The rules that a statement which makes a table or an index breaks."""
    found = {
        name
        for name, pattern in FORBIDDEN.items()
        if name != "dialect" and re.search(pattern, statement, re.IGNORECASE)
    }
    pattern = (
        r"(?:PRIMARY KEY|UNIQUE)\s*\(([^)]*)\)|CREATE UNIQUE INDEX \S+ ON \S+ \((.*)\)|CREATE INDEX \S+ ON \S+ \((.*)\)"
    )
    keys = [[each.replace("`", "").replace('"', "") for each in key] for key in re.findall(pattern, statement)]
    columns = ["".join(key) for key in keys]
    # In an index that is no key the tenant comes last: a table of which nothing is known yet would otherwise be searched
    # by it, and not by its key, and PostgreSQL keeps such a plan.
    if not keys or any(not re.match(r"tenant\b", "".join(key[:2]) or "tenant") for key in keys):
        found.add("tenant")
    if any(other and not re.fullmatch(r"(?!tenant\b).*, tenant", other) for *_, other in keys):
        found.add("tenant")
    if any(not re.fullmatch(r"\w+(?:, \w+)*", each) for each in columns) or " WHERE " in statement:
        found.add("partial or expression index")
    return found


def statements() -> list[str]:
    portable, found = Portable("haoma_", "default", "?"), []
    for table in TABLES:
        row = table.row(*[b""] * len(table.columns))
        for count in (1, 2, 5, 64, 256):
            found += [portable.read(table, [b""] * count)[0], portable.insert(table, [row] * count)[0]]
            found.append(portable.delete(table, [b""] * count, [1] * count)[0])
    for text in (
        key_counts.tenant_text,
        key_counts.keys_text,
        key_counts.next_text,
        key_counts.range_text,
        rewrap.find_text,
    ):
        found.append(text("haoma_"))
    found += [*Statements("haoma_").all(), *reports.statements("haoma_")]
    found += [consents_text("haoma_", 2), *orphans.statements("haoma_"), *erasures.statements("haoma_")]
    return [
        *found,
        *outbox.Statements("haoma_").all(),
        *seals.Statements("haoma_").all(),
        *incident.statements("haoma_"),
    ]


def definitions() -> list[str]:
    found = [each for each in embedded.statements("haoma_") if "haoma_version" not in each]  # Alembic's own
    for dialect in (sqlite.dialect(), postgresql.dialect(), mysql.dialect()):
        for table in metadata("haoma_").sorted_tables:
            made: list[Any] = [CreateTable(table), *map(CreateIndex, table.indexes)]
            found += [re.sub(r"\s+", " ", str(each.compile(dialect=dialect))).strip() for each in made]
    return found


def test_every_statement_keeps_the_rules() -> None:
    """No statement uses what some distributed engine lacks, and each names its tenant first."""
    assert {text: found for text in statements() if (found := faults(text))} == {}


def test_every_table_keeps_the_rules() -> None:
    """The tenant leads every key and ends every other index; nothing counts by itself; no index has a condition or an expression."""
    assert len(definitions()) == 4 * (len(TABLES) + len(INDEXES))
    assert {text: found for text in definitions() if (found := ddl_faults(text))} == {}


@pytest.mark.parametrize(
    "statement, fault",
    [
        ("SELECT a FROM haoma_kept WHERE tenant = ? AND place IN (?) FOR UPDATE", "row lock"),
        ("SELECT a FROM haoma_kept WHERE tenant = ? AND place IN (?) FOR SHARE", "row lock"),
        ("SELECT a FROM haoma_kept WHERE tenant = ? AND place = ? LIMIT 1 FOR UPDATE SKIP LOCKED", "row lock"),
        ("SELECT pg_advisory_lock(77)", "advisory lock"),
        ("SELECT GET_LOCK(?, 30)", "advisory lock"),
        ("DELETE FROM haoma_kept WHERE tenant = ? AND place = ? RETURNING place", "returning"),
        ("INSERT INTO haoma_kept (tenant, place, version) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", "upsert"),
        ("INSERT INTO haoma_kept (tenant, place, version) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE a = a", "upsert"),
        ("INSERT IGNORE INTO haoma_kept (tenant, place, version) VALUES (?, ?, ?)", "upsert"),
        ("REPLACE INTO haoma_kept (tenant, place, version) VALUES (?, ?, ?)", "upsert"),
        ("SELECT nextval(?)", "sequence"),
        ("SELECT a FROM haoma_kept WHERE place = ?", "tenant"),
        (
            "SELECT a FROM haoma_kept WHERE tenant = ? AND b = ? UNION ALL SELECT a FROM haoma_usage WHERE b = ?",
            "tenant",
        ),
        ("UPDATE haoma_kept SET version = ? WHERE place = ? AND tenant = ?", "tenant"),
        ("INSERT INTO haoma_kept (place, tenant) VALUES (?, ?)", "tenant"),
        ("SELECT a::text FROM haoma_kept WHERE tenant = ? AND place = ?", "dialect"),
    ],
)
def test_the_linter_sees(statement: str, fault: str) -> None:
    """Each rule finds what breaks it."""
    assert fault in faults(statement)


@pytest.mark.parametrize(
    "definition, fault",
    [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)", "sequence"),
        ("CREATE TABLE t (id BIGSERIAL, tenant TEXT, id2 SERIAL, PRIMARY KEY (tenant, id))", "sequence"),
        ("CREATE TABLE t (tenant TEXT, place BLOB, PRIMARY KEY (place, tenant))", "tenant"),
        ("CREATE TABLE t (tenant TEXT, a TEXT, PRIMARY KEY (tenant), UNIQUE (a))", "tenant"),
        ("CREATE INDEX i ON t (expires_at)", "tenant"),
        ("CREATE INDEX i ON t (tenant, expires_at)", "tenant"),
        ("CREATE UNIQUE INDEX i ON t (a, tenant)", "tenant"),
        ("CREATE UNIQUE INDEX i ON t (tenant, a) WHERE a IS NOT NULL", "partial or expression index"),
        ("CREATE UNIQUE INDEX i ON t (tenant, lower(a))", "partial or expression index"),
        ("CREATE TABLE t (tenant TEXT, a TEXT REFERENCES u, PRIMARY KEY (tenant))", "foreign key"),
    ],
)
def test_the_linter_sees_in_tables(definition: str, fault: str) -> None:
    """Each rule finds what breaks it."""
    assert fault in ddl_faults(definition)


def test_parameters_are_written_as_each_driver_wants_them() -> None:
    """A percent sign of a statement is not taken for a parameter."""
    text = "SELECT a % 7 FROM t WHERE tenant = ? AND b = ?"
    assert numbered(text, "?") == text
    assert numbered(text, "%s") == "SELECT a %% 7 FROM t WHERE tenant = %s AND b = %s"
    assert numbered(text, "$") == "SELECT a % 7 FROM t WHERE tenant = $1 AND b = $2"
