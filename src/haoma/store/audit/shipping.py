"""Seals as lines of text: in the log, in a file, wherever nobody who writes the database can reach them.

A line is a JSON object, so that a line of the service's log is one, and a whole log file can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.store.audit.seals import Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EVENT: Final = "audit seal"


class _Line(msgspec.Struct):
    event: str = ""
    tenant: str = ""
    seal: int = 0
    at: int = 0
    heads: str = ""
    mac: str = ""


_decode: Final = msgspec.json.Decoder(_Line).decode


def shipped(seal: Seal, tenant: str) -> dict[str, Any]:
    """Return what a line says of a seal."""
    return {
        "event": EVENT, "tenant": tenant, "seal": seal.number, "at": seal.at,
        "heads": seal.heads.hex(), "mac": seal.mac.hex(),
    }  # fmt: skip


def read(lines: Iterable[bytes], tenant: str) -> Iterator[Seal]:
    """Yield a tenant's seals of a file; what else is in it is left out."""
    for line in lines:
        if EVENT.encode() not in line:
            continue
        try:
            found = _decode(line)
            made = Seal(found.seal, found.at, bytes.fromhex(found.heads), bytes.fromhex(found.mac))
        except (msgspec.MsgspecError, ValueError):
            continue
        if found.event == EVENT and found.tenant == tenant and 0 < made.number < 1 << 64:
            yield made
