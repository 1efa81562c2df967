from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from telemetry import Telemetry


class Recorded(Telemetry):
    """Telemetry that stays in memory."""

    def __init__(self, service_name: str) -> None:
        self._span_exporter = InMemorySpanExporter()
        self._log_exporter = InMemoryLogRecordExporter()
        self._metric_reader = InMemoryMetricReader()
        super().__init__(
            service_name,
            SimpleSpanProcessor(self._span_exporter),
            self._metric_reader,
            SimpleLogRecordProcessor(self._log_exporter),
        )

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._span_exporter.get_finished_spans()}

    def logs(self) -> dict[str, int | None]:
        """The bodies of the log records, each with its span id."""
        records = [log.log_record for log in self._log_exporter.get_finished_logs()]
        return {str(record.body): record.span_id for record in records}

    def points(self, metric_name: str) -> list[dict[str, object]]:
        """The attributes of each series of a metric."""
        data = self._metric_reader.get_metrics_data()
        assert data is not None
        return [
            dict(point.attributes or {})
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == metric_name
            for point in metric.data.data_points
        ]


@pytest.fixture
def frontend_telemetry() -> Iterator[Recorded]:
    telemetry = Recorded("demo-frontend")
    yield telemetry
    telemetry.shutdown()


@pytest.fixture
def backend_telemetry() -> Iterator[Recorded]:
    telemetry = Recorded("demo-backend")
    yield telemetry
    telemetry.shutdown()


class Collector(
    trace_service_pb2_grpc.TraceServiceServicer,
    metrics_service_pb2_grpc.MetricsServiceServicer,
    logs_service_pb2_grpc.LogsServiceServicer,
):
    """An OTLP receiver that keeps the requests it gets."""

    def __init__(self) -> None:
        self.requests: list[object] = []
        self._server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(self, self._server)
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self, self._server)
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def Export(self, request: object, context: grpc.ServicerContext) -> object:  # noqa: ARG002, N802
        self.requests.append(request)
        match request:
            case trace_service_pb2.ExportTraceServiceRequest():
                return trace_service_pb2.ExportTraceServiceResponse()
            case metrics_service_pb2.ExportMetricsServiceRequest():
                return metrics_service_pb2.ExportMetricsServiceResponse()
        return logs_service_pb2.ExportLogsServiceResponse()

    def stop(self) -> None:
        self._server.stop(None).wait()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.stop()
