"""OTLP over HTTP: what is taken, what is refused, and how the answer says so."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from compression import zstd
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from common.settings import Settings
from common.storage import Storage
from tests import samples
from tests.otlp_json import to_json

pytestmark = pytest.mark.anyio

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
LIMIT = 100_000
TRACES = samples.traces({"shop": [samples.span(1, 1)]})
BODY = TRACES.SerializeToString()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_request_bytes": LIMIT})


def written(request: Message, headers: dict[str, str]) -> bytes:
    return request.SerializeToString() if headers is PROTOBUF else to_json(request)


def with_a_large_window(body: bytes) -> bytes:
    """Compress with a window of 128 MiB, which a decompressor would allocate."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    return compressor.compress(body) + compressor.flush()


def status_in(response: httpx.Response) -> Status:
    """Return the Status that every refusal has as its body, in the encoding of the request."""
    status = Status()
    if response.headers["Content-Type"] == "application/json":
        json_format.Parse(response.content, status)
    else:
        assert response.headers["Content-Type"] == "application/x-protobuf"
        status.ParseFromString(response.content)
    return status


@pytest.mark.parametrize(
    ("path", "request_", "response"),
    [
        ("/v1/traces", TRACES, ExportTraceServiceResponse()),
        ("/v1/logs", samples.logs({"shop": [samples.log("x")]}), ExportLogsServiceResponse()),
        (
            "/v1/metrics",
            samples.metrics("shop", samples.gauge("m", samples.number(1))),
            ExportMetricsServiceResponse(),
        ),
    ],
)
@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
async def test_each_signal_is_stored_and_answered_in_its_own_encoding(
    http: httpx.AsyncClient,
    storage: Storage,
    path: str,
    request_: Message,
    response: Any,
    headers: dict[str, str],
) -> None:
    answer = await http.post(path, content=written(request_, headers), headers=headers)

    assert answer.status_code == 200
    if headers is JSON:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json() == {}
    else:
        assert answer.headers["Content-Type"] == "application/x-protobuf"
        assert type(response).FromString(answer.content) == response
    stats = await storage.stats()
    assert stats.spans + stats.logs + stats.metrics == 1


