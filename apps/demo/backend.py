"""The service behind the frontend: it adds numbers and processes orders."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telemetry import ObservedRequests, Telemetry, error_response

PAYMENT_FAILURE_RATE = 0.1


class InvalidRequestError(Exception):
    """The caller sent something that cannot be worked on."""


class PaymentError(Exception):
    """The payment provider of this demo fails now and then, so that there are errors to look at."""


@dataclass(frozen=True)
class Order:
    id: str
    items: int
    total: float

    @classmethod
    def from_json(cls, body: object) -> Order:
        match body:
            case {"orderId": str(order_id), "items": int(items), "total": int() | float() as total}:
                return cls(order_id, items, float(total))
        raise InvalidRequestError(
            "an order has orderId (text), items (whole number) and total (number)"
        )


def create_app(telemetry: Telemetry, chance: Callable[[], float] = random.random) -> Starlette:
    processed = telemetry.meter.create_counter(
        "demo.orders", unit="{order}", description="Orders that were processed, by outcome."
    )

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def calculate(request: Request) -> Response:
        try:
            a, b = int(request.query_params["a"]), int(request.query_params["b"])
        except (KeyError, ValueError) as error:
            raise InvalidRequestError("a and b have to be whole numbers") from error
        with telemetry.tracer.start_as_current_span("add numbers"):
            await asyncio.sleep(0.01 + 0.04 * chance())
            result = a + b
        telemetry.logger.info("calculated %d + %d = %d", a, b, result)
        return JSONResponse({"result": result})

    async def process(request: Request) -> Response:
        try:
            order = Order.from_json(await request.json())
        except ValueError as error:
            raise InvalidRequestError("the body is not JSON") from error
        try:
            with telemetry.tracer.start_as_current_span("process order") as span:
                span.set_attributes(
                    {"order.id": order.id, "order.items": order.items, "order.total": order.total}
                )
                await charge(order)
        except PaymentError as error:
            processed.add(1, {"order.status": "failed"})
            telemetry.logger.error(
                "order %s failed: %s", order.id, error, extra={"order.id": order.id}
            )
            return error_response(503, "payment_failed", str(error))
        processed.add(1, {"order.status": "processed"})
        telemetry.logger.info("order %s processed", order.id, extra={"order.id": order.id})
        return JSONResponse({"orderId": order.id, "status": "processed"})

    async def charge(order: Order) -> None:
        with telemetry.tracer.start_as_current_span("charge payment") as span:
            span.set_attribute("order.total", order.total)
            await asyncio.sleep(0.01 + 0.04 * chance())
            if chance() < PAYMENT_FAILURE_RATE:
                raise PaymentError("the payment provider does not answer")

    async def invalid_request(_: Request, error: Exception) -> Response:
        telemetry.logger.warning("request refused: %s", error)
        return error_response(400, "invalid_request", str(error))

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/calculate", calculate),
            Route("/process", process, methods=["POST"]),
        ],
        middleware=[Middleware(ObservedRequests, telemetry=telemetry)],
        exception_handlers={InvalidRequestError: invalid_request},
    )
