"""OTLP requests for tests."""

import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import (
    LogRecord,
    ResourceLogs,
    ScopeLogs,
    SeverityNumber,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

# Long ago: what is kept depends on when telemetry arrives, not on what time it claims.
START = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000

OK = Status(code=Status.STATUS_CODE_OK)
ERROR = Status(code=Status.STATUS_CODE_ERROR, message="boom")


def hex_id(number: int, length: int = 8) -> str:
    return number.to_bytes(length).hex()


def trace_id(number: int) -> str:
    return hex_id(number, 16)


def value(item: object) -> AnyValue:  # noqa: PLR0911
    match item:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=item)
        case int():
            return AnyValue(int_value=item)
        case float():
            return AnyValue(double_value=item)
        case bytes():
            return AnyValue(bytes_value=item)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(value, item)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=attributes(item)))
        case _:
            return AnyValue(string_value=str(item))


def attributes(items: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(item)) for key, item in items.items()]


def resource(service: str) -> Resource:
    return Resource(attributes=attributes({"service.name": service}))


def span(
    trace: int,
    number: int,
    *,
    parent: int = 0,
    at: int = 0,
    duration: int = MILLISECOND,
    attrs: Mapping[str, object] | None = None,
    **fields: Any,
) -> Span:
    """Return a span that starts `at` nanoseconds after START."""
    return Span(
        trace_id=trace.to_bytes(16),
        span_id=number.to_bytes(8),
        parent_span_id=parent.to_bytes(8) if parent else b"",
        start_time_unix_nano=START + at,
        end_time_unix_nano=START + at + duration,
        attributes=attributes(attrs or {}),
        **{"name": f"span {number}", **fields},
    )


def traces(spans: Mapping[str, list[Span]]) -> ExportTraceServiceRequest:
    """Return a request with the spans of each service."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=resource(service),
                scope_spans=[
                    ScopeSpans(scope=InstrumentationScope(name="lib", version="1.2"), spans=members)
                ],
            )
            for service, members in spans.items()
        ]
    )


def log(body: object, *, at: int = 0, severity: int = 9, **fields: Any) -> LogRecord:
    return LogRecord(
        time_unix_nano=START + at,
        severity_number=SeverityNumber.ValueType(severity),
        body=value(body),
        **fields,
    )


def logs(records: Mapping[str, list[LogRecord]]) -> ExportLogsServiceRequest:
    """Return a request with the records of each service."""
    return ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(resource=resource(service), scope_logs=[ScopeLogs(log_records=members)])
            for service, members in records.items()
        ]
    )


def metrics(service: str, *members: Metric) -> ExportMetricsServiceRequest:
    return ExportMetricsServiceRequest(
        resource_metrics=[
            ResourceMetrics(
                resource=resource(service), scope_metrics=[ScopeMetrics(metrics=members)]
            )
        ]
    )


def gauge(name: str, *points: NumberDataPoint) -> Metric:
    return Metric(name=name, unit="1", description=f"about {name}", gauge=Gauge(data_points=points))


def number(
    amount: float, *, seconds_ago: int = 0, attrs: Mapping[str, object] | None = None
) -> NumberDataPoint:
    return NumberDataPoint(
        time_unix_nano=time.time_ns() - seconds_ago * 1_000_000_000,
        as_double=amount,
        attributes=attributes(attrs or {}),
    )