@pytest.mark.parametrize(
    "headers", [PROTOBUF, JSON, {"Content-Type": "Application/JSON; charset=utf-8"}]
)
async def test_what_is_rejected_of_a_request_is_reported(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    request = samples.traces({"shop": [samples.span(1, 1), samples.span(1, 0)]})

    answer = await http.post("/v1/traces", content=written(request, headers), headers=headers)

    assert answer.status_code == 200
    response = ExportTraceServiceResponse()
    if headers is PROTOBUF:
        response.ParseFromString(answer.content)
    else:
        json_format.Parse(answer.content, response)
    assert response.partial_success.rejected_spans == 1
    assert "not all of them zero" in response.partial_success.error_message


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstd.compress),
        ("GZIP", gzip.compress),
        ("identity", bytes),
        # Members that follow each other are one body.
        ("gzip", lambda body: gzip.compress(body[:10]) + gzip.compress(body[10:])),
        ("zstd", lambda body: zstd.compress(body[:10]) + zstd.compress(body[10:])),
    ],
)
@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
async def test_a_body_may_be_compressed(
    http: httpx.AsyncClient, storage: Storage, encoding: str, compress: Any, headers: dict[str, str]
) -> None:
    body = compress(written(TRACES, headers))

    answer = await http.post(
        "/v1/traces", content=body, headers=headers | {"Content-Encoding": encoding}
    )

    assert answer.status_code == 200
    assert (await storage.stats()).spans == 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "code", "message"),
    [
        ("POST", "/v1/spans", PROTOBUF, BODY, 404, 5, 'There is no "/v1/spans". Send to'),
        ("GET", "/v1/traces", PROTOBUF, b"", 405, 12, "The method is GET"),
        ("POST", "/v1/traces", {"Content-Type": "text/plain"}, BODY, 415, 3, '"text/plain"'),
        ("POST", "/v1/traces", {}, BODY, 415, 3, 'Content-Type is ""'),
        ("POST", "/v1/traces", {**PROTOBUF, "Content-Encoding": "br"}, BODY, 415, 3, '"br"'),
        ("POST", "/v1/traces", PROTOBUF, b"\xff\xff", 400, 3, "no ExportTraceServiceRequest"),
        ("POST", "/v1/traces", JSON, b"{", 400, 3, "no ExportTraceServiceRequest"),
        ("POST", "/v1/traces", JSON, b"[]", 400, 3, "no ExportTraceServiceRequest"),
        ("POST", "/v1/traces", JSON, b"1", 400, 3, "no ExportTraceServiceRequest"),
        ("POST", "/v1/traces", JSON, b"\xff", 400, 3, "no ExportTraceServiceRequest"),
        ("POST", "/v1/traces", JSON, b"[" * 20_000, 400, 3, "no ExportTraceServiceRequest"),
        ("POST", "/v1/traces", JSON, b'{"resourceSpans": {"a": 1}}', 400, 3, "no Export"),
        ("POST", "/v1/traces", JSON, b'{"resourceSpans": [1]}', 400, 3, "no Export"),
        (
            "POST",
            "/v1/traces",
            JSON,
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}',
            400,
            3,
            'traceId is "xyz", but has to be hexadecimal',
        ),
        ("POST", "/v1/traces", PROTOBUF, b"x" * (LIMIT + 1), 413, 8, "MAX_REQUEST_BYTES"),
        ("POST", "/v1/traces", JSON, b"x" * (LIMIT // 4 + 1), 413, 8, "MAX_REQUEST_BYTES"),
    ],
)
async def test_a_refusal_says_why_in_the_encoding_of_the_request(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    code: int,
    message: str,
) -> None:
    answer = await http.request(method, path, content=body, headers=headers)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == headers.get(
        "Content-Type", "application/json"
    ).replace("text/plain", "application/json")
    assert status_in(answer).code == code
    assert message in status_in(answer).message
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"Content-Type": "text/plain"}, ("Accept", "application/x-protobuf, application/json")),
        ({**PROTOBUF, "Content-Encoding": "br"}, ("Accept-Encoding", "gzip, zstd")),
    ],
)
async def test_a_refusal_of_a_form_says_which_are_taken(
    http: httpx.AsyncClient, headers: dict[str, str], accepted: tuple[str, str]
) -> None:
    answer = await http.post("/v1/traces", content=BODY, headers=headers)

    assert answer.headers[accepted[0]] == accepted[1]
    assert (await http.get("/v1/traces")).headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", BODY),
        ("gzip", gzip.compress(BODY)[:-9]),
        ("gzip", gzip.compress(BODY) + b"garbage"),
        ("zstd", BODY),
        ("zstd", zstd.compress(BODY)[:-3]),
        ("zstd", with_a_large_window(BODY)),
    ],
)
async def test_a_body_that_cannot_be_uncompressed_is_refused(
    http: httpx.AsyncClient, storage: Storage, encoding: str, body: bytes
) -> None:
    headers = PROTOBUF | {"Content-Encoding": encoding}

    answer = await http.post("/v1/traces", content=body, headers=headers)

    assert answer.status_code == 400
    assert "ompressed" in status_in(answer).message
    assert (await storage.stats()).spans == 0


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)]
)
async def test_a_bomb_is_refused_before_it_takes_memory(
    http: httpx.AsyncClient, encoding: str, compress: Any
) -> None:
    bomb = compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < LIMIT
    tracemalloc.start()
    try:
        answer = await http.post(
            "/v1/traces", content=bomb, headers=PROTOBUF | {"Content-Encoding": encoding}
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer.status_code == 413
    assert status_in(answer).code == 8
    assert peak < 10 * LIMIT + 2_000_000


async def test_a_body_of_unknown_length_is_refused_at_the_limit(http: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(20):
            sent += LIMIT // 10
            yield bytes(LIMIT // 10)
            await asyncio.sleep(0)

    answer = await http.post("/v1/traces", content=chunks(), headers=PROTOBUF)

    assert answer.status_code == 413


async def test_an_unexpected_failure_is_a_status_that_tells_nothing(
    http: httpx.AsyncClient, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.spans, "add", lambda _: 1 / 0)

    answer = await http.post("/v1/traces", content=BODY, headers=PROTOBUF)

    assert answer.status_code == 500
    assert status_in(answer) == Status(code=13, message="The request failed unexpectedly.")


async def test_names_of_enumerations_and_unknown_fields_do_no_harm(
    http: httpx.AsyncClient, storage: Storage
) -> None:
    span = {
        "traceId": "0AF7651916CD43DD8448EB211C80319C",
        "spanId": "b7ad6b7169203331",
        "parentSpanId": "",
        "kind": 2,
        "startTimeUnixNano": 1,
        "endTimeUnixNano": "2",
        "later": {"anything": [1]},
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}

    answer = await http.post("/v1/traces", json=body)

    assert answer.status_code == 200
    [stored] = await storage.spans.trace("0af7651916cd43dd8448eb211c80319c")
    assert (stored.kind, stored.duration_ns) == ("SERVER", 1)
