"""OTLP's spans and log records, as protobuf, to the telemetry that is stored."""

import hashlib
import time
from collections.abc import Iterator

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from common.otlp_values import (
    attributes_from,
    scope_from,
    service_of,
    span_id_from,
    trace_id_from,
    value_from,
)
from common.telemetry import (
    Attributes,
    LogRecord,
    Peer,
    Span,
    SpanEvent,
    SpanKind,
    SpanLink,
    Status,
    StatusCode,
)

_SPAN_KINDS: dict[int, SpanKind] = {
    1: "INTERNAL",
    2: "SERVER",
    3: "CLIENT",
    4: "PRODUCER",
    5: "CONSUMER",
}
_STATUS_CODES: dict[int, StatusCode] = {1: "OK", 2: "ERROR"}
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def span_count(request: ExportTraceServiceRequest) -> int:
    return sum(
        len(scope_group.spans)
        for group in request.resource_spans
        for scope_group in group.scope_spans
    )


def spans_from(request: ExportTraceServiceRequest) -> Iterator[Span]:
    """Yield the request's spans, without those whose identifiers are not valid."""
    for group in request.resource_spans:
        resource = attributes_from(group.resource.attributes)
        service = service_of(resource)
        resource_dropped = group.resource.dropped_attributes_count
        for scope_group in group.scope_spans:
            scope = scope_from(scope_group.scope)
            for span in scope_group.spans:
                trace_id, span_id = trace_id_from(span.trace_id), span_id_from(span.span_id)
                if not (trace_id and span_id):
                    continue
                attributes = attributes_from(span.attributes)
                yield Span(
                    trace_id=trace_id,
                    span_id=span_id,
                    parent_span_id=span.parent_span_id.hex(),
                    name=span.name,
                    kind=_SPAN_KINDS.get(span.kind, "UNSPECIFIED"),
                    start_time_unix_nano=span.start_time_unix_nano,
                    end_time_unix_nano=span.end_time_unix_nano,
                    status=_status(span.status),
                    service=service,
                    peer=_peer(span.kind, attributes),
                    attributes=attributes,
                    resource=resource,
                    scope=scope,
                    events=[_event(event) for event in span.events],
                    links=[_link(link) for link in span.links],
                    trace_state=span.trace_state,
                    flags=span.flags,
                    dropped_attributes_count=span.dropped_attributes_count,
                    dropped_events_count=span.dropped_events_count,
                    dropped_links_count=span.dropped_links_count,
                    schema_url=scope_group.schema_url,
                    resource_schema_url=group.schema_url,
                    resource_dropped_attributes_count=resource_dropped,
                )


def logs_from(request: ExportLogsServiceRequest) -> Iterator[LogRecord]:
    now = time.time_ns()
    # Known by the request and their place in it: a request that is sent again is stored once,
    # while equal records stay as many as they are, be they in one request or in two.
    request_id = hashlib.blake2b(
        request.SerializeToString(deterministic=True), digest_size=16
    ).hexdigest()
    number = 0
    for group in request.resource_logs:
        resource = attributes_from(group.resource.attributes)
        service = service_of(resource)
        resource_dropped = group.resource.dropped_attributes_count
        for scope_group in group.scope_logs:
            scope = scope_from(scope_group.scope)
            for record in scope_group.log_records:
                number += 1
                observed = record.observed_time_unix_nano
                yield LogRecord(
                    id=f"{request_id}{number:x}",
                    time_unix_nano=record.time_unix_nano or observed or now,
                    severity_number=record.severity_number,
                    severity_text=record.severity_text or _severity_text(record.severity_number),
                    body=value_from(record.body),
                    service=service,
                    trace_id=trace_id_from(record.trace_id),
                    span_id=span_id_from(record.span_id),
                    attributes=attributes_from(record.attributes),
                    resource=resource,
                    scope=scope,
                    observed_time_unix_nano=observed,
                    event_name=record.event_name,
                    flags=record.flags,
                    dropped_attributes_count=record.dropped_attributes_count,
                    schema_url=scope_group.schema_url,
                    resource_schema_url=group.schema_url,
                    resource_dropped_attributes_count=resource_dropped,
                )


def _status(status: trace_pb2.Status) -> Status:
    return Status(_STATUS_CODES.get(status.code, "UNSET"), status.message)


def _event(event: trace_pb2.Span.Event) -> SpanEvent:
    return SpanEvent(
        event.time_unix_nano,
        event.name,
        attributes_from(event.attributes),
        event.dropped_attributes_count,
    )


def _link(link: trace_pb2.Span.Link) -> SpanLink:
    return SpanLink(
        link.trace_id.hex(),
        link.span_id.hex(),
        attributes_from(link.attributes),
        link.trace_state,
        link.flags,
        link.dropped_attributes_count,
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


def _severity_text(number: int) -> str:
    return _SEVERITIES[min(number - 1, 23) // 4] if number > 0 else ""
