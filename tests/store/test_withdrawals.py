"""A platform says that a user has withdrawn: what happens to accounts, on real databases."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import msgspec
import pytest

from haoma.accounts import Account, Erase, LookUp, Merge, Proof, Read
from haoma.errors import NoSuchAccount
from haoma.link import Login
from haoma.phone import PhoneNumber
from haoma.steps import Consent, Withdrawn
from haoma.store.accounts.records import event_body
from haoma.store.config import StoreSettings
from haoma.store.flows import ask_blocking
from haoma.store.rows import OUTBOX
from haoma.store.sealing import Sealer
from haoma.verified import Subject
from support.accounts import Town
from support.store_rows import run
from support.stores import KEYS

pytest_plugins = ["support.store_fixtures"]

APP = "wechat:wx1"
HOUR = 3600.0


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied)
    yield found
    found.close()


def withdraw(town: Town, openid: str = "o-1", *, unionid: str = "", app: str = APP, key: str = "", **more: Any) -> bool:
    """Let the platform say that a user has withdrawn just now; the answer is whether anything was done."""
    more = {"what": "authorization", "action": "unlink", "at": town.wall, **more}
    who = Subject(openid=openid, unionid=unionid)
    found = town.ask(Withdrawn(app, "wechat", "shop", who, key=key or f"{openid}-{more['at']}", **more))
    assert isinstance(found, bool)
    return found


def read(town: Town, account: str | None, *, consents: bool = False) -> Account:
    assert account is not None
    found = town.ask(Read(account=bytes.fromhex(account.replace("-", "")), export=consents))
    assert isinstance(found, Account)
    return found


def shown(account: Account) -> set[tuple[str, str]]:
    return {(login.app_id, login.kind) for login in account.logins}


def events(town: Town) -> list[dict[str, Any]]:
    places = [bytes(place) for (place,) in run(town.settings, "SELECT place FROM {0}{1}", table="outbox")]

    def flow(connection: Any) -> Generator[Any, Any, list[Any]]:
        _now, found = yield connection.read(OUTBOX, places)
        return list(found)

    rows = ask_blocking(town.engine, flow)
    return [msgspec.json.decode(event_body(Sealer(KEYS, town.tenant), row)) for row in sorted(rows)]


def test_the_only_login_keeps_its_account_and_loses_the_number(town: Town) -> None:
    """The number is nobody's; the sessions end; who authorizes again has the same account."""
    first = town.linked("o-1", unionid="u-1", consent=Consent("2026-01", "checkout"))
    town.wall += HOUR
    assert withdraw(town, unionid="u-1")
    found = read(town, first.account, consents=True)
    assert (found.masked, shown(found)) == (None, {("wx1", "openid"), ("", "unionid")})
    assert found.consents is not None
    assert [bool(each.withdrawn_at) for each in found.consents] == [True]
    assert town.ask(LookUp(number=PhoneNumber("86", "13800138000"))).account is None
    assert run(town.settings, "SELECT COUNT(*) FROM {0}{1}", table="salts")[0][0] == 0
    again = town.linked("o-1", unionid="u-1")
    assert (again.account, read(town, first.account).masked) == (first.account, "138****8000")
    (told,) = [each for each in events(town) if each["type"] == "authorization.withdrawn"]
    assert told["data"] == {
        "tenant": "default", "account": first.account, "platform": "wechat", "app": "shop", "withdrawn": "authorization",
        "done": "number-removed",
    }  # fmt: skip


def test_the_login_of_one_app_is_unlinked_and_the_others_stay(town: Town) -> None:
    """The unionid stays for another app of the platform, and goes with the last one."""
    first = town.linked("o-1", unionid="u-1")
    town.linked("o-2", unionid="u-1", app="wx2")
    town.linked("d-1", platform="douyin", app="tt1")
    town.wall += HOUR
    assert withdraw(town, unionid="u-1")
    found = read(town, first.account)
    assert shown(found) == {("wx2", "openid"), ("tt1", "openid"), ("", "unionid")}
    assert found.masked == "138****8000"
    assert withdraw(town, "o-2", unionid="u-1", app="wechat:wx2")
    assert shown(read(town, first.account)) == {("tt1", "openid")}
    assert town.ask(LookUp(login=Login("wechat", APP, "openid", "o-1"))).account is None


