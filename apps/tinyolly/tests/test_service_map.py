from opentelemetry.proto.trace.v1.trace_pb2 import Span

from common.otlp import spans_from
from common.service_map import Edge, Node, ServiceMap, service_map
from tests import samples
from tests.samples import MILLISECOND, span

CLIENT = Span.SPAN_KIND_CLIENT


def map_of(**members: list[Span]) -> ServiceMap:
    return service_map([list(spans_from(samples.traces(members)))])


def test_a_call_is_an_edge_from_the_parents_service() -> None:
    calls = [
        span(1, number, parent=1, duration=number * MILLISECOND, status=status)
        for number, status in ((2, samples.OK), (3, samples.ERROR))
    ]

    result = map_of(shop=[span(1, 1), span(1, 9, parent=1)], pay=calls)

    assert result.nodes == [Node("pay", "service"), Node("shop", "service")]
    assert result.edges == [Edge("shop", "pay", 2, 1, 3 * MILLISECOND)]


def test_databases_are_nodes_and_their_spans_do_not_hide_a_call() -> None:
    result = map_of(
        shop=[span(1, 1)], pay=[span(1, 2, parent=1, kind=CLIENT, attrs={"db.system": "redis"})]
    )

    assert Node("redis", "database") in result.nodes
    assert [(edge.source, edge.target) for edge in result.edges] == [
        ("pay", "redis"),
        ("shop", "pay"),
    ]


def test_messages_go_through_their_broker() -> None:
    kafka = {"messaging.system": "kafka"}

    result = map_of(
        shop=[span(1, 1, kind=Span.SPAN_KIND_PRODUCER, attrs=kafka)],
        mail=[span(1, 2, parent=1, kind=Span.SPAN_KIND_CONSUMER, attrs=kafka)],
    )

    assert Node("kafka", "messaging") in result.nodes
    assert [(edge.source, edge.target) for edge in result.edges] == [
        ("kafka", "mail"),
        ("shop", "kafka"),
    ]


def test_a_named_peer_counts_only_where_it_has_no_spans_of_its_own() -> None:
    peer = {"peer.service": "pay"}

    silent = map_of(shop=[span(1, 1, kind=CLIENT, attrs=peer)])
    answering = map_of(shop=[span(1, 1, kind=CLIENT, attrs=peer)], pay=[span(1, 2, parent=1)])

    for result in (silent, answering):
        assert [(edge.source, edge.target, edge.count) for edge in result.edges] == [
            ("shop", "pay", 1)
        ]


def test_a_span_whose_parent_is_missing_makes_no_edge() -> None:
    assert map_of(pay=[span(1, 2, parent=1)]).edges == []
