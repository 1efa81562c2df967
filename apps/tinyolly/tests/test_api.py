"""Each endpoint's answer to what a client has sent over gRPC."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Histogram,
    HistogramDataPoint,
    Metric,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests import samples
from tests.samples import MILLISECOND, START, hex_id, log, span, trace_id

pytestmark = pytest.mark.anyio

NO_SCOPE = {"name": "", "version": "", "attributes": {}, "droppedAttributesCount": 0}
NO_SCHEMA = {"schemaUrl": "", "resourceSchemaUrl": "", "resourceDroppedAttributesCount": 0}
NOTHING_MORE = {**NO_SCHEMA, "flags": 0, "droppedAttributesCount": 0}

Get = Callable[..., Awaitable[Any]]


@pytest.fixture
def get(api: httpx.AsyncClient) -> Get:
    async def get(path: str, **params: str | int | bool) -> Any:
        response = await api.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    return get


@pytest.fixture
async def exported(channel: grpc.aio.Channel) -> None:
    """A call from shop to pay, which fails there, asks a database and logs it."""
    await TraceServiceStub(channel).Export(
        samples.traces(
            {
                "shop": [
                    span(
                        1,
                        1,
                        name="GET /cart",
                        kind=Span.SPAN_KIND_SERVER,
                        duration=9 * MILLISECOND,
                        attrs={"http.status": 500, "ok": False, "tags": ["a"]},
                    )
                ],
                "pay": [
                    span(
                        1,
                        2,
                        parent=1,
                        at=MILLISECOND,
                        kind=Span.SPAN_KIND_CLIENT,
                        status=samples.ERROR,
                        attrs={"db.system": "mysql"},
                        events=[Span.Event(time_unix_nano=START, name="exception")],
                        links=[Span.Link(trace_id=(5).to_bytes(16), span_id=(6).to_bytes(8))],
                    )
                ],
            }
        )
    )
    await LogsServiceStub(channel).Export(
        samples.logs(
            {
                "pay": [
                    log(
                        {"text": "failed"},
                        severity=17,
                        trace_id=(1).to_bytes(16),
                        span_id=(2).to_bytes(8),
                        attributes=samples.attributes({"n": 1}),
                    ),
                    log("started", at=-MILLISECOND),
                ]
            }
        )
    )


async def test_health_and_readiness(get: Get) -> None:
    assert await get("/health") == {"status": "ok"}
    assert await get("/ready") == {"status": "ok"}


@pytest.mark.usefixtures("exported")
async def test_stats(get: Get) -> None:
    assert await get("/api/stats") == {
        "traces": 1,
        "spans": 2,
        "logs": 2,
        "metrics": 0,
        "droppedSeries": 0,
    }


@pytest.mark.usefixtures("exported")
async def test_services(get: Get) -> None:
    answer = await get("/api/services")

    assert answer["services"][1] == {
        "name": "shop",
        "spanCount": 1,
        "errorCount": 0,
        "p50DurationNs": 9 * MILLISECOND,
        "p95DurationNs": 9 * MILLISECOND,
        "lastSeenUnixNano": str(START + 9 * MILLISECOND),
    }


@pytest.mark.usefixtures("exported")
async def test_traces(get: Get) -> None:
    summary = {
        "traceId": trace_id(1),
        "rootName": "GET /cart",
        "rootService": "shop",
        "startTimeUnixNano": str(START),
        "durationNs": 9 * MILLISECOND,
        "spanCount": 2,
        "errorCount": 1,
        "services": ["pay", "shop"],
    }

    assert await get("/api/traces") == {"traces": [summary], "nextBefore": None}
    assert await get("/api/traces", service="pay", errors=True, q="cart", before=START + 1000) == {
        "traces": [summary],
        "nextBefore": None,
    }
    assert await get("/api/traces", before=START) == {"traces": [], "nextBefore": None}
    age = (time.time_ns() - START) // 1_000_000_000
    cases: list[tuple[dict[str, str | int], list[object]]] = [
        ({"attribute": "http.status=500"}, [summary]),
        ({"attribute": "http.status=404"}, []),
        ({"minDurationNs": 9 * MILLISECOND, "maxDurationNs": 9 * MILLISECOND}, [summary]),
        ({"minDurationNs": 9 * MILLISECOND + 1}, []),
        ({"maxDurationNs": 9 * MILLISECOND - 1}, []),
        ({"sinceSeconds": age + 60}, [summary]),
        ({"sinceSeconds": age - 60}, []),
    ]
    for filters, found in cases:
        assert (await get("/api/traces", **filters))["traces"] == found, filters


@pytest.mark.usefixtures("exported")
async def test_a_trace(get: Get) -> None:
    answer = await get(f"/api/traces/{trace_id(1)}")

    assert answer["traceId"] == trace_id(1)
    assert answer["spans"][0]["attributes"] == {"http.status": 500, "ok": False, "tags": ["a"]}
    assert answer["spans"][0]["parentSpanId"] == ""
    assert answer["spans"][1] == {
        "traceId": trace_id(1),
        "spanId": hex_id(2),
        "parentSpanId": hex_id(1),
        "name": "span 2",
        "kind": "CLIENT",
        "startTimeUnixNano": str(START + MILLISECOND),
        "endTimeUnixNano": str(START + 2 * MILLISECOND),
        "durationNs": MILLISECOND,
        "status": {"code": "ERROR", "message": "boom"},
        "service": "pay",
        "attributes": {"db.system": "mysql"},
        "resource": {"service.name": "pay"},
        "scope": {**NO_SCOPE, "name": "lib", "version": "1.2"},
        **NOTHING_MORE,
        "traceState": "",
        "events": [
            {
                "timeUnixNano": str(START),
                "name": "exception",
                "attributes": {},
                "droppedAttributesCount": 0,
            }
        ],
        "droppedEventsCount": 0,
        "links": [
            {
                "traceId": trace_id(5),
                "spanId": hex_id(6),
                "traceState": "",
                "flags": 0,
                "attributes": {},
                "droppedAttributesCount": 0,
            }
        ],
        "droppedLinksCount": 0,
    }


@pytest.mark.usefixtures("exported")
async def test_logs(get: Get) -> None:
    answer = await get("/api/logs", traceId=trace_id(1), spanId=hex_id(2), minSeverity=17)

    [record] = answer["logs"]
    assert record.pop("id")
    assert record == {
        "timeUnixNano": str(START),
        "severityNumber": 17,
        "severityText": "ERROR",
        "body": {"text": "failed"},
        "service": "pay",
        "traceId": trace_id(1),
        "spanId": hex_id(2),
        "attributes": {"n": 1},
        "resource": {"service.name": "pay"},
        "scope": NO_SCOPE,
        **NOTHING_MORE,
        "observedTimeUnixNano": "0",
        "eventName": "",
    }
    assert [item["body"] for item in (await get("/api/logs"))["logs"]] == [
        {"text": "failed"},
        "started",
    ]
    age = (time.time_ns() - START) // 1_000_000_000
    assert len((await get("/api/logs", sinceSeconds=age + 60))["logs"]) == 2
    assert (await get("/api/logs", sinceSeconds=age - 60))["logs"] == []


@pytest.mark.usefixtures("exported")
async def test_pages_follow_their_cursor(get: Get) -> None:
    first = await get("/api/logs", limit=1)
    second = await get("/api/logs", limit=1, before=first["nextBefore"])

    assert first["nextBefore"] == str(START)
    assert [item["body"] for item in second["logs"]] == ["started"]
    assert second["nextBefore"] is None


@pytest.mark.usefixtures("exported")
async def test_the_service_map(get: Get) -> None:
    call = {"count": 1, "errorCount": 1, "p95DurationNs": MILLISECOND}

    assert await get("/api/service-map") == {
        "nodes": [
            {"id": "mysql", "type": "database"},
            {"id": "pay", "type": "service"},
            {"id": "shop", "type": "service"},
        ],
        "edges": [
            {"source": "pay", "target": "mysql", **call},
            {"source": "shop", "target": "pay", **call},
        ],
    }


async def test_metrics(get: Get, channel: grpc.aio.Channel) -> None:
    now = time.time_ns()
    histogram = Metric(
        name="latency",
        unit="ms",
        description="how long",
        histogram=Histogram(
            aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
            data_points=[
                HistogramDataPoint(
                    time_unix_nano=now,
                    count=1,
                    sum=2.5,
                    explicit_bounds=[1],
                    bucket_counts=[0, 1],
                    attributes=samples.attributes({"route": "/"}),
                )
            ],
        ),
    )
    summary = Metric(
        name="summary",
        summary=Summary(
            data_points=[
                SummaryDataPoint(
                    time_unix_nano=now,
                    count=1,
                    sum=1,
                    quantile_values=[SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=1)],
                )
            ]
        ),
    )
    gauge = samples.gauge("load", samples.number(0.5))
    await MetricsServiceStub(channel).Export(samples.metrics("shop", histogram, summary, gauge))

    listed = (await get("/api/metrics"))["metrics"]
    assert [metric["name"] for metric in listed] == ["latency", "load", "summary"]
    assert listed[0] == {
        "name": "latency",
        "type": "histogram",
        "unit": "ms",
        "description": "how long",
        "services": ["shop"],
        "seriesCount": 1,
    }
    description = {
        "name": "latency",
        "type": "histogram",
        "unit": "ms",
        "description": "how long",
        "temporality": "CUMULATIVE",
        "monotonic": False,
        "metadata": {},
    }
    assert await get("/api/metrics/series", name="latency", sinceSeconds=60) == {
        **description,
        "series": [
            {
                "service": "shop",
                "metric": description,
                "attributes": {"route": "/"},
                "resource": {"service.name": "shop"},
                "scope": NO_SCOPE,
                **NO_SCHEMA,
                "points": [
                    {
                        "timeUnixNano": str(now),
                        "startTimeUnixNano": "0",
                        "flags": 0,
                        "exemplars": [],
                        "count": 1,
                        "sum": 2.5,
                        "bounds": [1.0],
                        "bucketCounts": [0, 1],
                    }
                ],
            }
        ],
    }
    [series] = (await get("/api/metrics/series", name="summary"))["series"]
    assert series["points"][0]["quantiles"] == [{"quantile": 0.5, "value": 1.0}]
    [series] = (await get("/api/metrics/series", name="load"))["series"]
    assert series["points"][0]["value"] == 0.5


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/traces/unknown", 404, "not_found"),
        ("/api/metrics/series?name=unknown", 404, "not_found"),
        ("/api/nothing", 404, "not_found"),
        ("/api/traces?limit=0", 400, "bad_request"),
        ("/api/traces?limit=1001", 400, "bad_request"),
        ("/api/traces?before=yesterday", 400, "bad_request"),
        ("/api/traces?minDurationNs=-1", 400, "bad_request"),
        ("/api/traces?attribute==500", 400, "bad_request"),
        ("/api/traces?sinceSeconds=0", 400, "bad_request"),
        ("/api/logs?minSeverity=25", 400, "bad_request"),
        ("/api/metrics/series", 400, "bad_request"),
        (f"/api/metrics/series?name=m&sinceSeconds={'9' * 308}", 400, "bad_request"),
    ],
)
async def test_errors_have_one_shape(
    api: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    response = await api.get(path)

    assert response.status_code == status
    body = response.json()
    assert body["error"].pop("message")
    assert body == {"error": {"code": code}}


async def test_an_unexpected_failure_has_that_shape_and_tells_nothing(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.routers.services.service_map", lambda _: 1 / 0)

    response = await api.get("/api/service-map")

    assert response.status_code == 500
    assert response.json() == {
        "error": {
            "code": "internal_server_error",
            "message": "The request failed unexpectedly.",
        }
    }
