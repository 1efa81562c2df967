import time
from collections.abc import Sequence
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.typing import EncodableT

from common.paging import MICROS_PER_SECOND, NANOS_PER_MICRO, Cursor, Page, read_page
from common.scripts import ADD_LOGS, TRIM_LOGS
from common.telemetry import LogRecord

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LogRecord).decode
_as_text = msgspec.json.encode


class LogStore:
    """Log records.

    Keys:
        log:<id>                 string, one record
        logs:arrivals            "<id> <trace> <service>" by arrival, microseconds
        logs, logs:trace:<trace>, logs:service:<service>
                                 ids by the record's time, microseconds
    """

    def __init__(self, redis: Redis, *, ttl_seconds: int, limit: int) -> None:
        self._redis = redis
        self._ttl_seconds = ttl_seconds
        self._limit = limit

    async def add(self, records: Sequence[LogRecord]) -> None:
        if not records:
            return
        now = time.time()
        arguments: list[EncodableT] = [self._ttl_seconds, int(now * MICROS_PER_SECOND)]
        for record in records:
            arguments += (
                record.id,
                _encode(record),
                record.time_unix_nano // NANOS_PER_MICRO,
                record.trace_id,
                record.service,
            )
        async with self._redis.pipeline() as pipe:
            pipe.eval(ADD_LOGS, 0, *arguments)
            self.trim(pipe, now)
            await pipe.execute()

    def trim(self, pipe: Pipeline, now: float, limit: int | None = None) -> None:
        cutoff = int((now - self._ttl_seconds) * MICROS_PER_SECOND)
        pipe.eval(TRIM_LOGS, 1, "logs:arrivals", cutoff, self._limit if limit is None else limit)

    def count(self, pipe: Pipeline) -> None:
        pipe.zcard("logs:arrivals")

    async def logs(
        self,
        *,
        limit: int,
        trace_id: str | None = None,
        span_id: str | None = None,
        service: str | None = None,
        min_severity: int = 0,
        text: str = "",
        since_unix_nano: int = 0,
        before: Cursor | None = None,
    ) -> Page[LogRecord]:
        """Return records, newest first; `text` is sought in body and attributes."""
        wanted = text.casefold()

        def select(value: bytes | None) -> LogRecord | None:
            if value is None:
                return None
            record = _decode(value)
            matches = (
                (span_id is None or record.span_id == span_id)
                and (service is None or record.service == service)
                and record.severity_number >= min_severity
                and (not wanted or _mentions(record, wanted))
            )
            return record if matches else None

        async def load(ids: list[str]) -> list[LogRecord | None]:
            if not ids:
                return []
            values = await self._redis.mget([f"log:{id_}" for id_ in ids])
            return [select(value) for value in cast("list[bytes | None]", values)]

        if trace_id is not None:
            index = f"logs:trace:{trace_id}"
        else:
            index = "logs" if service is None else f"logs:service:{service}"
        page = await read_page(
            self._redis,
            index,
            before=before,
            limit=limit,
            load=load,
            since_unix_nano=since_unix_nano,
        )
        page.items.sort(key=lambda record: record.time_unix_nano, reverse=True)
        return page


def _mentions(record: LogRecord, text: str) -> bool:
    return any(text in _text(value) for value in (record.body, *record.attributes.values()))


def _text(value: object) -> str:
    return (value if isinstance(value, str) else _as_text(value).decode()).casefold()
