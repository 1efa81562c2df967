from opentelemetry.proto.trace.v1.trace_pb2 import Span

from common.otlp import spans_from
from common.telemetry import SpanHead
from common.trace_summary import TraceSummary, summarize
from tests import samples
from tests.samples import MILLISECOND, START, span, trace_id


def heads(**members: list[Span]) -> list[SpanHead]:
    return list(spans_from(samples.traces(members)))


def test_a_trace_is_named_by_its_root_and_lasts_from_first_to_last_span() -> None:
    summary = summarize(
        heads(
            pay=[
                span(1, 2, parent=1, at=MILLISECOND, duration=9 * MILLISECOND, status=samples.ERROR)
            ],
            shop=[span(1, 1, name="GET /", at=2 * MILLISECOND)],
        )
    )

    assert summary == TraceSummary(
        trace_id=trace_id(1),
        root_name="GET /",
        root_service="shop",
        start_time_unix_nano=START + MILLISECOND,
        duration_ns=9 * MILLISECOND,
        span_count=2,
        error_count=1,
        services=["pay", "shop"],
    )


def test_without_root_the_span_whose_parent_is_missing_names_the_trace() -> None:
    summary = summarize(
        heads(shop=[span(1, 3, parent=2), span(1, 2, parent=1, at=5, name="topmost")])
    )

    assert summary.root_name == "topmost"


def test_a_trace_of_spans_that_are_each_others_parent_has_a_name_too() -> None:
    assert summarize(heads(shop=[span(1, 1, parent=2), span(1, 2, parent=1, at=1)])).root_name
