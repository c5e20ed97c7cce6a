"""Tells the operator when something outside stops working, and when it works again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import HaomaError
from haoma.io import clock
from haoma.service.observe.log import Sparing
from haoma.store.outbox import End

if TYPE_CHECKING:
    from collections.abc import Iterable

    from structlog.typing import FilteringBoundLogger

    from haoma.platforms.base.contract import App
    from haoma.quotas import Told
    from haoma.service.observe.metrics import Metrics
    from haoma.settings.model import Settings
    from haoma.store.delivery import Attempt
    from haoma.store.erasures import Erasures

_ALARM_SECONDS: Final = 3600.0
"""How often it is said again that a request to erase is overdue, or that a quota is low."""


class Signals:
    """The functions that others call. Each change is one log line."""

    def __init__(self, settings: Settings, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._apps = {app.scope: app for app in settings.apps.values()}
        self._metrics = metrics
        self._log = log
        self._sparing = Sparing()
        self._alarmed: dict[str, float] = {}

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

    def receiver(self, _scope: str, host: str, opened: bool) -> None:  # noqa: FBT001
        """Note that the receiver of events stops answering, or answers again."""
        if opened:
            self._log.warning("The receiver of events keeps failing; they wait until it answers again.", host=host)
        else:
            self._log.info("The receiver of events answers again.", host=host)

    def event(self, attempt: Attempt) -> None:
        """Note a try to send an event."""
        self._metrics.count_event(attempt.kind, attempt.end)
        facts = {"event_id": attempt.id, "kind": attempt.kind, "tries": attempt.tries, "reason": attempt.reason}
        if attempt.end is End.PARKED:
            self._log.error("An event could not be delivered for three days; it is parked.", **facts)
        elif attempt.end is End.FAILED and (left_out := self._sparing.left_out(attempt.reason)) is not None:
            self._log.warning("An event could not be delivered; it is sent again.", **facts, left_out=left_out)

    def erasures(self, tenant: str, found: Erasures | HaomaError) -> None:
        """Note how it stands with the requests to erase; raise the alarm if one is overdue."""
        if isinstance(found, HaomaError):
            reason = found.because.get("reason", "")
            self._log.warning("Requests to erase could not be looked at.", code=found.code, reason=reason)
            return
        self._metrics.set_erasures(tenant, found.pending, found.overdue)
        if found.erased:
            self._log.info("Accounts were erased, as was asked.", tenant=tenant, total=found.erased)
        if found.failed:
            self._log.warning("Accounts could not be erased; they are tried again.", tenant=tenant, code=found.failed)
        if found.overdue and self._may_warn(tenant):
            self._log.error("Requests to erase are overdue.", tenant=tenant, total=found.overdue)

    def quotas(self, app: App, told: Iterable[Told]) -> None:
        """Note what a platform tells of the quotas that it sells for an app; warn of those that are low."""
        for each in told:
            facts = {"app": app.name, "platform": app.platform, "quota": each.name}
            key = f"{app.name} {each.name}"
            if each.quota is not None:
                quota = each.quota
                self._metrics.set_quota(app.name, app.platform, each.name, quota.left, low=quota.low)
                if quota.low and self._may_warn(key):
                    self._log.warning("A quota runs low.", **facts, left=quota.left, total=quota.total)
            elif each.error is not None and self._may_warn(f"{key} unknown"):
                error = each.error
                code = {"platform_code": error.platform_code} if error.platform_code else {}
                self._log.warning("What is left of a quota is not known.", **facts, code=error.code, **code)

    def _may_warn(self, key: str) -> bool:
        """Return whether it is time to say something again."""
        if self._alarmed.get(key, 0.0) > clock.monotonic():
            return False
        self._alarmed[key] = clock.monotonic() + _ALARM_SECONDS
        return True

    def valkey(self, well: bool) -> None:  # noqa: FBT001
        """Note that Valkey answers, or that it no longer does."""
        if well:
            self._log.info("Valkey answers again.")
        else:
            self._log.warning("Valkey does not answer in time; each process counts by itself meanwhile.")
