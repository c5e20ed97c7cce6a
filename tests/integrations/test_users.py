"""Logging in by the team's own table: who joins by number, and what two at once find."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import haoma
from haoma.integrations.users import Found, Known, afind_user, find_user
from haoma.link import Login

pytestmark = pytest.mark.haoma("wechat", "kuaishou", "alipay")

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, phone TEXT UNIQUE, verified_at REAL, bound_at REAL);
CREATE TABLE logins (platform TEXT, app TEXT, kind TEXT, value TEXT, user INTEGER, UNIQUE (platform, app, kind, value));
"""


class Table:
    """A table as a team writes it: a connection and a transaction for each function."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.open() as database:
            database.executescript(SCHEMA)

    def open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=10)

    def ask(self, sql: str, *values: Any) -> Any:
        database = self.open()
        try:
            return database.execute(sql, values).fetchone()
        finally:
            database.close()

    def of_login(self, login: Login) -> int | None:
        row = self.ask("SELECT user FROM logins WHERE platform=? AND app=? AND kind=? AND value=?", *login)
        return int(row[0]) if row else None

    def of_number(self, number: str) -> Known[int] | None:
        row = self.ask("SELECT id, verified_at, bound_at FROM users WHERE phone=?", number)
        return Known(*row) if row else None

    def create(self, found: Found) -> int | None:
        def work(database: sqlite3.Connection) -> int:
            values = found.phone_number, found.verified_at, found.bound_at or 0
            user = database.execute("INSERT INTO users (phone, verified_at, bound_at) VALUES (?,?,?)", values).lastrowid
            database.executemany("INSERT INTO logins VALUES (?,?,?,?,?)", [(*each, user) for each in found.logins])
            assert user is not None
            return user

        return self.transact(work)

    def update(self, user: int, found: Found) -> int | None:
        def work(database: sqlite3.Connection) -> int:
            sql = (
                "UPDATE users SET verified_at=?, bound_at=coalesce(?, CASE WHEN phone=? THEN bound_at ELSE 0 END), phone=?"
                " WHERE id=?"
            )
            number = found.phone_number
            database.execute(sql, (found.verified_at, found.bound_at, number, number, user))
            for each in found.logins:
                if self.of_login(each) != user:
                    database.execute("INSERT INTO logins VALUES (?,?,?,?,?)", (*each, user))
            return user

        return self.transact(work)

    def transact(self, work: Callable[[sqlite3.Connection], int]) -> int | None:
        database = self.open()
        try:
            with database:
                return work(database)
        except sqlite3.IntegrityError:
            return None
        finally:
            database.close()

    def count(self) -> int:
        return int(self.ask("SELECT count(*) FROM users")[0])


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "users.db")


@pytest.fixture
def log_in(haoma_client: haoma.Client, table: Table) -> Callable[[Any], int]:
    """Log in with what a tap gave."""

    def found(tap: Any) -> int:
        phone = haoma_client.get_phone_number(tap.app, tap.body)
        return find_user(table, phone, haoma_client.apps[phone.app])

    return found


def test_one_person_on_two_platforms(haoma_simulator: Any, log_in: Callable[[Any], int], table: Table) -> None:
    """Both platforms tie the number to the login, so it is one user; somebody else is another one."""
    anna, bert = haoma_simulator.person("anna"), haoma_simulator.person("bert")
    first = log_in(anna.tap("wechat"))
    assert log_in(anna.tap("wechat")) == log_in(anna.tap("kuaishou")) == first
    assert log_in(bert.tap("kuaishou")) != first
    assert table.count() == 2


def test_a_replayed_envelope_takes_nothing_over(haoma_simulator: Any, log_in: Callable[[Any], int]) -> None:
    """Alipay's envelope names no user: with somebody else's login it does not open the account of the number."""
    anna = haoma_simulator.person("anna")
    first = log_in(anna.tap("wechat"))
    tap = anna.tap("alipay")
    with pytest.raises(haoma.LinkError) as refused:
        log_in(tap)
    assert (refused.value.code, dict(refused.value.because)) == ("link.number-taken", {"reason": "unbound"})
    assert log_in(anna.tap("wechat")) == first


def test_it_does_not_prepare_a_takeover_either(haoma_simulator: Any, log_in: Callable[[Any], int]) -> None:
    """A number that came first by an envelope lets nobody in later: the thief may have put it there."""
    anna = haoma_simulator.person("anna")
    theirs = log_in(anna.tap("alipay"))
    with pytest.raises(haoma.LinkError):
        log_in(anna.tap("wechat"))
    assert log_in(anna.tap("alipay")) == theirs


def test_a_new_number(haoma_simulator: Any, log_in: Callable[[Any], int], table: Table) -> None:
    """A user whose number has changed stays the same one, and the former number is free."""
    first = log_in(haoma_simulator.person("anna", number="13900139001").tap())
    assert log_in(haoma_simulator.person("anna", number="13900139002").tap()) == first
    assert table.of_number("+8613900139001") is None
    assert log_in(haoma_simulator.person("bert", number="13900139001").tap()) != first
    with pytest.raises(haoma.LinkError) as refused:
        log_in(haoma_simulator.person("anna", number="13900139001").tap())
    assert refused.value.because["reason"] == "other-account"


def test_an_old_number_joins_nobody(haoma_simulator: Any, log_in: Callable[[Any], int], table: Table) -> None:
    """Numbers are given to new people after some months."""
    anna = haoma_simulator.person("anna")
    log_in(anna.tap("wechat"))
    with table.open() as database:
        database.execute("UPDATE users SET bound_at = bound_at - 181 * 86400")
    with pytest.raises(haoma.LinkError) as refused:
        log_in(anna.tap("kuaishou"))
    assert refused.value.because["reason"] == "stale"


def test_nobody_logs_in_without_a_login(haoma_simulator: Any, log_in: Callable[[Any], int], table: Table) -> None:
    """A number alone says who has it, and not who sent it."""
    with pytest.raises(haoma.EnvelopeError) as refused:
        log_in(haoma_simulator.tap("alipay", "without-login"))
    assert refused.value.because["field"] == "login_code"
    assert table.count() == 0


def test_two_at_once(haoma_simulator: Any, log_in: Callable[[Any], int], table: Table) -> None:
    """Taps on two platforms and twice on each at the same moment make one user."""
    anna = haoma_simulator.person("anna")
    taps = [anna.tap("wechat"), anna.tap("kuaishou")] * 4
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(log_in, taps))) == 1
    assert table.count() == 1


def test_a_table_that_is_awaited(haoma_simulator: Any, haoma_async_client: haoma.AsyncClient, table: Table) -> None:
    """The same with coroutines, some of them."""

    class Awaited:
        of_number, update = table.of_number, table.update

        async def of_login(self, login: Login) -> int | None:
            return table.of_login(login)

        async def create(self, found: Found) -> int | None:
            return table.create(found)

    async def main() -> list[int]:
        anna = haoma_simulator.person("anna")
        async with haoma_async_client as client:
            found = []
            for tap in (anna.tap("wechat"), anna.tap("kuaishou")):
                phone = await client.get_phone_number(tap.app, tap.body)
                found.append(await afind_user(Awaited(), phone, client.apps[phone.app]))
            return found

    first, second = asyncio.run(main())
    assert first == second
