"""What an export does, whichever transport brings it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import batched

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from redis import RedisError
from redis.exceptions import OutOfMemoryError

from common.otlp import logs_from, span_count, spans_from
from common.otlp_metrics import samples_from
from common.storage import Storage
from receiver.refusal import Refusal

_log = logging.getLogger(__name__)

# Enough to keep Redis busy while Python converts; each may hold a request of the largest size.
_AT_ONCE = 8
_MAX_WAITING = 128
_LONGEST_WAIT_SECONDS = 5
# Of requests above this size one is parsed at a time: parsed, they take several times as much.
_LARGE_BYTES = 1024 * 1024
# Items written at once: what Python holds beside the request, and how long Redis is busy.
_SLICE = 2_000
_RETRY_SECONDS = 2
# For a request to arrive once its turn has come.
READ_SECONDS = 10


class Exports:
    """Stores requests of all signals and says what became of them.

    Raises Refusal. A write that was cut off is repeated by the sender, and counts once.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._large = asyncio.Lock()
        self._making_room = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until a request may be read: what is not read yet takes no memory here."""
        if self._turns.locked() and self._waiting >= _MAX_WAITING:
            raise _busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    @asynccontextmanager
    async def parsing(self, size: int) -> AsyncIterator[None]:
        """Wait until a request of that size may be parsed; it is held until it is stored."""
        if size <= _LARGE_BYTES:
            yield
            return
        async with self._large:
            yield

    async def traces(self, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse:
        kept = 0
        for spans in batched(spans_from(request), _SLICE, strict=False):
            await self._stored(partial(self._storage.spans.add, spans))
            kept += len(spans)
        response = ExportTraceServiceResponse()
        if rejected := span_count(request) - kept:
            response.partial_success.rejected_spans = rejected
            response.partial_success.error_message = (
                "A span needs a trace id of 16 bytes and a span id of 8 bytes, not all of them "
                f"zero: {rejected} had none and were dropped."
            )
        return response

    async def logs(self, request: ExportLogsServiceRequest) -> ExportLogsServiceResponse:
        for records in batched(logs_from(request), _SLICE, strict=False):
            await self._stored(partial(self._storage.logs.add, records))
        return ExportLogsServiceResponse()

    async def metrics(self, request: ExportMetricsServiceRequest) -> ExportMetricsServiceResponse:
        samples, invalid = samples_from(request)
        refused = 0
        for part in batched(samples, _SLICE, strict=False):
            refused += await self._stored(partial(self._storage.metrics.add, part))
        response = ExportMetricsServiceResponse()
        if rejected := invalid + refused:
            reasons = []
            if refused:
                reasons.append(
                    f"{refused} points of new series were dropped, since MAX_SERIES is reached."
                )
            if invalid:
                reasons.append(
                    f"{invalid} points were dropped, since bounds must be finite, and quantiles "
                    "from 0 to 1."
                )
            response.partial_success.rejected_data_points = rejected
            response.partial_success.error_message = " ".join(reasons)
        return response

    async def _stored[T](self, write: Callable[[], Awaitable[T]]) -> T:
        try:
            try:
                return await write()
            except OutOfMemoryError:
                async with self._making_room:
                    return await self._stored_after_making_room(write)
        except OutOfMemoryError:
            _log.warning("storage is full, and dropping the oldest telemetry did not help")
            raise Refusal.unavailable("The storage is full.", _RETRY_SECONDS) from None
        except RedisError as error:
            _log.warning("storage is unavailable: %s", error)
            raise Refusal.unavailable("The storage does not answer.", _RETRY_SECONDS) from error

    async def _stored_after_making_room[T](self, write: Callable[[], Awaitable[T]]) -> T:
        try:
            # Another request may have made room meanwhile.
            return await write()
        except OutOfMemoryError:
            _log.warning("storage is full: the oldest telemetry is dropped before its time")
            await self._storage.make_room()
            return await write()


def _busy() -> Refusal:
    return Refusal.unavailable("The receiver has more requests than it can take.", _RETRY_SECONDS)
