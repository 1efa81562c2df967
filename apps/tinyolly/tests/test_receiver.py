import asyncio
from typing import Any

import grpc
import httpx
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
from tests.otlp_json import to_json
from tests.statuses import retry_seconds, status_of

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


async def test_a_bomb_is_refused_and_not_sent_again(channel: grpc.aio.Channel) -> None:
    span = samples.span(1, 1, attrs={"text": "x" * 21 * 1024 * 1024})

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await TraceServiceStub(channel).Export(
            samples.traces({"shop": [span]}), compression=grpc.Compression.Gzip
        )

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_seconds(caught.value) is None


async def test_what_is_no_request_is_refused_and_not_sent_again(
    channel: grpc.aio.Channel,
) -> None:
    export = channel.unary_unary(
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export", bytes, bytes
    )

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await export(b"\xff\xff")

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "no ExportTraceServiceRequest" in (caught.value.details() or "")
    assert status_of(caught.value).code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert retry_seconds(caught.value) is None


async def test_both_grpc_ports_take_exports(receiver: Receiver, storage: Storage) -> None:
    for number, port in enumerate(receiver.grpc_ports):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            request = samples.traces({"shop": [samples.span(1, number + 1)]})
            await TraceServiceStub(channel).Export(request)

    assert (await storage.stats()).spans == len(receiver.grpc_ports) == 2


async def test_a_request_of_many_spans_is_stored_in_parts(
    channel: grpc.aio.Channel, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.exports._SLICE", 2)
    members = [samples.span(1, number) for number in range(6)]

    response = await TraceServiceStub(channel).Export(samples.traces({"shop": members}))

    assert response.partial_success.rejected_spans == 1
    assert (await storage.stats()).spans == 5


async def test_equal_log_records_stay_two_and_a_repeated_request_counts_once(
    channel: grpc.aio.Channel, storage: Storage
) -> None:
    first = samples.logs({"shop": [samples.log("x"), samples.log("x")]})
    other = samples.logs({"shop": [samples.log("x"), samples.log("y")]})

    for request in (first, first, other):
        await LogsServiceStub(channel).Export(request)

    assert (await storage.stats()).logs == 4


async def test_a_span_counts_once_however_it_is_batched_again(
    channel: grpc.aio.Channel, http: httpx.AsyncClient, storage: Storage
) -> None:
    one, two, three = (samples.span(1, number) for number in (1, 2, 3))
    stub = TraceServiceStub(channel)

    await stub.Export(samples.traces({"shop": [one, two]}))
    await stub.Export(samples.traces({"shop": [two, one, three]}))
    await http.post(
        "/v1/traces",
        content=to_json(samples.traces({"shop": [three]})),
        headers={"Content-Type": "application/json"},
    )

    [service] = await storage.spans.services()
    assert (await storage.stats()).spans == service.span_count == 3


async def test_what_has_begun_is_finished_when_the_receiver_stops(
    storage: Storage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: asyncio.Queue[None] = asyncio.Queue()
    stopping = asyncio.Event()
    add = storage.spans.add

    async def add_while_stopping(spans: Any) -> None:
        begun.put_nowait(None)
        await stopping.wait()
        await add(spans)

    monkeypatch.setattr(storage.spans, "add", add_while_stopping)
    receiver = Receiver(storage, settings)
    await receiver.start()
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{receiver.grpc_ports[0]}") as channel,
        httpx.AsyncClient(trust_env=False) as http,
        asyncio.TaskGroup() as tasks,
    ):
        requests = [samples.traces({"shop": [samples.span(1, number)]}) for number in (1, 2)]

        async def send_over_grpc() -> None:
            await TraceServiceStub(channel).Export(requests[0])

        tasks.create_task(send_over_grpc())
        over_http = tasks.create_task(
            http.post(
                f"http://127.0.0.1:{receiver.http_port}/v1/traces",
                content=requests[1].SerializeToString(),
                headers={"Content-Type": "application/x-protobuf"},
            )
        )
        for _ in requests:
            await begun.get()
        stop = tasks.create_task(receiver.stop())
        await asyncio.sleep(0)
        assert not stop.done()
        stopping.set()

    assert over_http.result().status_code == 200
    assert (await storage.stats()).spans == 2