def test_erase_erases_and_notify_only_tells(town: Town) -> None:
    """What the app's policy says, and no more."""
    first = town.linked("o-1", consent=Consent("2026-01", "checkout"))
    town.wall += HOUR
    assert withdraw(town, action="notify")
    untouched = read(town, first.account, consents=True)
    assert untouched.masked == "138****8000"
    assert untouched.consents is not None
    assert untouched.consents[0].withdrawn_at is None
    town.wall += HOUR
    assert withdraw(town, action="erase")
    with pytest.raises(NoSuchAccount):
        read(town, first.account)
    assert [each["type"] for each in events(town)][-2:] == ["account.erased", "authorization.withdrawn"]
    for table in ("accounts", "identities", "numbers", "phones", "salts"):
        assert run(town.settings, "SELECT COUNT(*) FROM {0}{1}", table=table)[0][0] == 0


def test_the_same_message_again_does_nothing(town: Town) -> None:
    """Also after the user has authorized again, and however often it comes."""
    first = town.linked("o-1")
    town.wall += HOUR
    at = town.wall
    assert withdraw(town, at=at, key="once")
    town.wall += 1
    town.linked("o-1")
    assert not withdraw(town, at=at, key="once")
    town.wall += 25 * HOUR
    assert not withdraw(town, at=at, key="once")
    assert read(town, first.account).masked == "138****8000"


def test_a_message_that_the_user_has_overtaken_does_nothing(town: Town) -> None:
    """It was first heard a day later; meanwhile the user has authorized again, or was linked anew."""
    at = town.wall
    town.wall += HOUR
    account = town.linked("o-1").account
    town.wall += HOUR
    assert not withdraw(town, at=at, key="late-for-a-new-login")
    town.wall += HOUR
    at = town.wall
    town.wall += HOUR
    town.linked("o-1")
    assert not withdraw(town, at=at, key="late-for-a-known-login")
    assert read(town, account).masked == "138****8000"


def test_nobody_else_is_touched(town: Town) -> None:
    """Not the same id in another app or on another platform, not an unknown user, not an erased account."""
    first = town.linked("o-1")
    town.wall += HOUR
    assert not withdraw(town, app="wechat:wx2")
    assert not town.ask(
        Withdrawn("alipay:wx1", "alipay", "pay", Subject(openid="o-1"), "authorization", "erase", town.wall, "k")
    )
    assert not withdraw(town, "o-2")
    assert read(town, first.account).masked == "138****8000"
    assert first.account is not None
    town.ask(Erase(account=bytes.fromhex(first.account.replace("-", ""))))
    assert not withdraw(town)


def test_a_key_of_another_app_is_another_message(town: Town) -> None:
    """Two apps may get the same id of a message."""
    town.linked("o-1", unionid="u-1")
    town.linked("o-2", unionid="u-1", app="wx2")
    town.wall += HOUR
    assert withdraw(town, key="same")
    assert withdraw(town, "o-2", app="wechat:wx2", key="same")


def test_a_merge_does_not_overtake_a_message(town: Town) -> None:
    """The user has not authorized again: what was withdrawn before two accounts became one is withdrawn."""
    first = town.linked("o-1", consent=Consent("2026-01", "checkout"))
    other = town.linked("d-1", "13900139000", platform="douyin", app="tt1")
    town.wall += HOUR
    withdrawn_at = town.wall
    town.wall += HOUR
    logins = Login("wechat", APP, "openid", "o-1"), Login("douyin", "douyin:tt1", "openid", "d-1")
    ids = [bytes.fromhex(str(each.account).replace("-", "")) for each in (other, first)]
    town.ask(Merge(account=ids[0], other=ids[1], proofs=tuple(Proof((each,), town.wall) for each in logins)))
    assert withdraw(town, at=withdrawn_at)
    found = read(town, other.account, consents=True)
    assert shown(found) == {("tt1", "openid")}
    assert found.consents is not None
    assert all(each.withdrawn_at for each in found.consents)
