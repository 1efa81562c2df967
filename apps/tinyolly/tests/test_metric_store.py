import time

import pytest
from redis.asyncio import Redis

from common.metric_store import MetricStore
from common.otlp_metrics import samples_from
from common.telemetry import NumberPoint, Sample
from tests.samples import gauge, metrics, number

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(redis: Redis) -> MetricStore:
    return MetricStore(redis, ttl_seconds=60, limit=3)


def series(name: str, *labels: str, service: str = "shop") -> list[Sample]:
    points = [number(1, attrs={"label": label}) for label in labels]
    return samples_from(metrics(service, gauge(name, *points)))[0]


async def counts(redis: Redis, store: MetricStore) -> list[int]:
    async with redis.pipeline() as pipe:
        store.count(pipe)
        return list(await pipe.execute())


async def test_a_batch_that_comes_twice_is_stored_once(store: MetricStore) -> None:
    batch = series("m", "a")

    await store.add(batch)
    await store.add(batch)

    result = await store.series("m", since_seconds=60)
    assert result is not None
    assert [item.points for item in result.series] == [batch[0].points]


async def test_names_that_contain_each_other_are_kept_apart(store: MetricStore) -> None:
    await store.add(series("m", "a"))
    await store.add(series("m:x", "b"))
    await store.add(series("m*", "c"))

    result = await store.series("m", since_seconds=60)

    assert result is not None
    assert [item.attributes for item in result.series] == [{"label": "a"}]
    assert [item.name for item in await store.overview()] == ["m", "m*", "m:x"]


async def test_the_overview_counts_series_and_names_services(store: MetricStore) -> None:
    await store.add(series("m", "a", "b", service="shop"))
    await store.add(series("m", "a", service="pay"))

    [overview] = await store.overview()

    assert (overview.services, overview.series_count) == (["pay", "shop"], 3)


async def test_a_new_series_above_the_limit_is_refused_and_counted_once(
    store: MetricStore, redis: Redis
) -> None:
    assert await store.add(series("m", "a", "b")) == 0
    assert await store.add(series("n", "a", "b", "c")) == 2
    assert await store.add(series("n", "b")) == 1
    assert await store.add(series("m", "a")) == 0

    assert await counts(redis, store) == [2, 2]


async def test_series_that_end_make_room(
    store: MetricStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    await store.add(series("m", "a", "b", "c"))
    monkeypatch.setattr("common.metric_store.time.time", lambda: now + 61)

    assert await store.add(series("n", "a")) == 0
    assert [item.name for item in await store.overview()] == ["n"]
    assert await redis.zcard("series") == 1


async def test_points_are_returned_by_time_and_only_of_the_last_seconds(
    store: MetricStore,
) -> None:
    points = [number(age, seconds_ago=age) for age in (0, 20, 40)]
    await store.add(samples_from(metrics("shop", gauge("m", *points)))[0])

    result = await store.series("m", since_seconds=30)

    assert result is not None
    [item] = result.series
    assert item.points == [
        NumberPoint(points[1].time_unix_nano, 20.0),
        NumberPoint(points[0].time_unix_nano, 0.0),
    ]


async def test_points_are_trimmed_by_time_and_by_count(
    store: MetricStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.metric_store._MAX_POINTS_PER_SERIES", 2)
    for age in (90, 20, 10, 0):
        await store.add(samples_from(metrics("shop", gauge("m", number(age, seconds_ago=age))))[0])

    [key] = await redis.keys("points:*")
    assert await redis.zcard(key) == 2


async def test_a_point_of_the_future_drops_none_of_the_present(store: MetricStore) -> None:
    for age in (10, 0, -80):
        await store.add(samples_from(metrics("shop", gauge("m", number(age, seconds_ago=age))))[0])

    result = await store.series("m", since_seconds=60)

    assert result is not None
    values = [point.value for point in result.series[0].points if isinstance(point, NumberPoint)]
    assert values == [10, 0, -80]


async def test_an_unknown_metric_has_no_series(store: MetricStore) -> None:
    assert await store.series("m", since_seconds=60) is None


async def test_every_key_expires_when_nothing_arrives_any_more(
    store: MetricStore, redis: Redis
) -> None:
    await store.add(series("m", "a", "b", "c", "d"))

    assert {await redis.ttl(key) for key in await redis.keys()} <= {59, 60}
