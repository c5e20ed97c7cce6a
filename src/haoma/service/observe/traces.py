"""Traces by OpenTelemetry: a span for each request, and one for each call to a platform.

They are on if ``OTEL_TRACES_EXPORTER=otlp`` is set and the packages of ``haoma[otel]`` are installed. Where they go,
and how many, the variables of OpenTelemetry say:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

A span has the route, never the address; the code of a refusal, never its text; the host of a platform, never a query.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Span, Tracer
    from starlette.types import Scope

    from haoma.service.exchange import Exchange
    from haoma.steps import Send

_EXPORTER: Final = "OTEL_TRACES_EXPORTER"
_PARENT: Final = b"traceparent"


def traces() -> Traces | None:
    """Return what the environment asks for, or None if it asks for nothing.

    Raises:
        ModuleNotFoundError: Traces are asked for, and the packages are not installed.
    """
    if os.environ.get(_EXPORTER, "none") != "otlp":
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "haoma"}
    provider = TracerProvider(resource=Resource.create(name))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider.get_tracer("haoma"), provider)


class Traces:
    """Makes the spans.

    Args:
        tracer: Where they begin.
        provider: Where they end; shut down with the service.
    """

    def __init__(self, tracer: Tracer, provider: Any) -> None:
        from opentelemetry import context, propagate, trace

        self._tracer = tracer
        self._provider = provider
        self._context = context
        self._extract = propagate.extract
        self._trace = trace

    def begin(self, scope: Scope) -> tuple[Span, Any]:
        """Begin the span of a request, below that of the caller's ``traceparent``."""
        parent = next((value for name, value in scope["headers"] if name == _PARENT), b"")
        carrier = {"traceparent": parent.decode("latin-1")}
        kind = self._trace.SpanKind.SERVER
        span = self._tracer.start_span("request", context=self._extract(carrier), kind=kind)
        return span, self._context.attach(self._trace.set_span_in_context(span))

    def end(self, exchange: Exchange) -> None:
        """End the span of a request with what is known now."""
        span, token = exchange.span
        self._context.detach(token)
        app, route = exchange.app, exchange.route or ""
        method = exchange.method if route else ""
        span.update_name(f"{method} {route}".strip() or "request")
        span.set_attributes({
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": exchange.status,
            "haoma.request_id": exchange.request_id,
            "haoma.app": app.name if app else "",
            "haoma.platform": app.platform if app else "",
            "haoma.code": exchange.error.code if exchange.error else "",
        })  # fmt: skip
        if exchange.status >= 500:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    @contextmanager
    def calling(self, step: Send, host: str) -> Iterator[Span]:
        """Make a call to a platform inside a span."""
        kind = self._trace.SpanKind.CLIENT
        attributes = {"http.request.method": step.request.method, "server.address": host}
        with self._tracer.start_as_current_span(
            f"{step.request.method} {host}", kind=kind, attributes=attributes, record_exception=False
        ) as span:
            yield span

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
