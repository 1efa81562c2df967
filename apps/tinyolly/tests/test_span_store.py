import pytest
from opentelemetry.proto.trace.v1 import trace_pb2
from redis.asyncio import Redis

from common.otlp import spans_from
from common.paging import Cursor
from common.span_store import AttributeFilter, ServiceSummary, SpanStore
from common.telemetry import Span
from tests import samples
from tests.samples import MILLISECOND, START, span, trace_id

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(redis: Redis) -> SpanStore:
    return SpanStore(redis, ttl_seconds=60, limit=1000)


def spans(**members: list[trace_pb2.Span]) -> list[Span]:
    return list(spans_from(samples.traces(members)))


async def traces_of(store: SpanStore, **filters: object) -> list[str]:
    page = await store.traces(limit=100, **filters)  # type: ignore[arg-type]
    return [summary.trace_id for summary in page.items]


async def test_a_batch_that_comes_twice_is_stored_once(store: SpanStore, redis: Redis) -> None:
    batch = spans(shop=[span(1, 1, status=samples.ERROR)])

    await store.add(batch)
    await store.add(batch)

    assert await store.trace(trace_id(1)) == batch
    assert await redis.zcard("spans") == 1
    [summary] = (await store.traces(limit=10)).items
    assert (summary.span_count, summary.error_count) == (1, 1)
    [service] = await store.services()
    assert (service.span_count, service.error_count) == (1, 1)


async def test_equal_span_ids_of_two_traces_are_two_spans(store: SpanStore) -> None:
    await store.add(spans(shop=[span(1, 7, name="one"), span(2, 7, name="two")]))

    assert [item.name for item in await store.trace(trace_id(1))] == ["one"]
    assert [item.name for item in await store.trace(trace_id(2))] == ["two"]


async def test_spans_of_a_trace_are_listed_by_start(store: SpanStore) -> None:
    await store.add(spans(shop=[span(1, 1, at=5), span(1, 2, at=3)]))

    assert [item.span_id for item in await store.trace(trace_id(1))] == [
        samples.hex_id(2),
        samples.hex_id(1),
    ]


async def test_traces_are_listed_by_start_however_their_spans_arrive(store: SpanStore) -> None:
    await store.add(spans(shop=[span(1, 2, parent=1, at=9 * MILLISECOND)]))
    await store.add(spans(shop=[span(2, 3, at=5 * MILLISECOND)]))
    await store.add(spans(shop=[span(1, 1, at=MILLISECOND)]))

    assert await traces_of(store) == [trace_id(2), trace_id(1)]


async def test_filtered_traces_are_ordered_by_the_start_of_the_whole_trace(
    store: SpanStore,
) -> None:
    await store.add(spans(pay=[span(1, 2, parent=1, at=9 * MILLISECOND, status=samples.ERROR)]))
    await store.add(spans(pay=[span(2, 3, at=5 * MILLISECOND, status=samples.ERROR)]))
    await store.add(spans(shop=[span(1, 1, at=MILLISECOND)]))

    before = Cursor.parse(str(START + 5 * MILLISECOND))

    assert await traces_of(store, service="pay", before=before) == [trace_id(1)]
    assert await traces_of(store, errors=True, before=before) == [trace_id(1)]


async def test_filters_select_traces(store: SpanStore) -> None:
    await store.add(
        spans(
            shop=[span(1, 1, name="GET /cart"), span(2, 2, name="GET /home")],
            pay=[span(1, 3, parent=1, status=samples.ERROR), span(3, 4, name="refund")],
        )
    )

    assert await traces_of(store, service="shop") == [trace_id(2), trace_id(1)]
    assert await traces_of(store, service="nobody") == []
    assert await traces_of(store, errors=True) == [trace_id(1)]
    assert await traces_of(store, errors=True, service="shop") == [trace_id(1)]
    assert await traces_of(store, text="/CART") == [trace_id(1)]
    assert await traces_of(store, text="pay") == [trace_id(3), trace_id(1)]
    assert await traces_of(store, text=trace_id(2)) == [trace_id(2)]
    assert await traces_of(store, text="no such thing") == []


@pytest.mark.parametrize(
    ("least", "most", "found"),
    [(0, None, [3, 2, 1]), (2, None, [3, 2]), (0, 2, [2, 1]), (2, 2, [2]), (4, None, [])],
)
async def test_a_trace_is_as_long_as_from_its_first_start_to_its_last_end(
    store: SpanStore, least: int, most: int | None, found: list[int]
) -> None:
    await store.add(
        spans(
            shop=[
                span(1, 1),
                span(2, 2, at=MILLISECOND),
                span(2, 3, at=2 * MILLISECOND),
                span(3, 4, at=3 * MILLISECOND, duration=3 * MILLISECOND),
            ]
        )
    )

    traces = await traces_of(
        store,
        min_duration_ns=least * MILLISECOND,
        max_duration_ns=None if most is None else most * MILLISECOND,
    )

    assert traces == [trace_id(number) for number in found]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["http.route=/cart"], [1]),
        (["http.route"], [2, 1]),
        (["http.route=/"], []),
        (["http"], []),
        (["status=500"], [2, 1]),
        (["ratio=2"], [1]),
        (["ok=false"], [1]),
        (['tags=["a",1]'], [1]),
        (["query=a=b"], [2]),
        (["service.name=pay"], [2]),
        (["http.route=/cart", "service.name=shop"], [1]),
        (["http.route=/cart", "service.name=pay"], []),
        (["http.route=/home", "other=1"], []),
    ],
)
async def test_attributes_of_one_span_and_its_resource_select_traces(
    store: SpanStore, filters: list[str], found: list[int]
) -> None:
    cart = {"http.route": "/cart", "status": 500, "ratio": 2.0, "ok": False, "tags": ["a", 1]}
    await store.add(
        spans(
            shop=[span(1, 1, attrs=cart), span(2, 2, at=MILLISECOND, attrs={"other": 1})],
            pay=[
                span(
                    2,
                    3,
                    at=MILLISECOND,
                    attrs={"http.route": "/home", "status": "500", "query": "a=b"},
                )
            ],
        )
    )

    traces = await traces_of(store, attributes=[AttributeFilter.parse(text) for text in filters])

    assert traces == [trace_id(number) for number in found]


