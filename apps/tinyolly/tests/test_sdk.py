"""What the official SDK for Python sends with nothing set but the endpoint."""

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from receiver.server import Receiver

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_all_signals_arrive(
    protocol: str, receiver: Receiver, api: httpx.AsyncClient
) -> None:
    port = receiver.grpc_ports[1] if protocol == "grpc" else receiver.http_port
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.sdk", protocol),
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await process.communicate()

    assert (process.returncode, stderr) == (0, b"")
    [summary] = (await api.get("/api/traces")).json()["traces"]
    [span] = (await api.get(f"/api/traces/{summary['traceId']}")).json()["spans"]
    assert (span["name"], span["attributes"]) == ("order", {"items": 3})
    assert (span["scope"]["name"], span["scope"]["version"]) == ("shop", "1.2")
    assert span["resource"]["telemetry.sdk.language"] == "python"
    [record] = (await api.get("/api/logs", params={"traceId": summary["traceId"]})).json()["logs"]
    assert (record["body"], record["eventName"]) == ("placed", "order.placed")
    assert record["spanId"] == span["spanId"]
    orders = (await api.get("/api/metrics/series", params={"name": "orders"})).json()
    assert (orders["type"], orders["temporality"], orders["monotonic"]) == (
        "sum",
        "CUMULATIVE",
        True,
    )
    [series] = orders["series"]
    assert (series["attributes"], series["points"][0]["value"]) == ({"kind": "web"}, 2)
    assert int(series["points"][0]["startTimeUnixNano"]) > 0
    seconds = (await api.get("/api/metrics/series", params={"name": "seconds"})).json()
    [exemplar] = seconds["series"][0]["points"][0]["exemplars"]
    assert (exemplar["traceId"], exemplar["value"]) == (summary["traceId"], 0.2)
