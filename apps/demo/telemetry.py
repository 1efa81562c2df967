"""Traces, metrics and logs of one service, from the OpenTelemetry SDK in this process."""

import logging
import socket
import threading
import time
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.propagate import extract
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCOPE = "tinyolly.demo"
METRIC_INTERVAL_MILLIS = 10_000
FLUSH_SECONDS = 2.0
# The boundaries that the semantic conventions advise for durations of HTTP requests.
DURATION_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class Telemetry:
    """The providers of one service; none is global, so that two services fit in one process."""

    def __init__(
        self,
        service_name: str,
        spans: SpanProcessor,
        metrics: MetricReader,
        logs: LogRecordProcessor,
    ) -> None:
        resource = Resource.create(
            {"service.name": service_name, "service.instance.id": socket.gethostname()}
        )
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(spans)
        self._meters = MeterProvider([metrics], resource=resource, shutdown_on_exit=False)
        self._loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._loggers.add_log_record_processor(logs)

        self.tracer = self._tracers.get_tracer(SCOPE)
        self.meter = self._meters.get_meter(SCOPE)
        # Not the root logger: the SDK's complaints about a collector must not go to that collector.
        self.logger = logging.getLogger(service_name)
        self.logger.setLevel(logging.INFO)
        self._handler = LoggingHandler(logger_provider=self._loggers)
        self.logger.addHandler(self._handler)

    def shutdown(self) -> None:
        """Send what is left, but do not wait long for a collector that does not answer."""
        self.logger.removeHandler(self._handler)
        deadline = time.monotonic() + FLUSH_SECONDS
        providers: tuple[Callable[[], None], ...] = (
            self._tracers.shutdown,
            self._meters.shutdown,
            self._loggers.shutdown,
        )
        flushes = [threading.Thread(target=shutdown, daemon=True) for shutdown in providers]
        for flush in flushes:
            flush.start()
        for flush in flushes:
            flush.join(max(0.0, deadline - time.monotonic()))


def over_otlp(service_name: str, endpoint: str) -> Telemetry:
    return Telemetry(
        service_name,
        BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)),
        PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=endpoint), export_interval_millis=METRIC_INTERVAL_MILLIS
        ),
        BatchLogRecordProcessor(OTLPLogExporter(endpoint=endpoint)),
    )


class ObservedRequests:
    """ASGI middleware: a span and a duration for each request, a JSON answer to any exception."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry
        self._duration = telemetry.meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDARIES,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Probes come every few seconds and would bury everything else.
        if scope["type"] != "http" or scope["path"] == "/health":
            await self._app(scope, receive, send)
            return

        request = Request(scope)
        status = 500

        async def keep_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        with self._telemetry.tracer.start_as_current_span(
            request.method,
            context=extract(request.headers),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": request.method,
                "url.scheme": request.url.scheme,
                "url.path": request.url.path,
            },
        ) as span:
            try:
                await self._app(scope, receive, keep_status)
            except Exception as error:
                span.record_exception(error)
                self._telemetry.logger.exception("request failed")
                await error_response(500, "internal_error", str(error))(scope, receive, keep_status)

            attributes: dict[str, str | int] = {
                "http.request.method": request.method,
                "http.response.status_code": status,
            }
            if "route" in scope:
                attributes["http.route"] = scope["route"].path
                span.update_name(f"{request.method} {scope['route'].path}")
            if status >= 500:
                attributes["error.type"] = str(status)
                span.set_status(Status(StatusCode.ERROR))
            span.set_attributes(attributes)
            self._duration.record(
                time.perf_counter() - started, attributes | {"url.scheme": request.url.scheme}
            )


def error_response(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
