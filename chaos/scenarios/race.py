"""Many clients send the same codes to several processes, as the same and as different callers.

One platform call and one winner for each code: the number goes to one caller alone, and to everybody else 409.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import TYPE_CHECKING

from chaos.fleet import Answer, Broken
from chaos.rows import Tally
from chaos.wechat import new_code, number_of

if TYPE_CHECKING:
    from chaos.fleet import Fleet
    from chaos.wechat import WeChat

_USED = "trust.already-used"


async def race(fleet: Fleet, platform: WeChat, *, clients: int, codes: int, app: str = "shop") -> Tally:
    """Let every client send every code. Half of them are one caller, half another."""
    fresh = [new_code() for _ in range(codes)]
    answers: dict[str, list[tuple[int, Answer]]] = defaultdict(list)
    broken, alive = 0, fleet.alive

    async def live(number: int) -> None:
        nonlocal broken
        client = fleet.client(alive[number % len(alive)])
        key = number // len(alive) % 2
        # The same order for all, or they would seldom meet; a few places to and fro, or the first one would always win.
        order = sorted(range(codes), key=lambda place: place + random.random() * 8)
        for place in order:
            code = fresh[place]
            try:
                answers[code].append((key, await client.send(code, app, key)))
            except Broken:
                broken += 1
        client.close()

    await asyncio.gather(*(live(number) for number in range(clients)))
    tally = Tally()
    tally.want("codes", len(answers), codes)
    tally.want("called once", sum(platform.calls[code] == 1 for code in fresh), codes)
    tally.want("one winner", sum(_one_winner(code, found) for code, found in answers.items()), codes)
    tally.want("answers", sum(map(len, answers.values())), clients * codes)
    tally.want("unanswered", broken, 0)
    others = [each.code for found in answers.values() for _, each in found if each.code not in ("", _USED)]
    tally.want("other refusals", ", ".join(sorted(set(others))) or 0, 0)
    return tally


def _one_winner(code: str, found: list[tuple[int, Answer]]) -> bool:
    """Tell whether one caller alone has the number, and it is the right one."""
    good = [(key, answer) for key, answer in found if not answer.code]
    first = [answer for _, answer in good if not answer.found["repeated"]]
    return (
        len({key for key, _ in good}) == 1
        and all(answer.number == number_of(code) for _, answer in good)
        and len(first) <= 1  # those who waited for the first are told that theirs is a repetition
    )
