"""Sends one span to the receiver and reads it, and the OpAMP server's status, through the web UI."""

import json
import os
import secrets
import time
import urllib.request

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

DEADLINE = time.monotonic() + 60


def retry(what, attempt):
    """Returns the first result of attempt(); exits when there is none before the deadline."""
    while True:
        try:
            result = attempt()
        except (grpc.RpcError, OSError) as error:
            if time.monotonic() > DEADLINE:
                raise SystemExit(f"{what}: {error}") from None
            time.sleep(1)
        else:
            print(f"{what}: ok", flush=True)
            return result


def get(path):
    with urllib.request.urlopen(os.environ["WEBUI_URL"] + path, timeout=5) as response:
        return json.load(response)


def export(trace_id):
    now = time.time_ns()
    span = {
        "trace_id": trace_id,
        "span_id": secrets.token_bytes(8),
        "name": "helm test",
        "start_time_unix_nano": now - 1_000_000,
        "end_time_unix_nano": now,
    }
    service = {"key": "service.name", "value": {"string_value": "helm-test"}}
    request = ExportTraceServiceRequest(
        resource_spans=[{"resource": {"attributes": [service]}, "scope_spans": [{"spans": [span]}]}]
    )
    with grpc.insecure_channel(os.environ["OTLP_ADDRESS"]) as channel:
        TraceServiceStub(channel).Export(request, timeout=5)


trace_id = secrets.token_bytes(16)
retry("the receiver takes a span", lambda: export(trace_id))
spans = retry("the web UI returns it", lambda: get(f"/api/traces/{trace_id.hex()}"))["spans"]
if [span["name"] for span in spans] != ["helm test"]:
    raise SystemExit(f"the trace has other spans: {spans}")
retry("the OpAMP server answers", lambda: get("/api/opamp/status"))
