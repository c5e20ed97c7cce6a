"""The outbox on real databases, with a real receiver: every event arrives, in the order of its account."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from haoma.accounts import Erase
from haoma.ids import parsed, written
from haoma.link import LinkPolicy, OnConflict
from haoma.store import delivery as delivering
from haoma.store.config import StoreSettings, WebhookSettings
from haoma.store.delivery import Attempt, Delivery
from haoma.store.flows import ask_blocking
from haoma.store.outbox import End, Ended, Outbox, pause_after
from haoma.store.rows import PARKED
from haoma.store.sealing import Sealer, StoreKey
from haoma.store.sweep import Swept, sweep
from support.accounts import Town
from support.live import Asked, platform
from support.receiver import NEWER, SECRET, Receiver, receiving, slowly
from support.store_rows import empty, run
from support.stores import KEYS

pytest_plugins = ["support.store_fixtures"]

DAY = 86_400.0


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied)
    yield found
    found.close()


@pytest.fixture
def village(migrated: dict[str, StoreSettings]) -> Iterator[Town]:
    """On SQLite alone: for what is about the receiver and not about the database."""
    empty(migrated["sqlite"])
    found = Town(migrated["sqlite"])
    yield found
    found.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


class Sending:
    """A process that sends.

    Attributes:
        attempts: What it has told.
    """

    def __init__(self, town: Town, url: str, *secrets: bytes, timeout: float = 5.0, **options: Any) -> None:
        self.attempts: list[Attempt] = []
        self.changes: list[bool] = []
        options = {"allow_insecure_upstreams": True, **options}
        self.delivery = Delivery(
            options.pop("engine", town.engine),
            options.pop("sealer", Sealer(KEYS, town.tenant)),
            WebhookSettings(url, secrets or (SECRET,), timeout),
            tell=self.attempts.append,
            on_circuit=lambda _scope, _host, opened: self.changes.append(opened),
            **options,
        )

    def all(self) -> Counter[str]:
        """Send until nothing is due."""
        return asyncio.run(self.delivery.until_nothing_is_due())

    def once(self) -> list[Any]:
        """Send once."""

        async def once() -> list[Any]:
            try:
                return await self.delivery.once()
            finally:
                await self.delivery.aclose()

        return asyncio.run(once())


def waiting(town: Town) -> int:
    text = "SELECT COUNT(*) FROM {0}outbox WHERE tenant = ? AND sent_at = 0"
    return int(run(town.settings, text, town.tenant)[0][0])


def people(town: Town, count: int) -> list[str]:
    """Let so many people verify their number; return the ids of their accounts."""
    found = [town.linked(f"o-{number}", f"138{number:08}").account for number in range(count)]
    return [each for each in found if each]


def test_an_event_arrives_signed_and_masked(town: Town, receiver: Receiver) -> None:
    """What happened, when, to whom; no number and no id of a platform."""
    account = town.linked("o-canary", consent=None).account
    sending = Sending(town, receiver.url)
    assert sending.all() == {"delivered": 1}
    (event,), (asked,) = receiver.events, receiver.asked
    assert (event.type, event.account, event.timestamp.timestamp()) == ("phone.verified", account, town.wall)
    assert event.data == {
        "tenant": "default", "account": account, "platform": "wechat", "app": "wx1", "masked": "138****8000",
        "link": "new",
    }  # fmt: skip
    assert (asked.method, asked.path, asked.headers["content-type"]) == ("POST", "/hooks/haoma/", "application/json")
    assert asked.headers["webhook-id"] == event.id == json.loads(asked.body)["id"]
    assert b"13800138000" not in asked.body
    assert b"canary" not in asked.body
    assert sending.all() == {}
    assert [(each.end, each.tries, each.reason) for each in sending.attempts] == [(End.DELIVERED, 1, "")]


def test_nothing_is_written_where_nobody_wants_events(village: Town) -> None:
    """And of what was refused nothing is undone by it."""
    village.records.tells = False
    village.linked("o-1")
    assert waiting(village) == 0


def test_two_secrets_while_one_is_changed(village: Town) -> None:
    """Whoever knows either receives; with the old one alone gone, only the new one counts."""
    people(village, 2)
    for known in (SECRET, NEWER):
        with receiving(known) as receiver:
            sending = Sending(village, receiver.url, NEWER, SECRET)
            assert len(sending.once()) == 2
            assert len(receiver.events) == 2
        ask_blocking(
            village.engine, lambda connection: Outbox(connection, village.engine.prefix, village.tenant).replay()
        )
    with receiving(SECRET) as receiver:  # its verification fails, and it answers nothing
        assert Sending(village, receiver.url, NEWER).all() == {"failed": 2}
        assert receiver.events == []


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503, 302, 304])
def test_what_is_not_accepted_comes_again(village: Town, receiver: Receiver, status: int) -> None:
    """Anything but 2xx; later each time; with the id that it had and the time of its try."""
    people(village, 1)
    receiver.answer = lambda _: status
    sending = Sending(village, receiver.url)
    assert sending.all() == {"failed": 1}
    assert sending.attempts[0].reason == f"http-{status}"
    assert sending.all() == {}
    village.wall += 7  # 5 seconds and a fifth
    receiver.answer = lambda _: 200
    assert sending.all() == {"delivered": 1}
    assert len(set(receiver.ids)) == 1
    assert [each.tries for each in sending.attempts] == [1, 2]


def test_how_long_it_waits(village: Town, receiver: Receiver) -> None:
    """Four times as long each time, six hours at most; after three days it is parked, and only comes if it is told to."""
    people(village, 1)
    receiver.answer = lambda _: 500
    start, ends = village.wall, []
    for _ in range(40):
        sending = Sending(village, receiver.url)
        assert sending.all().total() == 1
        ends.append(sending.attempts[0].end)
        if ends[-1] is End.PARKED:
            break
        due_at = run(village.settings, "SELECT due_at FROM {0}outbox")[0][0] / 1000
        standard = pause_after(len(ends))
        assert standard is not None
        assert 0.8 * standard <= due_at - village.wall <= 1.2 * standard
        village.wall = due_at
    assert ends == [End.FAILED] * 17 + [End.PARKED]
    assert 2 * DAY < village.wall - start < 4 * DAY
    village.wall += 30 * DAY
    receiver.answer = lambda _: 200
    assert Sending(village, receiver.url).all() == {}
    assert run(village.settings, "SELECT sent_at FROM {0}outbox") == [(PARKED,)]
    replay = lambda **how: ask_blocking(  # noqa: E731
        village.engine, lambda connection: Outbox(connection, village.engine.prefix, village.tenant).replay(**how)
    )
    assert replay(parked=True, dry_run=True) == 1
    assert Sending(village, receiver.url).all() == {}
    assert replay(parked=True) == 1
    assert replay(parked=True) == 0
    assert Sending(village, receiver.url).all() == {"delivered": 1}
    assert replay() == 1
    assert Sending(village, receiver.url).all() == {"delivered": 1}
    assert len(set(receiver.ids)) == 1


def test_the_pauses() -> None:
    """To the second: what the documentation says."""
    pauses = [pause_after(tries) for tries in range(1, 19)]
    assert pauses == [5, 20, 80, 320, 1280, 5120, 20480, *[21600] * 10, None]


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [(429, "600", 600), (503, "30", 30), (503, "999999", 3600), (429, "soon", 5), (500, "600", 5), (503, "1", 5)],
)
def test_a_receiver_may_ask_to_wait(village: Town, receiver: Receiver, status: int, asked: str, seconds: float) -> None:
    """``Retry-After`` of one that has too much to do, an hour at most, and never sooner than without it."""
    people(village, 1)
    receiver.answer = lambda _: (status, {"retry-after": asked}, b"")
    Sending(village, receiver.url).once()
    due_at = run(village.settings, "SELECT due_at FROM {0}outbox")[0][0] / 1000
    assert 0.8 * seconds <= due_at - village.wall <= 1.2 * seconds


def test_redirects_are_not_followed(village: Town, receiver: Receiver) -> None:
    """An event goes where the configuration says, and nowhere else."""
    seen: list[Asked] = []

    def elsewhere(asked: Asked) -> Any:
        seen.append(asked)
        return 200, {}, b""

    with platform(elsewhere) as url:
        people(village, 1)
        for status in (301, 302, 303, 307, 308):
            receiver.answer = lambda _, status=status: (status, {"location": url}, b"")  # type: ignore[misc]
            assert Sending(village, receiver.url).all() == {"failed": 1}
            village.wall += 3600 * 7
    assert seen == []
    assert len(receiver.events) == 5


def test_only_https(village: Town, receiver: Receiver) -> None:
    """Without the loud setting nothing leaves in clear."""
    people(village, 1)
    sending = Sending(village, receiver.url, allow_insecure_upstreams=False)
    assert sending.all() == {"failed": 1}
    assert sending.attempts[0].reason == "config.host-not-allowed"
    assert receiver.asked == []


def test_one_that_hangs_holds_up_its_account_alone(village: Town, receiver: Receiver) -> None:
    """After the time limit it is given up for now. The receiver may have got it: it comes again."""
    accounts = people(village, 5)

    def answer(event: Any) -> int:
        if event.account == accounts[0] and len(receiver.ids) <= 5:
            time.sleep(3)
        return 200

    receiver.answer = answer
    sending = Sending(village, receiver.url, timeout=1.0)
    assert sending.all() == {"delivered": 4, "failed": 1}
    assert Counter(each.reason for each in sending.attempts) == {"": 4, "outside.timed-out": 1}
    village.wall += 10
    assert sending.all() == {"delivered": 1}
    assert Counter(Counter(receiver.ids).values()) == {1: 4, 2: 1}


def test_a_receiver_that_is_away_uses_up_no_tries(village: Town) -> None:
    """After some failures nothing is sent until it answers; what was not sent was not tried."""
    people(village, 60)
    sending = Sending(village, "http://127.0.0.1:9/hook")
    first = sending.once()
    assert End.FAILED in {each.end for each in first} <= {End.FAILED, End.NOT_TRIED}
    assert sending.changes == [True]
    second = sending.once()
    assert [each.end for each in second] == [End.NOT_TRIED]  # one at a time, until one gets through
    assert second[0].seconds >= 1
    tries = Counter(tries for (tries,) in run(village.settings, "SELECT tries FROM {0}outbox"))
    assert tries[0] >= 28
    assert set(tries) == {0, 1}


def test_the_events_of_an_account_arrive_in_order(town: Town, receiver: Receiver) -> None:
    """What comes after one that is not accepted waits for it. Other accounts do not."""
    first, other = people(town, 2)
    town.wall += 1
    town.linked("o-0", "13900139000")  # number.changed and phone.verified, in this order, in one transaction
    town.wall += 1
    town.linked("o-0", "13900139000")
    refusing = True
    receiver.answer = lambda event: 500 if refusing and event.account == first else 200
    sending = Sending(town, receiver.url)
    assert sending.all() == {"delivered": 1, "failed": 1, "not-tried": 3}
    assert [(each.account, each.type) for each in receiver.events if each.account == other] == [
        (other, "phone.verified")
    ]
    town.wall += 2  # those behind are due again, and the first is not
    assert sending.all() == {}
    town.wall += 10
    refusing = False
    receiver.events.clear()
    assert sending.all() == {"delivered": 4}
    assert receiver.types == ["phone.verified", "number.changed", "phone.verified", "phone.verified"]
    assert receiver.ids == sorted(receiver.ids)


def test_ids_of_one_transaction_are_in_order(town: Town, receiver: Receiver) -> None:
    """However many there are in one millisecond."""
    for _ in range(30):
        town.linked("o-1", "13900139000")
        town.linked("o-1", "13800138000")
    assert Sending(town, receiver.url).all() == {"delivered": 119}
    assert receiver.types == ["phone.verified"] + ["number.changed", "phone.verified"] * 59


def test_events_without_an_account_wait_for_nobody(town: Town, receiver: Receiver) -> None:
    """Several refusals of a number that somebody else has."""
    town.linked("o-1", bound=False)
    for number in range(3):
        town.authorize(f"x-{number}")
    first = True

    def answer(event: Any) -> int:
        nonlocal first
        if event.type == "link.conflict" and first:
            first = False
            return 500
        return 200

    receiver.answer = answer
    assert Sending(town, receiver.url).all() == {"delivered": 3, "failed": 1}
    conflict = next(each for each in receiver.events if each.type == "link.conflict")
    assert (conflict.account, conflict.data["reason"]) == (None, "unbound")


def test_many_processes_share_the_work(town: Town, receiver: Receiver) -> None:
    """Each event is sent by one of them, though all look at the same time."""
    people(town, 80)
    senders = [Sending(town, receiver.url) for _ in range(4)]

    async def together() -> None:
        await asyncio.gather(*(each.delivery.until_nothing_is_due() for each in senders))

    asyncio.run(together())
    assert len(receiver.ids) == len(set(receiver.ids)) == 80
    assert waiting(town) == 0


SENDER = """
import asyncio, json, sys
from haoma.store.config import StoreSettings, WebhookSettings, parse_key
from haoma.store.delivery import Delivery
from haoma.store.opening import engine_of, sealer_of
told = json.loads(sys.argv[1])
store = StoreSettings(told["database"], told["prefix"], keys=(parse_key(told["key"]),), portable=told["portable"])
hook = WebhookSettings(told["url"], (bytes.fromhex(told["secret"]),), 5.0)
sending = Delivery(engine_of(store), sealer_of(store), hook, allow_insecure_upstreams=True)
asyncio.run(sending.run(print))
"""


def test_a_sender_that_is_killed_loses_nothing(
    emptied: StoreSettings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 with events on their way, again and again: each arrives at least once, and none is left."""
    from haoma.store.config import format_key

    town = Town(emptied)
    town.wall = time.time() - 60
    receiver.answer = slowly(0.02)
    ids = set()
    told = json.dumps({
        "database": emptied.database_url, "prefix": emptied.table_prefix, "key": format_key(KEYS[0]),
        "url": receiver.url, "secret": SECRET.hex(), "portable": emptied.portable,
    })  # fmt: skip
    try:
        people(town, 200)
        ids = {written(bytes(place)) for (place,) in run(emptied, "SELECT place FROM {0}outbox")}
        for turn in range(2):
            already = len(receiver.ids)
            with subprocess.Popen([sys.executable, "-c", SENDER, told]) as process:
                until = time.monotonic() + 20
                while len(receiver.ids) < already + 20 and time.monotonic() < until:
                    time.sleep(0.002)
                process.send_signal(signal.SIGKILL)
            assert len(receiver.ids) > already, turn
        assert waiting(town) > 0
        # What the killed ones had taken is due when its time is over.
        town.wall = time.time() + 60
        Sending(town, receiver.url).all()
        assert waiting(town) == 0
    finally:
        town.close()
    assert set(receiver.ids) == ids
    assert len(ids) == 200
    assert len(receiver.ids) <= 200 + 2 * delivering.MOST


