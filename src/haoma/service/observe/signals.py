"""Tells the operator when something outside stops working, and when it works again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from haoma.service.observe.metrics import Metrics
    from haoma.settings.model import Settings


class Signals:
    """The functions that others call. Each change is one log line."""

    def __init__(self, settings: Settings, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._apps = {app.scope: app for app in settings.apps.values()}
        self._metrics = metrics
        self._log = log

    def circuit(self, scope: str, host: str, opened: bool) -> None:  # noqa: FBT001
        """Note that the circuit of an app has opened or closed; see `haoma.io.circuit.OnCircuit`."""
        app = self._apps.get(scope)
        name, platform = (app.name, app.platform) if app else ("", "")
        if opened:
            self._metrics.count_circuit(name, platform)
            self._log.warning(
                "The platform keeps failing; requests are refused until it answers again.",
                app=name,
                platform=platform,
                host=host,
            )
        else:
            self._log.info("The platform answers again.", app=name, platform=platform, host=host)

    def valkey(self, well: bool) -> None:  # noqa: FBT001
        """Note that Valkey answers, or that it no longer does."""
        if well:
            self._log.info("Valkey answers again.")
        else:
            self._log.warning("Valkey does not answer in time; each process counts by itself meanwhile.")
