"""What happens to people's numbers in a year, by chosen users and numbers of the simulator and over HTTP.

Numbers change hands, people change numbers, two logins come at once, and what was moved is given back. The clock of the
service and of the platforms is in the hands of the test.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from haoma.platforms.base.mirroring import Person
from haoma.simulator import Simulator
from haoma.store.config import StoreSettings
from haoma.store.upgrade import upgrade
from support.accounts import key
from support.live import SERVER_KEY, Service, tables
from support.stores import KEYS

DAY: Final = 86_400.0
_START: Final = 1_800_000_000.0
_numbers = itertools.count(13_200_000_000)
_APPS: Final = ("wechat", "douyin-sealed", "alipay")
_OK: Final = {"wechat": ("wechat", "ok"), "douyin-sealed": ("douyin", "sealed-ok"), "alipay": ("alipay", "ok")}


class Year:
    """A service, the platforms and their clock."""

    def __init__(self, simulator: Simulator, service: Service) -> None:
        self._simulator = simulator
        self._service = service
        self.now = _START

    def go(self, days: float) -> None:
        """Let days pass."""
        self.now += days * DAY
        self._service.set_time(self.now)

    def come(self, app: str, user: str, number: str) -> dict[str, Any]:
        """Let somebody share a number in an app; return what the service says."""
        platform, scene = _OK[app.removesuffix("-review").removesuffix("-move")]
        tap = self._simulator.tap(platform, scene, person=Person(user, number=number))
        answer = self._service.post(app, tap.body)
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """Ask a verb of accounts or disputes."""
        headers = {"authorization": f"Bearer {SERVER_KEY}", "content-type": "application/json"}
        answer = self._service.request("POST", f"/v1/{path}", json.dumps(body).encode(), headers)
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def owner(self, number: str) -> str | None:
        """Return the account that has a number."""
        found: str | None = self.ask("accounts/look-up", phone_number=f"+86{number}")["account"]
        return found


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    folder = tmp_path_factory.mktemp("people")
    url = f"sqlite:///{folder / 'haoma.db'}"
    upgrade(StoreSettings(database_url=url, keys=KEYS))
    found: list[Year] = []
    with Simulator(now=lambda: found[0].now if found else _START) as simulator:
        settings = simulator.stage.settings(simulator.url)["apps"]
        apps = {name: settings[name] for name in _APPS}
        apps |= {f"wechat-{what}": {**settings["wechat"], "on_conflict": what} for what in ("review", "move")}
        store = [f"[store]\ndatabase_url = {json.dumps(url)}\nkeys = [{json.dumps(key('store', KEYS[0].secret))}]"]
        store += ["[accounts]", *(f"{name} = [{json.dumps(key(name))}]" for name in ("keys", "peppers", "audit_keys"))]
        with Service(folder, tables(apps) + "\n".join(store), now=_START) as service:
            found.append(Year(simulator, service))
            yield found[0]


def number() -> str:
    return str(next(_numbers))


def test_a_recycled_number_joins_nobody(year: Year) -> None:
    """The number's new owner comes after half a year: the old owner's account stays closed to them."""
    shared = number()
    old = year.come("wechat", "old-owner", shared)
    year.go(200)
    new = year.come("douyin-sealed", "new-owner", shared)
    assert (old["link"], new["link"]) == ("new", "review")
    assert "account" not in new
    assert year.owner(shared) == old["account"]
    moved = year.ask(f"disputes/{new['dispute']}/resolve", action="move", reason="the old owner does not answer")
    assert moved["other"] == old["account"]
    mine = year.owner(shared)
    assert mine not in {old["account"], None}
    assert year.come("douyin-sealed", "new-owner", shared)["account"] == mine
    again = year.come("wechat", "old-owner", number())
    assert (again["account"], again["link"]) == (old["account"], "linked")


def test_a_changed_number_replaces_the_old_one(year: Year) -> None:
    """Who comes with another number keeps the account; the old number is free for its next owner."""
    before, after = number(), number()
    mine = year.come("wechat", "mover", before)["account"]
    changed = year.come("wechat", "mover", after)
    assert (changed["account"], changed["link"]) == (mine, "linked")
    assert (year.owner(before), year.owner(after)) == (None, mine)
    assert year.come("wechat", "next-owner", before)["link"] == "new"


def test_two_first_logins_make_one_account(year: Year) -> None:
    """The same person by two apps at the same moment, ten times."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for turn in range(10):
            shared = number()
            asked = [pool.submit(year.come, app, f"twin-{turn}", shared) for app in ("wechat", "douyin-sealed")]
            one, two = (each.result() for each in asked)
            assert one["account"] == two["account"]
            assert sorted((one["link"], two["link"])) == ["joined", "new"]


def test_a_conflict_is_resolved_by_proof_of_both_sides(year: Year) -> None:
    """An envelope joins nobody; whoever proves both logins is one person."""
    shared = number()
    mine = year.come("wechat", "both", shared)["account"]
    refused = year.come("alipay", "both", shared)
    assert (refused["code"], refused["status"]) == ("link.number-taken", 409)
    other = year.come("alipay", "both", number())["account"]
    proofs = [{"app": app, "session": session(year, app, "both")} for app in ("wechat", "alipay")]
    assert year.ask(f"accounts/{mine}/merge", other=other, proofs=proofs[:1])["code"] == "link.not-theirs"
    merged = year.ask(f"accounts/{mine}/merge", other=other, proofs=proofs)
    assert merged.get("logins") == 2, merged
    assert (merged["account"], merged["other"]) == (mine, other)
    assert year.come("alipay", "both", shared)["account"] == mine


def session(year: Year, app: str, user: str) -> str:
    platform, scene = _OK[app]
    tap = year._simulator.tap(platform, scene, person=Person(user))
    answer = year._service.post(app, {"login_code": tap.login_code}, route="login")
    found: str = json.loads(answer.body)["session"]
    return found


def test_a_move_can_be_undone(year: Year) -> None:
    """Where numbers may change hands, the number goes to whom the platform ties it to; and back, as it was."""
    shared, former = number(), number()
    holder = year.come("alipay", "holder", shared)["account"]
    mine = year.come("wechat", "taker", former)["account"]
    moved = year.come("wechat-move", "taker", shared)
    assert (moved["link"], moved["account"]) == ("moved", mine)
    assert (year.owner(shared), year.owner(former)) == (mine, None)
    dispute = f"disputes/{moved['dispute']}/resolve"
    shown = year.ask(dispute, action="undo", preview=True)
    assert (shown["preview"], year.owner(shared)) == (True, mine)
    assert year.ask(dispute, action="undo") == {**shown, "preview": False}
    assert (year.owner(shared), year.owner(former)) == (holder, mine)
    assert year.ask(dispute, action="undo")["code"] == "link.no-such-dispute"
