"""A process that authorizes people until it is killed: ``python -m support.auditing_process DATABASE PREFIX FORKS``.

It prints a line for each authorization that the database has acknowledged.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from haoma.store.config import StoreSettings
from support.accounts import Town
from support.auditing import audit_keys
from support.stores import KEYS


def main(url: str, prefix: str, forks: int) -> None:
    """Authorize for ever; or, with forks, let each child authorize five times and end."""
    town = Town(StoreSettings(database_url=url, table_prefix=prefix, keys=KEYS), audit=audit_keys())
    town.linked(f"first-{os.getpid()}", f"136{os.getpid():08}")
    if forks:
        children = [_child(town) for _ in range(forks)]
        for _ in range(5):
            town.linked(f"first-{os.getpid()}", f"136{os.getpid():08}")
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * forks
        town.close()
        return
    for number in range(1 << 30):
        town.linked(f"o-{os.getpid()}-{number % 7}", f"137{(os.getpid() * 7 + number % 7) % 10**8:08}")
        print(number, flush=True)


def _child(town: Town) -> int:
    child = os.fork()
    if not child:
        for _ in range(5):
            town.linked(f"c-{os.getpid()}", f"135{os.getpid():08}")
        os._exit(0)
    return child


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
