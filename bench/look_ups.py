"""Measures whether the duration of a look-up reveals if there is such an account.

One request to ``haoma serve`` over loopback looks for a number, or for a login, that somebody has or nobody has. The
kinds take turns in changing order, and none is asked for twice. The figure is the AUC of Mann and Whitney; see
`bench.timing`.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.goals import Goal, Row, Section
from bench.people import TABLE
from bench.service import KEY, configuration, running
from bench.store import KEY as STORE_KEY
from bench.store import databases
from bench.timing import auc, connected
from haoma import load
from haoma.client import AsyncClient
from haoma.phone import PhoneNumber
from haoma.simulator.beside import free_port
from haoma.steps import Conclude, Outcome, ask
from haoma.store.config import StoreSettings, format_key
from haoma.verified import Check, CheckName, Subject, VerifiedPhone

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEAR: Final = 0.02
_PAIRS: Final = (("number", "number, unknown"), ("login", "login, unknown"))


def measure(samples: int) -> Section:
    """Measure every database that is there."""
    title = f"Look-ups of what is known and unknown, HTTP, {samples} of each  已知与未知的查找"
    section = Section(title, ("AUC", "µs", "µs", ""))
    furthest = 0.0
    with ExitStack() as stack:
        for name, settings in databases(stack, section).items():
            times = _measure(stack, settings, samples)
            for known, unknown in _PAIRS:
                value = auc(times[known], times[unknown])
                furthest = max(furthest, abs(value - 0.5))
                typical = (f"{median(times[each]) * 1e6:.1f}" for each in (known, unknown))
                verdict = "ok" if abs(value - 0.5) <= _NEAR else "over 超出"
                section.rows.append(Row(f"{name}: {known}", (f"{value:.3f}", *typical, verdict)))
    section.goals.append(Goal("furthest AUC from 0.5  离 0.5 最远的 AUC", furthest, "<=", _NEAR, ""))
    section.notes.append(f"one standard error  标准误: {(6 * samples) ** -0.5:.3f}")
    return section


def _measure(stack: ExitStack, settings: StoreSettings, samples: int) -> dict[str, list[float]]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-bench-")))
    store = f"[store]\ndatabase_url = {json.dumps(settings.database_url)}\nkeys = [{json.dumps(format_key(STORE_KEY))}]"
    config, _, _ = configuration(folder, f"{store}\n{TABLE}\n")
    config.write_text(
        config.read_text("utf-8").replace("[service]", '[service]\nlook_up_limit = "10000/s"', 1), "utf-8"
    )
    numbers = random.sample(range(13_000_000_000, 14_000_000_000), 2 * samples)
    asyncio.run(_fill(config, [str(number) for number in numbers[:samples]]))
    port = free_port()
    process = stack.enter_context(
        running(("-m", "haoma", "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}"))
    )
    connection = connected(port)
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    times: dict[str, list[float]] = {kind: [] for pair in _PAIRS for kind in pair}
    for kind, body in _bodies(numbers, samples):
        content = json.dumps(body)
        started = time.perf_counter()
        connection.request("POST", "/v1/accounts/look-up", content, headers)
        answer = connection.getresponse()
        found = answer.read()
        times[kind].append(time.perf_counter() - started)
        if answer.status != 200 or (json.loads(found)["account"] is None) != kind.endswith("unknown"):
            raise AssertionError((kind, answer.status, found))
    process.terminate()
    return times


def _bodies(numbers: list[int], samples: int) -> Iterator[tuple[str, dict[str, Any]]]:
    known, unknown = numbers[:samples], numbers[samples:]
    random.shuffle(known)
    for one, other in zip(known, unknown, strict=True):
        turns: list[tuple[str, dict[str, Any]]] = [
            ("number", {"phone_number": f"+86{one}"}),
            ("number, unknown", {"phone_number": f"+86{other}"}),
            ("login", _login(one)),
            ("login, unknown", _login(other)),
        ]
        random.shuffle(turns)
        yield from turns


def _login(number: int) -> dict[str, Any]:
    return {"login": {"app": "shop", "kind": "openid", "value": f"user-{number}"}}


async def _fill(config: Path, numbers: list[str]) -> None:
    """Let everybody have an account."""
    settings = load(config)
    app = settings.app("shop")
    checks = (Check(CheckName.LOGIN_BINDING, True, "bench"),)
    outcomes: list[Outcome] = [
        VerifiedPhone(PhoneNumber("86", number), app.platform, app.name, Subject(openid=f"user-{number}"), checks)
        for number in numbers
    ]
    async with AsyncClient(settings) as client:
        for start in range(0, len(outcomes), 500):
            part = outcomes[start : start + 500]
            await asyncio.gather(*(client.run(ask(Conclude(app.scope, None, outcome))) for outcome in part))
