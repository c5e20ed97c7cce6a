"""Clients that send new codes all the time, and what came of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.fleet import Answer, Broken
from chaos.wechat import new_code, number_of
from haoma.store.rows import DONE

if TYPE_CHECKING:
    from chaos.rows import Tally
    from chaos.stage import Stage

UNKNOWN = "outside.outcome-unknown"
BAD_CODE = "platform.code-rejected"
USED = "trust.already-used"
UNAVAILABLE = "internal.store-unavailable"
REFUSED = "no connection"
CUT = "cut off"
GONE = "gone"
LATER = frozenset({"caller.too-slow", UNAVAILABLE, "caller.draining"})
_LONGEST = 120.0
_REPEAT = 29.0  # for how long an answer is remembered, nearly


async def send_once(stage: Stage, number: int, code: str, app: str = "shop", key: int = 0) -> Answer | None:
    """Send a code over a connection of its own; None if there was no answer."""
    client = stage.fleet.client(number)
    try:
        return await client.send(code, app, key)
    except Broken:
        return None
    finally:
        client.close()


@dataclass
class Load:
    """Clients, each with one code at a time, until they are told to stop.

    Attributes:
        leaving: One of so many clients does not come back after its connection broke; 0 for none.
        pause: Seconds between an answer and the next code of a client.
        acknowledged: The codes whose number was answered, and when (monotonic).
        ends: What the last answer to each code was; ``number`` for a number.
        late: The codes of which the answer got lost, and that were sent again when it was no longer remembered.
        tries: How often a code had to be sent again.
        refusals: What they were told before.
        seconds: How long each answered request took.
    """

    stage: Stage
    clients: int
    app: str = "shop"
    pause: float = 0.0
    leaving: int = 0
    acknowledged: dict[str, float] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    late: set[str] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    tries: int = 0
    stopped: bool = False

    async def run(self) -> None:
        """Send, until `stop` is called and every code has an end."""
        await asyncio.gather(*(self._live(number) for number in range(self.clients)))

    def stop(self) -> None:
        """Begin no other code."""
        self.stopped = True

    async def _live(self, client: int) -> None:
        while not self.stopped:
            await asyncio.sleep(self.pause * random.random() * 2)
            code = new_code()
            number = random.randrange(1000)
            first = time.monotonic()
            until = first + _LONGEST
            while True:
                began = time.monotonic()
                answer = await self._send(number, code)
                if answer is not None and answer.code not in LATER:
                    self.seconds.append(time.monotonic() - began)
                    break
                leaves = answer is None and self.leaving and client % self.leaving == 0
                if leaves or time.monotonic() > until:
                    break
                self.tries += 1
                if answer is not None:
                    self.refusals[answer.code] += 1
                number += 1
            if answer is not None and answer.code == "" and answer.number == number_of(code):
                self.acknowledged[code] = time.monotonic()
            if answer is not None and answer.code == USED and began - first > _REPEAT:
                self.late.add(code)
            gone = answer is None and self.leaving and client % self.leaving == 0
            self.ends[GONE if gone else "none" if answer is None else answer.code or "number"] += 1

    async def _send(self, number: int, code: str) -> Answer | None:
        fleet = self.stage.fleet
        alive = fleet.alive
        if not alive:
            await asyncio.sleep(0.05)
            return None
        client = fleet.client(alive[number % len(alive)])
        try:
            return await client.send(code, self.app)
        except Broken as how:
            self.refusals[REFUSED if str(how) == "ConnectionRefusedError" else CUT] += 1
            await asyncio.sleep(0.05)  # nothing listens there yet, or it was killed
            return None
        finally:
            client.close()

    async def judge(self, tally: Tally) -> None:
        """Compare what was acknowledged with the ledger and with the platform."""
        states, fleet, calls = await self.stage.base.states(), self.stage.fleet, self.stage.platform.calls
        tally.say("acknowledged", len(self.acknowledged))
        tally.say("sent again", self.tries)
        lost = sum(states.get(fleet.place(code, self.app)) != DONE for code in self.acknowledged)
        tally.want("acknowledged and lost", lost, 0)
        # A code that is sent to the platform twice was spent the first time: its number must not have come.
        tally.want("done twice", sum(calls[code] > 1 for code in self.acknowledged), 0)
        tally.want("bad code", self.ends[BAD_CODE], 0)
        tally.say("outcome unknown", self.ends[UNKNOWN])
        if self.late:
            tally.say("answer lost and asked for too late", len(self.late))
            tally.want(
                "of these done",
                sum(states.get(fleet.place(code, self.app)) == DONE for code in self.late),
                len(self.late),
            )
        self.ends[USED] -= len(self.late)
        others = {end for end, count in self.ends.items() if count} - {"number", UNKNOWN, BAD_CODE, GONE}
        tally.want("other ends", ", ".join(sorted(others)) or 0, 0)


def percentile(values: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    found = sorted(values)
    return found[min(len(found) - 1, int(len(found) * share))] * 1000 if found else 0.0
