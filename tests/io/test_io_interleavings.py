"""Flows for one value in any order, with time passing in between: whose word counts, and who gets what.

Each flow claims the value, says what came of it (or nothing), and ends. A flow may hang at any place while others go on.
Each outcome carries the name of the flow that it came from, so that it can be seen where it arrives.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from haoma.errors import AlreadyUsed, CodeRejected, ConnectFailed, HaomaError, OutcomeUnknown, Spent
from haoma.io.memory import Memory, Waiting
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import Claim, Fresh, Settle, Settled
from haoma.verified import Subject, VerifiedPhone

PATIENCE, SECONDS = 60.0, 300.0


def _outcome(kind: str, name: str) -> VerifiedPhone | HaomaError:
    if kind == "number":
        return VerifiedPhone(PhoneNumber("86", "13800138000"), "wechat", "shop", Subject(openid=name), ())
    errors = {"refused": CodeRejected, "unknown": OutcomeUnknown, "unspent": ConnectFailed}
    spent = {"refused": Spent.YES, "unknown": Spent.UNKNOWN, "unspent": Spent.NO}
    return errors[kind](because={"by": name}, spent=spent[kind])


def _name_in(outcome: Any) -> str:
    if isinstance(outcome, VerifiedPhone):
        assert outcome.subject is not None
        return outcome.subject.openid
    return str(outcome.because["by"])


@dataclass
class Flow:
    """One flow; ``user`` is its fingerprint."""

    name: str
    user: str
    kind: str
    left: list[str] = field(default_factory=lambda: ["claim", "settle", "end"])
    held: list[Any] = field(default_factory=list)
    since: float = 0.0
    got: Any = None

    @property
    def leads(self) -> bool:
        return bool(self.held) and bool(self.left)


def play(seed: int) -> None:
    """Play one order of five flows of two users."""
    rng = random.Random(seed)
    now = [1000.0]
    memory = Memory(now=lambda: now[0], wall=lambda: now[0], patience=PATIENCE)
    kinds = ["number", "refused", "unknown", "unspent", "nothing"]
    flows = [Flow(f"{user}{number}", user, rng.choice(kinds)) for number in range(3) for user in "ab"][:5]
    delivered: list[tuple[float, str]] = []
    while waiting := [flow for flow in flows if flow.left]:
        flow = rng.choice(waiting)
        match flow.left.pop(0):
            case "claim":
                try:
                    answer = memory.answer(
                        Claim("shop", "code", Secret("value"), flow.user.encode(), SECONDS, 30.0), flow.held
                    )
                except AlreadyUsed:
                    flow.left.clear()
                    continue
                if isinstance(answer, Fresh):
                    leading = [each for each in flows if each is not flow and each.leads]
                    assert all(now[0] >= each.since + PATIENCE for each in leading if each.left != ["end"])
                    assert all(now[0] - at >= SECONDS for at, user in delivered if user != flow.user)
                    flow.since = now[0]
                else:
                    flow.left.clear()
                    flow.got, flow.since = answer, now[0]
            case "settle" if flow.kind != "nothing":
                memory.answer(Settle(flow.held[0], _outcome(flow.kind, flow.name)))
                if flow.kind == "number" and now[0] - flow.since < PATIENCE:
                    delivered.append((flow.since, flow.user))
            case "end":
                memory.abandon(flow.held[0])
        now[0] += rng.choice([0, 0, 0, 1, 61, 310])
    for flow in flows:
        _check(flow, now[0])


def _check(flow: Flow, now: float) -> None:
    """When all have ended: nobody waits, and what a flow got is its user's own."""
    answer = flow.got
    if isinstance(answer, Waiting):
        if not answer.future.done():
            assert now >= flow.since + answer.seconds  # he has given up, and asked again
            return
        answer = None if answer.future.exception() else answer.future.result()
    if isinstance(answer, Settled):
        assert _name_in(answer.outcome)[0] == flow.user


@pytest.mark.parametrize("part", range(2))
def test_any_order(part: int) -> None:
    """No outcome arrives at another's request; two flows lead only if one has hung; nobody waits when all have ended."""
    for seed in range(part * 1500, part * 1500 + 1500):
        play(seed)
