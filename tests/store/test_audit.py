"""The audit log: who writes it, what is noticed when it was changed, and what cannot be."""

from __future__ import annotations

import hmac
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b

import msgspec
import pytest

from haoma.accounts import LookUp
from haoma.link import Login
from haoma.store.audit import lanes
from haoma.store.audit.lanes import Lane, opened_at
from haoma.store.config import StoreSettings
from haoma.store.rows import Audited
from support.accounts import Town
from support.auditing import FIRST, SECOND, Log, audit_keys, entries

pytest_plugins = ["support.store_fixtures"]


@pytest.fixture
def town(emptied: StoreSettings) -> Iterator[Town]:
    found = Town(emptied, audit=audit_keys())
    yield found
    found.close()


@pytest.fixture
def log(town: Town) -> Log:
    return Log(town, audit_keys())


def said(log: Log) -> list[dict[str, str]]:
    return [msgspec.json.decode(row[2]) for row in log.rows()]


def test_each_authorization_is_a_row_of_its_lane(town: Town, log: Log) -> None:
    first = town.linked("o-1")
    town.linked("o-1")
    opened, one, two = said(log)
    assert opened == {"what": "audit.lane", "by": "haoma", "key": "1", "why": "started"}
    assert one == {"what": "authorize", "by": "caller-1", "app": "wechat:wx1", "account": first.account, "link": "new"}
    assert (two["account"], two["link"]) == (first.account, "linked")
    places = [row[0] for row in log.rows()]
    assert len({place[:8] for place in places}) == 1
    assert [int.from_bytes(place[8:]) for place in places] == [1, 2, 3]
    assert opened_at(places[0]) == town.wall * 1000
    done = log.verify()
    assert (done.found, done.rows, done.lanes, done.unsealed) == ([], 3, 1, 3)
    assert (done.since, done.until) == (town.wall * 1000, town.wall * 1000)
    assert not any(secret in row[2] for row in log.rows() for secret in (b"13800138000", b"o-1"))


def test_the_mac_is_what_the_documentation_says(town: Town, log: Log) -> None:
    """Computed here from the standard library alone: what is written today must be verifiable for ever."""
    town.linked("o-1")
    sealed = log.seal()
    assert sealed is not None
    tenant = b"\0\7default"
    key = blake2b(key=FIRST.secret, person=b"haoma lane", digest_size=32).digest()
    before = bytes(16)
    for place, at, entry, mac in log.rows():
        before = hmac.digest(key, before + tenant + place + at.to_bytes(8) + entry, "sha256")[:16]
        assert before == mac
    assert sealed.heads == (1).to_bytes(4) + log.rows()[-1][0] + before
    key = blake2b(key=FIRST.secret, person=b"haoma seal", digest_size=32).digest()
    text = bytes(16) + tenant + (1).to_bytes(8) + sealed.at.to_bytes(8) + sealed.heads
    assert sealed.mac == hmac.digest(key, text, "sha256")[:16]


def test_without_a_key_nothing_is_written(emptied: StoreSettings) -> None:
    town = Town(emptied)
    town.linked("o-1")
    assert Log(town, audit_keys()).rows() == []
    town.close()


# --- lanes ---


