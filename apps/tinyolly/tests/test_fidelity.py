"""Every field of OTLP comes back from the API, whichever way it came."""

from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import ANY

import grpc
import httpx
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.messages import SERIES, Messages, shown
from tests.otlp_json import to_json

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("transport", ["gRPC", "HTTP", "HTTP with JSON"]),
]

SEEDS = range(20)
STUBS: dict[str, Any] = {
    "/v1/traces": TraceServiceStub,
    "/v1/logs": LogsServiceStub,
    "/v1/metrics": MetricsServiceStub,
}

Send = Callable[[str, Message], Awaitable[None]]


@pytest.fixture
def send(transport: str, http: httpx.AsyncClient, channel: grpc.aio.Channel) -> Send:
    async def send(path: str, request: Message) -> None:
        if transport == "gRPC":
            response = await STUBS[path](channel).Export(request)
            assert not response.HasField("partial_success")
            return
        body, media_type = (
            (request.SerializeToString(), "application/x-protobuf")
            if transport == "HTTP"
            else (to_json(request), "application/json")
        )
        answer = await http.post(path, content=body, headers={"Content-Type": media_type})
        assert answer.status_code == 200, answer.text
        assert answer.content in {b"", b"{}"}

    return send


def source_of(resource_group: Any, scope_group: Any) -> dict[str, Any]:
    resource = shown(resource_group.resource)
    assert resource.pop("entityRefs") == []
    return {
        "service": resource["attributes"].get("service.name") or "unknown_service",
        "resource": resource["attributes"],
        "resourceDroppedAttributesCount": resource["droppedAttributesCount"],
        "resourceSchemaUrl": resource_group.schema_url,
        "scope": shown(scope_group.scope),
        "schemaUrl": scope_group.schema_url,
    }


async def test_spans(send: Send, api: httpx.AsyncClient) -> None:
    for seed in SEEDS:
        request = Messages(seed).traces()
        await send("/v1/traces", request)
        await check_spans(request, api)


async def check_spans(request: Any, api: httpx.AsyncClient) -> None:
    for group in request.resource_spans:
        for scope_group in group.scope_spans:
            for span in scope_group.spans:
                answer = (await api.get(f"/api/traces/{span.trace_id.hex()}")).json()
                [found] = answer["spans"]
                # Those have no field of their own in OTLP.
                found.pop("durationNs")
                assert found == shown(span) | source_of(group, scope_group)


async def test_log_records(send: Send, api: httpx.AsyncClient) -> None:
    for seed in SEEDS:
        request = Messages(seed).logs()
        await send("/v1/logs", request)
        await check_log_records(request, api)


async def check_log_records(request: Any, api: httpx.AsyncClient) -> None:
    for group in request.resource_logs:
        for scope_group in group.scope_logs:
            for record in scope_group.log_records:
                query = {"traceId": record.trace_id.hex()}
                [found] = (await api.get("/api/logs", params=query)).json()["logs"]
                assert found.pop("id")
                assert found == shown(record) | source_of(group, scope_group)


async def test_metrics(send: Send, api: httpx.AsyncClient) -> None:
    for seed in SEEDS:
        request = Messages(seed).metrics()
        await send("/v1/metrics", request)
        await check_metrics(request, api)


async def check_metrics(request: Any, api: httpx.AsyncClient) -> None:
    for group in request.resource_metrics:
        for scope_group in group.scope_metrics:
            for metric in scope_group.metrics:
                query = {"name": metric.name}
                answer = (await api.get("/api/metrics/series", params=query)).json()
                found = {item["attributes"][SERIES]: item for item in answer.pop("series")}
                assert answer == description_of(metric)
                assert found == series_of(metric, source_of(group, scope_group))


def description_of(metric: Any) -> dict[str, Any]:
    kind = metric.WhichOneof("data")
    fields = shown(metric)
    data = fields.pop(METRIC_TYPES[kind])
    del data["dataPoints"]
    return {
        "temporality": "",
        "monotonic": False,
        **fields,
        **data,
        "type": METRIC_TYPES[kind],
    }


METRIC_TYPES = {
    "gauge": "gauge",
    "sum": "sum",
    "histogram": "histogram",
    "exponential_histogram": "exponentialHistogram",
    "summary": "summary",
}
EXPONENTIAL = ("scale", "zeroCount", "zeroThreshold", "positive", "negative")


def series_of(metric: Any, source: dict[str, Any]) -> dict[str, Any]:
    series = {}
    for point in getattr(metric, metric.WhichOneof("data")).data_points:
        fields = shown(point)
        attributes = fields.pop("attributes")
        fields.setdefault("exemplars", [])
        if metric.HasField("exponential_histogram"):
            fields["exponential"] = {name: fields.pop(name) for name in EXPONENTIAL}
            # Those are for charts, and derived from the others.
            fields |= {"bounds": ANY, "bucketCounts": ANY}
        series[attributes[SERIES]] = source | {
            "attributes": attributes,
            "metric": description_of(metric),
            "points": [fields],
        }
    return series
