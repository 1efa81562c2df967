import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from math import ceil
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.typing import EncodableT, FieldT

from common.paging import MICROS_PER_SECOND, NANOS_PER_MICRO, Cursor, Page, read_page
from common.scripts import INDEX_TRACES, TRIM_SPANS
from common.telemetry import Json, Span, SpanHead
from common.trace_summary import TraceSummary, summarize

_encode = msgspec.msgpack.Encoder().encode
_decode_span = msgspec.msgpack.Decoder(Span).decode
_decode_head = msgspec.msgpack.Decoder(SpanHead).decode
_as_text = msgspec.json.encode


class AttributeFilter(msgspec.Struct, frozen=True):
    """An attribute of a span or its resource: with that value, or with any where it is None."""

    key: str
    value: str | None

    @classmethod
    def parse(cls, text: str) -> AttributeFilter:
        key, sign, value = text.partition("=")
        return cls(key, value if sign else None)

    def matches(self, span: Span) -> bool:
        return any(
            self.key in attributes and self.value in {None, _text(attributes[self.key])}
            for attributes in (span.attributes, span.resource)
        )


class ServiceSummary(msgspec.Struct, frozen=True):
    name: str
    span_count: int
    error_count: int
    p50_duration_ns: int
    p95_duration_ns: int
    last_seen_unix_nano: int


