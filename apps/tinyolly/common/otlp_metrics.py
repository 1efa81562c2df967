"""OTLP's metrics, as protobuf, to the telemetry that is stored."""

import hashlib
import math
from collections.abc import Iterable, Iterator

import msgspec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2

from common.otlp_values import (
    attributes_from,
    finite,
    scope_from,
    service_of,
    span_id_from,
    trace_id_from,
)
from common.telemetry import (
    Attributes,
    Buckets,
    DistributionPoint,
    Exemplar,
    Exponential,
    Metric,
    MetricType,
    NumberPoint,
    Point,
    Quantile,
    Sample,
    Scope,
    SeriesLabels,
    Temporality,
)

_TEMPORALITIES: dict[int, Temporality] = {1: "DELTA", 2: "CUMULATIVE"}
_METRIC_TYPES: dict[str, MetricType] = {
    "gauge": "gauge",
    "sum": "sum",
    "histogram": "histogram",
    "exponential_histogram": "exponentialHistogram",
    "summary": "summary",
}

_encode_canonical = msgspec.json.Encoder(order="sorted").encode

type _DataPoint = (
    metrics_pb2.NumberDataPoint
    | metrics_pb2.HistogramDataPoint
    | metrics_pb2.ExponentialHistogramDataPoint
    | metrics_pb2.SummaryDataPoint
)


def samples_from(request: ExportMetricsServiceRequest) -> tuple[list[Sample], int]:
    """Return one sample for each series of the request, and how many points are not valid."""
    samples: dict[str, Sample] = {}
    rejected = 0
    for group in request.resource_metrics:
        resource = attributes_from(group.resource.attributes)
        for scope_group in group.scope_metrics:
            scope = scope_from(scope_group.scope)
            for source in scope_group.metrics:
                kind = source.WhichOneof("data")
                if kind is None:
                    continue
                metric = _metric(source, kind)
                series_of_metric = _digest(metric, scope, resource)
                for data_point in _recorded(getattr(source, kind).data_points):
                    if not _is_valid(data_point):
                        rejected += 1
                        continue
                    attributes = attributes_from(data_point.attributes)
                    digest = series_of_metric.copy()
                    digest.update(_encode_canonical(attributes))
                    series_id = digest.hexdigest()
                    sample = samples.get(series_id)
                    if sample is None:
                        labels = SeriesLabels(
                            service_of(resource),
                            attributes,
                            metric,
                            resource,
                            scope,
                            scope_group.schema_url,
                            group.schema_url,
                            group.resource.dropped_attributes_count,
                        )
                        sample = samples[series_id] = Sample(metric, series_id, labels, [])
                    sample.points.append(_point(data_point))
    return list(samples.values()), rejected


def _metric(source: metrics_pb2.Metric, kind: str) -> Metric:
    data = getattr(source, kind)
    return Metric(
        name=source.name,
        type=_METRIC_TYPES[kind],
        unit=source.unit,
        description=source.description,
        temporality=_TEMPORALITIES.get(getattr(data, "aggregation_temporality", 0), ""),
        monotonic=getattr(data, "is_monotonic", False),
        metadata=attributes_from(source.metadata),
    )


def _digest(metric: Metric, scope: Scope, resource: Attributes) -> hashlib.blake2b:
    """Return the digest of a metric, to which the attributes of each series are added."""
    kind = (metric.type, metric.unit, metric.temporality, metric.monotonic)
    content = _encode_canonical((metric.name, kind, scope.name, scope.version, resource))
    return hashlib.blake2b(content, digest_size=16)


def _recorded(points: Iterable[_DataPoint]) -> Iterator[_DataPoint]:
    for point in points:
        if not point.flags & metrics_pb2.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK:
            yield point


def _is_valid(point: _DataPoint) -> bool:
    match point:
        case metrics_pb2.HistogramDataPoint():
            return all(map(math.isfinite, point.explicit_bounds))
        case metrics_pb2.SummaryDataPoint():
            return all(0 <= entry.quantile <= 1 for entry in point.quantile_values)
        case _:
            return True


def _point(point: _DataPoint) -> Point:
    match point:
        case metrics_pb2.NumberDataPoint():
            return NumberPoint(
                point.time_unix_nano,
                _number(point),
                start_time_unix_nano=point.start_time_unix_nano,
                flags=point.flags,
                exemplars=_exemplars(point.exemplars),
            )
        case metrics_pb2.HistogramDataPoint():
            return DistributionPoint(
                point.time_unix_nano,
                point.count,
                *_totals(point),
                bounds=list(point.explicit_bounds),
                bucket_counts=list(point.bucket_counts),
                start_time_unix_nano=point.start_time_unix_nano,
                flags=point.flags,
                exemplars=_exemplars(point.exemplars),
            )
        case metrics_pb2.ExponentialHistogramDataPoint():
            return DistributionPoint(
                point.time_unix_nano,
                point.count,
                *_totals(point),
                start_time_unix_nano=point.start_time_unix_nano,
                flags=point.flags,
                exemplars=_exemplars(point.exemplars),
                exponential=Exponential(
                    point.scale,
                    point.zero_count,
                    finite(point.zero_threshold),
                    Buckets(point.positive.offset, list(point.positive.bucket_counts)),
                    Buckets(point.negative.offset, list(point.negative.bucket_counts)),
                ),
            )
        case metrics_pb2.SummaryDataPoint():
            return DistributionPoint(
                point.time_unix_nano,
                point.count,
                sum=finite(point.sum),
                quantiles=[
                    Quantile(entry.quantile, finite(entry.value)) for entry in point.quantile_values
                ],
                start_time_unix_nano=point.start_time_unix_nano,
                flags=point.flags,
            )


def _number(
    source: metrics_pb2.NumberDataPoint | metrics_pb2.Exemplar,
) -> float | None:
    match source.WhichOneof("value"):
        case "as_int":
            return source.as_int
        case "as_double":
            return finite(source.as_double)
        case _:
            return None


def _totals(
    point: metrics_pb2.HistogramDataPoint | metrics_pb2.ExponentialHistogramDataPoint,
) -> tuple[float | None, float | None, float | None]:
    """Return sum, minimum and maximum."""
    return (
        finite(point.sum) if point.HasField("sum") else None,
        finite(point.min) if point.HasField("min") else None,
        finite(point.max) if point.HasField("max") else None,
    )


def _exemplars(exemplars: Iterable[metrics_pb2.Exemplar]) -> list[Exemplar]:
    return [
        Exemplar(
            exemplar.time_unix_nano,
            _number(exemplar),
            trace_id_from(exemplar.trace_id),
            span_id_from(exemplar.span_id),
            attributes_from(exemplar.filtered_attributes),
        )
        for exemplar in exemplars
    ]
