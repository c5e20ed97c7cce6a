"""What the operator and the service manager are told of the service as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.errors import ConfigFaults
from haoma.service.observe.log import make_logger
from haoma.service.run.notify import ALIVE, READY, STOPPING, notify, reloading
from haoma.settings.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.settings.model import Settings


class Life:
    """Tells how a service begins, reads its configuration again, and ends.

    Args:
        settings: The settings with which it starts.
        read: Reads the configuration again. It raises `ConfigFaults`.
        check: Looks at what it names: the database, the cache, the keys. It raises `ConfigFaults`.
        address: The address on which it listens.
        workers: Number of processes.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[Sources], Settings],
        check: Callable[[Settings], None],
        address: str,
        workers: int,
    ) -> None:
        self.read = read
        self.check = check
        self._address = address
        self._workers = workers
        self._fixed = _fixed(settings)
        self._log = make_logger(level=settings.service.log_level)
        self._listens = False

    def listening(self) -> None:
        """Say that every process accepts requests. This is said once."""
        if not self._listens:
            self._listens = True
            self._log.info("listening", address=self._address, workers=self._workers)
            notify(READY)

    def replaced(self, sources: Sources) -> None:
        """Say that a worker died and another one takes its place, with ``sources``; and what the files say by now."""
        self._log.warning("A worker died and was replaced.")
        now = Sources()
        try:
            self.read(now)
        except ConfigFaults as faults:
            self._tell(faults)
        else:
            if now.digest != sources.digest:
                self._log.warning("The configuration was changed; it is in use after a reload (SIGHUP).")

    def alive(self) -> None:
        """Say that every process still works."""
        notify(ALIVE)

    def stopping(self) -> None:
        """Say that the service ends."""
        notify(STOPPING)

    def reads(self) -> None:
        """Say that the configuration is being read again."""
        notify(reloading())

    def has_read(self, settings: Settings) -> None:
        """Say that the configuration was read again and holds from now on."""
        self._log.info("The configuration was read again and is in use.")
        if _fixed(settings) != self._fixed:
            self._log.warning(
                "The listening address, root_path, drain_seconds and the number of workers change only with a restart."
            )
        notify(READY)

    def stays(self, faults: ConfigFaults | None = None) -> None:
        """Say that the configuration cannot be used, and the one before stays."""
        self._tell(faults)
        notify(READY)

    def _tell(self, faults: ConfigFaults | None) -> None:
        for fault in () if faults is None else faults.faults:
            if not fault.warning:
                self._log.error("configuration", code=fault.code, problem=str(fault))
        self._log.error("The configuration cannot be used; the one before stays in use.")


def _fixed(settings: Settings) -> tuple[object, ...]:
    service = settings.service
    return service.host, service.port, service.root_path, service.drain_seconds, service.workers
