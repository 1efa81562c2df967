from collections.abc import Awaitable
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from redis import RedisError

from common.otlp import logs_from, samples_from, spans_from
from common.storage import Storage

type Context = grpc.aio.ServicerContext[Any, Any]


class TraceService(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def Export(  # noqa: N802 - gRPC's name
        self,
        request: trace_service_pb2.ExportTraceServiceRequest,
        context: Context,
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        spans, rejected = spans_from(request)
        await _or_unavailable(self._storage.spans.add(spans), context)
        response = trace_service_pb2.ExportTraceServiceResponse()
        if rejected:
            response.partial_success.rejected_spans = rejected
            response.partial_success.error_message = "span or trace id is not valid"
        return response


class LogsService(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def Export(  # noqa: N802 - gRPC's name
        self,
        request: logs_service_pb2.ExportLogsServiceRequest,
        context: Context,
    ) -> logs_service_pb2.ExportLogsServiceResponse:
        await _or_unavailable(self._storage.logs.add(logs_from(request)), context)
        return logs_service_pb2.ExportLogsServiceResponse()


class MetricsService(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def Export(  # noqa: N802 - gRPC's name
        self,
        request: metrics_service_pb2.ExportMetricsServiceRequest,
        context: Context,
    ) -> metrics_service_pb2.ExportMetricsServiceResponse:
        refused = await _or_unavailable(self._storage.metrics.add(samples_from(request)), context)
        response = metrics_service_pb2.ExportMetricsServiceResponse()
        if refused:
            response.partial_success.rejected_data_points = refused
            response.partial_success.error_message = "the limit of series, MAX_SERIES, is reached"
        return response


async def _or_unavailable[T](write: Awaitable[T], context: Context) -> T:
    """Await the write; senders keep and repeat what is answered with UNAVAILABLE."""
    try:
        return await write
    except RedisError as error:
        await context.abort(grpc.StatusCode.UNAVAILABLE, f"storage: {error}")
