"""Why a request is not taken, in the terms of both transports of OTLP."""

from collections.abc import Mapping
from http import HTTPStatus

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

_HTTP_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.CONTENT_TOO_LARGE,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Refusal(Exception):  # noqa: N818 - a request is refused, which is no error of ours
    """An answer other than success.

    Senders drop what is refused, except where `retry_seconds` asks them to send it again.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        http_status: HTTPStatus | None = None,
        http_headers: Mapping[str, str] | None = None,
        retry_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = (
            http_status or _HTTP_STATUSES.get(code) or HTTPStatus.INTERNAL_SERVER_ERROR
        )
        self.http_headers = http_headers or {}
        self.retry_seconds = retry_seconds

    @classmethod
    def invalid(cls, message: str) -> Refusal:
        return cls(grpc.StatusCode.INVALID_ARGUMENT, message)

    @classmethod
    def too_large(cls, limit: int) -> Refusal:
        return cls(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"The request has more than {limit} bytes uncompressed. Send smaller batches, or raise "
            "MAX_REQUEST_BYTES of the receiver, of which JSON may have a quarter.",
        )

    @classmethod
    def unavailable(cls, message: str, retry_seconds: int) -> Refusal:
        return cls(grpc.StatusCode.UNAVAILABLE, message, retry_seconds=retry_seconds)

    @classmethod
    def internal(cls) -> Refusal:
        return cls(grpc.StatusCode.INTERNAL, "The request failed unexpectedly.")

    @classmethod
    def too_slow(cls) -> Refusal:
        return cls(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "The request did not arrive in time.",
            http_status=HTTPStatus.REQUEST_TIMEOUT,
            http_headers={"Connection": "close"},
        )

    @classmethod
    def unknown_path(cls, path: str, known: list[str]) -> Refusal:
        return cls(
            grpc.StatusCode.NOT_FOUND,
            f'There is no "{path}". Send to {", ".join(known)}.',
            http_status=HTTPStatus.NOT_FOUND,
        )

    @classmethod
    def wrong_method(cls, method: str) -> Refusal:
        return cls(
            grpc.StatusCode.UNIMPLEMENTED,
            f"The method is {method}, but has to be POST.",
            http_status=HTTPStatus.METHOD_NOT_ALLOWED,
            http_headers={"Allow": "POST"},
        )

    @classmethod
    def unsupported(cls, header: str, given: str, known: list[str]) -> Refusal:
        accept = {"Content-Type": "Accept", "Content-Encoding": "Accept-Encoding"}[header]
        return cls(
            grpc.StatusCode.INVALID_ARGUMENT,
            f'{header} is "{given}", but has to be {" or ".join(known)}.',
            http_status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            http_headers={accept: ", ".join(known)},
        )

    def status(self) -> Status:
        status = Status(code=self.code.value[0], message=self.message)
        if self.retry_seconds is not None:
            info = RetryInfo(retry_delay=Duration(seconds=self.retry_seconds))
            status.details.add().Pack(info)
        return status
