"""OTLP requests, as protobuf, to the telemetry that is stored."""

import base64
import hashlib
import math
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from common.telemetry import (
    Attributes,
    DistributionPoint,
    Json,
    LogRecord,
    Metric,
    MetricType,
    NumberPoint,
    Peer,
    Point,
    Quantile,
    Sample,
    Scope,
    SeriesLabels,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
    Status,
    StatusCode,
    Temporality,
)

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_SPAN_KINDS: dict[int, SpanKind] = {
    1: "INTERNAL",
    2: "SERVER",
    3: "CLIENT",
    4: "PRODUCER",
    5: "CONSUMER",
}
_STATUS_CODES: dict[int, StatusCode] = {1: "OK", 2: "ERROR"}
_TEMPORALITIES: dict[int, Temporality] = {1: "DELTA", 2: "CUMULATIVE"}
_LARGEST_EXACT = 2**53 - 1
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_METRIC_TYPES: dict[str, MetricType] = {
    "gauge": "gauge",
    "sum": "sum",
    "histogram": "histogram",
    "exponential_histogram": "exponentialHistogram",
    "summary": "summary",
}

_encode_canonical = msgspec.json.Encoder(order="sorted").encode


def spans_from(request: ExportTraceServiceRequest) -> tuple[list[Span], int]:
    """Return the request's spans, and how many it has whose identifiers are not valid."""
    spans: list[Span] = []
    rejected = 0
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        service = _service(resource)
        for scope_group in group.scope_spans:
            scope = Scope(scope_group.scope.name, scope_group.scope.version)
            for span in scope_group.spans:
                if _is_id(span.trace_id, _TRACE_ID_BYTES) and _is_id(span.span_id, _SPAN_ID_BYTES):
                    spans.append(_span(span, service, resource, scope))
                else:
                    rejected += 1
    return spans, rejected


def logs_from(request: ExportLogsServiceRequest) -> list[LogRecord]:
    now = time.time_ns()
    seen: Counter[bytes] = Counter()
    records: list[LogRecord] = []
    for group in request.resource_logs:
        resource = _attributes(group.resource.attributes)
        origin = _canonical(group.resource)
        for scope_group in group.scope_logs:
            for record in scope_group.log_records:
                content = origin + _canonical(record)
                seen[content] += 1
                # Known by its content, so that a batch sent twice is stored once; equal
                # records of one batch are told apart by their order.
                record_id = _digest(content + seen[content].to_bytes(4))
                records.append(_log_record(record, record_id, resource, now))
    return records


def samples_from(request: ExportMetricsServiceRequest) -> list[Sample]:
    """Return one sample for each series of the request."""
    samples: dict[str, Sample] = {}
    for group in request.resource_metrics:
        resource = _attributes(group.resource.attributes)
        service = _service(resource)
        for scope_group in group.scope_metrics:
            scope = scope_group.scope.name
            for source in scope_group.metrics:
                kind = source.WhichOneof("data")
                if kind is None:
                    continue
                metric = _metric(source, kind)
                for attributes, point in _points(source, kind):
                    series_id = _digest(
                        _encode_canonical([metric.name, scope, resource, attributes])
                    )
                    sample = samples.get(series_id)
                    if sample is None:
                        labels = SeriesLabels(service, attributes)
                        sample = samples[series_id] = Sample(metric, series_id, labels, [])
                    sample.points.append(point)
    return list(samples.values())


def _span(span: trace_pb2.Span, service: str, resource: Attributes, scope: Scope) -> Span:
    attributes = _attributes(span.attributes)
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        kind=_SPAN_KINDS.get(span.kind, "UNSPECIFIED"),
        start_time_unix_nano=span.start_time_unix_nano,
        end_time_unix_nano=span.end_time_unix_nano,
        status=Status(_STATUS_CODES.get(span.status.code, "UNSET"), span.status.message),
        service=service,
        peer=_peer(span.kind, attributes),
        attributes=attributes,
        resource=resource,
        scope=scope,
        events=[
            SpanEvent(event.time_unix_nano, event.name, _attributes(event.attributes))
            for event in span.events
        ],
        links=[
            SpanLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
            for link in span.links
        ],
    )


def _peer(kind: int, attributes: Attributes) -> Peer | None:
    if database := attributes.get("db.system.name") or attributes.get("db.system"):
        return Peer("database", str(database))
    if broker := attributes.get("messaging.system"):
        return Peer("messaging", str(broker))
    service = attributes.get("peer.service")
    if service and kind == trace_pb2.Span.SPAN_KIND_CLIENT:
        return Peer("service", str(service))
    return None


def _log_record(
    record: logs_pb2.LogRecord, record_id: str, resource: Attributes, now: int
) -> LogRecord:
    return LogRecord(
        id=record_id,
        time_unix_nano=record.time_unix_nano or record.observed_time_unix_nano or now,
        severity_number=record.severity_number,
        severity_text=record.severity_text or _severity_text(record.severity_number),
        body=_value(record.body),
        service=_service(resource),
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        attributes=_attributes(record.attributes),
        resource=resource,
    )