class SpanStore:
    """Spans by trace.

    Keys:
        spans:<trace>            hash, span id to span
        spans                    "<trace> <span> <service>" by arrival, microseconds
        traces, traces:errors, traces:service:<service>
                                 traces by start, microseconds
        indexes:<trace>          set, the indexes beside `traces` that hold the trace
        services                 services by the end of their last span, microseconds
        durations:<service>      "<trace> <span>" by duration, nanoseconds: a percentile is a rank
        errors:<service>         the same, only spans that failed
    """

    def __init__(self, redis: Redis, *, ttl_seconds: int, limit: int) -> None:
        self._redis = redis
        self._ttl_seconds = ttl_seconds
        self._limit = limit

    async def add(self, spans: Sequence[Span]) -> None:
        if not spans:
            return
        now = time.time()
        bodies: defaultdict[str, dict[FieldT, EncodableT]] = defaultdict(dict)
        starts: dict[str, int] = {}
        indexes: defaultdict[str, set[str]] = defaultdict(set)
        durations: defaultdict[str, dict[str, int]] = defaultdict(dict)
        arrivals: dict[str, int] = {}
        last_seen: dict[str, int] = {}
        for span in spans:
            trace_id, service = span.trace_id, span.service
            bodies[f"spans:{trace_id}"][span.span_id] = _encode(span)
            arrivals[f"{trace_id} {span.span_id} {service}"] = int(now * MICROS_PER_SECOND)
            start = span.start_time_unix_nano // NANOS_PER_MICRO
            end = span.end_time_unix_nano // NANOS_PER_MICRO
            last_seen[service] = max(end, last_seen.get(service, 0))
            starts[trace_id] = min(start, starts.get(trace_id, start))
            indexes[trace_id].add(f"traces:service:{service}")
            rankings = [f"durations:{service}"]
            if span.is_error:
                indexes[trace_id].add("traces:errors")
                rankings.append(f"errors:{service}")
            for ranking in rankings:
                durations[ranking][f"{trace_id} {span.span_id}"] = span.duration_ns

        async with self._redis.pipeline() as pipe:
            for key, body in bodies.items():
                pipe.hset(key, mapping=body)
            for trace_id, keys in indexes.items():
                pipe.sadd(f"indexes:{trace_id}", *keys)
            pipe.zadd("traces", starts, lt=True)
            pipe.eval(INDEX_TRACES, 0, self._ttl_seconds, *starts)
            for key, members in durations.items():
                pipe.zadd(key, members)
            pipe.zadd("services", last_seen, gt=True)
            pipe.zadd("spans", arrivals)
            touched = ("spans", "traces", "services")
            for key in {*durations, *chain.from_iterable(indexes.values()), *touched}:
                pipe.expire(key, self._ttl_seconds)
            self.trim(pipe, now)
            await pipe.execute()

    def trim(self, pipe: Pipeline, now: float, limit: int | None = None) -> None:
        cutoff = int((now - self._ttl_seconds) * MICROS_PER_SECOND)
        pipe.eval(TRIM_SPANS, 1, "spans", cutoff, self._limit if limit is None else limit)

    def count(self, pipe: Pipeline) -> None:
        pipe.zcard("traces")
        pipe.zcard("spans")

    async def trace(self, trace_id: str) -> list[Span]:
        """Return the trace's spans by start; none if the trace is not known."""
        values = cast("list[bytes]", await self._redis.hvals(f"spans:{trace_id}"))
        return sorted(map(_decode_span, values), key=lambda span: span.start_time_unix_nano)

    async def traces(
        self,
        *,
        limit: int,
        service: str | None = None,
        errors: bool = False,
        text: str = "",
        attributes: Sequence[AttributeFilter] = (),
        min_duration_ns: int = 0,
        max_duration_ns: int | None = None,
        since_unix_nano: int = 0,
        before: Cursor | None = None,
    ) -> Page[TraceSummary]:
        """Return traces by start, newest first.

        `text` is sought in names and trace ids; one span has to have all `attributes`.
        """
        wanted = text.casefold()
        keys = [attribute.key.encode() for attribute in attributes]

        def has_attributes(body: bytes) -> bool:
            span = _decode_span(body)
            return all(attribute.matches(span) for attribute in attributes)

        def select(bodies: list[bytes]) -> TraceSummary | None:
            # Strings are stored as they are: what lacks a key need not be decoded to be ruled out.
            candidates = [body for body in bodies if all(key in body for key in keys)]
            if not candidates:
                return None
            heads = list(map(_decode_head, bodies))
            if wanted and not _mentions(heads, wanted):
                return None
            summary = summarize(heads)
            matches = (
                (not errors or summary.error_count > 0)
                and (service is None or service in summary.services)
                and summary.duration_ns >= min_duration_ns
                and (max_duration_ns is None or summary.duration_ns <= max_duration_ns)
                and (not attributes or any(map(has_attributes, candidates)))
            )
            return summary if matches else None

        async def load(trace_ids: list[str]) -> list[TraceSummary | None]:
            return [select(bodies) for bodies in await self._bodies(trace_ids)]

        if service is not None:
            index = f"traces:service:{service}"
        else:
            index = "traces:errors" if errors else "traces"
        page = await read_page(
            self._redis,
            index,
            before=before,
            limit=limit,
            load=load,
            since_unix_nano=since_unix_nano,
        )
        page.items.sort(key=lambda summary: summary.start_time_unix_nano, reverse=True)
        return page

    async def newest_traces(self, limit: int) -> list[list[SpanHead]]:
        trace_ids = cast("list[bytes]", await self._redis.zrange("traces", 0, limit - 1, desc=True))
        bodies = await self._bodies([trace_id.decode() for trace_id in trace_ids])
        return [list(map(_decode_head, spans)) for spans in bodies]

    async def services(self) -> list[ServiceSummary]:
        rows = cast(
            "list[tuple[bytes, float]]",
            await self._redis.zrange("services", 0, -1, withscores=True),
        )
        services = sorted((name.decode(), int(last_seen)) for name, last_seen in rows)
        async with self._redis.pipeline() as pipe:
            for name, _ in services:
                pipe.zcard(f"durations:{name}")
                pipe.zcard(f"errors:{name}")
            counts = await pipe.execute()
        span_counts, error_counts = counts[::2], counts[1::2]
        async with self._redis.pipeline() as pipe:
            for (name, _), count in zip(services, span_counts, strict=True):
                for share in (0.5, 0.95):
                    rank = max(0, ceil(share * count) - 1)
                    pipe.zrange(f"durations:{name}", rank, rank, withscores=True)
            percentiles = [int(rows[0][1]) if rows else 0 for rows in await pipe.execute()]
        return [
            ServiceSummary(name, span_count, error_count, p50, p95, last_seen * NANOS_PER_MICRO)
            for (name, last_seen), span_count, error_count, p50, p95 in zip(
                services,
                span_counts,
                error_counts,
                percentiles[::2],
                percentiles[1::2],
                strict=True,
            )
        ]

    async def _bodies(self, trace_ids: list[str]) -> list[list[bytes]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for trace_id in trace_ids:
                pipe.hvals(f"spans:{trace_id}")
            return cast("list[list[bytes]]", await pipe.execute())


def _mentions(heads: list[SpanHead], text: str) -> bool:
    return text in heads[0].trace_id or any(
        text in head.name.casefold() or text in head.service.casefold() for head in heads
    )


def _text(value: Json) -> str:
    """Write a value as browsers do, which have one kind of number."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _as_text(value).decode()
