"""Pages of a sorted set, newest first, filtered after loading."""

from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import msgspec
from redis.asyncio import Redis

NANOS_PER_MICRO = 1_000
MICROS_PER_SECOND = 1_000_000
NANOS_PER_SECOND = NANOS_PER_MICRO * MICROS_PER_SECOND

_MAX_CHUNK = 1_000
_MAX_SCANNED = 20_000

type Loader[T] = Callable[[list[str]], Awaitable[Sequence[T | None]]]


class Page[T](msgspec.Struct, frozen=True):
    items: list[T]
    next_before: str | None


class Cursor(msgspec.Struct, frozen=True):
    """A place in the index: before a time, or after one member where several share that time.

    Written `<unix nanoseconds>` or `<unix nanoseconds>:<member>`.
    """

    unix_nano: int
    member: str = ""

    @classmethod
    def parse(cls, text: str) -> Cursor:
        unix_nano, _, member = text.partition(":")
        return cls(int(unix_nano), member)


async def read_page[T](
    redis: Redis,
    key: str,
    *,
    before: Cursor | None,
    limit: int,
    load: Loader[T],
    since_unix_nano: int = 0,
) -> Page[T]:
    """Return up to `limit` items that `load` gives for the members of a set scored in microseconds.

    `load` returns one item for each member, None for one that is gone or not wanted. A page may be
    short and still have a next one: a rare match is not worth reading the whole index at once.
    """
    items: list[T] = []
    scanned = 0
    chunk = limit
    start = await _rank(redis, key, before) if before else 0
    while True:
        # One row more than the chunk tells whether, and at which time, the index goes on.
        rows = cast(
            "list[tuple[bytes, float]]",
            await redis.zrange(key, start, start + chunk, desc=True, withscores=True),
        )
        rows = [row for row in rows if row[1] >= since_unix_nano // NANOS_PER_MICRO]
        members = [member.decode() for member, _ in rows]
        scores = [int(score) for _, score in rows]
        loaded = await load(members[:chunk])
        for index, item in enumerate(loaded):
            if item is not None:
                items.append(item)
            if len(items) == limit:
                return Page(items, _cursor_after(index, members, scores))
        scanned += chunk
        if len(rows) <= chunk or scanned >= _MAX_SCANNED:
            return Page(items, _cursor_after(chunk - 1, members, scores))
        start = await _rank(redis, key, Cursor(0, members[chunk - 1]))
        chunk = min(2 * chunk, _MAX_CHUNK)


async def _rank(redis: Redis, key: str, cursor: Cursor) -> int:
    if cursor.member:
        rank = cast("int | None", await redis.zrevrank(key, cursor.member))
        if rank is not None:
            return rank + 1
    micros = -(-cursor.unix_nano // NANOS_PER_MICRO)
    return int(await redis.zcount(key, micros, "+inf"))


def _cursor_after(index: int, members: list[str], scores: list[int]) -> str | None:
    if index + 1 >= len(members):
        return None
    unix_nano = str(scores[index] * NANOS_PER_MICRO)
    if scores[index + 1] < scores[index]:
        return unix_nano
    return f"{unix_nano}:{members[index]}"
