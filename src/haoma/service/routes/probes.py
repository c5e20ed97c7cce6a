"""The routes for operators: liveness, readiness and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from haoma.errors import Draining
from haoma.outcome import JSON
from haoma.service.gate.endpoint import READ, Endpoint
from haoma.service.observe.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from haoma.outcome import Reply
    from haoma.service.exchange import Exchange
    from haoma.service.observe.journal import Journal
    from haoma.service.observe.metrics import Metrics

_JSON: Final = ((b"content-type", JSON.encode()),)
_METRICS: Final = ((b"content-type", f"{CONTENT_TYPE}; charset=utf-8".encode()),)


class Probes:
    """The probe routes.

    Attributes:
        draining: True while the service is shutting down, so that no new requests are sent to it.
    """

    def __init__(self, journal: Journal, metrics: Metrics) -> None:
        self.draining = False
        self._journal = journal
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Return the routes."""
        answers = {"/healthz": self._alive, "/readyz": self._ready, "/metrics": self._numbers}
        return [Route(path, Endpoint(path, answer, *READ)) for path, answer in answers.items()]

    async def _alive(self, _exchange: Exchange, _scope: Scope, _receive: Receive) -> Reply:
        return 200, b'{"status":"ok"}', _JSON

    async def _ready(self, _exchange: Exchange, _scope: Scope, _receive: Receive) -> Reply:
        if self.draining:
            raise Draining
        return 200, b'{"status":"ready"}', _JSON

    async def _numbers(self, _exchange: Exchange, _scope: Scope, _receive: Receive) -> Reply:
        self._journal.write()
        return 200, self._metrics.render(), _METRICS
