"""Who calls whom, from the spans of some traces."""

from collections import defaultdict
from collections.abc import Iterable
from math import ceil

import msgspec

from common.telemetry import PeerType, SpanHead


class Node(msgspec.Struct, frozen=True, order=True):
    id: str
    type: PeerType


class Edge(msgspec.Struct, frozen=True):
    source: str
    target: str
    count: int
    error_count: int
    p95_duration_ns: int


class ServiceMap(msgspec.Struct, frozen=True):
    nodes: list[Node]
    edges: list[Edge]


def service_map(traces: Iterable[list[SpanHead]]) -> ServiceMap:
    types: dict[str, PeerType] = {}
    calls: defaultdict[tuple[str, str], list[SpanHead]] = defaultdict(list)
    for heads in traces:
        services = {head.span_id: head.service for head in heads}
        # Callers whose other end has spans of its own: those speak for the call.
        answered = {
            head.parent_span_id
            for head in heads
            if services.get(head.parent_span_id, head.service) != head.service
        }
        for head in heads:
            types.setdefault(head.service, "service")
            peer = head.peer
            if peer and not (peer.type == "service" and head.span_id in answered):
                types.setdefault(peer.id, peer.type)
                calls[_direction(head, peer.id)].append(head)
            # A message came through its broker, not from the span that sent it.
            from_broker = peer is not None and head.kind == "CONSUMER"
            if head.parent_span_id in services and not from_broker:
                calls[services[head.parent_span_id], head.service].append(head)
    return ServiceMap(
        nodes=sorted(Node(id_, type_) for id_, type_ in types.items()),
        edges=[
            _edge(source, target, heads)
            for (source, target), heads in sorted(calls.items())
            if source != target
        ],
    )


def _direction(head: SpanHead, peer: str) -> tuple[str, str]:
    return (peer, head.service) if head.kind == "CONSUMER" else (head.service, peer)


def _edge(source: str, target: str, heads: list[SpanHead]) -> Edge:
    durations = sorted(head.duration_ns for head in heads)
    return Edge(
        source=source,
        target=target,
        count=len(heads),
        error_count=sum(head.is_error for head in heads),
        p95_duration_ns=durations[ceil(0.95 * len(durations)) - 1],
    )
