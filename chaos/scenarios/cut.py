"""The connection is cut around a COMMIT: nobody can tell from the line whether it happened.

A request commits at least twice: when it reserves the code, and when it concludes. They are cut in turn. The service
has to find out what was committed, and may do nothing twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.rows import Tally
from chaos.wechat import new_code, number_of

if TYPE_CHECKING:
    from chaos.bases import Base
    from chaos.cutting import Cutter
    from chaos.fleet import Answer, Fleet
    from chaos.wechat import WeChat

MODES = ("after", "at", "late", "before")
DONE = 1


async def cut(base: Base, fleet: Fleet, platform: WeChat, mode: str, *, rounds: int, app: str = "shop") -> Tally:
    """Cut each commit of ``rounds`` requests, in a mode of `Cutter`."""
    cutter = base.cutter
    assert cutter is not None
    client = fleet.client(fleet.alive[0])
    cutter.mode = mode
    await client.send(new_code(), app)  # connected, and a token is there
    before = cutter.cuts
    sent: dict[str, Answer] = {}
    for number in range(rounds):
        code = new_code()
        cutter.armed = 0
        if number % 2:  # the second commit of the request: the conclusion
            platform.on_code = lambda _: _arm(cutter)
        else:
            cutter.armed = 1
        sent[code] = await client.send(code, app)
        platform.on_code = None
    client.close()
    states = await base.states()
    tally = Tally()
    tally.want("commits cut", cutter.cuts - before, rounds)
    tally.want("answered with the number", sum(each.number == number_of(code) for code, each in sent.items()), rounds)
    tally.want("called once", sum(platform.calls[code] == 1 for code in sent), rounds)
    tally.want("rows done", sum(states.get(fleet.place(code, app)) == DONE for code in sent), rounds)
    tally.want("other answers", ", ".join(sorted({each.code for each in sent.values() if each.code})) or 0, 0)
    return tally


async def _arm(cutter: Cutter) -> None:
    cutter.armed = 1
