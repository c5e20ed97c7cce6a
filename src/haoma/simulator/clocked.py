"""A command of haoma in a process whose clock the simulator moves: ``python -m haoma.simulator.clocked serve …``.

Each line on stdin is the number of seconds that the clock is to be ahead from now on, and is answered on stdout. The
process ends when stdin does, so that it never outlives the simulator. It is the same ``haoma serve`` as any other; only
the time that it sees is not.
"""

from __future__ import annotations

import os
import runpy
import signal
from threading import Thread

from haoma.io import clock

MOVED = "moved"
"""How a line of the answers begins."""


def _follow() -> None:
    # Not through sys.stdin: at its end, Python could not close what a thread is reading from.
    while asked := os.read(0, 64):
        for line in asked.split():
            clock.forge_now(float(line))
            os.write(1, f"{MOVED} {line.decode()}\n".encode())
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    Thread(target=_follow, name="haoma-clock", daemon=True).start()
    runpy.run_module("haoma", run_name="__main__")  # not imported: the simulator does not know the service
