"""Writes the seals of the audit log to the log of the service: where that is shipped to, nobody can change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.errors import HaomaError
from haoma.service.observe.log import finish
from haoma.store.audit.shipping import shipped

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from haoma.service.observe.log import Lines
    from haoma.store.audit.seals import Seal


class SealLog:
    """Writes the seals of one tenant, and what goes wrong with them.

    Args:
        lines: Receives the seals, whatever level is logged.
        log: Receives the rest.
        tenant: The tenant.
    """

    def __init__(self, lines: Lines, log: FilteringBoundLogger, tenant: str) -> None:
        self._lines = lines
        self._log = log
        self._tenant = tenant

    def __call__(self, told: Seal | HaomaError | int) -> None:
        """Write a line; see `keep_sealed`."""
        if isinstance(told, HaomaError):
            reason = told.because.get("reason", "")
            self._log.warning("The audit log could not be sealed.", code=told.code, reason=reason)
        elif isinstance(told, int):
            self._log.critical("A seal of the audit log has gone or was changed.", seal=told, tenant=self._tenant)
        else:
            self._lines.info(finish(self._log, "info", shipped(told, self._tenant)))
