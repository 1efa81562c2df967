import msgspec

from common.telemetry import SpanHead


class TraceSummary(msgspec.Struct, frozen=True):
    trace_id: str
    root_name: str
    root_service: str
    start_time_unix_nano: int
    duration_ns: int
    span_count: int
    error_count: int
    services: list[str]


def summarize(heads: list[SpanHead]) -> TraceSummary:
    """Sum up the spans of one trace, of which there is at least one."""
    root = _root(heads)
    start = min(head.start_time_unix_nano for head in heads)
    end = max(head.end_time_unix_nano for head in heads)
    return TraceSummary(
        trace_id=root.trace_id,
        root_name=root.name,
        root_service=root.service,
        start_time_unix_nano=start,
        duration_ns=max(0, end - start),
        span_count=len(heads),
        error_count=sum(head.is_error for head in heads),
        services=sorted({head.service for head in heads}),
    )


def _root(heads: list[SpanHead]) -> SpanHead:
    """Return the span without parent; where it is missing, the first whose parent is missing."""
    known = {head.span_id for head in heads}
    return min(
        heads,
        key=lambda head: (
            head.parent_span_id != "",
            head.parent_span_id in known,
            head.start_time_unix_nano,
        ),
    )
