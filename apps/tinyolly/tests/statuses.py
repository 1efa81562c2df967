"""What gRPC says beside the code of an error."""

from typing import Any

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status


def status_of(error: grpc.aio.AioRpcError) -> Status:
    # The stubs know of a tuple only.
    metadata: Any = error.trailing_metadata()
    return Status.FromString(metadata.get("grpc-status-details-bin", b""))


def retry_seconds(error: grpc.aio.AioRpcError) -> int | None:
    """Return after how many seconds the server asks to send again; None where it does not."""
    return retry_seconds_in(status_of(error))


def retry_seconds_in(status: Status) -> int | None:
    for detail in status.details:
        info = RetryInfo()
        if detail.Unpack(info):
            return int(info.retry_delay.seconds)
    return None
