"""The signals of OTLP, and by which names the transports know them."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.exports import Exports


class Signal(NamedTuple):
    grpc_service: str
    http_path: str
    request: type[Message]
    export: Callable[[Any], Awaitable[Message]]


def signals_of(exports: Exports) -> list[Signal]:
    package = "opentelemetry.proto.collector"
    return [
        Signal(
            f"{package}.trace.v1.TraceService",
            "/v1/traces",
            ExportTraceServiceRequest,
            exports.traces,
        ),
        Signal(
            f"{package}.logs.v1.LogsService", "/v1/logs", ExportLogsServiceRequest, exports.logs
        ),
        Signal(
            f"{package}.metrics.v1.MetricsService",
            "/v1/metrics",
            ExportMetricsServiceRequest,
            exports.metrics,
        ),
    ]
