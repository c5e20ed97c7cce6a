"""Many people with an account, a login and a number each, put into a store without asking for each."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator
from typing import Any

from haoma.link import Login
from haoma.store.accounts.records import Records
from haoma.store.batch import changes_of
from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.view import View
from support.store_rows import engine_at

_AT_ONCE = 500


def number_of(index: int) -> str:
    """The number of a person, in E.164 form."""
    return f"+86139{index:08}"


def login_of(index: int) -> Login:
    """The login of a person."""
    return Login("wechat", "wechat:wx1", "openid", f"person-{index}")


def populate(settings: StoreSettings, records: Records, count: int, tenant: str = "default") -> list[bytes]:
    """Put people into the store, numbered from 0; return their accounts."""
    fences, now = itertools.count(1), round(time.time() * 1000)
    accounts: list[bytes] = []

    def flow(connection: Any) -> Generator[Any, Any, None]:
        for start in range(0, count, _AT_ONCE):
            view = View(now, lambda: next(fences), {})
            for index in range(start, min(count, start + _AT_ONCE)):
                row = records.attach(view, records.create(view), [login_of(index)])
                accounts.append(row.place)
                records.give(view, row, number_of(index), verified_at=now, bound_at=now, assurance="platform")
            yield connection.begin()
            yield from changes_of(view).write(connection)
            yield connection.commit()

    ask_blocking(engine_at(settings, tenant=tenant), flow)
    return accounts
