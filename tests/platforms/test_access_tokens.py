"""An access token over its life: renewed ahead of its end, and contested by another program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from haoma.errors import TimedOut
from haoma.io.memory import Memory
from haoma.platforms.base.access_tokens import CachedToken, CallbackToken, token_place
from haoma.secret import Secret
from haoma.steps import Count, Flow, Notice, Pause, ask

PLACE = token_place("stable", "https://api.test", "wx0123456789abcdef")


class Desk:
    """Answers flows one after the other, with a clock and a platform in the hands of the test."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.memory = Memory(now=lambda: self.clock, wall=lambda: self.clock)
        self.fetched = 0
        self.broken = False
        self.notices: list[Notice] = []
        self.counts: list[Count] = []
        self.token = CachedToken(PLACE, self._fetch)
        self.lives = 6900.0

    def _fetch(self) -> Flow[tuple[Secret, float]]:
        yield from ask(Pause(1))
        self.fetched += 1
        if self.broken:
            raise TimedOut
        return Secret(f"token-{self.fetched}"), self.lives

    def begin(self, flow: Flow[Secret]) -> Iterator[None]:
        """Go on with a flow, up to its next pause; its result is in ``result``."""
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                self.result = end.value
                return
            if isinstance(step, Pause):
                yield
                answer = None
            elif isinstance(step, Notice):
                self.notices.append(step)
                answer = None
            elif isinstance(step, Count):
                self.counts.append(step)
                answer = None
            else:
                answer = self.memory.answer(step)

    def run(self, flow: Flow[Secret]) -> str:
        for _ in self.begin(flow):
            pass
        return str(self.result.reveal())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_token_is_renewed_ahead_by_one(desk: Desk) -> None:
    """While one request fetches the next token, all others go on with the old one."""
    assert desk.run(desk.token.token()) == "token-1"
    desk.clock += 6899
    assert (desk.run(desk.token.token()), desk.fetched) == ("token-1", 1)
    desk.clock += 1
    renewing = desk.begin(desk.token.token())
    next(renewing)
    assert [desk.run(desk.token.token()) for _ in range(3)] == ["token-1"] * 3
    assert list(renewing) == []
    assert desk.result == Secret("token-2")
    assert desk.run(desk.token.token()) == "token-2"
    assert desk.fetched == 2


def test_what_fails_ahead_is_tried_again_in_a_while(desk: Desk) -> None:
    """The old token is used until its end; only after that the failure is the caller's."""
    desk.run(desk.token.token())
    desk.clock += 6900
    desk.broken = True
    assert [desk.run(desk.token.token()) for _ in range(3)] == ["token-1"] * 3
    assert desk.fetched == 2
    desk.clock += 14
    assert (desk.run(desk.token.token()), desk.fetched) == ("token-1", 2)
    desk.clock += 1
    assert (desk.run(desk.token.token()), desk.fetched) == ("token-1", 3)
    desk.clock += 240 - 15 - 1
    assert (desk.run(desk.token.token()), desk.fetched) == ("token-1", 3)
    desk.clock += 1
    with pytest.raises(TimedOut):
        desk.run(desk.token.token())


def test_a_short_token_is_not_renewed_ahead(desk: Desk) -> None:
    """Otherwise every request would fetch one: what is renewed in its last seconds is always in its last seconds."""
    desk.lives = 30.0
    assert [desk.run(desk.token.token()) for _ in range(3)] == ["token-1"] * 3
    desk.clock += 29
    assert (desk.run(desk.token.token()), desk.fetched) == ("token-1", 1)
    desk.clock += 1
    assert desk.run(desk.token.token()) == "token-2"


def test_a_token_that_is_used_up_by_its_renewal_is_not_renewed_ahead(desk: Desk) -> None:
    """It is used for exactly its time."""
    once = CachedToken(PLACE, desk.token.fetch, ahead=False)
    assert desk.run(once.token()) == "token-1"
    for away in (6800, 99):
        desk.clock += away
        assert (desk.run(once.token()), desk.fetched) == ("token-1", 1)
    desk.clock += 1
    assert desk.run(once.token()) == "token-2"


def test_a_replacement_is_shared_for_a_second(desk: Desk) -> None:
    """Requests that are refused with one token at about the same time have the application asked once."""

    def tell(rejected: Secret | None) -> Flow[Secret]:
        assert rejected == Secret("refused")
        token, _ = yield from desk.token.fetch()
        return token

    callback = CallbackToken(PLACE, tell)
    assert [desk.run(callback.renewed(Secret("refused"))) for _ in range(2)] == ["token-1"] * 2
    desk.clock += 1
    assert desk.run(callback.renewed(Secret("refused"))) == "token-2"


def test_tokens_are_counted(desk: Desk) -> None:
    """What is fetched, what cannot be, and what the platform rejects: with the issuer and the app, and without a token."""
    desk.run(desk.token.token())
    desk.run(desk.token.token())
    desk.run(desk.token.renewed(Secret("token-1")))
    desk.clock += 7200
    desk.broken = True
    with pytest.raises(TimedOut):
        desk.run(desk.token.token())
    found = [dict(each.labels) for each in desk.counts]
    assert [each.pop("outcome") for each in found] == ["fetched", "rejected", "fetched", "failed"]
    assert found == [{"issuer": "stable", "app_id": "wx0123456789abcdef"}] * 4
    assert {each.what for each in desk.counts} == {"token"}


def test_a_token_that_dies_early_again_and_again_is_contested(desk: Desk) -> None:
    """Once may be a reset secret. More often than three times an hour, another program fetches its own."""
    for number in range(1, 5):
        assert desk.run(desk.token.token()) == f"token-{number}"
        assert desk.run(desk.token.renewed(Secret(f"token-{number}"))) == f"token-{number + 1}"
        assert desk.run(desk.token.renewed(Secret(f"token-{number}"))) == f"token-{number + 1}"
        assert len(desk.notices) == (number == 4)
    (notice,) = desk.notices
    assert notice == Notice("config.token-contested", (("issuer", "stable"), ("app_id", "wx0123456789abcdef")))
    desk.clock += 3599
    desk.run(desk.token.renewed(Secret("token-5")))
    assert len(desk.notices) == 2
    desk.clock += 1
    desk.run(desk.token.renewed(Secret("token-6")))
    assert len(desk.notices) == 2
