"""``haoma simulate -- COMMAND``: an application of yours beside the simulated platforms."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haoma.simulator.device import ADDRESS
from haoma.simulator.phone.service import Theirs
from haoma.simulator.running import Simulator, address
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFIG: Final = "HAOMA_CONFIG"


def run_beside(command: Sequence[str], listen: str, service: str = "", lang: str = "en") -> int:
    """Run a command until it ends, and return its exit code.

    Its environment has ``HAOMA_CONFIG``, a haoma.toml for the simulated platforms. Accounts are kept, in a database
    that is thrown away; conflicts are left to be decided.

    Args:
        command: The program and its arguments.
        listen: ``host:port`` of the simulator.
        service: Where the command listens: the phone in the browser posts there.
        lang: ``zh`` or ``en``.

    Raises:
        ValueError: ``listen`` or ``service`` is malformed.
        OSError: Cannot listen on the address, or there is no such program.
    """
    address(listen, lang)
    if service and not ADDRESS.fullmatch(service):
        raise ValueError(text("simulator", "bad-service", lang))
    with tempfile.TemporaryDirectory(prefix="haoma-") as folder, Simulator(listen) as simulator:
        if service:
            simulator.use(Theirs(service))
        config = simulator.write_config(Path(folder) / "haoma.toml", accounts=True)
        sys.stderr.write(text("simulator", "beside", lang, url=simulator.url, config=config) + "\n")
        # A terminal sends Ctrl-C to both. The command ends first.
        process = subprocess.Popen(command, env={**os.environ, _CONFIG: str(config)})  # noqa: S603 - the user's own
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        ended = process.wait()
        return 128 - ended if ended < 0 else ended  # as a shell says it