async def test_since_ends_the_pages(store: SpanStore) -> None:
    await store.add(spans(shop=[span(number, 1, at=number * MILLISECOND) for number in (1, 2, 3)]))
    since = START + 2 * MILLISECOND

    assert await traces_of(store, since_unix_nano=since) == [trace_id(3), trace_id(2)]
    page = await store.traces(limit=2, since_unix_nano=since)
    assert page.next_before is None
    page = await store.traces(limit=1, since_unix_nano=since)
    assert page.next_before == str(START + 3 * MILLISECOND)


@pytest.mark.parametrize("step", [MILLISECOND, 0])
async def test_pages_show_every_trace_once_also_at_equal_times(store: SpanStore, step: int) -> None:
    await store.add(spans(shop=[span(number, 1, at=number * step) for number in range(1, 8)]))

    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.traces(limit=3, before=Cursor.parse(cursor) if cursor else None)
        assert len(page.items) <= 3
        seen += [summary.trace_id for summary in page.items]
        cursor = page.next_before
        if cursor is None:
            break

    assert seen == [trace_id(number) for number in range(7, 0, -1)]


async def test_before_is_a_time(store: SpanStore) -> None:
    await store.add(spans(shop=[span(number, 1, at=number * MILLISECOND) for number in (1, 2, 3)]))

    before = Cursor.parse(str(START + 3 * MILLISECOND))

    assert await traces_of(store, before=before) == [trace_id(2), trace_id(1)]


async def test_a_rare_match_is_found_behind_many_others(store: SpanStore) -> None:
    members = [span(number, 1, at=number * MILLISECOND) for number in range(1, 300)]
    await store.add(spans(shop=[span(999, 1, name="needle"), *members]))

    page = await store.traces(limit=2, text="needle")

    assert [summary.trace_id for summary in page.items] == [trace_id(999)]
    assert page.next_before is None


async def test_services_have_exact_percentiles(store: SpanStore) -> None:
    await store.add(
        spans(shop=[span(1, number, duration=number * 1000) for number in range(1, 101)])
    )
    await store.add(spans(pay=[span(2, 1, status=samples.ERROR, duration=2 * MILLISECOND)]))

    assert await store.services() == [
        ServiceSummary("pay", 1, 1, 2 * MILLISECOND, 2 * MILLISECOND, START + 2 * MILLISECOND),
        ServiceSummary("shop", 100, 0, 50_000, 95_000, START + 100_000),
    ]


async def test_above_the_limit_the_oldest_spans_go_from_every_index(redis: Redis) -> None:
    store = SpanStore(redis, ttl_seconds=60, limit=2)
    await store.add(spans(old=[span(1, 1, status=samples.ERROR)]))
    await store.add(spans(shop=[span(1, 2)]))
    await store.add(spans(shop=[span(2, 3)]))

    assert [item.span_id for item in await store.trace(trace_id(1))] == [samples.hex_id(2)]
    assert [service.name for service in await store.services()] == ["shop"]

    await store.add(spans(shop=[span(3, 4)]))

    assert await traces_of(store) == [trace_id(3), trace_id(2)]
    assert set(await redis.keys()) == {
        f"spans:{trace_id(2)}".encode(),
        f"spans:{trace_id(3)}".encode(),
        f"indexes:{trace_id(2)}".encode(),
        f"indexes:{trace_id(3)}".encode(),
        b"spans",
        b"traces",
        b"traces:service:shop",
        b"services",
        b"durations:shop",
    }
    assert await redis.zcard("spans") == await redis.zcard("durations:shop") == 2
    assert await redis.zcard("traces") == await redis.zcard("traces:service:shop") == 2


async def test_what_is_older_than_its_time_goes_and_the_rest_stays(
    store: SpanStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.span_store.time.time", lambda: 1_000.0)
    await store.add(spans(shop=[span(1, 1)]))
    monkeypatch.setattr("common.span_store.time.time", lambda: 1_061.0)
    await store.add(spans(shop=[span(2, 2)]))

    assert await traces_of(store) == [trace_id(2)]
    assert await redis.zcard("spans") == 1
    assert await store.trace(trace_id(1)) == []


async def test_every_key_expires_when_nothing_arrives_any_more(
    store: SpanStore, redis: Redis
) -> None:
    await store.add(spans(shop=[span(1, 1, status=samples.ERROR)]))

    assert {await redis.ttl(key) for key in await redis.keys()} <= {59, 60}


async def test_service_names_may_hold_spaces_and_colons(redis: Redis) -> None:
    store = SpanStore(redis, ttl_seconds=60, limit=1)
    await store.add(spans(**{"a b: c": [span(1, 1)]}))
    await store.add(spans(shop=[span(2, 2)]))

    assert [service.name for service in await store.services()] == ["shop"]
    assert not await redis.exists("durations:a b: c")
