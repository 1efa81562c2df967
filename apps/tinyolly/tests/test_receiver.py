from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from redis.asyncio import Redis

from common.settings import Settings
from common.storage import Storage
from receiver.server import Receiver
from tests import samples

pytestmark = pytest.mark.anyio

SERVING = health_pb2.HealthCheckResponse.SERVING


async def health(channel: grpc.aio.Channel, service: str) -> Any:
    stub = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status


async def test_it_serves_while_the_storage_answers(channel: grpc.aio.Channel) -> None:
    assert await health(channel, "") == SERVING
    assert await health(channel, "liveness") == SERVING


async def test_spans_with_invalid_ids_are_reported_and_the_others_kept(
    channel: grpc.aio.Channel, storage: Storage
) -> None:
    request = samples.traces({"shop": [samples.span(1, 1), samples.span(1, 0)]})

    response = await TraceServiceStub(channel).Export(request)

    assert response.partial_success.rejected_spans == 1
    assert response.partial_success.error_message
    assert (await storage.stats()).spans == 1


async def test_points_above_the_limit_of_series_are_reported(
    redis: Redis, settings: Settings
) -> None:
    settings = settings.model_copy(update={"max_series": 1})
    storage = Storage(redis, settings)
    receiver = Receiver(storage, settings)
    await receiver.start()
    points = [samples.number(1, attrs={"n": number}) for number in range(3)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{receiver.grpc_ports[0]}") as channel:
        response = await MetricsServiceStub(channel).Export(
            samples.metrics("shop", samples.gauge("m", *points))
        )
    await receiver.stop()

    assert response.partial_success.rejected_data_points == 2
    assert (await storage.stats()).dropped_series == 2


async def test_a_request_may_be_compressed_and_larger_than_grpcs_default(
    channel: grpc.aio.Channel, storage: Storage
) -> None:
    span = samples.span(1, 1, attrs={"text": "x" * 5_000_000})

    await TraceServiceStub(channel).Export(
        samples.traces({"shop": [span]}), compression=grpc.Compression.Gzip
    )

    assert (await storage.stats()).spans == 1


@pytest.mark.parametrize(
    ("stub", "request_"),
    [
        (TraceServiceStub, samples.traces({})),
        (LogsServiceStub, samples.logs({})),
        (MetricsServiceStub, samples.metrics("shop")),
    ],
)
async def test_an_empty_request_is_answered(
    channel: grpc.aio.Channel, stub: Any, request_: Any
) -> None:
    assert not (await stub(channel).Export(request_)).HasField("partial_success")
