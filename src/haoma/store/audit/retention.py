"""Rows of the audit log that are old are dropped, and the log says so.

Lanes are ordered by the moment when they were opened, and last for an hour. So what is old is the beginning of the
table. A lane is dropped as a whole, once a seal has covered its end and all of it is older than the retention; so are
the seals from before, except for the last one, to which the next one is chained. Each transaction that drops rows also
writes one that says up to which place, so an auditor can tell what was dropped from what was removed or put in.

Source: article 21 (3) of the Cybersecurity Law of the People's Republic of China: logs are kept for at least six
months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from haoma.store.audit.lanes import LANE_MS, Lane
from haoma.store.audit.seals import SLACK_MS, Statements, seal_of
from haoma.store.days import DAY_MS
from haoma.store.rows import AUDIT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from haoma.store.audit.lanes import AuditKeys
    from haoma.store.batch import Connection
    from haoma.store.rows import Audited

KEEP_MS: Final = 180 * DAY_MS
"""The floor: no setting makes it shorter."""
AT_ONCE: Final = 5000
"""Most rows of one transaction."""
DROPPED: Final = "audit.dropped"
"""What the row says that is written when rows are dropped."""


class Retention:
    """Drops what is old, for one sweep.

    Args:
        prefix: Before the name of every table.
        keys: The keys.
        keep_ms: How long rows are kept; at least `KEEP_MS`.
    """

    def __init__(self, prefix: str, keys: AuditKeys, keep_ms: int = KEEP_MS) -> None:
        self._statements = Statements(prefix)
        self._keys = keys
        self._keep = max(keep_ms, KEEP_MS)
        self._lane = Lane(keys)
        self._written: Sequence[Audited] = ()

    def drop(self, connection: Connection, now: int, fence: Callable[[], int]) -> Generator[Any, Any, int]:
        """Drop some rows in the transaction that has begun; return how many. After its commit call `committed`.

        Args:
            connection: The connection.
            now: Milliseconds since 1970.
            fence: Makes the versions.
        """
        tenant, statements = self._keys.tenant, self._statements
        before = self._before(now)
        moment = int.from_bytes(before)
        last, mac = yield from self._last_row(connection, before)
        seals = yield connection.select(statements.moments, [tenant])
        old = [bytes(place) for place, at in seals if int(at) < moment]
        newest = yield connection.select(statements.newest, [tenant])
        self._written = ()
        if (not last and len(old) <= 1) or not newest or seal_of(newest[0]).at < moment + LANE_MS + SLACK_MS:
            return 0
        rows = 0 if not last else (yield connection.change(statements.drop, [tenant, last]))
        dropped = 0 if len(old) <= 1 else (yield connection.change(statements.drop_seals, [tenant, old[-1]]))
        said = {
            "rows": str(rows),
            "upto": last.hex(),
            "mac": mac.hex(),
            "seals": str(dropped),
            "seal": str(int.from_bytes(old[-1])) if old else "0",
        }
        self._written = self._lane.rows(now, fence, [(DROPPED, "haoma", said)])
        yield connection.insert(AUDIT, self._written)
        return int(rows + dropped)

    def count(self, connection: Connection, now: int) -> Generator[Any, Any, int]:
        """Count the rows and seals that are old."""
        before, tenant = self._before(now), self._keys.tenant
        ((rows,),) = yield connection.select(self._statements.count, [tenant, before])
        ((seals,),) = yield connection.select(self._statements.count_of_seals, [tenant, int.from_bytes(before)])
        return int(rows) + max(0, int(seals) - 1)

    def committed(self) -> None:
        """Note that the transaction is committed."""
        self._lane.done(self._written)
        self._written = ()

    def _before(self, now: int) -> bytes:
        """Return where the lanes begin that stay. It moves once a day."""
        return max(0, now - now % DAY_MS - self._keep - LANE_MS - SLACK_MS).to_bytes(6)

    def _last_row(self, connection: Connection, before: bytes) -> Generator[Any, Any, tuple[bytes, bytes]]:
        """Return the place and the MAC of the last row to drop at once; empty if there is none."""
        tenant, statements = self._keys.tenant, self._statements
        found = yield connection.select(statements.old, [tenant, before, AT_ONCE - 1])
        if not found:
            found = yield connection.select(statements.oldest, [tenant, before])
        return (bytes(found[0][0]), bytes(found[0][1])) if found else (b"", b"")
