"""Many people who come by an import, and what the tables hold of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haoma.link import LinkPolicy
from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.orphans import check_accounts
from haoma.store.people.exporting import export_all
from haoma.store.people.importing import Import, Imported
from haoma.store.people.reading import ImportedApp, NotImported, Reader
from haoma.store.reports import Oddity
from haoma.store.rows import ACCOUNTS, CONSENTS, ERASURES, IDENTITIES, NUMBERS, PHONES, SALTS
from support.accounts import Town
from support.store_rows import run

LINK = LinkPolicy()
OF_PEOPLE = (ACCOUNTS, IDENTITIES, NUMBERS, PHONES, SALTS, CONSENTS, ERASURES)


def apps(tenant: str = "default", link: LinkPolicy = LINK) -> dict[str, ImportedApp]:
    """The apps of a haoma.toml, by name and scope."""
    found = {}
    for name, platform, app_id in (("shop", "wechat", "wx1"), ("till", "douyin", "tt1"), ("pay", "alipay", "2021")):
        scope = f"{platform}:{app_id}"
        found[name] = found[scope] = ImportedApp(platform, scope, tenant, link)
    return found


class Desk:
    """Imports rows into a town."""

    def __init__(self, town: Town, *, trust_bound: bool = False, link: LinkPolicy = LINK) -> None:
        self._town = town
        self._link = link
        self._trust_bound = trust_bound

    def reader(self) -> Reader:
        now = round(self._town.wall * 1000)
        apps_of = apps(self._town.tenant, self._link)
        return Reader(apps_of, {}, self._town.tenant, now, trust_bound=self._trust_bound)

    def take(self, *rows: Mapping[str, Any] | str, dry_run: bool = False) -> Imported:
        """Import rows, each a flat one or an exported line; the first one is line 1."""
        people, refused = [], []
        for line, row in enumerate(rows, 1):
            text = row if isinstance(row, str) else json.dumps(row)
            try:
                people.append(self.reader().json(line, text.encode()))
            except NotImported as error:
                refused.append((line, error.why.value))
        town = self._town
        importing = Import(town.records, apps(town.tenant, self._link), town.engine.prefix, town.tenant, dry_run)
        done = ask_blocking(town.engine, lambda connection: importing.run(people, connection))
        return done.plus(Imported(refused=tuple(refused)))


def exported(town: Town) -> list[Any]:
    """Everybody, as an export tells it, by account."""
    found: list[Any] = []
    broken = ask_blocking(
        town.engine,
        lambda connection: export_all(connection, town.engine.prefix, town.tenant, town.records, found.extend),
    )
    assert broken == []
    return sorted(found, key=lambda each: each.account)


def checked(town: Town) -> list[Oddity]:
    """What ``haoma db check`` finds odd about the accounts."""
    return ask_blocking(
        town.engine,
        lambda connection: check_accounts(connection, town.engine.prefix, town.tenant, town.records),
    )


def rows_of(settings: StoreSettings, *tables: Any) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of tables, sorted."""
    return {
        each.name: sorted(run(settings, "SELECT * FROM {0}{1}", table=each.name), key=repr)
        for each in tables or OF_PEOPLE
    }
