"""What a supervisor and its workers say to each other: words over a pipe."""

from __future__ import annotations

from typing import Final

PREPARE: Final = "prepare"
"""The supervisor: read the configuration again and build its application. The digest of what it has read follows."""
SWAP: Final = "swap"
"""The supervisor: let it answer from now on."""
DROP: Final = "drop"
"""The supervisor: forget it."""
PREPARED: Final = "prepared"
"""A worker: the next application is built."""
FAULTY: Final = "faulty"
"""A worker: it cannot be built."""
READY: Final = "ready"
"""A worker: requests are accepted."""
ALIVE: Final = "alive"
"""A worker: the event loop still turns."""
