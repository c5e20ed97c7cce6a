"""Tells the service manager how the service is: the protocol of ``sd_notify``, as systemd and others speak it.

Nothing happens unless the manager asks for it by ``NOTIFY_SOCKET`` (``Type=notify-reload``, ``Type=notify``) and
``WATCHDOG_USEC`` (``WatchdogSec=``). Page: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"


def reloading() -> str:
    """Return the message that a reload has begun. The manager compares the time with its own."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def notify(message: str) -> None:
    """Send a message to the service manager, if there is one. A manager that does not listen changes nothing."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.connect("\0" + path[1:] if path.startswith("@") else path)
        manager.sendall(message.encode("ascii"))


def watchdog_seconds() -> float:
    """Return how often the manager wants to hear that the service is alive; 0 if it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0


def on_hangup(act: Callable[[], object]) -> None:
    """Call ``act`` on SIGHUP, unless a terminal is there whose end sends it."""
    if os.name == "posix" and not (sys.stdin is not None and sys.stdin.isatty()):
        signal.signal(signal.SIGHUP, lambda *_: act())
