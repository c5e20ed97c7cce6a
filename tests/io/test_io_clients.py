"""The addresses of users, and their budgets of refused codes, as the integrations count them."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest

from haoma.errors import Busy, CodeRejected, HaomaError, TooManyRefusedCodes
from haoma.integrations.common import caller_of
from haoma.io.clients import Clients
from haoma.steps import Flow, Pause

ADDRESS = "203.0.113.7"


def clients(*proxies: str, limit: int = 3, seconds: float = 60) -> Clients:
    return Clients([ip_network(each) for each in proxies], limit, seconds)


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "address"),
    [
        ("8.8.8.8", "", (), "8.8.8.8"),
        ("8.8.8.8", ADDRESS, (), "8.8.8.8"),  # written by a stranger
        ("127.0.0.1", ADDRESS, (), ""),  # a proxy that nobody has named
        ("10.0.0.1", "", (), ""),
        ("", ADDRESS, (), ADDRESS),  # a UNIX socket
        (None, ADDRESS, (), ADDRESS),
        ("", "", (), ""),
        ("127.0.0.1", ADDRESS, ("127.0.0.1",), ADDRESS),
        ("127.0.0.1", f"1.1.1.1, {ADDRESS}", ("127.0.0.1",), ADDRESS),
        ("127.0.0.1", f"{ADDRESS}, 10.0.0.9", ("127.0.0.1", "10.0.0.0/8"), ADDRESS),
        ("10.0.0.1", ADDRESS, ("127.0.0.1",), "10.0.0.1"),
        ("127.0.0.1", "rubbish", ("127.0.0.1",), "127.0.0.1"),
        ("testclient", "", (), ""),
    ],
)
def test_whose_request_it_is(peer: str | None, forwarded: str, proxies: tuple[str, ...], address: str) -> None:
    assert clients(*proxies).address(peer, forwarded) == address


def test_no_two_users_are_one_caller() -> None:
    """An answer that is repeated is the same user's, and an id may be chosen by whoever wants another one's answer."""
    assert len({caller_of("x", user) for user in range(200_000)}) == 200_000
    assert caller_of("x", 0) != caller_of("x", "") == caller_of("x", None) == "x"
    assert caller_of("x", "\ud800") != caller_of("x", "?")


def test_a_back_end_serves_many_users() -> None:
    """Its own address does not count; one that its proxy names does."""
    assert clients().address("8.8.8.8", "", trusted=True) == ""
    assert clients("127.0.0.1").address("127.0.0.1", "", trusted=True) == ""
    assert clients("127.0.0.1").address("127.0.0.1", ADDRESS, trusted=True) == ADDRESS


def _flow(error: HaomaError | None = None) -> Flow[str]:
    yield Pause(0)
    if error is not None:
        raise error
    return "found"


def run(flow: Generator[object, object, str]) -> str:
    try:
        while True:
            flow.send(None)
    except StopIteration as end:
        found: str = end.value
        return found


def test_refused_codes_alone_are_counted() -> None:
    found = clients(limit=2)
    for _ in range(5):
        assert run(found.within_budget(_flow(), ADDRESS)) == "found"
        with pytest.raises(Busy):
            run(found.within_budget(_flow(Busy()), ADDRESS))
    for _ in range(2):
        with pytest.raises(CodeRejected):
            run(found.within_budget(_flow(CodeRejected()), ADDRESS))
    with pytest.raises(TooManyRefusedCodes) as refused:
        run(found.within_budget(_flow(), ADDRESS))
    assert 59 <= refused.value.retry_after <= 60
    assert run(found.within_budget(_flow(), "203.0.113.8")) == "found"
    assert run(found.within_budget(_flow(), "")) == "found"


def test_the_networks_of_an_address_have_budgets_too() -> None:
    found, refused = clients(limit=1), 0
    for number in range(6):  # a /56 has four
        try:
            run(found.within_budget(_flow(CodeRejected()), found.address(f"2a00:1450:4001:80{number}::1", "")))
        except CodeRejected:
            refused += 1
        except TooManyRefusedCodes:
            pass
    assert refused == 4


def test_requests_in_progress_take_places() -> None:
    """A thousand at once would all see an unused budget. Who finds no place may come again at once."""
    found = clients(limit=2)
    begun = [found.within_budget(_flow(CodeRejected()), ADDRESS) for _ in range(30)]
    refusals = []
    for flow in begun:
        try:
            flow.send(None)
        except TooManyRefusedCodes as error:
            refusals.append(error.retry_after)
    assert refusals == [1] * 8
    for flow in begun[:21]:
        flow.close()  # whoever leaves gives the place back
    with pytest.raises(CodeRejected):
        run(begun[21])
    assert run(found.within_budget(_flow(), ADDRESS)) == "found"


def test_threads_share_a_budget() -> None:
    found = clients(limit=10)

    def guess(_number: int) -> str:
        try:
            return run(found.within_budget(_flow(CodeRejected()), ADDRESS))
        except HaomaError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(guess, range(200)))
    assert 10 <= codes.count("platform.code-rejected") <= 13  # as many more as were in progress
    assert set(codes) == {"platform.code-rejected", "caller.too-many-refused-codes"}
