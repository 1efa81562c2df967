import asyncio
import logging
import signal

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from redis import RedisError

from common.settings import Settings
from common.storage import Storage
from receiver.services import LogsService, MetricsService, TraceService

_log = logging.getLogger(__name__)

_GRACE_SECONDS = 2
_UPKEEP_SECONDS = 2
_MAX_REQUEST_BYTES = 64 * 1024 * 1024

# The whole server's health follows the storage; a liveness probe must not, or a storage that is
# away for a moment would restart every receiver.
_LIVENESS = "liveness"

type Status = health_pb2.HealthCheckResponse.ServingStatus


class Receiver:
    """A gRPC server for OTLP traces, logs and metrics, and for its own health."""

    def __init__(self, storage: Storage, address: str) -> None:
        self._storage = storage
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # not in the stubs
        self._server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", _MAX_REQUEST_BYTES)]
        )
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(
            TraceService(storage), self._server
        )
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(LogsService(storage), self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(
            MetricsService(storage), self._server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.port = self._server.add_insecure_port(address)

    async def start(self) -> None:
        await self._health.set(_LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self._upkeep()
        await self._server.start()
        self._upkeep_task = asyncio.create_task(self._upkeep_forever())

    async def stop(self) -> None:
        self._upkeep_task.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(_GRACE_SECONDS)

    async def _upkeep_forever(self) -> None:
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            await self._upkeep()

    async def _upkeep(self) -> None:
        """Trim the storage; whether that works is the server's health."""
        try:
            await self._storage.trim()
        except RedisError as error:
            _log.warning("storage is unavailable: %s", error)
            status = health_pb2.HealthCheckResponse.NOT_SERVING
        else:
            status = health_pb2.HealthCheckResponse.SERVING
        await self._health.set("", status)


def serve(settings: Settings) -> None:
    """Receive until SIGTERM or SIGINT."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    storage = Storage.connect(settings)
    receiver = Receiver(storage, f"[::]:{settings.receiver_port}")
    await receiver.start()
    _log.info("listening on port %d", receiver.port)
    await stop.wait()
    await receiver.stop()
    await storage.aclose()
