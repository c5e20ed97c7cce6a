"""The calls to platforms: counted, timed, and traced."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from haoma.errors import HaomaError
from haoma.io.clock import monotonic

if TYPE_CHECKING:
    from haoma.io.http import AsyncHttp
    from haoma.service.observe.metrics import Metrics
    from haoma.service.observe.traces import Traces
    from haoma.settings.model import Settings
    from haoma.steps import Reply, Send


class Calls:
    """The transport, with an eye on it.

    Args:
        http: The transport.
        settings: The settings, for the names of apps.
        metrics: Where calls are counted.
        traces: Where they are traced; None for nowhere.
    """

    def __init__(self, http: AsyncHttp, settings: Settings, metrics: Metrics, traces: Traces | None) -> None:
        self._http = http
        self._apps = {app.scope: app for app in settings.apps.values()}
        self._metrics = metrics
        self._traces = traces

    async def send(self, step: Send) -> Reply:
        """Send the request and return the reply."""
        app, host = self._apps.get(step.app), urlsplit(step.request.url).hostname or ""
        name, platform = (app.name, app.platform) if app else ("", step.app)
        span: Any = nullcontext() if self._traces is None else self._traces.calling(step, host)
        outcome, started = "", monotonic()
        with span as traced:
            try:
                reply = await self._http.send(step)
                outcome = f"{reply.status // 100}xx"
            except HaomaError as error:
                outcome = error.code
                raise
            finally:
                self._metrics.count_call(name, platform, host, outcome or "cancelled", monotonic() - started)
                if traced is not None:
                    traced.set_attribute("haoma.outcome", outcome)
        return reply
