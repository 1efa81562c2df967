import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from redis import RedisError
from starlette.exceptions import HTTPException

from models import ErrorBody, ErrorDetail

_log = logging.getLogger(__name__)


def error_response(status: HTTPStatus, message: str) -> JSONResponse:
    """Return the one shape that all errors have; the code is the status's name."""
    body = ErrorBody(error=ErrorDetail(code=status.name.lower(), message=message))
    return JSONResponse(body.model_dump(), status)


def add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return error_response(HTTPStatus(error.status_code), error.detail)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
        message = "; ".join(f"{issue['loc'][-1]}: {issue['msg']}" for issue in error.errors())
        return error_response(HTTPStatus.BAD_REQUEST, message)

    @app.exception_handler(RedisError)
    async def storage_error(_: Request, error: RedisError) -> JSONResponse:
        _log.warning("storage is unavailable: %s", error)
        return error_response(HTTPStatus.SERVICE_UNAVAILABLE, "The storage does not answer.")

    @app.exception_handler(Exception)
    async def internal_error(_: Request, __: Exception) -> JSONResponse:
        return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, "The request failed unexpectedly.")
