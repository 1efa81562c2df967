import time
from typing import Self

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from common.log_store import LogStore
from common.metric_store import MetricStore
from common.settings import Settings
from common.span_store import SpanStore

_TIMEOUT_SECONDS = 2
_KEPT_WHEN_FULL = 0.9


class Stats(msgspec.Struct, frozen=True):
    traces: int
    spans: int
    logs: int
    metrics: int
    dropped_series: int


class Storage:
    """All telemetry, kept in Redis for `ttl_seconds` after it arrived.

    Every method lets `redis.RedisError` through: what a failure means is for the caller to say.
    """

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self.spans = SpanStore(redis, ttl_seconds=settings.ttl_seconds, limit=settings.max_spans)
        self.logs = LogStore(redis, ttl_seconds=settings.ttl_seconds, limit=settings.max_logs)
        self.metrics = MetricStore(
            redis, ttl_seconds=settings.ttl_seconds, limit=settings.max_series
        )

    @classmethod
    def connect(cls, settings: Settings) -> Self:
        """Create the storage; the connection is made on first use."""
        password = settings.redis_password
        redis = Redis.from_url(
            settings.redis_url,
            password=password.get_secret_value() if password else None,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # Once, for a pooled connection that Redis has closed meanwhile.
            retry=Retry(NoBackoff(), 1),
        )
        return cls(redis, settings)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def ping(self) -> None:
        await self._redis.ping()

    async def trim(self) -> None:
        """Drop what is past its time, also when nothing new arrives."""
        # Not as a transaction, which a full Redis refuses whatever it holds.
        async with self._redis.pipeline(transaction=False) as pipe:
            now = time.time()
            self.spans.trim(pipe, now)
            self.logs.trim(pipe, now)
            self.metrics.trim(pipe, now)
            await pipe.execute()

    async def make_room(self) -> None:
        """Drop the oldest part of the spans and the log records, before their time."""
        async with self._redis.pipeline(transaction=False) as pipe:
            self.spans.count(pipe)
            self.logs.count(pipe)
            _, spans, logs = await pipe.execute()
            now = time.time()
            self.spans.trim(pipe, now, int(spans * _KEPT_WHEN_FULL))
            self.logs.trim(pipe, now, int(logs * _KEPT_WHEN_FULL))
            await pipe.execute()

    async def stats(self) -> Stats:
        async with self._redis.pipeline() as pipe:
            self.spans.count(pipe)
            self.logs.count(pipe)
            self.metrics.count(pipe)
            return Stats(*await pipe.execute())
