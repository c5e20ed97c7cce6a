"""The contract of the steps on the engine of OceanBase, from a wheel: it speaks MySQL's protocol, no more."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from chaos.rows import Row, Tally

_TESTS = Path(__file__).parents[2] / "tests"
_NAME = "contract of the steps on OceanBase"


async def oceanbase(kind: str) -> Row:
    """Run the contract. It needs ``pip install pylibseekdb`` (139 MB)."""
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(_TESTS / "answerers" / "oceanbase.py"),
    )
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    counts = {
        word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error)", out.decode().splitlines()[-1])
    }
    tally = Tally()
    tally.say("passed", counts.get("passed", 0))
    tally.want("failed", counts.get("failed", 0) + counts.get("error", 0), 0)
    tally.want("exit", process.returncode, 0)
    return tally.row(_NAME, kind)
