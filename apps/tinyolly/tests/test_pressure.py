"""What is answered when more comes than can be taken, and when Redis is full or slow."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from redis.exceptions import OutOfMemoryError
from redis.exceptions import TimeoutError as RedisTimeoutError

from common.storage import Storage
from common.telemetry import Span
from receiver.server import Receiver
from tests import samples
from tests.statuses import retry_seconds, retry_seconds_in

pytestmark = pytest.mark.anyio

PROTOBUF = {"Content-Type": "application/x-protobuf"}
BODY = samples.traces({"shop": [samples.span(11, 11)]}).SerializeToString()

Add = Callable[[Sequence[Span]], Awaitable[None]]


@pytest.fixture
async def ten_of_each(channel: grpc.aio.Channel) -> None:
    for number in range(1, 11):
        await TraceServiceStub(channel).Export(
            samples.traces({"shop": [samples.span(number, number)]})
        )


def full_until(storage: Storage, spans: int) -> Add:
    """Return an `add` that fails as on a full Redis while it holds more than that many spans."""
    add = storage.spans.add

    async def add_if_there_is_room(members: Sequence[Span]) -> None:
        if (await storage.stats()).spans > spans:
            raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
        await add(members)

    return add_if_there_is_room


@pytest.mark.usefixtures("ten_of_each")
async def test_a_full_storage_drops_the_oldest_and_takes_the_new(
    http: httpx.AsyncClient, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.spans, "add", full_until(storage, 9))

    answer = await http.post("/v1/traces", content=BODY, headers=PROTOBUF)

    assert answer.status_code == 200
    page = await storage.spans.traces(limit=20)
    kept = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]
    assert sorted(summary.trace_id for summary in page.items) == sorted(map(samples.trace_id, kept))


@pytest.mark.usefixtures("ten_of_each")
async def test_a_storage_that_stays_full_asks_to_send_again(
    http: httpx.AsyncClient, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.spans, "add", full_until(storage, 1))

    answer = await http.post("/v1/traces", content=BODY, headers=PROTOBUF)

    assert answer.status_code == 503
    status = Status.FromString(answer.content)
    assert status.message == "The storage is full."
    assert retry_seconds_in(status) == int(answer.headers["Retry-After"]) > 0


async def test_a_slow_storage_asks_to_send_again(
    channel: grpc.aio.Channel, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add(_: Any) -> None:
        raise RedisTimeoutError("Timeout reading from socket")

    monkeypatch.setattr(storage.spans, "add", add)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await TraceServiceStub(channel).Export(samples.traces({"shop": [samples.span(1, 1)]}))

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_seconds(caught.value)


async def test_what_comes_beyond_the_queue_is_asked_to_come_again(
    http: httpx.AsyncClient,
    channel: grpc.aio.Channel,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("receiver.exports._MAX_WAITING", 0)
    begun: asyncio.Queue[None] = asyncio.Queue()
    go_on = asyncio.Event()

    async def add(_: Any) -> None:
        begun.put_nowait(None)
        await go_on.wait()

    monkeypatch.setattr(storage.spans, "add", add)

    async def send() -> httpx.Response:
        return await http.post("/v1/traces", content=BODY, headers=PROTOBUF)

    async with asyncio.TaskGroup() as tasks:
        taken = [tasks.create_task(send()) for _ in range(8)]
        for _ in taken:
            await begun.get()
        refused = await send()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await TraceServiceStub(channel).Export(samples.traces({"shop": [samples.span(1, 1)]}))
        go_on.set()

    assert [task.result().status_code for task in taken] == [200] * 8
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_seconds(caught.value)


async def test_what_waits_too_long_is_asked_to_come_again(
    http: httpx.AsyncClient, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.exports._LONGEST_WAIT_SECONDS", 0.01)
    go_on = asyncio.Event()

    async def add(_: Any) -> None:
        await go_on.wait()

    monkeypatch.setattr(storage.spans, "add", add)

    async def send() -> int:
        answer = await http.post("/v1/traces", content=BODY, headers=PROTOBUF)
        go_on.set()
        return answer.status_code

    codes = await asyncio.gather(*(send() for _ in range(9)))

    assert sorted(codes) == [200] * 8 + [503]


async def test_a_request_that_never_ends_is_cut_off(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.http_exports.READ_SECONDS", 0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", receiver.http_port)
    writer.write(
        b"POST /v1/traces HTTP/1.1\r\nHost: olly\r\nContent-Length: 9\r\n"
        b"Content-Type: application/json\r\n\r\n{"
    )

    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
