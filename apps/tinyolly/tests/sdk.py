"""A program that sends all signals by the official SDK: `python -m tests.sdk grpc`, or `http`.

It sets nothing itself; where to send, the SDK reads in OTEL_EXPORTER_OTLP_ENDPOINT.
"""

import logging
import sys
from importlib import import_module

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def main(protocol: str) -> None:
    package = f"opentelemetry.exporter.otlp.proto.{protocol}"
    span_exporter = import_module(f"{package}.trace_exporter").OTLPSpanExporter()
    log_exporter = import_module(f"{package}._log_exporter").OTLPLogExporter()
    metric_exporter = import_module(f"{package}.metric_exporter").OTLPMetricExporter()

    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(span_exporter))
    loggers = LoggerProvider()
    loggers.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
    meters = MeterProvider([PeriodicExportingMetricReader(metric_exporter)])

    with tracers.get_tracer("shop", "1.2").start_as_current_span("order") as span:
        span.set_attribute("items", 3)
        loggers.get_logger("shop").emit(
            LogRecord(
                body="placed",
                severity_number=SeverityNumber.INFO,
                event_name="order.placed",
            )
        )
        meters.get_meter("shop").create_counter("orders", "1").add(2, {"kind": "web"})
        meters.get_meter("shop").create_histogram("seconds", "s").record(0.2)
    for provider in (tracers, loggers, meters):
        provider.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main(sys.argv[1])
