"""The REST API's responses: camelCase JSON, with times as decimal strings of Unix nanoseconds.

The routers return stored telemetry and storage's summaries; these models read their attributes.
"""

from typing import Annotated, Literal

from pydantic import (
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
)
from pydantic.alias_generators import to_camel

# JavaScript's numbers end at 2**53, which nanoseconds have passed.
UnixNano = Annotated[str, BeforeValidator(str)]
Attributes = dict[str, JsonValue]


class Model(BaseModel):
    model_config = ConfigDict(
        from_attributes=True,
        alias_generator=AliasGenerator(serialization_alias=to_camel),
        serialize_by_alias=True,
    )


class ErrorDetail(Model):
    code: str
    message: str


class ErrorBody(Model):
    error: ErrorDetail


class Health(Model):
    status: Literal["ok"] = "ok"


class Stats(Model):
    traces: int
    spans: int
    logs: int
    metrics: int
    dropped_series: int


class Service(Model):
    name: str
    span_count: int
    error_count: int
    p50_duration_ns: int
    p95_duration_ns: int
    last_seen_unix_nano: UnixNano


class Services(Model):
    services: list[Service]


class TraceSummary(Model):
    trace_id: str
    root_name: str
    root_service: str
    start_time_unix_nano: UnixNano
    duration_ns: int
    span_count: int
    error_count: int
    services: list[str]


class Traces(Model):
    traces: list[TraceSummary]
    next_before: str | None


class Status(Model):
    code: Literal["UNSET", "OK", "ERROR"]
    message: str


class Scope(Model):
    name: str
    version: str
    attributes: Attributes
    dropped_attributes_count: int


class Sourced(Model):
    """What all signals say about where they come from."""

    resource: Attributes
    resource_schema_url: str
    resource_dropped_attributes_count: int
    scope: Scope
    schema_url: str


class SpanEvent(Model):
    time_unix_nano: UnixNano
    name: str
    attributes: Attributes
    dropped_attributes_count: int


class SpanLink(Model):
    trace_id: str
    span_id: str
    trace_state: str
    flags: int
    attributes: Attributes
    dropped_attributes_count: int


class Span(Sourced):
    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    flags: int
    name: str
    kind: Literal["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
    start_time_unix_nano: UnixNano
    end_time_unix_nano: UnixNano
    duration_ns: int
    status: Status
    service: str
    attributes: Attributes
    dropped_attributes_count: int
    events: list[SpanEvent]
    dropped_events_count: int
    links: list[SpanLink]
    dropped_links_count: int


class Trace(Model):
    trace_id: str
    spans: list[Span]


class LogRecord(Sourced):
    id: str
    time_unix_nano: UnixNano
    observed_time_unix_nano: UnixNano
    event_name: str
    severity_number: int
    severity_text: str
    body: JsonValue
    service: str
    trace_id: str
    span_id: str
    flags: int
    attributes: Attributes
    dropped_attributes_count: int


class Logs(Model):
    logs: list[LogRecord]
    next_before: str | None


class Metric(Model):
    name: str
    type: Literal["gauge", "sum", "histogram", "exponentialHistogram", "summary"]
    unit: str
    description: str
    services: list[str]
    series_count: int


class Metrics(Model):
    metrics: list[Metric]


class Exemplar(Model):
    time_unix_nano: UnixNano
    value: int | float | None = None
    trace_id: str
    span_id: str
    attributes: Attributes


class Point(Model):
    time_unix_nano: UnixNano
    start_time_unix_nano: UnixNano
    flags: int
    exemplars: list[Exemplar]


class NumberPoint(Point):
    value: int | float | None = None


class Quantile(Model):
    quantile: float
    value: float | None = None


class Buckets(Model):
    offset: int
    bucket_counts: list[int]


class Exponential(Model):
    scale: int
    zero_count: int
    zero_threshold: float | None = None
    positive: Buckets
    negative: Buckets


class DistributionPoint(Point):
    """Bounds and counts of an exponential histogram are those of its buckets, for charts."""

    count: int
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bounds: list[float] | None = None
    bucket_counts: list[int] | None = None
    exponential: Exponential | None = None
    quantiles: list[Quantile] | None = None


class Description(Model):
    name: str
    type: Literal["gauge", "sum", "histogram", "exponentialHistogram", "summary"]
    unit: str
    description: str
    temporality: Literal["", "DELTA", "CUMULATIVE"]
    monotonic: bool
    metadata: Attributes


class Series(Sourced):
    service: str
    attributes: Attributes
    metric: Description
    # In this order, since a distribution has all that a number must have.
    points: list[Annotated[DistributionPoint | NumberPoint, Field(union_mode="left_to_right")]]


class MetricSeries(Description):
    """The description is the last one that came; each series has its own."""

    series: list[Series]


class Node(Model):
    id: str
    type: Literal["service", "database", "messaging"]


class Edge(Model):
    source: str
    target: str
    count: int
    error_count: int
    p95_duration_ns: int


class ServiceMap(Model):
    nodes: list[Node]
    edges: list[Edge]
