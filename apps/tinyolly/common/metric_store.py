import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.typing import EncodableT

from common.exponential import explicit_buckets
from common.paging import MICROS_PER_SECOND, NANOS_PER_MICRO
from common.scripts import ADD_POINTS
from common.telemetry import Metric, NumberPoint, Point, Sample, SeriesLabels

_MAX_POINTS_PER_SERIES = 2_000

_encode = msgspec.msgpack.Encoder().encode
_decode_metric = msgspec.msgpack.Decoder(Metric).decode
_decode_labels = msgspec.msgpack.Decoder(SeriesLabels).decode
_decode_point: Callable[[bytes], Point] = msgspec.msgpack.Decoder(Point).decode


class MetricOverview(Metric, frozen=True, kw_only=True):
    services: list[str]
    series_count: int


class Series(SeriesLabels, frozen=True, kw_only=True):
    points: list[Point]


class MetricSeries(Metric, frozen=True, kw_only=True):
    series: list[Series]


class MetricStore:
    """Metrics, their series and points.

    A new series is refused once there are `limit`: dropping old ones instead would let one label
    with too many values displace every other metric.

    Keys:
        metric:<name>            string, the metric's description
        series:<id>              string, service and attributes of one series
        points:<id>              points of one series by time, microseconds
        metrics, series, metric-series:<name>, metric-services:<name>
                                 names, series ids and services by last arrival, microseconds
        dropped-series           HyperLogLog of the series that were refused
    """

    def __init__(self, redis: Redis, *, ttl_seconds: int, limit: int) -> None:
        self._redis = redis
        self._ttl_seconds = ttl_seconds
        self._limit = limit

    async def add(self, samples: Sequence[Sample]) -> int:
        """Store the samples and return how many points were refused for the limit of series."""
        now = time.time()
        accepted, refused = await self._admit(samples, now)
        ttl = self._ttl_seconds
        arrival = int(now * MICROS_PER_SECOND)
        arrivals: defaultdict[str, dict[str, int]] = defaultdict(dict)
        async with self._redis.pipeline() as pipe:
            for metric in {sample.metric.name: sample.metric for sample in accepted}.values():
                pipe.set(f"metric:{metric.name}", _encode(metric), ex=ttl)
                arrivals["metrics"][metric.name] = arrival
            points: list[EncodableT] = [ttl, _MAX_POINTS_PER_SERIES]
            for sample in accepted:
                name, series_id = sample.metric.name, sample.series_id
                arrivals["series"][series_id] = arrival
                arrivals[f"metric-series:{name}"][series_id] = arrival
                arrivals[f"metric-services:{name}"][sample.labels.service] = arrival
                points += self._points(sample, arrival)
            pipe.eval(ADD_POINTS, 0, *points)
            for key, members in arrivals.items():
                pipe.zadd(key, members)
                pipe.zremrangebyscore(key, "-inf", f"({self._cutoff(now)}")
                pipe.expire(key, ttl)
            if refused:
                pipe.pfadd("dropped-series", *(sample.series_id for sample in refused))
                pipe.expire("dropped-series", ttl)
            await pipe.execute()
        return sum(len(sample.points) for sample in refused)

    def trim(self, pipe: Pipeline, now: float) -> None:
        for key in ("metrics", "series"):
            pipe.zremrangebyscore(key, "-inf", f"({self._cutoff(now)}")

    def count(self, pipe: Pipeline) -> None:
        pipe.zcard("metrics")
        pipe.pfcount("dropped-series")

    async def overview(self) -> list[MetricOverview]:
        cutoff = self._cutoff(time.time())
        members = cast("list[bytes]", await self._redis.zrangebyscore("metrics", cutoff, "+inf"))
        names = sorted(member.decode() for member in members)
        async with self._redis.pipeline() as pipe:
            for name in names:
                pipe.get(f"metric:{name}")
                pipe.zrangebyscore(f"metric-services:{name}", cutoff, "+inf")
                pipe.zcount(f"metric-series:{name}", cutoff, "+inf")
            replies = await pipe.execute()
        return [
            MetricOverview(
                **msgspec.structs.asdict(_decode_metric(metric)),
                services=sorted(service.decode() for service in services),
                series_count=count,
            )
            for metric, services, count in zip(*[iter(replies)] * 3, strict=True)
            if metric is not None
        ]

    async def series(self, name: str, *, since_seconds: int) -> MetricSeries | None:
        """Return the points of the last seconds of every series; None for an unknown metric."""
        now = time.time()
        since = int((now - since_seconds) * MICROS_PER_SECOND)
        async with self._redis.pipeline() as pipe:
            pipe.get(f"metric:{name}")
            pipe.zrangebyscore(f"metric-series:{name}", self._cutoff(now), "+inf")
            metric, members = await pipe.execute()
        if metric is None:
            return None
        async with self._redis.pipeline() as pipe:
            for member in members:
                pipe.get(f"series:{member.decode()}")
                pipe.zrangebyscore(f"points:{member.decode()}", since, "+inf")
            replies = await pipe.execute()
        described = _decode_metric(metric)
        return MetricSeries(
            **msgspec.structs.asdict(described),
            series=[
                Series(
                    **msgspec.structs.asdict(labels) | {"metric": labels.metric or described},
                    points=list(map(_drawable, points)),
                )
                for labels, points in (
                    (_decode_labels(encoded), points)
                    for encoded, points in zip(replies[::2], replies[1::2], strict=True)
                    if encoded is not None and points
                )
            ],
        )

    async def _admit(
        self, samples: Sequence[Sample], now: float
    ) -> tuple[list[Sample], list[Sample]]:
        if not samples:
            return [], []
        cutoff = self._cutoff(now)
        async with self._redis.pipeline() as pipe:
            pipe.zmscore("series", [sample.series_id for sample in samples])
            pipe.zcount("series", cutoff, "+inf")
            arrivals, count = await pipe.execute()
        room = self._limit - count
        accepted: list[Sample] = []
        refused: list[Sample] = []
        for sample, arrival in zip(samples, arrivals, strict=True):
            is_new = arrival is None or arrival < cutoff
            if is_new and room <= 0:
                refused.append(sample)
            else:
                accepted.append(sample)
                room -= is_new
        return accepted, refused

    def _points(self, sample: Sample, now: int) -> list[EncodableT]:
        """Return the arguments of one series for ADD_POINTS."""
        times = [point.time_unix_nano // NANOS_PER_MICRO for point in sample.points]
        # Relative to the newest point, since a sender's clock may be slow, but never to the future:
        # one wrong time would drop all points that are right.
        oldest = min(max(times), now) - self._ttl_seconds * MICROS_PER_SECOND
        arguments: list[EncodableT] = [
            sample.series_id,
            _encode(sample.labels),
            oldest,
            len(times),
        ]
        for time_, point in zip(times, sample.points, strict=True):
            arguments += (time_, _encode(point))
        return arguments

    def _cutoff(self, now: float) -> int:
        return int((now - self._ttl_seconds) * MICROS_PER_SECOND)


def _drawable(encoded: bytes) -> Point:
    point = _decode_point(encoded)
    if isinstance(point, NumberPoint) or point.exponential is None:
        return point
    bounds, bucket_counts = explicit_buckets(point.exponential)
    return msgspec.structs.replace(point, bounds=bounds, bucket_counts=bucket_counts)
