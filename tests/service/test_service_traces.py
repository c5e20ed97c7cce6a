"""Traces and the metrics of calls: what a collector and Prometheus are told of a request, and what not."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from haoma.simulator import Simulator
from support.live import SERVER_KEY, Service, tables

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(BaseHTTPRequestHandler):
    """Takes spans by OTLP over HTTP."""

    taken: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.taken = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def spans() -> list[Span]:
    found = []
    for each in Collector.taken:
        for resource in ExportTraceServiceRequest.FromString(each).resource_spans:
            for scope in resource.scope_spans:
                found += list(scope.spans)
    return found


def test_what_a_collector_learns(tmp_path: Path, collector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is below the caller's span, and its calls are below it. Nothing of the user is in any of them."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with Simulator() as simulator:
        apps = tables({"wechat": simulator.stage.settings(simulator.url)["apps"]["wechat"]})
        with Service(tmp_path, apps) as service:
            tap = simulator.tap("wechat", "ok")
            headers = {
                "authorization": f"Bearer {SERVER_KEY}",
                "content-type": "application/json",
                "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
            }
            body = json.dumps(tap.body).encode()
            assert service.request("POST", "/v1/apps/wechat/phone-number", body, headers).status == 200
            assert (
                service.request("POST", f"/v1/apps/wechat/{tap.phone_number}?n={tap.phone_number}", b"", headers).status
                == 404
            )
            metrics = service.request("GET", "/metrics").body.decode()
            deadline = time.monotonic() + 20
            while sum(each.trace_id.hex() == TRACE for each in spans()) < 5 and time.monotonic() < deadline:
                time.sleep(0.05)
    found = [each for each in spans() if each.trace_id.hex() == TRACE]
    request = next(each for each in found if each.name == "POST /v1/apps/{app}/phone-number")
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    said = {each.key: each.value.string_value or each.value.int_value for each in request.attributes}
    assert (said["http.response.status_code"], said["haoma.app"], said["haoma.platform"]) == (200, "wechat", "wechat")
    calls = [each for each in found if each.parent_span_id == request.span_id]
    assert len(calls) == 3  # login, token, number
    assert {each.name for each in calls} == {"GET 127.0.0.1", "POST 127.0.0.1"}
    assert "request" in {each.name for each in found}  # an unknown path is not told
    everything = b"".join(Collector.taken)
    assert tap.body is not None
    for secret in (tap.phone_number, tap.login_code, tap.body["authorization"]["code"], SERVER_KEY, "138"):
        assert secret.removeprefix("+86").encode() not in everything
    counted = [line for line in metrics.splitlines() if line.startswith("haoma_platform_seconds_count")]
    assert sum(float(line.split()[-1]) for line in counted) == 3
    assert all('app="wechat",host="127.0.0.1",outcome="2xx",platform="wechat"' in line for line in counted)
    assert "haoma_build_info{" in metrics
