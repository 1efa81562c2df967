import asyncio
import logging
import signal

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from redis import RedisError

from common.settings import Settings
from common.storage import Storage
from receiver.exports import Exports
from receiver.grpc_exports import add_exports
from receiver.http_exports import HttpExports, HttpServer

_log = logging.getLogger(__name__)

_GRACE_SECONDS = 2
_UPKEEP_SECONDS = 2
# Then senders connect again, by chance to another receiver.
_LONGEST_CONNECTION_SECONDS = 300

# The whole server's health follows the storage; a liveness probe must not, or a storage that is
# away for a moment would restart every receiver.
_LIVENESS = "liveness"

type Status = health_pb2.HealthCheckResponse.ServingStatus


class Receiver:
    """Servers for OTLP traces, logs and metrics, and for their own health."""

    def __init__(self, storage: Storage, settings: Settings, host: str = "[::]") -> None:
        self._storage = storage
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # not in the stubs
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", settings.max_request_bytes),
                ("grpc.max_connection_age_ms", _LONGEST_CONNECTION_SECONDS * 1000),
            ]
        )
        exports = Exports(storage)
        add_exports(self._server, exports)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        ports = (settings.receiver_port, settings.receiver_grpc_port)
        self.grpc_ports = [self._server.add_insecure_port(f"{host}:{port}") for port in ports]
        self._http = HttpServer(
            HttpExports(exports, max_request_bytes=settings.max_request_bytes),
            settings.receiver_http_port,
            _GRACE_SECONDS,
        )
        self.http_port = self._http.port

    async def start(self) -> None:
        await self._health.set(_LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self._upkeep()
        await self._server.start()
        await self._http.start()
        self._upkeep_task = asyncio.create_task(self._upkeep_forever())

    async def stop(self) -> None:
        self._upkeep_task.cancel()
        await self._health.enter_graceful_shutdown()
        await asyncio.gather(self._server.stop(_GRACE_SECONDS), self._http.stop())

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
        except Exception:  # noqa: BLE001 - an end of the upkeep would go unnoticed
            _log.exception("the upkeep failed unexpectedly")
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
    receiver = Receiver(storage, settings)
    await receiver.start()
    _log.info("listening on ports %s (gRPC) and %d (HTTP)", receiver.grpc_ports, receiver.http_port)
    await stop.wait()
    await receiver.stop()
    await storage.aclose()
