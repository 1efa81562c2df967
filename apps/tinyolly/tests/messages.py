"""Random OTLP messages, and what the API has to answer for them."""

import base64
import math
import random
import time
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from tests import samples

_TEXTS = ("", "a", "GET /cart", "ü€😀", 'quote " and \\', "nul\0nul", "x" * 300)
# An attribute that tells series apart.
SERIES = "series"
_UINT32 = 2**32 - 1
_UINT64 = 2**64 - 1
_RENAMED = {
    "filtered_attributes": "attributes",
    "aggregation_temporality": "temporality",
    "is_monotonic": "monotonic",
    "as_int": "value",
    "as_double": "value",
    "explicit_bounds": "bounds",
    "quantile_values": "quantiles",
}
_ENUMERATIONS = {
    "kind": ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"),
    "code": ("UNSET", "OK", "ERROR"),
    "aggregation_temporality": ("", "DELTA", "CUMULATIVE"),
}


class Messages:
    """Random messages; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - random to be repeatable

    def traces(self) -> ExportTraceServiceRequest:
        return ExportTraceServiceRequest(
            resource_spans=self._some(
                lambda: ResourceSpans(
                    resource=self._resource(),
                    schema_url=self._text(),
                    scope_spans=self._some(
                        lambda: ScopeSpans(
                            scope=self._scope(),
                            schema_url=self._text(),
                            spans=self._some(self._span),
                        )
                    ),
                )
            )
        )

    def logs(self) -> ExportLogsServiceRequest:
        return ExportLogsServiceRequest(
            resource_logs=self._some(
                lambda: ResourceLogs(
                    resource=self._resource(),
                    schema_url=self._text(),
                    scope_logs=self._some(
                        lambda: ScopeLogs(
                            scope=self._scope(),
                            schema_url=self._text(),
                            log_records=self._some(self._log),
                        )
                    ),
                )
            )
        )

    def metrics(self) -> ExportMetricsServiceRequest:
        return ExportMetricsServiceRequest(
            resource_metrics=self._some(
                lambda: ResourceMetrics(
                    resource=self._resource(),
                    schema_url=self._text(),
                    scope_metrics=self._some(
                        lambda: ScopeMetrics(
                            scope=self._scope(),
                            schema_url=self._text(),
                            metrics=self._some(self._metric),
                        )
                    ),
                )
            )
        )

    def _span(self) -> Span:
        return Span(
            trace_id=self._random.randbytes(16),
            span_id=self._random.randbytes(8),
            parent_span_id=self._random.choice((b"", self._random.randbytes(8))),
            trace_state=self._text(),
            flags=self._up_to(_UINT32),
            name=self._text(),
            kind=self._random.choice(Span.SpanKind.values()),
            start_time_unix_nano=self._up_to(_UINT64),
            end_time_unix_nano=self._up_to(_UINT64),
            attributes=self._attributes(),
            dropped_attributes_count=self._up_to(_UINT32),
            events=self._any_number(
                lambda: Span.Event(
                    time_unix_nano=self._up_to(_UINT64),
                    name=self._text(),
                    attributes=self._attributes(),
                    dropped_attributes_count=self._up_to(_UINT32),
                )
            ),
            dropped_events_count=self._up_to(_UINT32),
            links=self._any_number(
                lambda: Span.Link(
                    trace_id=self._random.randbytes(16),
                    span_id=self._random.randbytes(8),
                    trace_state=self._text(),
                    attributes=self._attributes(),
                    dropped_attributes_count=self._up_to(_UINT32),
                    flags=self._up_to(_UINT32),
                )
            ),
            dropped_links_count=self._up_to(_UINT32),
            status=Status(
                code=self._random.choice(Status.StatusCode.values()), message=self._text()
            ),
        )

    def _log(self) -> LogRecord:
        return LogRecord(
            time_unix_nano=1 + self._up_to(_UINT64 - 1),
            observed_time_unix_nano=self._up_to(_UINT64),
            severity_number=self._random.randrange(25),  # type: ignore[arg-type]  # as it is sent
            # Without a text the API answers with that of the number.
            severity_text=self._text() or "text",
            body=self._value(),
            attributes=self._attributes(),
            dropped_attributes_count=self._up_to(_UINT32),
            flags=self._up_to(_UINT32),
            trace_id=self._random.randbytes(16),
            span_id=self._random.randbytes(8),
            event_name=self._text(),
        )

    def _metric(self) -> Metric:
        common: dict[str, Any] = {
            "name": f"metric {self._random.randbytes(8).hex()}",
            "description": self._text(),
            "unit": self._text(),
            "metadata": self._attributes(),
        }
        temporality: Any = self._random.randrange(3)
        match self._random.randrange(5):
            case 0:
                return Metric(**common, gauge=Gauge(data_points=self._some(self._number)))
            case 1:
                total = Sum(
                    data_points=self._some(self._number),
                    aggregation_temporality=temporality,
                    is_monotonic=self._coin(),
                )
                return Metric(**common, sum=total)
            case 2:
                histogram = Histogram(
                    data_points=self._some(self._histogram), aggregation_temporality=temporality
                )
                return Metric(**common, histogram=histogram)
            case 3:
                exponential = ExponentialHistogram(
                    data_points=self._some(self._exponential), aggregation_temporality=temporality
                )
                return Metric(**common, exponential_histogram=exponential)
            case _:
                return Metric(**common, summary=Summary(data_points=self._some(self._summary)))

    def _point(self) -> dict[str, Any]:
        # A series is known by its attributes; points that have no value are not kept.
        identity = KeyValue(key=SERIES, value=AnyValue(bytes_value=self._random.randbytes(8)))
        return {
            "attributes": [*self._attributes(), identity],
            "start_time_unix_nano": self._up_to(_UINT64),
            "time_unix_nano": time.time_ns() - self._up_to(10**9),
            "flags": self._up_to(_UINT32) & ~1,
        }

    def _number(self) -> NumberDataPoint:
        return NumberDataPoint(
            **self._point(), **self._amount(), exemplars=self._any_number(self._exemplar)
        )

    def _amount(self) -> dict[str, Any]:
        if self._coin():
            return {"as_int": self._up_to(2**64 - 1) - 2**63}
        return {"as_double": self._double()}

    def _exemplar(self) -> Exemplar:
        return Exemplar(
            filtered_attributes=self._attributes(),
            time_unix_nano=self._up_to(_UINT64),
            span_id=self._random.randbytes(8),
            trace_id=self._random.randbytes(16),
            **self._amount(),
        )

    def _totals(self) -> dict[str, Any]:
        return {name: self._double() for name in ("sum", "min", "max") if self._coin()}

    def _histogram(self) -> HistogramDataPoint:
        bounds = sorted(self._any_number(self._double))
        return HistogramDataPoint(
            **self._point(),
            **self._totals(),
            count=self._up_to(_UINT64),
            explicit_bounds=bounds,
            bucket_counts=[self._up_to(_UINT64) for _ in range(len(bounds) + 1)],
            exemplars=self._any_number(self._exemplar),
        )

    def _exponential(self) -> ExponentialHistogramDataPoint:
        return ExponentialHistogramDataPoint(
            **self._point(),
            **self._totals(),
            count=self._up_to(_UINT64),
            scale=self._random.randrange(-10, 21),
            zero_count=self._up_to(_UINT64),
            positive=self._buckets(),
            negative=self._buckets(),
            zero_threshold=abs(self._double()),
            exemplars=self._any_number(self._exemplar),
        )

    def _buckets(self) -> ExponentialHistogramDataPoint.Buckets:
        return ExponentialHistogramDataPoint.Buckets(
            offset=self._random.randrange(-1000, 1000),
            bucket_counts=self._any_number(lambda: self._up_to(_UINT64)),
        )

    def _summary(self) -> SummaryDataPoint:
        return SummaryDataPoint(
            **self._point(),
            count=self._up_to(_UINT64),
            sum=self._double(),
            quantile_values=self._any_number(
                lambda: SummaryDataPoint.ValueAtQuantile(
                    quantile=self._random.random(), value=self._double()
                )
            ),
        )

    def _resource(self) -> Resource:
        service = KeyValue(key="service.name", value=AnyValue(string_value=self._text()))
        return Resource(
            attributes=[*self._attributes(), *([service] if self._coin() else [])],
            dropped_attributes_count=self._up_to(_UINT32),
        )

    def _scope(self) -> InstrumentationScope:
        return InstrumentationScope(
            name=self._text(),
            version=self._text(),
            attributes=self._attributes(),
            dropped_attributes_count=self._up_to(_UINT32),
        )

    def _attributes(self) -> list[KeyValue]:
        return [
            KeyValue(key=f"{number} {self._text()}", value=self._value())
            for number in range(self._random.randrange(4))
        ]

    def _value(self, depth: int = 0) -> AnyValue:
        return samples.value(self._plain(depth))

    def _plain(self, depth: int) -> object:  # noqa: PLR0911
        match self._random.randrange(8 if depth < 3 else 6):
            case 0:
                return self._text()
            case 1:
                return self._coin()
            case 2:
                return self._random.choice((0, -1, 2**53 - 1, 2**53, -(2**63), 2**63 - 1))
            case 3:
                return self._random.choice((0.0, 1.0, -2.5, 1e300, math.nan, math.inf, -math.inf))
            case 4:
                return self._random.randbytes(self._random.randrange(9))
            case 5:
                return None
            case 6:
                return [self._plain(depth + 1) for _ in range(self._random.randrange(4))]
            case _:
                return {
                    f"key {n}": self._plain(depth + 1) for n in range(self._random.randrange(4))
                }

    def _text(self) -> str:
        return self._random.choice(_TEXTS)

    def _up_to(self, largest: int) -> int:
        return self._random.choice((0, 1, largest, self._random.randrange(largest + 1)))

    def _double(self) -> float:
        return self._random.choice((0.0, -1.5, 1e-300, 1e300, self._random.random()))

    def _coin(self) -> bool:
        return self._random.random() < 0.5

    def _some[T](self, make: Callable[[], T]) -> list[T]:
        return [make() for _ in range(self._random.randrange(1, 4))]

    def _any_number[T](self, make: Callable[[], T]) -> list[T]:
        return [make() for _ in range(self._random.randrange(4))]


def shown(message: Message) -> dict[str, Any]:
    """Return what the API has to say of a message: each field that the message type has."""
    return {
        _RENAMED.get(field.name, field.json_name): _shown(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _shown(field: Any, value: Any) -> Any:  # noqa: PLR0911
    if field.name in _ENUMERATIONS:
        return _ENUMERATIONS[field.name][value]
    if field.name.endswith("_unix_nano"):
        return str(value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return value.hex()
    match field.message_type and field.message_type.name:
        case None:
            return list(value) if field.is_repeated else value
        case "KeyValue":
            return attributes(value)
        case "AnyValue":
            return plain(value)
        case _:
            return list(map(shown, value)) if field.is_repeated else shown(value)


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: plain(pair.value) for pair in pairs}


def plain(value: AnyValue) -> Any:  # noqa: PLR0911
    """Return a value as protobuf's own JSON has it."""
    match value.WhichOneof("value"):
        case "array_value":
            return [plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return attributes(value.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "int_value":
            is_exact = abs(value.int_value) < 2**53
            return value.int_value if is_exact else str(value.int_value)
        case "double_value":
            if math.isfinite(value.double_value):
                return value.double_value
            return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value.double_value), "NaN")
        case None:
            return None
        case kind:
            return getattr(value, kind)
