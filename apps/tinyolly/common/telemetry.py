"""Telemetry as it is stored: independent of OTLP's protobuf and of the REST API's JSON.

Times are Unix nanoseconds, identifiers are lower-case hex. Structs that are stored in bulk are
encoded as arrays, so a new field goes to the end and needs a default.
"""

from typing import Any, Literal

import msgspec

# A recursive alias would say it better, but msgspec cannot decode into one.
Json = Any
Attributes = dict[str, Json]

SpanKind = Literal["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
StatusCode = Literal["UNSET", "OK", "ERROR"]
PeerType = Literal["service", "database", "messaging"]
MetricType = Literal["gauge", "sum", "histogram", "exponentialHistogram", "summary"]
Temporality = Literal["", "DELTA", "CUMULATIVE"]


class Status(msgspec.Struct, array_like=True, frozen=True):
    code: StatusCode = "UNSET"
    message: str = ""


class Scope(msgspec.Struct, array_like=True, frozen=True):
    name: str = ""
    version: str = ""
    attributes: Attributes = {}
    dropped_attributes_count: int = 0


class Peer(msgspec.Struct, array_like=True, frozen=True):
    """What a span says about the other end of its call."""

    type: PeerType
    id: str


class SpanEvent(msgspec.Struct, array_like=True, frozen=True):
    time_unix_nano: int
    name: str
    attributes: Attributes
    dropped_attributes_count: int = 0


class SpanLink(msgspec.Struct, array_like=True, frozen=True):
    trace_id: str
    span_id: str
    attributes: Attributes
    trace_state: str = ""
    flags: int = 0
    dropped_attributes_count: int = 0


class SpanHead(msgspec.Struct, array_like=True, frozen=True):
    """The first fields of a stored span: enough to summarise a trace, cheap to decode."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: SpanKind
    start_time_unix_nano: int
    end_time_unix_nano: int
    status: Status
    service: str
    peer: Peer | None

    @property
    def duration_ns(self) -> int:
        return max(0, self.end_time_unix_nano - self.start_time_unix_nano)

    @property
    def is_error(self) -> bool:
        return self.status.code == "ERROR"


class Span(SpanHead, array_like=True, frozen=True):
    attributes: Attributes
    resource: Attributes
    scope: Scope
    events: list[SpanEvent]
    links: list[SpanLink]
    trace_state: str = ""
    flags: int = 0
    dropped_attributes_count: int = 0
    dropped_events_count: int = 0
    dropped_links_count: int = 0
    schema_url: str = ""
    resource_schema_url: str = ""
    resource_dropped_attributes_count: int = 0


class LogRecord(msgspec.Struct, array_like=True, frozen=True):
    id: str
    # The sender's time; without one, when the record was observed or arrived.
    time_unix_nano: int
    severity_number: int
    severity_text: str
    body: Json
    service: str
    trace_id: str
    span_id: str
    attributes: Attributes
    resource: Attributes
    scope: Scope = Scope()
    observed_time_unix_nano: int = 0
    event_name: str = ""
    flags: int = 0
    dropped_attributes_count: int = 0
    schema_url: str = ""
    resource_schema_url: str = ""
    resource_dropped_attributes_count: int = 0


class Exemplar(msgspec.Struct, array_like=True, frozen=True):
    """A measurement that a point counts, with the span in which it was taken."""

    time_unix_nano: int
    value: float | int | None
    trace_id: str
    span_id: str
    attributes: Attributes


class NumberPoint(msgspec.Struct, tag="number", frozen=True, omit_defaults=True):
    time_unix_nano: int
    value: float | int | None
    start_time_unix_nano: int = 0
    flags: int = 0
    exemplars: list[Exemplar] = []


class Quantile(msgspec.Struct, array_like=True, frozen=True):
    quantile: float
    value: float | None


class Buckets(msgspec.Struct, array_like=True, frozen=True):
    """Bucket i of one sign: up to base ** (offset + i + 1), where base is 2 ** (2 ** -scale)."""

    offset: int = 0
    bucket_counts: list[int] = []


class Exponential(msgspec.Struct, array_like=True, frozen=True):
    """The buckets of an exponential histogram's point, as they were sent."""

    scale: int
    zero_count: int
    zero_threshold: float | None
    positive: Buckets
    negative: Buckets


class DistributionPoint(msgspec.Struct, tag="distribution", frozen=True, omit_defaults=True):
    """A histogram's or a summary's point; bucket i ends at bounds[i], the last has no end."""

    time_unix_nano: int
    count: int
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bounds: list[float] | None = None
    bucket_counts: list[int] | None = None
    quantiles: list[Quantile] | None = None
    start_time_unix_nano: int = 0
    flags: int = 0
    exemplars: list[Exemplar] = []
    exponential: Exponential | None = None


Point = NumberPoint | DistributionPoint


class Metric(msgspec.Struct, frozen=True):
    name: str
    type: MetricType
    unit: str
    description: str
    temporality: Temporality
    monotonic: bool
    metadata: Attributes = {}


class SeriesLabels(msgspec.Struct, array_like=True, frozen=True):
    """Where the points of one series come from, and what they are."""

    service: str
    attributes: Attributes
    metric: Metric | None = None
    resource: Attributes = {}
    scope: Scope = Scope()
    schema_url: str = ""
    resource_schema_url: str = ""
    resource_dropped_attributes_count: int = 0


class Sample(msgspec.Struct, frozen=True):
    """Points of one series as an export delivers them."""

    metric: Metric
    series_id: str
    labels: SeriesLabels
    points: list[Point]