def test_a_lane_ends_after_an_hour_or_when_it_is_full(town: Town, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MOST_ROWS", 3)
    for _ in range(3):
        town.linked("o-1")
        town.wall += 1
    town.wall += 3600
    town.linked("o-1")
    town.wall -= 7200  # a clock that is set back
    town.linked("o-1")
    whys = [each["why"] for each in said(log) if each["what"] == "audit.lane"]
    assert whys == ["time", "started", "full", "time"]
    log.seal()
    done = log.verify()
    assert (done.found, done.rows, done.lanes, done.unsealed) == ([], 9, 4, 0)


def rows_of(lane: Lane, now: int, *whats: str) -> list[Audited]:
    return lane.rows(now, itertools.count(1).__next__, [(what, "me", {}) for what in whats])


def numbers_of(rows: Sequence[Audited]) -> list[int]:
    return [int.from_bytes(row.place[8:]) for row in rows]


def test_what_is_not_committed_has_no_number() -> None:
    """Another try writes the same places, so that both cannot be there; a lane that has ended is left alone."""
    lane, now = Lane(audit_keys()), 1_800_000_000_000
    assert lane.rows(now, int, []) == []
    first, again = rows_of(lane, now, "one", "two"), rows_of(lane, now + 5, "one", "two")
    assert [row.place for row in first] == [row.place for row in again]
    assert [msgspec.json.decode(row.entry)["what"] for row in first] == ["audit.lane", "one", "two"]
    assert [row.version for row in first] == [1, 2, 3]
    lane.refused()
    assert rows_of(lane, now, "one")[0].place[:8] != first[0].place[:8]
    lane.done(first)
    assert numbers_of(rows_of(lane, now, "three")) == numbers_of(rows_of(lane, now, "three")) == [4]
    lane.done(())  # a batch that says nothing
    lane.end()
    other = rows_of(lane, now, "three")
    assert numbers_of(other) == [1, 2]
    assert other[0].place[:8] != first[0].place[:8]
    assert len(other[0].place) == 16


def test_a_lane_whose_name_is_taken_gets_another_one(town: Town, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that begin in the same millisecond may choose the same."""
    names = iter((b"aa", b"aa", b"bb"))
    monkeypatch.setattr(lanes, "new_lane", lambda now: now.to_bytes(6) + next(names))
    other = Town(town.settings, audit=log.keys)
    town.linked("o-1")
    other.linked("o-2", "13900139000")
    other.close()
    assert next(names, None) is None
    verified = log.verify()
    assert (verified.found, verified.lanes, verified.rows) == ([], 2, 4)


@pytest.mark.parametrize(
    "later, same", [(0, True), (3_599_999, True), (3_600_000, False), (-1, False), (-7_200_000, False)]
)
def test_a_lane_lasts_for_an_hour(later: int, same: bool) -> None:
    lane, now = Lane(audit_keys()), 1_800_000_000_000
    first = rows_of(lane, now, "one")
    lane.done(first)
    assert (rows_of(lane, now + later, "two")[-1].place[:8] == first[0].place[:8]) is same


@pytest.mark.parametrize("more, same", [(99_998, True), (99_999, False)])
def test_a_lane_has_a_hundred_thousand_rows_at_most(more: int, same: bool) -> None:
    lane, now = Lane(audit_keys()), 1_800_000_000_000
    first = rows_of(lane, now, "one")
    lane.done(first)
    rows = rows_of(lane, now, *["more"] * more)
    assert (rows[-1].place[:8] == first[0].place[:8]) is same
    assert numbers_of(rows)[-1] == 100_000


def test_two_processes_have_two_lanes(town: Town, log: Log) -> None:
    other = Town(town.settings, audit=log.keys)
    for each in range(5):
        town.linked(f"o-{each}", f"1380013800{each}")
        other.linked(f"p-{each}", f"1380013801{each}")
    other.close()
    done = log.verify()
    assert (done.found, done.rows, done.lanes) == ([], 12, 2)


def test_a_conflict_leaves_no_gap(town: Town, log: Log) -> None:
    """Two processes write the same rows at once, so batches are undone and begin again."""
    towns = [town, *(Town(town.settings, audit=log.keys) for _ in range(2))]
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda number: towns[number % 3].linked("o-1"), range(60)))
    for other in towns[1:]:
        other.close()
    verified = log.verify(counts=True)
    assert verified.found == []
    assert verified.rows == len(done) + verified.lanes
    assert verified.lanes == 3
    assert sum(number for (_, what, _, _), number in verified.counts.items() if what == "authorize") == 60


@pytest.mark.parametrize(
    "typed", ["+8613800138000", "13800138000", "138 0013 8000", "138-0013-8000", "+852 9123 4567 89", "86 13800138000"]
)
def test_a_number_that_somebody_types_is_masked(town: Town, log: Log, typed: str) -> None:
    """Who asks writes down why; whatever he writes, the log holds no number. Other figures stay."""
    town.ask(LookUp(by="support", login=Login("wechat", "wechat:wx1", "openid", "o-1"), reason=f"4711, {typed} asked"))
    assert said(log)[-1]["reason"].replace("+", "") == "4711, *** asked"


def test_a_refused_authorization_is_a_row_too(town: Town, log: Log) -> None:
    town.linked("victim")
    town.authorize("attacker", platform="alipay", app="2021", bound=False)
    assert (said(log)[-1]["what"], said(log)[-1]["reason"]) == ("authorize", "unbound")


# --- seals ---


def test_a_seal_covers_what_has_grown(town: Town, log: Log) -> None:
    assert log.seal() is None
    town.linked("o-1")
    first = log.seal()
    assert first is not None
    assert log.seal() is None  # nothing has grown
    assert [head.number for head in first.ends()] == [2]
    town.wall += 60
    town.linked("o-1")
    second = log.seal()
    assert second is not None
    assert (second.number, second.at - first.at, [head.number for head in second.ends()]) == (2, 60_000, [3])
    done = log.verify()
    assert (done.found, done.seals, done.unsealed, done.sealed_at) == ([], 2, 0, second.at)


def test_a_new_seal_keeps_others_from_sealing(town: Town, log: Log) -> None:
    """Of several processes one seals, and the others see that it was done."""
    town.linked("o-1")
    one, two = log.writer(), log.writer()
    assert log.ask(one.seal)[0] is not None
    town.linked("o-1")
    made, wait = log.ask(two.seal)
    assert made is None
    assert 7 < wait <= 8
    town.wall += 8
    made, _ = log.ask(two.seal)
    assert made is not None
    assert log.found() == []


def test_without_a_new_row_there_is_no_new_seal(town: Town, log: Log) -> None:
    """However many processes there are, and whichever lanes the last seal was about."""
    other = Town(town.settings, audit=log.keys)
    other.wall = town.wall
    writers = [log.writer(), log.writer()]
    town.linked("o-1")
    log.ask(writers[0].seal)
    town.wall += 10
    other.linked("o-1")
    log.ask(writers[1].seal)
    assert len(log.seals()) == 2
    for _ in range(3):
        for writer in (*writers, log.writer()):
            town.wall += 10
            assert log.ask(writer.seal)[0] is None
    other.close()


def test_what_is_not_sealed_yet_is_counted(town: Town, log: Log) -> None:
    """And since when: the oldest row that no seal covers, in whichever lane."""
    began = round(town.wall * 1000)
    assert (log.verify().unsealed, log.verify().unsealed_since) == (0, 0)
    town.linked("o-1")
    assert (log.verify().unsealed, log.verify().unsealed_since) == (2, began)
    log.seal()
    assert (log.verify().unsealed, log.verify().unsealed_since) == (0, 0)
    other = Town(town.settings, audit=log.keys)
    other.wall = town.wall + 20
    other.linked("o-2", "13900139000")
    town.wall += 30
    town.linked("o-1")
    assert (log.verify().unsealed, log.verify().unsealed_since) == (3, began + 20_000)
    town.wall -= 20
    town.linked("o-1")
    assert (log.verify().unsealed, log.verify().unsealed_since) == (4, began + 20_000)
    other.close()


def test_seals_that_are_missing_in_between(town: Town, log: Log) -> None:
    for _ in range(5):
        town.linked("o-1")
        log.seal()
        town.wall += 10
    for number in (2, 3):
        log.change("DELETE FROM {0}seals WHERE place = ?", number.to_bytes(8))
    assert [(each.name, each.first, each.last) for each in log.found()] == [("seals-missing", 2, 3)]


def test_whoever_has_the_key_cannot_make_the_verifier_stumble(town: Town, log: Log) -> None:
    """What is signed and no JSON of ours is a row like any other."""
    lane, before = round(town.wall * 1000).to_bytes(6) + b"xy", bytes(16)
    for number, entry in enumerate((b"\xff", b'{"what":"audit.dropped"', b'{"what":"audit.dropped","upto":"xyz"}'), 1):
        place = lane + number.to_bytes(8)
        before = log.keys.row_mac(1, before, place, 1, entry)
        log.insert([(place, 1, entry, before)], [])
    done = log.verify(counts=True)
    assert (done.found, done.rows, done.counts.total()) == ([], 3, 3)


def test_two_seals_at_once_are_one(town: Town, log: Log) -> None:
    town.linked("o-1")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: log.seal(), range(8)))
    numbers = [each.number for each in made if each is not None]
    assert numbers == list(range(1, len(numbers) + 1)) or sorted(numbers) == numbers[:1]
    assert [each.number for each in log.seals()] == sorted(numbers)
    assert log.found() == []


def test_a_clock_that_jumps_leaves_no_lane_without_a_seal(town: Town, log: Log) -> None:
    for jump in (7200, -14_400, 1, 90_000):
        town.linked("o-1")
        town.wall += jump
        town.linked("o-1")
        log.seal()
        assert (log.verify().unsealed, log.found()) == (0, [])


def test_a_seal_that_is_gone_is_noticed_by_a_process_that_has_seen_it(town: Town, log: Log) -> None:
    writer = log.writer()
    for _ in range(2):
        town.linked("o-1")
        town.wall += 10
        log.ask(writer.seal)
    assert writer.lost == 0
    log.change("DELETE FROM {0}seals WHERE place = ?", (2).to_bytes(8))
    town.wall += 10
    again, _ = log.ask(writer.seal)
    assert (writer.lost, again.number, [each.number for each in again.ends()]) == (2, 2, [3])


def test_the_log_is_verified_while_it_is_written(town: Town, log: Log) -> None:
    stopped = threading.Event()

    def write(openid: str) -> int:
        other, count = Town(town.settings, audit=log.keys), 0
        while not stopped.is_set():
            other.linked(openid, f"13900139{openid}")
            count += 1
        other.close()
        return count

    def seal() -> None:
        while not stopped.is_set():
            log.seal()

    with ThreadPoolExecutor(3) as pool:
        written = [pool.submit(write, "001"), pool.submit(write, "002")]
        sealing = pool.submit(seal)
        try:
            found = [log.verify() for _ in range(10)]
        finally:
            stopped.set()
        sealing.result()
    assert [each.found for each in found] == [[]] * 10
    assert log.verify().rows == sum(each.result() for each in written) + 2


# --- tampering: the table of the documentation, row by row ---


class Scene:
    """Two lanes of which all but the last row of each are sealed; `one` is the older lane."""

    def __init__(self, town: Town, log: Log) -> None:
        self.log = log
        self.other = Town(town.settings, audit=log.keys)
        self.town = town
        town.linked("o-1")
        town.wall += 1
        self.other.wall = town.wall
        self.other.linked("p-1", "13900139000")
        self.grow(3)
        log.seal()
        self.grow(2)
        self.shipped = list(filter(None, [log.seal()]))
        self.grow(1)
        first, last = (log.rows()[number][0][:8] for number in (0, -1))
        self.one, self.two = first, last
        assert log.found() == []

    def grow(self, times: int) -> None:
        for _ in range(times):
            self.town.wall += 1
            self.other.wall += 1
            self.town.linked("o-1")
            self.other.linked("p-1", "13900139000")

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Put everything back at the end."""
        rows, seals = self.log.rows(), self.log.seals()
        yield
        self.log.change("DELETE FROM {0}audit")
        self.log.change("DELETE FROM {0}seals")
        self.log.insert(rows, seals)

    def place(self, number: int, lane: bytes | None = None) -> bytes:
        return (lane or self.one) + number.to_bytes(8)

    def delete(self, *numbers: int, lane: bytes | None = None) -> None:
        for number in numbers:
            assert self.log.change("DELETE FROM {0}audit WHERE place = ?", self.place(number, lane)) == 1

    def put(self, place: bytes, at: int, entry: bytes, mac: bytes) -> None:
        text = "INSERT INTO {0}audit (tenant, place, version, at, entry, mac) VALUES ('default', ?, 1, ?, ?, ?)"
        assert self.log.change(text, place, at, entry, mac) == 1

    def update(self, number: int, column: str, value: object) -> None:
        text = "UPDATE {0}audit SET %s = ? WHERE place = ?"
        assert self.log.change(text % column, value, self.place(number)) == 1


def changed_entry(scene: Scene) -> None:
    scene.update(4, "entry", b'{"what":"authorize","by":"nobody"}')


def changed_here_and_there(scene: Scene) -> None:
    for number in (2, 4, 5):
        scene.update(number, "entry", b"{}")


def changed_moment(scene: Scene) -> None:
    scene.update(4, "at", 1)


def changed_moment_to_before_1970(scene: Scene) -> None:
    scene.update(4, "at", -1)


def changed_mac(scene: Scene) -> None:
    scene.update(4, "mac", bytes(16))


def deleted_in_the_middle(scene: Scene) -> None:
    scene.delete(4)


def deleted_and_renumbered(scene: Scene) -> None:
    scene.delete(4)
    for number in (5, 6, 7, 8):
        scene.update(number, "place", scene.place(number - 1))


def first_row_deleted(scene: Scene) -> None:
    scene.delete(1)


def swapped(scene: Scene) -> None:
    for before, after in ((4, 100), (5, 4), (100, 5)):
        scene.update(before, "place", scene.place(after))


def forged_at_the_end(scene: Scene) -> None:
    scene.put(scene.place(9), 1, b"{}", b"0123456789abcdef")


def forged_lane(scene: Scene) -> None:
    scene.put(scene.place(1, b"forged!!"), 1, b"{}", b"0123456789abcdef")


def row_before_the_first(scene: Scene) -> None:
    scene.put(scene.place(0), 1, b"{}", b"0123456789abcdef")


def no_lane_at_all(scene: Scene) -> None:
    scene.put(scene.place(4) + b"x", 1, b"{}", b"0123456789abcdef")


def copied_from_another_lane(scene: Scene) -> None:
    _, at, entry, mac = entries(scene.log.rows(), scene.two)[-1]
    scene.put(scene.place(9), at, entry, mac)


def cut_off(scene: Scene) -> None:
    scene.delete(6, 7, 8)


def whole_lane_deleted(scene: Scene) -> None:
    scene.delete(*range(1, 9))


def seal_changed(scene: Scene) -> None:
    scene.log.change("UPDATE {0}seals SET at = at + 1 WHERE place = ?", (2).to_bytes(8))


def seal_of_before_1970(scene: Scene) -> None:
    scene.log.change("UPDATE {0}seals SET at = -1 WHERE place = ?", (2).to_bytes(8))


def seal_without_a_lane(scene: Scene) -> None:
    sealed = scene.log.seals()[-1]
    scene.log.change("UPDATE {0}seals SET heads = ? WHERE place = ?", sealed.heads[:-32], (2).to_bytes(8))


def first_seal_deleted(scene: Scene) -> None:
    scene.log.change("DELETE FROM {0}seals WHERE place = ?", (1).to_bytes(8))


def forged_seal(scene: Scene) -> None:
    sealed = scene.log.seals()[-1]
    text = "INSERT INTO {0}seals (tenant, place, version, at, heads, mac) VALUES ('default', ?, 1, ?, ?, ?)"
    scene.log.change(text, (3).to_bytes(8), sealed.at, sealed.heads, sealed.mac)


def no_seal_at_all(scene: Scene) -> None:
    text = "INSERT INTO {0}seals (tenant, place, version, at, heads, mac) VALUES ('default', ?, 1, 1, ?, ?)"
    scene.log.change(text, (1 << 8).to_bytes(9), b"", b"")


DETECTED: list[tuple[Callable[[Scene], None], list[tuple[str, int, int]]]] = [
    (changed_entry, [("row-changed", 4, 4)]),
    (changed_here_and_there, [("row-changed", 2, 2), ("row-changed", 4, 5)]),
    (changed_moment, [("row-changed", 4, 4)]),
    (changed_moment_to_before_1970, [("row-changed", 4, 4)]),
    (changed_mac, [("row-changed", 4, 5)]),
    (deleted_in_the_middle, [("rows-missing", 4, 4)]),
    (deleted_and_renumbered, [("row-changed", 4, 7)]),
    (first_row_deleted, [("rows-missing", 1, 1)]),
    (swapped, [("row-changed", 4, 6)]),
    (forged_at_the_end, [("row-changed", 9, 9)]),
    (forged_lane, [("lane-foreign", 1, 1)]),
    (row_before_the_first, [("row-foreign", 0, 0)]),
    (no_lane_at_all, [("row-foreign", 0, 0)]),
    (copied_from_another_lane, [("row-changed", 9, 9)]),
    (cut_off, [("rows-cut", 6, 7)]),
    (whole_lane_deleted, [("lane-missing", 1, 7)]),
    (seal_changed, [("seal-changed", 2, 2)]),
    (seal_of_before_1970, [("seal-changed", 2, 2)]),
    (seal_without_a_lane, [("seal-changed", 2, 2)]),
    (first_seal_deleted, [("seals-missing", 1, 1)]),
    (forged_seal, [("seal-changed", 3, 3)]),
    (no_seal_at_all, [("seal-foreign", 256, 256)]),
]


@pytest.fixture
def scene(town: Town, log: Log) -> Iterator[Scene]:
    found = Scene(town, log)
    yield found
    found.other.close()


def test_what_is_noticed(scene: Scene) -> None:
    """Whoever can write the database, and has no key: what is found, and where."""
    found = {}
    for tamper, _ in DETECTED:
        with scene.restored():
            tamper(scene)
            found[tamper.__name__] = [
                (each.name, *((0, 0) if each.name == "row-foreign" else (each.first, each.last)))
                for each in scene.log.found()
            ]
    assert found == {tamper.__name__: wanted for tamper, wanted in DETECTED}
    assert scene.log.found() == []


def test_rows_that_no_seal_covers_yet_can_be_deleted_from_the_end(scene: Scene) -> None:
    """The limit of what is promised: what was written since the last seal."""
    scene.delete(8)
    assert scene.log.found() == []


def test_the_last_seals_can_be_deleted_with_all_that_they_alone_cover(scene: Scene) -> None:
    """It is not noticed from inside; it is if a seal had left the machine."""
    scene.log.change("DELETE FROM {0}seals WHERE place = ?", (2).to_bytes(8))
    for lane in (scene.one, scene.two):
        scene.delete(6, 7, 8, lane=lane)
    assert scene.log.found() == []
    found = scene.log.found(*scene.shipped)
    assert {(each.name, each.first, each.last, each.shipped) for each in found} == {
        ("seals-cut", 2, 2, True),
        ("rows-cut", 6, 7, True),
    }
    assert {each.lane for each in found} == {b"", scene.one, scene.two}


def test_whoever_has_the_key_is_betrayed_by_a_seal_that_has_left_the_machine(scene: Scene) -> None:
    """He changes a row and signs everything that follows anew. Nothing inside shows it."""
    rows, keys = entries(scene.log.rows(), scene.one), scene.log.keys
    ends = {rows[-1][0][:8] + rows[-1][0][8:]: b""}
    before = rows[2][3]
    for place, at, entry, _ in rows[3:]:
        forged = entry.replace(b"caller-1", b"somebody")
        before = keys.row_mac(1, before, place, at, forged)
        ends[place] = before
        scene.log.change("UPDATE {0}audit SET entry = ?, mac = ? WHERE place = ?", forged, before, place)
    chained = bytes(16)
    for sealed in scene.log.seals():
        heads = sealed.heads[:4]
        for head in sealed.ends():
            place = head.lane + head.number.to_bytes(8)
            heads += place + ends.get(place, head.mac)
        chained = keys.seal_mac(1, chained, sealed.place, sealed.at, heads)
        scene.log.change("UPDATE {0}seals SET heads = ?, mac = ? WHERE place = ?", heads, chained, sealed.place)
    assert scene.log.found() == []
    found = scene.log.found(*scene.shipped)
    assert [(each.name, each.first, each.shipped) for each in found] == [
        ("seal-not-shipped-one", 2, True),
        ("row-not-sealed-one", 7, True),
    ]


def test_rows_of_another_tenant_prove_nothing(scene: Scene) -> None:
    """A log that is moved to another tenant as a whole is not that tenant's."""
    scene.log.change("UPDATE {0}audit SET tenant = 'other'")
    scene.log.change("UPDATE {0}seals SET tenant = 'other'")
    other = Log(Town(scene.town.settings, "other"), audit_keys(tenant="other"))
    names = {each.name for each in other.found()}
    assert names == {"seal-changed", "lane-foreign"}


def test_a_shipped_file_that_was_changed_is_not_believed(scene: Scene) -> None:
    first, second = scene.log.seals()
    lied = second._replace(heads=second.heads[:-1] + bytes([second.heads[-1] ^ 1]))
    assert ("shipped-changed", 2, True) in [
        (each.name, each.first, each.shipped) for each in scene.log.found(first, lied)
    ]
    early = first._replace(at=1)
    assert ("shipped-changed", 1, True) in [(each.name, each.first, each.shipped) for each in scene.log.found(early)]
    twice, *_ = scene.log.found(second, second._replace(at=1))
    assert (twice.name, twice.first, twice.last, twice.shipped) == ("shipped-twice", 2, 2, True)


def test_what_both_kinds_of_seals_prove_is_told_once(scene: Scene) -> None:
    whole_lane_deleted(scene)
    (found,) = scene.log.found(*scene.shipped)
    assert (found.name, found.lane, found.shipped) == ("lane-missing", scene.one, False)


# --- keys ---


def test_keys_are_replaced(town: Town, log: Log) -> None:
    """A new key signs, and the old one still verifies; without the old one its lanes prove nothing."""
    town.linked("o-1")
    log.seal()
    both = audit_keys(SECOND, FIRST)
    later = Town(town.settings, audit=both)
    later.wall = town.wall + 10
    later.linked("o-1")
    Log(later, both).seal()
    assert log.verify(keys=both).found == []
    assert log.verify(keys=audit_keys(FIRST, SECOND)).found == []
    names = [(each.name, each.first) for each in log.verify(keys=audit_keys(SECOND)).found]
    assert names == [("seal-changed", 1), ("lane-foreign", 1)]
    later.close()
