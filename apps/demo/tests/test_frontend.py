import asyncio
from itertools import pairwise

import httpx
import pytest
from opentelemetry.trace import SpanKind, StatusCode

import backend
import frontend
from settings import Settings
from tests.conftest import Recorded

SETTINGS = Settings("frontend", "demo-frontend", "http://localhost:4343")


def client(telemetry: Recorded, backend_transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    app = frontend.create_app(SETTINGS, telemetry, backend_transport)
    return httpx.AsyncClient(base_url="http://frontend", transport=httpx.ASGITransport(app=app))


def working(telemetry: Recorded, chance: float = 0.5) -> httpx.ASGITransport:
    return httpx.ASGITransport(app=backend.create_app(telemetry, chance=lambda: chance))


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


async def test_pages(frontend_telemetry: Recorded, backend_telemetry: Recorded) -> None:
    visitor = client(frontend_telemetry, working(backend_telemetry))
    assert (await visitor.get("/health")).json() == {"status": "ok"}
    assert (await visitor.get("/")).json()["service"] == "demo-frontend"
    assert (await visitor.get("/hello")).json() == {"message": "Hello from the demo"}
    sum_ = (await visitor.get("/calculate")).json()
    assert sum_["result"] == sum_["a"] + sum_["b"]


async def test_order_is_one_trace(
    frontend_telemetry: Recorded, backend_telemetry: Recorded
) -> None:
    response = await client(frontend_telemetry, working(backend_telemetry)).post("/order")
    order = response.json()
    assert (response.status_code, order["status"]) == (200, "processed")

    spans = frontend_telemetry.spans() | backend_telemetry.spans()
    path = [
        "POST /order",
        "place order",
        "POST",
        "POST /process",
        "process order",
        "charge payment",
    ]
    assert sorted(spans) == sorted(path)
    assert len({span.context.trace_id for span in spans.values()}) == 1
    assert spans[path[0]].parent is None
    for parent, child in pairwise(path):
        span_parent = spans[child].parent
        assert span_parent is not None
        assert span_parent.span_id == spans[parent].context.span_id, child
    assert [spans[name].kind for name in path[:4]] == [
        SpanKind.SERVER,
        SpanKind.INTERNAL,
        SpanKind.CLIENT,
        SpanKind.SERVER,
    ]
    assert dict(spans["POST"].attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": "localhost",
        "server.port": 5001,
        "url.full": "http://localhost:5001/process",
    }
    assert dict(spans["place order"].attributes or {}) == {
        "order.id": order["orderId"],
        "order.items": order["items"],
        "order.total": order["total"],
    }
    assert frontend_telemetry.logs() == {"order placed": spans["place order"].context.span_id}


async def test_incoming_trace_is_continued(
    frontend_telemetry: Recorded, backend_telemetry: Recorded
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    visitor = client(frontend_telemetry, working(backend_telemetry))
    await visitor.get("/hello", headers={"traceparent": parent})
    span = frontend_telemetry.spans()["GET /hello"]
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"


async def test_failed_payment_is_a_bad_gateway(
    frontend_telemetry: Recorded, backend_telemetry: Recorded
) -> None:
    response = await client(frontend_telemetry, working(backend_telemetry, chance=0.0)).get(
        "/order"
    )
    assert response.status_code == 502
    assert "503" in response.json()["error"]["message"]
    spans = frontend_telemetry.spans()
    assert (spans["POST"].attributes or {})["error.type"] == "503"
    for name in ("POST", "place order", "GET /order"):
        assert spans[name].status.status_code is StatusCode.ERROR, name


async def test_unreachable_backend_is_a_bad_gateway(frontend_telemetry: Recorded) -> None:
    visitor = client(frontend_telemetry, httpx.MockTransport(unreachable))
    response = await visitor.get("/calculate")
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "backend_error"
    call = frontend_telemetry.spans()["GET"]
    assert call.status.status_code is StatusCode.ERROR
    assert (call.attributes or {})["error.type"] == "ConnectError"
    assert [event.name for event in call.events] == ["exception"]


async def test_error_is_recorded_and_answered(frontend_telemetry: Recorded) -> None:
    visitor = client(frontend_telemetry, httpx.MockTransport(unreachable))
    response = await visitor.get("/error")
    assert response.status_code == 500
    assert response.json() == {
        "error": {"code": "internal_error", "message": "this path always fails"}
    }
    span = frontend_telemetry.spans()["GET /error"]
    assert span.status.status_code is StatusCode.ERROR
    (event,) = span.events
    assert (event.attributes or {})["exception.type"] == "frontend.DeliberateError"
    assert frontend_telemetry.logs() == {"request failed": span.context.span_id}


@pytest.mark.parametrize("traffic", [True, False])
async def test_traffic_is_made_when_wanted(
    frontend_telemetry: Recorded, backend_telemetry: Recorded, traffic: bool
) -> None:
    settings = Settings(
        "frontend",
        "demo-frontend",
        "http://localhost:4343",
        traffic=traffic,
        traffic_interval_seconds=0.01,
    )
    app = frontend.create_app(settings, frontend_telemetry, working(backend_telemetry))
    async with app.router.lifespan_context(app):
        for _ in range(100):
            await asyncio.sleep(0.02)
            if frontend_telemetry.spans():
                break
    assert bool(frontend_telemetry.spans()) is traffic
