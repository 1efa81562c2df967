"""The service that people and the traffic of the demo talk to."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import httpx
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from settings import Settings
from telemetry import ObservedRequests, Telemetry, error_response

BACKEND_TIMEOUT_SECONDS = 5.0
TRAFFIC_WEIGHTS = {"/order": 5, "/calculate": 2, "/hello": 2, "/error": 1}


class BackendError(Exception):
    """The backend did not answer, or answered with an error."""


class DeliberateError(Exception):
    """What /error is for."""


class Backend:
    """Calls the backend, each call in a client span whose context goes along."""

    def __init__(self, client: httpx.AsyncClient, telemetry: Telemetry) -> None:
        self._client = client
        self._tracer = telemetry.tracer

    async def add(self, a: int, b: int) -> dict[str, Any]:
        return await self._call(
            self._client.build_request("GET", "/calculate", params={"a": a, "b": b})
        )

    async def process(self, order: dict[str, Any]) -> dict[str, Any]:
        return await self._call(self._client.build_request("POST", "/process", json=order))

    async def _call(self, request: httpx.Request) -> dict[str, Any]:
        with self._tracer.start_as_current_span(
            request.method,
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": request.method,
                "url.full": str(request.url),
                "server.address": request.url.host,
                "server.port": request.url.port or (443 if request.url.scheme == "https" else 80),
            },
        ) as span:
            inject(request.headers)
            try:
                response = await self._client.send(request)
            except httpx.HTTPError as error:
                span.set_attribute("error.type", type(error).__name__)
                raise BackendError(
                    f"the backend does not answer: {error or type(error).__name__}"
                ) from error
            span.set_attribute("http.response.status_code", response.status_code)
            if response.is_error:
                span.set_attribute("error.type", str(response.status_code))
                raise BackendError(f"the backend answered {response.status_code}: {response.text}")
            return cast(dict[str, Any], response.json())


def create_app(
    settings: Settings, telemetry: Telemetry, transport: httpx.AsyncBaseTransport | None = None
) -> Starlette:
    client = httpx.AsyncClient(
        base_url=settings.backend_url, timeout=BACKEND_TIMEOUT_SECONDS, transport=transport
    )
    backend = Backend(client, telemetry)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def index(_: Request) -> Response:
        return JSONResponse({"service": settings.service_name, "paths": list(TRAFFIC_WEIGHTS)})

    async def hello(_: Request) -> Response:
        telemetry.logger.info("said hello")
        return JSONResponse({"message": "Hello from the demo"})

    async def calculate(_: Request) -> Response:
        a, b = random.randint(1, 100), random.randint(1, 100)
        sum_ = await backend.add(a, b)
        telemetry.logger.info("the backend says %d + %d = %d", a, b, sum_["result"])
        return JSONResponse({"a": a, "b": b, "result": sum_["result"]})

    async def order(_: Request) -> Response:
        items = random.randint(1, 5)
        order: dict[str, str | int | float] = {
            "orderId": str(uuid.uuid4()),
            "items": items,
            "total": round(items * random.uniform(5, 50), 2),
        }
        with telemetry.tracer.start_as_current_span("place order") as span:
            span.set_attributes(
                {"order.id": order["orderId"], "order.items": items, "order.total": order["total"]}
            )
            answer = await backend.process(order)
            telemetry.logger.info("order placed", extra={"order.id": order["orderId"]})
        return JSONResponse({**order, "status": answer["status"]})

    async def error(_: Request) -> Response:
        raise DeliberateError("this path always fails")

    async def bad_gateway(_: Request, error: Exception) -> Response:
        telemetry.logger.error("%s", error)
        return error_response(502, "backend_error", str(error))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with client:
            if not settings.traffic:
                yield
                return
            traffic = asyncio.create_task(make_traffic(app, settings.traffic_interval_seconds))
            yield
            traffic.cancel()
            with suppress(asyncio.CancelledError):
                await traffic

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/", index),
            Route("/hello", hello),
            Route("/calculate", calculate),
            Route("/order", order, methods=["GET", "POST"]),
            Route("/error", error),
        ],
        middleware=[Middleware(ObservedRequests, telemetry=telemetry)],
        exception_handlers={BackendError: bad_gateway},
        lifespan=lifespan,
    )


async def make_traffic(app: Starlette, interval_seconds: float) -> None:
    """Visit random paths for as long as the frontend runs."""
    paths, weights = list(TRAFFIC_WEIGHTS), list(TRAFFIC_WEIGHTS.values())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(base_url="http://demo-frontend", transport=transport) as visitor:
        while True:
            await asyncio.sleep(interval_seconds * random.uniform(0.5, 1.5))
            await visitor.get(random.choices(paths, weights)[0])
