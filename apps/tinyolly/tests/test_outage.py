"""What both modes answer while Redis does not."""

from collections.abc import AsyncIterator
from threading import Thread
from typing import Any

import grpc
import httpx
import pytest
from anyio import to_thread
from fakeredis import TcpFakeServer
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from common.settings import Settings
from common.storage import Storage
from tests import samples
from tests.statuses import retry_seconds_in, status_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def storage(free_tcp_port: int) -> AsyncIterator[Storage]:
    storage = Storage.connect(Settings(redis_url=f"redis://127.0.0.1:{free_tcp_port}/0"))
    yield storage
    await storage.aclose()


async def test_the_api_lives_but_is_not_ready(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health")).status_code == 200
    for path in ("/ready", "/api/stats", "/api/traces"):
        response = await api.get(path)
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "service_unavailable"


@pytest.mark.parametrize(
    ("stub", "path", "request_"),
    [
        (
            TraceServiceStub,
            "/v1/traces",
            samples.traces({"shop": [samples.span(1, 1)]}),
        ),
        (LogsServiceStub, "/v1/logs", samples.logs({"shop": [samples.log("x")]})),
        (
            MetricsServiceStub,
            "/v1/metrics",
            samples.metrics("shop", samples.gauge("m", samples.number(1))),
        ),
    ],
)
async def test_an_export_is_unavailable_and_asked_to_be_sent_again(
    channel: grpc.aio.Channel, http: httpx.AsyncClient, stub: Any, path: str, request_: Any
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub(channel).Export(request_)
    answer = await http.post(
        path,
        content=request_.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
    )

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert answer.status_code == 503
    status = Status.FromString(answer.content)
    assert status == status_of(caught.value)
    assert retry_seconds_in(status) == int(answer.headers["Retry-After"]) > 0


async def test_the_receiver_lives_but_does_not_serve(channel: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    statuses = [
        (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status
        for service in ("", "liveness")
    ]

    assert statuses == [
        health_pb2.HealthCheckResponse.NOT_SERVING,
        health_pb2.HealthCheckResponse.SERVING,
    ]


async def test_both_come_back_with_the_storage(
    free_tcp_port: int, api: httpx.AsyncClient, channel: grpc.aio.Channel
) -> None:
    request = samples.traces({"shop": [samples.span(1, 1)]})
    with pytest.raises(grpc.aio.AioRpcError):
        await TraceServiceStub(channel).Export(request)

    server = TcpFakeServer(("127.0.0.1", free_tcp_port))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        await TraceServiceStub(channel).Export(request)
        assert (await api.get("/ready")).status_code == 200
        assert (await api.get("/api/stats")).json()["spans"] == 1
    finally:
        await to_thread.run_sync(server.shutdown)
        server.server_close()
        thread.join()