def _severity_text(number: int) -> str:
    return _SEVERITIES[min(number - 1, 23) // 4] if number > 0 else ""


def _metric(source: metrics_pb2.Metric, kind: str) -> Metric:
    data = getattr(source, kind)
    return Metric(
        name=source.name,
        type=_METRIC_TYPES[kind],
        unit=source.unit,
        description=source.description,
        temporality=_TEMPORALITIES.get(getattr(data, "aggregation_temporality", 0), ""),
        monotonic=getattr(data, "is_monotonic", False),
    )


def _points(source: metrics_pb2.Metric, kind: str) -> Iterator[tuple[Attributes, Point]]:
    for point in getattr(source, kind).data_points:
        if not point.flags & metrics_pb2.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK:
            yield _attributes(point.attributes), _point(point)


def _point(
    point: metrics_pb2.NumberDataPoint
    | metrics_pb2.HistogramDataPoint
    | metrics_pb2.ExponentialHistogramDataPoint
    | metrics_pb2.SummaryDataPoint,
) -> Point:
    match point:
        case metrics_pb2.NumberDataPoint():
            is_int = point.WhichOneof("value") == "as_int"
            return NumberPoint(
                point.time_unix_nano, point.as_int if is_int else _finite(point.as_double)
            )
        case metrics_pb2.HistogramDataPoint():
            return DistributionPoint(
                point.time_unix_nano,
                point.count,
                *_totals(point),
                bounds=list(point.explicit_bounds),
                bucket_counts=list(point.bucket_counts),
            )
        case metrics_pb2.ExponentialHistogramDataPoint():
            bounds, bucket_counts = _explicit_buckets(point)
            return DistributionPoint(
                point.time_unix_nano,
                point.count,
                *_totals(point),
                bounds=bounds,
                bucket_counts=bucket_counts,
            )
        case metrics_pb2.SummaryDataPoint():
            return DistributionPoint(
                point.time_unix_nano,
                point.count,
                sum=_finite(point.sum),
                quantiles=[
                    Quantile(entry.quantile, _finite(entry.value))
                    for entry in point.quantile_values
                ],
            )


def _totals(
    point: metrics_pb2.HistogramDataPoint | metrics_pb2.ExponentialHistogramDataPoint,
) -> tuple[float | None, float | None, float | None]:
    """Return sum, minimum and maximum."""
    return (
        _finite(point.sum) if point.HasField("sum") else None,
        _finite(point.min) if point.HasField("min") else None,
        _finite(point.max) if point.HasField("max") else None,
    )


def _explicit_buckets(
    point: metrics_pb2.ExponentialHistogramDataPoint,
) -> tuple[list[float], list[int]]:
    """Write exponential buckets as explicit ones: negative, around zero, positive."""
    negative, positive = point.negative, point.positive
    bounds = [
        *(-bound for bound in reversed(_exponential_bounds(negative, point.scale))),
        *_exponential_bounds(positive, point.scale),
    ]
    bucket_counts = [
        *((0, *reversed(negative.bucket_counts)) if negative.bucket_counts else ()),
        point.zero_count,
        *((*positive.bucket_counts, 0) if positive.bucket_counts else ()),
    ]
    return bounds, bucket_counts


def _exponential_bounds(
    buckets: metrics_pb2.ExponentialHistogramDataPoint.Buckets, scale: int
) -> list[float]:
    if not buckets.bucket_counts:
        return []
    first = buckets.offset
    return [
        _exponential_bound(index, scale)
        for index in range(first, first + len(buckets.bucket_counts) + 1)
    ]


def _exponential_bound(index: int, scale: int) -> float:
    """Return base ** index, where base is 2 ** (2 ** -scale)."""
    try:
        return math.exp2(math.ldexp(index, -scale))
    except OverflowError:
        return sys.float_info.max if index > 0 else 0.0


def _finite(value: float) -> float | None:
    # JSON has no NaN and no infinity.
    return value if math.isfinite(value) else None


def _attributes(pairs: Iterable[common_pb2.KeyValue]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: common_pb2.AnyValue) -> Json:
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "int_value" | "double_value":
            return _number(getattr(value, kind))
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case _:
            return getattr(value, kind)


def _number(number: float) -> Json:
    # As text where JSON has no number for it, or browsers round it, as in protobuf's own JSON.
    if isinstance(number, int):
        return number if abs(number) <= _LARGEST_EXACT else str(number)
    return number if math.isfinite(number) else _NOT_FINITE[str(number)]


def _service(resource: Attributes) -> str:
    return str(resource.get("service.name") or "unknown_service")


def _is_id(value: bytes, length: int) -> bool:
    return len(value) == length and any(value)


def _canonical(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
