import httpx
import pytest
from opentelemetry.trace import StatusCode

import backend
from tests.conftest import Recorded

ORDER = {"orderId": "o-1", "items": 2, "total": 19.5}


def client(telemetry: Recorded, chance: float = 0.5) -> httpx.AsyncClient:
    app = backend.create_app(telemetry, chance=lambda: chance)
    return httpx.AsyncClient(base_url="http://backend", transport=httpx.ASGITransport(app=app))


async def test_health_is_not_traced(backend_telemetry: Recorded) -> None:
    response = await client(backend_telemetry).get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert backend_telemetry.spans() == {}


async def test_calculate_adds(backend_telemetry: Recorded) -> None:
    response = await client(backend_telemetry).get("/calculate", params={"a": 2, "b": -5})
    assert (response.status_code, response.json()) == (200, {"result": -3})
    server = backend_telemetry.spans()["GET /calculate"]
    assert dict(server.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/calculate",
        "url.path": "/calculate",
        "url.scheme": "http",
    }
    assert server.status.status_code is StatusCode.UNSET
    assert backend_telemetry.points("http.server.request.duration") == [
        {
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "http.route": "/calculate",
            "url.scheme": "http",
        }
    ]


async def test_processed_order_is_described(backend_telemetry: Recorded) -> None:
    response = await client(backend_telemetry).post("/process", json=ORDER)
    assert (response.status_code, response.json()) == (
        200,
        {"orderId": "o-1", "status": "processed"},
    )
    spans = backend_telemetry.spans()
    assert dict(spans["process order"].attributes or {}) == {
        "order.id": "o-1",
        "order.items": 2,
        "order.total": 19.5,
    }
    assert backend_telemetry.logs() == {
        "order o-1 processed": spans["POST /process"].context.span_id
    }
    assert backend_telemetry.points("demo.orders") == [{"order.status": "processed"}]


async def test_failed_payment_is_an_error_with_its_exception(backend_telemetry: Recorded) -> None:
    response = await client(backend_telemetry, chance=0.0).post("/process", json=ORDER)
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "payment_failed"
    spans = backend_telemetry.spans()
    assert spans["POST /process"].status.status_code is StatusCode.ERROR
    charge = spans["charge payment"]
    assert charge.status.status_code is StatusCode.ERROR
    (event,) = charge.events
    assert event.name == "exception"
    assert (event.attributes or {})["exception.type"] == "backend.PaymentError"
    assert backend_telemetry.points("demo.orders") == [{"order.status": "failed"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/calculate", None, 400, "a and b have to be whole numbers"),
        ("GET", "/calculate?a=1&b=two", None, 400, "a and b have to be whole numbers"),
        ("POST", "/process", b"", 400, "the body is not JSON"),
        ("POST", "/process", b"\xff", 400, "the body is not JSON"),
        ("POST", "/process", b"null", 400, "an order has orderId"),
        (
            "POST",
            "/process",
            b'{"orderId": 1, "items": 1, "total": 1}',
            400,
            "an order has orderId",
        ),
        ("GET", "/process", None, 405, None),
        ("GET", "/nowhere", None, 404, None),
    ],
)
async def test_bad_input_is_refused(
    backend_telemetry: Recorded,
    method: str,
    path: str,
    body: bytes | None,
    status: int,
    message: str | None,
) -> None:
    response = await client(backend_telemetry).request(method, path, content=body)
    assert response.status_code == status
    if message is not None:
        assert response.json()["error"]["message"].startswith(message)
    assert all(
        span.status.status_code is StatusCode.UNSET for span in backend_telemetry.spans().values()
    )
