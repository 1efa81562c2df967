"""The REST API's responses: camelCase JSON, with times as decimal strings of Unix nanoseconds.

The routers return stored telemetry and storage's summaries; these models read their attributes.
"""

from typing import Annotated, Literal

from pydantic import (
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
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


class SpanEvent(Model):
    time_unix_nano: UnixNano
    name: str
    attributes: Attributes


class SpanLink(Model):
    trace_id: str
    span_id: str
    attributes: Attributes


class Span(Model):
    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: Literal["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
    start_time_unix_nano: UnixNano
    end_time_unix_nano: UnixNano
    duration_ns: int
    status: Status
    service: str
    attributes: Attributes
    resource: Attributes
    scope: Scope
    events: list[SpanEvent]
    links: list[SpanLink]


class Trace(Model):
    trace_id: str
    spans: list[Span]


class LogRecord(Model):
    id: str
    time_unix_nano: UnixNano
    severity_number: int
    severity_text: str
    body: JsonValue
    service: str
    trace_id: str
    span_id: str
    attributes: Attributes
    resource: Attributes


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


class NumberPoint(Model):
    time_unix_nano: UnixNano
    value: int | float | None


class Quantile(Model):
    quantile: float
    value: float | None


class DistributionPoint(Model):
    time_unix_nano: UnixNano
    count: int
    sum: float | None
    min: float | None
    max: float | None
    bounds: list[float] | None
    bucket_counts: list[int] | None
    quantiles: list[Quantile] | None


class Series(Model):
    service: str
    attributes: Attributes
    points: list[NumberPoint | DistributionPoint]


class MetricSeries(Model):
    name: str
    type: Literal["gauge", "sum", "histogram", "exponentialHistogram", "summary"]
    unit: str
    description: str
    temporality: Literal["", "DELTA", "CUMULATIVE"]
    monotonic: bool
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
