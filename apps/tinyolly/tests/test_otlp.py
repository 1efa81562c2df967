import math
from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
    DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from common.exponential import explicit_buckets
from common.otlp import logs_from, span_count, spans_from
from common.otlp_metrics import samples_from
from common.telemetry import (
    DistributionPoint,
    NumberPoint,
    Peer,
    Point,
    Quantile,
    Scope,
    SpanEvent,
    SpanLink,
    Status,
)
from tests import samples

Buckets = ExponentialHistogramDataPoint.Buckets


def points_of(metric: Metric) -> list[Point]:
    return [
        point
        for sample in samples_from(samples.metrics("shop", metric))[0]
        for point in sample.points
    ]


def drawn(metric: Metric) -> tuple[list[float], list[int]]:
    [point] = points_of(metric)
    assert isinstance(point, DistributionPoint)
    assert point.exponential
    return explicit_buckets(point.exponential)


def test_a_span_keeps_everything_that_is_shown() -> None:
    source = samples.span(
        1,
        2,
        parent=3,
        attrs={"n": 1},
        kind=Span.SPAN_KIND_SERVER,
        status=samples.ERROR,
        events=[
            Span.Event(
                time_unix_nano=7,
                name="exception",
                attributes=samples.attributes({"exception.type": "ValueError"}),
            )
        ],
        links=[
            Span.Link(
                trace_id=(9).to_bytes(16),
                span_id=(8).to_bytes(8),
                attributes=samples.attributes({"why": "batch"}),
            )
        ],
    )

    [span] = spans_from(samples.traces({"shop": [source]}))

    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        samples.trace_id(1),
        samples.hex_id(2),
        samples.hex_id(3),
    )
    assert (span.name, span.kind, span.service) == ("span 2", "SERVER", "shop")
    assert span.start_time_unix_nano == samples.START
    assert span.duration_ns == samples.MILLISECOND
    assert span.status == Status("ERROR", "boom")
    assert span.attributes == {"n": 1}
    assert span.resource == {"service.name": "shop"}
    assert span.scope == Scope("lib", "1.2")
    assert span.events == [SpanEvent(7, "exception", {"exception.type": "ValueError"})]
    assert span.links == [SpanLink(samples.trace_id(9), samples.hex_id(8), {"why": "batch"})]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("text", "text"),
        (True, True),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (-(2**60), "-1152921504606846976"),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (b"\x00\xff", "AP8="),
        ([1, "a", [2.5]], [1, "a", [2.5]]),
        ({"a": {"b": [False]}}, {"a": {"b": [False]}}),
        (None, None),
    ],
)
def test_attributes_keep_their_types(sent: object, kept: object) -> None:
    [span] = spans_from(samples.traces({"shop": [samples.span(1, 1, attrs={"key": sent})]}))

    assert span.attributes == {"key": kept}
    assert type(span.attributes["key"]) is type(kept)


def test_spans_without_valid_ids_are_rejected() -> None:
    request = samples.traces(
        {"shop": [Span(trace_id=b"short"), samples.span(0, 1), samples.span(1, 0)]}
    )

    assert list(spans_from(request)) == []
    assert span_count(request) == 3


@pytest.mark.parametrize(
    ("kind", "attrs", "peer"),
    [
        (Span.SPAN_KIND_CLIENT, {"db.system": "redis"}, Peer("database", "redis")),
        (Span.SPAN_KIND_CLIENT, {"db.system.name": "mysql"}, Peer("database", "mysql")),
        (Span.SPAN_KIND_PRODUCER, {"messaging.system": "kafka"}, Peer("messaging", "kafka")),
        (Span.SPAN_KIND_CLIENT, {"peer.service": "pay"}, Peer("service", "pay")),
        (Span.SPAN_KIND_SERVER, {"peer.service": "web"}, None),
        (Span.SPAN_KIND_CLIENT, {}, None),
    ],
)
def test_a_span_names_its_peer(kind: Any, attrs: dict[str, object], peer: Peer | None) -> None:
    source = samples.span(1, 1, kind=kind, attrs=attrs)

    [span] = spans_from(samples.traces({"shop": [source]}))

    assert span.peer == peer


def test_a_resource_without_service_name_is_an_unknown_service() -> None:
    [span] = spans_from(samples.traces({"": [samples.span(1, 1)]}))

    assert span.service == "unknown_service"


@pytest.mark.parametrize("body", ["text", 7, {"a": [1, None]}, ["x"], None])
def test_a_log_keeps_a_body_of_any_type(body: object) -> None:
    [record] = logs_from(samples.logs({"shop": [samples.log(body)]}))

    assert record.body == body


@pytest.mark.parametrize(
    ("number", "text", "expected"),
    [(17, "", "ERROR"), (24, "", "FATAL"), (1, "", "TRACE"), (9, "Notice", "Notice"), (0, "", "")],
)
def test_a_log_has_a_severity_text_for_its_number(number: int, text: str, expected: str) -> None:
    request = samples.logs({"shop": [samples.log("x", severity=number, severity_text=text)]})

    [record] = logs_from(request)

    assert (record.severity_number, record.severity_text) == (number, expected)


def test_a_log_without_time_has_the_time_at_which_it_was_observed() -> None:
    source = samples.log("x", observed_time_unix_nano=5)
    source.time_unix_nano = 0

    [record] = logs_from(samples.logs({"shop": [source]}))

    assert record.time_unix_nano == 5


def test_log_ids_are_the_same_for_the_same_request_and_distinct_otherwise() -> None:
    request = samples.logs(
        {"shop": [samples.log("x"), samples.log("x")], "pay": [samples.log("x")]}
    )
    other = samples.logs({"shop": [samples.log("x"), samples.log("y")]})

    first = [record.id for record in logs_from(request)]

    assert [record.id for record in logs_from(request)] == first
    assert len({*first, *(record.id for record in logs_from(other))}) == 5


