import pytest
from opentelemetry.proto.logs.v1 import logs_pb2
from redis.asyncio import Redis

from common.log_store import LogStore
from common.otlp import logs_from
from common.paging import Cursor
from common.telemetry import LogRecord
from tests import samples
from tests.samples import MILLISECOND, log, trace_id

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(redis: Redis) -> LogStore:
    return LogStore(redis, ttl_seconds=60, limit=1000)


def records(**members: list[logs_pb2.LogRecord]) -> list[LogRecord]:
    return list(logs_from(samples.logs(members)))


async def bodies(store: LogStore, **filters: object) -> list[object]:
    page = await store.logs(limit=100, **filters)  # type: ignore[arg-type]
    return [record.body for record in page.items]


async def test_a_batch_that_comes_twice_is_stored_once(store: LogStore) -> None:
    batch = records(shop=[log("a"), log("a")])

    await store.add(batch)
    await store.add(batch)

    assert await bodies(store) == ["a", "a"]


async def test_filters_select_records(store: LogStore) -> None:
    traced = {"trace_id": (1).to_bytes(16), "span_id": (2).to_bytes(8)}
    await store.add(
        records(
            shop=[
                log("one", at=1000, severity=9, **traced),
                log({"k": "Two"}, at=2000, severity=17),
            ],
            pay=[log("three", at=3000, severity=13, trace_id=(1).to_bytes(16))],
        )
    )

    assert await bodies(store) == ["three", {"k": "Two"}, "one"]
    assert await bodies(store, service="shop") == [{"k": "Two"}, "one"]
    assert await bodies(store, trace_id=trace_id(1)) == ["three", "one"]
    assert await bodies(store, trace_id=trace_id(1), service="pay") == ["three"]
    assert await bodies(store, span_id=samples.hex_id(2)) == ["one"]
    assert await bodies(store, min_severity=13) == ["three", {"k": "Two"}]
    assert await bodies(store, text="tWO") == [{"k": "Two"}]


async def test_text_is_sought_in_the_values_of_attributes(store: LogStore) -> None:
    attributes = samples.attributes({"order.id": "A-17", "order.items": 42})
    await store.add(records(shop=[log("placed", attributes=attributes), log("other")]))

    assert await bodies(store, text="a-17") == ["placed"]
    assert await bodies(store, text="42") == ["placed"]
    assert await bodies(store, text="order.id") == []


async def test_pages_are_newest_first_below_a_microsecond(store: LogStore) -> None:
    await store.add(records(shop=[log(number, at=number) for number in (3, 1, 2)]))

    assert await bodies(store) == [3, 2, 1]


async def test_pages_show_every_record_once(store: LogStore) -> None:
    await store.add(records(shop=[log(number, at=MILLISECOND) for number in range(5)]))

    first = await store.logs(limit=3)
    assert first.next_before is not None
    second = await store.logs(limit=3, before=Cursor.parse(first.next_before))

    assert second.next_before is None
    assert sorted(record.body for record in first.items + second.items) == [0, 1, 2, 3, 4]


async def test_above_the_limit_the_oldest_records_go_from_every_index(redis: Redis) -> None:
    store = LogStore(redis, ttl_seconds=60, limit=1)
    await store.add(records(shop=[log("old", trace_id=(1).to_bytes(16))]))
    [new] = records(pay=[log("new", at=-MILLISECOND)])
    await store.add([new])

    assert await bodies(store) == ["new"]
    assert set(await redis.keys()) == {
        f"log:{new.id}".encode(),
        b"logs",
        b"logs:arrivals",
        b"logs:service:pay",
    }


async def test_what_is_older_than_its_time_goes_and_the_rest_stays(
    store: LogStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.log_store.time.time", lambda: 1_000.0)
    await store.add(records(shop=[log("old")]))
    monkeypatch.setattr("common.log_store.time.time", lambda: 1_061.0)
    await store.add(records(shop=[log("new")]))

    assert await bodies(store) == ["new"]
    assert await redis.zcard("logs") == await redis.zcard("logs:arrivals") == 1


async def test_every_key_expires_when_nothing_arrives_any_more(
    store: LogStore, redis: Redis
) -> None:
    await store.add(records(shop=[log("a", trace_id=(1).to_bytes(16))]))

    assert {await redis.ttl(key) for key in await redis.keys()} <= {59, 60}
