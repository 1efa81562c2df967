"""The program as it is started: real processes, real signals, real OTLP."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests.conftest import Collector

MAIN = Path(__file__).parent.parent / "main.py"
# terminationGracePeriodSeconds of the chart's pods.
GRACE_SECONDS = 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    def __init__(self, **environment: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, MAIN],
            env=os.environ | environment | {"LISTEN_PORT": str(port)},
            stderr=subprocess.DEVNULL,
        )

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "the process ended"
            try:
                assert httpx.get(f"{self.url}/health").status_code == 200
                return
            except httpx.TransportError:
                time.sleep(0.05)
        pytest.fail("the process does not become healthy")

    def terminate(self) -> float:
        """Send SIGTERM and return the seconds until the process has ended with success."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(timeout=10) == 0
        return time.monotonic() - started

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def started(**environment: str) -> Iterator[Process]:
    process = Process(**environment)
    try:
        process.wait_until_healthy()
        yield process
    finally:
        process.kill()


def test_frontend_and_backend_send_one_trace_with_logs_and_metrics(collector: Collector) -> None:
    otlp = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    with (
        started(MODE="backend", **otlp) as backend,
        started(MODE="frontend", BACKEND_URL=backend.url, **otlp) as frontend,
    ):
        assert httpx.get(f"{frontend.url}/calculate").status_code == 200
        frontend.terminate()
        backend.terminate()

    traces: dict[bytes, set[str]] = {}
    logs: dict[bytes, set[str]] = {}
    metrics: dict[str, set[str]] = {}
    for request in collector.requests:
        match request:
            case ExportTraceServiceRequest():
                for spans in request.resource_spans:
                    for scope in spans.scope_spans:
                        for span in scope.spans:
                            traces.setdefault(span.trace_id, set()).add(
                                f"{service(spans.resource.attributes)} {span.name}"
                            )
            case ExportLogsServiceRequest():
                for records in request.resource_logs:
                    for log_scope in records.scope_logs:
                        for record in log_scope.log_records:
                            logs.setdefault(record.trace_id, set()).add(
                                service(records.resource.attributes)
                            )
            case ExportMetricsServiceRequest():
                for resource in request.resource_metrics:
                    for metric_scope in resource.scope_metrics:
                        for metric in metric_scope.metrics:
                            metrics.setdefault(metric.name, set()).add(
                                service(resource.resource.attributes)
                            )

    ((trace_id, spans_of_trace),) = traces.items()
    assert spans_of_trace == {
        "demo-frontend GET /calculate",
        "demo-frontend GET",
        "demo-backend GET /calculate",
        "demo-backend add numbers",
    }
    both = {"demo-frontend", "demo-backend"}
    assert logs == {trace_id: both}
    assert metrics["http.server.request.duration"] == both


def service(attributes: Iterable[KeyValue]) -> str:
    return next(
        str(attribute.value.string_value)
        for attribute in attributes
        if attribute.key == "service.name"
    )


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """An address that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("mode", ["frontend", "backend"])
def test_without_collector_it_serves_and_stops_in_time(mode: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with started(MODE=mode, OTEL_EXPORTER_OTLP_ENDPOINT=nobody, TRAFFIC="true") as process:
        path = "/hello" if mode == "frontend" else "/calculate?a=1&b=2"
        assert httpx.get(f"{process.url}{path}").status_code == 200
        assert process.terminate() < GRACE_SECONDS


def test_silent_collector_does_not_keep_it_from_stopping(silent_endpoint: str) -> None:
    with started(MODE="frontend", OTEL_EXPORTER_OTLP_ENDPOINT=silent_endpoint) as process:
        assert httpx.get(f"{process.url}/hello").status_code == 200
        assert process.terminate() < GRACE_SECONDS


@pytest.mark.parametrize("mode", ["", "ui"])
def test_unknown_mode_ends_with_one_line(mode: str) -> None:
    run = subprocess.run(
        [sys.executable, MAIN], env={"MODE": mode}, capture_output=True, text=True, timeout=30
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f'demo: MODE is "{mode}"; it has to be frontend or backend\n'