@pytest.mark.parametrize("trace_id", [bytes(16), b"short"])
def test_a_log_of_no_valid_trace_belongs_to_none(trace_id: bytes) -> None:
    source = samples.log("x", trace_id=trace_id, span_id=bytes(8))

    [record] = logs_from(samples.logs({"shop": [source]}))

    assert (record.trace_id, record.span_id) == ("", "")


def test_gauge_and_sum_keep_integers_and_say_how_they_add_up() -> None:
    gauge = Metric(
        name="g",
        unit="By",
        description="d",
        gauge=Gauge(data_points=[NumberDataPoint(time_unix_nano=1, as_int=2**60)]),
    )
    total = Metric(
        name="s",
        sum=Sum(
            is_monotonic=True,
            aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
            data_points=[NumberDataPoint(time_unix_nano=1, as_double=math.nan)],
        ),
    )

    [first, second], _ = samples_from(samples.metrics("shop", gauge, total))

    assert (first.metric.type, first.metric.unit, first.metric.description) == ("gauge", "By", "d")
    assert (first.metric.temporality, first.metric.monotonic) == ("", False)
    assert first.points == [NumberPoint(1, 2**60)]
    assert (second.metric.temporality, second.metric.monotonic) == ("CUMULATIVE", True)
    assert second.points == [NumberPoint(1, None)]


def test_a_histogram_keeps_its_buckets_and_extremes() -> None:
    point = HistogramDataPoint(
        time_unix_nano=1,
        count=3,
        sum=6.5,
        min=0.5,
        max=4,
        explicit_bounds=[1, 2],
        bucket_counts=[1, 1, 1],
    )
    metric = Metric(
        name="h",
        histogram=Histogram(
            data_points=[point], aggregation_temporality=AGGREGATION_TEMPORALITY_DELTA
        ),
    )

    [sample], _ = samples_from(samples.metrics("shop", metric))

    assert (sample.metric.type, sample.metric.temporality) == ("histogram", "DELTA")
    assert sample.points == [DistributionPoint(1, 3, 6.5, 0.5, 4.0, [1.0, 2.0], [1, 1, 1])]


@pytest.mark.parametrize(
    ("point", "bounds", "bucket_counts"),
    [
        (
            ExponentialHistogramDataPoint(
                scale=0,
                zero_count=5,
                positive=Buckets(offset=0, bucket_counts=[1, 2]),
                negative=Buckets(offset=1, bucket_counts=[3, 4]),
            ),
            [-8, -4, -2, 1, 2, 4],
            [0, 4, 3, 5, 1, 2, 0],
        ),
        (
            ExponentialHistogramDataPoint(
                scale=-1, positive=Buckets(offset=-1, bucket_counts=[1, 2])
            ),
            [0.25, 1, 4],
            [0, 1, 2, 0],
        ),
        (ExponentialHistogramDataPoint(zero_count=2), [], [2]),
    ],
)
def test_an_exponential_histogram_becomes_explicit_buckets(
    point: ExponentialHistogramDataPoint, bounds: list[float], bucket_counts: list[int]
) -> None:
    metric = Metric(name="e", exponential_histogram=ExponentialHistogram(data_points=[point]))

    assert drawn(metric) == (bounds, bucket_counts)


def test_exponential_buckets_beyond_all_numbers_do_not_fail() -> None:
    point = ExponentialHistogramDataPoint(
        scale=-(2**30), positive=Buckets(offset=5, bucket_counts=[1])
    )
    metric = Metric(name="e", exponential_histogram=ExponentialHistogram(data_points=[point]))

    bounds, _ = drawn(metric)

    assert len(bounds) == 2
    assert all(map(math.isfinite, bounds))


def test_a_summary_keeps_its_quantiles() -> None:
    point = SummaryDataPoint(
        time_unix_nano=1,
        count=2,
        sum=3,
        quantile_values=[SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=1.5)],
    )

    assert points_of(Metric(name="q", summary=Summary(data_points=[point]))) == [
        DistributionPoint(1, 2, sum=3.0, quantiles=[Quantile(0.5, 1.5)])
    ]


@pytest.mark.parametrize(
    "metric",
    [
        Metric(
            name="h",
            histogram=Histogram(
                data_points=[
                    HistogramDataPoint(explicit_bounds=[1, math.inf], bucket_counts=[0] * 3)
                ]
            ),
        ),
        Metric(
            name="q",
            summary=Summary(
                data_points=[
                    SummaryDataPoint(
                        quantile_values=[SummaryDataPoint.ValueAtQuantile(quantile=quantile)]
                    )
                    for quantile in (math.nan, 1.5)
                ]
            ),
        ),
    ],
)
def test_points_that_no_chart_can_draw_are_rejected(metric: Metric) -> None:
    data_points = getattr(metric, metric.WhichOneof("data") or "").data_points

    assert samples_from(samples.metrics("shop", metric)) == ([], len(data_points))


def test_points_without_value_are_left_out() -> None:
    point = NumberDataPoint(flags=DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)

    assert points_of(samples.gauge("g", point)) == []


def test_series_differ_by_name_attributes_and_resource_but_not_by_attribute_order() -> None:
    def series(service: str, name: str, attrs: dict[str, object]) -> str:
        request = samples.metrics(service, samples.gauge(name, samples.number(1, attrs=attrs)))
        [[sample], _] = samples_from(request)
        return sample.series_id

    first = series("shop", "m", {"a": 1, "b": 2})

    assert series("shop", "m", {"b": 2, "a": 1}) == first
    assert len({first, series("pay", "m", {"a": 1, "b": 2}), series("shop", "n", {"a": 1})}) == 3