def test_a_database_that_is_away(village: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes while an event is on its way: that is told once, and the event comes again when its time is over."""
    monkeypatch.setattr(delivering, "_AWAY_SECONDS", 0.05)
    monkeypatch.setattr(delivering, "_LOOK_SECONDS", 0.05)
    path, aside = village.settings.path, village.settings.path.with_name("aside.db")
    people(village, 1)

    def answer(_event: Any) -> int:
        if len(receiver.ids) == 1:
            path.rename(aside)
        return 200

    receiver.answer = answer
    told: list[Any] = []
    sending = Sending(village, receiver.url)

    async def until(true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - other threads make it true
                await asyncio.sleep(0.01)

    async def away() -> None:
        running = asyncio.create_task(sending.delivery.run(told.append))
        await until(lambda: bool(told))
        await asyncio.sleep(0.3)
        aside.rename(path)
        village.wall += 30
        await until(lambda: len(receiver.ids) == 2)
        await sending.delivery.stop(running)

    asyncio.run(away())
    assert [error.code for error in told] == ["internal.store-unavailable"]
    assert len(set(receiver.ids)) == 1
    assert waiting(village) == 0
    assert [(each.end, each.tries) for each in sending.attempts] == [(End.DELIVERED, 2)]


def test_a_mistake_of_ours_is_not_the_end(village: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, without its words, and the events that come later are sent."""
    monkeypatch.setattr(delivering, "_AWAY_SECONDS", 0.05)
    monkeypatch.setattr(delivering, "_LOOK_SECONDS", 0.05)
    people(village, 1)
    told: list[Any] = []
    sending = Sending(village, receiver.url, sealer=Mistaken(KEYS, village.tenant))

    async def scene() -> None:
        running = asyncio.create_task(sending.delivery.run(told.append))
        async with asyncio.timeout(10):
            while not told:  # noqa: ASYNC110 - another task appends to it
                await asyncio.sleep(0.01)
            village.wall += 30
            while not receiver.ids:  # noqa: ASYNC110 - another thread appends to it
                await asyncio.sleep(0.01)
        await sending.delivery.stop(running)

    asyncio.run(scene())
    assert [(error.code, dict(error.because)) for error in told] == [("internal.fault", {"error": "RuntimeError"})]


class Mistaken(Sealer):
    """Fails once, in a way that nobody has thought of."""

    failed = False

    def unseal(self, place: bytes, name: bytes, sealed: bytes) -> bytes:
        """Open what is sealed, but for the first time."""
        if not self.failed:
            self.failed = True
            raise RuntimeError("canary-words")
        return super().unseal(place, name, sealed)


def test_what_was_taken_is_nobody_elses_until_its_time_is_over(town: Town, receiver: Receiver) -> None:
    """A sender that was only slow writes nothing over what another one has done since."""
    people(town, 1)
    outbox = lambda flow: ask_blocking(  # noqa: E731
        town.engine, lambda connection: flow(Outbox(connection, town.engine.prefix, town.tenant))
    )
    (slow,) = outbox(lambda box: box.take(10, 20.0))
    assert outbox(lambda box: box.take(10, 20.0)) == []
    town.wall += 21
    assert Sending(town, receiver.url).all() == {"delivered": 1}
    assert outbox(lambda box: box.end([Ended(slow, End.FAILED)])) == []
    assert waiting(town) == 0


def test_an_erased_account_leaves_no_event_but_its_own(town: Town, receiver: Receiver) -> None:
    """Those that were sent and those that wait go with it; that it was erased is told."""
    (first, other) = people(town, 2)
    Sending(town, receiver.url).all()
    town.linked("o-0", "13800000000")
    receiver.events.clear()
    place = parsed(first)
    assert place is not None
    town.ask(Erase(account=place))
    assert Sending(town, receiver.url).all() == {"delivered": 1}
    assert [(each.type, each.account) for each in receiver.events] == [("account.erased", first)]
    left = {written(bytes(account)) for (account,) in run(town.settings, "SELECT account FROM {0}outbox")}
    assert left == {first, other}


def test_the_sweep(town: Town, receiver: Receiver) -> None:
    """Delivered events go after seven days, parked ones after ninety, waiting ones never."""
    people(town, 3)
    receiver.answer = lambda event: 200 if event.data["masked"].endswith("0000") else 500
    Sending(town, receiver.url).all()
    ((least,),) = run(town.settings, "SELECT MIN(place) FROM {0}outbox WHERE sent_at = 0")
    ask_blocking(town.engine, lambda connection: _changed(connection, f"{town.engine.prefix}outbox", least))
    assert Sending(town, receiver.url).all()["parked"] == 1
    assert asyncio.run(sweep(town.engine)).outbox == 0
    town.wall += 7 * DAY + 1
    assert asyncio.run(sweep(town.engine, dry_run=True)).outbox == 1
    assert asyncio.run(sweep(town.engine)).outbox == 1
    town.wall += 84 * DAY
    assert asyncio.run(sweep(town.engine)) == Swept(outbox=1, usage=0)
    assert waiting(town) == 1


def _changed(connection: Any, table: str, place: bytes) -> Any:
    text = f"UPDATE {table} SET tries = 19, due_at = 0 WHERE tenant = ? AND place = ?"  # noqa: S608
    yield connection.change(text, ["default", place])


def test_an_event_of_a_lost_key_is_not_the_end(village: Town, receiver: Receiver) -> None:
    """It cannot be read, so it is not sent; the others are."""
    people(village, 1)
    sending = Sending(village, receiver.url, sealer=Sealer((StoreKey(7, bytes(32)),), village.tenant))
    assert sending.all() == {"failed": 1}
    assert sending.attempts[0].reason == "internal.store-unreadable"
    assert receiver.asked == []


def test_tenants(emptied: StoreSettings, receiver: Receiver) -> None:
    """A sender of one tenant sends nothing of the other's; each event says whose it is."""
    one, two = Town(emptied, "one"), Town(emptied, "two")
    try:
        for town in (one, two):
            town.linked("o-1")
        assert Sending(one, receiver.url).all() == {"delivered": 1}
        assert [each.data["tenant"] for each in receiver.events] == ["one"]
        assert waiting(two) == 1
    finally:
        one.close()
        two.close()


def test_moves_and_reviews(village: Town, receiver: Receiver) -> None:
    """Both accounts of a move are told; a review names the dispute."""
    holder = village.linked("o-1").account
    review = village.linked("o-2", "13800138000", bound=False, policy=LinkPolicy(on_conflict=OnConflict.REVIEW))
    village.wall += 1
    moved = village.linked("o-3", "13900139000")
    village.wall += 1
    moved = village.linked("o-3", policy=LinkPolicy(on_conflict=OnConflict.MOVE))
    Sending(village, receiver.url).all()
    told = {(each.type, each.account): each.data for each in receiver.events}
    assert told["number.changed", holder]["dispute"] == moved.dispute
    assert told["phone.verified", moved.account]["link"] == "moved"
    assert told["link.conflict", None]["dispute"] == review.dispute
