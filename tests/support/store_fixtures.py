"""Each test of the store runs on SQLite, PostgreSQL and MariaDB, with tables of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from conftest import mariadb, postgres
from haoma.store.config import StoreSettings
from haoma.store.upgrade import upgrade
from support.store_rows import empty
from support.stores import KEYS

KINDS = ("sqlite", "postgresql", "mysql")
_prefixes = itertools.count(1)


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of the databases, by kind; each server is started when it is first asked for."""
    with ExitStack() as stack:

        class Addresses(dict[str, str]):
            def __missing__(self, kind: str) -> str:
                if kind == "sqlite":
                    self[kind] = f"sqlite:///{tmp_path_factory.mktemp('store') / 'a b.db'}"
                else:
                    self[kind] = stack.enter_context({"postgresql": postgres, "mysql": mariadb}[kind]()).url
                return self[kind]

        yield Addresses()


@pytest.fixture(params=KINDS)
def bare(request: pytest.FixtureRequest, addresses: dict[str, str]) -> StoreSettings:
    """A database without tables."""
    return StoreSettings(database_url=addresses[request.param], table_prefix=f"t{next(_prefixes)}_", keys=KEYS)


@pytest.fixture(scope="session")
def migrated(addresses: dict[str, str]) -> dict[str, StoreSettings]:
    """Databases with tables that several tests use one after the other, by kind."""

    class Migrated(dict[str, StoreSettings]):
        def __missing__(self, kind: str) -> StoreSettings:
            if kind == "portable":  # an engine that speaks PostgreSQL's protocol and gets the portable statements alone
                self[kind] = replace(self["postgresql"], portable=True)
                return self[kind]
            self[kind] = StoreSettings(database_url=addresses[kind], table_prefix="shared_", keys=KEYS)
            upgrade(self[kind])
            return self[kind]

    return Migrated()


@pytest.fixture(params=(*KINDS, "portable"))
def emptied(request: pytest.FixtureRequest, migrated: dict[str, StoreSettings]) -> StoreSettings:
    """A database with the tables of the newest version and nothing in them. It must be left with these tables."""
    found = migrated[request.param]
    empty(found)
    return found


@pytest.fixture
def settings(bare: StoreSettings) -> StoreSettings:
    """A database with the tables of the newest version."""
    upgrade(bare)
    return bare
